/*-------------------------------------------------------------------------
 *
 * utility.h
 *	  What every session says of itself before a utility statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_UTILITY_H
#define NEX_UTILITY_H

/* While shared_preload_libraries is processed. */
extern void utility_register(void);

#endif /* NEX_UTILITY_H */
