/*-------------------------------------------------------------------------
 *
 * ask.h
 *	  Questions on the terminal.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ASK_H
#define NEX_ASK_H

#include <stdbool.h>

/* Wait for an answer; true for "y" or "yes", false also when Ctrl-C came instead. */
extern bool ask_yes(void);

#endif /* NEX_ASK_H */
