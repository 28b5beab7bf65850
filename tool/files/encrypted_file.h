/*-------------------------------------------------------------------------
 *
 * encrypted_file.h
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
#ifndef NEX_ENCRYPTED_FILE_H
#define NEX_ENCRYPTED_FILE_H

#include <stdbool.h>

#include "age.h"
#include "buffer.h"

typedef enum EncryptedForm
{
	ENCRYPTED_WHOLE,  /* encrypted as a whole */
	ENCRYPTED_YAML,   /* secrets encrypted in place */
	ENCRYPTED_DOTENV, /* the same */
	ENCRYPTED_FORMS
} EncryptedForm;

typedef struct EncryptedFile
{
	EncryptedForm form;
	Buffer readable;    /* secrets encrypted in place; empty for ENCRYPTED_WHOLE */
	Buffer whole;       /* the file by age; empty if `readable` gives it back */
	const char *reason; /* why a YAML or .env file is encrypted as a whole; else NULL */
	int nsecrets;       /* values encrypted in place */
} EncryptedFile;

/* What a file of this name is taken for. */
extern EncryptedForm encrypted_form_of_path(const char *path);
extern const char *encrypted_form_name(EncryptedForm form);
extern bool encrypted_form_by_name(const char *name, EncryptedForm *form);

/*
 * Encrypt a file; its name decides what it is.  words: as in sensitive_keys_init().
 * False (reported) only if the cryptographic library refuses.
 */
extern bool encrypted_file_make(EncryptedFile *encrypted, const char *path, const char *text,
								size_t length, const AgeRecipients *recipients,
								const char *const *words, int nwords);
extern void encrypted_file_free(EncryptedFile *encrypted);

/*
 * Append the file to `out`, all or nothing.  Gives NULL, or what is wrong (a
 * static message to be put behind the file's name); *no_identity tells
 * a missing key from damage.
 */
extern const char *encrypted_file_open(EncryptedForm form, const Buffer *readable,
									   const Buffer *whole, const AgeIdentities *identities,
									   Buffer *out, bool *no_identity);

#endif /* NEX_ENCRYPTED_FILE_H */
