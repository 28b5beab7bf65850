/*-------------------------------------------------------------------------
 *
 * stdout_stream.h
 *	  Standard output: much data, past stdio, and stdio itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_STDOUT_STREAM_H
#define NEX_STDOUT_STREAM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Write all of it.  A reader that stands still does not keep an interrupt from
 * being obeyed.  False with errno, or with errno 0 after an interrupt.
 */
extern bool stdout_stream_write(const char *data, size_t length);

/*
 * Make stdio write to standard output by calls that are repeated where the
 * kernel asks for it (EINTR, and EAGAIN where another program has made it
 * non-blocking): stdio gives up, and loses what it had.  Call it first.
 */
extern void stdout_stream_begin(void);

/* The errno value of the first write of stdio that failed; 0: none did. */
extern int stdout_stream_error(void);

#endif /* NEX_STDOUT_STREAM_H */
