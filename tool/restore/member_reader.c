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

#include "log.h"
#include "memory.h"

#define DAMAGE_HINT "Run \"nex_backup verify\" to see what is damaged, and restore another backup."

bool
member_reader_open(MemberReader *reader, Repository *repository, const Manifest *manifest)
{
	memset(reader, 0, sizeof(*reader));
	reader->repository = repository;
	reader->manifest = manifest;
	reader->decompressor = decompressor_create(manifest->codec);
	buffer_init(&reader->stored);
	buffer_init(&reader->raw);
	return reader->decompressor != NULL || report_error(EXIT_FAILED, NULL, NULL, "out of memory");
}

void
member_reader_close(MemberReader *reader)
{
	decompressor_free(reader->decompressor);
	buffer_free(&reader->stored);
	buffer_free(&reader->raw);
}

bool
member_reader_read(MemberReader *reader, const Member *member)
{
	Storage *storage = reader->repository->storage;
	char *path = manifest_object_path(reader->manifest, member->object);
	const char *problem = NULL;
	int error;

	buffer_reset(&reader->stored);
	buffer_reset(&reader->raw);
	buffer_reserve(&reader->stored, member->length);
	buffer_reserve(&reader->raw, member->raw);
	error = storage->read_range(storage, path, member->offset, member->length, reader->stored.data);
	if (error != 0)
		problem = strerror(error);
	else
		problem = decompressor_frame(reader->decompressor, reader->stored.data, member->length,
									 reader->raw.data, member->raw);
	if (problem != NULL)
		repository_damaged(reader->repository, path, problem, DAMAGE_HINT);
	else
	{
		reader->raw.length = member->raw;
		reader->raw.data[member->raw] = '\0';
	}
	free(path);
	return problem == NULL;
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
