/*-------------------------------------------------------------------------
 *
 * repository_file.c
 *	  Reading a repository in the server's file system.
 *
 * These functions have a child read, hash and list (reader.c); what follows from it is decided in
 * SQL (see the install script), where it is easier to read and to change.
 * They may be called by whoever may read server files, and in addition every
 * path is confined: an absolute repository, and below it only names made of
 * the repository's own alphabet, opened without following a symbolic link, but
 * for one at the top level that belongs to the right user (top_link.h).
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "gate.h"
#include "mb/pg_wchar.h"
#include "names.h"
#include "reader.h"
#include "repository_file.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include <sys/stat.h>
#include <unistd.h>

/* What is wrong with the look, and not with the file: see nex_backup_could_not_look(). */
#define MAY_NOT_BE_READ "may not be read by the server"
#define IS_A_LINK "is a symbolic link, which is not followed"
#define TOO_LARGE_FOR_SERVER "is too large to be read in the server"
#define COULD_NOT_BE_READ "could not be read: "

PG_FUNCTION_INFO_V1(nex_backup_check_file);
PG_FUNCTION_INFO_V1(nex_backup_could_not_look);
PG_FUNCTION_INFO_V1(nex_backup_list_directory);
PG_FUNCTION_INFO_V1(nex_backup_file_mark);
PG_FUNCTION_INFO_V1(nex_backup_unclear_directories);
PG_FUNCTION_INFO_V1(nex_backup_database_directory);
PG_FUNCTION_INFO_V1(nex_backup_directory_database);
PG_FUNCTION_INFO_V1(nex_backup_gate_check_caller);
PG_FUNCTION_INFO_V1(nex_backup_check_caller);
PG_FUNCTION_INFO_V1(nex_backup_host_name);

void
check_may_read_server_files(Oid role)
{
	if (!has_privs_of_role(role, ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read a repository"),
				 errdetail("Only roles with privileges of pg_read_server_files may do this.")));
}

/*
 * nex_backup.check_caller(): may the caller read server files?  Within
 * nex_backup_verify() the current user is the extension's owner, so the current
 * user says nothing of who called it.
 */
Datum
nex_backup_gate_check_caller(PG_FUNCTION_ARGS)
{
	check_may_read_server_files(gate_caller());
	PG_RETURN_VOID();
}

/* The same, of version 0.2.0. */
Datum
nex_backup_check_caller(PG_FUNCTION_ARGS)
{
	check_may_read_server_files(gate_caller_0_2_0());
	PG_RETURN_VOID();
}

/* nex_backup.host_name(): the name under which the tool would record this host. */
Datum
nex_backup_host_name(PG_FUNCTION_ARGS)
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) != 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(host));
}

/* Letters, digits and _ - % . in parts that are neither empty nor "." nor "..". */
static bool
is_repository_name(const char *file)
{
	const char *part = file;

	if (strspn(file, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-%./") !=
		strlen(file))
		return false;
	while (part != NULL)
	{
		size_t length = strcspn(part, "/");

		if (length == 0 || (length == 1 && part[0] == '.') ||
			(length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		part = part[length] == '/' ? part + length + 1 : NULL;
	}
	return true;
}

void
check_repository_file(const char *repository, const char *file)
{
	if (strstr(repository, "://") != NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("repository \"%s\" is not a directory, and the server reads directories only",
					repository),
			 errhint("Its backups are recorded when they are made, and not from there. Use "
					 "\"nex_backup verify\", which records its result for those, or "
					 "nex_backup_run(), which runs it.")));
	if (!is_absolute_path(repository))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("repository \"%s\" is not an absolute path", repository),
						errhint("Give the full path of the repository on the database server.")));
	if (!is_repository_name(file))
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME),
						errmsg("\"%s\" is not the name of a file in a repository", file)));
}

char *
describe_errno(int error)
{
	switch (error)
	{
		case ENOENT:
		case ENOTDIR:
			return pstrdup("is missing");
		case EACCES:
		case EPERM:
			return pstrdup(MAY_NOT_BE_READ);
		case ELOOP:
			return pstrdup(IS_A_LINK);
		case ENOTSUP:
		case ENXIO:
			return pstrdup("is not a regular file");
		default:
			return psprintf(COULD_NOT_BE_READ "%s", strerror(error));
	}
}

/*
 * nex_backup.could_not_look(problem): does it say that the server may not or
 * cannot look at the file, and nothing about the file?  As the program does, it
 * is not called damaged then: another look, or another user's, may find it
 * good.  What is missing, too short or not a file at all is.
 */
Datum
nex_backup_could_not_look(PG_FUNCTION_ARGS)
{
	char *problem = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_BOOL(strcmp(problem, MAY_NOT_BE_READ) == 0 || strcmp(problem, IS_A_LINK) == 0 ||
				   strcmp(problem, TOO_LARGE_FOR_SERVER) == 0 ||
				   strncmp(problem, COULD_NOT_BE_READ, strlen(COULD_NOT_BE_READ)) == 0);
}

char *
read_repository_file(const char *repository, const char *file, Size largest, char **content,
					 size_t *length)
{
	ReaderAnswer answer;

	check_may_read_server_files(GetUserId());
	check_repository_file(repository, file);
	*content = reader_content(repository, file, (int64) largest, &answer);
	if (answer.error == EFBIG)
		return pstrdup(TOO_LARGE_FOR_SERVER);
	if (answer.error != 0)
		return describe_errno(answer.error);
	*length = (size_t) answer.bytes;
	return NULL;
}

/*
 * nex_backup.check_file(repository, file, bytes, sha256): NULL if the file has
 * that length (NULL: any) and digest, else what is wrong.  Runs in a memory
 * context of its own, because it is called for very many files.
 */
Datum
nex_backup_check_file(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext old;
	char *repository;
	char *file;
	char *wanted;
	char *problem = NULL;
	text *result = NULL;
	ReaderAnswer answer;
	int64 bytes;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	check_may_read_server_files(GetUserId());
	context = AllocSetContextCreate(CurrentMemoryContext, "nex_backup check_file",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	file = text_to_cstring(PG_GETARG_TEXT_PP(1));
	wanted = text_to_cstring(PG_GETARG_TEXT_PP(3));
	bytes = PG_ARGISNULL(2) ? -1 : PG_GETARG_INT64(2);
	check_repository_file(repository, file);
	/* A digest of no file: the length is another one. */
	reader_digest(repository, file, bytes, &answer);
	if (answer.error != 0)
		problem = describe_errno(answer.error);
	else if (answer.hex[0] == '\0')
		problem =
			psprintf("has %lld bytes instead of %lld", (long long) answer.bytes, (long long) bytes);
	else if (strcmp(answer.hex, wanted) != 0)
		problem = pstrdup("does not match its SHA-256 digest");
	MemoryContextSwitchTo(old);
	if (problem != NULL)
		result = cstring_to_text(problem);
	MemoryContextDelete(context);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(result);
}

/* nex_backup.list_directory(repository, directory): the names in it; none if it is not a directory.
 */
Datum
nex_backup_list_directory(PG_FUNCTION_ARGS)
{
	char *repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ReaderAnswer answer;
	ListCell *cell;
	List *names;

	check_may_read_server_files(GetUserId());
	check_repository_file(repository, name);
	init_materialized_srf_compat(fcinfo);
	names = reader_names(repository, name, &answer);
	if (answer.error == ENOENT || answer.error == ENOTDIR)
		return (Datum) 0;
	if (answer.error == ELOOP)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("directory \"%s/%s\" " IS_A_LINK, repository, name)));
	errno = answer.error;
	if (answer.error != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read directory \"%s/%s\": %m", repository, name)));
	foreach (cell, names)
	{
		char *found = lfirst(cell);
		Datum values[1];
		bool nulls[1] = {false};

		CHECK_FOR_INTERRUPTS();
		if (found[0] == '.' || !is_repository_name(found))
			continue;
		values[0] = CStringGetTextDatum(found);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * nex_backup.file_mark(repository, file): which file that is, or what is wrong
 * with it.  The mark is the same wherever the same directory is mounted, and
 * another one for a copy, which cannot have the change time of the original.
 * The file is not opened.  tool/report/catalogue.c makes the same mark.
 */
Datum
nex_backup_file_mark(PG_FUNCTION_ARGS)
{
	char *repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	TupleDesc descriptor;
	Datum values[2] = {(Datum) 0, (Datum) 0};
	bool nulls[2] = {true, true};
	ReaderAnswer answer;

	check_may_read_server_files(GetUserId());
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	check_repository_file(repository, name);
	reader_look(repository, name, &answer);
	if (answer.error != 0)
	{
		values[1] = CStringGetTextDatum(describe_errno(answer.error));
		nulls[1] = false;
	}
	else
	{
		values[0] = CStringGetTextDatum(
			psprintf("%llu %lld.%09ld", (unsigned long long) answer.inode,
					 (long long) answer.changed, (long) answer.changed_nanoseconds));
		nulls[0] = false;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

/* The name of a server in a repository, as the program takes it. */
static bool
is_label(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= 32 &&
		   strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
			   length;
}

/* One line of unclear_directories(). */
static void
put_unclear(ReturnSetInfo *result, const char *directory, const char *database, const char *problem)
{
	Datum values[3];
	bool nulls[3] = {false, database == NULL, false};
	char *shown = pstrdup(directory);
	char *c;

	/* Whoever put it there has chosen the bytes. */
	for (c = shown; *c != '\0'; c++)
	{
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	values[0] = CStringGetTextDatum(shown);
	values[1] = database != NULL ? CStringGetTextDatum(database) : (Datum) 0;
	values[2] = CStringGetTextDatum(problem);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Is a directory with these names empty, where backups were?  The program notes where it has stored
 * some (tool/storage/held_directories.h).
 */
static const char *
empty_problem(const char *repository, const char *path, const List *names)
{
	ReaderAnswer answer;
	const ListCell *cell;

	foreach (cell, names)
	{
		if (strcmp(lfirst(cell), "lost+found") != 0)
			return NULL;
	}
	reader_look(repository, psprintf("lock/held/%s", path), &answer);
	return answer.error == 0 ? "is empty, where backups were" : NULL;
}

/* What is wrong with a directory of backups, or one above those, or NULL; its names. */
static const char *
directory_problem(const char *repository, const char *path, List **names)
{
	ReaderAnswer answer;

	*names = reader_names(repository, path, &answer);
	if (answer.error == 0)
		return empty_problem(repository, path, *names);
	if (answer.error == ENOTDIR)
		return "is not a directory";
	return answer.error == ENOENT ? NULL : describe_errno(answer.error);
}

/* What is wrong with an entry of backups/, config/ or servers/, or NULL; `expected` if its name is
 * not that of one. */
static const char *
entry_problem(const char *repository, const char *directory, const char *name, bool named_well,
			  const char *expected)
{
	char *path = psprintf("%s/%s", directory, name);
	ReaderAnswer answer;
	List *names;

	reader_look(repository, path, &answer);
	if (answer.error != 0)
		return answer.error == ENOENT ? NULL : describe_errno(answer.error);
	if (S_ISLNK(answer.mode))
		return IS_A_LINK;
	if (!S_ISDIR(answer.mode))
		return "is not a directory";
	if (!named_well)
		return strcmp(name, "lost+found") == 0 ? NULL : expected;
	return directory_problem(repository, path, &names);
}

/* The name of a server's owner in the catalog: "db", or "LABEL@db". */
static char *
owner_text(const char *label, const char *database)
{
	return label[0] == '\0' ? pstrdup(database) : psprintf("%s@%s", label, database);
}

/* The backups of one server; label "": main, whose directories are at the top of the repository. */
static void
look_at_server(const char *repository, const char *label, ReturnSetInfo *result)
{
	char *base = label[0] == '\0' ? pstrdup("") : psprintf("servers/%s/", label);
	char *tree = psprintf("%sglobals", base);
	const char *problem;
	ListCell *cell;
	List *names;

	check_repository_file(repository, tree);
	problem = directory_problem(repository, tree, &names);
	if (problem != NULL)
		put_unclear(result, tree, owner_text(label, ""), problem);
	tree = psprintf("%sbackups", base);
	problem = directory_problem(repository, tree, &names);
	if (problem != NULL)
		put_unclear(result, tree, NULL, problem);
	foreach (cell, names)
	{
		const char *name = lfirst(cell);
		char database[64];
		bool known;

		CHECK_FOR_INTERRUPTS();
		known = database_directory_decode(name, database) &&
				pg_verifymbstr(database, (int) strlen(database), true);
		problem =
			entry_problem(repository, tree, name, known, "is not the directory of a database");
		if (problem != NULL)
			put_unclear(result, psprintf("%s/%s", tree, name),
						known ? owner_text(label, database) : NULL, problem);
	}
}

/* Links are not followed here, as the program does not. */
static const char *
part_problem(const char *repository, const char *path)
{
	ReaderAnswer answer;

	reader_look(repository, path, &answer);
	if (answer.error != 0)
		return answer.error == ENOENT ? NULL : describe_errno(answer.error);
	return S_ISLNK(answer.mode) ? IS_A_LINK : NULL;
}

/* Servers other than main; what is wrong with the directory of one may hide any of its backups. */
static void
look_at_servers(const char *repository, ReturnSetInfo *result)
{
	const char *problem;
	ListCell *cell;
	List *names;

	problem = directory_problem(repository, "servers", &names);
	if (problem != NULL)
		put_unclear(result, "servers", NULL, problem);
	foreach (cell, names)
	{
		const char *name = lfirst(cell);
		char *of = psprintf("servers/%s", name);

		CHECK_FOR_INTERRUPTS();
		if (strcmp(name, "main") == 0)
			continue;
		problem = entry_problem(repository, "servers", name, is_label(name),
								"is not the directory of a server");
		if (problem == NULL && is_label(name))
			problem = part_problem(repository, psprintf("%s/backups", of));
		if (problem == NULL && is_label(name))
			problem = part_problem(repository, psprintf("%s/globals", of));
		if (problem != NULL)
			put_unclear(result, of, NULL, problem);
		else if (is_label(name))
			look_at_server(repository, name, result);
	}
}

/* Sets of configuration files, which belong to no server. */
static void
look_at_sets(const char *repository, ReturnSetInfo *result)
{
	const char *problem;
	ListCell *cell;
	List *names;

	problem = directory_problem(repository, "config", &names);
	/* No database is called so. */
	if (problem != NULL)
		put_unclear(result, "config", "config/", problem);
	foreach (cell, names)
	{
		const char *name = lfirst(cell);
		char *directory = psprintf("config/%s", name);

		CHECK_FOR_INTERRUPTS();
		problem = entry_problem(repository, "config", name, is_label(name),
								"is not the directory of a set of files");
		if (problem != NULL)
			put_unclear(result, directory, is_label(name) ? directory : "config/", problem);
	}
}

/*
 * nex_backup.unclear_directories(repository): what stands where directories of
 * backups do, and cannot be looked into; database NULL if it may hold anything.
 * Whether the catalog's rows have files is not known then.  Links are not
 * followed below the top level, as the program does not.
 */
Datum
nex_backup_unclear_directories(PG_FUNCTION_ARGS)
{
	char *repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	check_may_read_server_files(GetUserId());
	init_materialized_srf_compat(fcinfo);
	look_at_server(repository, "", result);
	look_at_servers(repository, result);
	look_at_sets(repository, result);
	return (Datum) 0;
}

/* nex_backup.database_directory(database): its directory below backups/. */
Datum
nex_backup_database_directory(PG_FUNCTION_ARGS)
{
	char *database = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char directory[DATABASE_DIRECTORY_SIZE];

	if (!database_directory_encode(database, directory))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME), errmsg("invalid database name \"%s\"", database)));
	PG_RETURN_TEXT_P(cstring_to_text(directory));
}

/* nex_backup.directory_database(directory): the inverse; NULL if no database has that directory. */
Datum
nex_backup_directory_database(PG_FUNCTION_ARGS)
{
	char *directory = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char database[64];

	if (!database_directory_decode(directory, database) ||
		!pg_verifymbstr(database, (int) strlen(database), true))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(database));
}
