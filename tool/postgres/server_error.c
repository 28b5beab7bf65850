/*-------------------------------------------------------------------------
 *
 * server_error.c
 *	  Which of the server's words may quote values.
 *
 * The server does not say so.  But an SQLSTATE tells what an error is about:
 * of data (class 22), of what code raises (P0, and classes that PostgreSQL does
 * not use), and of syntax the first line holds the value or the text itself; of
 * constraints (23) it names the constraint, and the detail holds the row.
 * Wherever there is a context, the words come from a row that was being copied
 * or from code that ran, which may say anything under any SQLSTATE.
 *
 *-------------------------------------------------------------------------
 */
#include "server_error.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "withheld.h"

/* Classes whose first line speaks of objects, locks, resources and the server itself. */
static const char *const plain_classes[] = {"08", "0A", "23", "25", "26", "28", "2B",
											"34", "3D", "3F", "40", "42", "53", "54",
											"55", "57", "58", "F0", "XX", NULL};

/* Of these: syntax_error, invalid_name. */
static const char *const quoting_states[] = {"42601", "42602", NULL};

#define GLOBALS_HINT                                                                               \
	"Roles and tablespaces are not part of a database backup: \"nex_backup globals restore\" "     \
	"brings them, if the globals were backed up."

/* The context in which a query of ours was computed by several processes says nothing. */
#define PARALLEL_CONTEXT "parallel worker"

/* What helps, by SQLSTATE; the third is what the server must have said, if that matters. */
static const char *const state_hints[][3] = {
	{"55P03",
	 "Find the session that holds the lock in pg_locks and pg_stat_activity, or raise "
	 "--lock-wait-timeout.",
	 ""},
	/* We only read, in one snapshot: no other conflict than one with recovery is possible. */
	{"40001",
	 "A standby could not replay WAL any longer without removing rows or taking a lock "
	 "that this snapshot needs, and a lost snapshot cannot be taken up again. Set "
	 "hot_standby_feedback = on on the standby, or raise max_standby_streaming_delay and "
	 "max_standby_archive_delay, and run the backup again.",
	 ""},
	{"42704", GLOBALS_HINT, "role \""},
	{"42704", GLOBALS_HINT, "tablespace \""},
	{"23505",
	 "Another restore, or somebody else, has created or renamed a database of this name in the "
	 "same moment.  Run the restore again.",
	 "duplicate key value violates unique constraint \"pg_database_datname_index\""},
	{"25006",
	 "The server is a standby, a load balancer led to one, or default_transaction_read_only is "
	 "set there. Name the primary with -h, or with target_session_attrs=read-write in the "
	 "connection string.",
	 ""},
	{"22021",
	 "If this is the name of a database or role in another encoding: connect to a database "
	 "of encoding SQL_ASCII (-d), or choose another name (--to).",
	 ""},
	{"57P01",
	 "An administrator, or the end of the server, has terminated a session of this "
	 "program; the server's log says more.",
	 ""},
};

const char *
server_error_state_hint(const char *state, const char *primary)
{
	size_t i;

	for (i = 0; state != NULL && i < sizeof(state_hints) / sizeof(state_hints[0]); i++)
	{
		const char *words = state_hints[i][2];

		if (strcmp(state, state_hints[i][0]) == 0 &&
			strncmp(primary != NULL ? primary : "", words, strlen(words)) == 0)
			return state_hints[i][1];
	}
	return NULL;
}

static bool
begins_with_any(const char *state, const char *const *beginnings)
{
	int i;

	for (i = 0; beginnings[i] != NULL; i++)
	{
		if (strncmp(state, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	}
	return false;
}

/* May the first line, and the hint, hold a value? */
static bool
quotes(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);

	/* Without a state it is libpq that speaks. */
	if (state == NULL)
		return false;
	return (context != NULL && strcmp(context, PARALLEL_CONTEXT) != 0) ||
		   !begins_with_any(state, plain_classes) || begins_with_any(state, quoting_states);
}

/* What is told where the words are not; caller frees. */
static char *
note_of(const PGresult *result)
{
	static const struct
	{
		int field;
		const char *label;
	} names[] = {{PG_DIAG_SQLSTATE, "SQLSTATE"},
				 {PG_DIAG_TABLE_NAME, "table"},
				 {PG_DIAG_COLUMN_NAME, "column"},
				 {PG_DIAG_CONSTRAINT_NAME, "constraint"},
				 {PG_DIAG_DATATYPE_NAME, "type"}};
	Buffer note;
	size_t i;

	buffer_init(&note);
	buffer_append_string(&note, "");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *name = PQresultErrorField(result, names[i].field);

		if (name != NULL)
			buffer_printf(&note, "%s%s %s", note.length > 0 ? ", " : "", names[i].label, name);
	}
	return buffer_detach(&note);
}

void
server_error_append(Buffer *out, const PGresult *result, const char *primary)
{
	const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool hidden = said != NULL && quotes(result);
	bool more_hidden = hidden || (state != NULL && strncmp(state, "23", 2) == 0);
	Buffer more;
	char *note = hidden ? note_of(result) : NULL;
	char *marked;

	buffer_init(&more);
	buffer_append_string(&more, "");
	if (hidden)
		buffer_append_string(&more, said);
	else
		buffer_append_string(out, said != NULL ? said : primary);
	if (detail != NULL)
		buffer_printf(more_hidden ? &more : out, " (%s)", detail);
	if (context != NULL)
		buffer_printf(more_hidden ? &more : out, " [%s]", context);
	marked = withhold(more.data, note);
	if (more.length > 0)
		buffer_append_string(out, marked);
	free(marked);
	free(note);
	buffer_free(&more);
}

char *
server_error_hint(const PGresult *result)
{
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);

	if (hint == NULL)
		return NULL;
	return quotes(result) ? withhold(hint, NULL) : xstrdup(hint);
}
