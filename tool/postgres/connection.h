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

#include <stdatomic.h>
#include <stdbool.h>
#include <libpq-fe.h>

#include "sql_build.h"
#include "target.h"

typedef struct Connection
{
	PGconn *pg;
	struct CancelRequest *cancel;
	char *role;          /* that the session acts as, by SET ROLE or a setting; "none" */
	char *child_options; /* what a child program needs to have the settings of this session */
	int patience;        /* seconds that each answer may take; 0: any number of them */
	int turn_timeout;    /* seconds that code of others may take (owner_turn.h); 0: any number */
	struct Connection *warden; /* that ends this session if such code does not; or NULL */
	int cancellation;          /* handle in interrupt.c */
	int waits_as;              /* process on the server that lock_waits.h knows; 0: none */
	int socket;                /* a second descriptor of the session's socket; -1: none */
	atomic_bool cut;           /* connection_cut() */
	char *last_word; /* FATAL message with which the server ended an idle session; or NULL */
	char last_state[6];
	struct KeptPlans *plans; /* kept_plans.h; NULL: what is asked is planned each time */
} Connection;

/*
 * Connect and pin the session: application_name, search_path = '', DateStyle
 * ISO, IntervalStyle postgres, TimeZone UTC, extra_float_digits 3,
 * bytea_output hex, synchronize_seqscans off, row_security off, all four
 * timeouts 0, nothing else that only the database has set (session_pins.c), transactions read
 * committed and not read-only, no role that only the database has set, client_encoding = the
 * database's own, and restrict_nonsystem_relation_kind where the server has it.  Asks for a
 * password once if the server wants one and the target may ask (which is why
 * the target is not const).  NULL (error reported, with a hint) when it
 * cannot.
 */
extern Connection *connection_open(ConnectionTarget *target);

/*
 * The same without an error report: for what may be absent (the catalog).
 * *message is to be freed.  With the target's patience, nothing that is asked
 * in this session takes longer than that, whatever the server does, and after
 * a stop only some seconds; the hosts of the target are tried one by one.
 */
extern Connection *connection_try(ConnectionTarget *target, char **message);

/* Why it could not: somebody has a lock, or does not answer, so that another attempt would wait
 * again. */
extern bool connection_was_kept_waiting(const char *message);

/* What may help against it; static text. */
extern const char *connection_refused_hint(const char *message);

/* connection_open.c: */
/* Report what connection_try() said. */
extern void connection_report_refused(ConnectionTarget *target, const char *message);

extern void connection_close(Connection *connection);

/*
 * From now on this session, and others of this target, wait for a lock no
 * longer than so many seconds (0: any number), notice within some seconds that
 * this program was killed, and are known to lock_waits.h.
 */
extern bool connection_bound_lock_waits(Connection *connection, ConnectionTarget *target,
										int seconds);

/* As the target says, after something else may have been set. */
extern bool connection_set_lock_timeout(Connection *connection, const ConnectionTarget *target);

/* What helps if a connection was refused because there are too many; NULL: that is not why. */
extern const char *connection_limit_hint(const char *message);

/* From any thread: whoever waits for the server finds the connection closed. */
extern void connection_cut(Connection *connection);

/* It cleans up after a stop, so it is cut later than others (interrupt.h). */
extern void connection_spare(Connection *connection);

/*
 * What is run is a constant of the source, as SQL("..."), or a SqlText
 * (sql_build.h); a string is a compile error.
 */
#ifdef __cppcheck__ /* it does not know _Generic */
#define SQL_CONSTANT_OF(sql) sql_constant_of_text((const SqlText *) (sql))
#else
#define SQL_CONSTANT_OF(sql)                                                                       \
	_Generic((sql), SqlConstant                                                                    \
			 : sql_constant_of_constant, SqlText *                                                 \
			 : sql_constant_of_text, const SqlText *                                               \
			 : sql_constant_of_text SQL_OLD_STRINGS)(sql)
#endif

/* What has not been converted yet passes a string. */
#ifdef NEX_SQL_STRICT
#define SQL_OLD_STRINGS
#else
#define SQL_OLD_STRINGS , char * : sql_constant_of_string, const char * : sql_constant_of_string
#endif

static inline SqlConstant
sql_constant_of_constant(SqlConstant sql)
{
	return sql;
}

static inline SqlConstant
sql_constant_of_text(const SqlText *sql)
{
	return (SqlConstant){sql_string(sql)};
}

static inline SqlConstant
sql_constant_of_string(const char *sql)
{
	return (SqlConstant){sql};
}

/*
 * Run one or more commands, none of them COPY: the last result, or the first
 * that is an error; NULL if nothing could be sent.  PQclear it.
 */
#define connection_exec(connection, sql) connection_run_exec(connection, SQL_CONSTANT_OF(sql))
extern PGresult *connection_run_exec(Connection *connection, SqlConstant sql);

/* The same with text parameters. */
#define connection_ask(connection, sql, nparams, params)                                           \
	connection_run_ask(connection, SQL_CONSTANT_OF(sql), nparams, params)
extern PGresult *connection_run_ask(Connection *connection, SqlConstant sql, int nparams,
									const char *const *params);

/* Send commands, whose results are to be taken with PQgetResult(); false if that failed. */
#define connection_send(connection, sql) connection_run_send(connection, SQL_CONSTANT_OF(sql))
extern bool connection_run_send(Connection *connection, SqlConstant sql);

/* Run a command; false (error reported) unless it succeeds. */
#define connection_command(connection, sql) connection_run_command(connection, SQL_CONSTANT_OF(sql))
extern bool connection_run_command(Connection *connection, SqlConstant sql);

#ifndef NEX_SQL_STRICT
/* printf-style command; identifiers must be quoted by the caller (quote.h). */
extern bool connection_commandf(Connection *connection, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
#endif

/* Is the text in the first column of a row? */
extern bool result_has(const PGresult *result, const char *text);

/* Run a query with text parameters; NULL (error reported) unless it gives rows.  PQclear the
 * result. */
#define connection_query(connection, sql, nparams, params)                                         \
	connection_run_query(connection, SQL_CONSTANT_OF(sql), nparams, params)
extern PGresult *connection_run_query(Connection *connection, SqlConstant sql, int nparams,
									  const char *const *params);

/*
 * Report the error of a result (or of the connection, if result is NULL),
 * with the server's DETAIL and HINT.  `what` is a primary line such as
 * "could not lock the tables"; always returns false.
 */
extern bool connection_report(Connection *connection, const PGresult *result, const char *what);

/* What libpq has to say about the last failure. */
extern const char *connection_message(const Connection *connection);

/* The same with a HINT of ours in place of the server's. */
extern bool connection_report_hint(Connection *connection, const PGresult *result, const char *what,
								   const char *hint);

/* Server version as PQserverVersion gives it. */
extern int connection_version(const Connection *connection);

/* Does the server run on this machine, for all that can be known: reached by a unix socket? */
extern bool connection_is_local(const Connection *connection);

#endif /* NEX_CONNECTION_H */
