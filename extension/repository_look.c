/*-------------------------------------------------------------------------
 *
 * repository_look.c
 *	  What the status looks at in repositories: what they are, and whether the
 *	  manifests of backups are there.
 *
 * Not with what repository_file.c has: that is for whoever wants to read one
 * repository and waits for it.  The status is asked again and again, just
 * when something does not answer (see look.c).
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "look.h"
#include "repository_file.h"

#define MISSING_SECONDS 2

PG_FUNCTION_INFO_V1(nex_backup_missing_files);

/* ---- the content of a file ---- */

typedef struct ReadWork
{
	const char *repository;
	const char *file;
	Size largest;
} ReadWork;

/* What the child writes before the content. */
typedef struct ReadHead
{
	int error; /* an errno, or 0 */
	bool too_large;
} ReadHead;

static void
read_in_child(int out, void *argument)
{
	const ReadWork *work = argument;
	ReadHead head = {0, false};
	char piece[8192];
	off_t bytes = 0;
	Size done = 0;
	ssize_t got;
	int fd = look_open(work->repository, work->file, &bytes);

	if (fd < 0)
		head.error = errno;
	else
		head.too_large = (Size) bytes > work->largest;
	look_write(out, &head, sizeof(head));
	if (head.error != 0 || head.too_large)
		return;
	/* It may grow meanwhile. */
	while (done <= work->largest && (got = read(fd, piece, sizeof(piece))) > 0)
	{
		look_write(out, piece, (size_t) got);
		done += (Size) got;
	}
}

char *
look_at_repository_file(const char *repository, const char *file, Size largest, char **content,
						size_t *length)
{
	StringInfoData answer;
	ReadWork work;
	ReadHead head;
	char *problem;

	check_may_read_server_files(GetUserId());
	check_repository_file(repository, file);
	work.repository = repository;
	work.file = file;
	work.largest = largest;
	initStringInfo(&answer);
	problem = look_at_place(repository, read_in_child, &work, &answer);
	if (problem != NULL)
		return problem;
	if (answer.len < (int) sizeof(head))
		return pstrdup("could not be looked at");
	memcpy(&head, answer.data, sizeof(head));
	if (head.error != 0)
		return describe_errno(head.error);
	if (head.too_large || answer.len - sizeof(head) > largest)
		return pstrdup("is too large to be read in the server");
	*length = (size_t) answer.len - sizeof(head);
	*content = palloc(*length + 1);
	memcpy(*content, answer.data + sizeof(head), *length);
	(*content)[*length] = '\0';
	return NULL;
}

/* ---- which files are missing ---- */

typedef struct MissingWork
{
	const char *repository;
	int count;
	const int32 *owners;
	const int32 *backups;
	char **files;
} MissingWork;

/* Is none of the places there where the file of a backup may be? */
static bool
all_missing(const MissingWork *work, int first, int behind)
{
	int i;

	for (i = first; i < behind; i++)
	{
		int fd = look_open_path(work->repository, work->files[i], O_PATH);

		if (fd >= 0)
			close(fd);
		if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR))
			return false;
	}
	return true;
}

static void
find_missing_in_child(int out, void *argument)
{
	const MissingWork *work = argument;
	time_t end = time(NULL) + MISSING_SECONDS;
	int32 settled = -1;
	int first;
	int behind;

	for (first = 0; first < work->count && time(NULL) <= end; first = behind)
	{
		for (behind = first + 1;
			 behind < work->count && work->backups[behind] == work->backups[first]; behind++)
			;
		if (work->owners[first] == settled)
			continue;
		if (all_missing(work, first, behind))
			look_write(out, &work->backups[first], sizeof(int32));
		else
			settled = work->owners[first];
	}
}

static const int32 *
numbers_of(ArrayType *array, int count)
{
	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT4OID ||
		ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != count)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("arrays do not match")));
	return (const int32 *) ARR_DATA_PTR(array);
}

/*
 * nex_backup.missing_files(repository, owners, backups, files): the numbers of
 * the backups of which no file is there.  Neighbours with the same number are
 * one backup, which may be in one of several places.  Of each owner, whose
 * backups come one behind the other, from the first on, until one is there.
 * What could not be looked at, or not in time, is not missing.
 */
Datum
nex_backup_missing_files(PG_FUNCTION_ARGS)
{
	char *repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	StringInfoData answer;
	MissingWork work;
	Datum *files;
	bool *nulls;
	int position;
	int i;

	check_may_read_server_files(GetUserId());
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT, &files, &nulls,
					  &work.count);
	work.owners = numbers_of(PG_GETARG_ARRAYTYPE_P(1), work.count);
	work.backups = numbers_of(PG_GETARG_ARRAYTYPE_P(2), work.count);
	work.repository = repository;
	work.files = palloc(sizeof(char *) * (Size) Max(work.count, 1));
	for (i = 0; i < work.count; i++)
	{
		work.files[i] = nulls[i] ? "" : TextDatumGetCString(files[i]);
		check_repository_file(repository, work.files[i]);
	}
	init_materialized_srf_compat(fcinfo);
	initStringInfo(&answer);
	(void) look_at_place(repository, find_missing_in_child, &work, &answer);
	for (position = 0; position + (int) sizeof(int32) <= answer.len; position += sizeof(int32))
	{
		bool null = false;
		int32 number;
		Datum value;

		memcpy(&number, answer.data + position, sizeof(int32));
		value = Int32GetDatum(number);
		tuplestore_putvalues(result->setResult, result->setDesc, &value, &null);
	}
	return (Datum) 0;
}
