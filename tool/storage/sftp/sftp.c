/*-------------------------------------------------------------------------
 *
 * sftp.c
 *	  A repository on an SFTP server: opening, what there is to say of it, and
 *	  what needs no request.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "primitives.h"
#include "sftp_lease.h"
#include "sftp_list.h"
#include "sftp_names.h"
#include "sftp_read.h"
#include "sftp_remove.h"
#include "sftp_storage.h"
#include "sftp_write.h"

#define DIRECTORY_MODE 0700

/* What is put has been made durable, as far as the server can. */
static StoreResult
sftp_barrier(Storage *storage, char *const *paths, size_t count, int threads, char **failed)
{
	(void) storage;
	(void) paths;
	(void) count;
	(void) threads;
	*failed = NULL;
	return store_ok();
}

/* ---- opening ---- */

/* The server's path of the repository itself, without a slash behind; caller frees. */
static char *
root_path(const SftpStorage *sftp)
{
	return sftp_path(sftp, ".");
}

static int
ask_root(SftpSession *session, SftpRequest *request, SftpType type, const char *path, size_t length)
{
	sftp_request_init(request, type);
	sftp_put_bytes(&request->packet, path, length);
	if (type == SFTP_MKDIR)
		sftp_put_mode(&request->packet, DIRECTORY_MODE);
	return sftp_ask(session, request);
}

/* Is the repository's place a directory?  It itself may be a link to one. */
static StoreResult
look_at_root(SftpSession *session, const char *root)
{
	SftpAttributes attributes;
	SftpRequest request;
	StoreResult result =
		sftp_result(&request, ask_root(session, &request, SFTP_STAT, root, strlen(root)));

	if (result.code == STORE_OK)
		result = sftp_attributes_of(&request, &attributes);
	if (result.code == STORE_OK && !sftp_is_directory(&attributes))
		result = store_failure(STORE_ABSENT, NULL, "it is not a directory");
	sftp_request_free(&request);
	return result;
}

/* Make the directories down to the repository; those that are there refuse. */
static StoreResult
make_root(SftpSession *session, const char *root)
{
	size_t length = strlen(root);
	StoreResult refused = store_ok();
	StoreResult result;
	size_t end;

	for (end = 1; end <= length; end++)
	{
		SftpRequest request;
		int outcome;

		if (end < length && root[end] != '/')
			continue;
		outcome = ask_root(session, &request, SFTP_MKDIR, root, end);
		refused = sftp_result(&request, outcome);
		sftp_request_free(&request);
		if (outcome == SFTP_ENDED)
			return refused;
	}
	result = look_at_root(session, root);
	return result.code == STORE_ABSENT && refused.code != STORE_OK ? refused : result;
}

typedef struct Opening
{
	SftpStorage *sftp;
	bool create;
} Opening;

static StoreResult
open_once(SftpSession *session, void *argument)
{
	const Opening *opening = argument;
	char *root = root_path(opening->sftp);
	StoreResult result = look_at_root(session, root);

	if (result.code == STORE_ABSENT && opening->create)
		result = make_root(session, root);
	free(root);
	return result;
}

/* What is below the repository begins with this. */
static char *
base_of(const char *path)
{
	size_t length;

	if (path[0] == '~')
		path += path[1] == '/' ? 2 : 1;
	length = strlen(path);
	while (length > 0 && path[length - 1] == '/')
		length--;
	if (length == 0)
		return xstrdup(path[0] == '/' ? "/" : "");
	return xasprintf("%.*s/", (int) length, path);
}

static char *
location_of(const SftpAddress *address)
{
	const char *brackets[2] = {"", ""};
	char port[16] = "";

	if (strchr(address->host, ':') != NULL)
	{
		brackets[0] = "[";
		brackets[1] = "]";
	}
	if (address->port != 0)
		snprintf(port, sizeof(port), ":%d", address->port);
	return xasprintf("sftp://%s%s%s%s%s%s%s%s", address->user != NULL ? address->user : "",
					 address->user != NULL ? "@" : "", brackets[0], address->host, brackets[1],
					 port, address->path[0] == '~' ? "/" : "", address->path);
}

static bool
set_nonce(SftpStorage *sftp)
{
	unsigned char bytes[8];
	size_t i;

	if (!random_bytes(bytes, sizeof(bytes)))
		return false;
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(sftp->nonce + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

static void
sftp_close(Storage *storage)
{
	SftpStorage *sftp = (SftpStorage *) storage;

	leases_close(sftp->leases);
	sftp_link_close(sftp->link);
	while (sftp->directory_count > 0)
		free(sftp->directories[--sftp->directory_count]);
	free(sftp->directories);
	while (sftp->made_count > 0)
		free(sftp->made[--sftp->made_count]);
	free(sftp->made);
	free(sftp->location);
	free(sftp->base);
	pthread_mutex_destroy(&sftp->lock);
	free(sftp);
}

/* ---- what there is to say ---- */

typedef struct Examination
{
	SftpStorage *sftp;
	const char *path;
	StoreFacts *facts;
} Examination;

static void
take_space(SftpSession *session, const SftpStorage *sftp, StoreFacts *facts)
{
	uint64_t free_bytes;

	facts->knows_space = sftp_free_space(session, sftp, &free_bytes);
	if (facts->knows_space)
		facts->free_bytes = free_bytes;
}

static StoreResult
examine_once(SftpSession *session, void *argument)
{
	Examination *examination = argument;
	SftpStorage *sftp = examination->sftp;
	StoreFacts *facts = examination->facts;
	SftpAttributes attributes;
	StoreResult result = sftp_look(session, sftp, examination->path, &attributes);

	memset(facts, 0, sizeof(*facts));
	if (result.code != STORE_OK)
		return result;
	snprintf(facts->mark, sizeof(facts->mark), "%llu %lu", (unsigned long long) attributes.size,
			 (unsigned long) attributes.modified);
	if (strcmp(examination->path, ".") == 0)
	{
		take_space(session, sftp, facts);
		/* What cannot be tried where nothing may be written is not known. */
		(void) sftp_try_names(session, sftp, "lock/probe");
		sftp_list_lacks(session, sftp, facts->lacks);
	}
	return result;
}

static StoreResult
sftp_examine(Storage *storage, const char *path, StoreFacts *facts)
{
	SftpStorage *sftp = (SftpStorage *) storage;
	Examination examination = {sftp, path, facts};
	SftpWork work = {.once = examine_once, .argument = &examination};

	return sftp_do(sftp->link, &work);
}

static void
sftp_expect_much(Storage *storage)
{
	sftp_link_widen(((SftpStorage *) storage)->link);
}

static const Storage operations = {
	.can = {.create_only = true, .lease = true, .directories = true, .uploads = SFTP_FILES_AT_ONCE},
	.get = sftp_get,
	.head = sftp_head,
	.put = sftp_put,
	.expect_much = sftp_expect_much,
	.barrier = sftp_barrier,
	.remove_many = sftp_remove_many,
	.list = sftp_list,
	.list_files = sftp_list_files,
	.lock = sftp_lock,
	.lock_alive = sftp_lock_alive,
	.unlock = sftp_unlock,
	.examine = sftp_examine,
	.close = sftp_close};

Storage *
sftp_storage_open(const SftpAddress *address, const SftpOptions *options, bool create,
				  StoreResult *result)
{
	SftpStorage *sftp = xcalloc(1, sizeof(*sftp));
	Opening opening = {sftp, create};
	SftpWork work = {.once = open_once, .argument = &opening};

	sftp->storage = operations;
	sftp->location = location_of(address);
	sftp->storage.location = sftp->location;
	sftp->base = base_of(address->path);
	sftp->link = sftp_link_open(address, options);
	sftp->lease_store = sftp_lease_store(sftp);
	sftp->leases = leases_open(&sftp->lease_store, LEASE_SECONDS);
	pthread_mutex_init(&sftp->lock, NULL);
	if (!set_nonce(sftp))
		*result = store_failure(STORE_FAILED, NULL, "OpenSSL gives no random numbers");
	else
		*result = sftp_do(sftp->link, &work);
	if (result->code == STORE_OK)
		return &sftp->storage;
	sftp_close(&sftp->storage);
	return NULL;
}
