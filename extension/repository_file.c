/*-------------------------------------------------------------------------
 *
 * repository_file.c
 *	  Reading a repository in the server's file system.
 *
 * These functions read, hash and list; what follows from it is decided in
 * SQL (see the install script), where it is easier to read and to change.
 * They may be called by whoever may read server files, and in addition every
 * path is confined: an absolute repository, and below it only names made of
 * the repository's own alphabet, opened without following a symbolic link at
 * the end.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "catalog/pg_authid.h"
#include "digest.h"
#include "funcapi.h"
#include "gate.h"
#include "mb/pg_wchar.h"
#include "names.h"
#include "repository_file.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_PIECE (1024 * 1024)

PG_FUNCTION_INFO_V1(nex_backup_check_file);
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

char *
repository_file_path(const char *repository, const char *file)
{
	if (!is_absolute_path(repository))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("repository \"%s\" is not an absolute path", repository),
						errhint("Give the full path of the repository on the database server.")));
	if (!is_repository_name(file))
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME),
						errmsg("\"%s\" is not the name of a file in a repository", file)));
	return psprintf("%s/%s", repository, file);
}

/* Open a regular file; -1 with errno if it cannot be. */
static int
open_regular(const char *path, off_t *bytes)
{
	struct stat status;
	/* O_NONBLOCK: to open a FIFO would wait for ever, deaf to cancellation. */
	int fd = OpenTransientFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | PG_BINARY);

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
	{
		CloseTransientFile(fd);
		errno = ENOTSUP;
		return -1;
	}
	*bytes = status.st_size;
	return fd;
}

/* Read up to `length` bytes, interruptible; -1 with errno on failure. */
static ssize_t
read_piece(int fd, char *into, size_t length)
{
	size_t done = 0;

	while (done < length)
	{
		ssize_t got;

		CHECK_FOR_INTERRUPTS();
		got = read(fd, into + done, Min(length - done, HASH_PIECE));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t) got;
	}
	return (ssize_t) done;
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
			return pstrdup("may not be read by the server");
		case ELOOP:
		case ENOTSUP:
			return pstrdup("is not a regular file");
		default:
			return psprintf("could not be read: %s", strerror(error));
	}
}

char *
read_repository_file(const char *repository, const char *file, Size largest, char **content,
					 size_t *length)
{
	off_t bytes;
	ssize_t got;
	int saved;
	int fd;

	check_may_read_server_files(GetUserId());
	fd = open_regular(repository_file_path(repository, file), &bytes);
	if (fd < 0)
		return describe_errno(errno);
	if (bytes < 0 || (Size) bytes > largest)
	{
		CloseTransientFile(fd);
		return pstrdup("is too large to be read in the server");
	}
	*content = palloc((Size) bytes + 1);
	got = read_piece(fd, *content, (size_t) bytes);
	saved = errno;
	CloseTransientFile(fd);
	if (got < 0)
		return describe_errno(saved);
	(*content)[got] = '\0';
	*length = (size_t) got;
	return NULL;
}

/* A digest is malloc'd by OpenSSL: free it however the memory context ends. */
static void
free_digest(void *argument)
{
	digest_free((Digest *) argument);
}

static Digest *
create_digest(void)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	Digest *digest = digest_create();

	if (digest == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not initialize SHA-256")));
	callback->func = free_digest;
	callback->arg = digest;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return digest;
}

/* Hash an open file; returns what is wrong, or NULL. */
static char *
hash_file(int fd, DigestHex hex)
{
	Digest *digest = create_digest();
	char *piece = palloc(HASH_PIECE);
	ssize_t got;

	while ((got = read_piece(fd, piece, HASH_PIECE)) > 0)
	{
		if (!digest_update(digest, piece, (size_t) got))
			elog(ERROR, "could not update a SHA-256 digest");
	}
	if (got < 0)
		return describe_errno(errno);
	if (!digest_final(digest, hex))
		elog(ERROR, "could not finish a SHA-256 digest");
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
	DigestHex hex;
	off_t bytes = 0;
	int fd;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	check_may_read_server_files(GetUserId());
	context = AllocSetContextCreate(CurrentMemoryContext, "nex_backup check_file",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	file = text_to_cstring(PG_GETARG_TEXT_PP(1));
	wanted = text_to_cstring(PG_GETARG_TEXT_PP(3));
	fd = open_regular(repository_file_path(repository, file), &bytes);
	if (fd < 0)
		problem = describe_errno(errno);
	else
	{
		if (!PG_ARGISNULL(2) && PG_GETARG_INT64(2) != (int64) bytes)
			problem = psprintf("has %lld bytes instead of %lld", (long long) bytes,
							   (long long) PG_GETARG_INT64(2));
		else
			problem = hash_file(fd, hex);
		CloseTransientFile(fd);
		if (problem == NULL && strcmp(hex, wanted) != 0)
			problem = pstrdup("does not match its SHA-256 digest");
	}
	MemoryContextSwitchTo(old);
	if (problem != NULL)
		result = cstring_to_text(problem);
	MemoryContextDelete(context);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(result);
}

/* nex_backup.list_directory(repository, directory): the names in it; none if it is no directory. */
Datum
nex_backup_list_directory(PG_FUNCTION_ARGS)
{
	char *repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	struct dirent *entry;
	DIR *directory;
	char *path;

	check_may_read_server_files(GetUserId());
	path = repository_file_path(repository, name);
	init_materialized_srf_compat(fcinfo);
	directory = AllocateDir(path);
	if (directory == NULL && (errno == ENOENT || errno == ENOTDIR))
		return (Datum) 0;
	while ((entry = ReadDir(directory, path)) != NULL)
	{
		Datum values[1];
		bool nulls[1] = {false};

		CHECK_FOR_INTERRUPTS();
		if (entry->d_name[0] == '.' || !is_repository_name(entry->d_name))
			continue;
		values[0] = CStringGetTextDatum(entry->d_name);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	FreeDir(directory);
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
	struct stat status;

	check_may_read_server_files(GetUserId());
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (lstat(repository_file_path(repository, name), &status) != 0)
	{
		values[1] = CStringGetTextDatum(describe_errno(errno));
		nulls[1] = false;
	}
	else
	{
		values[0] = CStringGetTextDatum(
			psprintf("%llu %lld.%09ld", (unsigned long long) status.st_ino,
					 (long long) status.st_ctim.tv_sec, (long) status.st_ctim.tv_nsec));
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

/* What is wrong with an entry of backups/, or NULL. */
static const char *
entry_problem(const char *path, const char *name, bool of_database)
{
	struct stat status;
	DIR *directory;

	if (lstat(path, &status) != 0)
		return errno == ENOENT ? NULL : describe_errno(errno);
	if (S_ISLNK(status.st_mode))
		return "is a symbolic link, which is not followed";
	if (!S_ISDIR(status.st_mode))
		return "is not a directory";
	if (!of_database)
		return strcmp(name, "lost+found") == 0 ? NULL : "is not the directory of a database";
	directory = AllocateDir(path);
	if (directory == NULL)
		return errno == ENOENT ? NULL : describe_errno(errno);
	FreeDir(directory);
	return NULL;
}

/* A directory at the top of the repository; what is wrong with it, or NULL if it is open or absent.
 */
static const char *
open_tree(const char *path, DIR **directory)
{
	struct stat status;

	*directory = AllocateDir(path);
	if (*directory != NULL)
		return NULL;
	if (errno == ENOTDIR)
		return "is not a directory";
	if (errno != ENOENT)
		return describe_errno(errno);
	return lstat(path, &status) == 0 ? "is a symbolic link that leads nowhere" : NULL;
}

/* The name of a server's owner in the catalogue: "db", or "LABEL@db". */
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
	struct dirent *entry;
	DIR *directory;
	const char *problem;
	char *tree = psprintf("%sglobals", base);
	char *path;

	problem = open_tree(repository_file_path(repository, tree), &directory);
	if (problem != NULL)
		put_unclear(result, tree, owner_text(label, ""), problem);
	if (directory != NULL)
		FreeDir(directory);
	tree = psprintf("%sbackups", base);
	path = repository_file_path(repository, tree);
	problem = open_tree(path, &directory);
	if (problem != NULL)
		put_unclear(result, tree, NULL, problem);
	while (directory != NULL && (entry = ReadDir(directory, path)) != NULL)
	{
		char database[64];
		bool known;

		CHECK_FOR_INTERRUPTS();
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		known = database_directory_decode(entry->d_name, database) &&
				pg_verifymbstr(database, (int) strlen(database), true);
		problem = entry_problem(psprintf("%s/%s", path, entry->d_name), entry->d_name, known);
		if (problem != NULL)
			put_unclear(result, psprintf("%s/%s", tree, entry->d_name),
						known ? owner_text(label, database) : NULL, problem);
	}
	if (directory != NULL)
		FreeDir(directory);
}

/* Links are not followed here, as the program does not. */
static const char *
part_problem(const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return errno == ENOENT ? NULL : describe_errno(errno);
	return S_ISLNK(status.st_mode) ? "is a symbolic link, which is not followed" : NULL;
}

/* Servers other than main; what is wrong with the directory of one may hide any of its backups. */
static void
look_at_servers(const char *repository, ReturnSetInfo *result)
{
	char *path = repository_file_path(repository, "servers");
	struct dirent *entry;
	DIR *directory;
	const char *problem = open_tree(path, &directory);

	if (problem != NULL)
		put_unclear(result, "servers", NULL, problem);
	while (directory != NULL && (entry = ReadDir(directory, path)) != NULL)
	{
		const char *name = entry->d_name;
		char *full = psprintf("%s/%s", path, name);
		char *of = psprintf("servers/%s", name);

		CHECK_FOR_INTERRUPTS();
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "main") == 0)
			continue;
		problem = entry_problem(full, name, is_label(name));
		if (problem == NULL && is_label(name))
			problem = part_problem(psprintf("%s/backups", full));
		if (problem == NULL && is_label(name))
			problem = part_problem(psprintf("%s/globals", full));
		if (problem != NULL)
			put_unclear(result, of, NULL, problem);
		else if (is_label(name))
			look_at_server(repository, name, result);
	}
	if (directory != NULL)
		FreeDir(directory);
}

/*
 * nex_backup.unclear_directories(repository): what stands where directories of
 * backups do, and cannot be looked into; database NULL if it may hold anything.
 * That the catalogue's rows have no files is not known then.  Links are not
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
