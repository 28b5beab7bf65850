/*-------------------------------------------------------------------------
 *
 * command_table.c
 *	  The commands, in the order in which a newcomer needs them.
 *
 *-------------------------------------------------------------------------
 */
#include "command_table.h"

#include <string.h>

#include "buffer.h"
#include "nearest.h"

const Command *const command_table[] = {
	&command_init,    &command_backup, &command_list,   &command_info,   &command_verify,
	&command_restore, &command_cat,    &command_export, &command_copy,   &command_repair,
	&command_globals, &command_config, &command_base,   &command_wal,    &command_expire,
	&command_doctor,  &command_keygen, &command_key,    &command_notify, &command_agent,
	&command_version,
};

#define COMMAND_COUNT ((int) (sizeof(command_table) / sizeof(command_table[0])))

const int command_count = COMMAND_COUNT;

const Command *
command_find(const char *name)
{
	int i;

	for (i = 0; i < command_count; i++)
	{
		if (strcmp(command_table[i]->name, name) == 0)
			return command_table[i];
	}
	return NULL;
}

const char *
command_nearest(const char *name)
{
	const char *names[COMMAND_COUNT];
	int i;

	for (i = 0; i < command_count; i++)
		names[i] = command_table[i]->name;
	return nearest_name(name, names, command_count);
}

bool
command_takes(const Command *command, const Option *option)
{
	size_t length = strlen(option->name);
	const char *word = command->options;

	if (option->group == GROUP_GENERAL || option->group == GROUP_STORAGE)
		return true;
	while (*word != '\0')
	{
		size_t word_length = strcspn(word, " ");

		if (word_length == length && strncmp(word, option->name, length) == 0)
			return true;
		word += word_length;
		word += strspn(word, " ");
	}
	return false;
}

char *
commands_taking(const Option *option)
{
	Buffer names;
	int i;

	buffer_init(&names);
	buffer_append_string(&names, "");
	for (i = 0; i < command_count; i++)
	{
		if (!command_takes(command_table[i], option))
			continue;
		if (names.length > 0)
			buffer_append_string(&names, ", ");
		buffer_append_string(&names, command_table[i]->name);
	}
	return buffer_detach(&names);
}
