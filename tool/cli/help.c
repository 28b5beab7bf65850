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
#include "config.h"
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
	static const char *const headings[GROUP_COUNT] = {"Options", "Connection options",
													  "General options"};
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

void
help_command(const Command *command)
{
	const char *arguments = command->arguments != NULL ? command->arguments : "";

	printf("nex_backup %s: %s\n\n", command->name, command->summary);
	printf("Usage:\n  nex_backup %s [OPTION]...%s%s\n\n", command->name,
		   arguments[0] != '\0' ? " " : "", arguments);
	if (command->help != NULL)
	{
		size_t length = strlen(command->help);

		printf("%s%s", command->help, length > 0 && command->help[length - 1] == '\n' ? "" : "\n");
	}
	print_options(command);
	printf(
		"\nOptions can also be set in the environment, as NEX_BACKUP_REPO for --repo, and in the\n"
		"YAML file, as \"repo:\". The command line is stronger than the environment, and the\n"
		"environment than the file.\n");
}

void
help_program(void)
{
	int i;

	printf("nex_backup backs up, verifies and restores PostgreSQL databases.\n\n");
	printf("Usage:\n  nex_backup COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n");
	for (i = 0; i < command_count; i++)
		printf("  %-10s %s\n", command_table[i]->name, command_table[i]->summary);
	printf(
		"\n\"nex_backup help COMMAND\" or \"nex_backup COMMAND --help\" explains a command.\n\n");
	printf("A first backup, and the proof that it is good:\n"
		   "  nex_backup init --repo=/srv/backup\n"
		   "  nex_backup backup --repo=/srv/backup --dbname=mydb\n"
		   "  nex_backup verify --repo=/srv/backup\n"
		   "  nex_backup restore --repo=/srv/backup mydb --to=mydb_copy\n\n");
	printf("Settings that are always the same belong in %s; see \"repo:\" there.\n\n",
		   CONFIG_DEFAULT_FILE);
	printf("Exit codes:\n"
		   "  0    done\n"
		   "  1    failed\n"
		   "  2    wrong usage or configuration\n"
		   "  3    a backup is damaged or incomplete, or holds SQL that nex_backup does not write\n"
		   "  4    locked, or already running\n"
		   "  130  interrupted\n");
}
