/*-------------------------------------------------------------------------
 *
 * stream.h
 *	  The STREAM construction: a long text sealed in segments, each with a
 *	  nonce that says its position and whether it is the last one.  So no
 *	  segment can be changed, moved, dropped or added unseen, and what comes
 *	  out of the opener is authentic at any time.
 *
 * age (nonce: 11 bytes of counter, flag) and Tink's AES-GCM-HKDF streaming
 * (7 bytes of prefix, 4 of counter, flag) differ in the prefix alone, as long
 * as a text has fewer than 2^32 segments; a longer one is refused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_STREAM_H
#define NEX_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "primitives.h"

#define STREAM_PREFIX_BYTES 7
#define STREAM_SEGMENT_BYTES 65536 /* of plain text in age, of sealed text in Tink's format */

/* Takes what comes out; false stops everything. */
typedef bool (*StreamSink)(void *argument, const void *data, size_t length);

typedef enum StreamResult
{
	STREAM_OK,
	STREAM_DAMAGED,     /* not authentic, or cut off */
	STREAM_SINK_FAILED, /* the sink said no */
	STREAM_UNABLE       /* OpenSSL refuses, or the text is too long */
} StreamResult;

typedef struct StreamParameters
{
	AeadAlgorithm algorithm;
	uint8_t key[KEY_BYTES];
	uint8_t prefix[STREAM_PREFIX_BYTES];
	size_t first_segment; /* bytes of plain text in the first segment … */
	size_t segment;       /* … and in the others; at least as many */
} StreamParameters;

typedef struct StreamEncryptor StreamEncryptor;

/* NULL when OpenSSL refuses. */
extern StreamEncryptor *stream_encryptor_create(const StreamParameters *parameters, StreamSink sink,
												void *argument);
extern StreamResult stream_encryptor_write(StreamEncryptor *encryptor, const void *data,
										   size_t length);
extern StreamResult stream_encryptor_finish(StreamEncryptor *encryptor);
extern void stream_encryptor_free(StreamEncryptor *encryptor);

typedef struct StreamOpener StreamOpener;

extern StreamOpener *stream_opener_create(const StreamParameters *parameters, StreamSink sink,
										  void *argument);
extern StreamResult stream_opener_write(StreamOpener *opener, const void *data, size_t length);

/* The text ends here; without this call a text that was cut off goes unnoticed. */
extern StreamResult stream_opener_finish(StreamOpener *opener);
extern void stream_opener_free(StreamOpener *opener);

#endif /* NEX_STREAM_H */
