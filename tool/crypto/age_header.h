/*-------------------------------------------------------------------------
 *
 * age_header.h
 *	  The header of an age file: the file key, wrapped for each recipient,
 *	  and a MAC over all of it under the file key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGE_HEADER_H
#define NEX_AGE_HEADER_H

#include "age_keys.h"
#include "age_result.h"
#include "buffer.h"

#define AGE_FILE_KEY_BYTES 16

/* A header that is longer is refused; it has room for hundreds of recipients. */
#define AGE_MAX_HEADER (256 * 1024)

extern AgeResult age_header_write(const AgeRecipients *recipients,
								  const uint8_t file_key[AGE_FILE_KEY_BYTES], Buffer *header);

/*
 * Find the end of the header in the first bytes of a file.  False while more
 * bytes are needed; else *header_length, or 0 if this cannot be a header.
 */
extern bool age_header_end(const char *data, size_t length, size_t *header_length);

/* Parse exactly one header and unwrap its file key. */
extern AgeResult age_header_open(const char *header, size_t length, const AgeIdentities *identities,
								 uint8_t file_key[AGE_FILE_KEY_BYTES]);

#endif /* NEX_AGE_HEADER_H */
