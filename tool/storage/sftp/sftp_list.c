/*-------------------------------------------------------------------------
 *
 * sftp_list.c
 *	  List a repository on an SFTP server.
 *
 * A directory is read as a whole before anything of it is visited, so that it
 * can be read again if the session ends in between.  How many names it may have
 * is bounded, as a server could send names forever.  Several directories are
 * read at the same time: there are 256 of objects.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sftp_clock.h"
#include "sftp_directories.h"

#define MOST_NAMES 4000000 /* in one directory */
#define DEEPEST 8          /* nothing of ours lies deeper */
#define PATH_LIMIT 1024
#define READS_AT_ONCE 4

/* A name in a directory. */
typedef struct Entry
{
	char *name;
	SftpAttributes attributes;
} Entry;

typedef struct Entries
{
	SftpStorage *sftp;
	const char *path;
	Entry *items;
	size_t count;
	size_t room;
} Entries;

static void
forget_entries(Entries *entries)
{
	while (entries->count > 0)
		free(entries->items[--entries->count].name);
	free(entries->items);
	entries->items = NULL;
	entries->room = 0;
}

/* Add what an answer lists; why it cannot be, or NULL. */
static const char *
add_entries(Entries *entries, const Buffer *answer)
{
	SftpBytes bytes = {(const unsigned char *) answer->data, answer->length};
	char name[SFTP_NAME_SIZE];
	SftpAttributes attributes;
	uint32_t count;

	if (!sftp_take_number(&bytes, &count) || count == 0)
		return "the server lists nothing, and does not end";
	while (count-- > 0)
	{
		if (!sftp_take_entry(&bytes, name, &attributes))
			return "the server lists a name that no file can have";
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (entries->count == MOST_NAMES)
			return "the server lists names without an end";
		if (entries->count == entries->room)
		{
			entries->room = entries->room > 0 ? 2 * entries->room : 64;
			entries->items = xrealloc(entries->items, entries->room * sizeof(Entry));
		}
		entries->items[entries->count++] = (Entry){xstrdup(name), attributes};
	}
	return NULL;
}

/* Read an open directory to its end; some requests are on their way at the same time. */
static StoreResult
read_names(SftpSession *session, const Buffer *handle, Entries *entries)
{
	SftpRequest requests[READS_AT_ONCE];
	StoreResult result = store_ok();
	bool more = true;
	int i;

	while (more && result.code == STORE_OK)
	{
		for (i = 0; i < READS_AT_ONCE; i++)
		{
			sftp_request_init(&requests[i], SFTP_READDIR);
			sftp_put_bytes(&requests[i].packet, handle->data, handle->length);
			sftp_send(session, &requests[i]);
		}
		for (i = 0; i < READS_AT_ONCE; i++)
		{
			int outcome = sftp_outcome(session, &requests[i]);
			const char *problem = NULL;

			if (outcome == SFTP_EOF)
				more = false;
			else if (result.code == STORE_OK && more)
			{
				result = sftp_result(&requests[i], outcome);
				if (result.code == STORE_OK)
					problem = add_entries(entries, &requests[i].answer);
				if (problem != NULL)
					result = store_failure(STORE_FAILED, NULL, "%s", problem);
			}
			sftp_request_free(&requests[i]);
		}
	}
	return result;
}

/* Attributes that did not come with a name. */
static StoreResult
look_at_rest(SftpSession *session, Entries *entries)
{
	StoreResult result = store_ok();
	size_t i;

	for (i = 0; i < entries->count && result.code == STORE_OK; i++)
	{
		Entry *entry = &entries->items[i];
		char *path;

		if (entry->attributes.has_mode && entry->attributes.has_size)
			continue;
		path = strcmp(entries->path, ".") == 0 ? xstrdup(entry->name)
											   : xasprintf("%s/%s", entries->path, entry->name);
		result = sftp_look(session, entries->sftp, path, &entry->attributes);
		if (result.code == STORE_ABSENT)
			result = store_ok();
		free(path);
	}
	return result;
}

static StoreResult
read_once(SftpSession *session, void *argument)
{
	Entries *entries = argument;
	StoreResult result;
	SftpRequest request;
	int outcome;

	forget_entries(entries);
	/* At the same time as it is looked at: to open a directory changes and holds up nothing. */
	sftp_request_for(entries->sftp, &request, SFTP_OPENDIR, entries->path);
	sftp_send(session, &request);
	result = sftp_check_directories(session, entries->sftp, entries->path, true);
	outcome = sftp_outcome(session, &request);
	if (result.code == STORE_OK)
		result = sftp_result(&request, outcome);
	if (result.code == STORE_OK)
		result = read_names(session, &request.answer, entries);
	if (outcome == SFTP_OK)
		sftp_close_and_leave(session, &request.answer);
	else if (result.code == STORE_ABSENT)
		sftp_forget_directory(entries->sftp, entries->path);
	sftp_request_free(&request);
	return result.code == STORE_OK ? look_at_rest(session, entries) : result;
}

/* All names of a directory, or none. */
static StoreResult
read_directory(SftpStorage *sftp, const char *path, Entries *entries)
{
	SftpWork work = {.once = read_once, .argument = entries};
	StoreResult result;

	*entries = (Entries){.sftp = sftp, .path = path};
	result = sftp_do(sftp->link, &work);
	if (result.code != STORE_OK)
		forget_entries(entries);
	return result;
}

/* Without the slash at its end; caller frees. */
static char *
directory_path(const char *path)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	return xasprintf("%.*s", (int) length, path);
}

StoreResult
sftp_list(Storage *storage, const char *path, StorageVisitor visitor, void *argument)
{
	char *directory = directory_path(path);
	Entries entries;
	StoreResult result = read_directory((SftpStorage *) storage, directory, &entries);
	bool go_on = true;
	size_t i;

	for (i = 0; i < entries.count && go_on; i++)
	{
		char *name = xasprintf("%s%s", entries.items[i].name,
							   sftp_is_directory(&entries.items[i].attributes) ? "/" : "");

		go_on = visitor(name, argument);
		free(name);
	}
	forget_entries(&entries);
	free(directory);
	return result;
}

/* ---- at any depth ---- */

/* What the threads of a listing share. */
typedef struct Walk
{
	SftpStorage *sftp;
	const char *start;
	const FileListing *listing;
	pthread_mutex_t lock; /* of: */
	pthread_cond_t changed;
	char **waiting; /* directories, from the start: "" or "a/b/" */
	size_t count;
	int busy;
	StoreResult result;
} Walk;

/* The depth of "a/b/" is two. */
static int
depth_of(const char *name)
{
	int depth = 0;

	while ((name = strchr(name, '/')) != NULL)
	{
		depth++;
		name++;
	}
	return depth;
}

static void
add_waiting(Walk *walk, char *name)
{
	walk->waiting = xrealloc(walk->waiting, (walk->count + 1) * sizeof(char *));
	walk->waiting[walk->count++] = name;
	pthread_cond_broadcast(&walk->changed);
}

/* Visit an entry of a directory, or have it visited.  Under the lock. */
static void
visit_entry(Walk *walk, const char *directory, const Entry *entry)
{
	const FileListing *listing = walk->listing;
	bool enters = sftp_is_directory(&entry->attributes);
	char *name = xasprintf("%s%s%s", directory, entry->name, enters ? "/" : "");

	if (strlen(name) < PATH_LIMIT && depth_of(name) <= DEEPEST &&
		listing->wanted(name, listing->argument))
	{
		if (enters)
		{
			add_waiting(walk, name);
			return;
		}
		if (sftp_is_file(&entry->attributes))
		{
			StoreEntry file = {.name = name,
							   .bytes = entry->attributes.size,
							   .age = sftp_age(walk->sftp, &entry->attributes),
							   .readable = true};

			listing->visit(&file, listing->argument);
		}
	}
	free(name);
}

/* Read one directory.  The lock is not held while the server answers. */
static void
walk_directory(Walk *walk, const char *name)
{
	char *whole = strcmp(walk->start, ".") == 0 ? xstrdup(name[0] != '\0' ? name : ".")
												: xasprintf("%s/%s", walk->start, name);
	char *path = directory_path(whole);
	StoreResult result;
	Entries entries;
	size_t i;

	result = read_directory(walk->sftp, path, &entries);
	pthread_mutex_lock(&walk->lock);
	/* One that is gone by now has no files; but that it begins with must be there. */
	if (result.code == STORE_ABSENT && name[0] != '\0')
		result = store_ok();
	for (i = 0; i < entries.count && walk->result.code == STORE_OK; i++)
		visit_entry(walk, name, &entries.items[i]);
	if (result.code != STORE_OK && walk->result.code == STORE_OK)
	{
		walk->result = result;
		if (name[0] != '\0')
			snprintf(walk->result.text, sizeof(walk->result.text), "\"%.60s\": %.130s", name,
					 result.text);
	}
	pthread_mutex_unlock(&walk->lock);
	forget_entries(&entries);
	free(path);
	free(whole);
}

static void *
walk_some(void *argument)
{
	Walk *walk = argument;

	pthread_mutex_lock(&walk->lock);
	for (;;)
	{
		char *name;

		while (walk->count == 0 && walk->busy > 0)
			pthread_cond_wait(&walk->changed, &walk->lock);
		if (walk->count == 0)
			break;
		name = walk->waiting[--walk->count];
		walk->busy++;
		pthread_mutex_unlock(&walk->lock);
		if (walk->result.code == STORE_OK)
			walk_directory(walk, name);
		free(name);
		pthread_mutex_lock(&walk->lock);
		walk->busy--;
		pthread_cond_broadcast(&walk->changed);
	}
	pthread_mutex_unlock(&walk->lock);
	return NULL;
}

StoreResult
sftp_list_files(Storage *storage, const char *path, const FileListing *listing)
{
	char *start = directory_path(path);
	Walk walk = {
		.sftp = (SftpStorage *) storage, .start = start, .listing = listing, .result = store_ok()};
	pthread_t threads[SFTP_FILES_AT_ONCE - 1];
	int started = 0;

	pthread_mutex_init(&walk.lock, NULL);
	pthread_cond_init(&walk.changed, NULL);
	add_waiting(&walk, xstrdup(""));
	while (started < SFTP_FILES_AT_ONCE - 1 &&
		   pthread_create(&threads[started], NULL, walk_some, &walk) == 0)
		started++;
	walk_some(&walk);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	pthread_cond_destroy(&walk.changed);
	pthread_mutex_destroy(&walk.lock);
	free(walk.waiting);
	free(start);
	return walk.result;
}
