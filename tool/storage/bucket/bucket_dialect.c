/*-------------------------------------------------------------------------
 *
 * bucket_dialect.c
 *	  A request as it is sent.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_dialect.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

void
wire_init(WireRequest *wire)
{
	memset(wire, 0, sizeof(*wire));
	buffer_init(&wire->target);
}

/* Some headers are secrets, and so may the target be. */
void
wire_free(WireRequest *wire)
{
	size_t i;

	for (i = 0; i < wire->header_count; i++)
		secret_text_free((char *) wire->headers[i].value);
	if (wire->target.data != NULL)
		explicit_bzero(wire->target.data, wire->target.length);
	buffer_free(&wire->target);
	free(wire->origin);
	memset(wire, 0, sizeof(*wire));
}

void
wire_add(WireRequest *wire, const char *name, const char *value)
{
	if (wire->header_count == WIRE_HEADERS)
		abort();
	wire->headers[wire->header_count++] = (HttpPair){name, xstrdup(value)};
}

void
wire_add_all(WireRequest *wire, const BucketRequest *request)
{
	size_t i;

	for (i = 0; i < request->header_count; i++)
		wire_add(wire, request->headers[i].name, request->headers[i].value);
}
