/*-------------------------------------------------------------------------
 *
 * repository_secret.h
 *	  The one secret of a repository that is not encrypted for recipients: a
 *	  key file, or a passphrase.
 *
 * Whoever has it can read and encrypt; to publish, the writer key is needed
 * as well.  nex_backup.json holds a check of the secret, so that a wrong one
 * is found before anything is written with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REPOSITORY_SECRET_H
#define NEX_REPOSITORY_SECRET_H

#include "encryption_state.h"

/* "key-file", as nex_backup.json has it; NULL for recipients. */
extern const char *key_wrapping_name(KeyWrapping wrapping);
extern bool key_wrapping_by_name(const char *name, KeyWrapping *wrapping);

/*
 * For a new nex_backup.json: take the secret from the keyring, and compute its
 * check.  The repository must have its id.  False (reported) if there is none.
 */
extern bool repository_secret_begin(const Repository *repository, Encryption *encryption);

/*
 * For one that was read: if the keyring has a secret, see that it is the right
 * one, and hold it ready.  False (reported, exit 1) if it is another one.
 */
extern bool repository_secret_open(const Repository *repository, Encryption *encryption);

/* Is the secret needed, and missing? */
extern bool repository_secret_missing(const Encryption *encryption);

/* How to give it. */
extern const char *repository_secret_hint(const Encryption *encryption);

/* "no key file was given"; for recipients "no identity was given". */
extern const char *repository_secret_lack(const Encryption *encryption);

#endif /* NEX_REPOSITORY_SECRET_H */
