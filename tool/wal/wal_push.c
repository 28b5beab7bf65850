/*-------------------------------------------------------------------------
 *
 * wal_push.c
 *	  Storing a WAL file of a server in the archive.
 *
 * The name of a stored file has the digest of its content, so no name keeps
 * another one out.  What is there of the same WAL file is looked for before it
 * is written, and again behind that: of two servers that bring different ones
 * at the same time at least one sees it, and neither says that all is well
 * while both are there.  Nothing is ever removed here: somebody may rest on it.
 *
 * No lock is taken, so that nothing can hold up a server that archives.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_push.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encryption.h"
#include "log.h"
#include "lost_header.h"
#include "memory.h"
#include "repository.h"
#include "repository_features.h"
#include "wal_history.h"
#include "wal_pack.h"
#include "wal_source.h"

#define COPY_HINT                                                                                  \
	"Two servers write the same timeline, as when a copy of a server was started without "         \
	"recovery. Give the one that is the copy another repository, or set its archive_mode to off. " \
	"If the file there is the copy's, move \"%s/%s\" out of the repository; this server then "     \
	"goes on."

/* A file on its way. */
typedef struct Work
{
	const WalPush *push;
	WalSystem system;
	WalRecord record;
	Buffer data;
	char *directory; /* in the repository */
	WalListing there;
	bool damaged; /* what is there of the same content */
} Work;

/* ---- what is to be stored ---- */

static bool
bad_source(const char *path, const char *problem)
{
	return report_error(EXIT_INTEGRITY, NULL, NULL, "file \"%s\" %s", path, problem);
}

static bool
read_source(Work *work)
{
	const char *path = work->push->path;
	int error = wal_source_read(path, &work->data);

	if (error == EBUSY)
		return bad_source(path, "is being written");
	return error == 0 || report_error(EXIT_FAILED, NULL, NULL, "could not read file \"%s\": %s",
									  path, strerror(error));
}

/* The text files: is it one of its kind? */
static bool
check_text(const Work *work)
{
	static const char label_begin[] = "START WAL LOCATION: ";
	const Buffer *data = &work->data;
	WalHistory history;
	const char *problem = NULL;

	if (data->length > WAL_MAX_HISTORY_BYTES)
		problem = "is too long";
	else if (work->record.name.kind == WAL_HISTORY)
	{
		problem = wal_history_parse(data->data, data->length, work->record.name.timeline, &history);
		if (problem == NULL)
			wal_history_free(&history);
	}
	else if (data->length < sizeof(label_begin) ||
			 memcmp(data->data, label_begin, sizeof(label_begin) - 1) != 0)
		problem = "is not what a base backup leaves";
	return problem == NULL || bad_source(work->push->path, problem);
}

/* Of which server is it?  A segment says so itself. */
static bool
find_out_server(Work *work, WalHead *head)
{
	const WalPush *push = work->push;
	bool is_segment =
		work->record.name.kind == WAL_SEGMENT || work->record.name.kind == WAL_PARTIAL;
	uint64_t expected = push->system_identifier;
	char *problem;

	if (is_segment)
	{
		problem = wal_pages_check(&work->record.name, work->data.data, work->data.length, head);
		if (problem != NULL)
			bad_source(push->path, problem);
		free(problem);
		if (problem != NULL)
			return false;
	}
	if (expected == 0 && !wal_control_identifier(push->path, &expected))
		return false;
	if (is_segment && expected != 0 && head->system_identifier != expected)
		return report_error(EXIT_INTEGRITY, NULL, NULL,
							"file \"%s\" has WAL of system identifier %" PRIu64
							", not of this server, %" PRIu64,
							push->path, head->system_identifier, expected);
	if (!is_segment && expected == 0)
		return report_error(
			EXIT_USAGE, NULL,
			"Name its system identifier as the last word, or push the file from pg_wal of a "
			"data directory.",
			"file \"%s\" does not say of which server it is", push->path);
	work->system.id = is_segment ? head->system_identifier : expected;
	return true;
}

/* Read the file and see that it is what its name says. */
static bool
load_source(Work *work, WalHead *head)
{
	const char *path = work->push->path;

	if (!wal_name_parse(wal_base_name(path), &work->record.name))
		return report_error(EXIT_USAGE, NULL,
							"Segments, .partial, .history and .backup files are archived.",
							"\"%s\" is not the name of a WAL file", wal_base_name(path));
	memset(head, 0, sizeof(*head));
	return read_source(work) &&
		   (work->record.name.kind == WAL_SEGMENT || work->record.name.kind == WAL_PARTIAL ||
			check_text(work)) &&
		   find_out_server(work, head);
}

/* ---- the server's part of the archive ---- */

static bool
note_any(const char *name, void *argument)
{
	(void) name;
	*(bool *) argument = true;
	return false;
}

/* A directory "wal" without anything in it is that of a disk that is not mounted. */
static bool
check_tree(Repository *repository)
{
	Storage *storage = repository->storage;
	bool any = false;
	StoreResult result = storage->list(storage, WAL_TREE, note_any, &any);

	if (result.code != STORE_OK && result.code != STORE_ABSENT)
		return report_error(EXIT_FAILED, NULL, result.hint,
							"could not list \"%s/" WAL_TREE "\": %s", storage->location,
							result.text);
	return result.code == STORE_ABSENT || any || storage->can.lease ||
		   report_error(EXIT_FAILED, NULL,
						"If a disk belongs there, mount it; otherwise remove the empty directory.",
						"directory \"%s/" WAL_TREE "\" is empty, where WAL was", storage->location);
}

/* The header of a segment of the same server, for a file that has none. */
static bool
find_head(const Work *work, WalHead *head)
{
	return head->segment_size != 0 ||
		   wal_source_any_head(work->push->path, work->system.id, head) ||
		   report_error(EXIT_FAILED, NULL, "Push a segment of this server first.",
						"the size of the segments is not known yet");
}

/* Open what is there of this server, or begin it. */
static bool
open_system(Work *work, WalHead *head)
{
	Repository *repository = work->push->repository;
	StoreResult result;

	if (!wal_system_open(repository, work->system.id, &work->system, &result))
	{
		/* Older versions must know first that there is something they do not understand. */
		if (result.code != STORE_ABSENT || !check_tree(repository) || !find_head(work, head) ||
			!repository_add_feature(repository, FEATURE_WAL) ||
			!wal_system_create(repository, head, &work->system))
			return false;
	}
	else if (!repository_add_feature(repository, FEATURE_WAL))
		return false;
	if (head->segment_size != 0 && head->segment_size != work->system.segment_size)
		return report_error(EXIT_INTEGRITY, NULL,
							"The size of the segments of a server was changed. Archive it to "
							"another repository.",
							"file \"%s\" has segments of %" PRIu32
							" bytes, where this server had %" PRIu32,
							work->push->path, head->segment_size, work->system.segment_size);
	work->directory = wal_directory(work->system.id, &work->record.name);
	return true;
}

static bool
list_directory(Work *work)
{
	const char *below = strchr(strchr(work->directory, '/') + 1, '/') + 1;
	StoreResult result;

	wal_listing_free(&work->there);
	result = wal_list(&work->system, below, &work->there);
	return result.code == STORE_OK || wal_list_failed(&work->system, &result);
}

/* ---- what is there already ---- */

/* Where the WAL of a stored file begins to differ, if that can be found out. */
static char *
first_difference(const Work *work, const WalFile *other)
{
	const Buffer *data = &work->data;
	WalContentRead content;
	char lsn[WAL_LSN_SIZE];
	char *text = NULL;
	uint64_t number;
	size_t i = 0;

	if (wal_segment_number(&other->name, work->system.segment_size, &number) &&
		(other->name.kind == WAL_SEGMENT || other->name.kind == WAL_PARTIAL) &&
		wal_unpack(work->system.repository, work->system.id, work->directory, other, &content) ==
			WAL_GOOD)
	{
		while (i < data->length && i < content.data.length && data->data[i] == content.data.data[i])
			i++;
		wal_lsn_text(number * work->system.segment_size + i, lsn);
		text = xasprintf(" They differ from %s on.", lsn);
		wal_content_free(&content);
	}
	else if (other->name.kind == WAL_SEGMENT || other->name.kind == WAL_PARTIAL)
		wal_content_free(&content);
	return text != NULL ? text : xstrdup("");
}

/* Is there another content of the same name?  Always true if so (reported). */
static bool
conflicts(const Work *work)
{
	const WalRecord *record = &work->record;
	size_t i;

	for (i = 0; i < work->there.count; i++)
	{
		const WalFile *other = &work->there.files[i];
		char *where;
		char *detail;
		char *file;
		char *hint;

		if (strcmp(other->name.text, record->name.text) != 0 ||
			strcmp(other->content, record->content) == 0)
			continue;
		where = first_difference(work, other);
		detail = xasprintf("The content there has the digest %s, this one %s.%s", other->content,
						   record->content, where);
		file = wal_file_name(other);
		hint = xasprintf(COPY_HINT, work->directory, file);
		report_error(EXIT_INTEGRITY, detail, hint,
					 "repository \"%s\" has another file \"%s\" of system identifier %" PRIu64,
					 work->system.repository->storage->location, record->name.text,
					 work->system.id);
		free(hint);
		free(file);
		free(detail);
		free(where);
		return true;
	}
	return false;
}

/* The file with the same content, or NULL. */
static const WalFile *
find_same(const Work *work)
{
	size_t i;

	for (i = 0; i < work->there.count; i++)
	{
		const WalFile *other = &work->there.files[i];

		if (strcmp(other->name.text, work->record.name.text) == 0 &&
			strcmp(other->content, work->record.content) == 0)
			return other;
	}
	return NULL;
}

/* Whoever stored it may have been killed before it was durable. */
static bool
make_durable(const Work *work, const WalFile *file)
{
	Storage *storage = work->system.repository->storage;
	char *name = wal_file_name(file);
	char *path = xasprintf("%s/%s", work->directory, name);
	char *failed = NULL;
	StoreResult result = storage->barrier(storage, &path, 1, 1, &failed);

	if (result.code != STORE_OK)
		report_error(EXIT_FAILED, NULL, result.hint, "could not fsync \"%s/%s\": %s",
					 storage->location, failed != NULL ? failed : path, result.text);
	free(failed);
	free(path);
	free(name);
	return result.code == STORE_OK;
}

/* ---- writing ---- */

static void
take_previous(const WalListing *listing, const WalName *name, WalRecord *record)
{
	size_t i;

	for (i = 0; i < listing->count; i++)
	{
		if (strcmp(listing->files[i].name.text, name->text) == 0)
			memcpy(record->previous, listing->files[i].content, sizeof(record->previous));
	}
}

/* The segment before, if it is there. */
static bool
find_previous(Work *work)
{
	WalRecord *record = &work->record;
	WalListing listing = {0};
	StoreResult result = store_ok();
	char *below;
	uint64_t number;
	WalName name;

	if (record->name.kind != WAL_SEGMENT ||
		!wal_segment_number(&record->name, work->system.segment_size, &number) || number == 0)
		return true;
	wal_segment_name(record->name.timeline, number - 1, work->system.segment_size, &name);
	if (name.log == record->name.log)
		take_previous(&work->there, &name, record);
	else
	{
		below = xasprintf("%08" PRIX32 "/%08" PRIX32, name.timeline, name.log);
		result = wal_list(&work->system, below, &listing);
		take_previous(&listing, &name, record);
		wal_listing_free(&listing);
		free(below);
	}
	return result.code == STORE_OK || wal_list_failed(&work->system, &result);
}

static bool
put_file(Work *work, const Buffer *stored, const WalFile *file)
{
	Storage *storage = work->system.repository->storage;
	const PutOptions options = {.mode = work->damaged ? PUT_REPLACE : PUT_CREATE,
								.sha256 = file->sha256};
	char *name = wal_file_name(file);
	char *path = xasprintf("%s/%s", work->directory, name);
	StoreResult result = storage->put(storage, path, stored->data, stored->length, &options);
	bool good = result.code == STORE_OK;

	if (result.code == STORE_EXISTS)
		good = make_durable(work, file);
	else if (!good)
		report_error(EXIT_FAILED, NULL, result.hint, "could not write file \"%s/%s\": %s",
					 storage->location, path, result.text);
	free(path);
	free(name);
	return good;
}

/* Write it, and see that nobody brought another one meanwhile. */
static bool
write_new(Work *work, WalFile *file)
{
	Buffer stored;
	bool good;

	buffer_init(&stored);
	good = find_previous(work) &&
		   wal_pack(work->system.repository, &work->record, work->data.data, work->push->level,
					&stored, file) &&
		   put_file(work, &stored, file) && list_directory(work) && !conflicts(work);
	if (good && find_same(work) == NULL)
		good = report_error(EXIT_FAILED, NULL, NULL,
							"file \"%s\" is not in repository \"%s\" after it was written",
							work->record.name.text, work->system.repository->storage->location);
	buffer_free(&stored);
	return good;
}

/*
 * Is what is there still what was stored?  The server removes its own file after this.  What is
 * damaged is written again, in its place or beside it.  False (reported) if it cannot be read.
 */
static bool
look_at_same(Work *work, const WalFile *same)
{
	char *problem = NULL;
	const char *hint = NULL;
	Buffer stored;
	WalVerdict verdict;

	buffer_init(&stored);
	verdict =
		wal_check_stored(work->system.repository, work->directory, same, &stored, &problem, &hint);
	work->damaged = verdict == WAL_DAMAGED;
	if (work->damaged)
		log_warning("WAL file \"%s\" in \"%s/%s\" %s, and is stored again", same->name.text,
					work->system.repository->storage->location, work->directory, problem);
	else if (verdict != WAL_GOOD)
		report_error(EXIT_FAILED, NULL, hint, "WAL file \"%s\" in \"%s/%s\" %s", same->name.text,
					 work->system.repository->storage->location, work->directory, problem);
	buffer_free(&stored);
	free(problem);
	return verdict != WAL_UNREADABLE;
}

/* Store it in the place of a damaged file, which may have got another name from another version. */
static bool
replace_damaged(Work *work, const WalFile *same, WalFile *file)
{
	Storage *storage = work->system.repository->storage;
	char *damaged = wal_file_name(same);
	char *path = xasprintf("%s/%s", work->directory, damaged);
	bool good = write_new(work, file);
	char *name = wal_file_name(file);

	if (good && strcmp(name, damaged) != 0)
		(void) storage_remove(storage, path, true);
	free(name);
	free(path);
	free(damaged);
	return good;
}

static bool
store(Work *work, WalPushed *pushed)
{
	const WalFile *found;
	WalFile same;

	if (!list_directory(work) || conflicts(work))
		return false;
	found = find_same(work);
	if (found == NULL)
		return write_new(work, &pushed->file);
	same = *found; /* the listing is replaced below */
	if (!look_at_same(work, &same))
		return false;
	if (work->damaged)
		return replace_damaged(work, &same, &pushed->file);
	pushed->was_there = true;
	pushed->file = same;
	return make_durable(work, &same);
}

/*
 * The history of a segment's timeline goes in before it, and whenever it is
 * there: it claims the timeline.  A server that began to archive after it was
 * promoted does not archive it by itself.
 */
static bool
push_history(const Work *work)
{
	WalPush push = *work->push;
	WalPushed pushed;
	char name[WAL_NAME_SIZE];
	char *path;
	Buffer text;
	bool good = true;

	if (work->record.name.kind != WAL_SEGMENT || work->record.name.timeline == 1)
		return true;
	snprintf(name, sizeof(name), "%08" PRIX32 ".history", work->record.name.timeline);
	path = wal_sibling(work->push->path, name);
	push.path = path;
	push.system_identifier = work->system.id;
	buffer_init(&text);
	if (wal_source_read(path, &text) != ENOENT)
		good = wal_push(&push, &pushed);
	buffer_free(&text);
	free(path);
	return good;
}

bool
wal_push(const WalPush *push, WalPushed *pushed)
{
	Repository *repository = push->repository;
	Work work = {.push = push};
	WalHead head;
	bool good;

	memset(pushed, 0, sizeof(*pushed));
	buffer_init(&work.data);
	work.system.repository = repository;
	good = encryption_can_write(repository) && lost_header_refuse(repository) &&
		   load_source(&work, &head) && open_system(&work, &head) && push_history(&work);
	if (good)
	{
		work.record.system_identifier = work.system.id;
		work.record.bytes = work.data.length;
		work.record.major = head.major;
		good = wal_name_content(repository, work.data.data, work.data.length, work.record.sha256,
								work.record.content) &&
			   store(&work, pushed);
	}
	wal_listing_free(&work.there);
	buffer_free(&work.data);
	free(work.directory);
	return good;
}
