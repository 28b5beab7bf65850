/*-------------------------------------------------------------------------
 *
 * available_memory.h
 *	  How much memory a program that we start can have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AVAILABLE_MEMORY_H
#define NEX_AVAILABLE_MEMORY_H

#include <stdint.h>

/* In bytes; UINT64_MAX if it is not known. */
extern uint64_t available_memory(void);

/* The same of the text of /proc/meminfo alone. */
extern uint64_t available_memory_in(const char *meminfo);

#endif /* NEX_AVAILABLE_MEMORY_H */
