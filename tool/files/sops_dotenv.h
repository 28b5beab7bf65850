/*-------------------------------------------------------------------------
 *
 * sops_dotenv.h
 *	  The secrets of a .env file encrypted in place, and back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SOPS_DOTENV_H
#define NEX_SOPS_DOTENV_H

#include "buffer.h"
#include "sensitive.h"
#include "sops_metadata.h"

/*
 * Write the file with its secrets encrypted into `out`.  `metadata` comes
 * with the wraps, and is completed.  `keys` may learn names.  Gives NULL, or
 * why this file cannot be treated so (a static message); `out` then holds
 * nothing.  *nvalues: how many values were encrypted.  Without a key the
 * values are masked, and there are no metadata.
 */
extern const char *sops_dotenv_encrypt(const char *text, size_t length, SensitiveKeys *keys,
									   const uint8_t *key, SopsMetadata *metadata, Buffer *out,
									   int *nvalues);

/*
 * The way back: every value and the MAC are checked before `out` gets
 * anything.  Gives NULL, or what is wrong (a static message).
 */
extern const char *sops_dotenv_open(const char *text, size_t length, SopsUnwrap unwrap,
									void *argument, Buffer *out);

#endif /* NEX_SOPS_DOTENV_H */
