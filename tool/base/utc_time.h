/*-------------------------------------------------------------------------
 *
 * utc_time.h
 *	  Times as text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_UTC_TIME_H
#define NEX_UTC_TIME_H

#include <stdbool.h>
#include <time.h>

/* Clocks that differ by more than these seconds are worth a warning. */
#define CLOCK_TOLERANCE 60

/* Now as "2026-11-23T02:00:00.000Z"; caller frees. */
extern char *utc_now(void);

/* Now as "2026-11-23T02:00:00.000000Z", which tells apart what begins in one millisecond. */
#define UTC_EXACT_SIZE 32
extern void utc_now_exact(char text[UTC_EXACT_SIZE]);

/* Such a time without the fraction, for people to read; the text is changed. */
extern void utc_cut_fraction(char *text);

/*
 * Read a time that a person wrote: "2026-11-23", "2026-11-23 02:00",
 * "2026-11-23T02:00:00.5Z", "2026-11-23 02:00:00+01".  Without an offset it
 * is UTC; a date alone is its first moment.  False if it is none.
 */
extern bool utc_time_parse(const char *text, double *seconds);

/* "2026-11-23 02:00:00 UTC" */
#define UTC_TIME_SIZE 40
extern void utc_time_text(double seconds, char text[UTC_TIME_SIZE]);

/* Seconds since 1970 of a UTC time as manifests write it; -1 if it is none. */
extern double utc_time_read(const char *text);

/* "2026-11-23T02:00:00Z" */
extern void utc_time_write(time_t when, char text[32]);

#endif /* NEX_UTC_TIME_H */
