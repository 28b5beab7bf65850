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
#include "held_directories.h"
#include "log.h"
#include "lost_header.h"
#include "memory.h"
#include "removal_lock.h"
#include "repository.h"
#include "repository_features.h"
#include "wal_pack.h"
#include "wal_source.h"

#define COPY_HINT                                                                                  \
	"Two servers write the same timeline, as when a copy of a server was started without "         \
	"recovery. Give the one that is the copy another repository, or set its archive_mode to off. " \
	"If the file there is the copy's, move \"%s\" out of the repository; this server then goes "   \
	"on."
#define FORGED_HINT                                                                                \
	"Move \"%s\" out of the repository; this server then goes on. Find out who wrote it."
#define UNKNOWN_HINT                                                                               \
	"With a key, \"nex_backup wal verify\" says whether \"%s\" was archived by a server; if "      \
	"not, move it out of the repository. If it was: "

/* A file on its way. */
typedef struct Work
{
	const WalPush *push;
	WalLoaded *loaded;
	WalSystem system;
	char *directory; /* in the repository */
	WalListing there;
	bool damaged; /* what is there of the same content */
} Work;

/* ---- the server's part of the archive ---- */

/* The header of a segment of the same server, for a file that has none. */
static bool
find_head(Work *work)
{
	WalHead *head = &work->loaded->head;

	return head->segment_size != 0 ||
		   wal_source_any_head(work->loaded->path, work->system.id, head) ||
		   report_error(EXIT_FAILED, NULL, "Push a segment of this server first.",
						"the size of the segments is not known yet");
}

/*
 * Where WAL was and nothing is, a disk is not mounted.  That there was some in "wal",
 * nex_backup.json says, even if the note of that is lost.
 */
static bool
begin_system(Work *work)
{
	Repository *repository = work->push->repository;
	Storage *storage = repository->storage;
	char *path = xasprintf(WAL_TREE "/%016" PRIx64, work->system.id);
	const char *empty = NULL;
	bool good;

	if ((repository->features & FEATURE_WAL) != 0 && directory_is_empty(storage, WAL_TREE))
		empty = WAL_TREE;
	else if (held_is_emptied(storage, path))
		empty = path;
	if (empty != NULL)
		report_error(EXIT_FAILED, NULL,
					 "If a disk belongs there, mount it; otherwise remove the empty directory.",
					 "directory \"%s/%s\" is empty, where WAL was", storage->location, empty);
	/* Older versions must know first that there is something they do not understand. */
	good = empty == NULL && find_head(work) && repository_add_feature(repository, FEATURE_WAL) &&
		   wal_system_create(repository, &work->loaded->head, &work->system);
	if (good)
		held_note(storage, path);
	free(path);
	return good;
}

/* Open what is there of this server, or begin it. */
static bool
open_system(Work *work)
{
	Repository *repository = work->push->repository;
	const WalHead *head = &work->loaded->head;
	uint64_t id = work->loaded->record.system_identifier;
	StoreResult result;

	work->system.id = id;
	if (!wal_system_open(repository, id, &work->system, &result))
	{
		if (result.code != STORE_ABSENT || !begin_system(work))
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
							work->loaded->path, head->segment_size, work->system.segment_size);
	work->directory = wal_directory(id, &work->loaded->record.name);
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

/* Where the WAL of another file begins to differ. */
static char *
first_difference(const Work *work, const WalFile *other, const Buffer *there)
{
	const Buffer *data = &work->loaded->data;
	char lsn[WAL_LSN_SIZE];
	uint64_t number;
	size_t i = 0;

	if (other->name.kind == WAL_HISTORY || other->name.kind == WAL_BACKUP_LABEL ||
		!wal_segment_number(&other->name, work->system.segment_size, &number))
		return xstrdup("");
	while (i < data->length && i < there->length && data->data[i] == there->data[i])
		i++;
	wal_lsn_text(number * work->system.segment_size + i, lsn);
	return xasprintf(" They differ from %s on.", lsn);
}

/*
 * Is another file of this name what a server has archived?  Without a key that is
 * not known, unless its bytes are not those of its name, or those of another file.
 * *what, to be freed, says what was seen.
 */
static WalVerdict
look_at_other(const Work *work, const WalFile *other, char **what)
{
	WalContentRead content;
	WalVerdict verdict;
	size_t i;

	for (i = 0; i < work->there.count; i++)
	{
		const WalFile *file = &work->there.files[i];

		if (strcmp(file->sha256, other->sha256) != 0 ||
			strcmp(file->name.text, other->name.text) == 0)
			continue;
		*what = xasprintf(" The file there has the bytes of \"%s\".", file->name.text);
		return WAL_DAMAGED;
	}
	verdict =
		wal_unpack(work->system.repository, work->system.id, work->directory, other, &content);
	if (verdict == WAL_GOOD)
		*what = first_difference(work, other, &content.data);
	else
		*what = xasprintf(" The file there %s.", content.problem);
	wal_content_free(&content);
	return verdict;
}

static void
report_conflict(const Work *work, const WalFile *other)
{
	const WalRecord *record = &work->loaded->record;
	const char *location = work->system.repository->storage->location;
	char *file = wal_file_name(other);
	char *path = xasprintf("%s/%s", work->directory, file);
	char *what;
	WalVerdict verdict = look_at_other(work, other, &what);
	char *detail = xasprintf("The content there has the digest %s, this one %s.%s", other->content,
							 record->content, what);
	char *hint = verdict == WAL_GOOD      ? xasprintf(COPY_HINT, path)
				 : verdict == WAL_DAMAGED ? xasprintf(FORGED_HINT, path)
										  : xasprintf(UNKNOWN_HINT COPY_HINT, path, path);

	report_error(EXIT_INTEGRITY, detail, hint,
				 verdict == WAL_DAMAGED
					 ? "repository \"%s\" has another file \"%s\" of system identifier %" PRIu64
					   ", which is damaged or no server's"
					 : "repository \"%s\" has another file \"%s\" of system identifier %" PRIu64,
				 location, record->name.text, work->system.id);
	free(hint);
	free(detail);
	free(what);
	free(path);
	free(file);
}

/* Is there another content of the same name?  Always true if so (reported). */
static bool
conflicts(const Work *work)
{
	const WalRecord *record = &work->loaded->record;
	size_t i;

	for (i = 0; i < work->there.count; i++)
	{
		const WalFile *other = &work->there.files[i];

		if (strcmp(other->name.text, record->name.text) != 0 ||
			strcmp(other->content, record->content) == 0)
			continue;
		report_conflict(work, other);
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

		if (strcmp(other->name.text, work->loaded->record.name.text) == 0 &&
			strcmp(other->content, work->loaded->record.content) == 0)
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
	WalRecord *record = &work->loaded->record;
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
								.name_later = work->push->names_later,
								.sha256 = file->sha256,
								.locked_until = work->system.repository->removal_lock.until};
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
	WalLoaded *loaded = work->loaded;
	Buffer stored;
	bool good;

	buffer_init(&stored);
	good = find_previous(work) && wal_load_compress(loaded, work->push->level) &&
		   wal_pack(work->system.repository, &loaded->record, &loaded->compressed, &stored, file) &&
		   put_file(work, &stored, file) && list_directory(work) && !conflicts(work);
	if (good && find_same(work) == NULL)
		good = report_error(
			EXIT_FAILED, NULL, NULL, "file \"%s\" is not in repository \"%s\" after it was written",
			work->loaded->record.name.text, work->system.repository->storage->location);
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
	const WalName *segment = &work->loaded->record.name;
	WalPush push = *work->push;
	WalPushed pushed;
	char name[WAL_NAME_SIZE];
	char *path;
	Buffer text;
	bool good = true;

	if (segment->kind != WAL_SEGMENT || segment->timeline == 1)
		return true;
	snprintf(name, sizeof(name), "%08" PRIX32 ".history", segment->timeline);
	path = wal_sibling(work->loaded->path, name);
	push.path = path;
	push.system_identifier = work->system.id;
	push.names_later = false;
	buffer_init(&text);
	if (wal_source_read(path, &text) != ENOENT)
		good = wal_push(&push, &pushed);
	buffer_free(&text);
	free(path);
	return good;
}

bool
wal_push_loaded(const WalPush *push, WalLoaded *loaded, WalPushed *pushed)
{
	Repository *repository = push->repository;
	WalRecord *record = &loaded->record;
	Work work = {.push = push, .loaded = loaded, .system = {.repository = repository}};
	bool good;

	memset(pushed, 0, sizeof(*pushed));
	removal_lock_longest(repository);
	good = encryption_can_write(repository) && lost_header_refuse(repository) &&
		   open_system(&work) && push_history(&work) &&
		   wal_name_content(repository, loaded->data.data, loaded->data.length, record->sha256,
							record->content) &&
		   store(&work, pushed);
	wal_listing_free(&work.there);
	free(work.directory);
	return good;
}

bool
wal_push(const WalPush *push, WalPushed *pushed)
{
	WalLoaded loaded;
	bool good = wal_load(push->path, push->system_identifier, &loaded) &&
				wal_push_loaded(push, &loaded, pushed);

	wal_loaded_free(&loaded);
	return good;
}

bool
wal_push_keep_names(Repository *repository, char *const *directories, size_t count)
{
	Storage *storage = repository->storage;
	char *failed = NULL;
	StoreResult result = storage->barrier(storage, directories, count, 1, &failed);

	if (result.code != STORE_OK)
		report_error(EXIT_FAILED, NULL, result.hint, "could not fsync directory \"%s/%s\": %s",
					 storage->location, failed != NULL ? failed : ".", result.text);
	free(failed);
	return result.code == STORE_OK;
}
