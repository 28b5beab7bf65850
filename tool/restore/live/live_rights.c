/*-------------------------------------------------------------------------
 *
 * live_rights.c
 *	  May the owner of what is restored still use what is there like this?
 *
 * Some rights are asked for only once, when an object is created: to inherit
 * from a table or to become its partition (its owner's), to refer to a table by
 * a foreign key (REFERENCES), to call a function by a trigger, an operator or
 * an aggregate (EXECUTE), to have a column of a type, a function in a language,
 * a foreign table of a server (USAGE).  What the session makes by its name
 * alone would be made with the session's rights.  If the right was taken away
 * since the backup, or the table was taken over, the restore would give it
 * back: a superuser's row would go to a partition with the triggers of others.
 *
 * So all that the entries of ordinary owners use of the live database is asked
 * for in one query.  What comes with the part is not there yet, and is not
 * found under its name: it is used as it was in the backup.  Nothing is locked:
 * who can change grants and owners of these objects does not gain by it.
 *
 * The rights are asked for as they are now.  Whether the owner had them at the
 * time of the backup, or a superuser made the object in the owner's name, does
 * not matter; a GRANT helps in both cases.  CREATE on schemas, databases and
 * tablespaces is not asked for, because nothing can be gained by it but space.
 *
 *-------------------------------------------------------------------------
 */
#include "live_rights.h"

#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "definition_names.h"
#include "log.h"
#include "memory.h"
#include "owner_settings.h"
#include "quote.h"
#include "row_copy.h"
#include "settings.h"
#include "sql_name.h"
#include "sql_text.h"

/* What is wanted, in columns, each an array of text. */
typedef enum WantedColumn
{
	WANTED_KIND,
	WANTED_AUTHOR,
	WANTED_SCHEMA,
	WANTED_NAME,
	WANTED_COLUMNS, /* of a foreign key, an array of their names */
	WANTED_PLACE,   /* of the entry */
	NWANTED
} WantedColumn;

typedef struct Wanted
{
	const Selection *selection;
	Buffer columns[NWANTED];
	const TocEntry *entry;
} Wanted;

/* What an author may not do, how it is called, and what helps. */
static const char rights_query[] =
	"WITH wanted AS (SELECT w.*, a.oid AS role, n.oid AS namespace FROM ROWS FROM ("
	"   pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]),"
	"   pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.text[]),"
	"   pg_catalog.unnest($5::pg_catalog.text[]), pg_catalog.unnest($6::pg_catalog.text[]))"
	"   AS w (kind, author, schema, name, columns, place)"
	"  JOIN pg_catalog.pg_roles a ON a.rolname = w.author AND NOT a.rolsuper"
	"  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema),"
	" missing AS (SELECT w.*, 'ownership' AS privilege, 'TABLE' AS class,"
	"   pg_catalog.format('%I.%I', w.schema, w.name) AS object"
	"  FROM wanted w JOIN pg_catalog.pg_class c ON c.relnamespace = w.namespace"
	"   AND c.relname = w.name"
	"  WHERE w.kind = 'parent' AND NOT pg_catalog.pg_has_role(w.role, c.relowner, 'USAGE')"
	" UNION ALL SELECT w.*, 'REFERENCES', 'TABLE', pg_catalog.format('%I.%I', w.schema, w.name)"
	"  FROM wanted w JOIN pg_catalog.pg_class c ON c.relnamespace = w.namespace"
	"   AND c.relname = w.name"
	"  WHERE w.kind = 'key' AND NOT pg_catalog.has_table_privilege(w.role, c.oid, 'REFERENCES')"
	"  AND (w.columns = '{}' OR EXISTS (SELECT"
	"    FROM pg_catalog.unnest(w.columns::pg_catalog.text[]) k (name)"
	"    LEFT JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid AND t.attname = k.name"
	"     AND t.attnum > 0"
	"    WHERE t.attnum IS NULL OR"
	"     NOT pg_catalog.has_column_privilege(w.role, c.oid, t.attnum, 'REFERENCES')))"
	" UNION ALL SELECT w.*, 'EXECUTE', 'FUNCTION',"
	"   pg_catalog.format('%I.%I(%s)', w.schema, w.name,"
	"    pg_catalog.pg_get_function_identity_arguments(f.oid))"
	"  FROM wanted w JOIN pg_catalog.pg_proc f ON f.pronamespace = w.namespace"
	"   AND f.proname = w.name"
	"  WHERE (w.kind = 'function' OR (w.kind = 'trigger'"
	"    AND f.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype))"
	"  AND NOT pg_catalog.has_function_privilege(w.role, f.oid, 'EXECUTE')"
	" UNION ALL SELECT w.*, 'USAGE', 'TYPE', pg_catalog.format('%I.%I', w.schema, w.name)"
	"  FROM wanted w JOIN pg_catalog.pg_type t ON t.typnamespace = w.namespace"
	"   AND t.typname = w.name"
	"  WHERE w.kind = 'type' AND NOT pg_catalog.has_type_privilege(w.role, t.oid, 'USAGE')"
	" UNION ALL SELECT w.*, 'USAGE', 'LANGUAGE', pg_catalog.quote_ident(w.name)"
	"  FROM wanted w JOIN pg_catalog.pg_language l ON l.lanname = w.name AND l.lanpltrusted"
	"  WHERE w.kind = 'language'"
	"  AND NOT pg_catalog.has_language_privilege(w.role, l.oid, 'USAGE')"
	" UNION ALL SELECT w.*, 'USAGE', 'FOREIGN SERVER', pg_catalog.quote_ident(w.name)"
	"  FROM wanted w JOIN pg_catalog.pg_foreign_server s ON s.srvname = w.name"
	"  WHERE w.kind = 'server' AND NOT pg_catalog.has_server_privilege(w.role, s.oid, 'USAGE')"
	" UNION ALL SELECT w.*, 'USAGE', 'FOREIGN DATA WRAPPER', pg_catalog.quote_ident(w.name)"
	"  FROM wanted w JOIN pg_catalog.pg_foreign_data_wrapper x ON x.fdwname = w.name"
	"  WHERE w.kind = 'wrapper'"
	"  AND NOT pg_catalog.has_foreign_data_wrapper_privilege(w.role, x.oid, 'USAGE'))"
	"SELECT place, privilege, class, object, pg_catalog.quote_ident(author), schema, name"
	" FROM missing ORDER BY place::pg_catalog.int4";

static void
want(Wanted *wanted, const char *kind, const char *schema, const char *name, const char *columns)
{
	char *place = xasprintf("%u", wanted->entry->place);
	const char *values[NWANTED] = {kind, wanted->entry->owner, schema, name, columns, place};
	int i;

	for (i = 0; i < NWANTED; i++)
		quote_array_item(&wanted->columns[i], values[i]);
	free(place);
}

/* "(a, "b c")": an array of the names; "{}" if it is not like that.  Caller frees. */
static char *
read_columns(const char *text)
{
	Buffer columns;
	char *name;

	buffer_init(&columns);
	buffer_append_char(&columns, '{');
	if (*text == '(')
	{
		do
		{
			text = sql_name_read(sql_skip_blank(text + 1), &name);
			if (text == NULL)
				break;
			quote_array_item(&columns, name);
			free(name);
			text = sql_skip_blank(text);
		} while (*text == ',');
	}
	if (text == NULL || *text != ')')
	{
		buffer_free(&columns);
		return xstrdup("{}");
	}
	buffer_append_char(&columns, '}');
	return buffer_detach(&columns);
}

/* All names of a list, or one that stands alone. */
static void
want_names(Wanted *wanted, const char *kind, const char *text)
{
	const char *end;

	do
	{
		char *schema = NULL;
		char *name = NULL;

		end = sql_name_read_qualified(sql_skip_blank(text), &schema, &name);
		if (end != NULL)
		{
			char *columns = strcmp(kind, "key") == 0 ? read_columns(end) : xstrdup("");

			want(wanted, kind, schema, name, columns);
			free(columns);
			text = sql_skip_blank(end);
		}
		free(schema);
		free(name);
	} while (end != NULL && *text == ',' && *(++text) != '\0');
}

/* What follows each of these words.  In a literal, too: asking for more is safe. */
static void
want_behind(Wanted *wanted, const char *kind, const char *words)
{
	const char *found = wanted->entry->definition;

	while ((found = strstr(found, words)) != NULL)
	{
		found += strlen(words);
		want_names(wanted, kind, found);
	}
}

/* Names without a schema behind a word that is no part of a literal or a body. */
static void
want_token(Wanted *wanted, const char *kind, const char *word)
{
	const char *text = sql_skip_blank(wanted->entry->definition);
	size_t length = strlen(word);
	char *name;

	while (*text != '\0')
	{
		const char *end = sql_token_end(text);
		bool found = (size_t) (end - text) == length && strncmp(text, word, length) == 0;

		text = sql_skip_blank(end);
		if (found && sql_name_read(text, &name) != NULL)
		{
			want(wanted, kind, "", name, "");
			free(name);
		}
	}
}

/* Types of columns, and functions of triggers: those of extensions have no entries. */
static void
want_used_names(Wanted *wanted)
{
	UsedNames names;
	uint32_t i;

	definition_names_read(wanted->entry, &names);
	for (i = 0; i < names.count; i++)
	{
		const UsedName *used = &names.items[i];

		if (used->schema == NULL)
			continue;
		if (used->use == NAME_COLUMN_TYPE || used->use == NAME_ROW_TYPE)
			want(wanted, "type", used->schema, used->name, "");
		else if (used->use == NAME_NILADIC && toc_entry_is(wanted->entry, "TRIGGER"))
			want(wanted, "trigger", used->schema, used->name, "");
	}
	definition_names_free(&names);
}

/* The name alone of "f(integer)". */
static char *
name_of_function(const TocEntry *function)
{
	const char *end = strchr(function->tag, '(');

	return end != NULL ? xasprintf("%.*s", (int) (end - function->tag), function->tag)
					   : xstrdup(function->tag);
}

/* What the archive says that it depends on. */
static void
want_needed(Wanted *wanted)
{
	static const char *const calling[] = {"AGGREGATE", "OPERATOR", "CONVERSION", "TYPE", NULL};
	static const char *const typed[] = {"TABLE",     "FOREIGN TABLE", "FUNCTION",
										"PROCEDURE", "TYPE",          "AGGREGATE",
										"DOMAIN",    "OPERATOR",      NULL};
	const TocEntry *entry = wanted->entry;
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&wanted->selection->toc, entry->depends_on[d]);

		if (other == NULL || selection_includes(wanted->selection, other))
			continue;
		if ((toc_entry_is(other, "TYPE") || toc_entry_is(other, "DOMAIN")) &&
			toc_entry_is_any(entry, typed))
			want(wanted, "type", other->schema, other->tag, "");
		else if (toc_entry_is(other, "FUNCTION") && toc_entry_is_any(entry, calling))
		{
			char *name = name_of_function(other);

			want(wanted, "function", other->schema, name, "");
			free(name);
		}
		else if (toc_entry_is(other, "SERVER") && toc_entry_is(entry, "FOREIGN TABLE"))
			want(wanted, "server", "", other->tag, "");
		else if (toc_entry_is(other, "FOREIGN DATA WRAPPER") && toc_entry_is(entry, "SERVER"))
			want(wanted, "wrapper", "", other->tag, "");
	}
}

static void
want_of(Wanted *wanted)
{
	static const char *const coded[] = {"FUNCTION", "PROCEDURE", NULL};
	const TocEntry *entry = wanted->entry;

	if (toc_entry_is_table(entry))
		want_behind(wanted, "parent", "\nINHERITS (");
	else if (toc_entry_is(entry, "TABLE ATTACH"))
		want_behind(wanted, "parent", "ALTER TABLE ONLY ");
	else if (toc_entry_is(entry, "FK CONSTRAINT"))
		want_behind(wanted, "key", " REFERENCES ");
	else if (toc_entry_is_any(entry, coded))
		want_token(wanted, "language", "LANGUAGE");
	want_used_names(wanted);
	want_needed(wanted);
}

/* Is the relation restored, so that, with --as, one of the same name is not what is meant? */
static bool
is_restored(const Selection *selection, const char *schema, const char *name)
{
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is_relation(entry) && strcmp(entry->tag, name) == 0 &&
			strcmp(entry->schema, schema) == 0)
			return selection_includes(selection, entry);
	}
	return false;
}

static bool
report_missing(const TocEntry *entry, const PGresult *missing, int row)
{
	const char *privilege = PQgetvalue(missing, row, 1);
	const char *class = PQgetvalue(missing, row, 2);
	const char *object = PQgetvalue(missing, row, 3);
	const char *author = PQgetvalue(missing, row, 4);
	bool parent = strcmp(privilege, "ownership") == 0;
	char *label = toc_entry_label(entry);
	char *detail =
		parent ? xasprintf("It would be a child of %s, which belongs to another role.", object)
			   : xasprintf("The role has no %s on %s %s, which is there already.", privilege, class,
						   object);
	char *way =
		parent ? xasprintf("change the owner (ALTER TABLE %s OWNER TO %s)", object, author)
			   : xasprintf("grant it (GRANT %s ON %s %s TO %s)", privilege, class, object, author);
	char *hint = xasprintf("If the role should have it again, %s.  Otherwise restore into a new "
						   "database (--to=NEWDB), or, if you trust everybody whose code the part "
						   "has, use --rows-as=session.",
						   way);

	report_error(EXIT_FAILED, detail, hint, "role %s could not create %s now", author, label);
	free(hint);
	free(way);
	free(detail);
	free(label);
	return false;
}

static bool
ask(Wanted *wanted, Connection *connection)
{
	const Selection *selection = wanted->selection;
	const char *params[NWANTED];
	PGresult *missing;
	bool good;
	int i;

	for (i = 0; i < NWANTED; i++)
		params[i] = wanted->columns[i].data;
	missing = connection_query(connection, rights_query, NWANTED, params);
	good = missing != NULL;
	for (i = 0; good && i < PQntuples(missing); i++)
	{
		const TocEntry *entry =
			&selection->toc.entries[strtoul(PQgetvalue(missing, i, 0), NULL, 10)];

		good = (selection->renames &&
				is_restored(selection, PQgetvalue(missing, i, 5), PQgetvalue(missing, i, 6))) ||
			   report_missing(entry, missing, i);
	}
	PQclear(missing);
	return good;
}

bool
live_rights_check(const RestorePlan *plan, Connection *connection, const PGresult *superusers)
{
	Wanted wanted = {.selection = plan->selection};
	const ArchiveToc *toc = &plan->selection->toc;
	bool good = true;
	uint32_t i;

	/* Everything is the session's then, which the server asks itself. */
	if (plan->settings->owners->no_owner)
		return true;
	for (i = 0; i < NWANTED; i++)
	{
		buffer_init(&wanted.columns[i]);
		buffer_append_char(&wanted.columns[i], '{');
	}
	for (i = 0; i < toc->count; i++)
	{
		wanted.entry = &toc->entries[i];
		if (selection_includes(plan->selection, wanted.entry) && wanted.entry->owner[0] != '\0' &&
			wanted.entry->definition != NULL && !result_has(superusers, wanted.entry->owner))
			want_of(&wanted);
	}
	for (i = 0; i < NWANTED; i++)
		buffer_append_char(&wanted.columns[i], '}');
	good = ask(&wanted, connection);
	for (i = 0; i < NWANTED; i++)
		buffer_free(&wanted.columns[i]);
	return good;
}
