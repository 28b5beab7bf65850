/*-------------------------------------------------------------------------
 *
 * manifest_values.c
 *	  Single values of a manifest, none of which is trusted.
 *
 *-------------------------------------------------------------------------
 */
#include "manifest_values.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

void
manifest_broken(ManifestReader *reader, const char *format, ...)
{
	va_list arguments;
	char message[256];

	if (reader->error != NULL)
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	reader->error = xstrdup(message);
}

uint64_t
manifest_get_number(ManifestReader *reader, const json_t *object, const char *key, uint64_t maximum)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		(uint64_t) json_integer_value(value) > maximum)
	{
		manifest_broken(reader, "key \"%s\" is missing or no number in its range", key);
		return 0;
	}
	return (uint64_t) json_integer_value(value);
}

/* {"base64": …}: bytes that are not UTF-8. */
static char *
decode_base64(ManifestReader *reader, const json_t *value, const char *key)
{
	const char *digits = json_string_value(json_object_get(value, "base64"));
	size_t length = digits != NULL ? strlen(digits) : 0;
	char *bytes;
	int decoded;

	if (length == 0 || length % 4 != 0)
	{
		manifest_broken(reader, "key \"%s\" is not valid base64", key);
		return NULL;
	}
	bytes = xmalloc(length);
	decoded =
		EVP_DecodeBlock((unsigned char *) bytes, (const unsigned char *) digits, (int) length);
	if (decoded >= 0)
	{
		decoded -= digits[length - 1] == '=';
		decoded -= digits[length - 2] == '=';
		bytes[decoded] = '\0';
	}
	if (decoded < 0 || strlen(bytes) != (size_t) decoded)
	{
		manifest_broken(reader, "key \"%s\" is not valid base64", key);
		free(bytes);
		return NULL;
	}
	return bytes;
}

/* NULL stands for null, and for an error. */
char *
manifest_text_of(ManifestReader *reader, const json_t *value, const char *key)
{
	if (json_is_null(value))
		return NULL;
	if (json_is_object(value))
		return decode_base64(reader, value, key);
	if (!json_is_string(value))
	{
		manifest_broken(reader, "key \"%s\" is missing or no string", key);
		return NULL;
	}
	return xstrdup(json_string_value(value));
}

char *
manifest_get_text_or_null(ManifestReader *reader, const json_t *object, const char *key)
{
	return manifest_text_of(reader, json_object_get(object, key), key);
}

char *
manifest_get_text(ManifestReader *reader, const json_t *object, const char *key)
{
	char *value = manifest_get_text_or_null(reader, object, key);

	if (value == NULL)
		manifest_broken(reader, "key \"%s\" must not be null", key);
	return value;
}

/* "2026-11-23T02:00:00.000Z" */
char *
manifest_get_time(ManifestReader *reader, const json_t *object, const char *key)
{
	static const char shape[] = "0000-00-00T00:00:00.000Z";
	char *value = manifest_get_text(reader, object, key);
	size_t i;

	for (i = 0; value != NULL && i < sizeof(shape); i++)
	{
		if (shape[i] == '0' ? value[i] < '0' || value[i] > '9' : value[i] != shape[i])
		{
			manifest_broken(reader, "key \"%s\" is not a UTC time", key);
			break;
		}
	}
	return value;
}

bool
manifest_get_flag(ManifestReader *reader, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value))
		manifest_broken(reader, "key \"%s\" is missing or not true or false", key);
	return json_is_true(value);
}

const json_t *
manifest_get_array(ManifestReader *reader, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_array(value) || json_array_size(value) > INT32_MAX)
		manifest_broken(reader, "key \"%s\" is missing or no array", key);
	return value;
}
