/*-------------------------------------------------------------------------
 *
 * globals_check.c
 *	  Compare a backup of the globals with what the server has.
 *
 * The server's roles are read by the same pg_dumpall that wrote the backup,
 * so that "the same" means: it would be written in the same words.
 *
 *-------------------------------------------------------------------------
 */
#include "globals_check.h"

#include <stdlib.h>
#include <string.h>

#include "client_program.h"
#include "globals_gains.h"
#include "globals_strangers.h"
#include "log.h"
#include "memory.h"
#include "pg_dumpall_session.h"
#include "quote.h"
#include "restore_settings.h"
#include "settings.h"
#include "subprocess.h"
#include "text_list.h"
#include "work_settings.h"

/* ---- roles ---- */

/* The roles that the server has, as pg_dumpall writes them. */
static bool
read_present_roles(GlobalsRestore *restore, const char *directory, GlobalsStatements *present)
{
	char *program = find_client_program(restore->settings->work->pg_bindir, "pg_dumpall",
										connection_version(restore->connection), NULL);
	char *conninfo = program != NULL
						 ? session_conninfo_for_pg_dumpall(restore->target, restore->connection,
														   PQdb(restore->connection->pg), directory)
						 : NULL;
	char *database = database_option(PQdb(restore->connection->pg));
	char *encoding =
		xasprintf("--encoding=%s", PQparameterStatus(restore->connection->pg, "client_encoding"));
	const char *argv[] = {program,
						  "--roles-only",
						  "--no-sync",
						  "--no-password",
						  database,
						  encoding,
						  "--dbname",
						  conninfo,
						  restore->superuser ? NULL : "--no-role-passwords",
						  NULL};
	Buffer script;
	bool good;

	buffer_init(&script);
	good = conninfo != NULL && client_program_script("pg_dumpall", argv, directory, &script, NULL);
	if (good)
		globals_statements_parse(script.data, present);
	if (script.data != NULL)
		explicit_bzero(script.data, script.length);
	buffer_free(&script);
	free(program);
	free(conninfo);
	free(database);
	free(encoding);
	return good;
}

static bool
role_exists(const GlobalsStatements *present, const char *name)
{
	return globals_statements_find(present, GLOBALS_ROLE_ATTRIBUTES, name) != NULL;
}

/* Name of the superuser of initdb; caller frees. */
static char *
bootstrap_role(GlobalsRestore *restore)
{
	PGresult *result = connection_query(
		restore->connection, "SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10", 0, NULL);
	char *name = result != NULL && PQntuples(result) > 0 ? xstrdup(PQgetvalue(result, 0, 0)) : NULL;

	PQclear(result);
	return name;
}

static bool
loses_superuser(const GlobalsStatement *present, const GlobalsStatement *wanted)
{
	return (globals_statement_powers(present) & ~globals_statement_powers(wanted) &
			ROLE_POWER_SUPERUSER) != 0;
}

/* Decide on ALTER ROLE … WITH of a role that exists; true if it has to be refused. */
static bool
decide_existing(GlobalsRestore *restore, int i, const GlobalsStatements *present,
				const char *bootstrap)
{
	const GlobalsStatement *wanted = &restore->statements.items[i];
	const GlobalsStatement *found =
		globals_statements_find(present, GLOBALS_ROLE_ATTRIBUTES, wanted->name);
	bool passwords = restore->superuser && restore->result->manifest->globals.passwords;

	if (globals_same_attributes(found, wanted, passwords))
	{
		restore->actions[i] = GLOBALS_LEAVE;
		restore->result->roles_unchanged++;
	}
	else if (restore->settings->restore->existing_roles == EXISTING_ROLES_ALTER ||
			 (!(restore->settings->restore->existing_roles == EXISTING_ROLES_KEEP &&
				loses_superuser(found, wanted)) &&
			  (strcmp(wanted->name, restore->session_role) == 0 ||
			   (bootstrap != NULL && strcmp(wanted->name, bootstrap) == 0))))
		restore->result->roles_altered++;
	else if (restore->settings->restore->existing_roles == EXISTING_ROLES_KEEP)
	{
		restore->actions[i] = GLOBALS_LEAVE;
		restore->result->roles_kept++;
	}
	else
		return true;
	return false;
}

static void
append_name(Buffer *names, const char *name)
{
	char *shown = printable_name(name);

	buffer_printf(names, "%s\"%s\"", names->length > 0 ? ", " : "", shown);
	free(shown);
}

/* Say which powers a role will have that it does not have yet. */
static void
say_powers(const GlobalsStatement *wanted, const GlobalsStatements *present)
{
	const GlobalsStatement *found =
		globals_statements_find(present, GLOBALS_ROLE_ATTRIBUTES, wanted->name);
	unsigned powers = globals_statement_powers(wanted);
	char *shown;
	Buffer list;
	int i;

	if (found != NULL)
		powers &= ~globals_statement_powers(found);
	if (powers == 0)
		return;
	buffer_init(&list);
	for (i = 0; i < ROLE_POWERS; i++)
	{
		if ((powers & (1U << i)) != 0)
			buffer_printf(&list, "%s%s", list.length > 0 ? ", " : "", role_powers[i]);
	}
	shown = printable_name(wanted->name);
	log_info("role \"%s\" gets from the backup: %s", shown, list.data);
	free(shown);
	buffer_free(&list);
}

/* Decide on every statement about roles; names of the roles that prevent it. */
static void
decide_roles(GlobalsRestore *restore, const GlobalsStatements *present, const char *bootstrap,
			 Buffer *in_the_way)
{
	int i;

	for (i = 0; i < restore->statements.count; i++)
	{
		const GlobalsStatement *statement = &restore->statements.items[i];
		bool of_session =
			statement->name != NULL && strcmp(statement->name, restore->session_role) == 0;

		if (statement->kind == GLOBALS_CREATE_ROLE)
		{
			if (role_exists(present, statement->name))
				restore->actions[i] = GLOBALS_LEAVE;
			else
				restore->result->roles_created++;
		}
		else if (statement->kind == GLOBALS_ROLE_ATTRIBUTES &&
				 role_exists(present, statement->name) &&
				 decide_existing(restore, i, present, bootstrap))
			append_name(in_the_way, statement->name);
		if ((statement->kind == GLOBALS_ROLE_ATTRIBUTES ||
			 statement->kind == GLOBALS_ROLE_SETTING) &&
			of_session && restore->actions[i] == GLOBALS_RUN)
			restore->actions[i] = GLOBALS_LATE;
		restore->result->memberships += statement->kind == GLOBALS_MEMBERSHIP;
	}
}

bool
globals_check_roles(GlobalsRestore *restore)
{
	char *directory = temporary_directory_create();
	char *bootstrap = bootstrap_role(restore);
	GlobalsStatements present = {NULL, 0};
	Buffer in_the_way;
	bool good;
	int i;

	buffer_init(&in_the_way);
	good = directory != NULL && read_present_roles(restore, directory, &present);
	if (good)
		decide_roles(restore, &present, bootstrap, &in_the_way);
	good = good && globals_check_strangers(restore, &present) &&
		   (in_the_way.length > 0 || globals_check_gains(restore, &present));
	for (i = 0; good && in_the_way.length == 0 && i < restore->statements.count; i++)
	{
		const GlobalsStatement *statement = &restore->statements.items[i];

		if (statement->kind == GLOBALS_ROLE_ATTRIBUTES && statement->name != NULL &&
			restore->actions[i] != GLOBALS_LEAVE)
			say_powers(statement, &present);
	}
	if (good && in_the_way.length > 0)
	{
		buffer_append_char(&in_the_way, '.');
		good =
			report_error(EXIT_FAILED, in_the_way.data,
						 "--existing-roles=alter gives them the attributes of the backup, and the "
						 "passwords that it has, --existing-roles=keep leaves them as they are.",
						 "roles exist with other attributes than in the backup");
	}
	globals_statements_free(&present);
	buffer_free(&in_the_way);
	temporary_directory_remove(directory);
	free(bootstrap);
	return good;
}

/* ---- tablespaces ---- */

const char *
globals_mapped_location(const Settings *settings, const char *location)
{
	const TextList *mappings = &settings->restore->tablespace_mappings;
	int i;

	/* pg_dumpall of some versions writes where a tablespace inside the data directory lies. */
	if (location != NULL && location[0] != '/')
		return "";
	for (i = 0; location != NULL && i < mappings->count; i++)
	{
		const char *equals = strchr(mappings->items[i], '=');
		size_t length = (size_t) (equals - mappings->items[i]);

		if (strlen(location) == length && strncmp(location, mappings->items[i], length) == 0)
			return equals + 1;
	}
	return location;
}

/* Where the server has a tablespace; NULL if it has none of this name.  Caller frees. */
static char *
present_location(GlobalsRestore *restore, const char *name)
{
	const char *params[1] = {name};
	PGresult *result = connection_query(
		restore->connection,
		"SELECT pg_catalog.pg_tablespace_location(oid) FROM pg_catalog.pg_tablespace"
		" WHERE spcname = $1::pg_catalog.name",
		1, params);
	char *location =
		result != NULL && PQntuples(result) > 0 ? xstrdup(PQgetvalue(result, 0, 0)) : NULL;

	PQclear(result);
	return location;
}

/* Is there such a directory on the server?  True also if one may not ask. */
static bool
directory_exists(GlobalsRestore *restore, const char *location)
{
	const char *params[1] = {location};
	PGresult *result = PQexecParams(restore->connection->pg,
									"SELECT coalesce((pg_catalog.pg_stat_file($1, true)).isdir, "
									"false)",
									1, NULL, params, NULL, NULL, 0);
	bool exists = PQresultStatus(result) != PGRES_TUPLES_OK || PQgetvalue(result, 0, 0)[0] == 't';

	PQclear(result);
	return exists;
}

/* Decide on CREATE TABLESPACE; true if its directory is missing. */
static bool
decide_tablespace(GlobalsRestore *restore, int i)
{
	const GlobalsStatement *wanted = &restore->statements.items[i];
	const char *location = globals_mapped_location(restore->settings, wanted->location);
	char *present = present_location(restore, wanted->name);
	bool missing = false;

	if (present != NULL)
	{
		char *name = printable_name(wanted->name);

		restore->actions[i] = GLOBALS_LEAVE;
		restore->result->tablespaces_left++;
		if (location != NULL && location[0] != '\0' && strcmp(present, location) != 0)
			log_warning("tablespace \"%s\" exists at \"%s\", not at \"%s\", and is left there",
						name, present, location);
		free(name);
	}
	else
	{
		restore->result->tablespaces_created++;
		missing = location != NULL && location[0] != '\0' && !directory_exists(restore, location);
	}
	free(present);
	return missing;
}

bool
globals_check_tablespaces(GlobalsRestore *restore)
{
	bool good = true;
	Buffer missing;
	int i;

	buffer_init(&missing);
	for (i = 0; i < restore->statements.count; i++)
	{
		const GlobalsStatement *statement = &restore->statements.items[i];

		if (statement->kind != GLOBALS_CREATE_TABLESPACE &&
			statement->kind != GLOBALS_TABLESPACE_OTHER)
			continue;
		if (restore->settings->restore->no_tablespaces)
		{
			restore->actions[i] = GLOBALS_LEAVE;
			restore->result->tablespaces_left += statement->kind == GLOBALS_CREATE_TABLESPACE;
		}
		else if (statement->kind == GLOBALS_CREATE_TABLESPACE && decide_tablespace(restore, i))
			append_name(&missing, globals_mapped_location(restore->settings, statement->location));
	}
	if (missing.length > 0)
	{
		buffer_append_char(&missing, '.');
		good = report_error(EXIT_FAILED, missing.data,
							"Create them on the server, empty and owned by its user, or give "
							"--tablespace-mapping=OLD=NEW, or --no-tablespaces.",
							"directories of tablespaces do not exist");
	}
	buffer_free(&missing);
	return good;
}
