/*-------------------------------------------------------------------------
 *
 * wal_record.c
 *	  What a stored WAL file says of itself.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_record.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "encryption.h"
#include "json_bounds.h"
#include "log.h"
#include "memory.h"
#include "seal.h"
#include "seal_append.h"
#include "utc_time.h"
#include "version.h"

#define SIGNED_WAL "nex_backup/1 wal"
#define FRAME_MAGIC UINT32_C(0x184D2A50)
#define FRAME_HEAD 8
#define MAX_RECORD_BYTES (64 * 1024)

static void
put_32(Buffer *out, uint32_t value)
{
	const unsigned char bytes[4] = {(unsigned char) value, (unsigned char) (value >> 8),
									(unsigned char) (value >> 16), (unsigned char) (value >> 24)};

	buffer_append(out, bytes, sizeof(bytes));
}

static uint32_t
get_32(const char *data)
{
	const unsigned char *bytes = (const unsigned char *) data;

	return (uint32_t) bytes[0] | (uint32_t) bytes[1] << 8 | (uint32_t) bytes[2] << 16 |
		   (uint32_t) bytes[3] << 24;
}

static void
append_values(const Repository *repository, const WalRecord *record, Buffer *json)
{
	char *now = utc_now();

	buffer_printf(json,
				  "{\n\"format\": 1,\n\"repository\": \"%s\",\n\"system_identifier\": \"%" PRIu64
				  "\",\n\"name\": \"%s\",\n\"bytes\": %" PRIu64 ",\n\"sha256\": \"%s\",\n"
				  "\"content\": \"%s\"",
				  repository->id, record->system_identifier, record->name.text, record->bytes,
				  record->sha256, record->content);
	if (record->previous[0] != '\0')
		buffer_printf(json, ",\n\"previous\": \"%s\"", record->previous);
	if (record->major != 0)
		buffer_printf(json, ",\n\"postgres\": %d", record->major);
	buffer_printf(json, ",\n\"archived\": \"%s\",\n\"tool\": \"%s\"", now, NEX_BACKUP_VERSION);
	free(now);
}

bool
wal_record_write(const Repository *repository, const WalRecord *record, Buffer *out)
{
	Buffer json;
	bool good;

	buffer_init(&json);
	append_values(repository, record, &json);
	good = (repository->encryption == NULL ||
			encryption_sign(repository->encryption, SIGNED_WAL, &json)) &&
		   seal_append(&json);
	if (good)
	{
		put_32(out, FRAME_MAGIC);
		put_32(out, (uint32_t) json.length);
		buffer_append(out, json.data, json.length);
	}
	buffer_free(&json);
	return good || report_error(EXIT_FAILED, NULL, NULL, "could not sign: OpenSSL refuses");
}

static bool
take_digits(const json_t *root, const char *key, char *into, size_t digits)
{
	const char *text = json_string_value(json_object_get(root, key));

	if (text == NULL || strlen(text) != digits || strspn(text, "0123456789abcdef") != digits)
		return false;
	memcpy(into, text, digits + 1);
	return true;
}

/* The values; NULL when good. */
static const char *
take_values(const Repository *repository, const json_t *root, WalRecord *record)
{
	const char *id = json_string_value(json_object_get(root, "repository"));
	const char *name = json_string_value(json_object_get(root, "name"));
	const char *system = json_string_value(json_object_get(root, "system_identifier"));
	json_int_t bytes = json_integer_value(json_object_get(root, "bytes"));
	json_int_t major = json_integer_value(json_object_get(root, "postgres"));
	char *end = NULL;

	if (json_integer_value(json_object_get(root, "format")) != 1 || name == NULL ||
		!wal_name_parse(name, &record->name) || system == NULL || bytes < 0 || major < 0 ||
		major > 1000 || !take_digits(root, "sha256", record->sha256, DIGEST_HEX_LENGTH) ||
		!take_digits(root, "content", record->content, WAL_CONTENT_DIGITS) ||
		(json_object_get(root, "previous") != NULL &&
		 !take_digits(root, "previous", record->previous, WAL_CONTENT_DIGITS)))
		return "has a record with a bad or missing value";
	if (id == NULL || strcmp(id, repository->id) != 0)
		return "has the record of another repository";
	errno = 0;
	record->system_identifier = strtoull(system, &end, 10);
	record->bytes = (uint64_t) bytes;
	record->major = (int) major;
	return errno != 0 || *end != '\0' || end == system ? "has a record with a bad or missing value"
													   : NULL;
}

static const char *
parse_record(const Repository *repository, const char *json, size_t length, WalRecord *record)
{
	static const JsonBounds bounds = {MAX_RECORD_BYTES, 4, 100};
	const char *problem = seal_check(json, length);
	json_t *root;

	if (problem == NULL && repository->encryption != NULL)
		problem = encryption_check(repository->encryption, SIGNED_WAL, json, length);
	if (problem == NULL)
		problem = json_beyond(json, length, &bounds);
	if (problem != NULL)
		return problem;
	root = json_loadb(json, length, JSON_REJECT_DUPLICATES, NULL);
	problem = take_values(repository, root, record);
	json_decref(root);
	return problem;
}

const char *
wal_record_read(const Repository *repository, const char *data, size_t length, WalRecord *record,
				size_t *used)
{
	size_t bytes;

	memset(record, 0, sizeof(*record));
	if (length < FRAME_HEAD || get_32(data) != FRAME_MAGIC)
		return "does not begin with a record";
	bytes = get_32(data + 4);
	if (bytes > MAX_RECORD_BYTES || bytes > length - FRAME_HEAD)
		return "has a record that is cut off";
	*used = FRAME_HEAD + bytes;
	return parse_record(repository, data + FRAME_HEAD, bytes, record);
}
