/*-------------------------------------------------------------------------
 *
 * fuzz.h
 *	  What every fuzz target has: one function that takes any bytes.
 *
 * A target does more than survive: where something was accepted, it states
 * what must be true of it, and aborts if it is not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FUZZ_H
#define NEX_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Like assert(), whatever NDEBUG says. */
#define MUST(condition)                                                                            \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

#endif /* NEX_FUZZ_H */
