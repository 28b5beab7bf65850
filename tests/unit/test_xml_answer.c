/* XML from a network: good answers, and every kind of answer that must not be believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "buffer.h"
#include "memory.h"
#include "xml_answer.h"

static bool
write_down(void *argument, const char *path, const char *text)
{
	buffer_printf(argument, "%s=%s\n", path, text);
	return strcmp(text, "refuse me") != 0;
}

/* What was visited, or "problem: …"; caller frees. */
static char *
read_as(const char *answer, size_t length, const char *root)
{
	Buffer seen;
	char *problem;

	buffer_init(&seen);
	buffer_append_string(&seen, "");
	if (!xml_answer_read(answer, length, root, write_down, &seen, &problem))
	{
		buffer_reset(&seen);
		buffer_printf(&seen, "problem: %s", problem);
	}
	free(problem);
	return buffer_detach(&seen);
}

static void
expect(const char *answer, const char *root, const char *expected)
{
	char *seen = read_as(answer, strlen(answer), root);

	assert_string_equal(seen, expected);
	free(seen);
}

static void
good_answers(void **state)
{
	(void) state;
	expect("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		   "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n"
		   "<Contents><Key>a&amp;b&#10;c</Key><Size>7</Size></Contents>"
		   "<Contents><Key>d</Key></Contents><Empty/></ListBucketResult>",
		   "ListBucketResult",
		   "ListBucketResult/Contents/Key=a&b\nc\n"
		   "ListBucketResult/Contents/Size=7\n"
		   "ListBucketResult/Contents=\n"
		   "ListBucketResult/Contents/Key=d\n"
		   "ListBucketResult/Contents=\n"
		   "ListBucketResult/Empty=\n"
		   "ListBucketResult=\n\n");
	expect("<s:Error xmlns:s=\"x\"><s:Code>SlowDown</s:Code></s:Error>", NULL,
		   "Error/Code=SlowDown\nError=\n");
}

static void
another_root(void **state)
{
	(void) state;
	/* "200 OK" with an error in it. */
	expect("<Error><Code>InternalError</Code></Error>", "CopyObjectResult",
		   "problem: it is not what was asked for");
}

/* Whatever is cut off anywhere is refused, or there would be half a list. */
static void
cut_off(void **state)
{
	static const char answer[] = "<R><Key>a</Key><Key>b</Key></R>";
	size_t length;

	(void) state;
	for (length = 0; length < sizeof(answer) - 1; length++)
	{
		char *seen = read_as(answer, length, "R");

		assert_ptr_equal(strstr(seen, "problem: "), seen);
		free(seen);
	}
	expect(answer, "R", "R/Key=a\nR/Key=b\nR=\n");
}

static void
hostile(void **state)
{
	Buffer deep, wide;
	int i;

	(void) state;
	expect("<!DOCTYPE R [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><R>&b;</R>", "R",
		   "problem: it has a document type");
	expect("<!DOCTYPE R SYSTEM \"file:///etc/passwd\"><R></R>", "R",
		   "problem: it has a document type");
	expect("<R><Key>refuse me</Key></R>", "R", "problem: one of its values is not acceptable");
	expect("<R>&unknown;</R>", "R", "problem: undefined entity");
	expect("<R><Key>a&#0;b</Key></R>", "R", "problem: reference to invalid character number");

	buffer_init(&deep);
	for (i = 0; i < 100000; i++)
		buffer_append_string(&deep, "<R>");
	expect(deep.data, "R", "problem: it is nested too deeply");
	buffer_init(&wide);
	buffer_append_string(&wide, "<R>");
	for (i = 0; i <= XML_MAX_TEXT; i++)
		buffer_append_char(&wide, 'x');
	buffer_append_string(&wide, "</R>");
	expect(wide.data, "R", "problem: one of its values is too long");
	buffer_free(&deep);
	buffer_free(&wide);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_answers),
		cmocka_unit_test(another_root),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
