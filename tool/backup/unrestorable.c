/*-------------------------------------------------------------------------
 *
 * unrestorable.c
 *	  What a database has and no server takes back.
 *
 * PostgreSQL lets a definition be changed so that what is there could not come
 * about once more.  A backup holds it, rows and all, and verifies; the restore
 * fails, or leaves something out.  The time to say so is when it can still be
 * put right.  Only what the catalog tells is looked for: reading rows to
 * find more would call functions of the tables' owners.  How many steps there
 * are from views to what they read is up to the views' owners, and they grow
 * with the square of the views; so each look ends after some seconds.
 *
 *-------------------------------------------------------------------------
 */
#include "unrestorable.h"

#include <stdlib.h>
#include <string.h>

#include "backup_warning.h"
#include "log.h"
#include "longest_comment.h"
#include "memory.h"
#include "quote.h"
#include "session_text.h"

#define MOST_OF_A_KIND 20
#define MOST_TIME "10s" /* for all of a kind */

typedef struct Trouble
{
	const char *hint;
	SqlConstant query; /* a warning a row; with a name behind it, unless that is text */
} Trouble;

/* Names as pg_dump has them are empty: this is the same for all who look. */
#define NAME_OF(relation) relation "::pg_catalog.regclass::pg_catalog.text"

/* What the query of a view reads: pairs of relations, or of a relation and a function. */
#define READS                                                                                      \
	"reads AS (SELECT r.ev_class AS view, d.refobjid AS rel, d.refclassid AS class"                \
	" FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.objid = r.oid"                 \
	"  AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refobjid <> r.ev_class"  \
	" WHERE r.rulename = '_RETURN')"

/* pg_dump leaves out the REFRESH, which would fail. */
#define READS_UNPOPULATED                                                                          \
	"WITH RECURSIVE " READS ", below AS (SELECT c.oid AS view, r.rel FROM pg_catalog.pg_class c"   \
	"  JOIN reads r ON r.view = c.oid AND r.class = 'pg_catalog.pg_class'::pg_catalog.regclass"    \
	"  WHERE c.relkind = 'm' AND c.relispopulated"                                                 \
	" UNION SELECT b.view, r.rel FROM below b JOIN reads r ON r.view = b.rel"                      \
	"  AND r.class = 'pg_catalog.pg_class'::pg_catalog.regclass)"                                  \
	" SELECT DISTINCT ON (b.view) pg_catalog.format('materialized view %s is populated, but"       \
	" reads %s, which is not: a restore leaves it without rows',"                                  \
	"  " NAME_OF("b.view") ", " NAME_OF(                                                           \
		"b.rel") ") FROM below b"                                                                  \
				 " JOIN pg_catalog.pg_class c ON c.oid = b.rel"                                    \
				 " WHERE c.relkind = 'm' AND NOT c.relispopulated ORDER BY b.view, b.rel"

/* The REFRESH runs as the owner; below a view, what it reads is read as that of the view. */
#define MAY_NOT_READ                                                                               \
	"WITH RECURSIVE " READS ", below AS (SELECT c.oid AS view, c.relowner AS owner, r.rel,"        \
	"  r.class FROM pg_catalog.pg_class c JOIN reads r ON r.view = c.oid"                          \
	"  WHERE c.relkind = 'm' AND c.relispopulated"                                                 \
	" UNION SELECT b.view, CASE WHEN c.reloptions && ARRAY['security_invoker=true',"               \
	"   'security_invoker=on', 'security_invoker=1'] THEN b.owner ELSE c.relowner END,"            \
	"  r.rel, r.class FROM below b JOIN pg_catalog.pg_class c ON c.oid = b.rel"                    \
	"   AND b.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.relkind = 'v'"              \
	"  JOIN reads r ON r.view = c.oid)"                                                            \
	" SELECT DISTINCT ON (b.view) pg_catalog.format('materialized view %s cannot be refreshed,"    \
	" and so not restored: its owner, or that of a view that it reads, may not use %s',"           \
	"  " NAME_OF("b.view") ", CASE WHEN b.class = 'pg_catalog.pg_class'::pg_catalog.regclass"      \
						   "   THEN 'relation ' || " NAME_OF(                                      \
							   "b.rel") "   ELSE 'function ' || "                                  \
										"b.rel::pg_catalog.regprocedure::pg_catalog.text END)"     \
										" FROM below b WHERE CASE b.class WHEN "                   \
										"'pg_catalog.pg_class'::pg_catalog.regclass"               \
										"  THEN NOT pg_catalog.has_any_column_privilege(b.owner, " \
										"b.rel, 'SELECT')"                                         \
										"   AND NOT pg_catalog.has_table_privilege(b.owner, "      \
										"b.rel, 'SELECT')"                                         \
										"  WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass"         \
										"  THEN NOT pg_catalog.has_function_privilege(b.owner, "   \
										"b.rel, 'EXECUTE')"                                        \
										"  ELSE false END ORDER BY b.view, b.rel"

#define STORED_PLAIN                                                                               \
	"SELECT pg_catalog.format('rows of table %s may be too big to be restored: column %I has"      \
	" storage PLAIN, but values are stored out of line', " NAME_OF(                                \
		"c.oid") ", a.attname)"                                                                    \
				 " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = "     \
				 "c.oid"                                                                           \
				 " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"                                \
				 " WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT "    \
				 "a.attisdropped AND "                                                             \
				 "a.attstorage = 'p'"                                                              \
				 "  AND t.typlen = -1 AND t.typstorage <> 'p' AND c.reltoastrelid <> 0"            \
				 "  AND pg_catalog.pg_relation_size(c.reltoastrelid) > 0 ORDER BY c.oid, a.attnum"

/* A label is hashed by its oid; arrays and ranges of labels, too. */
#define HASH_OF_LABELS                                                                             \
	"SELECT pg_catalog.format('rows of table %s may find no partition when they are restored:"     \
	" the hash of an enum differs between databases, and not each remainder has a partition',"     \
	"  " NAME_OF(                                                                                  \
		"p.partrelid") ") FROM pg_catalog.pg_partitioned_table p"                                  \
					   " JOIN pg_catalog.pg_class h ON h.oid = p.partrelid AND h.relpersistence "  \
					   "<> 't'"                                                                    \
					   " WHERE p.partstrat = 'h' AND EXISTS (SELECT FROM pg_catalog.pg_attribute " \
					   "a"                                                                         \
					   "   JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"                        \
					   "   LEFT JOIN pg_catalog.pg_range r ON t.oid IN (r.rngtypid, "              \
					   "r.rngmultitypid)"                                                          \
					   "   LEFT JOIN pg_catalog.pg_type e ON e.oid IN (t.typelem, t.typbasetype, " \
					   "r.rngsubtype)"                                                             \
					   "   WHERE a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs)"        \
					   "   AND 'e' IN (t.typtype, e.typtype))"                                     \
					   " AND (SELECT coalesce(pg_catalog.sum(1.0 / pg_catalog.substring("          \
					   "   pg_catalog.pg_get_expr(c.relpartbound, c.oid), 'modulus "               \
					   "([0-9]+)')::pg_catalog.numeric),"                                          \
					   "   0) FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid "  \
					   "= i.inhrelid"                                                              \
					   "   WHERE i.inhparent = p.partrelid) BETWEEN 1e-9 AND 0.999 ORDER BY "      \
					   "p.partrelid"

/* Of what is not described by pg_dump; large_objects.c and database_settings.c leave them out. */
#define COMMENT_TOO_LONG                                                                           \
	"WITH me AS (SELECT oid FROM pg_catalog.pg_database"                                           \
	"  WHERE datname = pg_catalog.current_database())"                                             \
	" SELECT pg_catalog.format('%s has more than " LONGEST_COMMENT_SAID                            \
	" and is left out of the backup', s.what) FROM ("                                              \
	"  SELECT 0 AS place, d.objoid, pg_catalog.format('the comment of large object %s',"           \
	"    d.objoid) AS what, d.description AS text FROM pg_catalog.pg_description d"                \
	"   WHERE d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass"                       \
	"  UNION ALL SELECT 1, l.objoid, pg_catalog.format('a security label of large object %s',"     \
	"    l.objoid), l.label FROM pg_catalog.pg_seclabel l"                                         \
	"   WHERE l.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass"                       \
	"  UNION ALL SELECT 2, 0, 'the comment of the database', d.description"                        \
	"   FROM pg_catalog.pg_shdescription d JOIN me ON d.objoid = me.oid"                           \
	"   WHERE d.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass"                          \
	"  UNION ALL SELECT 3, 0, 'a security label of the database', l.label"                         \
	"   FROM pg_catalog.pg_shseclabel l JOIN me ON l.objoid = me.oid"                              \
	"   WHERE l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass"                          \
	" ) s WHERE pg_catalog.octet_length(s.text) > " LONGEST_COMMENT " ORDER BY s.place, s.objoid"

/* The bytes of a role's name are those of the database in which it was given. */
#define NAME_NO_TEXT                                                                               \
	"SELECT pg_catalog.format('the name of role \"%s\", which owns or was granted something in "   \
	"this"                                                                                         \
	" database, is not valid text in its encoding: no server takes the statements that name it',"  \
	"  r.rolname), r.rolname FROM pg_catalog.pg_roles r WHERE r.oid IN (SELECT d.refobjid"         \
	"  FROM pg_catalog.pg_shdepend d WHERE d.refclassid = "                                        \
	"  'pg_catalog.pg_authid'::pg_catalog.regclass AND d.dbid = (SELECT m.oid"                     \
	"   FROM pg_catalog.pg_database m WHERE m.datname = pg_catalog.current_database())"            \
	"  UNION ALL SELECT m.datdba FROM pg_catalog.pg_database m"                                    \
	"   WHERE m.datname = pg_catalog.current_database()) ORDER BY r.oid"

static const Trouble troubles[] = {
	{"Use REFRESH MATERIALIZED VIEW for the one that is not populated, or for both after a "
	 "restore.",
	 SQL(READS_UNPOPULATED)},
	{"Grant the owner what the query needs, or restore with --exclude-table.", SQL(MAY_NOT_READ)},
	{"Use ALTER TABLE ... ALTER COLUMN ... SET STORAGE EXTENDED, and make another backup.",
	 SQL(STORED_PLAIN)},
	{"Create the partitions that are missing, and make another backup.", SQL(HASH_OF_LABELS)},
	{"Shorten it with COMMENT or SECURITY LABEL, and make another backup.", SQL(COMMENT_TOO_LONG)},
	{"Rename the role in a session of the database whose encoding its name has, and make another "
	 "backup; a restore of this one needs --on-object-error=skip.",
	 SQL(NAME_NO_TEXT)},
};

static void
warn_of(const Connection *connection, Manifest *manifest, const Trouble *trouble,
		const PGresult *result)
{
	int found = 0;
	int i;

	for (i = 0; i < PQntuples(result); i++)
	{
		char *text;

		if (PQnfields(result) > 1 && session_text_is(connection, PQgetvalue(result, i, 1)))
			continue;
		if (found++ >= MOST_OF_A_KIND)
			continue;
		text = printable_name(PQgetvalue(result, i, 0));
		backup_warning(manifest, trouble->hint, text);
		free(text);
	}
	if (found > MOST_OF_A_KIND)
	{
		char *text = xasprintf("%d more warnings like the last one", found - MOST_OF_A_KIND);

		backup_warning(manifest, NULL, text);
		free(text);
	}
}

/*
 * All rows are copied already, so that what cannot be found out, because
 * somebody has a lock or the role may not look, is said and no more.
 */
static bool
look_for(Connection *connection, Manifest *manifest, const Trouble *trouble)
{
	PGresult *result;

	if (!connection_command(connection, SQL("SAVEPOINT nex_backup_warnings;"
											"SET LOCAL statement_timeout = '" MOST_TIME "'")))
		return false;
	result = connection_exec(connection, trouble->query);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		warn_of(connection, manifest, trouble, result);
	else
	{
		char *said = xstrdup(connection_message(connection));
		char *text;

		said[strcspn(said, "\n")] = '\0';
		text = xasprintf("could not look for all that cannot be restored: %s", said);
		backup_warning(manifest, NULL, text);
		free(text);
		free(said);
	}
	PQclear(result);
	/* The timeout goes with the savepoint. */
	return connection_command(connection, SQL("ROLLBACK TO SAVEPOINT nex_backup_warnings;"
											  "RELEASE SAVEPOINT nex_backup_warnings"));
}

bool
unrestorable_warn(Connection *connection, Manifest *manifest)
{
	size_t i;

	for (i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
	{
		if (!look_for(connection, manifest, &troubles[i]))
			return false;
	}
	return true;
}
