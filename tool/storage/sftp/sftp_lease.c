/*-------------------------------------------------------------------------
 *
 * sftp_lease.c
 *	  Locks on an SFTP server: the leases of lease.h, by files.
 *
 * A lease is made by an open that fails if the file is there.  Its version is
 * its text and its time.  Its holder opens it, and if its own text is in it, writes that
 * again in its place, and then reads what is there under its name: if that is its own text,
 * the file was not taken away before.  Who replaces a lease that has ended moves it away first,
 * by a rename, of which two at once cannot both succeed, and looks at what was
 * moved; if it is another version, its holder was alive after all, and it is
 * moved back.
 *
 * They are in a directory of their own.  By that, whoever uses the repository as
 * a directory of the server sees that the kernel's locks are not all there are
 * (posix_locks.c).
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lease_lock.h"
#include "memory.h"
#include "sftp_clock.h"
#include "sftp_list.h"
#include "sftp_names.h"
#include "sftp_read.h"
#include "sftp_remove.h"
#include "sftp_fill.h"

#define TEXT_LIMIT 4096
#define FILE_MODE 0600

/* One operation on a lease. */
typedef struct Deed
{
	SftpStorage *sftp;
	const char *path;
	const char *text; /* to be written */
	char *version;    /* of LEASE_VERSION_SIZE */
	double age;
	int tries;
} Deed;

/* The first line is a word that nobody else has. */
static void
set_version(char version[LEASE_VERSION_SIZE], const char *text, uint32_t modified)
{
	int length = (int) strcspn(text, "\n");

	snprintf(version, LEASE_VERSION_SIZE, "%.*s %lu", length < 64 ? length : 64, text,
			 (unsigned long) modified);
}

/* A lease as it is there. */
typedef struct Found
{
	Buffer text;
	SftpAttributes attributes;
	char version[LEASE_VERSION_SIZE];
} Found;

static void
found_init(Found *found)
{
	memset(found, 0, sizeof(*found));
	buffer_init(&found->text);
	buffer_append_string(&found->text, "");
}

static StoreResult
read_lease(SftpSession *session, SftpStorage *sftp, const char *path, Found *found)
{
	StoreResult result;

	found_init(found);
	result = sftp_read_file(session, sftp, path, TEXT_LIMIT, &found->text, &found->attributes);
	set_version(found->version, found->text.data, found->attributes.modified);
	return result;
}

/* The same for one that we have just written, or else have held; handle: to write it again. */
static StoreResult
read_own(SftpSession *session, const Deed *deed, Found *found, Buffer *handle)
{
	StoreResult result;

	found_init(found);
	result = sftp_read_again(session, deed->sftp, deed->path, TEXT_LIMIT, &found->text,
							 &found->attributes, handle);
	set_version(found->version, found->text.data, found->attributes.modified);
	return result;
}

/* Is this text there now?  Then *version is that of it. */
static StoreResult
confirm(SftpSession *session, const Deed *deed)
{
	Found found;
	StoreResult result = read_own(session, deed, &found, NULL);

	if (result.code == STORE_OK && strcmp(found.text.data, deed->text) != 0)
		result = store_failure(STORE_CHANGED, NULL, "it is another's");
	if (result.code == STORE_OK)
		memcpy(deed->version, found.version, sizeof(found.version));
	buffer_free(&found.text);
	return result;
}

/*
 * Is this text there now, and refused to others?  A server that opens as new what is there already
 * would give the lease to everybody.
 */
static StoreResult
confirm_new(SftpSession *session, const Deed *deed)
{
	SftpRequest again;
	StoreResult result;
	int outcome;

	sftp_request_for(deed->sftp, &again, SFTP_OPEN, deed->path);
	sftp_put_number(&again.packet, SFTP_WRITING | SFTP_CREATING | SFTP_NEW_ONLY);
	sftp_put_mode(&again.packet, FILE_MODE);
	sftp_send(session, &again);
	result = confirm(session, deed);
	outcome = sftp_outcome(session, &again);
	if (outcome == SFTP_OK)
	{
		sftp_close_and_leave(session, &again.answer);
		sftp_remove_and_leave(session, deed->sftp, deed->path);
		result = store_failure(STORE_UNSUPPORTED, NULL,
							   "the server opens as new what is there already, so nothing can be "
							   "locked there");
	}
	else if (result.code == STORE_OK && outcome != SFTP_FAILURE)
		result = sftp_result(&again, outcome);
	sftp_request_free(&again);
	return result;
}

/* Take the name from a version of a lease; STORE_CHANGED if it is another one. */
static StoreResult
move_away(SftpSession *session, const Deed *deed)
{
	char *aside = sftp_temporary(deed->sftp, deed->path);
	StoreResult result = sftp_rename_over(session, deed->sftp, deed->path, aside);
	Found found;

	if (result.code == STORE_OK)
	{
		result = read_lease(session, deed->sftp, aside, &found);
		if (result.code == STORE_OK && strcmp(found.version, deed->version) == 0)
			sftp_remove_and_leave(session, deed->sftp, aside);
		else if (result.code == STORE_OK)
		{
			(void) sftp_rename_new(session, deed->sftp, aside, deed->path);
			result = store_failure(STORE_CHANGED, NULL, "its holder has just renewed it");
		}
		buffer_free(&found.text);
	}
	free(aside);
	return result;
}

/*
 * What is there may be of an earlier try whose answer was lost: its text, or none yet, if the
 * session ended before that was written.  Whoever else is about to write it reads its name
 * afterwards.
 */
static StoreResult
take_up(SftpSession *session, const Deed *deed)
{
	Found found;
	StoreResult result = read_lease(session, deed->sftp, deed->path, &found);

	if (result.code == STORE_OK && found.text.length == 0)
	{
		memcpy(deed->version, found.version, sizeof(found.version));
		result = move_away(session, deed);
		if (result.code == STORE_OK)
			result = sftp_write_new(session, deed->sftp, deed->path, NULL, deed->text,
									strlen(deed->text), false);
	}
	else if (result.code == STORE_OK && strcmp(found.text.data, deed->text) != 0)
		result = store_failure(STORE_EXISTS, NULL, "it is another's");
	buffer_free(&found.text);
	/* Somebody was faster. */
	if (result.code == STORE_ABSENT || result.code == STORE_CHANGED)
		result.code = STORE_EXISTS;
	return result;
}

static StoreResult
create_once(SftpSession *session, void *argument)
{
	Deed *deed = argument;
	StoreResult result = sftp_write_new_made(session, deed->sftp, deed->path, NULL, deed->text,
											 strlen(deed->text), false);

	if (deed->tries++ > 0 && result.code == STORE_EXISTS)
		result = take_up(session, deed);
	return result.code == STORE_OK ? confirm_new(session, deed) : result;
}

/* Take the place of a lease of which this was found. */
static StoreResult
replace_other(SftpSession *session, const Deed *deed, const Found *found)
{
	StoreResult result;

	if (strcmp(found->version, deed->version) != 0)
		return store_failure(STORE_CHANGED, NULL, "it is another's");
	result = move_away(session, deed);
	if (result.code == STORE_OK)
		result = sftp_write_new(session, deed->sftp, deed->path, NULL, deed->text,
								strlen(deed->text), false);
	if (result.code == STORE_EXISTS)
		result.code = STORE_CHANGED;
	return result;
}

static StoreResult
replace_once(SftpSession *session, void *argument)
{
	const Deed *deed = argument;
	Buffer handle;
	Found found;
	StoreResult result;

	buffer_init(&handle);
	result = read_own(session, deed, &found, &handle);
	if (result.code == STORE_DENIED)
	{
		/* Whoever made it has let us read it only. */
		buffer_free(&found.text);
		result = read_lease(session, deed->sftp, deed->path, &found);
	}
	if (result.code == STORE_OK && strcmp(found.text.data, deed->text) != 0)
	{
		if (handle.length > 0)
			sftp_close_and_leave(session, &handle);
		result = replace_other(session, deed, &found);
	}
	else if (result.code == STORE_OK && handle.length > 0)
		result = sftp_fill(session, deed->sftp, &handle, deed->text, strlen(deed->text), false);
	else if (result.code == STORE_OK)
		result = store_failure(STORE_DENIED, NULL, "it may only be read");
	buffer_free(&found.text);
	buffer_free(&handle);
	return result.code == STORE_OK ? confirm(session, deed) : result;
}

/* Find out what time it is, by a file beside a lease, unless that is known. */
static StoreResult
ask_clock(SftpSession *session, SftpStorage *sftp, const char *path)
{
	StoreResult result;
	char *probe;

	if (sftp_clock_known(sftp))
		return store_ok();
	probe = sftp_temporary(sftp, path);
	result = sftp_write_new(session, sftp, probe, NULL, "", 0, false);
	if (result.code == STORE_OK)
		sftp_remove_and_leave(session, sftp, probe);
	free(probe);
	return result;
}

static StoreResult
look_once(SftpSession *session, void *argument)
{
	Deed *deed = argument;
	Found found;
	StoreResult result = ask_clock(session, deed->sftp, deed->path);

	if (result.code != STORE_OK)
		return result;
	result = read_lease(session, deed->sftp, deed->path, &found);
	if (result.code == STORE_OK)
	{
		memcpy(deed->version, found.version, sizeof(found.version));
		deed->age = sftp_age(deed->sftp, &found.attributes);
		if (deed->age < 0)
			result = store_failure(STORE_FAILED, NULL, "the server does not say how old it is");
	}
	buffer_free(&found.text);
	return result;
}

static StoreResult
do_deed(void *argument, SftpOnce once, Deed *deed)
{
	SftpWork work = {.once = once, .argument = deed};

	deed->sftp = argument;
	return sftp_do(deed->sftp->link, &work);
}

static StoreResult
lease_create(void *argument, const char *path, const char *text, char version[LEASE_VERSION_SIZE])
{
	return do_deed(argument, create_once, &(Deed){.path = path, .text = text, .version = version});
}

static StoreResult
lease_replace(void *argument, const char *path, const char *text, char version[LEASE_VERSION_SIZE])
{
	return do_deed(argument, replace_once, &(Deed){.path = path, .text = text, .version = version});
}

static StoreResult
lease_look(void *argument, const char *path, char version[LEASE_VERSION_SIZE], double *age)
{
	Deed deed = {.path = path, .version = version};
	StoreResult result = do_deed(argument, look_once, &deed);

	*age = deed.age;
	return result;
}

typedef struct Listing
{
	const char *prefix;
	LeaseVisitor visitor;
	void *argument;
} Listing;

static bool
visit_name(const char *name, void *argument)
{
	const Listing *listing = argument;
	char *path = xasprintf("%s%s", listing->prefix, name);
	bool go_on = strchr(name, '/') != NULL || listing->visitor(listing->argument, path);

	free(path);
	return go_on;
}

static StoreResult
lease_list(void *argument, const char *prefix, LeaseVisitor visitor, void *visitor_argument)
{
	Listing listing = {prefix, visitor, visitor_argument};
	char *directory = xasprintf("%.*s", (int) strlen(prefix) - 1, prefix);
	StoreResult result = sftp_list(argument, directory, visit_name, &listing);

	free(directory);
	return result;
}

static StoreResult
lease_remove(void *argument, const char *path)
{
	return sftp_remove(argument, path);
}

LeaseStore
sftp_lease_store(SftpStorage *sftp)
{
	return (LeaseStore){.argument = sftp,
						.create = lease_create,
						.replace = lease_replace,
						.look = lease_look,
						.list = lease_list,
						.remove = lease_remove};
}

StoreResult
sftp_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock)
{
	const char *slash = strrchr(path, '/');
	int length = slash != NULL ? (int) (slash + 1 - path) : 0;
	char *name = xasprintf("%.*s" STORE_LEASES "/%s", length, path, path + length);
	StoreResult result = lease_lock(((SftpStorage *) storage)->leases, name, mode, lock);

	free(name);
	return result;
}

bool
sftp_lock_alive(Storage *storage, const StoreLock *lock)
{
	return lease_lock_alive(((SftpStorage *) storage)->leases, lock);
}

void
sftp_unlock(Storage *storage, StoreLock *lock)
{
	lease_unlock(((SftpStorage *) storage)->leases, lock);
}
