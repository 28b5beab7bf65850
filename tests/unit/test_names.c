/*-------------------------------------------------------------------------
 *
 * test_names.c
 *	  Names, digests and seals: what the repository is addressed and proved by.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "names.h"
#include "seal.h"
#include "seal_append.h"

static void
test_database_directory(void **state)
{
	static const char *const names[][2] = {
		{"invoices", "invoices"},
		{"Invoices_2026-old", "Invoices_2026-old"},
		{"..", "%2E%2E"},
		{".", "%2E"},
		{"a/b", "a%2Fb"},
		{"a b", "a%20b"},
		{"100%", "100%25"},
		{"%2E", "%252E"},
		{"it's \"quoted\"", "it%27s%20%22quoted%22"},
		{"line\nbreak", "line%0Abreak"},
		{"\x01\x7f", "%01%7F"},
		{"caf\xc3\xa9", "caf%C3%A9"},
		{"\xff\xfe", "%FF%FE"},
		{"x.tmp", "x%2Etmp"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		char directory[DATABASE_DIRECTORY_SIZE];
		char database[64];

		assert_true(database_directory_encode(names[i][0], directory));
		assert_string_equal(directory, names[i][1]);
		assert_true(database_directory_decode(directory, database));
		assert_string_equal(database, names[i][0]);
	}
}

static void
test_database_directory_lengths(void **state)
{
	char directory[DATABASE_DIRECTORY_SIZE];
	char database[64];
	char name[65];

	(void) state;
	memset(name, '\xff', sizeof(name));
	name[64] = '\0';
	assert_false(database_directory_encode(name, directory));
	name[63] = '\0';
	assert_true(database_directory_encode(name, directory));
	assert_int_equal(strlen(directory), 63 * 3);
	assert_true(database_directory_decode(directory, database));
	assert_string_equal(database, name);
	assert_false(database_directory_encode("", directory));
}

/* One name has one directory: everything else is no database of ours. */
static void
test_foreign_directories(void **state)
{
	static const char *const foreign[] = {"",    ".",     "..",   "a.b",        "%",   "%2",
										  "%2e", "%41",   "%00",  "a/b",        "a b", "%GG",
										  "a%",  "%2E%2", "%2E.", "caf\xc3\xa9"};
	char database[64];
	char longest[80];
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_false(database_directory_decode(foreign[i], database));
	memset(longest, 'a', sizeof(longest));
	longest[64] = '\0';
	assert_false(database_directory_decode(longest, database));
}

static void
test_backup_id(void **state)
{
	static const char *const bad[] = {"",
									  "20261123T020000",
									  "20261123T020000z",
									  "20261123 020000Z",
									  "20261323T020000Z",
									  "20260231T020000Z",
									  "20261123T240000Z",
									  "20261123T026000Z",
									  "20261123T020060Z",
									  "20261123T020000Z-",
									  "20261123T020000Z-1",
									  "20261123T020000Z-02",
									  "20261123T020000Z-x",
									  "20261123T020000Z-4294967296",
									  "20261123T020000Z-99999999999999999",
									  "../../../etc/passwd",
									  "20261123T020000Z/.."};
	char id[BACKUP_ID_SIZE];
	size_t i;

	(void) state;
	backup_id_format(1795399200, 1, id);
	assert_string_equal(id, "20261123T020000Z");
	assert_true(backup_id_valid(id));
	assert_int_equal(backup_id_time(id), 1795399200);
	backup_id_format(1795399200, 4294967295U, id);
	assert_string_equal(id, "20261123T020000Z-4294967295");
	assert_true(backup_id_valid(id));
	assert_int_equal(backup_id_time(id), 1795399200);
	assert_true(backup_id_valid("20240229T235959Z-2"));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(backup_id_valid(bad[i]));
}

static void
test_backup_id_order(void **state)
{
	static const char *const ordered[] = {
		"20251231T235959Z",    "20260101T000000Z",    "20260101T000000Z-2", "20260101T000000Z-9",
		"20260101T000000Z-10", "20260101T000000Z-11", "20260101T000001Z"};
	int i;
	int j;

	(void) state;
	for (i = 0; i < 7; i++)
	{
		for (j = 0; j < 7; j++)
		{
			int order = backup_id_compare(ordered[i], ordered[j]);

			assert_true(i < j ? order < 0 : i > j ? order > 0 : order == 0);
		}
	}
}

/* The examples of FIPS 180-4. */
static void
test_digest(void **state)
{
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	Digest *digest = digest_create();
	DigestHex hex;

	(void) state;
	assert_true(digest_buffer("abc", 3, hex));
	assert_string_equal(hex, abc);
	assert_true(digest_buffer("", 0, hex));
	assert_string_equal(hex, empty);
	assert_true(digest_update(digest, "a", 1) && digest_update(digest, "bc", 2));
	assert_true(digest_final(digest, hex));
	assert_string_equal(hex, abc);
	assert_true(digest_final(digest, hex));
	assert_string_equal(hex, empty);
	digest_free(digest);
	assert_true(digest_hex_valid(abc));
	hex[0] = 'E';
	assert_false(digest_hex_valid(hex));
	assert_false(digest_hex_valid("abc"));
	assert_false(digest_hex_valid(""));
}

static void
seal_document(Buffer *json)
{
	buffer_init(json);
	buffer_append_string(json, "{\n\"format\": 1,\n\"id\": \"x\"");
	assert_true(seal_append(json));
}

static void
test_seal(void **state)
{
	Buffer json;
	size_t bit;

	(void) state;
	seal_document(&json);
	assert_null(seal_check(json.data, json.length));
	for (bit = 0; bit < json.length * 8; bit++)
	{
		json.data[bit / 8] ^= (char) (1 << bit % 8);
		assert_non_null(seal_check(json.data, json.length));
		json.data[bit / 8] ^= (char) (1 << bit % 8);
	}
	buffer_free(&json);
}

static void
test_seal_lengths(void **state)
{
	Buffer json;
	size_t length;

	(void) state;
	seal_document(&json);
	for (length = 0; length < json.length; length++)
		assert_non_null(seal_check(json.data, length));
	buffer_append_char(&json, '\n');
	assert_non_null(seal_check(json.data, json.length));
	buffer_free(&json);
}

static void
test_buffer(void **state)
{
	Buffer buffer;
	char *text;
	int i;

	(void) state;
	buffer_init(&buffer);
	for (i = 0; i < 10000; i++)
		buffer_printf(&buffer, "%d,", i % 10);
	assert_int_equal(buffer.length, 20000);
	assert_int_equal(strlen(buffer.data), 20000);
	buffer_reset(&buffer);
	assert_string_equal(buffer.data, "");
	buffer_append(&buffer, "a\0b", 3);
	assert_memory_equal(buffer.data, "a\0b", 4);
	text = buffer_detach(&buffer);
	assert_null(buffer.data);
	free(text);
	text = buffer_detach(&buffer);
	assert_string_equal(text, "");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_database_directory),
		cmocka_unit_test(test_database_directory_lengths),
		cmocka_unit_test(test_foreign_directories),
		cmocka_unit_test(test_backup_id),
		cmocka_unit_test(test_backup_id_order),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_seal_lengths),
		cmocka_unit_test(test_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
