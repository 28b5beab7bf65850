/*
 * The client of SFTP: packets that are cut off or lie, and servers that end or
 * say nothing.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "memory.h"
#include "sftp.h"
#include "sftp_packet.h"

static SftpBytes
bytes_of(const char *data, size_t length)
{
	return (SftpBytes){(const unsigned char *) data, length};
}

#define BYTES(text) bytes_of(text, sizeof(text) - 1)

static void
packet_is_framed(void **state)
{
	Buffer packet;

	(void) state;
	buffer_init(&packet);
	sftp_packet_begin(&packet, SFTP_LSTAT);
	sftp_put_text(&packet, "a/b");
	sftp_packet_end(&packet, 0x01020304, 0);
	assert_int_equal(packet.length, 16);
	assert_memory_equal(packet.data, "\0\0\0\014\007\001\002\003\004\0\0\0\003a/b", 16);
	sftp_packet_end(&packet, 1, 1000); /* and so many bytes behind */
	assert_memory_equal(packet.data, "\0\0\003\364", 4);
	buffer_free(&packet);
}

/* Cut off anywhere, attributes are refused, and nothing behind them is read. */
static void
attributes_cut(void **state)
{
	static const char whole[] = "\200\0\0\017"                   /* all that there can be */
								"\0\0\0\0\0\0\001\0"             /* size */
								"\0\0\0\001\0\0\0\002"           /* owner */
								"\0\0\201\200"                   /* mode 0100600 */
								"\0\0\0\003\0\0\0\004"           /* times */
								"\0\0\0\001\0\0\0\001x\0\0\0\0"; /* a pair */
	const size_t length = sizeof(whole) - 1;
	SftpAttributes attributes;
	SftpBytes bytes;
	size_t i;

	(void) state;
	for (i = 0; i < length; i++)
	{
		char *cut = xmalloc(i + 1); /* so that a reader beyond it is seen */

		memcpy(cut, whole, i);
		bytes = bytes_of(cut, i);
		assert_false(sftp_take_attributes(&bytes, &attributes));
		free(cut);
	}
	bytes = bytes_of(whole, length);
	assert_true(sftp_take_attributes(&bytes, &attributes));
	assert_int_equal(bytes.left, 0);
	assert_int_equal(attributes.size, 256);
	assert_int_equal(attributes.modified, 4);
	assert_true(sftp_is_file(&attributes));
	assert_false(sftp_is_directory(&attributes));
}

static void
lengths_lie(void **state)
{
	SftpBytes bytes = BYTES("\377\377\377\377abc");
	const char *text;
	size_t length;

	(void) state;
	assert_false(sftp_take_string(&bytes, &text, &length));
	assert_int_equal(bytes.left, 7); /* nothing was taken */
	bytes = BYTES("\0\0\0\004abc");
	assert_false(sftp_take_string(&bytes, &text, &length));
	bytes = BYTES("\0\0\0\003abc");
	assert_true(sftp_take_string(&bytes, &text, &length));
	assert_int_equal(length, 3);
}

static bool
entry(const char *name, size_t length, char taken[SFTP_NAME_SIZE])
{
	SftpAttributes attributes;
	SftpBytes bytes;
	Buffer packet;
	bool good;

	buffer_init(&packet);
	sftp_put_bytes(&packet, name, length);
	sftp_put_text(&packet, "long name");
	sftp_put_mode(&packet, 0100600);
	bytes = bytes_of(packet.data, packet.length);
	good = sftp_take_entry(&bytes, taken, &attributes);
	buffer_free(&packet);
	return good;
}

static void
names(void **state)
{
	char taken[SFTP_NAME_SIZE];
	char long_name[300];

	(void) state;
	memset(long_name, 'x', sizeof(long_name));
	assert_true(entry("a b\xff", 4, taken));
	assert_string_equal(taken, "a b\xff");
	assert_true(entry(long_name, 255, taken));
	assert_false(entry(long_name, 256, taken));
	assert_false(entry("", 0, taken));
	assert_false(entry("a/b", 3, taken));
	assert_false(entry("/", 1, taken));
	assert_false(entry("a\0b", 3, taken));
}

static void
versions(void **state)
{
	SftpBytes bytes = BYTES("\0\0\0\003\0\0\0\021fsync@openssh.com\0\0\0\0011"
							"\0\0\0\023statvfs@openssh.com\0\0\0\0011" /* not the version we know */
							"\0\0\0\001x\0\0\0\0");
	unsigned extensions;
	uint32_t version;

	(void) state;
	assert_true(sftp_take_version(&bytes, &version, &extensions));
	assert_int_equal(version, 3);
	assert_int_equal(extensions, SFTP_FSYNC);
	bytes = BYTES("\0\0\0\003\0\0\0\021fsync");
	assert_false(sftp_take_version(&bytes, &version, &extensions));
}

static void
words_are_shown(void **state)
{
	SftpBytes bytes = BYTES("\0\0\0\004\0\0\0\011\033[31mx\xff\ny");
	char text[SFTP_TEXT_SIZE];
	uint32_t code;

	(void) state;
	assert_true(sftp_take_status(&bytes, &code, text));
	assert_int_equal(code, SFTP_FAILURE);
	assert_string_equal(text, "?[31mx??y");
	bytes = BYTES("\0\0\0\002"); /* of an older server */
	assert_true(sftp_take_status(&bytes, &code, text));
	assert_string_equal(text, "");
}

/* Open a repository over a program of the shell; how long that took. */
static StoreResult
open_over(const char *script, double *seconds)
{
	const char *const command[] = {"/bin/sh", "-c", script, NULL};
	const SftpAddress address = {.host = "host", .path = "/nowhere"};
	const SftpOptions options = {
		.command = command, .connect_seconds = 1, .silent_seconds = 1, .patience = 2};
	struct timespec begin;
	struct timespec end;
	StoreResult result;
	Storage *storage;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	storage = sftp_storage_open(&address, &options, false, &result);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_null(storage);
	*seconds = (double) (end.tv_sec - begin.tv_sec) + (double) (end.tv_nsec - begin.tv_nsec) / 1e9;
	return result;
}

/* A program that says nothing, a server that says nothing after its first words, one that ends. */
static void
nothing_hangs(void **state)
{
	static const char hello[] = "printf '\\000\\000\\000\\005\\002\\000\\000\\000\\003'; ";
	StoreResult result;
	double seconds;
	char *script;

	(void) state;
	result = open_over("sleep 60", &seconds);
	assert_int_equal(result.code, STORE_UNREACHABLE);
	assert_non_null(strstr(result.text, "host \"host\": there was no answer"));
	assert_true(seconds < 20);

	script = xasprintf("%s sleep 60", hello);
	result = open_over(script, &seconds);
	assert_int_equal(result.code, STORE_UNREACHABLE);
	assert_non_null(strstr(result.text, "the server has not answered for"));
	assert_true(seconds < 20);
	free(script);

	result = open_over("printf 'not\\n\\n\\033[1mtoday.\\n' >&2; exit 255", &seconds);
	assert_int_equal(result.code, STORE_UNREACHABLE);
	assert_non_null(strstr(result.text, "the connection has ended: not / ?[1mtoday"));

	/* What another try would not change is not tried again. */
	result = open_over("echo 'u@host: Permission denied (publickey).' >&2; exit 255", &seconds);
	assert_int_equal(result.code, STORE_DENIED);
	assert_int_equal(result.tries, 1);
	assert_non_null(result.hint);

	/* Who floods us with words is not waited for. */
	result = open_over("yes >&2", &seconds);
	assert_int_equal(result.code, STORE_UNREACHABLE);
	assert_true(seconds < 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packet_is_framed), cmocka_unit_test(attributes_cut),
		cmocka_unit_test(lengths_lie),      cmocka_unit_test(names),
		cmocka_unit_test(versions),         cmocka_unit_test(words_are_shown),
		cmocka_unit_test(nothing_hangs),
	};

	signal(SIGPIPE, SIG_IGN); /* as interrupt_start() does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
