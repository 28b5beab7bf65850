/*-------------------------------------------------------------------------
 *
 * buffer.h
 *	  A growable byte buffer.
 *
 * Not PQExpBuffer, because common/ must not need libpq and because a frame
 * may be larger than PQExpBuffer's int lengths; not StringInfo, which stops
 * at 1 GB.  Out of memory ends the program: the tool has nothing better to
 * do, and the server module does not use this file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUFFER_H
#define NEX_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

typedef struct Buffer
{
	char *data;    /* NUL-terminated whenever written through this interface */
	size_t length; /* bytes in use, without the final NUL */
	size_t capacity;
} Buffer;

/* What is to be done before the program ends because there is no memory. */
typedef void (*LastAct)(void);

extern void out_of_memory_act(LastAct act);

/* End the program because there is no memory. */
extern void out_of_memory(void) __attribute__((noreturn));

extern void buffer_init(Buffer *buffer);
extern void buffer_free(Buffer *buffer);
extern void buffer_reset(Buffer *buffer);

/* Make room for `more` bytes behind the current length. */
extern void buffer_reserve(Buffer *buffer, size_t more);
extern void buffer_append(Buffer *buffer, const void *data, size_t length);
extern void buffer_append_string(Buffer *buffer, const char *string);
extern void buffer_append_char(Buffer *buffer, char c);
extern void buffer_printf(Buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Take the string out of the buffer; the caller frees it. */
extern char *buffer_detach(Buffer *buffer);

#endif /* NEX_BUFFER_H */
