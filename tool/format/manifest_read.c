/*-------------------------------------------------------------------------
 *
 * manifest_read.c
 *	  Reading a manifest, trusting nothing in it.
 *
 * The seal finds damage; the checks here find what a broken or hostile
 * writer could do: indexes out of range, frames that overlap, lengths that
 * overflow, names that leave the repository.
 *
 * A tree of JSON takes a kilobyte for a member, of which a database of a
 * terabyte has a hundred thousand.  So the long arrays are read entry by
 * entry, and only the rest becomes a tree.
 *
 *-------------------------------------------------------------------------
 */
#include "manifest.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_bounds.h"
#include "manifest_read.h"
#include "manifest_values.h"
#include "memory.h"
#include "seal.h"
#include "wal_position.h"

/* What becomes a tree: one entry of a long array, and all that is not in one. */
static const JsonBounds entry_bounds = {1024 * 1024, 16, 1000};
static const JsonBounds rest_bounds = {SIZE_MAX, 32, 2000000};

static void
read_head(ManifestReader *reader, const json_t *root, Manifest *manifest)
{
	char *id = manifest_get_text(reader, root, "id");
	char *codec = manifest_get_text(reader, root, "codec");
	char *kind = manifest_get_text(reader, root, "kind");

	if (manifest_get_number(reader, root, "format", INT32_MAX) != 1)
		manifest_broken(reader, "its format is unknown to this version of nex_backup");
	if (kind != NULL && strcmp(kind, "globals") == 0)
		manifest->kind = BACKUP_OF_GLOBALS;
	else if (kind != NULL && strcmp(kind, "files") == 0)
		manifest->kind = BACKUP_OF_FILES;
	else if (kind != NULL && strcmp(kind, "cluster") == 0)
		manifest->kind = BACKUP_OF_CLUSTER;
	else if (kind != NULL && strcmp(kind, "database") != 0)
		manifest_broken(reader, "its kind is unknown to this version of nex_backup");
	if (id != NULL && backup_id_valid(id))
		memcpy(manifest->id, id, strlen(id) + 1);
	else
		manifest_broken(reader, "key \"id\" is not a backup id");
	if (codec == NULL || !codec_by_name(codec, &manifest->codec))
		manifest_broken(reader, "its codec is unknown to this version of nex_backup");
	manifest->level = (int) manifest_get_number(reader, root, "level", 100);
	manifest->repository = manifest_get_text(reader, root, "repository");
	if (json_object_get(root, "copied_from") != NULL)
		manifest->copied_from =
			manifest_get_text(reader, json_object_get(root, "copied_from"), "repository");
	manifest->type = manifest_get_text(reader, root, "type");
	manifest->tool = manifest_get_text(reader, root, "tool");
	if (manifest->kind != BACKUP_OF_FILES && manifest->kind != BACKUP_OF_CLUSTER)
		manifest->pg_dump = manifest_get_text(reader, root, "pg_dump");
	manifest->started = manifest_get_time(reader, root, "started");
	manifest->snapshot_at = manifest_get_time(reader, root, "snapshot_at");
	manifest->finished = manifest_get_time(reader, root, "finished");
	free(id);
	free(codec);
	free(kind);
}

/* Keys that a manifest has only in an encrypted repository. */
static void
read_encryption(ManifestReader *reader, const json_t *root, Manifest *manifest)
{
	const char *cipher = json_string_value(json_object_get(root, "cipher"));

	if (json_object_get(root, "cipher") == NULL)
		return;
	if (cipher == NULL || !cipher_by_name(cipher, &manifest->cipher) ||
		manifest->cipher == CIPHER_NONE)
		manifest_broken(reader, "its cipher is unknown to this version of nex_backup");
	manifest->recipients = manifest_get_text(reader, root, "recipients");
	if (json_object_get(root, "private") != NULL)
	{
		manifest->private_part = manifest_get_text(reader, root, "private");
		manifest->locked = true;
	}
}

/* What roles with settings in the database could do; earlier versions did not write it. */
static void
read_roles(ManifestReader *reader, const json_t *object, ManifestDatabase *database)
{
	const json_t *array;
	size_t i;

	database->knows_roles = json_object_get(object, "role_powers") != NULL;
	if (!database->knows_roles)
		return;
	array = manifest_get_array(reader, object, "role_powers");
	database->roles = xcalloc(json_array_size(array) + 1, sizeof(ManifestRole));
	for (i = 0; i < json_array_size(array) && reader->error == NULL; i++)
	{
		const json_t *entry = json_array_get(array, i);
		ManifestRole *role = &database->roles[database->nroles++];

		role->name = manifest_get_text(reader, entry, "role");
		role->powers = manifest_get_text(reader, entry, "powers");
	}
}

static void
read_database(ManifestReader *reader, const json_t *root, ManifestDatabase *database)
{
	const json_t *object = json_object_get(root, "database");
	const json_t *limit = json_object_get(object, "connection_limit");

	database->name = manifest_get_text(reader, object, "name");
	database->owner = manifest_get_text(reader, object, "owner");
	database->encoding = manifest_get_text(reader, object, "encoding");
	database->collate = manifest_get_text_or_null(reader, object, "collate");
	database->ctype = manifest_get_text_or_null(reader, object, "ctype");
	database->provider = manifest_get_text(reader, object, "provider");
	database->icu_locale = manifest_get_text_or_null(reader, object, "icu_locale");
	database->icu_rules = manifest_get_text_or_null(reader, object, "icu_rules");
	database->tablespace = manifest_get_text(reader, object, "tablespace");
	database->bytes = manifest_get_number(reader, object, "bytes", INT64_MAX);
	if (!json_is_integer(limit) || json_integer_value(limit) < -2 ||
		json_integer_value(limit) > INT32_MAX)
		manifest_broken(reader, "key \"connection_limit\" is missing or no number in its range");
	else
		database->connection_limit = (int) json_integer_value(limit);
	read_roles(reader, object, database);
}

static void
read_globals(ManifestReader *reader, const json_t *root, Manifest *manifest)
{
	const json_t *object = json_object_get(root, "globals");
	ManifestGlobals *globals = &manifest->globals;

	manifest->database.name = xstrdup(GLOBALS_DATABASE);
	globals->roles = manifest_get_number(reader, object, "roles", INT64_MAX);
	globals->memberships = manifest_get_number(reader, object, "memberships", INT64_MAX);
	globals->tablespaces = manifest_get_number(reader, object, "tablespaces", INT64_MAX);
	globals->passwords = manifest_get_flag(reader, object, "passwords");
}

/* A position in the array of members, or -1. */
static int32_t
get_member(ManifestReader *reader, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < -1 ||
		json_integer_value(value) > INT32_MAX)
	{
		manifest_broken(reader, "key \"%s\" is missing or no number in its range", key);
		return -1;
	}
	return (int32_t) json_integer_value(value);
}

static void
read_file(ManifestReader *reader, const json_t *entry, Manifest *manifest)
{
	const json_t *modified = json_object_get(entry, "modified");
	ManifestFile file;

	memset(&file, 0, sizeof(file));
	file.path = manifest_get_text(reader, entry, "path");
	file.mode = (uint32_t) manifest_get_number(reader, entry, "mode", 07777);
	file.uid = (uint32_t) manifest_get_number(reader, entry, "uid", UINT32_MAX);
	file.gid = (uint32_t) manifest_get_number(reader, entry, "gid", UINT32_MAX);
	file.owner = manifest_get_text_or_null(reader, entry, "owner");
	file.group = manifest_get_text_or_null(reader, entry, "group");
	file.bytes = manifest_get_number(reader, entry, "bytes", INT64_MAX);
	file.form = manifest_get_text(reader, entry, "form");
	file.reason = manifest_get_text_or_null(reader, entry, "reason");
	file.secrets = manifest_get_number(reader, entry, "secrets", INT64_MAX);
	file.readable = get_member(reader, entry, "readable");
	file.whole = get_member(reader, entry, "whole");
	if (json_is_integer(modified))
		file.modified = json_integer_value(modified);
	else
		manifest_broken(reader, "key \"modified\" is missing or no number");
	manifest_add_file(manifest, &file);
}

static void
read_files(ManifestReader *reader, const json_t *root, Manifest *manifest)
{
	const json_t *array = manifest_get_array(reader, root, "files");
	size_t i;

	manifest->database.name = manifest_get_text(reader, root, "set");
	for (i = 0; i < json_array_size(array) && reader->error == NULL; i++)
		read_file(reader, json_array_get(array, i), manifest);
}

static uint64_t
read_lsn(ManifestReader *reader, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	uint64_t lsn = 0;

	if (text == NULL || !wal_lsn_parse(text, &lsn))
		manifest_broken(reader, "key \"%s\" is missing or no position in the WAL", key);
	return lsn;
}

static void
read_tablespaces(ManifestReader *reader, const json_t *object, ManifestCluster *cluster)
{
	const json_t *array = manifest_get_array(reader, object, "tablespaces");
	size_t i;

	cluster->tablespaces = xcalloc(json_array_size(array) + 1, sizeof(ManifestTablespace));
	for (i = 0; i < json_array_size(array) && reader->error == NULL; i++)
	{
		const json_t *entry = json_array_get(array, i);
		ManifestTablespace *tablespace = &cluster->tablespaces[cluster->ntablespaces++];

		tablespace->oid = (uint32_t) manifest_get_number(reader, entry, "oid", UINT32_MAX);
		tablespace->path = manifest_get_text(reader, entry, "path");
		if (tablespace->path != NULL && tablespace->path[0] != '/')
			manifest_broken(reader, "the path of a tablespace is not absolute");
	}
}

static void
read_damage(ManifestReader *reader, const json_t *object, ManifestCluster *cluster)
{
	const json_t *array = manifest_get_array(reader, object, "damage");
	size_t i;

	cluster->damage = xcalloc(json_array_size(array) + 1, sizeof(ManifestDamage));
	for (i = 0; i < json_array_size(array) && reader->error == NULL; i++)
	{
		const json_t *entry = json_array_get(array, i);
		ManifestDamage *damage = &cluster->damage[cluster->ndamage++];

		damage->path = manifest_get_text(reader, entry, "path");
		damage->block = (uint32_t) manifest_get_number(reader, entry, "block", UINT32_MAX);
	}
}

/* All files of a server; what would show names is in the inner part only. */
static void
read_cluster(ManifestReader *reader, const json_t *root, Manifest *manifest)
{
	const json_t *object = json_object_get(root, "cluster");
	ManifestCluster *cluster = &manifest->cluster;

	manifest->database.name = manifest_get_text(reader, object, "system");
	if (manifest->database.name != NULL && !system_name_valid(manifest->database.name))
		manifest_broken(reader, "key \"system\" is not a system identifier");
	cluster->start = read_lsn(reader, object, "start");
	cluster->stop = read_lsn(reader, object, "stop");
	cluster->timeline = (uint32_t) manifest_get_number(reader, object, "timeline", UINT32_MAX);
	cluster->segment_size =
		(uint32_t) manifest_get_number(reader, object, "segment_size", 1024 * 1024 * 1024);
	cluster->block_size = (uint32_t) manifest_get_number(reader, object, "block_size", 65536);
	cluster->checksums = manifest_get_flag(reader, object, "checksums");
	cluster->complete = manifest_get_flag(reader, object, "complete");
	cluster->files = manifest_get_number(reader, object, "files", INT64_MAX);
	cluster->damaged = manifest_get_number(reader, object, "damaged", INT64_MAX);
	if (cluster->segment_size < 1024 * 1024 ||
		(cluster->segment_size & (cluster->segment_size - 1)) != 0 || cluster->timeline == 0 ||
		cluster->start == 0 || cluster->stop < cluster->start)
		manifest_broken(reader, "says of the WAL what cannot be");
	if (manifest->locked)
		return;
	cluster->label = manifest_get_text(reader, object, "backup_label");
	read_tablespaces(reader, object, cluster);
	read_damage(reader, object, cluster);
}

static void
read_server(ManifestReader *reader, const json_t *root, ManifestServer *server)
{
	const json_t *object = json_object_get(root, "server");
	const json_t *value = json_object_get(object, "label");

	server->version = manifest_get_text(reader, object, "version");
	server->version_num = (int) manifest_get_number(reader, object, "version_num", INT32_MAX);
	server->system_identifier = manifest_get_text_or_null(reader, object, "system_identifier");
	server->lsn = manifest_get_text_or_null(reader, object, "lsn");
	server->in_recovery = manifest_get_flag(reader, object, "in_recovery");
	if (!json_is_null(json_object_get(object, "timeline")))
		server->timeline = (int) manifest_get_number(reader, object, "timeline", INT32_MAX);
	if (json_object_get(object, "history") != NULL)
		server->history = (int) manifest_get_number(reader, object, "history", INT32_MAX);
	if (json_object_get(object, "replayed_until") != NULL)
		server->replayed_until = manifest_get_text_or_null(reader, object, "replayed_until");
	if (json_object_get(object, "running_since") != NULL)
		server->running_since = manifest_get_text_or_null(reader, object, "running_since");
	if (value != NULL && !label_take(json_string_value(value), server->label))
		manifest_broken(reader, "key \"label\" is not the label of another server");
}

static void
read_totals(ManifestReader *reader, const json_t *root, ManifestTotals *totals)
{
	const json_t *object = json_object_get(root, "totals");

	totals->tables = manifest_get_number(reader, object, "tables", INT64_MAX);
	totals->rows = manifest_get_number(reader, object, "rows", INT64_MAX);
	totals->raw_bytes = manifest_get_number(reader, object, "raw_bytes", INT64_MAX);
	totals->stored_bytes = manifest_get_number(reader, object, "stored_bytes", INT64_MAX);
	totals->members = manifest_get_number(reader, object, "members", INT64_MAX);
	totals->objects = manifest_get_number(reader, object, "objects", INT64_MAX);
	totals->new_objects = manifest_get_number(reader, object, "new_objects", INT64_MAX);
	totals->new_bytes = manifest_get_number(reader, object, "new_bytes", INT64_MAX);
	totals->large_objects = manifest_get_number(reader, object, "large_objects", INT64_MAX);
	totals->sequences = manifest_get_number(reader, object, "sequences", INT64_MAX);
}

static void
read_warnings(ManifestReader *reader, const json_t *root, Manifest *manifest)
{
	const json_t *array = manifest_get_array(reader, root, "warnings");
	size_t i;

	for (i = 0; i < json_array_size(array) && reader->error == NULL; i++)
	{
		char *warning = manifest_text_of(reader, json_array_get(array, i), "warnings");

		if (warning != NULL)
			manifest_add_warning(manifest, warning);
		free(warning);
	}
}

static void
read_table(ManifestReader *reader, const json_t *entry, Manifest *manifest)
{
	ManifestTable table;

	table.oid = (uint32_t) manifest_get_number(reader, entry, "oid", UINT32_MAX);
	table.schema = manifest_get_text(reader, entry, "schema");
	table.name = manifest_get_text(reader, entry, "name");
	table.copy = manifest_get_text(reader, entry, "copy");
	table.rows = manifest_get_number(reader, entry, "rows", INT64_MAX);
	table.raw_bytes = manifest_get_number(reader, entry, "raw_bytes", INT64_MAX);
	table.stored_bytes = manifest_get_number(reader, entry, "stored_bytes", INT64_MAX);
	table.heap_bytes = manifest_get_number(reader, entry, "heap_bytes", INT64_MAX);
	table.serial = manifest_get_flag(reader, entry, "serial");
	table.extension = json_object_get(entry, "extension") != NULL
						  ? manifest_get_text(reader, entry, "extension")
						  : NULL;
	manifest_add_table(manifest, &table);
}

static void
read_object(ManifestReader *reader, const json_t *entry, Manifest *manifest)
{
	const char *id = json_string_value(json_object_get(entry, "id"));
	const char *content;
	ManifestObject object;

	if (id == NULL || !digest_hex_valid(id))
	{
		manifest_broken(reader, "object %u has no valid id", manifest->nobjects);
		return;
	}
	memcpy(object.id, id, sizeof(object.id));
	object.bytes = manifest_get_number(reader, entry, "bytes", INT64_MAX);
	object.plain = 0;
	object.content[0] = '\0';
	content = json_string_value(json_object_get(entry, "content"));
	if (content != NULL && digest_hex_valid(content))
	{
		memcpy(object.content, content, sizeof(object.content));
		object.plain = manifest_get_number(reader, entry, "plain", INT64_MAX);
	}
	manifest_add_object(manifest, &object);
}

static MemberKind
kind_by_name(const char *name)
{
	MemberKind kind = MEMBER_HEAD;

	while (kind < MEMBER_KINDS && (name == NULL || strcmp(member_kind_name(kind), name) != 0))
		kind++;
	return kind;
}

static void
read_blocks(ManifestReader *reader, const json_t *entry, Member *member)
{
	const json_t *blocks = json_object_get(entry, "blocks");
	const json_t *from = json_array_get(blocks, 0);
	const json_t *to = json_array_get(blocks, 1);

	if (blocks == NULL)
		return;
	if (json_array_size(blocks) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
		json_integer_value(from) < 0 || json_integer_value(from) > UINT32_MAX ||
		json_integer_value(to) < 0 || json_integer_value(to) > UINT32_MAX)
	{
		manifest_broken(reader, "a member has no valid block range");
		return;
	}
	if (json_integer_value(to) != 0 && json_integer_value(to) <= json_integer_value(from))
		manifest_broken(reader, "a member has an empty block range");
	member->has_blocks = true;
	member->block_from = (uint32_t) json_integer_value(from);
	member->block_to = (uint32_t) json_integer_value(to);
}

static void
read_member(ManifestReader *reader, const json_t *entry, Manifest *manifest)
{
	Member member;

	memset(&member, 0, sizeof(member));
	member.table = -1;
	member.kind = kind_by_name(json_string_value(json_object_get(entry, "kind")));
	if (member.kind == MEMBER_KINDS)
		manifest_broken(reader, "member %u is of an unknown kind", manifest->nmembers);
	member.object = (uint32_t) manifest_get_number(reader, entry, "object", UINT32_MAX);
	member.offset = manifest_get_number(reader, entry, "offset", INT64_MAX);
	member.length = manifest_get_number(reader, entry, "length", INT64_MAX);
	member.raw = manifest_get_number(reader, entry, "raw", INT64_MAX);
	if (member.kind == MEMBER_DATA)
	{
		member.table = (int32_t) manifest_get_number(reader, entry, "table", INT32_MAX);
		member.rows = manifest_get_number(reader, entry, "rows", INT64_MAX);
		read_blocks(reader, entry, &member);
	}
	if (reader->error == NULL)
		manifest_add_member(manifest, &member);
}

/* The arrays that may be long, as manifest_write.c begins them. */
typedef struct LongArray
{
	const char *key;
	const char *opening;
	void (*read)(ManifestReader *reader, const json_t *entry, Manifest *manifest);
} LongArray;

static const LongArray long_arrays[] = {
	{"tables", "\n\"tables\": [", read_table},
	{"objects", "\n\"objects\": [", read_object},
	{"members", "\n\"members\": [", read_member},
};

#define LONG_ARRAYS (sizeof(long_arrays) / sizeof(long_arrays[0]))

static void
skip_white_space(const char **at, const char *end)
{
	while (*at < end && strchr(" \t\r\n", **at) != NULL && **at != '\0')
		(*at)++;
}

/*
 * Read the entries of an array one by one up to its closing bracket.  Gives
 * the place of that bracket, or NULL after an error.
 */
static const char *
read_entries(ManifestReader *reader, const LongArray *array, const char *at, const char *end,
			 Manifest *manifest)
{
	skip_white_space(&at, end);
	if (at < end && *at == ']')
		return at;
	for (;;)
	{
		json_error_t where;
		json_t *entry = NULL;
		const char *problem;
		const char *behind = json_value_end(at, (size_t) (end - at), &entry_bounds, &problem);

		if (behind != NULL)
			entry = json_loadb(at, (size_t) (behind - at),
							   JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &where);
		if (behind == NULL)
			manifest_broken(reader, "has an entry in array \"%s\" that %s", array->key, problem);
		else if (entry == NULL)
			manifest_broken(reader, "is not valid JSON in array \"%s\": %s", array->key,
							where.text);
		else
			array->read(reader, entry, manifest);
		json_decref(entry);
		if (reader->error != NULL)
			return NULL;
		at += where.position;
		skip_white_space(&at, end);
		if (at < end && *at == ']')
			return at;
		if (at >= end || *at != ',')
		{
			manifest_broken(reader, "is not valid JSON in array \"%s\"", array->key);
			return NULL;
		}
		at++;
	}
}

/*
 * Read the long arrays where they begin as we write them, and give the text
 * with these arrays empty.  Such a beginning is never part of a string: a
 * JSON string holds no newline.
 */
static void
read_long_arrays(ManifestReader *reader, const char *json, size_t length, Manifest *manifest,
				 Buffer *rest)
{
	const char *end = json + length;
	const char *at = json;
	size_t i;

	for (i = 0; i < LONG_ARRAYS && reader->error == NULL; i++)
	{
		const LongArray *array = &long_arrays[i];
		const char *found = memmem(at, (size_t) (end - at), array->opening, strlen(array->opening));

		if (found == NULL)
			continue;
		found += strlen(array->opening);
		buffer_append(rest, at, (size_t) (found - at));
		at = read_entries(reader, array, found, end, manifest);
	}
	if (reader->error == NULL)
		buffer_append(rest, at, (size_t) (end - at));
}

/* The same arrays when another writer laid them out otherwise. */
static void
read_arrays(ManifestReader *reader, const json_t *root, Manifest *manifest)
{
	const uint32_t counts[] = {manifest->ntables, manifest->nobjects, manifest->nmembers};
	size_t i;
	size_t j;

	for (i = 0; i < LONG_ARRAYS && reader->error == NULL; i++)
	{
		const json_t *array = manifest_get_array(reader, root, long_arrays[i].key);

		if (counts[i] > 0 && json_array_size(array) > 0)
			manifest_broken(reader, "has two arrays \"%s\"", long_arrays[i].key);
		for (j = 0; j < json_array_size(array) && reader->error == NULL; j++)
			long_arrays[i].read(reader, json_array_get(array, j), manifest);
	}
}

/* Globals, files and clusters have separate kinds of members; all other backups have head and tail.
 */
static bool
kind_allowed(BackupKind backup, MemberKind member)
{
	bool of_files = member == MEMBER_FILE || member == MEMBER_FILE_WHOLE;
	bool of_cluster = member == MEMBER_PAGES || member == MEMBER_FILE_MAP;

	if (of_cluster || backup == BACKUP_OF_CLUSTER)
		return of_cluster && backup == BACKUP_OF_CLUSTER;
	if (of_files || backup == BACKUP_OF_FILES)
		return of_files && backup == BACKUP_OF_FILES;
	return member == MEMBER_HEAD || member == MEMBER_TAIL ||
		   (member == MEMBER_GLOBALS) == (backup == BACKUP_OF_GLOBALS);
}

/* Is that a member of this kind, or none? */
static bool
member_is(const Manifest *manifest, int32_t position, MemberKind kind)
{
	return position < 0 ||
		   ((uint32_t) position < manifest->nmembers && manifest->members[position].kind == kind);
}

/* Every file has its text in members of the right kinds. */
static void
check_files(ManifestReader *reader, const Manifest *manifest)
{
	uint32_t i;

	for (i = 0; i < manifest->nfiles; i++)
	{
		const ManifestFile *file = &manifest->files[i];

		if ((file->readable < 0 && file->whole < 0) ||
			!member_is(manifest, file->readable, MEMBER_FILE) ||
			!member_is(manifest, file->whole, MEMBER_FILE_WHOLE))
			manifest_broken(reader, "file %u has no text", i);
		else if (file->path[0] != '/' || strstr(file->path, "/../") != NULL)
			manifest_broken(reader, "the path of file %u is not absolute", i);
	}
}

/* Bytes of an object in which its members lie. */
static uint64_t
object_length(const Manifest *manifest, uint32_t object)
{
	const ManifestObject *entry = &manifest->objects[object];

	return manifest->cipher != CIPHER_NONE ? entry->plain : entry->bytes;
}

/* Objects are encrypted all, or none. */
static void
check_objects(ManifestReader *reader, const Manifest *manifest)
{
	uint32_t i;

	for (i = 0; i < manifest->nobjects; i++)
	{
		if ((manifest->objects[i].content[0] != '\0') != (manifest->cipher != CIPHER_NONE))
			manifest_broken(reader, "object %u is not encrypted as the manifest says", i);
	}
}

/* A locked manifest shows objects only; what it says of the rest cannot be checked. */
static void
check_locked(ManifestReader *reader, const Manifest *manifest)
{
	if (manifest->ntables > 0 || manifest->nmembers > 0 || manifest->nwarnings > 0 ||
		manifest->nfiles > 0)
		manifest_broken(reader, "shows what should be encrypted");
}

/* Members cover their objects without gap or overlap, refer to tables that exist, and are in
 * order. */
static void
check_members(ManifestReader *reader, const Manifest *manifest)
{
	uint64_t end = 0;
	uint32_t i;

	for (i = 0; i < manifest->nmembers; i++)
	{
		const Member *member = &manifest->members[i];
		bool first = i == 0 || manifest->members[i - 1].object != member->object;
		bool last =
			i + 1 == manifest->nmembers || manifest->members[i + 1].object != member->object;

		if (member->object >= manifest->nobjects ||
			member->object != (i == 0 ? 0 : manifest->members[i - 1].object + (first ? 1 : 0)))
			manifest_broken(reader, "member %u is not in the order of the objects", i);
		else if (member->table >= (int64_t) manifest->ntables)
			manifest_broken(reader, "member %u belongs to no table", i);
		else if (member->offset != (first ? 0 : end))
			manifest_broken(reader, "member %u does not begin where the one before it ends", i);
		else if (!member_size_possible(member))
			manifest_broken(reader, "member %u is larger than any that nex_backup writes", i);
		else if (!kind_allowed(manifest->kind, member->kind))
			manifest_broken(reader, "member %u is of a kind that does not belong here", i);
		else if (i > 0 && member->kind < manifest->members[i - 1].kind)
			manifest_broken(reader, "member %u is not in the order of the kinds", i);
		if (reader->error != NULL)
			return;
		end = member->offset + member->length;
		if (last && end != object_length(manifest, member->object))
			manifest_broken(reader, "the members of object %u do not cover it", member->object);
	}
	if (manifest->nmembers == 0 ||
		manifest->members[manifest->nmembers - 1].object + 1 != manifest->nobjects)
		manifest_broken(reader, "not every object has members");
}

/* What the manifest says of its sums must be what its members give. */
static void
check_sums(ManifestReader *reader, Manifest *manifest)
{
	ManifestTotals totals = manifest->totals;
	ManifestTable *tables;
	uint32_t i;

	if (reader->error != NULL)
		return;
	tables = xmalloc(manifest->ntables * sizeof(ManifestTable));
	if (manifest->ntables > 0)
		memcpy(tables, manifest->tables, manifest->ntables * sizeof(ManifestTable));
	manifest_sum_up(manifest);
	if (memcmp(&totals, &manifest->totals, sizeof(totals)) != 0)
		manifest_broken(reader, "its totals are not the sums of its members");
	for (i = 0; i < manifest->ntables; i++)
	{
		const ManifestTable *table = &manifest->tables[i];

		if (table->rows != tables[i].rows || table->raw_bytes != tables[i].raw_bytes ||
			table->stored_bytes != tables[i].stored_bytes)
			manifest_broken(reader, "the sums of table %u are not those of its members", i);
	}
	free(tables);
}

/* Everything but the seal; the first error is in the reader. */
static void
read_manifest(ManifestReader *reader, const char *json, size_t length, Manifest *manifest)
{
	ManifestReader arrays = {NULL};
	const char *beyond = NULL;
	json_error_t where;
	json_t *root = NULL;
	Buffer rest;

	buffer_init(&rest);
	read_long_arrays(&arrays, json, length, manifest, &rest);
	if (arrays.error == NULL)
		beyond = json_beyond(rest.data, rest.length, &rest_bounds);
	if (beyond != NULL)
		manifest_broken(&arrays, "%s", beyond);
	if (arrays.error == NULL)
		root = json_loadb(rest.data, rest.length, JSON_REJECT_DUPLICATES, &where);
	buffer_free(&rest);
	if (arrays.error == NULL && root == NULL)
		manifest_broken(reader, "is not valid JSON: %s", where.text);
	if (root != NULL)
	{
		read_head(reader, root, manifest);
		read_encryption(reader, root, manifest);
		if (reader->error == NULL)
		{
			if (manifest->kind == BACKUP_OF_FILES)
				read_files(reader, root, manifest);
			else if (manifest->kind == BACKUP_OF_CLUSTER)
				read_cluster(reader, root, manifest);
			else if (manifest->kind == BACKUP_OF_GLOBALS)
				read_globals(reader, root, manifest);
			else
				read_database(reader, root, &manifest->database);
			if (manifest->kind != BACKUP_OF_FILES)
				read_server(reader, root, &manifest->server);
			read_totals(reader, root, &manifest->totals);
			read_warnings(reader, root, manifest);
			read_arrays(reader, root, manifest);
		}
		json_decref(root);
	}
	if (reader->error == NULL)
		reader->error = arrays.error;
	else
		free(arrays.error);
	if (reader->error == NULL)
		check_objects(reader, manifest);
	if (manifest->locked)
	{
		check_locked(reader, manifest);
		return;
	}
	if (reader->error == NULL)
		check_members(reader, manifest);
	if (reader->error == NULL)
		check_files(reader, manifest);
	check_sums(reader, manifest);
}

Manifest *
manifest_parse(const char *json, size_t length, char **error)
{
	const char *seal_error = seal_check(json, length);
	ManifestReader reader = {NULL};
	Manifest *manifest;

	*error = NULL;
	if (seal_error != NULL)
	{
		*error = xstrdup(seal_error);
		return NULL;
	}
	manifest = manifest_create();
	read_manifest(&reader, json, length, manifest);
	if (reader.error != NULL)
	{
		*error = reader.error;
		manifest_free(manifest);
		return NULL;
	}
	return manifest;
}
