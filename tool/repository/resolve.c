/*-------------------------------------------------------------------------
 *
 * resolve.c
 *	  Which backup a person means.
 *
 * DB, or DB/ID, where DB may hold slashes itself, and may be LABEL@DB for a
 * database of another server.  A database may be called so, too: if it has
 * backups, and the repository knows a server LABEL, neither is meant.  Whoever
 * can create a database could otherwise have it restored in place of another
 * server's whose backups are gone.  Backups in full, DB/ID, tell by their ids.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "backups.h"
#include "choose.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "repository.h"
#include "resolve.h"

/* What a name may mean: a database of the server that is meant, and LABEL@DB. */
#define READINGS 2

/* Owners that the text may name; how many there are. */
static int
readings_of(const Repository *repository, const char *text, Owner owners[READINGS])
{
	int count = 0;

	if (strlen(text) < sizeof(owners->name))
		owners[count++] = owner_of(repository->server, text);
	if (owner_parse_full(text, &owners[count]))
		count++;
	return count;
}

/*
 * The latest with *found apart, so that an error is not taken for "none"; warns
 * of clocks.  A false result is reported, unless `goes_on`: then it is a warning.
 */
static bool
find_latest(Repository *repository, const Owner *owner, bool goes_on, BackupName *name, bool *found)
{
	const BackupName *chosen;
	BackupName *names;
	int count;

	*found = false;
	if (goes_on ? !repository_list_readable(repository, owner, &names, &count)
				: !repository_list(repository, owner, &names, &count))
		return false;
	chosen = repository_choose(repository, names, count, NULL);
	*found = chosen != NULL;
	if (*found)
		*name = *chosen;
	free(names);
	return count == 0 || *found;
}

bool
repository_latest(Repository *repository, const Owner *owner, BackupName *name)
{
	bool found;

	return find_latest(repository, owner, true, name, &found) && found;
}

static bool
has_backups(Repository *repository, const Owner *owner, bool *has)
{
	BackupName *names;
	int count;

	if (!repository_list(repository, owner, &names, &count))
		return false;
	*has = count > 0;
	free(names);
	return true;
}

static bool
note_entry(const char *name, void *argument)
{
	(void) name;
	*(bool *) argument = true;
	return false;
}

/* Are there, or were there, backups of this server here?  True if that cannot be told. */
static bool
is_known_server(const Repository *repository, const Owner *owner)
{
	char *path = xasprintf("servers/%s", owner_server(owner));
	bool found = owner->server[0] == '\0';
	StoreResult result = store_ok();

	if (!found)
		result = repository->storage->list(repository->storage, path, note_entry, &found);
	free(path);
	return found || (result.code != STORE_OK && result.code != STORE_ABSENT);
}

/* "server "a", database "b"" */
static char *
described(const Owner *owner)
{
	char *shown = printable_name(owner->name);
	char *text = owner_is_globals(owner)
					 ? xasprintf("the globals of server \"%s\"", owner_server(owner))
					 : xasprintf("database \"%s\" of server \"%s\"", shown, owner_server(owner));

	free(shown);
	return text;
}

/* Two owners can be meant; each has a name of its own, which is said. */
static bool
report_ambiguous(const Repository *repository, const char *text, const Owner owners[READINGS])
{
	char *shown = printable_name(text);
	char *plain = described(&owners[0]);
	char *full = described(&owners[1]);
	char *detail = xasprintf("It may be %s, or %s.", plain, full);
	char *hint = xasprintf("Write \"%s@%s\" for the former. The latter is \"%s\" with --server=%s.",
						   owner_server(&owners[0]), shown, strchr(shown, '@') + 1,
						   owner_server(&owners[1]));

	(void) repository;
	report_error(EXIT_USAGE, detail, hint, "\"%s\" is ambiguous", shown);
	free(hint);
	free(detail);
	free(full);
	free(plain);
	free(shown);
	return false;
}

/* One of two that say different things was a slip, and nobody knows which. */
static bool
check_server(const Repository *repository, const char *text, const Owner *owner)
{
	Owner other = owner_of(repository->server, owner->name);
	char *shown;
	char *hint;

	if (!repository->no_other_server || strcmp(owner->server, repository->server) == 0)
		return true;
	shown = printable_name(strchr(text, '@') + 1);
	hint = xasprintf("Leave out --server, or write \"%s\" for that of server \"%s\".", shown,
					 owner_server(&other));
	free(shown);
	shown = printable_name(text);
	report_error(EXIT_USAGE, NULL, hint, "\"%s\" is of server \"%s\", but --server=%s was given",
				 shown, owner_server(owner), owner_server(&other));
	free(hint);
	free(shown);
	return false;
}

static bool
owner_named(Repository *repository, const char *text, Owner *owner)
{
	Owner owners[READINGS];
	int count = readings_of(repository, text, owners);
	bool plain;
	bool full;

	*owner = count > 0 ? owners[0] : owner_of(repository->server, text);
	if (count < READINGS)
		return true;
	if (!has_backups(repository, &owners[0], &plain) || !has_backups(repository, &owners[1], &full))
		return false;
	if (plain && (full || is_known_server(repository, &owners[1])))
		return report_ambiguous(repository, text, owners);
	*owner = owners[full ? 1 : 0];
	return true;
}

/* Who looks at nothing because of a wrong name would find all well. */
bool
repository_check_server(Repository *repository)
{
	const Owner globals = owner_of(repository->server, "");
	BackupName *names;
	int count;

	if (is_known_server(repository, &globals))
		return true;
	if (!repository_list(repository, NULL, &names, &count))
		return false;
	free(names);
	return count == 0 ||
		   report_error(EXIT_FAILED, NULL,
						"Name another one with --server, or leave that out: \"nex_backup list\" "
						"shows the backups of all servers.",
						"there is nothing of server \"%s\" in repository \"%s\"",
						repository->server, repository->storage->location);
}

bool
repository_owner_named(Repository *repository, const char *text, Owner *owner)
{
	return owner_named(repository, text, owner) && check_server(repository, text, owner);
}

/* DB/ID: the text before the slash, to be freed, and the id; NULL if it is not of that form. */
static char *
split_name(const char *text, char id[BACKUP_ID_SIZE])
{
	const char *slash = strrchr(text, '/');
	char *before;

	if (slash == NULL || !backup_id_valid(slash + 1))
		return NULL;
	memcpy(id, slash + 1, strlen(slash + 1) + 1);
	before = xstrdup(text);
	before[slash - text] = '\0';
	return before;
}

/* The text names a backup of the globals: "", or "/ID". */
static bool
report_no_globals(Repository *repository, const char *text)
{
	const char *of = repository->server[0] != '\0' ? " of server " : "";

	return report_error(EXIT_FAILED, NULL,
						"\"nex_backup globals list\" shows those that there are, \"nex_backup "
						"globals backup\" makes one.",
						"there is no backup%s%s of the globals%s%s in \"%s\"",
						text[0] != '\0' ? " " : "", text[0] != '\0' ? text + 1 : "", of,
						repository->server, repository->storage->location);
}

/* Say what there is instead of what was asked for. */
static bool
report_no_backup(Repository *repository, const char *text)
{
	char *shown = printable_name(text);
	char id[BACKUP_ID_SIZE];
	char *before = split_name(text, id);
	BackupName latest;
	Owner owner;
	char *hint;

	if (before != NULL && owner_named(repository, before, &owner) &&
		repository_latest(repository, &owner, &latest))
		hint = xasprintf("The latest backup of that database is %s; \"nex_backup list\" shows all.",
						 latest.id);
	else if (repository->server[0] != '\0')
		hint =
			xasprintf("Names are those of server \"%s\"; write \"main@DB\" or \"NAME@DB\"%s for "
					  "another. \"nex_backup list\" shows all.",
					  repository->server, repository->no_other_server ? ", without --server," : "");
	else
		hint = xstrdup("\"nex_backup list\" shows all backups of the repository.");
	report_error(EXIT_FAILED, NULL, hint, "there is no backup \"%s\" in \"%s\"", shown,
				 repository->storage->location);
	free(hint);
	free(before);
	free(shown);
	return false;
}

/* A database is called like DB/ID, and there is no such backup of another one. */
static bool
report_like_full_name(Repository *repository, const char *text)
{
	BackupName other;
	Owner owner;
	char *shown;
	char *hint;
	bool found;

	if (!repository_owner_named(repository, text, &owner) ||
		!find_latest(repository, &owner, false, &other, &found))
		return false;
	if (!found)
		return report_no_backup(repository, text);
	shown = printable_name(text);
	hint = xasprintf("A backup of the database that is called so is named in full, as in "
					 "\"%s/%s\".",
					 shown, other.id);
	report_error(EXIT_USAGE, NULL, hint,
				 "\"%s\" is ambiguous: a database is called so, and no backup of another one",
				 shown);
	free(hint);
	free(shown);
	return false;
}

/*
 * What has the form of DB/ID is that backup, or none: a database may be
 * called so, and its owner must not have it restored in place of another's.
 */
static bool
resolve_full_name(Repository *repository, const char *text, const char *before, const char *id,
				  BackupName *name)
{
	Owner owners[READINGS];
	int count = readings_of(repository, before, owners);
	int found = 0;
	int i;

	for (i = 0; i < count; i++)
	{
		BackupName candidate;
		bool exists;

		memset(&candidate, 0, sizeof(candidate));
		candidate.owner = owners[i];
		memcpy(candidate.id, id, strlen(id) + 1);
		if (!repository_has_backup(repository, &candidate, &exists))
			return false;
		if (exists && found++ == 0)
			*name = candidate;
	}
	if (found > 1)
		return report_ambiguous(repository, before, owners);
	if (found == 1)
		return check_server(repository, before, &name->owner);
	if (before[0] == '\0')
		return report_no_globals(repository, text);
	return report_like_full_name(repository, text);
}

bool
repository_resolve(Repository *repository, const char *text, BackupName *name)
{
	char id[BACKUP_ID_SIZE];
	char *before = split_name(text, id);
	Owner owner;
	bool found;

	if (before != NULL)
	{
		bool good = resolve_full_name(repository, text, before, id, name);

		free(before);
		return good;
	}
	if (!repository_owner_named(repository, text, &owner) ||
		!find_latest(repository, &owner, false, name, &found))
		return false;
	if (found)
		return true;
	if (text[0] == '\0')
		return report_no_globals(repository, text);
	return report_no_backup(repository, text);
}

bool
repository_resolve_at(Repository *repository, const char *text, double at, BackupName *name)
{
	const BackupName *chosen = NULL;
	BackupName *names = NULL;
	int count = 0;
	Owner owner;
	char *shown;

	if (!repository_owner_named(repository, text, &owner) ||
		!repository_list(repository, &owner, &names, &count))
		return false;
	chosen = repository_choose(repository, names, count, &at);
	if (chosen != NULL)
		*name = *chosen;
	free(names);
	if (chosen != NULL)
		return true;
	shown = printable_name(text);
	report_error(EXIT_FAILED, NULL,
				 "\"nex_backup list\" shows the times of all backups; --at is UTC unless it names "
				 "an offset.",
				 "there is no backup of %s%s%s from that time or earlier",
				 shown[0] != '\0' ? "database \"" : "", shown[0] != '\0' ? shown : "the globals",
				 shown[0] != '\0' ? "\"" : "");
	free(shown);
	return false;
}

bool
repository_resolve_set(Repository *repository, const char *set, const char *id, BackupName *name)
{
	const BackupName *chosen = NULL;
	BackupName *names;
	bool found;
	int count;

	if (!file_set_name_valid(set) || (id != NULL && !backup_id_valid(id)))
		return report_error(EXIT_USAGE, NULL,
							"Say SET, SET/ID or ID; \"nex_backup config list\" "
							"shows what there is.",
							"\"%s%s%s\" is not the name of a backup of files", set,
							id != NULL ? "/" : "", id != NULL ? id : "");
	if (!repository_list_sets(repository, set, &names, &count))
		return false;
	if (id == NULL)
		chosen = repository_choose(repository, names, count, NULL);
	while (id != NULL && chosen == NULL && count > 0)
	{
		if (strcmp(names[--count].id, id) == 0)
			chosen = &names[count];
	}
	found = chosen != NULL;
	if (found)
		*name = *chosen;
	free(names);
	if (found)
		return true;
	return report_error(EXIT_FAILED, NULL, "\"nex_backup config list\" shows what there is.",
						"there is no backup%s%s of the files of set \"%s\" in \"%s\"",
						id != NULL ? " " : "", id != NULL ? id : "", set,
						repository->storage->location);
}

/* ---- base backups ---- */

/*
 * A system identifier: "7713997228503892696", as pg_controldata shows it, or its 16 hexadecimal
 * digits, as directories and lists have it.  False if it is neither.
 */
static bool
system_name(const char *text, size_t length, char name[LABEL_SIZE])
{
	char digits[32];

	if (length == 0 || length >= sizeof(digits))
		return false;
	memcpy(digits, text, length);
	digits[length] = '\0';
	if (system_name_valid(digits))
		snprintf(name, LABEL_SIZE, "%s", digits);
	else if (strspn(digits, "0123456789") == length)
		snprintf(name, LABEL_SIZE, "%016llx", strtoull(digits, NULL, 10));
	else
		return false;
	return true;
}

/* What a text means: a system, an ID, or both; "" is any.  False if it is no name of any. */
static bool
parse_cluster(const char *text, char system[LABEL_SIZE], const char **id)
{
	const char *slash = strrchr(text, '/');

	system[0] = '\0';
	*id = "";
	if (slash == NULL && system_name(text, strlen(text), system))
		return true;
	*id = slash != NULL ? slash + 1 : text;
	return backup_id_valid(*id) &&
		   (slash == NULL || system_name(text, (size_t) (slash - text), system));
}

/* Keep those that a text (NULL: all) means; false, and none, if it is no name of any. */
static bool
keep_clusters(const char *text, BackupName *names, int *count)
{
	char system[LABEL_SIZE] = "";
	const char *id = "";
	bool valid = text == NULL || parse_cluster(text, system, &id);
	int kept = 0;
	int i;

	for (i = 0; i < *count && valid; i++)
	{
		if ((id[0] == '\0' || strcmp(names[i].id, id) == 0) &&
			(system[0] == '\0' || strcmp(names[i].owner.name, system) == 0))
			names[kept++] = names[i];
	}
	*count = kept;
	return valid;
}

bool
repository_resolve_cluster(Repository *repository, const char *text, BackupName *name)
{
	const BackupName *chosen = NULL;
	BackupName *names;
	bool valid;
	int count;

	if (!repository_list_clusters(repository, NULL, &names, &count))
		return false;
	valid = keep_clusters(text, names, &count);
	if (count > 0 && !backup_same_owner(&names[0], &names[count - 1]))
		report_error(EXIT_FAILED, NULL,
					 "Name the system, or SYSTEM/ID, as \"nex_backup base list\" shows them.",
					 "repository \"%s\" has base backups of several servers",
					 repository->storage->location);
	else if (count > 0)
		chosen = repository_choose(repository, names, count, NULL);
	else
		report_error(valid ? EXIT_FAILED : EXIT_USAGE, NULL,
					 "\"nex_backup base list\" shows what there is.",
					 text != NULL ? "there is no base backup \"%s\"" : "there is no base backup%s",
					 text != NULL ? text : "");
	if (chosen != NULL)
		*name = *chosen;
	free(names);
	return chosen != NULL;
}
