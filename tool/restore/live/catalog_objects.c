/*-------------------------------------------------------------------------
 *
 * catalog_objects.c
 *	  SQL: the objects of all catalogs, whose they are, and what they are part of.
 *
 * pg_depend names objects by catalog and number.  Who can change one, only its
 * own catalog says, and each says it in another way: a constraint is its
 * table's, and a function of an operator class has no owner at all.  So this is
 * a list, and a list is complete only until the next version of PostgreSQL.
 * What is in neither table of this file counts as something that others can
 * change, and as something by which they would gain (bound_objects.c); a test
 * fails when a server has a catalog that is not here.
 *
 *-------------------------------------------------------------------------
 */
#include "catalog_objects.h"

#include <stddef.h>
#include <stdbool.h>

/* Columns are of the catalog itself (k) or of what it is joined to; NULL: the first choice. */
typedef struct CatalogObjects
{
	SqlConstant catalog;
	SqlConstant owner;       /* "NULL": nobody, so that nothing bounds who made it */
	SqlConstant whole_class; /* k.tableoid */
	SqlConstant whole;       /* k.oid */
	SqlConstant schema;      /* NULL */
	SqlConstant name;        /* NULL: by itself */
	SqlConstant copied;      /* false */
	SqlConstant joined;      /* nothing */
} CatalogObjects;

#define ITSELF(name_, owner_)                                                                      \
	{                                                                                              \
		.catalog = {name_}, .owner = { owner_ }                                                    \
	}
#define OF_TABLE(name_, column)                                                                    \
	.catalog = {name_}, .owner = {"w.relowner"}, .whole_class = {"w.tableoid"},                    \
	.whole = {"w.oid"}, .joined = {"JOIN pg_catalog.pg_class w ON w.oid = k." column}
#define OF_FAMILY(name_, column)                                                                   \
	{                                                                                              \
		.catalog = {name_}, .owner = {"NULL"}, .whole_class = {"w.tableoid"}, .whole = {"w.oid"},  \
		.joined = {                                                                                \
			"JOIN pg_catalog.pg_opfamily w ON w.oid = k." column                                   \
		}                                                                                          \
	}

#define COMES_WITH_ANOTHER                                                                         \
	"EXISTS (SELECT FROM pg_catalog.pg_depend d"                                                   \
	" WHERE d.classid = k.tableoid AND d.objid = k.oid AND d.deptype = 'i')"

static const CatalogObjects catalogs[] = {
	{.catalog = {"pg_class"},
	 .owner = {"k.relowner"},
	 .whole_class = {"COALESCE(t.tableoid, k.tableoid)"},
	 .whole = {"COALESCE(t.oid, i.indrelid, k.oid)"},
	 .name = {"CASE WHEN i.indexrelid IS NOT NULL THEN k.relname END"},
	 .copied = {"k.relkind IN ('i', 'I') AND k.relispartition"},
	 .joined = {"LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = k.oid"
				" LEFT JOIN pg_catalog.pg_type t ON t.oid = k.reltype AND k.relkind = 'c'"}},
	{.catalog = {"pg_type"},
	 .owner = {"k.typowner"},
	 .whole_class = {"COALESCE(c.tableoid, b.tableoid)"},
	 .whole = {"COALESCE(c.oid, b.oid)"},
	 .joined = {"LEFT JOIN pg_catalog.pg_type e ON e.oid = k.typelem AND e.typarray = k.oid"
				" LEFT JOIN pg_catalog.pg_range g ON g.rngmultitypid = COALESCE(e.oid, k.oid)"
				" JOIN pg_catalog.pg_type b ON b.oid = COALESCE(g.rngtypid, e.oid, k.oid)"
				" LEFT JOIN pg_catalog.pg_class c ON c.oid = b.typrelid AND c.relkind <> 'c'"}},
	/* The server makes functions and a cast for a range type; 12: language internal. */
	{.catalog = {"pg_proc"},
	 .owner = {"k.proowner"},
	 .copied = {"k.prolang = 12 AND " COMES_WITH_ANOTHER}},
	ITSELF("pg_operator", "k.oprowner"),
	ITSELF("pg_opclass", "k.opcowner"),
	ITSELF("pg_opfamily", "k.opfowner"),
	ITSELF("pg_conversion", "k.conowner"),
	ITSELF("pg_ts_dict", "k.dictowner"),
	ITSELF("pg_ts_config", "k.cfgowner"),
	ITSELF("pg_language", "k.lanowner"),
	ITSELF("pg_foreign_data_wrapper", "k.fdwowner"),
	ITSELF("pg_foreign_server", "k.srvowner"),
	ITSELF("pg_event_trigger", "k.evtowner"),
	{OF_TABLE("pg_rewrite", "ev_class"), .name = {"k.rulename"}},
	{OF_TABLE("pg_attrdef", "adrelid"),
	 .name = {"(SELECT a.attname FROM pg_catalog.pg_attribute a"
			  " WHERE a.attrelid = k.adrelid AND a.attnum = k.adnum)"}},
	{OF_TABLE("pg_constraint", "conrelid"), .name = {"k.conname"},
	 .copied = {"k.conparentid <> 0"}},
	{.catalog = {"pg_constraint"},
	 .owner = {"t.typowner"},
	 .whole_class = {"t.tableoid"},
	 .whole = {"t.oid"},
	 .name = {"k.conname"},
	 .joined = {"JOIN pg_catalog.pg_type t ON t.oid = k.contypid"}},
	{OF_TABLE("pg_trigger", "tgrelid"), .name = {"k.tgname"},
	 .copied = {"k.tgisinternal OR k.tgparentid <> 0"}},
	{OF_TABLE("pg_policy", "polrelid"), .name = {"k.polname"}},
	{.catalog = {"pg_statistic_ext"},
	 .owner = {"k.stxowner"},
	 .whole_class = {"w.tableoid"},
	 .whole = {"w.oid"},
	 .schema = {"(SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = k.stxnamespace)"},
	 .name = {"k.stxname"},
	 .joined = {"JOIN pg_catalog.pg_class w ON w.oid = k.stxrelid"}},
	/* What an operator class is made of, the archive says of its family. */
	OF_FAMILY("pg_amop", "amopfamily"),
	OF_FAMILY("pg_amproc", "amprocfamily"),
	{.catalog = {"pg_cast"}, .owner = {"NULL"}, .copied = {COMES_WITH_ANOTHER}},
	ITSELF("pg_transform", "NULL"),
	ITSELF("pg_ts_parser", "NULL"),
	ITSELF("pg_ts_template", "NULL"),
	ITSELF("pg_am", "NULL"),
};

/* What runs nothing. */
typedef struct InertCatalog
{
	SqlConstant catalog;
	bool uses; /* also not what it uses */
} InertCatalog;

static const InertCatalog inert[] = {
	/* Names, places and values. */
	{{"'pg_namespace'"}, true},
	{{"'pg_extension'"}, false},
	{{"'pg_language'"}, false},
	{{"'pg_collation'"}, true},
	{{"'pg_enum'"}, true},
	{{"'pg_largeobject_metadata'"}, true},
	/* Options, grants and lists; publications have conditions of PostgreSQL's functions alone. */
	{{"'pg_default_acl'"}, true},
	{{"'pg_user_mapping'"}, true},
	{{"'pg_publication'"}, true},
	{{"'pg_publication_rel'"}, true},
	{{"'pg_publication_namespace'"}, true},
	/* Made of functions in C, by superusers, and belonging to nobody. */
	{{"'pg_am'"}, false},
	{{"'pg_transform'"}, false},
	{{"'pg_ts_parser'"}, false},
	{{"'pg_ts_template'"}, false},
};

static void
add_column(SqlText *sql, SqlConstant column, SqlConstant otherwise)
{
	sql_append(sql, ", ");
	sql_append_constant(sql, column.text != NULL ? column : otherwise);
}

static void
add_catalog(SqlText *sql, const CatalogObjects *objects)
{
	sql_append(sql, "SELECT k.tableoid, k.oid");
	add_column(sql, objects->owner, SQL("NULL"));
	sql_append(sql, ", k.xmin");
	add_column(sql, objects->whole_class, SQL("k.tableoid"));
	add_column(sql, objects->whole, SQL("k.oid"));
	add_column(sql, objects->schema, SQL("NULL"));
	add_column(sql, objects->name, SQL("NULL"));
	add_column(sql, objects->copied, SQL("false"));
	sql_append(sql, " FROM pg_catalog.");
	sql_append_constant(sql, objects->catalog);
	sql_append(sql, " k ");
	if (objects->joined.text != NULL)
		sql_append_constant(sql, objects->joined);
	sql_append(sql, " WHERE k.oid >= 16384");
}

void
catalog_objects_add(SqlText *sql)
{
	size_t i;

	sql_append(sql,
			   "objects (class, oid, owner, id, whole_class, whole, schema, name, copied) AS (");
	for (i = 0; i < sizeof(catalogs) / sizeof(catalogs[0]); i++)
	{
		if (i > 0)
			sql_append(sql, " UNION ALL ");
		add_catalog(sql, &catalogs[i]);
	}
	sql_append(sql, "), inert (class, uses) AS (SELECT c.oid, n.uses FROM (VALUES ");
	for (i = 0; i < sizeof(inert) / sizeof(inert[0]); i++)
	{
		if (i > 0)
			sql_append(sql, ", ");
		sql_append(sql, "(");
		sql_append_constant(sql, inert[i].catalog);
		sql_append_constant(sql, inert[i].uses ? SQL(", true)") : SQL(", false)"));
	}
	sql_append(sql, ") AS n (name, uses) JOIN pg_catalog.pg_class c ON c.relname = n.name"
					" AND c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace)");
}
