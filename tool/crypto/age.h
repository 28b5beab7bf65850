/*-------------------------------------------------------------------------
 *
 * age.h
 *	  Encryption in the format age-encryption.org/v1, as the stock program
 *	  "age" reads and writes it.
 *
 * Bytes go in by pieces of any length, and results go to a sink: only what is
 * authentic, in order.  Not everything, though: the text is whole only when
 * age_decryption_finish() says AGE_OK.  Whoever must not act on a part of it
 * takes age_decrypt(), which gives all or nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGE_H
#define NEX_AGE_H

#include "age_keys.h"
#include "age_result.h"
#include "buffer.h"
#include "stream.h"

/* What to put behind a file's name in a message: "was not encrypted for …". */
extern const char *age_result_text(AgeResult result);

typedef struct AgeEncryption AgeEncryption;

/* The header goes to the sink at once.  NULL, with *result, on failure. */
extern AgeEncryption *age_encryption_start(const AgeRecipients *recipients, StreamSink sink,
										   void *argument, AgeResult *result);
extern AgeResult age_encryption_write(AgeEncryption *encryption, const void *data, size_t length);
extern AgeResult age_encryption_finish(AgeEncryption *encryption);
extern void age_encryption_free(AgeEncryption *encryption);

typedef struct AgeDecryption AgeDecryption;

/* The identities must live as long. */
extern AgeDecryption *age_decryption_start(const AgeIdentities *identities, StreamSink sink,
										   void *argument);
extern AgeResult age_decryption_write(AgeDecryption *decryption, const void *data, size_t length);
extern AgeResult age_decryption_finish(AgeDecryption *decryption);
extern void age_decryption_free(AgeDecryption *decryption);

/*
 * Whole texts, appended to `out`.  A failed decryption leaves nothing in it;
 * a caller who keeps secrets in it cleanses it.
 */
extern AgeResult age_encrypt(const AgeRecipients *recipients, const void *data, size_t length,
							 Buffer *out);
extern AgeResult age_decrypt(const AgeIdentities *identities, const void *data, size_t length,
							 Buffer *out);

#endif /* NEX_AGE_H */
