/*-------------------------------------------------------------------------
 *
 * object_errors.c
 *	  What a restore with --on-object-error=skip could not restore.
 *
 * Each failure is a warning when it happens, and in the end a statement in a
 * file of SQL that can be run when its cause is gone.  The file is SQL of the
 * backup, which runs with the rights of whoever runs it: so it is readable
 * for its owner alone, is never written over another file, and whatever else
 * is in it (names, messages of the server) is in comments of one line, escaped.
 *
 *-------------------------------------------------------------------------
 */
#include "object_errors.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "known_sql.h"
#include "log.h"
#include "long_sql.h"
#include "memory.h"
#include "names.h"
#include "private_file.h"
#include "quote.h"
#include "restore_settings.h"
#include "selection.h"
#include "server_error.h"
#include "server_failure.h"
#include "settings.h"
#include "sql_text.h"
#include "trusted_path.h"
#include "withheld.h"

#define FILES_TRIED 1000
#define SHOWN_STATEMENT 200

/* ---- the list ---- */

static void
warn(const ObjectError *error, const char *words)
{
	char *label = printable_name(error->label);
	char *said = withheld_printable(words);
	/* What has no entry of its own shares its label with many others. */
	char *which = error->place == UINT32_MAX && error->statement != NULL
					  ? known_sql_shown(sql_skip_blank(error->statement), SHOWN_STATEMENT)
					  : NULL;

	if (error->statement == NULL)
		log_warning("could not restore %llu %s of %s: %s", (unsigned long long) error->rows,
					error->rows == 1 ? "row" : "rows", label, said);
	else if (which != NULL && which[0] != '\0')
	{
		char *marked = withhold_values(which, (int) strlen(which));

		log_warning("could not restore %s: %s (%s)", label, said, marked);
		free(marked);
	}
	else
		log_warning("could not restore %s: %s", label, said);
	free(which);
	free(label);
	free(said);
}

/* One that no server takes is not kept either. */
static char *
statement_kept(const char *statement)
{
	return strlen(statement) > LONGEST_MESSAGE ? long_sql_note(statement) : xstrdup(statement);
}

void
object_errors_add(const RestorePlan *plan, const TocEntry *entry, bool missing, const char *label,
				  const char *statement, const char *error, uint64_t rows)
{
	ObjectErrors *errors = plan->progress->errors;
	ObjectError *item;

	pthread_mutex_lock(&errors->mutex);
	errors->items = xrealloc(errors->items, ((size_t) errors->count + 1) * sizeof(*errors->items));
	item = &errors->items[errors->count++];
	item->place = entry != NULL ? entry->place : UINT32_MAX;
	item->order = errors->count;
	item->entry = entry != NULL && missing ? entry->id : 0;
	item->label = label != NULL ? xstrdup(label) : toc_entry_label(entry);
	item->statement = statement != NULL ? statement_kept(statement) : NULL;
	item->error = withheld_shown(error);
	item->rows = rows;
	errors->rows += rows;
	warn(item, error);
	pthread_mutex_unlock(&errors->mutex);
}

bool
object_errors_has(const RestorePlan *plan, int entry)
{
	uint32_t i;

	for (i = 0; plan->progress->errors != NULL && i < plan->progress->errors->count; i++)
	{
		if (plan->progress->errors->items[i].entry == entry)
			return true;
	}
	return false;
}

const char *
object_errors_owner(const RestorePlan *plan, uint32_t oid)
{
	const ArchiveToc *toc = plan->progress->errors->toc;
	uint32_t i;

	for (i = 0; toc != NULL && i < toc->count; i++)
	{
		if (toc->entries[i].oid == oid && toc_entry_is(&toc->entries[i], "TABLE"))
			return toc->entries[i].owner;
	}
	return "";
}

/* ---- commands ---- */

/* *done: they were run. */
static bool
try_commands(Connection *connection, const char *sql, bool *done, char **said)
{
	PGresult *result;
	ExecStatusType status;
	const char *state;
	bool good = true;

	*said = NULL;
	*done = false;
	if (long_sql_refused(sql, said))
		return true;
	result = connection_exec(connection, sql);
	status = PQresultStatus(result);
	state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	*done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
	if (!*done && server_failure_is_fatal(connection, state))
		good = connection_report(connection, result, "could not run a command of the backup");
	else if (!*done)
		*said = server_failure_said(connection, result);
	PQclear(result);
	return good;
}

bool
object_errors_run(const RestorePlan *plan, Connection *connection, const char *label,
				  const char *sql)
{
	char *said;
	bool done;
	bool good = try_commands(connection, sql, &done, &said);

	free(said);
	while (good && !done && *sql != '\0')
	{
		const char *end = entry_statement_end(sql);
		char *statement = xasprintf("%.*s", (int) (end - sql), sql);
		bool one;

		good = try_commands(connection, statement, &one, &said);
		if (good && !one)
			object_errors_add(plan, NULL, false, label, statement, said, 0);
		free(said);
		free(statement);
		sql = end;
	}
	return good;
}

/* ---- begin ---- */

/* "shop_20261129T020000Z_object_errors.sql", or "…_2.sql" and so on; caller frees. */
static char *
default_path(const RestorePlan *plan)
{
	char directory[DATABASE_DIRECTORY_SIZE];
	char *path = NULL;
	int number;

	if (!database_directory_encode(plan->database, directory))
		snprintf(directory, sizeof(directory), "database");
	for (number = 1; number < FILES_TRIED; number++)
	{
		free(path);
		path = number > 1
				   ? xasprintf("%s_%s_object_errors_%d.sql", directory, plan->backup.id, number)
				   : xasprintf("%s_%s_object_errors.sql", directory, plan->backup.id);
		if (access(path, F_OK) != 0)
			break;
	}
	return path;
}

static bool
check_path(const char *path)
{
	char *copy = xstrdup(path);
	const char *directory = dirname(copy);
	TrustedPath at;
	struct stat status;
	bool reached = trusted_path_open(&at, path);
	bool good = true;

	if (reached && fstatat(at.directory, at.name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		good = report_error(EXIT_FAILED, NULL,
							"Give another file with --object-errors-file, or remove it.",
							"file \"%s\" exists already", path);
	else if (!reached || faccessat(at.directory, ".", W_OK | X_OK, 0) != 0)
		good = report_error(EXIT_FAILED, strerror(errno),
							"Give a file in another directory with --object-errors-file.",
							"cannot write the list of what cannot be restored into directory "
							"\"%s\"",
							directory);
	if (reached)
		trusted_path_close(&at);
	free(copy);
	return good;
}

bool
object_errors_begin(const RestorePlan *plan)
{
	const char *given = plan->settings->restore->object_errors_file;
	ObjectErrors *errors;

	if (plan->settings->restore->on_object_error != ON_OBJECT_ERROR_SKIP)
		return true;
	errors = xcalloc(1, sizeof(*errors));
	plan->progress->errors = errors;
	pthread_mutex_init(&errors->mutex, NULL);
	errors->path = given != NULL ? xstrdup(given) : default_path(plan);
	return check_path(errors->path);
}

ObjectErrors *
object_errors_with_scripts(const RestorePlan *plan)
{
	ObjectErrors *errors = plan->progress->errors;

	if (errors->known)
		return errors;
	if (plan->selection != NULL)
		errors->toc = &plan->selection->toc;
	else if (archive_toc_load(plan->repository, plan->manifest, &errors->own_toc))
		errors->toc = &errors->own_toc;
	errors->known = errors->toc != NULL && entry_scripts_read(plan, &errors->scripts);
	return errors->known ? errors : NULL;
}

/* ---- the end ---- */

static int
compare_places(const void *a, const void *b)
{
	const ObjectError *x = a;
	const ObjectError *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void
append_comment(Buffer *text, const char *label, const char *content)
{
	char *shown = printable_name(content);

	buffer_printf(text, "-- %s%s\n", label, shown);
	free(shown);
}

static void
append_error(Buffer *text, const RestorePlan *plan, const ObjectError *error)
{
	buffer_append_char(text, '\n');
	append_comment(text, "", error->label);
	append_comment(text, "ERROR: ", error->error);
	if (error->statement != NULL)
		buffer_printf(text, "%s%s\n", error->statement,
					  strchr(error->statement, ';') != NULL ? "" : ";");
	else
	{
		char *source = owner_name(&plan->backup.owner);
		bool one = error->rows == 1;
		char *rows = xasprintf("%llu %s missing: nex_backup cat %s/%s shows %s; when the "
							   "table can take %s, nex_backup restore %s/%s --to %s --append",
							   (unsigned long long) error->rows, one ? "row is" : "rows are",
							   source, plan->backup.id, one ? "it" : "them", one ? "it" : "them",
							   source, plan->backup.id,
							   plan->fate == TARGET_REPLACED ? plan->working : plan->database);

		append_comment(text, "", rows);
		free(rows);
		free(source);
	}
}

static void
append_file(Buffer *text, const RestorePlan *plan)
{
	const ObjectErrors *errors = plan->progress->errors;
	char *source = owner_name(&plan->backup.owner);
	char *what =
		xasprintf("What could not be restored of backup %s/%s into database \"%s\".", source,
				  plan->backup.id, plan->fate == TARGET_REPLACED ? plan->working : plan->database);
	uint32_t i;

	append_comment(text, "", what);
	free(source);
	buffer_append_string(text, "-- Remove the cause of each error, then run this file: psql -X -f "
							   "FILE DATABASE\n\n");
	if (errors->scripts.head != NULL)
		buffer_printf(text,
					  "%sSET default_tablespace = '';\nSET default_table_access_method = heap;\n",
					  errors->scripts.head);
	for (i = 0; i < errors->count; i++)
		append_error(text, plan, &errors->items[i]);
	free(what);
}

static void
write_file(const RestorePlan *plan)
{
	ObjectErrors *errors = plan->progress->errors;
	Buffer text;
	int error;

	buffer_init(&text);
	append_file(&text, plan);
	error = chosen_file_write(errors->path, text.data, text.length);
	errors->written = error == 0;
	if (!errors->written)
		log_warning_hint("The warnings above say what is missing; \"nex_backup export\" shows the "
						 "statements.",
						 "could not write file \"%s\": %s", errors->path, strerror(error));
	buffer_free(&text);
}

bool
object_errors_finish(const RestorePlan *plan)
{
	ObjectErrors *errors = plan->progress->errors;

	if (errors == NULL || errors->count == 0)
		return true;
	qsort(errors->items, errors->count, sizeof(*errors->items), compare_places);
	plan->result->incomplete = true;
	write_file(plan);
	return true;
}

bool
object_errors_report(const RestoreResult *result)
{
	const ObjectErrors *errors = result->errors;
	char *database = printable_name(result->restored_as);
	char *hint = xasprintf("\"%s\" has the statements; remove the causes, then run it with psql.",
						   errors->path);

	report_error(EXIT_FAILED, NULL, errors->written ? hint : NULL,
				 "database \"%s\" was restored, incomplete: %u error%s, %llu row%s missing",
				 database, errors->count, errors->count == 1 ? "" : "s",
				 (unsigned long long) errors->rows, errors->rows == 1 ? "" : "s");
	free(hint);
	free(database);
	return false;
}

void
object_errors_free(ObjectErrors *errors)
{
	uint32_t i;

	if (errors == NULL)
		return;
	for (i = 0; i < errors->count; i++)
	{
		free(errors->items[i].label);
		free(errors->items[i].statement);
		free(errors->items[i].error);
	}
	free(errors->items);
	free(errors->path);
	free(errors->paths);
	archive_toc_free(&errors->own_toc);
	entry_scripts_free(&errors->scripts);
	pthread_mutex_destroy(&errors->mutex);
	free(errors);
}
