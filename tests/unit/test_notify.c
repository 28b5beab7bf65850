/*-------------------------------------------------------------------------
 *
 * test_notify.c
 *	  What notifications make of names and URLs that mean ill.
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

#include "buffer.h"
#include "notify_mail.h"
#include "notify_text.h"
#include "notify_transport.h"
#include "run_log.h"

/* The header of a subject; lines end in CRLF, and none is longer than RFC 2047 allows. */
static char *
subject(const char *text)
{
	Buffer out;
	char *line;

	buffer_init(&out);
	mail_append_subject(&out, text);
	assert_memory_equal(out.data + out.length - 2, "\r\n", 2);
	for (line = out.data; *line != '\0'; line = strchr(line, '\n') + 1)
	{
		size_t length = strcspn(line, "\r\n");

		assert_memory_equal(line + length, "\r\n", 2);
		if (strstr(out.data, "=?UTF-8?B?") != NULL)
			assert_true(length >= 1 && length <= 90);
		/* What follows is a continuation, never a header. */
		assert_true(line == out.data || *line == ' ');
	}
	return buffer_detach(&out);
}

static void
test_subject(void **state)
{
	char name[4000];
	char *text;
	size_t i;

	(void) state;
	text = subject("plain words");
	assert_string_equal(text, "Subject: plain words\r\n");
	free(text);
	text = subject("a\r\nBcc: b@c.d");
	assert_string_equal(text, "Subject: a\\x0d\\x0aBcc: b@c.d\r\n");
	free(text);
	/* Who writes an encoded word himself gets it shown, not decoded. */
	text = subject("=?UTF-8?Q?x?=");
	assert_null(strstr(text, "=?UTF-8?Q?"));
	free(text);
	/* Characters of two bytes: an odd limit falls within one. */
	for (i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa4", 2);
	name[i] = '\0';
	text = subject(name);
	assert_non_null(strstr(text, "\r\n =?UTF-8?B?"));
	assert_true(strlen(text) >= 100 && strlen(text) <= 400);
	free(text);
	text = subject("");
	assert_string_equal(text, "Subject: \r\n");
	free(text);
}

static void
test_harmless_text(void **state)
{
	char *text = harmless_text("a\nb\x1b[31m\xff\xc3\xa4", false);

	(void) state;
	assert_string_equal(text, "a\\x0ab\\x1b[31m\\xff\xc3\xa4");
	free(text);
	text = harmless_text("a\nb\rc", true);
	assert_string_equal(text, "a\nb\\x0dc");
	free(text);
}

static void
test_urls(void **state)
{
	static const char *const good[] = {"https://example.com/x", "HTTPS://example.com:8443/?a=b",
									   "http://127.0.0.1:80/x", "http://localhost/",
									   "http://[::1]:1/x"};
	static const char *const bad[] = {"ftp://example.com/",
									  "example.com",
									  "http://example.com/",
									  "http://localhost.example.com/",
									  "http://127.0.0.1.example.com/",
									  "https://user:secret@example.com/",
									  "http://localhost@example.com/",
									  "http://localhost:80@example.com/",
									  "https:///path",
									  "https://example.com/a b",
									  "https://example.com/\nHost: x",
									  "file:///etc/passwd",
									  ""};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		if (url_problem(good[i]) != NULL)
			fail_msg("%s: %s", good[i], url_problem(good[i]));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		if (url_problem(bad[i]) == NULL)
			fail_msg("%s is taken for good", bad[i]);
	}
}

static void
test_log_names(void **state)
{
	char *name = run_log_name("backup", "nightly", 1795399200);

	(void) state;
	assert_string_equal(name, "backup_nightly_20261123.log");
	free(name);
	name = run_log_name("verify", "nightly", 0);
	assert_string_equal(name, "verify_19700101.log");
	free(name);
}

static void
assert_command(NotifyReason reason, const char *database, const char *expected)
{
	json_t *facts =
		json_pack("{s:s, s:s, s:s}", "kind", "backup", "database", database, "repository", "/r");
	json_t *event = event_compose(reason, facts, NULL);

	assert_string_equal(json_string_value(json_object_get(event, "command")), expected);
	json_decref(event);
	json_decref(facts);
}

/* A command is copied; whoever names a database must not choose where it connects. */
static void
test_commands(void **state)
{
	(void) state;
	assert_command(REASON_MISSED, "shop", "nex_backup backup -d shop --repo /r");
	assert_command(REASON_MISSED, "host=evil user=x",
				   "nex_backup backup -d 'dbname='\\''host=evil user=x'\\''' --repo /r");
	assert_command(REASON_MISSED, "postgresql://evil/x",
				   "nex_backup backup -d 'dbname='\\''postgresql://evil/x'\\''' --repo /r");
	assert_command(REASON_MISSED, "-h", "nex_backup backup -d '-h' --repo /r");
	assert_command(REASON_RECOVERY, "--config=/tmp/x", "nex_backup list DATABASE --repo /r");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subject),  cmocka_unit_test(test_harmless_text),
		cmocka_unit_test(test_urls),     cmocka_unit_test(test_log_names),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
