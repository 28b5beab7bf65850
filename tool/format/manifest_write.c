/*-------------------------------------------------------------------------
 *
 * manifest_write.c
 *	  A manifest as sealed JSON.
 *
 * The small parts are built with jansson; tables, objects and members, of
 * which there may be very many, are written one to a line and never exist as
 * a tree, so that memory does not grow with the database.
 *
 *-------------------------------------------------------------------------
 */
#include "manifest.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "manifest_write.h"
#include "memory.h"
#include "seal.h"
#include "seal_append.h"
#include "wal_position.h"

/* A string, null, or {"base64": …} for bytes that are not UTF-8 (names in SQL_ASCII and LATIN1
 * databases). */
static json_t *
text(const char *value)
{
	unsigned char *digits;
	json_t *result;
	size_t length;

	if (value == NULL)
		return json_null();
	result = json_string(value);
	if (result != NULL)
		return result;
	length = strlen(value);
	digits = xmalloc(length * 4 / 3 + 8);
	EVP_EncodeBlock(digits, (const unsigned char *) value, (int) length);
	result = json_pack("{s:s}", "base64", (const char *) digits);
	free(digits);
	return result;
}

static json_t *
number(uint64_t value)
{
	return json_integer((json_int_t) value);
}

/* Write a value behind its key and free it. */
static void
put(Buffer *json, const char *key, json_t *value)
{
	char *written = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	if (json->length > 2)
		buffer_append_string(json, ",\n");
	buffer_printf(json, "\"%s\": %s", key, written);
	free(written);
	json_decref(value);
}

static json_t *
roles_json(const ManifestDatabase *database)
{
	json_t *array = json_array();
	uint32_t i;

	for (i = 0; i < database->nroles; i++)
		json_array_append_new(array, json_pack("{s:o, s:o}", "role", text(database->roles[i].name),
											   "powers", text(database->roles[i].powers)));
	return array;
}

static json_t *
database_json(const ManifestDatabase *database)
{
	json_t *json = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o}", "name", text(database->name),
		"owner", text(database->owner), "encoding", text(database->encoding), "collate",
		text(database->collate), "ctype", text(database->ctype), "provider",
		text(database->provider), "icu_locale", text(database->icu_locale), "icu_rules",
		text(database->icu_rules), "tablespace", text(database->tablespace), "connection_limit",
		database->connection_limit, "bytes", number(database->bytes));

	if (database->knows_roles)
		json_object_set_new(json, "role_powers", roles_json(database));
	return json;
}

static json_t *
globals_json(const ManifestGlobals *globals)
{
	return json_pack("{s:o, s:o, s:o, s:b}", "roles", number(globals->roles), "memberships",
					 number(globals->memberships), "tablespaces", number(globals->tablespaces),
					 "passwords", globals->passwords);
}

static json_t *
lsn(uint64_t value)
{
	char written[WAL_POSITION_SIZE];

	wal_lsn_print(value, written);
	return json_string(written);
}

/* A label, tablespaces and paths are for those who hold a key. */
static json_t *
cluster_json(const Manifest *manifest)
{
	const ManifestCluster *cluster = &manifest->cluster;
	json_t *json = json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o}", "system", manifest->database.name,
		"start", lsn(cluster->start), "stop", lsn(cluster->stop), "timeline",
		number(cluster->timeline), "segment_size", number(cluster->segment_size), "block_size",
		number(cluster->block_size), "checksums", cluster->checksums, "complete", cluster->complete,
		"files", number(cluster->files), "damaged", number(cluster->damaged));
	json_t *tablespaces = json_array();
	json_t *damage = json_array();
	uint32_t i;

	for (i = 0; i < cluster->ntablespaces; i++)
		json_array_append_new(tablespaces,
							  json_pack("{s:o, s:o}", "oid", number(cluster->tablespaces[i].oid),
										"path", text(cluster->tablespaces[i].path)));
	for (i = 0; i < cluster->ndamage; i++)
		json_array_append_new(damage, json_pack("{s:o, s:o}", "path", text(cluster->damage[i].path),
												"block", number(cluster->damage[i].block)));
	if (cluster->label != NULL)
	{
		json_object_set(json, "tablespaces", tablespaces);
		json_object_set(json, "damage", damage);
		json_object_set_new(json, "backup_label", text(cluster->label));
	}
	json_decref(tablespaces);
	json_decref(damage);
	return json;
}

static json_t *
server_json(const ManifestServer *server)
{
	json_t *json =
		json_pack("{s:o, s:i, s:o, s:o, s:o, s:b}", "version", text(server->version), "version_num",
				  server->version_num, "system_identifier", text(server->system_identifier),
				  "timeline", server->timeline > 0 ? json_integer(server->timeline) : json_null(),
				  "lsn", text(server->lsn), "in_recovery", server->in_recovery);

	if (server->history > 0)
		json_object_set_new(json, "history", json_integer(server->history));
	if (server->replayed_until != NULL)
		json_object_set_new(json, "replayed_until", text(server->replayed_until));
	if (server->running_since != NULL)
		json_object_set_new(json, "running_since", text(server->running_since));

	/* That of main is left out: so its manifests are those of earlier versions. */
	if (server->label[0] != '\0')
		json_object_set_new(json, "label", text(server->label));
	return json;
}

static json_t *
totals_json(const ManifestTotals *totals)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "tables",
					 number(totals->tables), "rows", number(totals->rows), "raw_bytes",
					 number(totals->raw_bytes), "stored_bytes", number(totals->stored_bytes),
					 "members", number(totals->members), "objects", number(totals->objects),
					 "new_objects", number(totals->new_objects), "new_bytes",
					 number(totals->new_bytes), "large_objects", number(totals->large_objects),
					 "sequences", number(totals->sequences));
}

static json_t *
warnings_json(const Manifest *manifest)
{
	json_t *array = json_array();
	int i;

	for (i = 0; i < manifest->nwarnings; i++)
		json_array_append_new(array, text(manifest->warnings[i]));
	return array;
}

static json_t *
table_json(const ManifestTable *table)
{
	json_t *json =
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "oid", number(table->oid),
				  "schema", text(table->schema), "name", text(table->name), "copy",
				  text(table->copy), "rows", number(table->rows), "raw_bytes",
				  number(table->raw_bytes), "stored_bytes", number(table->stored_bytes),
				  "heap_bytes", number(table->heap_bytes), "serial", table->serial);

	if (table->extension != NULL)
		json_object_set_new(json, "extension", text(table->extension));
	return json;
}

static json_t *
object_json(const ManifestObject *object)
{
	json_t *json = json_pack("{s:s, s:o}", "id", object->id, "bytes", number(object->bytes));

	if (object->content[0] != '\0')
	{
		json_object_set_new(json, "plain", number(object->plain));
		json_object_set_new(json, "content", json_string(object->content));
	}
	return json;
}

static json_t *
member_json(const Member *member)
{
	json_t *json = json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", member_kind_name(member->kind),
							 "object", number(member->object), "offset", number(member->offset),
							 "length", number(member->length), "raw", number(member->raw));

	if (member->kind != MEMBER_DATA)
		return json;
	json_object_set_new(json, "table", number((uint64_t) member->table));
	json_object_set_new(json, "rows", number(member->rows));
	if (member->has_blocks)
		json_object_set_new(
			json, "blocks",
			json_pack("[o, o]", number(member->block_from), number(member->block_to)));
	return json;
}

static json_t *
file_json(const ManifestFile *file)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:i, s:i}", "path",
					 text(file->path), "mode", number(file->mode), "uid", number(file->uid), "gid",
					 number(file->gid), "owner", text(file->owner), "group", text(file->group),
					 "modified", (json_int_t) file->modified, "bytes", number(file->bytes), "form",
					 text(file->form), "reason", text(file->reason), "secrets",
					 number(file->secrets), "readable", file->readable, "whole", file->whole);
}

static json_t *
files_json(const Manifest *manifest)
{
	json_t *array = json_array();
	uint32_t i;

	for (i = 0; i < manifest->nfiles; i++)
		json_array_append_new(array, file_json(&manifest->files[i]));
	return array;
}

/* What the backup is of. */
static void
put_subject(Buffer *json, const Manifest *manifest)
{
	switch (manifest->kind)
	{
		case BACKUP_OF_DATABASE:
			put(json, "database", database_json(&manifest->database));
			put(json, "server", server_json(&manifest->server));
			break;
		case BACKUP_OF_GLOBALS:
			put(json, "globals", globals_json(&manifest->globals));
			put(json, "server", server_json(&manifest->server));
			break;
		case BACKUP_OF_FILES:
			put(json, "set", text(manifest->database.name));
			put(json, "files", files_json(manifest));
			break;
		case BACKUP_OF_CLUSTER:
			put(json, "cluster", cluster_json(manifest));
			put(json, "server", server_json(&manifest->server));
			break;
	}
}

/* One line of an array. */
static void
put_entry(Buffer *json, bool first, json_t *entry)
{
	char *written = json_dumps(entry, JSON_COMPACT);

	buffer_append_string(json, first ? "\n" : ",\n");
	buffer_append_string(json, written);
	free(written);
	json_decref(entry);
}

static void
put_arrays(Buffer *json, const Manifest *manifest)
{
	uint32_t i;

	buffer_append_string(json, ",\n\"tables\": [");
	for (i = 0; i < manifest->ntables; i++)
		put_entry(json, i == 0, table_json(&manifest->tables[i]));
	buffer_append_string(json, "],\n\"objects\": [");
	for (i = 0; i < manifest->nobjects; i++)
		put_entry(json, i == 0, object_json(&manifest->objects[i]));
	buffer_append_string(json, "],\n\"members\": [");
	for (i = 0; i < manifest->nmembers; i++)
		put_entry(json, i == 0, member_json(&manifest->members[i]));
	buffer_append_string(json, "]");
}

void
manifest_write(const Manifest *manifest, Buffer *json)
{
	buffer_append_string(json, "{\n");
	put(json, "format", json_integer(1));
	put(json, "kind", json_string(backup_kind_name(manifest->kind)));
	put(json, "id", text(manifest->id));
	put(json, "repository", text(manifest->repository));
	put(json, "type", text(manifest->type));
	put(json, "tool", text(manifest->tool));
	put(json, "pg_dump", text(manifest->pg_dump));
	put(json, "started", text(manifest->started));
	put(json, "snapshot_at", text(manifest->snapshot_at));
	put(json, "finished", text(manifest->finished));
	put(json, "codec", text(codec_name(manifest->codec)));
	put(json, "level", json_integer(manifest->level));
	if (manifest->copied_from != NULL)
		put(json, "copied_from",
			json_pack("{s:o, s:o}", "repository", text(manifest->copied_from), "id",
					  text(manifest->id)));
	if (manifest->cipher != CIPHER_NONE)
	{
		put(json, "cipher", text(cipher_name(manifest->cipher)));
		put(json, "recipients", text(manifest->recipients));
	}
	put_subject(json, manifest);
	put(json, "totals", totals_json(&manifest->totals));
	put(json, "warnings", warnings_json(manifest));
	put_arrays(json, manifest);
}

bool
manifest_serialize(const Manifest *manifest, Buffer *json)
{
	manifest_write(manifest, json);
	return seal_append(json);
}
