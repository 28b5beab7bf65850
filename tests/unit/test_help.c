/*-------------------------------------------------------------------------
 *
 * test_help.c
 *	  What --help and the README say of commands and options is what the
 *	  tables of commands and options have: nothing less, nothing more.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>

#include "scratch.h"

#include "buffer.h"
#include "command_table.h"
#include "help.h"
#include "help_texts.h"
#include "memory.h"
#include "named_file.h"
#include "settings_file.h"

#define MAX_LENGTH (1024 * 1024)

static int wrong;

/* All that is wrong is said, not the first of it only. */
#define EXPECT(good, ...)                                                                          \
	do                                                                                             \
	{                                                                                              \
		if (!(good))                                                                               \
		{                                                                                          \
			print_message(__VA_ARGS__);                                                            \
			print_message("\n");                                                                   \
			wrong++;                                                                               \
		}                                                                                          \
	} while (0)

static char *
file_text(const char *path)
{
	struct stat status;
	Buffer content;
	int descriptor = named_file_open(path, &status);

	if (descriptor < 0)
		return NULL;
	buffer_init(&content);
	assert_int_equal(named_file_read(descriptor, MAX_LENGTH, &content), 0);
	close(descriptor);
	return buffer_detach(&content);
}

/* The test is started at the top of the tree, or where it lies. */
static char *
readme_text(void)
{
	char *text = file_text("README.md");

	if (text == NULL)
		text = file_text("../../README.md");
	assert_non_null(text);
	return text;
}

/* What a command, or NULL for the program, prints as help. */
static char *
printed(const Command *command)
{
	char *path = xasprintf("%s/help", scratch);
	int saved = dup(STDOUT_FILENO);
	char *text;

	fflush(stdout);
	assert_non_null(freopen(path, "w", stdout));
	if (command != NULL)
		help_command(command);
	else
		help_program();
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	text = file_text(path);
	assert_non_null(text);
	free(path);
	return text;
}

/* Where `word` is in the text and nothing that would make it another word is beside it; else NULL.
 */
static const char *
find_word(const char *text, const char *word)
{
	size_t length = strlen(word);
	const char *found = text;

	while ((found = strstr(found, word)) != NULL)
	{
		unsigned char before = found > text ? (unsigned char) found[-1] : ' ';
		unsigned char after = (unsigned char) found[length];

		if (!isalnum(before) && before != '-' && before != '_' && !isalnum(after) && after != '-' &&
			after != '_')
			return found;
		found += length;
	}
	return NULL;
}

/* The next option that a text names, "--name" of anything but letters before it; NULL: none. */
static char *
next_option(const char **text)
{
	const char *found = *text;

	while ((found = strstr(found, "--")) != NULL)
	{
		size_t length = strspn(found + 2, "abcdefghijklmnopqrstuvwxyz-");
		bool alone = found == *text || (!isalnum((unsigned char) found[-1]) && found[-1] != '-');

		*text = found + 2 + length;
		if (alone && length > 0)
			return xasprintf("%.*s", (int) length, found + 2);
		found = *text;
	}
	return NULL;
}

static const char *
help_text_of(const char *name)
{
	const HelpText *help;

	for (help = help_texts; help->name != NULL; help++)
	{
		if (strcmp(help->name, name) == 0)
			return help->text;
	}
	return NULL;
}

/* True if the command takes the option, or another one does that the text speaks of. */
static bool
may_name(const char *text, const Command *command, const Option *option)
{
	int i;

	if (command == NULL || command_takes(command, option))
		return true;
	for (i = 0; i < command_count; i++)
	{
		if (command_takes(command_table[i], option) && find_word(text, command_table[i]->name))
			return true;
	}
	return false;
}

static void
test_a_text_for_each_command(void **state)
{
	const HelpText *help;
	int i;

	(void) state;
	wrong = 0;
	for (i = 0; i < command_count; i++)
	{
		const char *text = help_text_of(command_table[i]->name);

		EXPECT(text != NULL && text[0] != '\0', "no text tool/cli/help/%s.txt",
			   command_table[i]->name);
	}
	for (help = help_texts; help->name != NULL; help++)
	{
		EXPECT(command_find(help->name) != NULL || strcmp(help->name, "overview") == 0 ||
				   strcmp(help->name, "settings") == 0,
			   "tool/cli/help/%s.txt is of no command", help->name);
	}
	EXPECT(find_word(help_text_of("overview"), SETTINGS_DEFAULT_FILE), "overview.txt: no %s",
		   SETTINGS_DEFAULT_FILE);
	assert_int_equal(wrong, 0);
}

static void
test_lines_fit(void **state)
{
	const HelpText *help;

	(void) state;
	wrong = 0;
	for (help = help_texts; help->name != NULL; help++)
	{
		const char *line = help->text;

		while (*line != '\0')
		{
			int length = (int) strcspn(line, "\n");
			int width = 0;
			int i;

			for (i = 0; i < length; i++)
				width += ((unsigned char) line[i] & 0xc0) != 0x80;
			EXPECT(width <= 79, "%s.txt: %d columns: %.*s", help->name, width, length, line);
			EXPECT(length == 0 || !isspace((unsigned char) line[length - 1]),
				   "%s.txt: ends in a space: %.*s", help->name, length, line);
			line += length + 1;
		}
	}
	assert_int_equal(wrong, 0);
}

static void
test_texts_name_options_that_exist(void **state)
{
	const HelpText *help;

	(void) state;
	wrong = 0;
	for (help = help_texts; help->name != NULL; help++)
	{
		const char *rest = help->text;
		char *name;

		while ((name = next_option(&rest)) != NULL)
		{
			const Option *option = option_find(name);

			EXPECT(option != NULL, "%s.txt: there is no --%s", help->name, name);
			EXPECT(option == NULL || may_name(help->text, command_find(help->name), option),
				   "%s.txt: the command does not take --%s", help->name, name);
			free(name);
		}
	}
	assert_int_equal(wrong, 0);
}

/* Each in one line's beginning: "  -j, --jobs=N" or "      --type=TAG". */
static void
test_help_lists_the_options_of_the_command(void **state)
{
	int i;
	int k;

	(void) state;
	wrong = 0;
	for (i = 0; i < command_count; i++)
	{
		const Command *command = command_table[i];
		char *text = printed(command);
		const char *help = help_text_of(command->name);

		for (k = 0; k < option_count; k++)
		{
			const Option *option = &option_table[k];
			char *spelling = option_spelling(option);
			char *line = xasprintf("\n%s%s", option->letter != 0 ? "  " : "      ", spelling);
			const char *found = strstr(text, line);
			bool listed = found != NULL && isspace((unsigned char) found[strlen(line)]);

			EXPECT(listed == command_takes(command, option), "nex_backup help %s: --%s %s",
				   command->name, option->name, listed ? "is too much" : "is missing");
			free(line);
			free(spelling);
		}
		EXPECT(help != NULL && strstr(text, help) != NULL, "nex_backup help %s: not its text",
			   command->name);
		free(text);
	}
	assert_int_equal(wrong, 0);
}

/* What an option does begins small and ends without a full stop. */
static void
test_options_are_described_alike(void **state)
{
	int i;

	(void) state;
	wrong = 0;
	for (i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];
		size_t length = option->help != NULL ? strlen(option->help) : 0;

		EXPECT(length > 0, "--%s: no description", option->name);
		if (length == 0)
			continue;
		EXPECT(islower((unsigned char) option->help[0]) || isupper((unsigned char) option->help[1]),
			   "--%s: does not begin with a small letter: %s", option->name, option->help);
		EXPECT(option->help[length - 1] != '.', "--%s: ends with a full stop: %s", option->name,
			   option->help);
		EXPECT(option->type == OPTION_FLAG || option->type == OPTION_LEVEL ||
				   option->type == OPTION_ACTION || option->metavar != NULL,
			   "--%s: no word for its value", option->name);
	}
	assert_int_equal(wrong, 0);
}

static void
test_overview_lists_the_commands(void **state)
{
	char *text = printed(NULL);
	char *readme = readme_text();
	int i;

	(void) state;
	wrong = 0;
	for (i = 0; i < command_count; i++)
	{
		const Command *command = command_table[i];
		char *line = xasprintf("\n  %-10s %s\n", command->name, command->summary);
		char *row = xasprintf("\n| `nex_backup %s", command->name);

		EXPECT(strstr(text, line) != NULL, "nex_backup help: %s is missing", command->name);
		EXPECT(find_word(readme, row) != NULL, "README.md: no row for the command %s",
			   command->name);
		free(row);
		free(line);
	}
	EXPECT(strchr(text, '@') == NULL, "nex_backup help: a place is left: %s", text);
	free(readme);
	free(text);
	assert_int_equal(wrong, 0);
}

/* Column "of" of one row of the README, against the commands that take the option. */
static void
check_row(const Option *option, const char *of)
{
	int i;

	if (find_word(of, "all") != NULL)
	{
		for (i = 0; i < command_count && command_takes(command_table[i], option); i++)
			;
		EXPECT(i == command_count, "README.md: --%s is not of all commands, but of %s",
			   option->name, commands_taking(option));
		return;
	}
	for (i = 0; i < command_count; i++)
	{
		const Command *command = command_table[i];
		bool named = find_word(of, command->name) != NULL;

		EXPECT(named == command_takes(command, option), "README.md: --%s %s of %s (\"%s\")",
			   option->name, named ? "is not" : "is also", command->name, of);
	}
}

/* The rows of the README's table of options: | `-j`, `--jobs=N` | of | default | meaning | */
static void
test_readme_says_whose_options_are(void **state)
{
	char *readme = readme_text();
	const char *line = strstr(readme, "\n## Options\n");
	bool *seen = xcalloc(1, (size_t) option_count * sizeof(bool));
	char *of = xstrdup("");
	int i;

	(void) state;
	wrong = 0;
	assert_non_null(line);
	line++;
	while ((line = strchr(line, '\n')) != NULL && strncmp(++line, "## ", 3) != 0)
	{
		const char *bar = strncmp(line, "| `-", 4) == 0 ? strstr(line, " | ") : NULL;
		char *names;
		const char *rest;
		char *name;

		if (bar == NULL)
			continue;
		names = xasprintf("%.*s", (int) (bar - line), line);
		if (strncmp(bar + 3, "likewise", 8) != 0)
		{
			free(of);
			of = xasprintf("%.*s", (int) strcspn(bar + 3, "|"), bar + 3);
		}
		for (rest = names; (name = next_option(&rest)) != NULL; free(name))
		{
			const Option *option = option_find(name);

			EXPECT(option != NULL, "README.md: there is no --%s", name);
			if (option == NULL)
				continue;
			seen[option - option_table] = true;
			check_row(option, of);
		}
		free(names);
	}
	for (i = 0; i < option_count; i++)
		EXPECT(seen[i], "README.md: no row for --%s", option_table[i].name);
	free(of);
	free(seen);
	free(readme);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_text_for_each_command),
		cmocka_unit_test(test_lines_fit),
		cmocka_unit_test(test_texts_name_options_that_exist),
		cmocka_unit_test(test_help_lists_the_options_of_the_command),
		cmocka_unit_test(test_options_are_described_alike),
		cmocka_unit_test(test_overview_lists_the_commands),
		cmocka_unit_test(test_readme_says_whose_options_are),
	};

	return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
