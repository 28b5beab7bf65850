/*-------------------------------------------------------------------------
 *
 * sftp_directories.c
 *	  The directories of a repository on an SFTP server.
 *
 * The protocol opens paths only, and the server follows what is a link in them.
 * So each directory is looked at once, before the first thing that is done in
 * it.  Whoever may write into the repository on the server could still put a
 * link there a moment later; that the server alone could prevent.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_directories.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define DIRECTORY_MODE 0700
#define DEEPEST 16

/* Where a directory is in the list, or would be.  Under the lock. */
static bool
find_known(const SftpStorage *sftp, const char *path, size_t *at)
{
	size_t low = 0;
	size_t high = sftp->directory_count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;
		int order = strcmp(path, sftp->directories[middle]);

		if (order == 0)
		{
			*at = middle;
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*at = low;
	return false;
}

static bool
is_known(SftpStorage *sftp, const char *path)
{
	size_t at;
	bool known;

	pthread_mutex_lock(&sftp->lock);
	known = find_known(sftp, path, &at);
	pthread_mutex_unlock(&sftp->lock);
	return known;
}

static void
note_known(SftpStorage *sftp, const char *path)
{
	size_t at;

	pthread_mutex_lock(&sftp->lock);
	if (!find_known(sftp, path, &at))
	{
		sftp->directories =
			xrealloc(sftp->directories, (sftp->directory_count + 1) * sizeof(char *));
		memmove(sftp->directories + at + 1, sftp->directories + at,
				(sftp->directory_count - at) * sizeof(char *));
		sftp->directories[at] = xstrdup(path);
		sftp->directory_count++;
	}
	pthread_mutex_unlock(&sftp->lock);
}

void
sftp_forget_directory(SftpStorage *sftp, const char *path)
{
	size_t at;

	pthread_mutex_lock(&sftp->lock);
	if (find_known(sftp, path, &at))
	{
		free(sftp->directories[at]);
		sftp->directory_count--;
		memmove(sftp->directories + at, sftp->directories + at + 1,
				(sftp->directory_count - at) * sizeof(char *));
	}
	pthread_mutex_unlock(&sftp->lock);
}

static void
note_made(SftpStorage *sftp, const char *path)
{
	pthread_mutex_lock(&sftp->lock);
	sftp->made = xrealloc(sftp->made, (sftp->made_count + 1) * sizeof(char *));
	sftp->made[sftp->made_count++] = xstrdup(path);
	pthread_mutex_unlock(&sftp->lock);
}

/* The last one that was made of those above a path, to be freed; NULL: none. */
static char *
take_made(SftpStorage *sftp, const char *path)
{
	char *found = NULL;
	size_t i;

	pthread_mutex_lock(&sftp->lock);
	for (i = sftp->made_count; found == NULL && i-- > 0;)
	{
		size_t length = strlen(sftp->made[i]);

		if (strncmp(sftp->made[i], path, length) != 0 || path[length] != '/')
			continue;
		found = sftp->made[i];
		memmove(sftp->made + i, sftp->made + i + 1, (--sftp->made_count - i) * sizeof(char *));
	}
	pthread_mutex_unlock(&sftp->lock);
	return found;
}

void
sftp_keep_directories(SftpStorage *sftp, const char *path)
{
	char *made;

	while ((made = take_made(sftp, path)) != NULL)
		free(made);
}

typedef struct Unmaking
{
	SftpStorage *sftp;
	const char *path;
} Unmaking;

/* The inner ones first; what is not empty refuses. */
static StoreResult
unmake_once(SftpSession *session, void *argument)
{
	const Unmaking *unmaking = argument;
	char *made;

	while ((made = take_made(unmaking->sftp, unmaking->path)) != NULL)
	{
		SftpRequest request;

		sftp_forget_directory(unmaking->sftp, made);
		sftp_request_for(unmaking->sftp, &request, SFTP_RMDIR, made);
		sftp_send_and_leave(session, &request);
		sftp_request_free(&request);
		free(made);
	}
	return store_ok();
}

void
sftp_unmake_directories(SftpStorage *sftp, const char *path)
{
	Unmaking unmaking = {sftp, path};
	SftpWork work = {.once = unmake_once, .argument = &unmaking};

	(void) sftp_do(sftp->link, &work);
}

/* The directories above a path, the outer ones first, and perhaps itself; those that `wanted`. */
typedef struct Above
{
	char *paths[DEEPEST];
	size_t count;
} Above;

static StoreResult
list_above(SftpStorage *sftp, const char *path, bool itself, Above *above)
{
	const char *slash = strchr(path, '/');

	above->count = 0;
	if (strcmp(path, ".") == 0)
		return store_ok();
	for (; slash != NULL || itself; slash = strchr(slash + 1, '/'))
	{
		size_t length = slash != NULL ? (size_t) (slash - path) : strlen(path);
		char *part;

		if (above->count == DEEPEST)
			return store_failure(STORE_DAMAGED, NULL, "it lies too deep");
		part = xasprintf("%.*s", (int) length, path);
		if (is_known(sftp, part))
			free(part);
		else
			above->paths[above->count++] = part;
		if (slash == NULL || slash[1] == '\0')
			break;
	}
	return store_ok();
}

static void
free_above(Above *above)
{
	while (above->count > 0)
		free(above->paths[--above->count]);
}

/* What is this, where a directory must be? */
static StoreResult
judge_directory(SftpRequest *request, int outcome, const char *path)
{
	SftpAttributes attributes;
	StoreResult result = sftp_result(request, outcome);

	if (result.code == STORE_OK)
		result = sftp_attributes_of(request, &attributes);
	if (result.code == STORE_OK && !sftp_is_directory(&attributes))
		result = store_failure(STORE_UNSUPPORTED,
							   "Links below a repository are not followed on an SFTP server.  Put "
							   "the directory itself in the place of the link.",
							   "\"%.100s\" there is not a directory", path);
	return result;
}

StoreResult
sftp_check_directories(SftpSession *session, SftpStorage *sftp, const char *path, bool itself)
{
	SftpRequest requests[DEEPEST];
	Above above;
	StoreResult result = list_above(sftp, path, itself, &above);
	size_t i;

	if (result.code == STORE_OK)
	{
		for (i = 0; i < above.count; i++)
		{
			sftp_request_for(sftp, &requests[i], SFTP_LSTAT, above.paths[i]);
			sftp_send(session, &requests[i]);
		}
		for (i = 0; i < above.count; i++)
		{
			int outcome = sftp_outcome(session, &requests[i]);

			if (result.code == STORE_OK)
				result = judge_directory(&requests[i], outcome, above.paths[i]);
			if (result.code == STORE_OK)
				note_known(sftp, above.paths[i]);
			sftp_request_free(&requests[i]);
		}
	}
	free_above(&above);
	return result;
}

StoreResult
sftp_make_directories(SftpSession *session, SftpStorage *sftp, const char *path)
{
	SftpRequest requests[DEEPEST];
	StoreResult refused = store_ok();
	StoreResult result;
	Above above;
	size_t i;

	result = list_above(sftp, path, false, &above);
	if (result.code != STORE_OK)
		return result;
	for (i = 0; i < above.count; i++)
	{
		sftp_request_for(sftp, &requests[i], SFTP_MKDIR, above.paths[i]);
		sftp_put_mode(&requests[i].packet, DIRECTORY_MODE);
		sftp_send(session, &requests[i]);
	}
	for (i = 0; i < above.count; i++)
	{
		int outcome = sftp_outcome(session, &requests[i]);

		/* One that is there is refused, too. */
		if (outcome == SFTP_OK)
		{
			note_known(sftp, above.paths[i]);
			note_made(sftp, above.paths[i]);
		}
		else
			refused = sftp_result(&requests[i], outcome);
		sftp_request_free(&requests[i]);
	}
	free_above(&above);
	result = sftp_check_directories(session, sftp, path, false);
	return result.code == STORE_ABSENT && refused.code != STORE_OK ? refused : result;
}
