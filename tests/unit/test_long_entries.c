/*-------------------------------------------------------------------------
 *
 * test_long_entries.c
 *	  Definitions of the schema that do not belong in a backup.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "archive_toc.h"
#include "long_entries.h"

static void
put_integer(Buffer *out, int value)
{
	int i;

	buffer_append_char(out, value < 0);
	value = abs(value);
	for (i = 0; i < 4; i++)
		buffer_append_char(out, (char) (value >> (8 * i)));
}

static void
put_text(Buffer *out, const char *text)
{
	put_integer(out, text != NULL ? (int) strlen(text) : -1);
	if (text != NULL)
		buffer_append_string(out, text);
}

static void
put_entry(Buffer *out, int id, const char *kind, const char *definition, const char *depends_on)
{
	put_integer(out, id);
	put_integer(out, 0);
	put_text(out, "0");
	put_text(out, "0");
	put_text(out, "a\nb");
	put_text(out, kind);
	put_integer(out, TOC_PRE_DATA);
	put_text(out, definition);
	put_text(out, "");
	put_text(out, NULL);
	put_text(out, id == 1 ? "s" : NULL);
	put_text(out, NULL);
	put_text(out, NULL);
	put_text(out, "me");
	put_text(out, "false");
	put_text(out, depends_on);
	if (depends_on != NULL)
		put_text(out, NULL);
	buffer_append(out, "\1\0\0\0\0\0\0\0\0", 9);
}

/* An archive of version 1.14. */
static void
put_head(Buffer *out, int entries)
{
	int i;

	buffer_init(out);
	buffer_append(out, "PGDMP\1\016\0\4\10\1", 11);
	put_integer(out, -1);
	for (i = 0; i < 7; i++)
		put_integer(out, 0);
	for (i = 0; i < 3; i++)
		put_text(out, "15.0");
	put_integer(out, entries);
}

static void
test_cut(void **state)
{
	Buffer written;
	Buffer archive;
	Buffer again;
	Buffer warnings;
	ArchiveToc toc;

	(void) state;
	put_head(&written, 7);
	put_entry(&written, 1, "TABLE", "0123456789 too long", NULL);
	put_entry(&written, 2, "COMMENT", "of it", "1");
	put_entry(&written, 3, "TABLE", "0123456789", "1");
	put_entry(&written, 4, "COMMENT", "012345", "3");
	put_entry(&written, 7, "DATABASE PROPERTIES", "0", NULL);
	put_entry(&written, 5, "FUNCTION", "", NULL);
	put_entry(&written, 6, "COMMENT", "01234", "3");
	buffer_append_string(&written, "more");
	buffer_init(&warnings);
	buffer_append_string(&warnings, "");

	buffer_init(&archive);
	assert_true(long_entries_cut(written.data, written.length, 5, 10, &archive, &warnings));
	assert_null(archive_toc_parse(archive.data, archive.length, &toc));
	assert_int_equal(toc.count, 3);
	assert_string_equal(archive_toc_find(&toc, 3)->definition, "0123456789");
	assert_non_null(archive_toc_find(&toc, 5));
	assert_string_equal(archive_toc_find(&toc, 6)->definition, "01234");
	assert_memory_equal(archive.data + archive.length - 4, "more", 4);
	archive_toc_free(&toc);
	assert_non_null(strstr(warnings.data, "WARNING:  TABLE s.a\\x0ab has 0 MB of SQL and is left"));
	assert_non_null(strstr(warnings.data, "WARNING:  COMMENT a\\x0ab has 0 MB of SQL"));
	assert_non_null(strstr(warnings.data, "WARNING:  FUNCTION a\\x0ab is not in the backup"));

	assert_null(strstr(warnings.data, "PROPERTIES"));

	/* Nothing more is too long, and what is no archive, or ends too early, stays as it is. */
	buffer_init(&again);
	assert_false(long_entries_cut(archive.data, archive.length, 5, 10, &again, &warnings));
	assert_int_equal(again.length, archive.length);
	assert_memory_equal(again.data, archive.data, again.length);
	buffer_reset(&again);
	assert_false(long_entries_cut(archive.data, archive.length - 60, 5, 10, &again, &warnings));
	assert_memory_equal(again.data, archive.data, archive.length - 60);
	buffer_reset(&again);
	archive.data[0] = 'X';
	assert_false(long_entries_cut(archive.data, archive.length, 0, 0, &again, &warnings));
	assert_memory_equal(again.data, archive.data, archive.length);
	buffer_free(&again);
	buffer_free(&written);
	buffer_free(&warnings);
	buffer_free(&archive);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
