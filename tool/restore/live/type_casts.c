/*-------------------------------------------------------------------------
 *
 * type_casts.c
 *	  Types of the live database for which others can make or change casts.
 *
 *-------------------------------------------------------------------------
 */
#include "type_casts.h"

#include "code_owners.h"

/* Behind that: things to begin CODE_OF() with, casts of these types that only superusers could
 * make. */
#define CASTS_OF_PARTS                                                                             \
	"SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, k.castfunc"                 \
	" FROM pg_catalog.pg_cast k JOIN pg_catalog.pg_type x ON x.oid = k.castsource"                 \
	" JOIN pg_catalog.pg_type y ON y.oid = k.casttarget"                                           \
	" WHERE k.castfunc >= 12000 AND (x.oid IN (SELECT oid FROM parts)"                             \
	"  OR y.oid IN (SELECT oid FROM parts)) AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r"     \
	"  WHERE r.oid IN (x.typowner, y.typowner) AND NOT " ROW_ROLE_IS_TRUSTED ")"

/* Can somebody else than trusted roles and $4 make or change a cast for the type, or for what it is
 * made of?  Here an enum counts, too. */
static const char cast_query[] =
	"WITH RECURSIVE named AS (SELECT t.* FROM pg_catalog.pg_type t"
	" JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
	" WHERE n.nspname = $1::pg_catalog.name AND t.typname = "
	"$2::pg_catalog.name),"
	" chain AS (SELECT oid, typbasetype FROM named UNION ALL SELECT "
	"t.oid, t.typbasetype"
	"  FROM chain c JOIN pg_catalog.pg_type t ON t.oid = "
	"c.typbasetype), " PARTS_OF(
		"SELECT oid FROM chain WHERE "
		"typbasetype = 0 OR "
		"$3::pg_catalog.bool") ", " CODE_OF(CASTS_OF_PARTS) " SELECT EXISTS (SELECT FROM "
															"(" PARTS_OWNERS
															" UNION ALL " CODE_OWNERS ") x"
															" JOIN pg_catalog.pg_roles r ON r.oid "
															"= x.o "
															"WHERE NOT " ROW_ROLE_IS_TRUSTED
															" AND r.rolname::pg_catalog.text <> "
															"ALL "
															"($4::pg_catalog.text[]))";

/*
 * The same of the columns of a key where the two have different types; and
 * whether $1 is not the owner of all such types and casts.
 */
#define KEY_TYPES(pairs)                                                                           \
	"WITH RECURSIVE " KEY_CASTS_OF(pairs) ", " CODE_OF(                                            \
		"SELECT class, object FROM key_casts") " SELECT COALESCE(pg_catalog.bool_or(true), "       \
											   "false),"                                           \
											   " COALESCE(pg_catalog.bool_or(r.rolname <> "        \
											   "$1::pg_catalog.name), false)"                      \
											   " FROM (" PARTS_OWNERS " UNION ALL " CODE_OWNERS    \
											   ") x"                                               \
											   " JOIN pg_catalog.pg_roles r ON r.oid = x.o WHERE " \
											   "NOT " ROW_ROLE_IS_TRUSTED

static const char key_types_query[] =
	KEY_TYPES("SELECT a.atttypid AS one, b.atttypid AS two"
			  "  FROM ROWS FROM (pg_catalog.unnest($3::pg_catalog.text[]),"
			  "   pg_catalog.unnest($5::pg_catalog.text[])) u (one, two)"
			  "  JOIN pg_catalog.pg_attribute a ON a.attrelid = $2::pg_catalog.oid"
			  "   AND a.attname::pg_catalog.text = u.one"
			  "  JOIN pg_catalog.pg_attribute b ON b.attrelid = $4::pg_catalog.oid"
			  "   AND b.attname::pg_catalog.text = u.two");

/* The same of all keys of a table, and of those that it is a partition of. */
static const char keys_types_query[] = KEY_TYPES(
	KEY_PAIRS("(f.conrelid = $2::pg_catalog.oid OR f.conrelid IN (SELECT p.relid FROM"
			  " pg_catalog.pg_partition_ancestors($2::pg_catalog.oid::pg_catalog.regclass) p))"));

bool
type_can_get_casts(Connection *connection, const char *schema, const char *name, bool whole,
				   const char *roles, bool *others)
{
	const char *params[4] = {schema, name, whole ? "t" : "f", roles};
	PGresult *result = connection_query(connection, cast_query, 4, params);

	*others = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return result != NULL;
}

static bool
ask_keys(Connection *connection, const char *query, int nparams, const char *const *params,
		 bool *others, bool *owners)
{
	PGresult *result = connection_query(connection, query, nparams, params);

	*others = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';
	*owners = result != NULL && PQgetvalue(result, 0, 1)[0] == 'f';
	PQclear(result);
	return result != NULL;
}

bool
type_casts_of_key(Connection *connection, char *const *tables, char *const *columns,
				  const char *owner, bool *others, bool *owners)
{
	const char *params[5] = {owner, tables[0], columns[0], tables[1], columns[1]};

	return ask_keys(connection, key_types_query, 5, params, others, owners);
}

bool
type_casts_of_keys(Connection *connection, const char *table, const char *owner, bool *others,
				   bool *owners)
{
	const char *params[2] = {owner, table};

	return ask_keys(connection, keys_types_query, 2, params, others, owners);
}
