/*-------------------------------------------------------------------------
 *
 * connection.h
 *	  Connections to PostgreSQL: pinned so that the text they give does not
 *	  depend on role or database settings, and cancelled when work must stop.
 *
 * A Connection belongs to one thread at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONNECTION_H
#define NEX_CONNECTION_H

#include <stdbool.h>
#include <libpq-fe.h>

#include "target.h"

typedef struct Connection
{
	PGconn *pg;
	PGcancel *cancel;
	int cancellation; /* handle in interrupt.c */
	char *last_word;  /* FATAL message with which the server ended an idle session; or NULL */
	char last_state[6];
} Connection;

/*
 * Connect and pin the session: application_name, search_path = '', DateStyle
 * ISO, IntervalStyle postgres, TimeZone UTC, extra_float_digits 3,
 * bytea_output hex, synchronize_seqscans off, row_security off, all four
 * timeouts 0, client_encoding = the database's own, and
 * restrict_nonsystem_relation_kind where the server has it.  Asks for a
 * password once if the server wants one and the target may ask (which is why
 * the target is not const).  NULL (error reported, with a hint) when it
 * cannot.
 */
extern Connection *connection_open(ConnectionTarget *target);

/* The same without an error report: for what may be absent (the catalogue).  *message is to be
 * freed. */
extern Connection *connection_try(ConnectionTarget *target, char **message);
extern void connection_close(Connection *connection);

/*
 * Run one or more commands, none of them COPY: the last result, or the first
 * that is an error; NULL if nothing could be sent.  PQclear it.
 */
extern PGresult *connection_exec(Connection *connection, const char *sql);

/* Run a command; false (error reported) unless it succeeds. */
extern bool connection_command(Connection *connection, const char *sql);

/* printf-style command; identifiers must be quoted by the caller (quote.h). */
extern bool connection_commandf(Connection *connection, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Run a query with text parameters; NULL (error reported) unless it gives rows.  PQclear the
 * result. */
extern PGresult *connection_query(Connection *connection, const char *sql, int nparams,
								  const char *const *params);

/*
 * Report the error of a result (or of the connection, if result is NULL),
 * with the server's DETAIL and HINT.  `what` is a primary line such as
 * "could not lock the tables"; always returns false.
 */
extern bool connection_report(Connection *connection, const PGresult *result, const char *what);

/* The same with a HINT of ours in place of the server's. */
extern bool connection_report_hint(Connection *connection, const PGresult *result, const char *what,
								   const char *hint);

/* Server version as PQserverVersion gives it. */
extern int connection_version(const Connection *connection);

/* Does the server run on this machine, for all that can be known: reached by a unix socket? */
extern bool connection_is_local(const Connection *connection);

#endif /* NEX_CONNECTION_H */
