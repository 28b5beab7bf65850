/*-------------------------------------------------------------------------
 *
 * unclear.c
 *	  What lies where manifests are looked for, and cannot be understood.
 *
 *-------------------------------------------------------------------------
 */
#include "unclear.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "held_directories.h"
#include "log.h"
#include "memory.h"
#include "printable.h"
#include "quote.h"

#define NAME_HINT                                                                                  \
	"If there are backups in it, give it back its name and place; otherwise move it out of the "   \
	"repository."
#define EMPTY_HINT                                                                                 \
	"If a disk belongs there, mount it. If its backups were given up, remove the directory "       \
	"(\"rmdir\")."
#define EMPTY_CHECK "empty directory"
#define DIRECTORY_HINT "Put the directory back in its place."

/* Warn of a place, and keep it; takes over the detail. */
static void
note(Repository *repository, const char *path, const char *check, char *detail, const char *hint,
	 bool counts)
{
	UnclearPlaces *unclear = &repository->unclear;
	UnclearPlace *place;
	int i;

	for (i = 0; i < unclear->count; i++)
	{
		place = &unclear->items[i];
		if (strcmp(place->path, path) != 0)
			continue;
		unclear->unknown += counts && !place->counts;
		place->counts |= counts;
		free(detail);
		return;
	}
	unclear->items = xrealloc(unclear->items, (size_t) (unclear->count + 1) * sizeof(UnclearPlace));
	place = &unclear->items[unclear->count++];
	place->path = xstrdup(path);
	place->check = check;
	place->detail = detail;
	place->hint = hint;
	place->counts = counts;
	unclear->unknown += counts;
	log_warning_hint(hint, "%s", detail);
}

static char *
user_name(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user != NULL ? xstrdup(user->pw_name) : xasprintf("%u", (unsigned) uid);
}

/* Whom it belongs to and who we are, as far as that is the reason; caller frees. */
static char *
owner_text(const Repository *repository, const char *path, const StoreResult *result)
{
	Storage *storage = repository->storage;
	StoreFacts facts;
	char *text = NULL;

	if (result->code == STORE_DENIED && storage->examine(storage, path, &facts).code == STORE_OK &&
		facts.knows_rights && facts.owner != geteuid())
	{
		char *owner = user_name(facts.owner);
		char *self = user_name(geteuid());

		text = xasprintf(" (it belongs to user %s, and this is user %s)", owner, self);
		free(owner);
		free(self);
	}
	return text != NULL ? text : xstrdup("");
}

void
unclear_error(Repository *repository, const char *path, const StoreResult *result, bool counts)
{
	const char *location = repository->storage->location;
	char *shown = printable_name(path);
	char *owner;

	if (result->code == STORE_UNSUPPORTED)
		note(repository, path, "symbolic link",
			 xasprintf("\"%s/%s\" is, or lies behind, a symbolic link that is not followed",
					   location, shown),
			 result->hint, counts);
	else if (result->code == STORE_DAMAGED)
		note(repository, path, "unknown file",
			 xasprintf("\"%s/%s\" is not a directory", location, shown), DIRECTORY_HINT, counts);
	else
	{
		owner = owner_text(repository, path, result);
		note(repository, path, "unreadable",
			 xasprintf("\"%s/%s\" cannot be read: %s%s", location, shown, result->text, owner),
			 result->hint, counts);
		free(owner);
	}
	free(shown);
}

/* Stops a listing at the first name: only whether it can be listed is asked for. */
static bool
stop_at_once(const char *name, void *argument)
{
	(void) name;
	(void) argument;
	return false;
}

StoreResult
unclear_probe(Repository *repository, const char *path)
{
	StoreResult result = repository->storage->list(repository->storage, path, stop_at_once, NULL);

	return result.code == STORE_ABSENT ? store_ok() : result;
}

/* Does it mean nothing by the format, or come from the file system? */
static bool
is_harmless(const char *name)
{
	size_t length = strlen(name);

	/* What a file system has at its top, and a removed file that NFS keeps for its reader. */
	return strcmp(name, "lost+found/") == 0 ||
		   (strncmp(name, ".nfs", 4) == 0 && name[length - 1] != '/') ||
		   (length > 4 && strcmp(name + length - 4, ".tmp") == 0);
}

void
unclear_name(Repository *repository, const char *directory, const char *name)
{
	bool is_top = strcmp(directory, ".") == 0;
	char *path = xasprintf("%s%s%s", is_top ? "" : directory, is_top ? "" : "/", name);
	size_t length = strlen(path);
	StoreResult probe = store_ok();
	char *shown;

	if (path[length - 1] == '/')
		path[length - 1] = '\0';
	else
		probe = unclear_probe(repository, path);
	if (probe.code == STORE_UNSUPPORTED)
	{
		unclear_error(repository, path, &probe, true);
		free(path);
		return;
	}
	if (!is_harmless(name))
	{
		shown = printable_name(path);
		note(repository, path, "unknown file",
			 xasprintf("\"%s/%s\" is not what nex_backup keeps there, and may hold backups",
					   repository->storage->location, shown),
			 NAME_HINT, true);
		free(shown);
	}
	free(path);
}

void
unclear_empty(Repository *repository, const char *path)
{
	char *shown = printable_name(path);

	note(repository, path, EMPTY_CHECK,
		 xasprintf("directory \"%s/%s\" is empty, where backups were",
				   repository->storage->location, shown),
		 EMPTY_HINT, true);
	free(shown);
}

void
unclear_emptied(Repository *repository, const char *path)
{
	if (held_is_emptied(repository->storage, path))
		unclear_empty(repository, path);
}

/* Is a file below `above` if it is in `directory`? */
static bool
lies_in(const char *directory, const char *above)
{
	size_t length = strlen(above);

	return strncmp(directory, above, length) == 0 &&
		   (directory[length] == '\0' || directory[length] == '/');
}

static bool
refuse_to_add(const Repository *repository, const char *path)
{
	char *shown = printable_name(path);
	char *hint = xasprintf("If a disk belongs there, mount it. If its backups were given up, "
						   "remove the directory, or, if another disk is mounted there now, "
						   "\"%s/" HELD_DIRECTORY "/%s\".",
						   repository->storage->location, shown);

	report_error(EXIT_FAILED, NULL, hint,
				 "nothing is stored in \"%s/%s\", where a disk may be missing",
				 repository->storage->location, shown);
	free(hint);
	free(shown);
	return false;
}

/* The same of one owner's backups. */
static bool
may_add(Repository *repository, const Owner *owner)
{
	const UnclearPlaces *unclear = &repository->unclear;
	char *objects = server_path(owner->server, "objects");
	char *directory = owner_directory(owner);
	bool good = true;
	int i;

	unclear_emptied(repository, objects);
	for (i = 0; i < unclear->count && good; i++)
	{
		const UnclearPlace *place = &unclear->items[i];

		if (strcmp(place->check, EMPTY_CHECK) == 0 &&
			(lies_in(objects, place->path) ||
			 (directory != NULL && lies_in(directory, place->path))))
			good = refuse_to_add(repository, place->path);
	}
	free(directory);
	free(objects);
	return good;
}

bool
unclear_may_add(Repository *repository, const BackupName *names, int count)
{
	bool good = true;
	int i;

	for (i = 0; i < count; i++)
	{
		if (i == 0 || !owner_equal(&names[i - 1].owner, &names[i].owner))
			good = may_add(repository, &names[i].owner) && good;
	}
	return good;
}

bool
unclear_report(const Repository *repository)
{
	return unclear_report_hint(repository, NULL);
}

bool
unclear_report_hint(const Repository *repository, const char *hint)
{
	const UnclearPlaces *unclear = &repository->unclear;

	if (unclear->unknown == 0)
		return true;
	return report_error(EXIT_FAILED, NULL, hint,
						"%d %s of repository \"%s\" could not be looked at, so not all backups are "
						"known",
						unclear->unknown, unclear->unknown == 1 ? "place" : "places",
						repository->storage->location);
}
