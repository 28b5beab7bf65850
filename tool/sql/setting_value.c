/*-------------------------------------------------------------------------
 *
 * setting_value.c
 *	  Cutting lists of names in stored settings.
 *
 * SET search_path TO a, "B c" stores the text: a, "B c".  As one literal it
 * would become one name, so it must be cut into its elements.  That what is
 * stored has quotes where they are needed may not be relied on: set_config()
 * followed by SET ... FROM CURRENT stores any text that the server's own
 * cutting takes, and there a name without quotes may hold all but blanks and
 * commas: semicolons, too.
 *
 * Only PostgreSQL itself has settings of this kind (GUC_LIST_QUOTE);
 * extensions may not define them.  So a list of them is complete, as
 * pg_dump's is, which cuts in the same way.  Two things are done differently,
 * where pg_dump changes the meaning or writes what is not SQL: a name without
 * quotes is folded to lower case, as the server does when it uses it, and
 * names of libraries may hold blanks.
 *
 *-------------------------------------------------------------------------
 */
#include "setting_value.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buffer.h"
#include "memory.h"

#define BLANKS " \t\n\r\f"

typedef struct ListSetting
{
	const char *name;
	bool identifiers; /* and not names of files */
} ListSetting;

static const ListSetting list_settings[] = {
	{"local_preload_libraries", false},   {"search_path", true},
	{"session_preload_libraries", false}, {"shared_preload_libraries", false},
	{"temp_tablespaces", true},           {"unix_socket_directories", false},
};

static const ListSetting *
find_list_setting(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(list_settings) / sizeof(list_settings[0]); i++)
	{
		if (strcasecmp(list_settings[i].name, name) == 0)
			return &list_settings[i];
	}
	return NULL;
}

static void
add_item(SettingValue *value, char *item)
{
	value->items = xrealloc(value->items, (size_t) (value->count + 1) * sizeof(char *));
	value->items[value->count++] = item;
}

/* A quoted element; where it ends, or NULL if it does not. */
static const char *
read_quoted(const char *at, SettingValue *value)
{
	Buffer item;

	buffer_init(&item);
	buffer_append_string(&item, "");
	for (at++; *at != '\0' && (*at != '"' || at[1] == '"'); at++)
	{
		if (*at == '"')
			at++;
		buffer_append_char(&item, *at);
	}
	add_item(value, buffer_detach(&item));
	return *at == '"' ? at + 1 : NULL;
}

/* An element without quotes; where it ends, or NULL if it is empty. */
static const char *
read_plain(const char *at, bool identifiers, SettingValue *value)
{
	size_t length = strcspn(at, identifiers ? BLANKS "," : ",");
	const char *end = at + length;
	char *item;
	size_t i;

	while (length > 0 && strchr(BLANKS, at[length - 1]) != NULL)
		length--;
	if (length == 0)
		return NULL;
	item = xasprintf("%.*s", (int) length, at);
	for (i = 0; identifiers && i < length; i++)
	{
		if (item[i] >= 'A' && item[i] <= 'Z')
			item[i] = (char) (item[i] - 'A' + 'a');
	}
	add_item(value, item);
	return end;
}

/* False if this is not a list. */
static bool
cut(const char *at, bool identifiers, SettingValue *value)
{
	at += strspn(at, BLANKS);
	if (*at == '\0')
		return true;
	for (;;)
	{
		at = *at == '"' ? read_quoted(at, value) : read_plain(at, identifiers, value);
		if (at == NULL)
			return false;
		at += strspn(at, BLANKS);
		if (*at == '\0')
			return true;
		if (*at != ',')
			return false;
		at++;
		at += strspn(at, BLANKS);
	}
}

void
setting_value_read(SettingValue *value, const char *name, const char *stored)
{
	const ListSetting *list = find_list_setting(name);

	memset(value, 0, sizeof(*value));
	if (list != NULL && cut(stored, list->identifiers, value))
		return;
	setting_value_free(value);
	add_item(value, xstrdup(stored));
}

void
setting_value_free(SettingValue *value)
{
	int i;

	for (i = 0; i < value->count; i++)
		free(value->items[i]);
	free(value->items);
	memset(value, 0, sizeof(*value));
}

bool
setting_is_of_transaction(const char *name)
{
	static const char *const names[] = {"transaction_isolation", "transaction_read_only",
										"transaction_deferrable"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}
