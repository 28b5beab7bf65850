/*-------------------------------------------------------------------------
 *
 * test_printable.c
 *	  What may go to a terminal as it is, and what comes out for the rest: in
 *	  a line, as a word of a shell, in JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include "buffer.h"
#include "json_text.h"
#include "printable.h"
#include "quote.h"

static void
test_seen(void **state)
{
	static const char *const seen[] = {
		"a", "~", " ", "ä", "€", "日", "😀", "é", "ا", "א", "\xef\xb8\x8f", "\xc2\xa0"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		assert_int_equal(printable_length(seen[i]), strlen(seen[i]));
}

static void
test_unseen(void **state)
{
	static const char *const unseen[] = {
		"\x1b",
		"\x07",
		"\r",
		"\n",
		"\x7f",
		"\x9b",
		"\xc2\x9b",
		"\xc2\x85",
		"\xc2\xad",
		"\xd8\x9c",
		"\xe2\x80\x8b",
		"\xe2\x80\x8e",
		"\xe2\x80\x8f",
		"\xe2\x80\xa8",
		"\xe2\x80\xaa",
		"\xe2\x80\xae",
		"\xe2\x81\xa0",
		"\xe2\x81\xa6",
		"\xe2\x81\xa9",
		"\xef\xbb\xbf",
		"\xef\xbf\xbf",
		"\xf3\xa0\x80\xa0",
		"\xf0\x9f\xbf\xbf",
		/* not UTF-8 */
		"\xc0\xaf",
		"\xed\xa0\x80",
		"\xe0\x80\xaf",
		"\xf4\x90\x80\x80",
		"\xf0\x80\x80\xaf",
		"\xc3",
		"\xe2\x80",
		"\xff",
		"\x80",
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		assert_int_equal(printable_length(unseen[i]), 0);
}

/* Joiners are part of words in some scripts, and of emoji; elsewhere they hide something. */
static void
test_joiners(void **state)
{
	static const char *const words[] = {
		"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", /* Persian */
		"\u0915\u094d\u200d\u0937",                         /* Hindi */
		"\U0001f469\u200d\U0001f4bb",
		"\u2764\ufe0f\u200d\U0001f525",
	};
	static const char *const hidden[] = {"\u200cx",
										 "a\u200db",
										 "\u00e9\u200c\u00e9",
										 "\u0440\u200c\u0430",
										 "\u0645\u200c",
										 "\u0645\u200c\u200c\u0645",
										 "\u0645\u200c ",
										 "\u200d\u0645",
										 "\u0645\u200b\u0645",
										 "\u0645\u202e\u0645",
										 "\u0645\u200c\u061c"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		char *shown = printable_name(words[i]);

		assert_string_equal(shown, words[i]);
		free(shown);
	}
	for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
	{
		char *shown = printable_name(hidden[i]);

		assert_non_null(strstr(shown, "\\x"));
		free(shown);
	}
}

static void
assert_word(const char *word, const char *expected)
{
	Buffer out;

	buffer_init(&out);
	quote_shell_word(&out, word);
	assert_string_equal(out.data, expected);
	buffer_free(&out);
}

/* A name in SQL that is to be copied, and what it is then. */
static void
assert_shown(const char *name, const char *expected)
{
	Buffer out;

	buffer_init(&out);
	quote_identifier_shown(&out, name);
	assert_string_equal(out.data, expected);
	buffer_free(&out);
}

static void
test_names_to_copy(void **state)
{
	(void) state;
	assert_shown("plain", "plain");
	assert_shown("a \"b\" \\", "\"a \"\"b\"\" \\\"");
	assert_shown("q';\n\\! x\"", "U&\"q';\\000a\\\\! x\"\"\"");
	assert_shown("\xe2\x80\xae"
				 "ü\xf3\xa0\x80\x81",
				 "U&\"\\202eü\\+0e0001\"");
	assert_shown("x\xff\r", "U&\"x\\fffd\\000d\"");
}

static void
test_shell_words(void **state)
{
	(void) state;
	assert_word("plain/word", "plain/word");
	assert_word("", "''");
	assert_word("two words", "'two words'");
	assert_word("it's", "'it'\\''s'");
	assert_word("$(touch x)", "'$(touch x)'");
	assert_word("d\033]0;PWN\007\n", "$'d\\033]0;PWN\\007\\012'");
	assert_word("\xe2\x80\xae'\\\033", "$'\\342\\200\\256\\'\\\\\\033'");
}

/* The shells that know it read back what was meant. */
static void
test_shell_words_are_read_back(void **state)
{
	static const char word[] = "d\033]0;PWN\007\n$(x)`y`\"'\\\xc2\x9b\xff\xe2\x80\xae";
	char found[200] = "";
	char *arguments[] = {"bash", "-c", NULL, NULL};
	size_t length = 0;
	ssize_t got;
	int ends[2];
	Buffer out;
	pid_t child;

	(void) state;
	if (access("/bin/bash", X_OK) != 0)
		return;
	buffer_init(&out);
	buffer_append_string(&out, "printf %s ");
	quote_shell_word(&out, word);
	arguments[2] = out.data;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0)
	{
		dup2(ends[1], STDOUT_FILENO);
		execv("/bin/bash", arguments);
		_exit(127);
	}
	close(ends[1]);
	while ((got = read(ends[0], found + length, sizeof(found) - 1 - length)) > 0)
		length += (size_t) got;
	close(ends[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_string_equal(found, word);
	buffer_free(&out);
}

static void
test_json(void **state)
{
	static const char text[] = "ä\033\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x80\xa0😀\"\\";
	json_t *value = json_object();
	json_t *again;
	char *written;
	const char *c;

	(void) state;
	json_object_set_new(value, text, json_string(text));
	written = json_harmless(value, JSON_INDENT(2));
	for (c = written; *c != '\0'; c += *c == '\n' ? 1 : printable_length(c))
		assert_true(*c == '\n' || printable_length(c) > 0);
	assert_non_null(strstr(written, "ä"));
	again = json_loads(written, 0, NULL);
	assert_non_null(again);
	assert_true(json_equal(value, again));
	json_decref(again);
	json_decref(value);
	free(written);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_seen),          TEST(test_unseen),      TEST(test_joiners),
		TEST(test_names_to_copy), TEST(test_shell_words), TEST(test_shell_words_are_read_back),
		TEST(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
