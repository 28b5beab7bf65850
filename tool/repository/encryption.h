/*-------------------------------------------------------------------------
 *
 * encryption.h
 *	  What makes a repository an encrypted one: cipher, recipients or a
 *	  secret, and the signer whose word counts (docs/security.md says why each is needed).
 *
 * Three things protect against a repository that somebody else can write to:
 * nex_backup.json and every manifest are signed; a signer is pinned, on the
 * writer's host by its own key, for readers by --signer or the identity file;
 * and the writer remembers what lies at a location, so that nothing plain or
 * foreign can take its place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ENCRYPTION_H
#define NEX_ENCRYPTION_H

#include <jansson.h>

#include "encryption_state.h"

/* What a signature is for, so that none can be used for something else. */
#define SIGNED_REPOSITORY "nex_backup/1 repository"
#define SIGNED_MANIFEST "nex_backup/1 manifest"
#define SIGNED_SERVER "nex_backup/1 server"

/* Takes over the recipients. */
extern Encryption *encryption_create(Cipher cipher, AgeRecipients *recipients);
extern void encryption_free(Encryption *encryption);

/* To be called whenever the recipients have changed; not for a secret. */
extern bool encryption_identify_recipients(Encryption *encryption);

/*
 * Take from nex_backup.json, whose seal was checked, what it says of
 * encryption, and see that nothing was downgraded, replaced or rolled back.
 * False (reported, exit 3) if so.
 */
extern bool encryption_read(Repository *repository, const json_t *root, const Buffer *file);

/*
 * The same where that file is lost, by one manifest, whose signer must be known
 * from elsewhere.  False (reported) if it is not.
 */
extern bool encryption_without_header(Repository *repository, Cipher cipher, const char *recipients,
									  const Buffer *manifest);

/*
 * Is the nex_backup.json of another place, whose seal was checked, one that the writer of this
 * repository wrote?  NULL if so, else what it is.  *serial: the number of its keys, 0 if plain.
 */
extern const char *encryption_compare(const Repository *repository, const json_t *root,
									  const Buffer *file, int64_t *serial);

/* Append the keys of nex_backup.json that belong here, and the signature. */
extern bool encryption_write(const Repository *repository, Buffer *json);

/* Append a signature to a JSON document that is about to be sealed. */
extern bool encryption_sign(const Encryption *encryption, const char *purpose, Buffer *json);

/* Check that of a sealed document.  NULL when good, else what is wrong. */
extern const char *encryption_check(const Encryption *encryption, const char *purpose,
									const char *json, size_t length);

/* May this run write?  False (reported) in an encrypted repository without its keys. */
extern bool encryption_can_write(const Repository *repository);

/* Say once if signatures are checked against nothing but the repository itself. */
extern void encryption_warn_untrusted(const Repository *repository);

/* CIPHER_NONE for a plain one. */
extern Cipher repository_cipher(const Repository *repository);

#endif /* NEX_ENCRYPTION_H */
