/*-------------------------------------------------------------------------
 *
 * row_rights.c
 *	  With whose rights the rows of a table are added to a live database.
 *
 * A table runs code when rows come in: triggers, CHECK constraints, domains,
 * defaults, generated columns, expressions of indexes and partition keys.  It
 * was written by the owner of the table, who can have changed it since the
 * backup, and here it would run with the rights of the session, which are
 * mostly a superuser's.  So rows are added as the owner (owner_rows.c), unless
 *
 * - nothing of the table, or of those that its foreign keys refer to
 *   (planner_code.c), can run anything but immutable functions of PostgreSQL
 *   itself.  Not any function of its own: query_to_xml() runs what
 *   it is given, and pg_read_file() is a fine default.  The functions are not
 *   in pg_depend, which says nothing about what initdb made, so they are read
 *   from the text of the expressions; whatever is not known there counts as
 *   code.  Or
 * - the table is a superuser's or the session's own, and so is all the code.
 *   If some of it is not, there is nobody whose rights would be right, and
 *   nothing is added.
 *
 * The locks make the answer last, and are taken before it is looked for.  ROW
 * EXCLUSIVE, which the rows need anyway, keeps away whoever adds a trigger,
 * constraint, default or rule, but not CREATE INDEX CONCURRENTLY, CREATE
 * STATISTICS or ATTACH PARTITION; and the expressions of an index that is not
 * valid yet are computed for whoever opens the table to add a row.  SHARE
 * UPDATE EXCLUSIVE keeps these away.  A schema can be renamed and another one
 * take its name while tables in it are locked, so their names are held, too:
 * by a row lock that only renaming and dropping conflict with.
 *
 * Where the keys of rows are looked for (rows_there.c), a query over the table
 * itself is planned, so what the planner computes of it counts as well.
 *
 *-------------------------------------------------------------------------
 */
#include "row_rights.h"

#include <stdlib.h>
#include <string.h>

#include "cast_code.h"
#include "code_owners.h"
#include "log.h"
#include "memory.h"
#include "part_settings.h"
#include "planner_code.h"
#include "row_copy.h"
#include "row_owners.h"
#include "row_parents.h"
#include "settings.h"
#include "turn_settings.h"

/* The table and its partitions; keys of what it is a partition of are computed for its rows, too.
 */
#define TREE                                                                                       \
	"tree AS (SELECT c.* FROM pg_catalog.pg_class c WHERE c.oid = $1::pg_catalog.oid"              \
	" OR c.oid IN (SELECT p.relid FROM"                                                            \
	"  pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass) p)),"                 \
	" above AS (SELECT c.relowner, k.* FROM"                                                       \
	"  pg_catalog.pg_partition_ancestors($1::pg_catalog.oid::pg_catalog.regclass) a"               \
	"  JOIN pg_catalog.pg_partitioned_table k ON k.partrelid = a.relid"                            \
	"  JOIN pg_catalog.pg_class c ON c.oid = a.relid)"

/*
 * Foreign keys whose values may be cast on the way, by a function that the owner of a type made
 * such: it is called as the owner of the other table, but in this session.  For PostgreSQL's own
 * types only superusers make casts.
 */
#define CASTING_KEYS                                                                               \
	"SELECT pg_catalog.format('foreign key %I', f.conname) AS what, t.typowner AS o"               \
	" FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_attribute a"                              \
	"  ON (a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey))"                                 \
	"   OR (a.attrelid = f.confrelid AND a.attnum = ANY (f.confkey))"                              \
	"  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"                                            \
	" WHERE f.contype = 'f' AND f.conrelid = ANY (ARRAY(SELECT oid FROM tree))"                    \
	" AND (t.oid >= 16384 OR EXISTS (SELECT FROM pg_catalog.pg_cast k"                             \
	"   WHERE k.castfunc >= 12000 AND k.castsource < 12000 AND k.casttarget < 12000))"

/* Their types, and the code for them. */
#define TREE_KEYS KEY_CASTS_OF(KEY_PAIRS("f.conrelid = ANY (ARRAY(SELECT oid FROM tree))"))

/*
 * Whoever has the TRIGGER privilege may have made a trigger, of which the
 * catalogs do not say whose it is: with a function of a superuser, but a
 * condition or arguments of their own.
 */
#define TRIGGERS_OF_OTHERS                                                                         \
	"SELECT 'trigger ' || pg_catalog.quote_ident(g.tgname), a.grantee"                             \
	" FROM tree JOIN pg_catalog.pg_trigger g ON g.tgrelid = tree.oid AND NOT g.tgisinternal,"      \
	" pg_catalog.aclexplode(tree.relacl) a WHERE a.privilege_type = 'TRIGGER'"                     \
	" AND (g.tgnargs > 0 OR (g.tgqual IS NOT NULL"                                                 \
	"  AND NOT " EXPRESSION_IS_HARMLESS("g.tgqual::pg_catalog.text") "))"

/* An enum has no code, but can have a cast, which what the table computes may look for. */
#define ENUMS                                                                                      \
	"SELECT 'type ' || t.oid::pg_catalog.regtype::pg_catalog.text, t.typowner"                     \
	" FROM things JOIN pg_catalog.pg_type t ON t.oid = object AND t.typtype = 'e'"                 \
	"  AND class = 'pg_catalog.pg_type'::pg_catalog.regclass"                                      \
	" WHERE EXISTS (SELECT FROM (SELECT conbin::pg_catalog.text FROM pg_catalog.pg_constraint"     \
	"   WHERE contype = 'c' AND (conrelid = ANY (ARRAY(SELECT oid FROM tree)) OR contypid IN "     \
	"(SELECT"                                                                                      \
	"    object FROM things WHERE class = 'pg_catalog.pg_type'::pg_catalog.regclass))"             \
	"  UNION ALL SELECT adbin::pg_catalog.text FROM pg_catalog.pg_attrdef"                         \
	"   WHERE adrelid = ANY (ARRAY(SELECT oid FROM tree))"                                         \
	"  UNION ALL SELECT x.expression::pg_catalog.text FROM pg_catalog.pg_index i,"                 \
	"   LATERAL (VALUES (i.indexprs), (i.indpred)) AS x (expression)"                              \
	"   WHERE i.indrelid = ANY (ARRAY(SELECT oid FROM tree))"                                      \
	"  UNION ALL SELECT partexprs::pg_catalog.text FROM pg_catalog.pg_partitioned_table"           \
	"   WHERE partrelid = ANY (ARRAY(SELECT oid FROM tree))) x (text) WHERE " EXPRESSION_MAY_CAST( \
		"x.text") ")"

/*
 * Who is who, and the first thing of the table that can run code; with $4,
 * triggers of replicas only, as --disable-triggers makes the session one.
 */
static const char look_query[] =
	"WITH " TREE ", expressions AS ("
	"SELECT pg_catalog.format('constraint %I', conname) AS what, conbin::pg_catalog.text AS text"
	" FROM pg_catalog.pg_constraint WHERE contype = 'c' AND conrelid = ANY (ARRAY(SELECT oid FROM "
	"tree))"
	" UNION ALL SELECT pg_catalog.format('the value of column %I', a.attname),"
	"  d.adbin::pg_catalog.text FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_attribute a"
	"  ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = ANY (ARRAY(SELECT oid "
	"FROM tree))"
	"  AND (a.attgenerated <> '' OR a.attname::pg_catalog.text <> ALL ($2::pg_catalog.text[]))"
	" UNION ALL SELECT pg_catalog.format('index %I', c.relname), x.expression::pg_catalog.text"
	"  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid,"
	"  LATERAL (VALUES (i.indexprs), (i.indpred)) AS x (expression)"
	"  WHERE i.indrelid = ANY (ARRAY(SELECT oid FROM tree)) AND x.expression IS NOT NULL"
	" UNION ALL SELECT 'the partition key', partexprs::pg_catalog.text"
	"  FROM pg_catalog.pg_partitioned_table"
	"  WHERE partrelid = ANY (ARRAY(SELECT oid FROM tree)) AND partexprs IS NOT NULL"
	" UNION ALL SELECT pg_catalog.format('the partition key of %s',"
	"  partrelid::pg_catalog.regclass), partexprs::pg_catalog.text FROM above"
	"  WHERE partexprs IS NOT NULL),"
	" classes AS ("
	"SELECT pg_catalog.format('index %I', c.relname) AS what, u.class"
	" FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid,"
	"  LATERAL pg_catalog.unnest(i.indclass) AS u (class)"
	"  WHERE i.indrelid = ANY (ARRAY(SELECT oid FROM tree))"
	" UNION ALL SELECT 'the partition key', u.class FROM pg_catalog.pg_partitioned_table p,"
	"  LATERAL pg_catalog.unnest(p.partclass) AS u (class)"
	"  WHERE p.partrelid IN (SELECT oid FROM tree UNION SELECT partrelid FROM above)"
	" UNION ALL SELECT pg_catalog.format('the type of column %I', a.attname), k.oid"
	"  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
	"  JOIN pg_catalog.pg_opclass k ON k.opcintype IN (t.oid, t.typelem)"
	"  WHERE a.attrelid = ANY (ARRAY(SELECT oid FROM tree)) AND a.attnum > 0 AND NOT a.attisdropped"
	"  AND t.oid >= 12000)"
	"SELECT c.oid, r.rolname, r.rolsuper AND NOT EXISTS (SELECT FROM tree"
	"  JOIN pg_catalog.pg_roles o ON o.oid = tree.relowner WHERE NOT o.rolsuper),"
	" m.rolsuper, s.rolsuper, r.rolname = CURRENT_USER AND r.rolname = SESSION_USER,"
	" COALESCE("
	" (SELECT pg_catalog.min('trigger ' || pg_catalog.quote_ident(tgname))"
	"  FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgrelid = ANY (ARRAY(SELECT oid FROM "
	"tree))"
	"  AND (NOT $4::pg_catalog.bool OR tgenabled IN ('A', 'R'))),"
	" (SELECT pg_catalog.min('foreign table ' || pg_catalog.quote_ident(relname))"
	"  FROM tree WHERE relkind NOT IN ('r', 'p')),"
	" (SELECT pg_catalog.min(what) FROM expressions WHERE NOT " EXPRESSION_IS_HARMLESS(
		"text") "),"
				" (SELECT pg_catalog.min(pg_catalog.format('the type of column %I', a.attname))"
				"  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
				"  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem"
				"  WHERE a.attrelid = ANY (ARRAY(SELECT oid FROM tree)) AND a.attnum > 0 AND NOT "
				"a.attisdropped"
				"  AND NOT COALESCE(" ROW_TYPE_IS_PLAIN ", false)),"
				" (SELECT pg_catalog.min(what) FROM (" CASTING_KEYS ") k),"
				" (SELECT pg_catalog.min(what) FROM classes WHERE NOT " CLASS_IS_PLAIN(
					"class") ")),"
							 " (SELECT pg_catalog.min(rulename) FROM pg_catalog.pg_rewrite"
							 "  WHERE ev_class = c.oid AND ev_type = '3' AND ev_enabled <> 'D')"
							 " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.oid = "
							 "c.relowner,"
							 " pg_catalog.pg_roles m, pg_catalog.pg_roles s"
							 " WHERE c.oid = $1::pg_catalog.oid AND m.rolname = CURRENT_USER AND "
							 "s.rolname = "
							 "SESSION_USER"
							 " AND c.oid = pg_catalog.to_regclass($3::pg_catalog.text)";

/*
 * Of a table of a superuser: something that others can make it run.  Triggers
 * can be made by whoever has the TRIGGER privilege, functions be replaced and
 * domains be changed by their owners.
 */
static const char foreign_query[] =
	"WITH RECURSIVE " TREE ", " TREE_KEYS ", things AS ("
	"SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS class, oid AS object"
	" FROM tree UNION SELECT class, object FROM key_casts UNION SELECT "
	"'pg_catalog.pg_class'::pg_catalog.regclass, indexrelid"
	"  FROM pg_catalog.pg_index WHERE indrelid = ANY (ARRAY(SELECT oid FROM tree))"
	" UNION SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, partrelid FROM above"
	"  WHERE NOT COALESCE(" EXPRESSION_IS_HARMLESS(
		"partexprs::pg_catalog.text") ", true)"
									  " UNION SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, "
									  "u.class"
									  "  FROM above, LATERAL pg_catalog.unnest(above.partclass) AS "
									  "u (class)"
									  " UNION SELECT d.class, d.object FROM things t, LATERAL ("
									  "  SELECT classid AS class, objid AS object FROM "
									  "pg_catalog.pg_depend"
									  "  WHERE refclassid = t.class AND refobjid = t.object AND "
									  "deptype IN ('a', 'i')"
									  "  AND t.object = ANY (ARRAY(SELECT oid FROM tree))"
									  "  AND classid IN "
									  "('pg_catalog.pg_trigger'::pg_catalog.regclass,"
									  "   'pg_catalog.pg_constraint'::pg_catalog.regclass,"
									  "   'pg_catalog.pg_attrdef'::pg_catalog.regclass,"
									  "   'pg_catalog.pg_class'::pg_catalog.regclass)"
									  "  UNION ALL " CODE_NEXT ") d)"
									  "SELECT pg_catalog.min(found.what) FROM (" CODE_OWNERS
									  " UNION ALL " CASTING_KEYS " UNION ALL " PARTS_OWNERS
									  " UNION ALL SELECT pg_catalog.format('the partition key of "
									  "%s',"
									  "  partrelid::pg_catalog.regclass), relowner FROM above"
									  "  WHERE NOT COALESCE(" EXPRESSION_IS_HARMLESS(
										  "partexprs::pg_catalog.text") ", true)"
																		" UNION "
																		"ALL " ENUMS " UNION "
																		"ALL " TRIGGERS_OF_OTHERS
																		") found LEFT JOIN "
																		"pg_catalog.pg_roles r ON "
																		"r.oid = found.o"
																		" WHERE NOT "
																		"COALESCE"
																		"(" ROW_ROLE_IS_TRUSTED
																		", false)";

/*
 * Tables that queries are planned over: those that foreign keys refer to (with
 * $3, where a superuser let replicas check them), looked into as their owners,
 * but in this session; and ($2) the table itself.
 */
static const char planned_query[] =
	"WITH " TREE " SELECT pg_catalog.array_agg(u.oid) FROM (SELECT f.confrelid"
	"  FROM pg_catalog.pg_constraint f"
	"  WHERE f.contype = 'f' AND f.conrelid = ANY (ARRAY(SELECT oid FROM tree))"
	"  AND (NOT $3::pg_catalog.bool OR EXISTS (SELECT FROM pg_catalog.pg_trigger g"
	"   WHERE g.tgconstraint = f.oid AND g.tgrelid = f.conrelid AND g.tgenabled IN ('A', 'R')))"
	" UNION SELECT $1::pg_catalog.oid WHERE $2::pg_catalog.bool) u (oid)";

/*
 * Of these, those of superusers and the session: the server goes on with their
 * rights, also in another owner's turn.  Can others make or change casts for a key?
 */
static const char trusted_query[] =
	"WITH RECURSIVE " TREE ", keys AS (SELECT f.oid, f.confrelid"
	"  FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_class c ON c.oid = f.confrelid"
	"  JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
	"  WHERE f.contype = 'f' AND f.conrelid = ANY (ARRAY(SELECT oid FROM tree))"
	"  AND " ROW_ROLE_IS_TRUSTED
	"), " KEY_CASTS_OF(KEY_PAIRS("f.oid IN (SELECT oid FROM keys)")) ", " CODE_OF(
		"SELECT class, object FROM key_casts") " SELECT (SELECT pg_catalog.array_agg(DISTINCT "
											   "confrelid) FROM keys),"
											   " (SELECT pg_catalog.min(found.what) FROM "
											   "(" PARTS_OWNERS " UNION ALL " CODE_OWNERS ") found"
											   "  JOIN pg_catalog.pg_roles r ON r.oid = found.o "
											   "WHERE NOT " ROW_ROLE_IS_TRUSTED ")";

/* What was found out about a table. */
typedef struct Look
{
	const char *shown;
	PGresult *result;
	PlannerCode planned; /* of tables that it refers to, and its own where keys are looked for */
	bool turn;           /* the session may not be trusted to add them itself */
	char *gains;         /* what others would run with the rights of their trusted owners */
} Look;

enum
{
	LOOK_OID,
	LOOK_OWNER,
	LOOK_OWNED_BY_SUPERUSER, /* with all partitions */
	LOOK_SUPERUSER,
	LOOK_SESSION_SUPERUSER,
	LOOK_OWN,
	LOOK_CODE,
	LOOK_RULE
};

static bool
is_true(const PGresult *result, int column)
{
	return PQgetvalue(result, 0, column)[0] == 't';
}

static bool
lock_schemas(Connection *connection)
{
	PGresult *result;

	/* An owner of the database can have switched off what definitions.c needs. */
	if (!connection_command(connection, "SET LOCAL track_counts = on"))
		return false;
	result = connection_query(connection,
							  "SELECT FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'"
							  " FOR KEY SHARE",
							  0, NULL);
	PQclear(result);
	return result != NULL;
}

static bool
lock_schemas_without_role(Connection *connection)
{
	char *role = session_rights_suspend_role(connection);

	if (role == NULL)
		return false;
	if (lock_schemas(connection))
		return session_rights_resume_role(connection, role);
	free(role);
	return false;
}

bool
row_rights_begin(const Settings *settings, Connection *connection)
{
	bool at_stake;

	/* Others may not lock rows there. */
	return session_rights_at_stake(settings, connection, &at_stake) &&
		   (!at_stake || lock_schemas_without_role(connection));
}

/* The oid that a name has now, as text; NULL (reported) if it has none. */
static char *
oid_of_name(Connection *connection, const char *target)
{
	PGresult *result = connection_query(
		connection, "SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid", 1,
		&target);
	char *oid = NULL;

	if (result != NULL && PQgetisnull(result, 0, 0))
		report_error(EXIT_FAILED, NULL, NULL, "table %s does not exist", target);
	else if (result != NULL)
		oid = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return oid;
}

static bool
lock_as_session(Connection *connection, const PGresult *table)
{
	bool partitioned = PQgetvalue(table, 0, 0)[0] == 'p';
	bool good = true;
	int i;

	/* A table has the second one already. */
	for (i = 0; good && i < (partitioned ? 2 : 1); i++)
	{
		SqlText sql;

		sql_init(&sql);
		sql_append(&sql, "LOCK TABLE ");
		if (!partitioned)
			sql_append(&sql, "ONLY ");
		sql_qualified(&sql, PQgetvalue(table, 0, 1), PQgetvalue(table, 0, 2));
		if (i == 0)
			sql_append(&sql, " IN SHARE UPDATE EXCLUSIVE MODE");
		else
			sql_append(&sql, " IN ROW EXCLUSIVE MODE");
		good = connection_command(connection, &sql);
		sql_free(&sql);
	}
	return good;
}

/*
 * Beside this lock no index, statistics or partition can be added, and nothing
 * to the partitions that are there.  Where others than a superuser's session
 * restore, owners decide (row_owners.c).
 */
static bool
lock_table(const Settings *settings, Connection *connection, const char *oid)
{
	PGresult *table = connection_query(connection,
									   "SELECT c.relkind, n.nspname, c.relname"
									   " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
									   " ON n.oid = c.relnamespace"
									   " WHERE c.oid = $1::pg_catalog.oid"
									   " AND c.relkind IN ('r', 'p')",
									   1, &oid);
	bool at_stake = false;
	bool good = table != NULL && session_rights_at_stake(settings, connection, &at_stake);
	char *role;

	if (good && PQntuples(table) == 1 && at_stake)
	{
		role = session_rights_suspend_role(connection);
		good = role != NULL && lock_as_session(connection, table);
		if (good)
			good = session_rights_resume_role(connection, role);
		else
			free(role);
	}
	PQclear(table);
	return good;
}

static bool
refuse(const char *shown, const char *detail)
{
	return report_error(EXIT_FAILED, detail, ROWS_AS_SESSION_HINT,
						"could not add rows to table %s with the rights of its owner", shown);
}

/* A superuser's table: his rights are as good as the session's, if all the code is a superuser's.
 */
static bool
check_superusers_code(Connection *connection, const char *oid, const Look *look, bool own)
{
	PGresult *result = connection_query(connection, foreign_query, 1, &oid);
	bool good = result != NULL;
	const char *found = look->planned.others;

	if (good && !PQgetisnull(result, 0, 0))
		found = PQgetvalue(result, 0, 0);
	if (good && found != NULL)
	{
		char *detail = xasprintf("It belongs to %s, but %s can be changed by others.",
								 own ? "you" : "a superuser", found);

		good = refuse(look->shown, detail);
		free(detail);
	}
	PQclear(result);
	return good;
}

/* Who else could change the table, where the session may not keep them from it? */
static bool
look_at_owners(const Settings *settings, Connection *connection, const char *oid, Look *look)
{
	bool at_stake;

	return session_rights_at_stake(settings, connection, &at_stake) &&
		   (at_stake || row_owners_decide(connection, oid, look->shown, &look->turn));
}

/*
 * What is computed when foreign keys of the rows are checked, or keys of the
 * table are looked for.  The table is locked, so no other session adds a
 * foreign key to it.
 */
static bool
look_at_planned(const Settings *settings, Connection *connection, const char *oid, bool counted,
				Look *look)
{
	const char *params[3] = {oid, counted ? "t" : "f",
							 settings->part->disable_triggers ? "t" : "f"};
	PGresult *result = connection_query(connection, planned_query, 3, params);
	bool good = result != NULL;

	if (good && !PQgetisnull(result, 0, 0))
		good = planner_code_lock(settings, connection, PQgetvalue(result, 0, 0)) &&
			   planner_code_read(connection, PQgetvalue(result, 0, 0), &look->planned);
	PQclear(result);
	return good;
}

/*
 * A check of a foreign key goes on with the rights of the owner of the other
 * table, also in a turn of somebody else.
 */
static bool
look_at_trusted(Connection *connection, const char *oid, Look *look)
{
	PGresult *result = connection_query(connection, trusted_query, 1, &oid);
	PlannerCode code = {NULL, NULL};
	bool good = result != NULL;

	if (good && !PQgetisnull(result, 0, 1))
		look->gains = xstrdup(PQgetvalue(result, 0, 1));
	else if (good && !PQgetisnull(result, 0, 0))
		good = planner_code_read(connection, PQgetvalue(result, 0, 0), &code);
	if (code.others != NULL)
		look->gains = xstrdup(code.others);
	planner_code_free(&code);
	PQclear(result);
	return good;
}

static bool
check_trusted(Connection *connection, const char *oid, Look *look)
{
	char *detail;

	if (!look_at_trusted(connection, oid, look))
		return false;
	if (look->gains == NULL)
		return true;
	detail = xasprintf("A table that it refers to belongs to a superuser or to you, but %s can be "
					   "changed by others.",
					   look->gains);
	refuse(look->shown, detail);
	free(detail);
	return false;
}

/* Rules act on INSERT and not on COPY: what was a row would become something else. */
static bool
check_rules(const Look *look)
{
	char *detail;

	if (PQgetisnull(look->result, 0, LOOK_RULE))
		return true;
	detail =
		xasprintf("Rule \"%s\" would act on the rows.", PQgetvalue(look->result, 0, LOOK_RULE));
	refuse(look->shown, detail);
	free(detail);
	return false;
}

static bool
decide(Connection *connection, const char *oid, const Look *look, RowRights *rights)
{
	const PGresult *result = look->result;
	const char *code =
		PQgetisnull(result, 0, LOOK_CODE) ? look->planned.code : PQgetvalue(result, 0, LOOK_CODE);

	rights->owner = xstrdup(PQgetvalue(result, 0, LOOK_OWNER));
	rights->code = code != NULL ? xstrdup(code) : NULL;
	rights->as_owner = look->turn;
	if (look->turn && is_true(result, LOOK_OWN) && code != NULL &&
		!check_superusers_code(connection, oid, look, true))
		return false;
	if (look->turn)
		return check_rules(look);
	if (is_true(result, LOOK_OWNED_BY_SUPERUSER))
		return check_superusers_code(connection, oid, look, false);
	if (is_true(result, LOOK_SUPERUSER))
		rights->as_owner = code != NULL;
	else
		/* In another role code can make a superuser's session one again. */
		rights->as_owner =
			is_true(result, LOOK_SESSION_SUPERUSER) || (code != NULL && !is_true(result, LOOK_OWN));
	if (rights->as_owner && code != NULL)
		log_debug("table %s: rows are added as \"%s\" because of %s", look->shown, rights->owner,
				  code);
	/* One's own table; but whose functions and types are they? */
	if (!rights->as_owner && code != NULL)
		return check_superusers_code(connection, oid, look, true);
	return !rights->as_owner || check_rules(look);
}

/* A partition's code may be that of somebody else; a root's rights are those of its owner. */
static bool
check_owner(const Look *look, const RowRights *rights, Connection *connection)
{
	const char *params[1] = {rights->owner};
	PGresult *result;
	bool good;

	if (!rights->as_owner)
		return true;
	result = connection_query(connection,
							  "SELECT rolsuper FROM pg_catalog.pg_roles"
							  " WHERE rolname = $1::pg_catalog.name",
							  1, params);
	good = result != NULL;
	if (good && PQntuples(result) == 1 && is_true(result, 0))
		good =
			refuse(look->shown, "It belongs to a superuser, and some of its partitions to others.");
	PQclear(result);
	return good;
}

bool
row_rights_decide(const Settings *settings, Connection *connection, const ManifestTable *source,
				  const char *target, uint32_t oid, bool counted, RowRights *rights)
{
	Look look = {target, NULL, {NULL, NULL}, false, NULL};
	const char *params[4];
	char *now;
	char *columns;
	bool good;

	memset(rights, 0, sizeof(*rights));
	if (settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	now = oid_of_name(connection, target);
	if (now == NULL)
		return false;
	columns = row_copy_column_array(source);
	params[0] = now;
	params[1] = columns;
	params[2] = target;
	params[3] = settings->part->disable_triggers ? "t" : "f";
	if (oid != 0 && strtoul(now, NULL, 10) != oid)
		good = report_error(EXIT_FAILED, NULL, "Try again.", "table %s was replaced by another one",
							target);
	else
		good = lock_table(settings, connection, now);
	if (good)
		look.result = connection_query(connection, look_query, 4, params);
	good = good && look.result != NULL;
	if (good && PQntuples(look.result) != 1)
		good = report_error(EXIT_FAILED, NULL, "Try again.", "table %s was replaced by another one",
							target);
	good = good && look_at_owners(settings, connection, now, &look) &&
		   look_at_planned(settings, connection, now, counted, &look) &&
		   (!counted || !is_true(look.result, LOOK_SESSION_SUPERUSER) || check_rules(&look)) &&
		   decide(connection, now, &look, rights) && check_owner(&look, rights, connection) &&
		   row_parents_check(connection, now, target, rights) &&
		   (!rights->as_owner || check_trusted(connection, now, &look));
	free(look.gains);
	PQclear(look.result);
	planner_code_free(&look.planned);
	free(columns);
	free(now);
	return good;
}

void
row_rights_free(RowRights *rights)
{
	free(rights->owner);
	free(rights->code);
	rights->owner = rights->code = NULL;
}
