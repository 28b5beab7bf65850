/*-------------------------------------------------------------------------
 *
 * sops_metadata.h
 *	  What SOPS keeps in a file besides the values: the wrapped data key,
 *	  which keys are encrypted, when, and the MAC.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SOPS_METADATA_H
#define NEX_SOPS_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "sops_value.h"

/* The data key, encrypted to one age recipient. */
typedef struct SopsWrap
{
	char *recipient; /* age1… */
	char *armored;   /* an age file in ASCII armor */
} SopsWrap;

typedef struct SopsMetadata
{
	SopsWrap *wraps;
	int nwraps;
	char *regex;         /* encrypted_regex */
	char *last_modified; /* 2026-11-23T02:00:00Z: the MAC is bound to it */
	char *mac;           /* an encrypted value */
	char *mac_rule;      /* mac_only_encrypted */
	char *version;
} SopsMetadata;

/* What the openers say when no wrap could be opened. */
#define SOPS_NO_IDENTITY "no identity opens it"

/* Gives the data key from the wraps; false (not reported) if it cannot. */
typedef bool (*SopsUnwrap)(void *argument, const SopsMetadata *metadata,
						   uint8_t key[SOPS_KEY_BYTES]);

extern void sops_metadata_add_wrap(SopsMetadata *metadata, const char *recipient,
								   const char *armored);
extern void sops_metadata_free(SopsMetadata *metadata);

/* Date it now and encrypt the MAC with the data key. */
extern bool sops_metadata_finish(SopsMetadata *metadata, SopsMac *mac,
								 const uint8_t key[SOPS_KEY_BYTES]);

/* Is this MAC the one that was encrypted? */
extern bool sops_metadata_check(const SopsMetadata *metadata, SopsMac *mac,
								const uint8_t key[SOPS_KEY_BYTES]);

/* As the block that ends a YAML file, or the lines that end a .env file. */
extern void sops_metadata_write_yaml(const SopsMetadata *metadata, Buffer *out);
extern void sops_metadata_write_dotenv(const SopsMetadata *metadata, Buffer *out);

/*
 * Take one field as the writers name it: "age:recipient" in YAML,
 * "age__list_0__map_recipient" in .env.  False for a name that they do not
 * write, or one that comes twice.
 */
extern bool sops_metadata_set(SopsMetadata *metadata, const char *name, const char *value);

/* Everything that a reader needs is there. */
extern bool sops_metadata_complete(const SopsMetadata *metadata);

#endif /* NEX_SOPS_METADATA_H */
