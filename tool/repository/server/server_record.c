/*-------------------------------------------------------------------------
 *
 * server_record.c
 *	  servers/LABEL/server.json: that a server with another system identifier
 *	  is the same server.
 *
 *-------------------------------------------------------------------------
 */
#include "server_record.h"

#include <stdlib.h>
#include <string.h>

#include "backup_name.h"
#include "encryption.h"
#include "file_names.h"
#include "json_bounds.h"
#include "log.h"
#include "memory.h"
#include "seal.h"
#include "seal_append.h"
#include "utc_time.h"

#define MAX_RECORD_BYTES 65536

char *
server_record_path(const char *server)
{
	return xasprintf("servers/%s/%s", server[0] != '\0' ? server : MAIN_SERVER, SERVER_FILE);
}

/* Is the signature, if there is one, right?  Those of earlier versions have none. */
static bool
signature_is_good(const Repository *repository, const json_t *root, const Buffer *file)
{
	return repository->encryption == NULL || !server_record_is_signed(root) ||
		   encryption_check(repository->encryption, SIGNED_SERVER, file->data, file->length) ==
			   NULL;
}

/* Its content, if it is what it should be. */
static json_t *
parse_record(const Repository *repository, const char *server, const Buffer *file)
{
	const char *text = file->data != NULL ? file->data : "";
	json_t *root = NULL;
	json_error_t where;
	const char *label;
	const char *id;

	if (seal_check(text, file->length) == NULL &&
		json_beyond(text, file->length, &(JsonBounds){MAX_RECORD_BYTES, 8, 1000}) == NULL)
		root = json_loadb(text, file->length, JSON_REJECT_DUPLICATES, &where);
	id = json_string_value(json_object_get(root, "repository"));
	label = json_string_value(json_object_get(root, "server"));
	if (id != NULL && strcmp(id, repository->id) == 0 && label != NULL &&
		strcmp(label_stored(label), server) == 0 &&
		json_integer_value(json_object_get(root, "format")) == 1 &&
		json_is_array(json_object_get(root, "system_identifiers")) &&
		signature_is_good(repository, root, file))
		return root;
	json_decref(root);
	return NULL;
}

ServerRecordState
server_record_load(const Repository *repository, const char *server, Buffer *file, json_t **record)
{
	char *path = server_record_path(server);
	StoreResult result = storage_read(repository->storage, path, MAX_RECORD_BYTES, file);
	ServerRecordState state = SERVER_RECORD_UNREADABLE;

	*record = NULL;
	if (result.code == STORE_OK)
	{
		*record = parse_record(repository, server, file);
		state = *record != NULL ? SERVER_RECORD_GOOD : SERVER_RECORD_DAMAGED;
	}
	else if (result.code == STORE_ABSENT)
		state = SERVER_RECORD_ABSENT;
	else
		report_error(EXIT_FAILED, NULL, result.hint, "could not read file \"%s/%s\": %s",
					 repository->storage->location, path, result.text);
	free(path);
	return state;
}

bool
server_record_read(Repository *repository, const char *server, json_t **record)
{
	Buffer file;
	ServerRecordState state;
	char *path;

	buffer_init(&file);
	state = server_record_load(repository, server, &file, record);
	buffer_free(&file);
	if (state != SERVER_RECORD_DAMAGED)
		return state != SERVER_RECORD_UNREADABLE;
	path = server_record_path(server);
	repository_damaged(
		repository, path, "is damaged",
		"\"nex_backup repair\" brings it back from a copy of the repository. If there "
		"is none, remove the file; a server that has another system identifier than "
		"its backups is then asked for --same-server again.");
	free(path);
	return false;
}

const char *
server_record_identifier(const json_t *record)
{
	const json_t *list = json_object_get(record, "system_identifiers");
	size_t count = json_array_size(list);
	const json_t *last = count > 0 ? json_array_get(list, count - 1) : NULL;

	return json_string_value(json_object_get(last, "system_identifier"));
}

bool
server_record_is_signed(const json_t *record)
{
	return json_object_get(record, "signature") != NULL;
}

bool
server_record_current(Repository *repository, const char *server, char **identifier)
{
	json_t *record;

	*identifier = NULL;
	if (!server_record_read(repository, server, &record))
		return false;
	*identifier = xstrdup(server_record_identifier(record));
	json_decref(record);
	return true;
}

static void
append_identifier(json_t *list, const char *identifier, const char *since)
{
	if (json_array_size(list) >= SERVER_RECORD_MAX)
		json_array_remove(list, 0);
	json_array_append_new(
		list, json_pack("{s:s, s:s?}", "system_identifier", identifier, "since", since));
}

/* The document, signed where the repository is encrypted, and sealed. */
static bool
make_document(const Repository *repository, const char *label, const json_t *list, Buffer *json)
{
	char *entries = json_dumps(list, JSON_COMPACT);

	buffer_printf(json,
				  "{\n\"format\": 1,\n\"repository\": \"%s\",\n\"server\": \"%s\",\n"
				  "\"system_identifiers\": %s",
				  repository->id, label, entries);
	free(entries);
	return (repository->encryption == NULL ||
			encryption_sign(repository->encryption, SIGNED_SERVER, json)) &&
		   seal_append(json);
}

bool
server_record_write(Repository *repository, const char *server, json_t *record, const char *before,
					const char *identifier)
{
	Storage *storage = repository->storage;
	const char *label = server[0] != '\0' ? server : MAIN_SERVER;
	json_t *list =
		record != NULL ? json_incref(json_object_get(record, "system_identifiers")) : json_array();
	char *path = server_record_path(server);
	char *now = utc_now();
	Buffer json;
	StoreResult not_lasting = store_ok();
	StoreResult result = store_ok();
	bool made;

	if (record == NULL && before != NULL)
		append_identifier(list, before, NULL);
	append_identifier(list, identifier, now);
	buffer_init(&json);
	made = make_document(repository, label, list, &json);
	if (made)
		result = storage_write_lasting(storage, path, json.data, json.length, &not_lasting);
	if (!made)
		report_error(EXIT_FAILED, NULL, NULL, "OpenSSL refuses to sign or to compute a digest");
	else if (result.code != STORE_OK)
		report_error(EXIT_FAILED, NULL, result.hint, "could not write file \"%s/%s\": %s",
					 storage->location, path, result.text);
	else if (not_lasting.code != STORE_OK)
		log_warning("could not make file \"%s/%s\" durable: %s", storage->location, path,
					not_lasting.text);
	if (made && result.code == STORE_OK)
		log_info("the backups of server \"%s\" are from now on of system identifier %s", label,
				 identifier);
	buffer_free(&json);
	free(now);
	free(path);
	json_decref(list);
	return made && result.code == STORE_OK;
}

bool
servers_each(const BackupName *names, int count, ServerVisit visit, void *argument)
{
	const char *last = NULL;
	bool good = true;
	int i;

	for (i = 0; i < count; i++)
	{
		const char *server = names[i].owner.server;

		if (!owner_has_server(&names[i].owner) || (last != NULL && strcmp(server, last) == 0))
			continue;
		good = visit(server, argument) && good;
		last = server;
	}
	return good;
}

static bool
check_record(const char *server, void *argument)
{
	json_t *record;
	bool good = server_record_read(argument, server, &record);

	json_decref(record);
	return good;
}

bool
server_records_check(Repository *repository, const BackupName *names, int count)
{
	return servers_each(names, count, check_record, repository);
}
