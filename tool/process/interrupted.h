/*-------------------------------------------------------------------------
 *
 * interrupted.h
 *	  Did a signal come that ends the program?
 *
 * Apart from interrupt.h, as the log asks: an error that comes of a signal is none.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_INTERRUPTED_H
#define NEX_INTERRUPTED_H

#include <stdbool.h>

/* True once a signal came. */
extern bool interrupted(void);

/* One has come; true if another one had before. */
extern bool interrupted_now(void);

#endif /* NEX_INTERRUPTED_H */
