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

#include "catalogue.h"
#include "general_settings.h"
#include "log.h"
#include "memory.h"
#include "other_places.h"
#include "place.h"
#include "place_settings.h"
#include "quote.h"
#include "replica.h"
#include "repository_view.h"
#include "settings.h"
#include "storage_open.h"
#include "verification.h"

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

/* Take another place to read from; false (reported) if it is not one of the same repository. */
static bool
add_place(Repository *repository, Repository *other)
{
	bool same = strcmp(repository->id, other->id) == 0;

	if (!same)
		report_error(EXIT_FAILED, NULL,
					 "Name a place that it was copied to, or from, by \"nex_backup copy\".",
					 "\"%s\" is another repository than \"%s\"", other->storage->location,
					 repository->storage->location);
	if (same && replica_check_writer(repository, other))
	{
		repository_add_place(repository, other);
		return true;
	}
	repository_close(other);
	return false;
}

/* Open each place; the first that can be opened takes the others.  False (reported): they differ.
 */
static bool
open_each(const Place *places, int count, Repository **repository, const char **left_out)
{
	bool good = true;
	int i;

	for (i = 0; i < count && good; i++)
	{
		Repository *opened;

		storage_use(places[i].storage);
		opened = repository_open(places[i].location);
		if (opened == NULL && *left_out == NULL)
			*left_out = places[i].location;
		if (*repository == NULL)
			*repository = opened;
		else if (opened != NULL)
			good = add_place(*repository, opened);
	}
	storage_use(places[0].storage);
	return good;
}

Repository *
open_repository_places(const Settings *settings, bool all)
{
	const TextList *others = &settings->places->others;
	const LogErrors before = log_errors();
	int count = others->count + 1;
	Place *places = xcalloc((size_t) count, sizeof(Place));
	Repository *repository = NULL;
	const char *left_out = NULL;
	bool good;
	int i;

	places[0] = place_of_repository(settings);
	for (i = 1; i < count; i++)
		places[i] = place_of(settings, others->items[i - 1]);
	if (count == 1)
		repository = open_repository(settings);
	else
	{
		good = place_options_meant(settings, places, count) &&
			   open_each(places, count, &repository, &left_out);
		if (!good)
		{
			repository_close(repository);
			repository = NULL;
		}
	}
	free(places);
	if (count == 1 || repository == NULL)
		return repository;
	repository_use_server(repository, settings->general->server,
						  settings->general->server_is_given);
	if (left_out != NULL)
	{
		repository->left_out = xstrdup(left_out);
		log_warning("reading from the places that could be opened, \"%s\" first",
					repository->storage->location);
		if (!all)
			log_return_to_errors(&before);
	}
	return repository;
}

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
						kind == BACKUP_OF_DATABASE ? owner_json(&name->owner) : json_null());
	if (owner_has_server(&name->owner))
		json_object_set_new(value, "server", json_string(owner_server(&name->owner)));
	if (kind == BACKUP_OF_FILES)
		json_object_set_new(value, "set", json_text(name->owner.name));
	if (kind == BACKUP_OF_CLUSTER)
		json_object_set_new(value, "system", json_text(name->owner.name));
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
	if (summary->name.owner.kind == BACKUP_OF_CLUSTER)
		json_object_set_new(value, "damaged_pages", json_count(summary->damaged_pages));
	return value;
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
	if (name->owner.kind == BACKUP_OF_CLUSTER)
		return xasprintf("(base %s)", name->owner.name);
	if (backup_is_of_globals(name))
		return xasprintf("%s%s(globals)", name->owner.server,
						 name->owner.server[0] != '\0' ? "@" : "");
	full = owner_name(&name->owner);
	cell = database_cell(name->owner.name, full);
	free(full);
	return cell;
}

void
verification_text(const BackupSummary *summary, char *text, size_t size)
{
	BackupProof proof = summary_proof(summary);
	const char *pages = summary->damaged_pages > 0 ? ", DAMAGED PAGES" : "";

	if (summary->verification_damaged)
		snprintf(text, size, "record damaged%s", pages);
	else if (proof == PROOF_FOUND_DAMAGED)
		snprintf(text, size, "found damaged%s", pages);
	else if (proof == PROOF_NONE)
		snprintf(text, size, "never%s", pages);
	else
		snprintf(text, size, "%s %.10s%s%s",
				 proof == PROOF_FAILED       ? "failed"
				 : proof == PROOF_OF_CONTENT ? "ok"
											 : "stored bytes ok",
				 summary->verification.time,
				 verification_has_unknown_sql(&summary->verification) ? ", UNKNOWN SQL" : "",
				 pages);
}

json_t *
owner_json(const Owner *owner)
{
	return owner_has_server(owner) && owner->server[0] == '\0' ? json_text(owner->name)
															   : catalogue_database(owner);
}
