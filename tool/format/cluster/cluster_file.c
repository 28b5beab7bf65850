/*-------------------------------------------------------------------------
 *
 * cluster_file.c
 *	  What the files in a data directory are, by their names.
 *
 *-------------------------------------------------------------------------
 */
#include "cluster_file.h"

#include <stdlib.h>
#include <string.h>

/* Directories whose content means nothing to another start of the server. */
static const char *const emptied[] = {"pg_wal",          "pg_replslot", "pg_dynshmem",
									  "pg_notify",       "pg_serial",   "pg_snapshots",
									  "pg_stat_tmp",     "pg_subtrans", "pg_wal/archive_status",
									  "pg_wal/summaries"};

/* Files at the top. */
static const char *const left_out[] = {
	"postmaster.pid",       "postmaster.opts",          "backup_label",    "backup_label.old",
	"tablespace_map",       "tablespace_map.old",       "backup_manifest", "current_logfiles",
	"current_logfiles.tmp", "postgresql.auto.conf.tmp", "recovery.signal", "standby.signal"};

/* What is, or is in, these is the server's own; it makes nothing else there. */
static const char *const of_server[] = {"PG_VERSION",   "base",    "global",    "pg_commit_ts",
										"pg_logical",   "pg_stat", "pg_tblspc", "pg_twophase",
										"pg_multixact", "pg_xact"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_among(const char *path, const char *const *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(path, list[i]) == 0)
			return true;
	}
	return false;
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* Of a temporary relation, "t3_16384": a process number, and the name of a file of a relation. */
static bool
is_temporary_relation(const char *name)
{
	RelationFile file;
	size_t digits;

	if (name[0] != 't')
		return false;
	digits = strspn(name + 1, "0123456789");
	return digits > 0 && name[1 + digits] == '_' && relation_file_parse(name + 2 + digits, &file);
}

ClusterUse
cluster_use(const char *path, bool is_directory)
{
	const char *name = base_name(path);

	if (is_among(path, emptied, COUNT(emptied)))
		return CLUSTER_EMPTY;
	if (strncmp(path, "pg_wal/", 7) == 0 || strncmp(name, "pgsql_tmp", 9) == 0 ||
		strncmp(name, "pg_internal.init", 16) == 0)
		return CLUSTER_LEAVE_OUT;
	if (is_directory)
		return CLUSTER_TAKE;
	return is_among(path, left_out, COUNT(left_out)) || is_temporary_relation(name)
			   ? CLUSTER_LEAVE_OUT
			   : CLUSTER_TAKE;
}

bool
cluster_is_of_server(const char *path)
{
	size_t length = strcspn(path, "/");
	size_t i;

	for (i = 0; i < COUNT(of_server); i++)
	{
		if (strlen(of_server[i]) == length && strncmp(path, of_server[i], length) == 0)
			return true;
	}
	return false;
}

bool
cluster_path_valid(const char *path)
{
	const char *at = path;

	if (path[0] == '\0')
		return false;
	for (;;)
	{
		size_t length = strcspn(at, "/");

		if (length == 0 || (length == 1 && at[0] == '.') ||
			(length == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		if (at[length] == '\0')
			return true;
		at += length + 1;
	}
}

/* Digits without a leading zero, up to 2^32 - 1; behind them, or NULL. */
static const char *
read_number(const char *text, uint32_t *number)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long long value;

	if (digits < 1 || digits > 10 || (text[0] == '0' && digits > 1))
		return NULL;
	value = strtoull(text, NULL, 10);
	*number = (uint32_t) value;
	return value <= UINT32_MAX ? text + digits : NULL;
}

bool
relation_file_parse(const char *name, RelationFile *file)
{
	static const struct
	{
		const char *suffix;
		RelationFork fork;
	} forks[] = {{"_fsm", FORK_FSM}, {"_vm", FORK_VM}, {"_init", FORK_INIT}};
	const char *at = read_number(name, &file->number);
	size_t i;

	file->fork = FORK_MAIN;
	file->segment = 0;
	if (at == NULL || file->number == 0)
		return false;
	for (i = 0; i < COUNT(forks); i++)
	{
		size_t length = strlen(forks[i].suffix);

		if (strncmp(at, forks[i].suffix, length) == 0)
		{
			file->fork = forks[i].fork;
			at += length;
			break;
		}
	}
	if (at[0] == '.')
		at = read_number(at + 1, &file->segment);
	return at != NULL && at[0] == '\0' && (file->segment > 0 || strchr(name, '.') == NULL);
}

/* Digits, and no more. */
static bool
is_oid(const char *text, size_t length)
{
	return length > 0 && strspn(text, "0123456789") >= length;
}

bool
cluster_holds_relations(const char *directory)
{
	size_t length;
	const char *at;

	if (strcmp(directory, "global") == 0)
		return true;
	if (strncmp(directory, "base/", 5) == 0)
		return is_oid(directory + 5, strlen(directory + 5));
	if (strncmp(directory, "pg_tblspc/", 10) != 0)
		return false;
	at = directory + 10;
	length = strcspn(at, "/");
	if (!is_oid(at, length) || strncmp(at + length, "/PG_", 4) != 0)
		return false;
	at = strchr(at + length + 1, '/');
	return at != NULL && is_oid(at + 1, strlen(at + 1));
}
