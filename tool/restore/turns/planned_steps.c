/*-------------------------------------------------------------------------
 *
 * planned_steps.c
 *	  Definitions for which the server plans queries over tables.
 *
 * A foreign key is added by planning a query over both tables, with the rights
 * of whoever adds it: the server computes what is constant in the expressions
 * of their indexes and statistics (planner_code.c).  The same goes for a
 * partition that is attached: it gets the foreign keys of its parent, and the
 * indexes of both are compared, as they are when an index is attached to that
 * of the parent.  What CHECK constraints say of the partition, and of the
 * default partition, is computed to see whether rows need to be looked at.
 *
 * The values of a foreign key are cast on the way, if there is a cast for their
 * type, which its owner can make at any moment: types of others count as code.
 *
 * So the tables are locked and looked at, whether they were there or have been
 * restored.  If any of that is code of others than superusers or the session,
 *
 * - a foreign key between tables without partitions is added without a look at
 *   the rows, which plans nothing, and is validated in the turn of the
 *   referencing table's owner (owner_turn.c).  There the server may go on as
 *   the owner of the other table, which must not be a superuser's, then;
 * - all else is run in the turn of the owner, if that is one role for all the
 *   tables.
 *
 * If there is no such owner, it is refused.
 *
 * A session that is not a superuser's cannot keep anybody from adding code
 * after the look.  There all tables and schemas of others count as such code
 * (row_owners.c).
 *
 *-------------------------------------------------------------------------
 */
#include "planned_steps.h"

#include <stdlib.h>
#include <string.h>

#include "code_owners.h"
#include "entry_calls.h"
#include "live_types.h"
#include "log.h"
#include "memory.h"
#include "owner_settings.h"
#include "owner_step.h"
#include "part_lists.h"
#include "planner_code.h"
#include "quote.h"
#include "row_copy.h"
#include "row_owners.h"
#include "settings.h"
#include "sql_build.h"
#include "sql_name.h"
#include "sql_text.h"
#include "turn_settings.h"
#include "type_casts.h"

/* The tables of two tables or indexes, and ($3) those that their foreign keys refer to. */
static const char tables_query[] =
	"WITH named AS (SELECT pg_catalog.to_regclass(u.name)::pg_catalog.oid AS oid, u.place"
	"  FROM (VALUES (1, $1::pg_catalog.text), (2, $2::pg_catalog.text)) u (place, name)),"
	" tables AS (SELECT COALESCE(i.indrelid, named.oid) AS oid, named.place"
	"  FROM named LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = named.oid)"
	"SELECT t.one, t.two, (SELECT pg_catalog.array_agg(DISTINCT a.oid) FROM ("
	"  SELECT oid FROM tables WHERE oid IS NOT NULL UNION SELECT f.confrelid"
	"  FROM pg_catalog.pg_constraint f JOIN tables ON tables.oid = f.conrelid"
	"  WHERE f.contype = 'f' AND $3::pg_catalog.bool) a)"
	" FROM (SELECT pg_catalog.max(oid) FILTER (WHERE place = 1) AS one,"
	"  pg_catalog.max(oid) FILTER (WHERE place = 2) AS two FROM tables) t";

/* Their partitions, too. */
#define TREES                                                                                      \
	"WITH RECURSIVE trees AS (SELECT c.* FROM pg_catalog.pg_class c WHERE c.oid = ANY"             \
	"  ($1::pg_catalog.oid[]) OR c.oid IN (SELECT p.relid FROM pg_catalog.unnest("                 \
	"   $1::pg_catalog.oid[]) u (oid), pg_catalog.pg_partition_tree(u.oid::pg_catalog.regclass) "  \
	"p))"

/* Constraints of them that others can change. */
static const char checks_query[] = TREES
	", checks AS (SELECT k.oid, pg_catalog.format('constraint %I of table %s', "
	"k.conname,"
	"   k.conrelid::pg_catalog.regclass) AS what, " ROW_ROLE_IS_TRUSTED " AS trusted"
	"  FROM pg_catalog.pg_constraint k JOIN trees ON trees.oid = k.conrelid"
	"  JOIN pg_catalog.pg_roles r ON r.oid = trees.relowner"
	"  WHERE k.contype = 'c' AND NOT " EXPRESSION_IS_HARMLESS(
		"k.conbin::pg_catalog."
		"text") "), " CODE_OF("SELECT "
							  "'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, oid"
							  "  FROM checks") " SELECT COALESCE((SELECT pg_catalog.min(what) FROM "
											   "checks "
											   "WHERE NOT trusted),"
											   " (" CODE_OF_OTHERS "))";

/* Are they of one role, of trusted ones, and partitioned; and whose is the first one ($2)? */
static const char owners_query[] = TREES
	"SELECT pg_catalog.count(DISTINCT trees.relowner) = 1, pg_catalog.bool_or(" ROW_ROLE_IS_TRUSTED
	"),"
	" pg_catalog.bool_or(trees.relkind = 'p'),"
	" pg_catalog.min(r.rolname) FILTER (WHERE trees.oid = $2::pg_catalog.oid),"
	" pg_catalog.bool_or(" ROW_ROLE_IS_TRUSTED ") FILTER (WHERE trees.oid = $2::pg_catalog.oid)"
	" FROM trees JOIN pg_catalog.pg_roles r ON r.oid = trees.relowner";

static const char valid_query[] =
	"SELECT FROM pg_catalog.pg_constraint WHERE conrelid = $1::pg_catalog.oid"
	" AND conname = $2::pg_catalog.name AND contype = 'f' AND convalidated";

/* What an entry is about. */
typedef struct Step
{
	const TocEntry *entry;
	bool key;
	char *text;       /* its definition, renamed */
	char *names[2];   /* quoted: the referencing table or parent, the referenced one or partition */
	char *constraint; /* of a foreign key */
	char *oids[2];    /* of the tables; empty if they are not there */
	char *columns[2]; /* of a foreign key, as arrays */
	char *tables;     /* all that are looked at, as an array */
	bool casts;       /* others can make casts for types of the key */
	bool owners;      /* and they are the owner of the referencing table alone */
	char *others;     /* what is code of others, or NULL */
} Step;

static bool
is_planned(const TocEntry *entry)
{
	if (toc_entry_is(entry, "FK CONSTRAINT"))
		return !entry_leaves_rows(entry);
	return toc_entry_is(entry, "TABLE ATTACH") || toc_entry_is(entry, "INDEX ATTACH");
}

static void
step_free(Step *step)
{
	int i;

	for (i = 0; i < 2; i++)
	{
		free(step->names[i]);
		free(step->oids[i]);
		free(step->columns[i]);
	}
	free(step->text);
	free(step->constraint);
	free(step->tables);
	free(step->others);
}

/* The quoted name, with its schema, at a place of the text. */
static char *
read_name(const char *text)
{
	char *schema = NULL;
	char *name = NULL;
	Buffer quoted;

	if (sql_name_read_qualified(text, &schema, &name) == NULL)
	{
		free(schema);
		free(name);
		return NULL;
	}
	buffer_init(&quoted);
	quote_qualified(&quoted, schema, name);
	free(schema);
	free(name);
	return buffer_detach(&quoted);
}

/* "(a, "B c")" as an array; PERIOD is not a column, and does no harm. */
static char *
read_columns(const char *text)
{
	Buffer array;
	char *name;

	buffer_init(&array);
	buffer_append_char(&array, '{');
	while (text != NULL && *text != '\0' && *text != ')')
	{
		text = sql_name_read(text + strspn(text, "(, "), &name);
		if (text == NULL)
			break;
		quote_array_item(&array, name);
		free(name);
	}
	buffer_append_char(&array, '}');
	return buffer_detach(&array);
}

static bool
is_word(const char *text, const char *end, const char *word)
{
	return (size_t) (end - text) == strlen(word) && strncmp(text, word, strlen(word)) == 0;
}

/*
 * "ALTER TABLE ONLY s.t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES s.u(b);"
 * "ALTER TABLE ONLY s.t ATTACH PARTITION s.p …;", "ALTER INDEX s.i ATTACH PARTITION s.j;"
 */
static bool
read_names(Step *step)
{
	const char *text = step->text;

	while (*text != '\0' && (step->key ? step->columns[1] == NULL : step->names[1] == NULL))
	{
		const char *end = sql_token_end(text);
		const char *next = end + strspn(end, " \n");

		if (is_word(text, end, "ONLY") || is_word(text, end, "INDEX") ||
			is_word(text, end, "TABLE"))
		{
			if (step->names[0] == NULL && strncmp(next, "ONLY ", 5) != 0)
				step->names[0] = read_name(next);
		}
		else if (is_word(text, end, "CONSTRAINT") && step->key && step->constraint == NULL)
			sql_name_read(next, &step->constraint);
		else if (is_word(text, end, "KEY") && step->key && step->columns[0] == NULL)
			step->columns[0] = read_columns(next);
		else if (*text == '(' && step->names[1] != NULL)
			step->columns[1] = read_columns(text);
		else if (is_word(text, end, step->key ? "REFERENCES" : "PARTITION") &&
				 step->names[1] == NULL)
			step->names[1] = read_name(next);
		text = end;
	}
	return step->names[0] != NULL && step->names[1] != NULL &&
		   (!step->key ||
			(step->constraint != NULL && step->columns[0] != NULL && step->columns[1] != NULL));
}

static bool
step_read(Step *step, const RenameMap *map, const TocEntry *entry)
{
	memset(step, 0, sizeof(*step));
	step->entry = entry;
	step->key = toc_entry_is(entry, "FK CONSTRAINT");
	step->text = rename_text(map, entry->definition);
	if (read_names(step))
		return true;
	report_error(EXIT_FAILED, NULL, NULL, "could not read the definition of %s \"%s\"", entry->kind,
				 entry->tag);
	return false;
}

static bool
find_tables(Step *step, Connection *connection)
{
	const char *params[3] = {step->names[0], step->names[1], step->key ? "f" : "t"};
	PGresult *result = connection_query(connection, tables_query, 3, params);
	int i;

	if (result == NULL)
		return false;
	free(step->tables);
	for (i = 0; i < 2; i++)
	{
		free(step->oids[i]);
		step->oids[i] = xstrdup(PQgetvalue(result, 0, i));
	}
	step->tables = xstrdup(PQgetvalue(result, 0, 2));
	PQclear(result);
	return true;
}

/*
 * The values of a key may be cast on the way.  A cast that is there can be
 * seen, but nothing keeps one away that is not committed yet: so the owners of
 * the types decide.
 */
static bool
find_casts(Step *step, Connection *connection)
{
	const char *params[1] = {step->oids[0]};
	PGresult *result = connection_query(connection,
										"SELECT r.rolname FROM pg_catalog.pg_class c"
										" JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
										" WHERE c.oid = $1::pg_catalog.oid",
										1, params);
	bool good = result != NULL && PQntuples(result) == 1;

	/* Before the referenced table is there, its columns have no types. */
	if (step->key && step->oids[1][0] == '\0')
	{
		free(step->oids[1]);
		step->oids[1] = xstrdup("0");
	}
	if (good && step->key)
		good = type_casts_of_key(connection, step->oids, step->columns, PQgetvalue(result, 0, 0),
								 &step->casts, &step->owners);
	else if (good)
		good = type_casts_of_keys(connection, step->oids[0], PQgetvalue(result, 0, 0), &step->casts,
								  &step->owners);
	PQclear(result);
	return good;
}

/* What others could add, where they cannot be kept from it. */
static bool
find_owners(Step *step, const RestorePlan *plan, Connection *connection)
{
	bool at_stake;
	char *others = NULL;
	bool good = session_rights_at_stake(plan->settings, connection, &at_stake) &&
				(at_stake || row_owners_of_tables(connection, step->tables, &others));

	if (others != NULL)
		step->others = xasprintf("what could be added to %s meanwhile", others);
	free(others);
	return good;
}

/*
 * Is a bound written as a number, or as true or false, and so cast to the type
 * of the key, whatever that is now?  In quotes it is read by the type.
 */
static bool
has_bare_bound(const char *text)
{
	bool values = false;

	for (text = sql_skip_blank(text); *text != '\0';)
	{
		const char *end = sql_token_end(text);
		size_t length = (size_t) (end - text);

		if (length == 6 && strncmp(text, "VALUES", 6) == 0)
			values = true;
		else if (values && length == 4 && strncmp(text, "WITH", 4) == 0)
			return false;
		else if (values && (strchr("0123456789.-", *text) != NULL ||
							(length == 4 && strncmp(text, "true", 4) == 0) ||
							(length == 5 && strncmp(text, "false", 5) == 0)))
			return true;
		text = sql_skip_blank(end);
	}
	return false;
}

/* What would be computed, and can be changed by others. */
static bool
find_code(Step *step, const RestorePlan *plan, Connection *connection)
{
	const char *params[1] = {step->tables};
	PlannerCode code;
	bool key = false;
	PGresult *result;

	if (step->tables[0] == '\0')
		return true;
	if (!toc_entry_is(step->entry, "INDEX ATTACH") && step->oids[0][0] != '\0' &&
		!find_casts(step, connection))
		return false;
	if (toc_entry_is(step->entry, "TABLE ATTACH") && step->oids[0][0] != '\0' &&
		!live_types_key_of_others(connection, step->oids[0], has_bare_bound(step->text), &key))
		return false;
	if (!planner_code_read(connection, step->tables, &code))
		return false;
	if (code.others == NULL && key)
		step->others = xstrdup("values of the types of its partition key");
	else if (code.others == NULL && step->casts)
		step->others = xstrdup("casts of the types of its columns");
	if (code.others != NULL)
		step->others = xstrdup(code.others);
	planner_code_free(&code);
	if (step->others == NULL && !find_owners(step, plan, connection))
		return false;
	if (step->others != NULL || !toc_entry_is(step->entry, "TABLE ATTACH"))
		return true;
	result = connection_query(connection, checks_query, 1, params);
	if (result != NULL && !PQgetisnull(result, 0, 0))
		step->others = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return result != NULL;
}

static bool
refuse(const Step *step)
{
	char *label = toc_entry_label(step->entry);
	char *detail = xasprintf("The server would compute %s, which others can change, and no owner "
							 "of all the tables could do it instead.",
							 step->others);

	report_error(EXIT_FAILED, detail, NEW_DATABASE_HINT,
				 "could not restore %s without running code of the live database", label);
	free(detail);
	free(label);
	return false;
}

/* Add the key without looking at rows, then look at them as the owner. */
static bool
add_key(const Step *step, Connection *connection, const char *owner)
{
	const char *end = strrchr(step->text, ';');
	const char *params[2] = {step->oids[0], step->constraint};
	PGresult *result;
	Buffer name;
	char *add;
	char *validate;
	bool good;

	if (end == NULL)
		return refuse(step);
	buffer_init(&name);
	quote_identifier(&name, step->constraint);
	add = xasprintf("%.*s NOT VALID", (int) (end - step->text), step->text);
	validate = xasprintf("ALTER TABLE ONLY %s VALIDATE CONSTRAINT %s;", step->names[0], name.data);
	good = owner_step_run(connection, step->entry, owner, add, validate);
	free(add);
	free(validate);
	buffer_free(&name);
	if (!good)
		return false;
	result = connection_query(connection, valid_query, 2, params);
	good = result != NULL;
	if (good && PQntuples(result) != 1)
		good = report_error(EXIT_FAILED, NULL, NEW_DATABASE_HINT,
							"foreign key \"%s\" of table %s was not validated", step->constraint,
							step->names[0]);
	PQclear(result);
	return good;
}

/* Can nobody but superusers and the session change what the planner computes of the other table? */
static bool
is_referenced_trusted(const Step *step, Connection *connection, bool *trusted)
{
	char *table = xasprintf("{%s}", step->oids[1]);
	PlannerCode code;
	bool good = planner_code_read(connection, table, &code);

	if (good)
	{
		*trusted = code.others == NULL;
		planner_code_free(&code);
	}
	free(table);
	return good;
}

/* Where the server goes on as the owner of the referenced table, would it run code of others? */
static bool
is_right_for_referenced(const Step *step, Connection *connection, bool trusted, bool *right)
{
	*right = !trusted;
	return !trusted || is_referenced_trusted(step, connection, right);
}

/*
 * The other table belongs to an ordinary role.  May the owner of this one let
 * the planner see both?  Not if another role than the owner wrote what is
 * computed of the other table.
 */
static bool
may_plan_both(const Step *step, const RestorePlan *plan, Connection *connection, bool *may)
{
	const char *params[2] = {step->oids[0], step->oids[1]};
	PGresult *result = connection_query(
		connection,
		"SELECT a.relowner = b.relowner FROM pg_catalog.pg_class a, pg_catalog.pg_class b"
		" WHERE a.oid = $1::pg_catalog.oid AND b.oid = $2::pg_catalog.oid",
		2, params);
	bool good = result != NULL;
	bool at_stake;

	*may = good && PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	if (!good || *may)
		return good;
	/* A session that is no superuser's cannot keep anybody from adding code meanwhile. */
	if (!session_rights_at_stake(plan->settings, connection, &at_stake))
		return false;
	return !at_stake || is_referenced_trusted(step, connection, may);
}

/* "GRANT SELECT ON TABLE … TO joe", or REVOKE … FROM. */
static bool
give_select(const Step *step, Connection *connection, const char *owner, bool give)
{
	SqlText sql;
	bool good;

	sql_init(&sql);
	if (give)
		sql_append(&sql, "GRANT SELECT ON TABLE ");
	else
		sql_append(&sql, "REVOKE SELECT ON TABLE ");
	good = sql_checked_names(&sql, step->names[0]);
	if (give)
		sql_append(&sql, " TO ");
	else
		sql_append(&sql, " FROM ");
	sql_identifier(&sql, owner);
	good = good && connection_command(connection, sql_string(&sql));
	sql_free(&sql);
	return good;
}

static bool
can_select(const Step *step, Connection *connection, const char *owner, bool *can)
{
	const char *params[2] = {owner, step->oids[0]};
	PGresult *result =
		connection_query(connection,
						 "SELECT pg_catalog.has_any_column_privilege($1::pg_catalog.name,"
						 " $2::pg_catalog.oid, 'SELECT')",
						 2, params);

	*can = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return result != NULL;
}

/*
 * Without the privilege to read both tables, the server looks for one row after
 * the other, as when rows are added: with a query over the other table alone,
 * as the owner of that.
 */
static bool
add_key_by_rows(const Step *step, Connection *connection, const char *owner)
{
	bool had;
	bool can;

	if (!can_select(step, connection, owner, &had) ||
		(had && !give_select(step, connection, owner, false)) ||
		!can_select(step, connection, owner, &can))
		return false;
	return (can ? refuse(step) : add_key(step, connection, owner)) &&
		   (!had || give_select(step, connection, owner, true));
}

static bool
add_key_as_owner(const Step *step, const RestorePlan *plan, Connection *connection,
				 const char *owner)
{
	bool may;

	return may_plan_both(step, plan, connection, &may) &&
		   (may ? add_key(step, connection, owner) : add_key_by_rows(step, connection, owner));
}

/* Restore the entry as the owner, or refuse to. */
static bool
run_as_owner(const Step *step, const RestorePlan *plan, Connection *connection)
{
	const char *params[2] = {step->tables, step->oids[0]};
	PGresult *result = connection_query(connection, owners_query, 2, params);
	bool right = false;
	bool good;

	if (result == NULL)
		return false;
	log_debug("%s \"%s\" is restored as \"%s\" because of %s", step->entry->kind, step->entry->tag,
			  PQgetvalue(result, 0, 3), step->others);
	if (!step->key || PQgetvalue(result, 0, 2)[0] == 't')
	{
		right = PQgetvalue(result, 0, 0)[0] == 't' && PQgetvalue(result, 0, 1)[0] == 'f' &&
				(!step->casts || step->owners);
		good = right ? owner_step_run(connection, step->entry, PQgetvalue(result, 0, 3), NULL,
									  step->text)
					 : refuse(step);
	}
	else if (step->casts && (PQgetvalue(result, 0, 0)[0] == 'f' ||
							 PQgetvalue(result, 0, 1)[0] == 't' || !step->owners))
		/* Where rows are looked at one by one, the owner of the other table does it. */
		good = refuse(step);
	else
	{
		good =
			PQgetvalue(result, 0, 4)[0] == 't' ||
			is_right_for_referenced(step, connection, PQgetvalue(result, 0, 1)[0] == 't', &right);
		if (good)
			good = right ? add_key_as_owner(step, plan, connection, PQgetvalue(result, 0, 3))
						 : refuse(step);
	}
	PQclear(result);
	return good;
}

/* Lock the tables that have the names. */
static bool
lock_tables(Step *step, const RestorePlan *plan, Connection *connection)
{
	char *before;
	bool good;

	if (!find_tables(step, connection))
		return false;
	before = xstrdup(step->tables);
	good = step->oids[0][0] != '\0' && step->oids[1][0] != '\0';
	if (!good)
		report_error(EXIT_FAILED, NULL, NULL, "table %s does not exist",
					 step->names[step->oids[0][0] == '\0' ? 0 : 1]);
	good = good && planner_code_lock(plan->settings, connection, step->tables) &&
		   find_tables(step, connection);
	if (good && strcmp(before, step->tables) != 0)
		good = report_error(EXIT_FAILED, NULL, "Try again.", "table %s was replaced by another one",
							step->names[1]);
	free(before);
	return good;
}

bool
planned_step_run(const RestorePlan *plan, Connection *connection, const RenameMap *map,
				 const TocEntry *entry, const BeforeTurn *before, bool *done)
{
	Step step;
	bool good;

	*done = false;
	if (!is_planned(entry))
		return true;
	good = step_read(&step, map, entry) && lock_tables(&step, plan, connection) &&
		   find_code(&step, plan, connection);
	if (good && step.others != NULL)
	{
		*done = true;
		good = before->run(before->argument) && run_as_owner(&step, plan, connection);
	}
	step_free(&step);
	return good;
}

/* ---- many steps at once ---- */

/* The tables of all, as one array; *there: are they? */
static bool
find_all_tables(Step *steps, uint32_t count, Connection *connection, Buffer *tables, bool *there)
{
	bool good = true;
	uint32_t i;

	*there = true;
	buffer_append_char(tables, '{');
	for (i = 0; good && *there && i < count; i++)
	{
		good = find_tables(&steps[i], connection);
		*there = good && steps[i].oids[0][0] != '\0' && steps[i].oids[1][0] != '\0';
		if (*there)
			buffer_printf(tables, "%s%.*s", i > 0 ? "," : "", (int) strlen(steps[i].tables) - 2,
						  steps[i].tables + 1);
	}
	buffer_append_char(tables, '}');
	return good;
}

/* Values that are cast or compared: of each foreign key, and of each key of partitions once. */
static bool
look_at_values(Step *steps, uint32_t count, Connection *connection, bool *clean)
{
	const Step *last = NULL;
	bool good = true;
	uint32_t i;

	for (i = 0; good && *clean && i < count; i++)
	{
		Step *step = &steps[i];
		bool bare = !step->key && has_bare_bound(step->text);
		bool key = false;

		if (toc_entry_is(step->entry, "INDEX ATTACH") ||
			(!step->key && last != NULL && strcmp(last->oids[0], step->oids[0]) == 0 &&
			 has_bare_bound(last->text) == bare))
			continue;
		last = step;
		good = find_casts(step, connection) &&
			   (step->key || live_types_key_of_others(connection, step->oids[0], bare, &key));
		*clean = good && !step->casts && !key;
	}
	return good;
}

static bool
look_at_code(const TocEntry *entry, const char *tables, const RestorePlan *plan,
			 Connection *connection, bool *clean)
{
	Step all = {.entry = entry, .tables = xstrdup(tables)};
	PGresult *checks = NULL;
	PlannerCode code;
	bool good = planner_code_read(connection, tables, &code);

	if (good)
	{
		*clean = code.others == NULL;
		planner_code_free(&code);
		good = find_owners(&all, plan, connection);
		*clean = *clean && all.others == NULL;
	}
	if (good && *clean && toc_entry_is(entry, "TABLE ATTACH"))
	{
		checks = connection_query(connection, checks_query, 1, &tables);
		good = checks != NULL;
		*clean = good && PQgetisnull(checks, 0, 0);
	}
	PQclear(checks);
	step_free(&all);
	return good;
}

bool
planned_steps_clean(const RestorePlan *plan, Connection *connection, const RenameMap *map,
					const TocEntry *const *entries, uint32_t count, bool *clean)
{
	Step *steps = xcalloc((size_t) count + 1, sizeof(*steps));
	uint32_t n = 0;
	Buffer before;
	Buffer tables;
	bool good = true;
	uint32_t i;

	buffer_init(&before);
	buffer_init(&tables);
	for (i = 0; good && i < count; i++)
	{
		if (is_planned(entries[i]))
			good = step_read(&steps[n++], map, entries[i]);
	}
	*clean = true;
	if (good && n > 0)
		good = find_all_tables(steps, n, connection, &before, clean) &&
			   (!*clean || (planner_code_lock(plan->settings, connection, before.data) &&
							find_all_tables(steps, n, connection, &tables, clean)));
	if (good && n > 0 && *clean)
	{
		*clean = strcmp(before.data, tables.data) == 0;
		good = look_at_values(steps, n, connection, clean) &&
			   (!*clean || look_at_code(entries[0], tables.data, plan, connection, clean));
	}
	for (i = 0; i < n; i++)
		step_free(&steps[i]);
	free(steps);
	buffer_free(&before);
	buffer_free(&tables);
	return good;
}

/* Of the tables that are there already: can it be the owner's turn, as far as is known? */
static const char early_query[] =
	TREES "SELECT $3::pg_catalog.bool OR pg_catalog.bool_or(" ROW_ROLE_IS_TRUSTED ")"
		  " OR (pg_catalog.bool_or(r.rolname <> $2::pg_catalog.name)"
		  "  AND (NOT $4::pg_catalog.bool OR pg_catalog.bool_or(trees.relkind = 'p')))"
		  " OR EXISTS (SELECT FROM pg_catalog.pg_roles r"
		  "  WHERE r.rolname = $2::pg_catalog.name AND " ROW_ROLE_IS_TRUSTED ")"
		  " FROM trees JOIN pg_catalog.pg_roles r ON r.oid = trees.relowner";

static bool
check_owners(const RestorePlan *plan, Connection *connection, const Step *step)
{
	const char *params[4] = {step->tables, step->entry->owner,
							 plan->settings->owners->no_owner ? "t" : "f", step->key ? "t" : "f"};
	PGresult *result = connection_query(connection, early_query, 4, params);
	bool good = result != NULL;

	if (good && PQgetvalue(result, 0, 0)[0] == 't')
		good = refuse(step);
	PQclear(result);
	return good;
}

static bool
check_step(const RestorePlan *plan, Connection *connection, const RenameMap *map,
		   const TocEntry *entry)
{
	Step step;
	bool good;

	good = step_read(&step, map, entry) && find_tables(&step, connection) &&
		   find_code(&step, plan, connection);
	if (good && step.others != NULL)
		good = check_owners(plan, connection, &step);
	step_free(&step);
	return good;
}

bool
planned_steps_check(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	bool good = true;
	uint32_t i;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	for (i = 0; good && i < plan->selection->toc.count; i++)
	{
		const TocEntry *entry = &plan->selection->toc.entries[i];

		if (is_planned(entry) && (partial_is_in_list(plan, entry, LIST_POST_DATA) ||
								  partial_is_in_list(plan, entry, LIST_LATE)))
			good = check_step(plan, connection, map, entry);
	}
	return good;
}
