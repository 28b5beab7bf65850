/*-------------------------------------------------------------------------
 *
 * stream.c
 *	  The STREAM construction.
 *
 * The opener tries a full segment as one of many first and as the last one
 * then, and only after that must the text end.  Looking ahead for the end
 * instead would hand out less than other implementations do of a text that
 * somebody has added bytes to, and the published test vectors say how much.
 *
 *-------------------------------------------------------------------------
 */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

/* What both directions have. */
typedef struct Segments
{
	Aead *aead;
	StreamSink sink;
	void *argument;
	uint8_t prefix[STREAM_PREFIX_BYTES];
	uint32_t counter;
	bool exhausted; /* no counter is left */
	bool finished;  /* the last segment is done */
	StreamResult result;
	size_t limit;       /* bytes of the current segment when full … */
	size_t other_limit; /* … and of those that follow the first */
	size_t filled;      /* bytes in `input` */
	uint8_t *input;
	uint8_t *output;
	size_t capacity; /* of both */
} Segments;

struct StreamEncryptor
{
	Segments segments;
};

struct StreamOpener
{
	Segments segments;
};

/* `extra`: bytes by which the input of a segment is longer than its plain text. */
static bool
segments_init(Segments *segments, const StreamParameters *parameters, bool seal, size_t extra,
			  StreamSink sink, void *argument)
{
	segments->aead = aead_create(parameters->algorithm, parameters->key, seal);
	segments->sink = sink;
	segments->argument = argument;
	memcpy(segments->prefix, parameters->prefix, STREAM_PREFIX_BYTES);
	segments->limit = parameters->first_segment + extra;
	segments->other_limit = parameters->segment + extra;
	segments->capacity = parameters->segment + AEAD_TAG_BYTES;
	segments->input = malloc(segments->capacity);
	segments->output = malloc(segments->capacity);
	return segments->aead != NULL && segments->input != NULL && segments->output != NULL;
}

static void
segments_free(Segments *segments)
{
	aead_free(segments->aead);
	secret_free(segments->input, segments->capacity);
	secret_free(segments->output, segments->capacity);
}

static void
make_nonce(const Segments *segments, bool last, uint8_t nonce[AEAD_NONCE_BYTES])
{
	uint32_t counter = segments->counter;

	memcpy(nonce, segments->prefix, STREAM_PREFIX_BYTES);
	nonce[7] = (uint8_t) (counter >> 24);
	nonce[8] = (uint8_t) (counter >> 16);
	nonce[9] = (uint8_t) (counter >> 8);
	nonce[10] = (uint8_t) counter;
	nonce[11] = last ? 1 : 0;
}

/* On to the next segment. */
static void
advance(Segments *segments, bool last)
{
	segments->finished = last;
	segments->limit = segments->other_limit;
	if (segments->counter == UINT32_MAX)
		segments->exhausted = true;
	else
		segments->counter++;
}

static StreamResult
hand_out(Segments *segments, size_t length)
{
	if (length > 0 && !segments->sink(segments->argument, segments->output, length))
		segments->result = STREAM_SINK_FAILED;
	return segments->result;
}

StreamEncryptor *
stream_encryptor_create(const StreamParameters *parameters, StreamSink sink, void *argument)
{
	StreamEncryptor *encryptor = calloc(1, sizeof(StreamEncryptor));

	if (encryptor != NULL &&
		segments_init(&encryptor->segments, parameters, true, 0, sink, argument))
		return encryptor;
	stream_encryptor_free(encryptor);
	return NULL;
}

void
stream_encryptor_free(StreamEncryptor *encryptor)
{
	if (encryptor == NULL)
		return;
	segments_free(&encryptor->segments);
	free(encryptor);
}

static StreamResult
seal_segment(Segments *segments, const void *plain, size_t length, bool last)
{
	uint8_t nonce[AEAD_NONCE_BYTES];

	make_nonce(segments, last, nonce);
	if (segments->exhausted || !aead_seal(segments->aead, nonce, plain, length, segments->output))
		return segments->result = STREAM_UNABLE;
	advance(segments, last);
	return hand_out(segments, length + AEAD_TAG_BYTES);
}

StreamResult
stream_encryptor_write(StreamEncryptor *encryptor, const void *data, size_t length)
{
	Segments *segments = &encryptor->segments;
	const uint8_t *bytes = data;

	/* A full segment is kept until it is known not to be the last one. */
	while (length > 0 && segments->result == STREAM_OK)
	{
		size_t n = segments->limit - segments->filled;

		if (n == 0)
		{
			size_t full = segments->filled;

			segments->filled = 0;
			seal_segment(segments, segments->input, full, false);
			continue;
		}
		if (segments->filled == 0 && length > n)
			seal_segment(segments, bytes, n, false);
		else
		{
			n = length < n ? length : n;
			memcpy(segments->input + segments->filled, bytes, n);
			segments->filled += n;
		}
		bytes += n;
		length -= n;
	}
	return segments->result;
}

StreamResult
stream_encryptor_finish(StreamEncryptor *encryptor)
{
	Segments *segments = &encryptor->segments;

	if (segments->result != STREAM_OK || segments->finished)
		return segments->result;
	return seal_segment(segments, segments->input, segments->filled, true);
}

StreamOpener *
stream_opener_create(const StreamParameters *parameters, StreamSink sink, void *argument)
{
	StreamOpener *opener = calloc(1, sizeof(StreamOpener));

	if (opener != NULL &&
		segments_init(&opener->segments, parameters, false, AEAD_TAG_BYTES, sink, argument))
		return opener;
	stream_opener_free(opener);
	return NULL;
}

void
stream_opener_free(StreamOpener *opener)
{
	if (opener == NULL)
		return;
	segments_free(&opener->segments);
	free(opener);
}

static StreamResult
open_segment(Segments *segments, const void *sealed, size_t length, bool may_continue)
{
	uint8_t nonce[AEAD_NONCE_BYTES];
	bool last = false;
	bool good = false;

	if (segments->exhausted)
		return segments->result = STREAM_UNABLE;
	if (may_continue)
	{
		make_nonce(segments, false, nonce);
		good = aead_open(segments->aead, nonce, sealed, length, segments->output);
	}
	if (!good)
	{
		last = true;
		make_nonce(segments, true, nonce);
		good = aead_open(segments->aead, nonce, sealed, length, segments->output);
	}
	/* A last segment may be empty only if there is no other. */
	if (!good || (length == AEAD_TAG_BYTES && segments->counter > 0))
		return segments->result = STREAM_DAMAGED;
	advance(segments, last);
	return hand_out(segments, length - AEAD_TAG_BYTES);
}

StreamResult
stream_opener_write(StreamOpener *opener, const void *data, size_t length)
{
	Segments *segments = &opener->segments;
	const uint8_t *bytes = data;

	while (length > 0 && segments->result == STREAM_OK)
	{
		size_t limit = segments->limit;
		size_t n = limit - segments->filled;

		if (segments->finished)
			return segments->result = STREAM_DAMAGED;
		if (segments->filled == 0 && length >= n)
			open_segment(segments, bytes, n, true);
		else
		{
			n = length < n ? length : n;
			memcpy(segments->input + segments->filled, bytes, n);
			segments->filled += n;
			if (segments->filled == limit)
			{
				segments->filled = 0;
				open_segment(segments, segments->input, limit, true);
			}
		}
		bytes += n;
		length -= n;
	}
	return segments->result;
}

StreamResult
stream_opener_finish(StreamOpener *opener)
{
	Segments *segments = &opener->segments;
	size_t length = segments->filled;

	if (segments->result != STREAM_OK || segments->finished)
		return segments->result;
	segments->filled = 0;
	if (length < AEAD_TAG_BYTES)
		return segments->result = STREAM_DAMAGED;
	return open_segment(segments, segments->input, length, false);
}
