/*-------------------------------------------------------------------------
 *
 * encryption_state.h
 *	  Cipher, keys and signer of a repository that is open.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ENCRYPTION_STATE_H
#define NEX_ENCRYPTION_STATE_H

#include "cipher.h"
#include "repository_state.h"
#include "writer_key.h"

typedef struct Encryption
{
	Cipher cipher;
	KeyWrapping wrapping;
	int log_n;                /* of scrypt, for a passphrase */
	AgeRecipients recipients; /* or the secret, if it was given (repository_secret.h) */
	DigestHex recipients_id;  /* of all recipients, or check of the secret: another one means
							   * other keys */
	uint8_t signer[KEY_BYTES];
	int64_t serial;       /* grows with each change of nex_backup.json */
	int64_t known_serial; /* the highest that this host has seen; above serial: an old file */
	bool half_changed; /* such a change was not finished on this host: its number was not remembered
						*/
	bool trusted;      /* the signer is pinned */
	bool has_writer_key;
	WriterKey writer_key;
} Encryption;

#endif /* NEX_ENCRYPTION_STATE_H */
