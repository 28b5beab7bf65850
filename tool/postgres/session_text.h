/*-------------------------------------------------------------------------
 *
 * session_text.h
 *	  Are bytes of a shared catalog text?
 *
 * Names of roles, databases and tablespaces, their comments, labels and settings are
 * stored as the bytes that a session of any database sent, in that database's
 * encoding.  The server hands them to sessions of other databases as they
 * are, and takes them from nobody there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SESSION_TEXT_H
#define NEX_SESSION_TEXT_H

#include <stdbool.h>

#include "connection.h"

/* In the encoding of this session?  Of others than UTF-8 any bytes are taken for it. */
extern bool session_text_is(const Connection *connection, const char *bytes);

/* The same of a text without end, in UTF-8. */
extern bool session_text_is_utf8(const char *bytes, const char *end);

#endif /* NEX_SESSION_TEXT_H */
