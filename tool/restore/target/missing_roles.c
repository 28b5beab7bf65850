/*-------------------------------------------------------------------------
 *
 * missing_roles.c
 *	  Roles and tablespaces that a backup needs and the server does not have.
 *
 * They are not part of a database, but its objects belong to roles, grants and
 * settings name them, and tables lie in tablespaces.  pg_restore stops at the
 * first statement that names a missing one; grants and settings come last,
 * after all rows and indexes, and everything would be thrown away.  So all
 * names are collected from the archive's table of contents and from the text
 * of grants, and the server is asked before a database is created.
 *
 * Names in another encoding than UTF-8 are left to the restore itself: only
 * the session that is opened for it will know how to read them.
 *
 *-------------------------------------------------------------------------
 */
#include "missing_roles.h"

#include <stdlib.h>
#include <string.h>

#include "archive_toc.h"
#include "log.h"
#include "member_reader.h"
#include "memory.h"
#include "owner_settings.h"
#include "quote.h"
#include "restore_settings.h"
#include "selection.h"
#include "settings.h"
#include "sql_name.h"
#include "sql_text.h"
#include "unknown_members.h"

/* Names that are shown; a server may lack hundreds. */
#define SHOWN 5

#define ROLES_HINT                                                                                 \
	"\"nex_backup globals restore\" brings them, if the globals were backed up.  --no-owner "      \
	"and --no-privileges restore without owners and grants; --on-object-error=skip restores "      \
	"everything else, and lists what cannot be restored."
#define TABLESPACES_HINT                                                                           \
	"\"nex_backup globals restore\" brings them, if the globals were backed up.  "                 \
	"--no-tablespaces restores into the default one; --on-object-error=skip restores "             \
	"everything else, and lists what cannot be restored."

static const char roles_query[] =
	"SELECT DISTINCT u.name COLLATE \"C\" FROM pg_catalog.unnest($1::pg_catalog.text[]) u (name)"
	" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r"
	"  WHERE r.rolname::pg_catalog.text = u.name) ORDER BY 1";

static const char tablespaces_query[] =
	"SELECT DISTINCT u.name COLLATE \"C\" FROM pg_catalog.unnest($1::pg_catalog.text[]) u (name)"
	" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_tablespace t"
	"  WHERE t.spcname::pg_catalog.text = u.name) ORDER BY 1";

static bool
is_word(const char *text, const char *end, const char *word)
{
	return (size_t) (end - text) == strlen(word) && strncmp(text, word, strlen(word)) == 0;
}

/* PUBLIC is none, unless it is quoted; pg_dump writes it in small letters for a user mapping. */
static void
add_role(const char *text, Lines *roles)
{
	const char *end = sql_token_end(text);
	char *name;

	if (is_word(text, end, "PUBLIC") || is_word(text, end, "public") ||
		sql_name_read(text, &name) == NULL)
		return;
	lines_add(roles, name);
}

/* "DO '… ''ALTER ROLE r IN DATABASE ''…": a setting, for a database of any name. */
static void
read_block(const char *text, const char *end, Lines *roles)
{
	static const char command[] = "''ALTER ROLE ";
	const char *found = strstr(text, command);
	char *name;

	if (found == NULL || found >= end || sql_name_read(found + strlen(command), &name) == NULL)
		return;
	/* A quote is doubled twice here. */
	if (strchr(name, '\'') == NULL)
		lines_add(roles, name);
	else
		free(name);
}

/* "GRANT … TO r", "REVOKE … FROM r", "SET SESSION AUTHORIZATION r", "ALTER ROLE r IN DATABASE". */
static void
read_statement(const char *text, const char *end, bool grants, Lines *roles)
{
	static const char *const before[] = {"TO", "FROM", "AUTHORIZATION", "ROLE", NULL};
	static const char *const of_grants[] = {"GRANT", "REVOKE", "SET", NULL};
	const char *first = sql_skip_blank(text);
	const char *first_end = sql_token_end(first);
	bool settings = is_word(first, first_end, "ALTER");
	bool wanted = settings;
	int i;

	if (is_word(first, first_end, "DO"))
		read_block(first, end, roles);
	for (i = 0; grants && of_grants[i] != NULL; i++)
		wanted |= is_word(first, first_end, of_grants[i]);
	if (!wanted)
		return;
	while (text < end)
	{
		const char *token_end = sql_token_end(text);

		for (i = 0; before[i] != NULL; i++)
		{
			if (is_word(text, token_end, before[i]) && *sql_skip_blank(token_end) != '\'')
				add_role(sql_skip_blank(token_end), roles);
		}
		/* What a setting is set to comes behind a TO as well. */
		if (settings && (is_word(text, token_end, "SET") || is_word(text, token_end, "DATABASE")))
			return;
		text = token_end;
	}
}

void
missing_roles_read(const char *sql, bool grants, Lines *roles)
{
	while (*sql != '\0')
	{
		const char *end = sql_statement_end(sql);

		read_statement(sql, end, grants, roles);
		sql = end;
	}
}

/* What the archive names. */
static void
read_archive(const Settings *settings, const ArchiveToc *toc, Lines *roles, Lines *tablespaces)
{
	static const char *const grants[] = {"ACL", "DEFAULT ACL", NULL};
	static const char mapping[] = "CREATE USER MAPPING FOR ";
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (toc_entry_is_any(entry, grants) && !settings->owners->no_privileges)
			missing_roles_read(entry->definition, true, roles);
		if (toc_entry_is(entry, "USER MAPPING") &&
			strncmp(entry->definition, mapping, strlen(mapping)) == 0)
			add_role(entry->definition + strlen(mapping), roles);
		if (entry->owner[0] != '\0' && !settings->owners->no_owner &&
			!toc_entry_is_any(entry, grants))
			lines_add(roles, xstrdup(entry->owner));
		if (entry->tablespace[0] != '\0' && !settings->restore->no_tablespaces)
			lines_add(tablespaces, xstrdup(entry->tablespace));
	}
}

/* And the settings and grants of the database itself. */
static bool
read_database(const RestorePlan *plan, Lines *roles)
{
	MemberReader reader;
	bool found = false;
	bool good;
	Buffer sql;

	buffer_init(&sql);
	memset(&reader, 0, sizeof(reader));
	good = member_reader_open(&reader, plan->repository, plan->manifest) &&
		   member_reader_read_kind(&reader, MEMBER_DATABASE, &found);
	if (good && found)
	{
		good = known_member_sql(plan->settings, plan->manifest, MEMBER_DATABASE, reader.raw.data,
								plan->working, &sql);
		if (good)
			missing_roles_read(sql.data, !plan->settings->owners->no_privileges, roles);
	}
	buffer_free(&sql);
	member_reader_close(&reader);
	return good;
}

static bool
is_readable(const Manifest *manifest, const char *name)
{
	if (manifest->database.encoding != NULL && strcmp(manifest->database.encoding, "UTF8") == 0)
		return true;
	while (*name != '\0' && (unsigned char) *name < 0x80)
		name++;
	return *name == '\0';
}

/* Report those of the names that the query finds missing. */
static bool
check_names(const RestorePlan *plan, const Lines *names, const char *query, const char *what,
			const char *hint)
{
	const char *params[1];
	PGresult *result;
	Buffer array;
	bool good;
	uint32_t n;
	int i;

	buffer_init(&array);
	buffer_append_char(&array, '{');
	for (n = 0; n < names->count; n++)
	{
		if (is_readable(plan->manifest, names->lines[n]))
			quote_array_item(&array, names->lines[n]);
	}
	buffer_append_char(&array, '}');
	params[0] = array.data;
	result = connection_query(plan->maintenance, query, 1, params);
	buffer_free(&array);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
	{
		int count = PQntuples(result);
		Buffer shown;

		buffer_init(&shown);
		for (i = 0; i < count && i < SHOWN; i++)
		{
			char *name = printable_name(PQgetvalue(result, i, 0));

			buffer_append_string(&shown, i > 0 ? ", \"" : "\"");
			buffer_append_string(&shown, name);
			buffer_append_char(&shown, '"');
			free(name);
		}
		if (count > SHOWN)
			buffer_printf(&shown, " and %d more", count - SHOWN);
		good = report_error(EXIT_FAILED, NULL, hint,
							"the backup needs %ss that this server does not have: %s", what,
							shown.data);
		buffer_free(&shown);
	}
	PQclear(result);
	return good;
}

static void
free_lines(Lines *lines)
{
	uint32_t i;

	for (i = 0; i < lines->count; i++)
		free(lines->lines[i]);
	free(lines->lines);
}

bool
missing_roles_check(const RestorePlan *plan)
{
	Lines roles = {NULL, 0};
	Lines tablespaces = {NULL, 0};
	ArchiveToc toc;
	bool good;

	if (plan->settings->restore->on_object_error == ON_OBJECT_ERROR_SKIP)
		return true;
	if (!archive_toc_load(plan->repository, plan->manifest, &toc))
		return false;
	read_archive(plan->settings, &toc, &roles, &tablespaces);
	good = read_database(plan, &roles) &&
		   check_names(plan, &roles, roles_query, "role", ROLES_HINT) &&
		   check_names(plan, &tablespaces, tablespaces_query, "tablespace", TABLESPACES_HINT);
	archive_toc_free(&toc);
	free_lines(&roles);
	free_lines(&tablespaces);
	return good;
}
