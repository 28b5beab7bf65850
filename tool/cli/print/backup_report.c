/*-------------------------------------------------------------------------
 *
 * backup_report.c
 *	  Running one backup and telling of it.
 *
 *-------------------------------------------------------------------------
 */
#include "backup_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup.h"
#include "backup_settings.h"
#include "catalogue.h"
#include "globals.h"
#include "interrupt.h"
#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "quote.h"
#include "repository_view.h"
#include "settings.h"

/* Tell the catalog how it went. */
void
backup_attempt_record(const Settings *settings, Repository *repository,
					  const BackupAttempt *attempt)
{
	const Manifest *manifest = attempt->manifest;
	Owner owner;
	json_t *payload;

	if (attempt->kind == BACKUP_OF_DATABASE && attempt->database == NULL)
		return;
	owner = attempt->kind == BACKUP_OF_GLOBALS ? owner_of_globals(repository->server)
											   : owner_of(repository->server, attempt->database);
	payload = catalogue_payload(repository, &owner, manifest != NULL ? manifest->id : NULL,
								attempt->started);
	json_object_set_new(payload, "type", json_string(settings->backup->type));
	if (manifest != NULL)
	{
		/* An interrupt that came too late to prevent it does not undo it. */
		json_object_set_new(payload, "state", json_string("succeeded"));
		catalogue_add_manifest(payload, manifest);
		catalogue_add_present(settings, payload, repository);
	}
	catalogue_record(settings, EVENT_BACKUP, &owner, payload);
}

/* Back up, measure, and take down what went wrong. */
void
backup_attempt_run(const Settings *settings, Repository *repository, BackupKind kind,
				   const char *name, BackupAttempt *attempt)
{
	struct timespec start;
	struct timespec end;

	memset(attempt, 0, sizeof(*attempt));
	clock_gettime(CLOCK_REALTIME, &start);
	utc_now_exact(attempt->started);
	attempt->kind = kind;
	if (kind == BACKUP_OF_GLOBALS)
		attempt->manifest = backup_globals(settings, repository);
	else
		attempt->manifest = backup_database(settings, repository, name, &attempt->database);
	clock_gettime(CLOCK_REALTIME, &end);
	attempt->seconds =
		(double) (end.tv_sec - start.tv_sec) + (double) (end.tv_nsec - start.tv_nsec) / 1e9;
	if (attempt->database == NULL && name != NULL)
		attempt->database = xstrdup(name);
	if (attempt->manifest == NULL)
	{
		attempt->interrupted = interrupted();
		attempt->exit_code = attempt->interrupted ? EXIT_INTERRUPTED : (int) log_exit_code();
		attempt->error = xstrdup(log_first_error());
	}
}

void
backup_attempt_database(const Settings *settings, Repository *repository, const char *name,
						BackupAttempt *attempt)
{
	backup_attempt_run(settings, repository, BACKUP_OF_DATABASE, name, attempt);
	backup_attempt_record(settings, repository, attempt);
}

void
backup_attempt_globals(const Settings *settings, Repository *repository, BackupAttempt *attempt)
{
	backup_attempt_run(settings, repository, BACKUP_OF_GLOBALS, NULL, attempt);
	backup_attempt_record(settings, repository, attempt);
}

void
backup_attempt_free(BackupAttempt *attempt)
{
	manifest_free(attempt->manifest);
	free(attempt->database);
	free(attempt->error);
	memset(attempt, 0, sizeof(*attempt));
}

/* The keys that say which backup it is. */
static json_t *
identity_json(const BackupAttempt *attempt)
{
	json_t *value = json_object();
	BackupName name;

	memset(&name, 0, sizeof(name));
	name.owner = manifest_owner(attempt->manifest);
	backup_set_json(value, &name);
	json_object_set_new(value, "backup", json_text(attempt->manifest->id));
	json_object_set_new(value, "type", json_text(attempt->manifest->type));
	json_object_set_new(value, "seconds", json_seconds(attempt->seconds));
	return value;
}

json_t *
backup_attempt_json(const BackupAttempt *attempt)
{
	const Manifest *manifest = attempt->manifest;
	const ManifestTotals *totals = &manifest->totals;
	json_t *value = identity_json(attempt);

	if (manifest->kind == BACKUP_OF_GLOBALS)
	{
		json_object_set_new(value, "roles", json_count(manifest->globals.roles));
		json_object_set_new(value, "memberships", json_count(manifest->globals.memberships));
		json_object_set_new(value, "tablespaces", json_count(manifest->globals.tablespaces));
		json_object_set_new(value, "passwords", json_boolean(manifest->globals.passwords));
	}
	else
	{
		json_object_set_new(value, "tables", json_count(totals->tables));
		json_object_set_new(value, "rows", json_count(totals->rows));
	}
	json_object_set_new(value, "raw_bytes", json_count(totals->raw_bytes));
	json_object_set_new(value, "stored_bytes", json_count(totals->stored_bytes));
	json_object_set_new(value, "new_bytes", json_count(totals->new_bytes));
	json_object_set_new(value, "objects", json_count(totals->objects));
	return value;
}

void
backup_attempt_done(const BackupAttempt *attempt)
{
	char *label = manifest_label(attempt->manifest);

	if (attempt->manifest->kind == BACKUP_OF_GLOBALS)
		output_done("Backup %s of the globals is complete.", attempt->manifest->id);
	else
		output_done("Backup %s is complete.", label);
	free(label);
}

static void
print_globals(const BackupAttempt *attempt)
{
	const ManifestGlobals *globals = &attempt->manifest->globals;

	const char *label = attempt->manifest->server.label;

	show_text("backup of the globals %s%s%s: %s, %s, %s%s in %s\n", label,
			  label[0] != '\0' ? "@/" : "", attempt->manifest->id,
			  pretty_number_of(globals->roles, "role"),
			  pretty_number_of(globals->memberships, "membership"),
			  pretty_number_of(globals->tablespaces, "tablespace"),
			  globals->passwords ? "" : ", without passwords", pretty_duration(attempt->seconds));
}

void
backup_attempt_print(const BackupAttempt *attempt)
{
	const ManifestTotals *totals = &attempt->manifest->totals;
	char *label;

	if (attempt->manifest->kind == BACKUP_OF_GLOBALS)
	{
		print_globals(attempt);
		return;
	}
	label = manifest_label(attempt->manifest);
	show_text("backup %s: %s, %s, %s stored as %s (%s new) in %s\n", label,
			  pretty_number_of(totals->tables, "table"), pretty_number_of(totals->rows, "row"),
			  pretty_bytes(totals->raw_bytes), pretty_bytes(totals->stored_bytes),
			  pretty_bytes(totals->new_bytes), pretty_duration(attempt->seconds));
	free(label);
}
