/*-------------------------------------------------------------------------
 *
 * repository_features.c
 *	  What a repository holds that versions before 0.3.0 do not know.
 *
 *-------------------------------------------------------------------------
 */
#include "repository_features.h"

#include <string.h>

static const struct
{
	unsigned bit;
	const char *name;
} known[] = {{FEATURE_WAL, "wal"}, {FEATURE_CLUSTER, "cluster"}};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

static unsigned
feature_by_name(const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < KNOWN_COUNT; i++)
	{
		if (strcmp(known[i].name, name) == 0)
			return known[i].bit;
	}
	return 0;
}

bool
features_read(const json_t *root, unsigned *features)
{
	const json_t *list = json_object_get(root, "features");
	json_int_t format = json_integer_value(json_object_get(root, "format"));
	size_t i;

	*features = 0;
	if (format == 1)
		return list == NULL;
	if (format != 2 || !json_is_array(list) || json_array_size(list) == 0)
		return false;
	for (i = 0; i < json_array_size(list); i++)
	{
		unsigned feature = feature_by_name(json_string_value(json_array_get(list, i)));

		if (feature == 0)
			return false;
		*features |= feature;
	}
	return true;
}

/* Append the format, without a comma behind it. */
static void
features_write(unsigned features, Buffer *json)
{
	const char *comma = "";
	size_t i;

	if (features == 0)
	{
		buffer_append_string(json, "\"format\": 1");
		return;
	}
	buffer_append_string(json, "\"format\": 2,\n\"features\": [");
	for (i = 0; i < KNOWN_COUNT; i++)
	{
		if ((features & known[i].bit) == 0)
			continue;
		buffer_printf(json, "%s\"%s\"", comma, known[i].name);
		comma = ", ";
	}
	buffer_append_char(json, ']');
}

void
header_write(unsigned features, const char *id, const char *created, const char *recover_digest,
			 Buffer *json)
{
	buffer_append_string(json, "{\n");
	features_write(features, json);
	buffer_printf(json, ",\n\"id\": \"%s\",\n\"created\": \"%s\",\n\"recover_sha256\": \"%s\"", id,
				  created, recover_digest);
}
