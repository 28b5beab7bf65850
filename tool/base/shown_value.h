/*-------------------------------------------------------------------------
 *
 * shown_value.h
 *	  A value that was refused, as a message may show it.
 *
 * Messages reach logs, mails and the catalog.  A URL that is refused because a
 * password is in it must not be the way on which others learn it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SHOWN_VALUE_H
#define NEX_SHOWN_VALUE_H

/*
 * With "***" for what can be a secret: the user of a URL, or of what looks like
 * one without its beginning, and all behind "?" or "#".  Caller frees.
 */
extern char *shown_value(const char *text);

#endif /* NEX_SHOWN_VALUE_H */
