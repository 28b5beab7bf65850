/*-------------------------------------------------------------------------
 *
 * cipher.h
 *	  How the objects of a repository are encrypted, by name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CIPHER_H
#define NEX_CIPHER_H

#include "age.h"

typedef enum Cipher
{
	CIPHER_NONE,
	CIPHER_AGE,
	CIPHER_AES_256_GCM
} Cipher;

extern const char *cipher_name(Cipher cipher);   /* "age" */
extern const char *cipher_suffix(Cipher cipher); /* ".age", behind the suffix of the codec */
extern bool cipher_by_name(const char *name, Cipher *cipher);

/* Whole texts, appended to `out`; opening gives all or nothing. */
extern AgeResult cipher_encrypt(Cipher cipher, const AgeRecipients *recipients, const void *data,
								size_t length, Buffer *out);
extern AgeResult cipher_open(Cipher cipher, const AgeIdentities *identities, const void *data,
							 size_t length, Buffer *out);

#endif /* NEX_CIPHER_H */
