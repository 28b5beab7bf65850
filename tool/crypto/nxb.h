/*-------------------------------------------------------------------------
 *
 * nxb.h
 *	  Encryption with AES-256-GCM, for those who must use that cipher: a text
 *	  header as in age, and a payload in the streaming format of Google Tink
 *	  (AES-GCM-HKDF).  docs/format.md, section 12, specifies it.
 *
 * AES-GCM does not commit to its key: one text can be made to open under two.
 * The MAC over the header, under a key derived from the data key, does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NXB_H
#define NEX_NXB_H

#include "age.h"

/*
 * Whole texts, appended to `out`, with the results of age: keys are the same,
 * and key files (AGE_KEY_FILE) and keys that scrypt made of a passphrase
 * (AGE_PASSPHRASE_KEY) can be used, too: of the same passphrase, salt and work
 * factor all files have the same such key, so that scrypt, which is slow on
 * purpose, need not run for each of them.  A failed decryption leaves nothing
 * behind.
 */
extern AgeResult nxb_encrypt(const AgeRecipients *recipients, const void *data, size_t length,
							 Buffer *out);
extern AgeResult nxb_decrypt(const AgeIdentities *identities, const void *data, size_t length,
							 Buffer *out);

#endif /* NEX_NXB_H */
