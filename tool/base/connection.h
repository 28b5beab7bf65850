/*-------------------------------------------------------------------------
 *
 * connection.h
 *	  Connections to PostgreSQL: opened from the settings, pinned so that the
 *	  text they give does not depend on role or database settings, and
 *	  cancelled when work must stop.
 *
 * A Connection belongs to one thread at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONNECTION_H
#define NEX_CONNECTION_H

#include <stdbool.h>
#include <libpq-fe.h>

#include "settings.h"

typedef struct Connection
{
	PGconn *pg;
	PGcancel *cancel;
	int cancellation; /* handle in interrupt.c */
	bool lost;		  /* the server closed it */
} Connection;

/*
 * Where and how to connect.  Built from -d/-h/-p/-U, the environment and
 * libpq's defaults; `dbname` may be a conninfo string or URI, as in psql.
 * A password that was given in a conninfo, by PGPASSWORD or at a prompt is
 * kept here and handed to child programs in a private passfile, never in
 * argv or their environment.
 */
typedef struct ConnectionTarget ConnectionTarget;

/* database NULL: the one of the settings.  NULL (error reported) on bad input. */
extern ConnectionTarget *target_create(const Settings *settings, const char *database);
extern ConnectionTarget *target_with_database(const ConnectionTarget *target, const char *database);
extern const char *target_database(const ConnectionTarget *target);
extern void target_free(ConnectionTarget *target);

/*
 * A conninfo string without any secret, for a child's argv (`-d …`).  If the
 * target has a password, `passfile` is created (0600, in directory) and named
 * in the string.  Caller frees.
 */
extern char *target_conninfo_for_child(const ConnectionTarget *target, const char *directory);

/*
 * Connect and pin the session: application_name, search_path = '', DateStyle
 * ISO, IntervalStyle postgres, TimeZone UTC, extra_float_digits 3,
 * bytea_output hex, synchronize_seqscans off, row_security off, all four
 * timeouts 0, client_encoding = the database's own, and
 * restrict_nonsystem_relation_kind where the server has it.  NULL (error
 * reported, with a hint) when it cannot.
 */
extern Connection *connection_open(const ConnectionTarget *target);

/* The same without an error report: for what may be absent (the catalogue).  *message is to be freed. */
extern Connection *connection_try(const ConnectionTarget *target, char **message);
extern void connection_close(Connection *connection);

/* Run a command; false (error reported) unless it succeeds. */
extern bool connection_command(Connection *connection, const char *sql);

/* printf-style command; identifiers must be quoted by the caller (quote.h). */
extern bool connection_commandf(Connection *connection, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Run a query with text parameters; NULL (error reported) unless it gives rows.  PQclear the result. */
extern PGresult *connection_query(Connection *connection, const char *sql, int nparams,
								  const char *const *params);

/* Report the error of a result (or of the connection, if result is NULL), with its DETAIL and HINT. */
extern bool connection_report(Connection *connection, const PGresult *result, const char *what);

/* Server version as PQserverVersion gives it. */
extern int connection_version(const Connection *connection);

#endif /* NEX_CONNECTION_H */
