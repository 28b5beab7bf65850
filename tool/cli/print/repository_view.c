/*-------------------------------------------------------------------------
 *
 * repository_view.c
 *	  What the commands that look at a repository share.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "bad_objects.h"
#include "catalogue.h"
#include "general_settings.h"
#include "log.h"
#include "memory.h"
#include "nearest.h"
#include "quote.h"
#include "repository_view.h"
#include "settings.h"
#include "unclear.h"

Repository *
open_repository(const Settings *settings)
{
	Repository *repository;

	if (settings->general->repo == NULL || settings->general->repo[0] == '\0')
	{
		report_error(EXIT_USAGE, NULL,
					 "Use --repo=DIR, the variable NEX_BACKUP_REPO, or \"repo\" in the "
					 "configuration file.",
					 "no repository was given");
		return NULL;
	}
	repository = repository_open(settings->general->repo);
	if (repository != NULL)
		repository_use_server(repository, settings->general->server,
							  settings->general->server_is_given);
	return repository;
}

/* The database whose name is most like this one; NULL if none is.  Caller frees. */
static char *
nearest_database(Repository *repository, const char *database)
{
	BackupName *names;
	const char **owners;
	char *nearest;
	int count;
	int n = 0;
	int i;

	if (!repository_list(repository, NULL, &names, &count))
		return NULL;
	owners = xcalloc((size_t) count + 1, sizeof(char *));
	for (i = 0; i < count; i++)
	{
		if (names[i].owner.kind != BACKUP_OF_FILES && !backup_is_of_globals(&names[i]) &&
			strcmp(names[i].owner.server, repository->server) == 0)
			owners[n++] = names[i].owner.name;
	}
	nearest = xstrdup(nearest_name(database, owners, n));
	free(owners);
	free(names);
	return nearest;
}

bool
report_no_backups_of(Repository *repository, const char *database)
{
	const char *slash = strrchr(database, '/');
	char *nearest = nearest_database(repository, database);
	char *shown = printable_name(database);
	char *shown_nearest = nearest != NULL ? printable_name(nearest) : NULL;
	char *hint;

	if (repository->unclear.unknown > 0)
		hint = xstrdup("Not all backups could be looked at.");
	else if (slash != NULL && backup_id_valid(slash + 1))
		hint = xstrdup("This command takes the name of a database, not that of a backup.");
	else if (nearest != NULL)
		hint = xasprintf("Perhaps you meant \"%s\".", shown_nearest);
	else
		hint = xstrdup("\"nex_backup list\" shows all backups of the repository.");
	report_error(EXIT_FAILED, NULL, hint, "there is no backup of database \"%s\" in \"%s\"", shown,
				 repository->storage->location);
	free(hint);
	free(shown);
	free(shown_nearest);
	free(nearest);
	return false;
}

/* ---- times ---- */

double
parse_time(const char *text)
{
	struct tm utc;
	const char *rest;

	memset(&utc, 0, sizeof(utc));
	rest = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &utc) : NULL;
	if (rest == NULL)
		return -1;
	return (double) timegm(&utc) + (*rest == '.' ? strtod(rest, NULL) : 0);
}

void
format_time(time_t when, char text[32])
{
	struct tm utc;

	gmtime_r(&when, &utc);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* ---- JSON ---- */

json_t *
repository_json(const Repository *repository)
{
	json_t *value = json_object();

	json_object_set_new(value, "id", json_text(repository->id));
	json_object_set_new(value, "location", json_text(repository->storage->location));
	return value;
}

void
backup_set_json(json_t *value, const BackupName *name)
{
	BackupKind kind = name->owner.kind;

	json_object_set_new(value, "kind", json_string(backup_kind_name(kind)));
	json_object_set_new(value, "database",
						kind == BACKUP_OF_DATABASE ? catalogue_database(&name->owner)
												   : json_null());
	if (kind != BACKUP_OF_FILES)
		json_object_set_new(value, "server", json_string(owner_server(&name->owner)));
	if (kind == BACKUP_OF_FILES)
		json_object_set_new(value, "set", json_text(name->owner.name));
}

/* The members that hold SQL of unknown form; null if nobody has looked. */
static json_t *
unknown_sql_json(const Verification *verification)
{
	json_t *members = verification->looked ? json_array() : json_null();
	MemberKind member;

	for (member = 0; member < MEMBER_KINDS; member++)
	{
		if (verification->unknown_sql[member])
			json_array_append_new(members, json_string(member_kind_name(member)));
	}
	return members;
}

static json_t *
verification_json(const BackupSummary *summary)
{
	json_t *value;

	if (summary->verification_damaged)
		return json_pack("{s:s}", "result", "damaged");
	if (!summary->verification.known)
		return json_null();
	value = json_object();
	json_object_set_new(value, "result", json_string(summary->verification.ok ? "ok" : "failed"));
	json_object_set_new(value, "time", json_text(summary->verification.time));
	json_object_set_new(value, "inside", json_boolean(summary->verification.inside));
	json_object_set_new(value, "opened",
						summary->verification.opened[0] != '\0'
							? json_text(summary->verification.opened)
							: json_null());
	json_object_set_new(value, "unknown_sql", unknown_sql_json(&summary->verification));
	return value;
}

json_t *
summary_json(const BackupSummary *summary)
{
	const ManifestTotals *totals = &summary->totals;
	json_t *value = json_object();

	backup_set_json(value, &summary->name);
	json_object_set_new(value, "backup", json_text(summary->name.id));
	json_object_set_new(value, "state", json_string(summary->damage ? "damaged" : "complete"));
	json_object_set_new(value, "verified", verification_json(summary));
	if (summary->damage != NULL)
	{
		json_object_set_new(value, "error", json_text(summary->damage));
		return value;
	}
	json_object_set_new(value, "type", json_text(summary->type));
	json_object_set_new(value, "snapshot_at", json_text(summary->snapshot_at));
	json_object_set_new(value, "seconds", json_seconds(summary->seconds));
	json_object_set_new(value, "codec", json_text(summary->codec));
	json_object_set_new(value, "cipher", json_string(cipher_name(summary->cipher)));
	json_object_set_new(value, "locked", json_boolean(summary->locked));
	json_object_set_new(value, "server_version", json_text(summary->server_version));
	json_object_set_new(value, "tables", json_count(totals->tables));
	json_object_set_new(value, "rows", json_count(totals->rows));
	json_object_set_new(value, "raw_bytes", json_count(totals->raw_bytes));
	json_object_set_new(value, "stored_bytes", json_count(totals->stored_bytes));
	json_object_set_new(value, "objects", json_count(totals->objects));
	json_object_set_new(value, "new_objects", json_count(totals->new_objects));
	json_object_set_new(value, "new_bytes", json_count(totals->new_bytes));
	json_object_set_new(value, "large_objects", json_count(totals->large_objects));
	json_object_set_new(value, "sequences", json_count(totals->sequences));
	json_object_set_new(value, "known_bad_objects", json_count(summary->nbad));
	return value;
}

/* ---- summaries ---- */

/* The name of its owner, as people read it; caller frees. */
static char *
printable_owner(const BackupName *name)
{
	char *full = owner_name(&name->owner);
	char *shown = printable_name(full);

	free(full);
	return shown;
}

char *
backup_owner(const BackupName *name)
{
	char *database = printable_owner(name);
	char *owner = name->owner.kind == BACKUP_OF_FILES ? xasprintf("files of set \"%s\"", database)
				  : !backup_is_of_globals(name)       ? xasprintf("database \"%s\"", database)
				  : name->owner.server[0] != '\0'
					  ? xasprintf("globals of server \"%s\"", name->owner.server)
					  : xstrdup("globals");

	free(database);
	return owner;
}

char *
database_cell(const char *database, const char *full)
{
	return database[0] == '(' ? xasprintf("\"%s\"", full) : xstrdup(full);
}

char *
backup_owner_cell(const BackupName *name)
{
	char *full;
	char *cell;

	if (name->owner.kind == BACKUP_OF_FILES)
		return xasprintf("(config %s)", name->owner.name);
	if (backup_is_of_globals(name))
		return xasprintf("%s%s(globals)", name->owner.server,
						 name->owner.server[0] != '\0' ? "@" : "");
	full = owner_name(&name->owner);
	cell = database_cell(name->owner.name, full);
	free(full);
	return cell;
}

char *
backup_label(const BackupName *name)
{
	char *database = printable_owner(name);
	char *label =
		name->owner.kind == BACKUP_OF_FILES ? xasprintf("config %s/%s", database, name->id)
		: !backup_is_of_globals(name)       ? xasprintf("%s/%s", database, name->id)
		: name->owner.server[0] != '\0' ? xasprintf("globals %s@/%s", name->owner.server, name->id)
										: xasprintf("globals %s", name->id);

	free(database);
	return label;
}

static void
load_verification(Repository *repository, const BackupName *name, BackupSummary *summary)
{
	memset(&summary->verification, 0, sizeof(summary->verification));
	summary->verification_damaged =
		!repository_verification(repository, name, &summary->verification);
}

bool
made_by_old_tool(const char *tool)
{
	return tool != NULL && (strncmp(tool, "0.1.", 4) == 0 || strncmp(tool, "0.2.0", 5) == 0);
}

void
summary_of_manifest(Repository *repository, const BackupName *name, const Manifest *manifest,
					BackupSummary *summary)
{
	double started = parse_time(manifest->started);
	double finished = parse_time(manifest->finished);

	memset(summary, 0, sizeof(*summary));
	summary->name = *name;
	summary->type = xstrdup(manifest->type);
	summary->snapshot_at = xstrdup(manifest->snapshot_at);
	summary->seconds = finished > started ? finished - started : 0;
	summary->codec = manifest->codec == CODEC_NONE
						 ? xstrdup("none")
						 : xasprintf("%s:%d", codec_name(manifest->codec), manifest->level);
	summary->server_version = xstrdup(manifest->server.version);
	wal_position_of(&manifest->server, &summary->position);
	summary->cipher = manifest->cipher;
	summary->locked = manifest->locked;
	summary->nfiles = manifest->nfiles;
	summary->of_old_tool = made_by_old_tool(manifest->tool);
	summary->totals = manifest->totals;
	summary->nbad = bad_objects_count(repository, manifest);
	load_verification(repository, name, summary);
}

void
summary_load(Repository *repository, const BackupName *name, BackupSummary *summary)
{
	char *error = NULL;
	Manifest *manifest = repository_manifest_try(repository, name, &error);

	if (manifest != NULL)
	{
		summary_of_manifest(repository, name, manifest, summary);
		manifest_free(manifest);
		return;
	}
	memset(summary, 0, sizeof(*summary));
	summary->name = *name;
	summary->damage = error != NULL ? error : xstrdup("the manifest cannot be read");
	summary->unreadable = repository->manifest_unreadable;
	summary->removed = !summary->unreadable && repository_was_removed(repository, name);
	if (summary->removed)
		return;
	load_verification(repository, name, summary);
}

void
summary_free(BackupSummary *summary)
{
	free(summary->damage);
	free(summary->type);
	free(summary->snapshot_at);
	free(summary->codec);
	free(summary->server_version);
}

bool
report_damaged(const BackupSummary *summary)
{
	char *label;

	if (summary->unreadable)
		return false;
	label = backup_label(&summary->name);
	report_error(EXIT_INTEGRITY, summary->damage,
				 "Its objects are kept. Bring the file back from a copy of the repository, or "
				 "remove it to give the backup up.",
				 "backup \"%s\" is damaged", label);
	free(label);
	return false;
}

void
verification_text(const BackupSummary *summary, char *text, size_t size)
{
	if (summary->verification_damaged)
		snprintf(text, size, "record damaged");
	else if (summary->nbad > 0 && (!summary->verification.known || summary->verification.ok))
		snprintf(text, size, "found damaged");
	else if (!summary->verification.known)
		snprintf(text, size, "never");
	else
		snprintf(text, size, "%s %.10s%s",
				 !summary->verification.ok      ? "failed"
				 : summary->verification.inside ? "ok"
												: "stored bytes ok",
				 summary->verification.time,
				 verification_has_unknown_sql(&summary->verification) ? ", UNKNOWN SQL" : "");
}
