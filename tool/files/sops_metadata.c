/*-------------------------------------------------------------------------
 *
 * sops_metadata.c
 *	  What SOPS keeps in a file besides the values.
 *
 * Written and read for age recipients in one key group, as this program
 * uses them; other kinds of keys (KMS, PGP, Shamir groups) are refused.
 *
 *-------------------------------------------------------------------------
 */
#include "sops_metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memory.h"
#include "primitives.h"

/* The oldest version that knows mac_only_encrypted. */
#define SOPS_VERSION "3.9.0"

void
sops_metadata_add_wrap(SopsMetadata *metadata, const char *recipient, const char *armored)
{
	SopsWrap *wrap;

	metadata->wraps = xrealloc(metadata->wraps, sizeof(SopsWrap) * ((size_t) metadata->nwraps + 1));
	wrap = &metadata->wraps[metadata->nwraps++];
	wrap->recipient = xstrdup(recipient);
	wrap->armored = xstrdup(armored);
}

void
sops_metadata_free(SopsMetadata *metadata)
{
	int i;

	for (i = 0; i < metadata->nwraps; i++)
	{
		free(metadata->wraps[i].recipient);
		free(metadata->wraps[i].armored);
	}
	free(metadata->wraps);
	free(metadata->regex);
	free(metadata->last_modified);
	free(metadata->mac);
	free(metadata->mac_rule);
	free(metadata->version);
	memset(metadata, 0, sizeof(*metadata));
}

bool
sops_metadata_finish(SopsMetadata *metadata, SopsMac *mac, const uint8_t key[SOPS_KEY_BYTES])
{
	time_t now = time(NULL);
	struct tm tm;
	char text[32];
	char hex[129];
	Buffer encrypted;

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	metadata->last_modified = xstrdup(text);
	buffer_init(&encrypted);
	if (!sops_mac_finish(mac, hex) ||
		!sops_value_encrypt(key, "str", hex, strlen(hex), metadata->last_modified, &encrypted))
	{
		buffer_free(&encrypted);
		return false;
	}
	metadata->mac = buffer_detach(&encrypted);
	return true;
}

bool
sops_metadata_check(const SopsMetadata *metadata, SopsMac *mac, const uint8_t key[SOPS_KEY_BYTES])
{
	char type[SOPS_TYPE_SIZE];
	char hex[129];
	Buffer opened;
	bool good;

	buffer_init(&opened);
	good = sops_mac_finish(mac, hex) &&
		   sops_value_decrypt(key, metadata->mac, strlen(metadata->mac), metadata->last_modified,
							  &opened, type) &&
		   opened.length == strlen(hex) && secret_equal(opened.data, hex, opened.length);
	buffer_free(&opened);
	return good;
}

/* 'text' with each quote doubled. */
static void
append_single_quoted(Buffer *out, const char *text)
{
	buffer_append_char(out, '\'');
	for (; *text != '\0'; text++)
	{
		if (*text == '\'')
			buffer_append_char(out, '\'');
		buffer_append_char(out, *text);
	}
	buffer_append_char(out, '\'');
}

void
sops_metadata_write_yaml(const SopsMetadata *metadata, Buffer *out)
{
	int i;

	buffer_append_string(out, "sops:\n    age:\n");
	for (i = 0; i < metadata->nwraps; i++)
	{
		const char *line = metadata->wraps[i].armored;

		buffer_printf(out, "        - recipient: %s\n          enc: |\n",
					  metadata->wraps[i].recipient);
		while (*line != '\0')
		{
			size_t length = strcspn(line, "\n");

			buffer_append_string(out, "            ");
			buffer_append(out, line, length);
			buffer_append_char(out, '\n');
			line += length + (line[length] == '\n' ? 1 : 0);
		}
	}
	buffer_printf(out, "    lastmodified: \"%s\"\n    mac: %s\n    encrypted_regex: ",
				  metadata->last_modified, metadata->mac);
	append_single_quoted(out, metadata->regex);
	buffer_append_string(out, "\n    mac_only_encrypted: true\n    version: " SOPS_VERSION "\n");
}

void
sops_metadata_write_dotenv(const SopsMetadata *metadata, Buffer *out)
{
	int i;

	for (i = 0; i < metadata->nwraps; i++)
	{
		const char *at;

		buffer_printf(out, "sops_age__list_%d__map_enc=", i);
		for (at = metadata->wraps[i].armored; *at != '\0'; at++)
		{
			if (*at == '\n')
				buffer_append_string(out, "\\n");
			else
				buffer_append_char(out, *at);
		}
		buffer_printf(out, "\nsops_age__list_%d__map_recipient=%s\n", i,
					  metadata->wraps[i].recipient);
	}
	buffer_printf(out, "sops_encrypted_regex=%s\nsops_lastmodified=%s\nsops_mac=%s\n",
				  metadata->regex, metadata->last_modified, metadata->mac);
	buffer_append_string(out, "sops_mac_only_encrypted=true\nsops_version=" SOPS_VERSION "\n");
}

static bool
set_once(char **field, const char *value)
{
	if (*field != NULL)
		return false;
	*field = xstrdup(value);
	return true;
}

/* A part of a wrap; each wrap has both parts, and the second completes it. */
static bool
set_wrap(SopsMetadata *metadata, bool recipient, const char *value)
{
	SopsWrap *last = metadata->nwraps > 0 ? &metadata->wraps[metadata->nwraps - 1] : NULL;

	if (last == NULL || (last->recipient != NULL && last->armored != NULL))
	{
		metadata->wraps =
			xrealloc(metadata->wraps, sizeof(SopsWrap) * ((size_t) metadata->nwraps + 1));
		last = &metadata->wraps[metadata->nwraps++];
		memset(last, 0, sizeof(*last));
	}
	return set_once(recipient ? &last->recipient : &last->armored, value);
}

bool
sops_metadata_set(SopsMetadata *metadata, const char *name, const char *value)
{
	if (strncmp(name, "age__list_", 10) == 0)
	{
		const char *rest = name + 10;

		rest += strspn(rest, "0123456789");
		if (strcmp(rest, "__map_recipient") == 0)
			name = "age:recipient";
		else if (strcmp(rest, "__map_enc") == 0)
			name = "age:enc";
	}
	if (strcmp(name, "age:recipient") == 0)
		return set_wrap(metadata, true, value);
	if (strcmp(name, "age:enc") == 0)
		return set_wrap(metadata, false, value);
	if (strcmp(name, "encrypted_regex") == 0)
		return set_once(&metadata->regex, value);
	if (strcmp(name, "lastmodified") == 0)
		return set_once(&metadata->last_modified, value);
	if (strcmp(name, "mac") == 0)
		return set_once(&metadata->mac, value);
	if (strcmp(name, "mac_only_encrypted") == 0)
		return strcmp(value, "true") == 0 && set_once(&metadata->mac_rule, value);
	return strcmp(name, "version") == 0 && strcmp(value, SOPS_VERSION) == 0 &&
		   set_once(&metadata->version, value);
}

bool
sops_metadata_complete(const SopsMetadata *metadata)
{
	int i;

	for (i = 0; i < metadata->nwraps; i++)
	{
		if (metadata->wraps[i].recipient == NULL || metadata->wraps[i].armored == NULL)
			return false;
	}
	return metadata->nwraps > 0 && metadata->regex != NULL && metadata->last_modified != NULL &&
		   metadata->mac != NULL && metadata->mac_rule != NULL && metadata->version != NULL;
}
