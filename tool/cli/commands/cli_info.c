/*-------------------------------------------------------------------------
 *
 * cli_info.c
 *	  nex_backup info: everything about one backup.
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backups.h"
#include "buffer.h"
#include "catalogue.h"
#include "command.h"
#include "command_settings.h"
#include "contents.h"
#include "encryption.h"
#include "general_settings.h"
#include "memory.h"
#include "output.h"
#include "quote.h"
#include "repository_view.h"
#include "resolve.h"
#include "settings.h"

/* An option, unless there is no value for it. */
static void
append_option(Buffer *out, const char *option, const char *value)
{
	if (value == NULL)
		return;
	buffer_append_string(out, option);
	quote_shell_word(out, value);
}

/* createdb with the properties of the database that was backed up. */
static void
append_createdb(Buffer *out, const ManifestDatabase *database)
{
	buffer_append_string(out, "createdb --template=template0 --encoding=");
	quote_shell_word(out, database->encoding);
	append_option(out, " --lc-collate=", database->collate);
	append_option(out, " --lc-ctype=", database->ctype);
	if (database->provider != NULL && strcmp(database->provider, "i") == 0)
	{
		buffer_append_string(out, " --locale-provider=icu --icu-locale=");
		quote_shell_word(out, database->icu_locale != NULL ? database->icu_locale : "und");
	}
	buffer_append_string(out, " newdb");
}

#define MAX_COMMANDS 5

/* Add a command that is a text, a word for a shell, and a text. */
static void
add_command(char **commands, int *count, const char *before, const char *word, const char *after)
{
	Buffer out;

	buffer_init(&out);
	buffer_append_string(&out, before);
	quote_shell_word(&out, word);
	buffer_append_string(&out, after);
	commands[(*count)++] = buffer_detach(&out);
}

/* The option that gives what opens a backup. */
static const char *
key_option(const Repository *repository)
{
	switch (repository->encryption->wrapping)
	{
		case WRAPPED_BY_KEY_FILE:
			return " --key-file=KEY_FILE";
		case WRAPPED_BY_PASSPHRASE:
			return " --passphrase-file=KEY_FILE";
		case WRAPPED_FOR_RECIPIENTS:
			break;
	}
	return " --identity=KEY_FILE";
}

/*
 * The commands that restore this backup: ours, and behind it those of stock
 * tools.  Gives their number.
 */
static int
restore_commands(const Repository *repository, const BackupName *name, const Manifest *manifest,
				 char *commands[MAX_COMMANDS])
{
	const char *location = repository->storage->location;
	const char *unpack = manifest->codec == CODEC_ZSTD   ? " | zstd -dc"
						 : manifest->codec == CODEC_GZIP ? " | gunzip -c"
														 : "";
	const char *open =
		manifest->cipher == CIPHER_NONE ? "cat"
		: manifest->cipher == CIPHER_AGE
			? "-n 1 sh -c 'age -d -i KEY_FILE \"$0\" || exit 255'"
			: "-n 1 sh -c 'python3 -I ~/decrypt_aes.py KEY_FILE <\"$0\" || exit 255'";
	bool globals = backup_is_of_globals(name);
	char *owner = owner_name(&name->owner);
	char *backup = globals ? xstrdup(name->id) : xasprintf("%s/%s", owner, name->id);
	/* A name that begins like an option is told from one by what precedes it. */
	bool dash = backup[0] == '-';
	char *before = xasprintf("nex_backup %s ", globals ? "globals restore" : "restore");
	char *listing = backup_path(name, ".sha256");
	int count = 0;
	Buffer out;

	buffer_init(&out);
	buffer_append_string(&out, before);
	if (!dash)
		quote_shell_word(&out, backup);
	buffer_append_string(&out, globals ? "" : dash ? "--to=newdb" : " --to=newdb");
	buffer_append_string(&out, " --repo=");
	quote_shell_word(&out, location);
	if (globals && name->owner.server[0] != '\0')
		buffer_printf(&out, " --server=%s", name->owner.server);
	if (manifest->cipher != CIPHER_NONE)
		buffer_append_string(&out, key_option(repository));
	if (dash)
	{
		buffer_append_string(&out, " -- ");
		quote_shell_word(&out, backup);
	}
	commands[count++] = buffer_detach(&out);

	add_command(commands, &count, "cd ", location, "");
	commands[count++] = xasprintf("sha256sum -c --quiet %s", listing);
	if (!globals)
	{
		buffer_init(&out);
		append_createdb(&out, &manifest->database);
		commands[count++] = buffer_detach(&out);
	}
	commands[count++] = xasprintf("cut -c67- %s | xargs %s%s | psql -X -v ON_ERROR_STOP=1 -d %s",
								  listing, open, unpack, globals ? "postgres" : "newdb");
	free(listing);
	free(before);
	free(backup);
	free(owner);
	return count;
}

/* ---- JSON ---- */

static json_t *
database_json(const ManifestDatabase *database)
{
	json_t *value = json_object();

	json_object_set_new(value, "name", json_text(database->name));
	json_object_set_new(value, "owner", json_text(database->owner));
	json_object_set_new(value, "encoding", json_text(database->encoding));
	json_object_set_new(value, "collate", json_text(database->collate));
	json_object_set_new(value, "ctype", json_text(database->ctype));
	json_object_set_new(value, "provider", json_text(database->provider));
	json_object_set_new(value, "icu_locale", json_text(database->icu_locale));
	json_object_set_new(value, "icu_rules", json_text(database->icu_rules));
	json_object_set_new(value, "tablespace", json_text(database->tablespace));
	json_object_set_new(value, "connection_limit", json_integer(database->connection_limit));
	json_object_set_new(value, "bytes", json_count(database->bytes));
	return value;
}

static json_t *
globals_json(const ManifestGlobals *globals)
{
	json_t *value = json_object();

	json_object_set_new(value, "roles", json_count(globals->roles));
	json_object_set_new(value, "memberships", json_count(globals->memberships));
	json_object_set_new(value, "tablespaces", json_count(globals->tablespaces));
	json_object_set_new(value, "passwords", json_boolean(globals->passwords));
	return value;
}

static void
print_json(const Repository *repository, const BackupSummary *summary, const Manifest *manifest)
{
	json_t *value = summary_json(summary);
	json_t *steps = json_array();
	json_t *members = json_object();
	char *commands[MAX_COMMANDS];
	int count = restore_commands(repository, &summary->name, manifest, commands);
	int i;

	for (i = 1; i < count; i++)
		json_array_append_new(steps, json_text(commands[i]));
	json_object_set_new(value, "repository", repository_json(repository));
	json_object_set_new(value, "started", json_text(manifest->started));
	json_object_set_new(value, "finished", json_text(manifest->finished));
	json_object_set_new(value, "tool", json_text(manifest->tool));
	json_object_set_new(value, "pg_dump", json_text(manifest->pg_dump));
	if (manifest->kind == BACKUP_OF_GLOBALS)
		json_object_set_new(value, "globals", globals_json(&manifest->globals));
	else
		json_object_set_new(value, "database_properties", database_json(&manifest->database));

	/*
	 * Server, totals, warnings and tables in the same shape as in the catalog;
	 * "server" is an object here, as before servers had labels.
	 */
	catalogue_add_manifest(members, manifest);
	json_object_del(members, "type");
	json_object_del(value, "server");
	json_object_update_missing(value, json_object_get(members, "manifest"));
	json_object_set(value, "tables",
					json_object_get(json_object_get(members, "manifest"), "tables"));
	json_object_set_new(json_object_get(value, "server"), "label",
						json_string(owner_server(&summary->name.owner)));
	json_object_set_new(value, "codec", json_text(summary->codec));
	json_decref(members);

	json_object_set_new(value, "restore", json_text(commands[0]));
	json_object_set_new(value, "restore_with_stock_tools", steps);
	for (i = 0; i < count; i++)
		free(commands[i]);
	output_json(value);
}

/* ---- text ---- */

/* A line "label     value"; the value may hold names from outside. */
static void line(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
line(const char *label, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	char *safe;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = xstrdup("");
	va_end(arguments);
	safe = printable_name(text);
	show_text("%-12s %s\n", label, safe);
	free(safe);
	free(text);
}

static void
print_globals(const ManifestGlobals *globals)
{
	line("Content", "%s, %s, %s", pretty_number_of(globals->roles, "role"),
		 pretty_number_of(globals->memberships, "membership"),
		 pretty_number_of(globals->tablespaces, "tablespace"));
	line("Passwords", "%s", globals->passwords ? "yes, hashed" : "no");
}

static void
print_database(const Manifest *manifest)
{
	const ManifestDatabase *database = &manifest->database;
	const ManifestTotals *totals = &manifest->totals;

	line("Database", "owner %s, encoding %s, collate %s, ctype %s, %s on disk", database->owner,
		 database->encoding, database->collate != NULL ? database->collate : "unknown",
		 database->ctype != NULL ? database->ctype : "unknown", pretty_bytes(database->bytes));
	line("Content", "%s, %s, %s, %s", pretty_number_of(totals->tables, "table"),
		 pretty_number_of(totals->rows, "row"), pretty_number_of(totals->sequences, "sequence"),
		 pretty_number_of(totals->large_objects, "large object"));
}

static void
print_head(const BackupSummary *summary, const Manifest *manifest)
{
	const ManifestTotals *totals = &manifest->totals;
	const ManifestServer *server = &manifest->server;
	char verified[64];
	int i;
	bool globals = backup_is_of_globals(&summary->name);
	char *label = backup_label(&summary->name);

	line("Backup", "%s (%s)", label, summary->type);
	free(label);
	line("Snapshot", "%s, took %s", manifest->snapshot_at, pretty_duration(summary->seconds));
	line("Written by", "nex_backup %s, %s %s", manifest->tool, globals ? "pg_dumpall" : "pg_dump",
		 manifest->pg_dump);
	line("Server", "%s%sPostgreSQL %s%s", server->label, server->label[0] != '\0' ? ", " : "",
		 server->version, server->in_recovery ? " (standby)" : "");
	if (server->system_identifier != NULL)
		line("", "system identifier %s, timeline %d%s%s", server->system_identifier,
			 server->timeline, server->lsn != NULL ? ", LSN " : "",
			 server->lsn != NULL ? server->lsn : "");
	if (server->replayed_until != NULL)
		line("", "last transaction replayed: %s", server->replayed_until);
	if (globals)
		print_globals(&manifest->globals);
	else
		print_database(manifest);
	line("Size", "%s of SQL, %s stored as %s in %s", pretty_bytes(totals->raw_bytes),
		 pretty_bytes(totals->stored_bytes), summary->codec,
		 pretty_number_of(totals->objects, "object"));
	line("Added", "%s in %s%s", pretty_bytes(totals->new_bytes),
		 pretty_number_of(totals->new_objects, "object"),
		 totals->new_objects < totals->objects ? "; the rest was there already" : "");
	if (summary->cipher != CIPHER_NONE)
		line("Encrypted", "%s%s", cipher_name(summary->cipher),
			 summary->locked ? "; its key is not at hand, so tables are not shown" : "");
	verification_text(summary, verified, sizeof(verified));
	line("Verified", "%s", verified);
	for (i = 0; i < manifest->nwarnings; i++)
		line(i == 0 ? "Warnings" : "", "%s", manifest->warnings[i]);
}

static int
compare_tables(const void *a, const void *b)
{
	const ManifestTable *left = *(const ManifestTable *const *) a;
	const ManifestTable *right = *(const ManifestTable *const *) b;
	int order;

	if (left->raw_bytes != right->raw_bytes)
		return left->raw_bytes > right->raw_bytes ? -1 : 1;
	order = strcmp(left->schema, right->schema);
	return order != 0 ? order : strcmp(left->name, right->name);
}

static void
print_tables(const Manifest *manifest)
{
	static const char *const headings[5] = {"table", "rows", "size", "stored", "heap"};
	const ManifestTable **tables;
	TextTable *text;
	uint32_t i;

	if (manifest->ntables == 0)
		return;
	tables = xcalloc(manifest->ntables, sizeof(*tables));
	for (i = 0; i < manifest->ntables; i++)
		tables[i] = &manifest->tables[i];
	qsort(tables, manifest->ntables, sizeof(*tables), compare_tables);
	text = text_table_create(5, headings, "lrrrr");
	for (i = 0; i < manifest->ntables; i++)
	{
		char *name = xasprintf("%s.%s", tables[i]->schema, tables[i]->name);
		const char *cells[5] = {
			name, pretty_count(tables[i]->rows), pretty_bytes(tables[i]->raw_bytes),
			pretty_bytes(tables[i]->stored_bytes), pretty_bytes(tables[i]->heap_bytes)};

		text_table_row(text, cells);
		free(name);
	}
	show_text("\n");
	text_table_print(text);
	free(tables);
}

static void
print_text(const Repository *repository, const BackupSummary *summary, const Manifest *manifest)
{
	char *commands[MAX_COMMANDS];
	int count = restore_commands(repository, &summary->name, manifest, commands);
	int i;

	print_head(summary, manifest);
	print_tables(manifest);
	show_text("\nRestore%s:\n  %s\n",
			  manifest->kind == BACKUP_OF_GLOBALS ? "" : " into a new database", commands[0]);
	show_text(manifest->cipher == CIPHER_NONE
				  ? "The same without nex_backup:\n"
				  : "Without nex_backup, and without its check of signatures (see RECOVER.txt):\n");
	for (i = 1; i < count; i++)
		show_text("  %s\n", commands[i]);
	for (i = 0; i < count; i++)
		free(commands[i]);
}

static bool
run_info(const Settings *settings)
{
	Repository *repository = open_repository(settings);
	Manifest *manifest = NULL;
	BackupSummary summary;
	BackupName name;
	bool good = false;

	if (repository == NULL)
		return false;
	repository_only_look(repository);
	if (repository_resolve(repository, settings->general->arguments[0], &name))
		manifest = settings->command->contents ? repository_manifest_inside(repository, &name)
											   : repository_manifest(repository, &name);
	if (manifest != NULL && settings->command->contents)
		good = contents_print(repository, &name, manifest, settings->general->json);
	else if (manifest != NULL)
	{
		summary_of_manifest(repository, &name, manifest, &summary);
		if (settings->general->json)
			print_json(repository, &summary, manifest);
		else
			print_text(repository, &summary, manifest);
		good = !summary.verification_damaged;
		summary_free(&summary);
	}
	manifest_free(manifest);
	repository_close(repository);
	return good;
}

const Command command_info = {
	.name = "info",
	.summary = "show everything about one backup",
	.arguments = "DB[/ID]",
	.min_arguments = 1,
	.max_arguments = 1,
	.options = "contents as-of",
	.per_call = "as-of",
	.run = run_info,
};
