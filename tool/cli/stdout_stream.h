/*-------------------------------------------------------------------------
 *
 * stdout_stream.h
 *	  Much data to standard output, past stdio.
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

#endif /* NEX_STDOUT_STREAM_H */
