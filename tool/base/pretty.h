/*-------------------------------------------------------------------------
 *
 * pretty.h
 *	  Numbers for people.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PRETTY_H
#define NEX_PRETTY_H

#include <stdint.h>

/* "1.4 GB", "832 kB": 1024-based with PostgreSQL's unit names (kB, MB, GB).  Static per-thread ring
 * of buffers. */
extern const char *pretty_bytes(uint64_t bytes);

/* "1,234,567" */
extern const char *pretty_count(uint64_t count);

/* "1 table", "1,234 tables" */
extern const char *pretty_number_of(uint64_t count, const char *noun);

/* "3.2 s", "2 min 5 s", "1 h 3 min" */
extern const char *pretty_duration(double seconds);

#endif /* NEX_PRETTY_H */
