/*-------------------------------------------------------------------------
 *
 * sealed_file.h
 *	  A configuration file as it is kept in a repository.
 *
 * A YAML or .env file is kept readable, its secrets encrypted in place (see
 * sops_yaml.h); every other file, and one of those that cannot be treated so
 * without doubt, is encrypted as a whole.  Where the readable form does not
 * give every byte back (a secret in a block of its own lines, say), the whole file is
 * kept beside it: a restore is exact, always.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SEALED_FILE_H
#define NEX_SEALED_FILE_H

#include <stdbool.h>

#include "age.h"
#include "buffer.h"

typedef enum SealedForm
{
	SEALED_WHOLE,  /* encrypted as a whole */
	SEALED_YAML,   /* secrets encrypted in place */
	SEALED_DOTENV, /* the same */
	SEALED_FORMS
} SealedForm;

typedef struct SealedFile
{
	SealedForm form;
	Buffer readable;    /* secrets encrypted in place; empty for SEALED_WHOLE */
	Buffer whole;       /* the file by age; empty if `readable` gives it back */
	const char *reason; /* why a YAML or .env file is encrypted as a whole; else NULL */
	int nsecrets;       /* values encrypted in place */
} SealedFile;

/* What a file of this name is taken for. */
extern SealedForm sealed_form_of_path(const char *path);
extern const char *sealed_form_name(SealedForm form);
extern bool sealed_form_by_name(const char *name, SealedForm *form);

/*
 * Seal a file; its name decides what it is.  words: as in sensitive_keys_init().
 * False (reported) only if the cryptographic library refuses.
 */
extern bool sealed_file_make(SealedFile *sealed, const char *path, const char *text, size_t length,
							 const AgeRecipients *recipients, const char *const *words, int nwords);
extern void sealed_file_free(SealedFile *sealed);

/*
 * Append the file to `out`, all or nothing.  Gives NULL, or what is wrong (a
 * static message to be put behind the file's name); *no_identity tells
 * a missing key from damage.
 */
extern const char *sealed_file_open(SealedForm form, const Buffer *readable, const Buffer *whole,
									const AgeIdentities *identities, Buffer *out,
									bool *no_identity);

#endif /* NEX_SEALED_FILE_H */
