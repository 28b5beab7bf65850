/*-------------------------------------------------------------------------
 *
 * seal_append.h
 *	  Writing sealed JSON (seal.h); for the tool only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SEAL_APPEND_H
#define NEX_SEAL_APPEND_H

#include <stdbool.h>

#include "buffer.h"

/*
 * Add the seal to a JSON object whose last byte is that of its last value
 * (no closing brace yet).  False if OpenSSL refuses.
 */
extern bool seal_append(Buffer *json);

#endif /* NEX_SEAL_APPEND_H */
