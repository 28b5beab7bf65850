/*-------------------------------------------------------------------------
 *
 * help.c
 *	  Help, in the look of PostgreSQL's own tools.
 *
 *-------------------------------------------------------------------------
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "command_table.h"
#include "help_texts.h"
#include "memory.h"

#define OPTION_WIDTH 31
#define LINE_WIDTH 79

/* Characters, not bytes: help texts hold an ellipsis here and there. */
static int
text_width(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

/* Print words from column `indent` on, breaking lines between them. */
static void
print_wrapped(const char *text, int column, int indent)
{
	while (*text != '\0')
	{
		char *word = xasprintf("%.*s", (int) strcspn(text, " "), text);
		int width = text_width(word);

		if (column > indent && column + 1 + width > LINE_WIDTH)
		{
			printf("\n%*s", indent, "");
			column = indent;
		}
		column += printf("%s", column > indent ? " " : "") + width;
		printf("%s", word);
		text += strlen(word);
		text += strspn(text, " ");
		free(word);
	}
	printf("\n");
}

/* What an option does, and its default. */
static char *
describe(const Option *option)
{
	const char *fallback = option->fallback;

	if (fallback == NULL)
		fallback = option->fallback_note;
	if (fallback == NULL)
		return xstrdup(option->help);
	return xasprintf("%s (default: %s)", option->help, fallback);
}

static void
print_option(const Option *option)
{
	char *spelling = option_spelling(option);
	char *text = describe(option);
	int indent = option->letter != 0 ? 2 : 6;
	int width = printf("%*s%s", indent, "", spelling);

	if (width >= OPTION_WIDTH)
	{
		printf("\n");
		width = 0;
	}
	printf("%*s", OPTION_WIDTH - width, "");
	print_wrapped(text, OPTION_WIDTH, OPTION_WIDTH);
	free(text);
	free(spelling);
}

static void
print_options(const Command *command)
{
	static const char *const headings[GROUP_COUNT] = {
		"Options", "Connection options", "General options", "Options for buckets and SFTP servers"};
	int group;
	int i;

	for (group = 0; group < GROUP_COUNT; group++)
	{
		bool first = true;

		for (i = 0; i < option_count; i++)
		{
			const Option *option = &option_table[i];

			if ((int) option->group != group || !command_takes(command, option))
				continue;
			if (first)
				printf("\n%s:\n", headings[group]);
			first = false;
			print_option(option);
		}
	}
}

/* "" if there is none, which tests/unit/test_help.c does not allow. */
static const char *
help_text(const char *name)
{
	const HelpText *help;

	for (help = help_texts; help->name != NULL; help++)
	{
		if (strcmp(help->name, name) == 0)
			return help->text;
	}
	return "";
}

void
help_command(const Command *command)
{
	const char *arguments = command->arguments != NULL ? command->arguments : "";

	printf("nex_backup %s: %s\n\n", command->name, command->summary);
	printf("Usage:\n  nex_backup %s [OPTION]...%s%s\n\n", command->name,
		   arguments[0] != '\0' ? " " : "", arguments);
	printf("%s", help_text(command->name));
	print_options(command);
	printf("\n%s", help_text("settings"));
}

void
help_program(void)
{
	static const char place[] = "@COMMANDS@\n";
	const char *text = help_text("overview");
	const char *list = strstr(text, place);
	int i;

	if (list == NULL)
		list = text + strlen(text);
	printf("%.*s", (int) (list - text), text);
	for (i = 0; i < command_count; i++)
		printf("  %-10s %s\n", command_table[i]->name, command_table[i]->summary);
	if (*list != '\0')
		printf("%s", list + strlen(place));
}
