/*-------------------------------------------------------------------------
 *
 * long_sql.h
 *	  SQL of a backup that is more than a server takes as one message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LONG_SQL_H
#define NEX_LONG_SQL_H

#include <stdbool.h>
#include <stddef.h>

#include "connection.h"

/*
 * A server takes messages of less than a gigabyte, and ends the session when
 * one has more.  Room is left for what comes with the text.
 */
#define LONGEST_MESSAGE ((size_t) 0x3fffffff - 4096)

/* Is it more than may be sent?  *said is what is wrong with it then; caller frees. */
extern bool long_sql_refused(const char *sql, char **said);

/* Behind the statements that fit into `limit` bytes, at least one. */
extern const char *long_sql_end(const char *sql, size_t limit);

/* Run commands as one message; false without a report, so that it can be tried again. */
extern bool long_sql_try(Connection *connection, const char *sql);

/*
 * Run a member of a backup: as one message, hence one transaction; if it is
 * too long for that, as few as it can be.  False (reported) on failure.
 */
extern bool long_sql_run(Connection *connection, const char *sql);

/* What is written, in a file of SQL, in place of such a statement: a comment; caller frees. */
extern char *long_sql_note(const char *sql);

#endif /* NEX_LONG_SQL_H */
