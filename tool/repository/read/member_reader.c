/*-------------------------------------------------------------------------
 *
 * member_reader.c
 *	  Reading members out of the repository.
 *
 *-------------------------------------------------------------------------
 */
#include "member_reader.h"

#include <stdlib.h>
#include <string.h>

#include "bad_objects.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "object_read.h"
#include "other_places.h"

#define END_OF_DATA "\\.\n\n"
#define DAMAGE_HINT "Run \"nex_backup verify\" to see what is damaged, and restore another backup."

bool
member_reader_open(MemberReader *reader, Repository *repository, const Manifest *manifest)
{
	memset(reader, 0, sizeof(*reader));
	reader->repository = repository;
	reader->manifest = manifest;
	reader->decompressor = decompressor_create(manifest->codec);
	buffer_init(&reader->stored);
	buffer_init(&reader->plain);
	reader->plain_object = -1;
	buffer_init(&reader->raw);
	return reader->decompressor != NULL || report_error(EXIT_FAILED, NULL, NULL, "out of memory");
}

void
member_reader_close(MemberReader *reader)
{
	if (reader->owns_ahead)
		object_ahead_free(reader->ahead);
	decompressor_free(reader->decompressor);
	buffer_free(&reader->stored);
	buffer_free(&reader->plain);
	buffer_free(&reader->raw);
}

void
member_reader_read_ahead(MemberReader *reader)
{
	const Manifest *manifest = reader->manifest;
	const Member **members = xcalloc((size_t) manifest->nmembers + 1, sizeof(Member *));
	uint32_t i;

	for (i = 0; i < manifest->nmembers; i++)
		members[i] = &manifest->members[i];
	reader->ahead = object_ahead_create(reader->repository, manifest, members, manifest->nmembers);
	reader->owns_ahead = true;
	free(members);
}

/* The stored bytes of a member, out of the object's file; NULL and *problem on failure. */
static const char *
read_stored(MemberReader *reader, const char *path, const Member *member, char **problem,
			StoreResult *result)
{
	Storage *storage = reader->repository->storage;

	buffer_reset(&reader->stored);
	buffer_reserve(&reader->stored, member->length);
	*result =
		storage_read_range(storage, path, member->offset, member->length, reader->stored.data);
	if (result->code == STORE_OK)
		return reader->stored.data;
	*problem = xasprintf("could not be read: %s", result->text);
	return NULL;
}

/* The same out of an object that is opened whole, checked, and kept for its next member. */
static const char *
read_whole(MemberReader *reader, const Member *member, char **problem, StoreResult *result)
{
	if (reader->plain_object != (int64_t) member->object)
	{
		reader->plain_object = -1;
		*problem = object_read(reader->repository, reader->manifest, member->object, &reader->plain,
							   result);
		if (*problem != NULL)
			return NULL;
		reader->plain_object = member->object;
	}
	return reader->plain.data + member->offset;
}

/* The stored bytes of a member; NULL and *problem on failure. */
static const char *
find_stored(MemberReader *reader, const char *path, const Member *member, char **problem,
			StoreResult *result)
{
	const char *object;

	if (object_ahead_has(reader->ahead, member->object))
	{
		object = object_ahead_take(reader->ahead, member->object, problem, result);
		return object != NULL ? object + member->offset : NULL;
	}
	if (reader->manifest->cipher != CIPHER_NONE || reader->whole ||
		repository_has_others(reader->repository))
		return read_whole(reader, member, problem, result);
	return read_stored(reader, path, member, problem, result);
}

bool
member_reader_read(MemberReader *reader, const Member *member)
{
	const Repository *home = repository_place(reader->repository, reader->manifest->place, 0);
	char *path = manifest_object_path(reader->manifest, member->object);
	char *problem = NULL;
	const char *stored;
	StoreResult result = store_ok();
	bool good;

	buffer_reset(&reader->raw);
	buffer_reserve(&reader->raw, member->raw);
	stored = find_stored(reader, path, member, &problem, &result);
	if (stored != NULL)
		problem = xstrdup(decompressor_frame(reader->decompressor, stored, member->length,
											 reader->raw.data, member->raw));
	if (object_ahead_has(reader->ahead, member->object))
		object_ahead_give_back(reader->ahead, member->object, 1);
	good = problem == NULL;
	if (!good && store_blames_file(&result) && !stop_requested())
		bad_object_note(home, reader->manifest, member->object, problem);
	if (!good && !reader->quiet && store_inaccessible(&result))
		repository_unreadable(home, path, &result);
	else if (!good && !reader->quiet)
		repository_damaged(home, path, problem, DAMAGE_HINT);
	else if (good)
	{
		reader->raw.length = member->raw;
		reader->raw.data[member->raw] = '\0';
	}
	free(path);
	free(problem);
	return good;
}

bool
member_reader_rows(const MemberReader *reader, const Member *member, const char **rows,
				   size_t *length)
{
	const ManifestTable *table = &reader->manifest->tables[member->table];
	const Buffer *raw = &reader->raw;
	size_t head = strlen(table->copy) + 1;
	size_t tail = strlen(END_OF_DATA);

	if (raw->length < head + tail || memcmp(raw->data, table->copy, head - 1) != 0 ||
		raw->data[head - 1] != '\n' ||
		memcmp(raw->data + raw->length - tail, END_OF_DATA, tail) != 0)
		return report_error(EXIT_INTEGRITY, NULL, NULL,
							"a member of table \"%s\" is not what its manifest says", table->name);
	*rows = raw->data + head;
	*length = raw->length - head - tail;
	return true;
}

bool
member_reader_read_kind(MemberReader *reader, MemberKind kind, bool *found)
{
	uint32_t i;

	*found = false;
	for (i = 0; i < reader->manifest->nmembers; i++)
	{
		if (reader->manifest->members[i].kind != kind)
			continue;
		*found = true;
		return member_reader_read(reader, &reader->manifest->members[i]);
	}
	return true;
}
