/*-------------------------------------------------------------------------
 *
 * terminal.h
 *	  Asking for a secret on the terminal.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TERMINAL_H
#define NEX_TERMINAL_H

/* Ask without echo; NULL if there is no terminal, or work must stop.  The caller cleanses it. */
extern char *terminal_ask_secret(const char *prompt);

#endif /* NEX_TERMINAL_H */
