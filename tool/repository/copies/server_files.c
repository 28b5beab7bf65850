/*-------------------------------------------------------------------------
 *
 * server_files.c
 *	  Bringing servers/LABEL/server.json from one place of a repository to another.
 *
 *-------------------------------------------------------------------------
 */
#include "server_files.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "server_record.h"

/* The record of one server in both places. */
typedef struct Pair
{
	Repository *from;
	Repository *to;
	char *path;
	Buffer here; /* in `from` */
	Buffer there;
	json_t *record_here;
	json_t *record_there;
	ServerRecordState state_here;
	ServerRecordState state_there;
} Pair;

static void
pair_load(Pair *pair, Repository *from, Repository *to, const char *server)
{
	memset(pair, 0, sizeof(*pair));
	pair->from = from;
	pair->to = to;
	pair->path = server_record_path(server);
	buffer_init(&pair->here);
	buffer_init(&pair->there);
	pair->state_here = server_record_load(from, server, &pair->here, &pair->record_here);
	pair->state_there = server_record_load(to, server, &pair->there, &pair->record_there);
}

static void
pair_free(Pair *pair)
{
	buffer_free(&pair->here);
	buffer_free(&pair->there);
	json_decref(pair->record_here);
	json_decref(pair->record_there);
	free(pair->path);
}

/* Does a list of identifiers begin as the other one ends, or is it that with more behind it? */
static bool
continues(const json_t *record, const json_t *earlier)
{
	const json_t *list = json_object_get(record, "system_identifiers");
	const json_t *old = json_object_get(earlier, "system_identifiers");
	size_t count = json_array_size(old);
	size_t dropped;
	size_t i;

	/* Of a list that is full the first ones go. */
	for (dropped = 0; dropped <= count; dropped++)
	{
		bool same = count - dropped <= json_array_size(list);

		for (i = dropped; same && i < count; i++)
			same = json_equal(json_array_get(old, i), json_array_get(list, i - dropped)) != 0;
		if (same)
			return true;
		if (json_array_size(list) < SERVER_RECORD_MAX)
			break;
	}
	return false;
}

/* What is not signed could be anybody's, where all else is signed. */
static bool
may_leave(const Pair *pair)
{
	if (pair->to->encryption == NULL || server_record_is_signed(pair->record_here))
		return true;
	log_info("file \"%s/%s\" is of an earlier version and not signed; it is not copied",
			 pair->from->storage->location, pair->path);
	return false;
}

static bool
bring(const Pair *pair)
{
	StoreResult result =
		storage_write(pair->to->storage, pair->path, pair->here.data, pair->here.length);

	return result.code == STORE_OK ||
		   report_error(EXIT_FAILED, NULL, result.hint, "could not write file \"%s/%s\": %s",
						pair->to->storage->location, pair->path, result.text);
}

/* Both are there, and good. */
static bool
follow(const Pair *pair)
{
	bool newer = continues(pair->record_here, pair->record_there);
	bool older = continues(pair->record_there, pair->record_here);

	if (!newer && !older)
		return report_error(
			EXIT_INTEGRITY, NULL, "Find out which of them is right, and remove the other one.",
			"files \"%s/%s\" and \"%s/%s\" contradict each other", pair->from->storage->location,
			pair->path, pair->to->storage->location, pair->path);
	if (!newer || (older && server_record_is_signed(pair->record_here) ==
								server_record_is_signed(pair->record_there)))
		return true;
	return !may_leave(pair) || bring(pair);
}

static bool
report_damaged(const Pair *pair, const char *problem)
{
	return repository_damaged(pair->from, pair->path, problem,
							  "\"nex_backup repair\" brings it back from another place.");
}

bool
server_file_copy(Repository *from, Repository *to, const char *server)
{
	Pair pair;
	bool good = true;

	pair_load(&pair, from, to, server);
	if (pair.state_here == SERVER_RECORD_UNREADABLE || pair.state_there == SERVER_RECORD_UNREADABLE)
		good = false;
	else if (pair.state_here == SERVER_RECORD_DAMAGED)
		good = report_damaged(&pair, "is damaged, and was not copied");
	else if (pair.state_here == SERVER_RECORD_GOOD && pair.state_there == SERVER_RECORD_GOOD)
		good = follow(&pair);
	else if (pair.state_here == SERVER_RECORD_GOOD)
		good = !may_leave(&pair) || bring(&pair);
	pair_free(&pair);
	return good;
}

bool
server_file_repair(Repository *from, Repository *to, const char *server, bool dry_run)
{
	Pair pair;
	bool good = true;

	pair_load(&pair, from, to, server);
	if (pair.state_there == SERVER_RECORD_UNREADABLE)
		good = false;
	else if (pair.state_there == SERVER_RECORD_DAMAGED && pair.state_here == SERVER_RECORD_GOOD &&
			 may_leave(&pair))
	{
		good = dry_run || bring(&pair);
		if (good)
			log_info("file \"%s/%s\" %s brought back", to->storage->location, pair.path,
					 dry_run ? "would be" : "was");
	}
	else if (pair.state_there == SERVER_RECORD_DAMAGED)
		good = repository_damaged(to, pair.path, "is damaged, and there is no good one to copy",
								  "Remove the file. A server that has another system identifier "
								  "than its backups is then asked for --same-server again.");
	pair_free(&pair);
	return good;
}
