/*-------------------------------------------------------------------------
 *
 * time_writers.h
 *	  The binary forms of dates and times.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TIME_WRITERS_H
#define NEX_TIME_WRITERS_H

#include <stddef.h>

/* Each is a ValueWriter; see value_writer.h. */
extern char *value_write_date(char *out, const char *text, size_t length);
extern char *value_write_time(char *out, const char *text, size_t length);
extern char *value_write_timestamp(char *out, const char *text, size_t length);
extern char *value_write_timestamptz(char *out, const char *text, size_t length);

#endif /* NEX_TIME_WRITERS_H */
