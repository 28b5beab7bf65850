/*-------------------------------------------------------------------------
 *
 * terminal.h
 *	  Asking for a secret on the terminal.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TERMINAL_H
#define NEX_TERMINAL_H

#include <stdbool.h>

/* Ask without echo; NULL if there is no terminal, or work must stop.  The caller cleanses it. */
extern char *terminal_ask_secret(const char *prompt);

/* Was that done, so that another process could not get what was typed? */
extern bool terminal_has_asked(void);

#endif /* NEX_TERMINAL_H */
