/*-------------------------------------------------------------------------
 *
 * test_manifest_claims.c
 *	  Manifests that break one rule alone: their seal, their totals and all
 *	  else is right, so that no other rule refuses them first.
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

#include "manifest.h"
#include "manifest_read.h"
#include "manifest_write.h"
#include "memory.h"

/* A manifest with two tables, two objects, and three members. */
static Manifest *
sample(void)
{
	Manifest *manifest = manifest_create();
	ManifestObject object;
	ManifestTable table;
	Member member;
	int i;

	backup_id_format(1795399200, 1, manifest->id);
	manifest->repository = xstrdup("0b8e1f0e-0000-4000-8000-000000000001");
	manifest->type = xstrdup("daily");
	manifest->tool = xstrdup("0.3.0");
	manifest->pg_dump = xstrdup("15.18");
	manifest->started = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->snapshot_at = xstrdup("2026-11-23T02:00:00.123Z");
	manifest->finished = xstrdup("2026-11-23T02:00:09.999Z");
	manifest->codec = CODEC_ZSTD;
	manifest->level = 1;
	manifest->database.name = xstrdup("b");
	manifest->database.owner = xstrdup("postgres");
	manifest->database.encoding = xstrdup("UTF8");
	manifest->database.provider = xstrdup("c");
	manifest->database.tablespace = xstrdup("pg_default");
	manifest->database.connection_limit = -1;
	manifest->server.version = xstrdup("15.18");
	for (i = 0; i < 2; i++)
	{
		memset(&table, 0, sizeof(table));
		table.oid = 16384 + (uint32_t) i;
		table.schema = xstrdup("public");
		table.name = xasprintf("t%d", i);
		table.copy = xasprintf("COPY public.t%d (a) FROM stdin;", i);
		manifest_add_table(manifest, &table);
		memset(&object, 0, sizeof(object));
		memset(object.id, 'a' + i, DIGEST_HEX_LENGTH);
		object.bytes = i == 0 ? 10 : 30;
		manifest_add_object(manifest, &object);
	}
	for (i = 0; i < 3; i++)
	{
		memset(&member, 0, sizeof(member));
		member.kind = i == 0 ? MEMBER_HEAD : MEMBER_DATA;
		member.object = i == 0 ? 0 : 1;
		member.offset = i == 2 ? 10 : 0;
		member.length = i == 2 ? 20 : 10;
		member.raw = 40;
		member.table = i - 1;
		member.rows = i == 0 ? 0 : 3;
		manifest_add_member(manifest, &member);
	}
	return manifest;
}

/* Write it with right sums and seal, and read it: NULL, or why it is refused (to be freed). */
static char *
verdict(Manifest *manifest, bool sums)
{
	Manifest *parsed;
	char *error;
	Buffer json;

	if (sums)
		manifest_sum_up(manifest);
	buffer_init(&json);
	assert_true(manifest_serialize(manifest, &json));
	parsed = manifest_parse(json.data, json.length, &error);
	assert_true((parsed == NULL) == (error != NULL));
	manifest_free(parsed);
	manifest_free(manifest);
	buffer_free(&json);
	return error;
}

static void
assert_refused(char *error, const char *why)
{
	assert_non_null(error);
	if (strstr(error, why) == NULL)
		fail_msg("refused, but because it %s", error);
	free(error);
}

static void
test_good(void **state)
{
	(void) state;
	assert_null(verdict(sample(), true));
}

/* A gap at the end of an object, where nothing checks what it holds; and the reverse. */
static void
test_gap(void **state)
{
	static const int changes[] = {1, 1000, -1};
	size_t i;
	uint32_t object;

	(void) state;
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
	{
		for (object = 0; object < 2; object++)
		{
			Manifest *manifest = sample();

			manifest->objects[object].bytes += (uint64_t) (int64_t) changes[i];
			assert_refused(verdict(manifest, true), "do not cover it");
		}
	}
}

/* The number after the last: sums would be made, and rows read, beyond the end of an array. */
static void
test_table_beyond(void **state)
{
	Manifest *manifest = sample();

	(void) state;
	manifest_sum_up(manifest);
	manifest->members[2].table = 2;
	assert_refused(verdict(manifest, false), "belongs to no table");
	manifest = sample();
	manifest_sum_up(manifest);
	manifest->members[2].table = INT32_MAX;
	assert_refused(verdict(manifest, false), "belongs to no table");
}

/* ---- encrypted ---- */

typedef enum Shown
{
	SHOWN_NOTHING, /* but objects */
	SHOWN_TABLES,
	SHOWN_MEMBERS,
	SHOWN_WARNINGS
} Shown;

/* What a manifest shows of an encrypted backup; `plain`: an object that is not encrypted, or -1. */
static char *
verdict_of_locked(Shown shown, int plain)
{
	Manifest *manifest = sample();
	uint32_t ntables = manifest->ntables;
	uint32_t nmembers = manifest->nmembers;
	Manifest *parsed;
	DigestHex digest;
	char *error;
	Buffer json;
	int i;

	manifest_sum_up(manifest);
	manifest->cipher = CIPHER_AGE;
	manifest->recipients =
		xstrdup("cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc");
	for (i = 0; i < (int) manifest->nobjects; i++)
	{
		if (i != plain)
			memset(manifest->objects[i].content, 'd', DIGEST_HEX_LENGTH);
		manifest->objects[i].plain = manifest->objects[i].bytes;
	}
	if (shown == SHOWN_WARNINGS)
		manifest_add_warning(manifest, "a secret");
	manifest->ntables = shown == SHOWN_TABLES ? ntables : 0;
	manifest->nmembers = shown == SHOWN_MEMBERS ? nmembers : 0;
	buffer_init(&json);
	manifest_write(manifest, &json);
	manifest->ntables = ntables;
	manifest->nmembers = nmembers;
	buffer_append_string(&json, ",\n\"private\": \"YQ==\"");
	assert_true(digest_buffer(json.data, json.length, digest));
	buffer_printf(&json, ",\n\"seal\": \"%s\"\n}\n", digest);
	parsed = manifest_parse(json.data, json.length, &error);
	if (parsed != NULL)
		assert_true(parsed->locked);
	manifest_free(parsed);
	manifest_free(manifest);
	buffer_free(&json);
	return error;
}

static void
test_locked(void **state)
{
	(void) state;
	assert_null(verdict_of_locked(SHOWN_NOTHING, -1));
	assert_refused(verdict_of_locked(SHOWN_TABLES, -1), "shows what should be encrypted");
	assert_refused(verdict_of_locked(SHOWN_MEMBERS, -1), "shows what should be encrypted");
	assert_refused(verdict_of_locked(SHOWN_WARNINGS, -1), "shows what should be encrypted");
	assert_refused(verdict_of_locked(SHOWN_NOTHING, 0), "not encrypted as the manifest");
	assert_refused(verdict_of_locked(SHOWN_NOTHING, 1), "not encrypted as the manifest");
}

/* An object that is encrypted, in a manifest that is not. */
static void
test_encrypted_object(void **state)
{
	Manifest *manifest = sample();

	(void) state;
	memset(manifest->objects[1].content, 'd', DIGEST_HEX_LENGTH);
	assert_refused(verdict(manifest, true), "not encrypted as the manifest");
}

/* ---- digests ---- */

static void
test_digest_text(void **state)
{
	char text[DIGEST_HEX_LENGTH + 2];

	(void) state;
	memset(text, 'a', sizeof(text));
	text[DIGEST_HEX_LENGTH] = '\0';
	assert_true(digest_hex_valid(text));
	text[DIGEST_HEX_LENGTH - 1] = '\0';
	assert_false(digest_hex_valid(text));
	text[DIGEST_HEX_LENGTH - 1] = text[DIGEST_HEX_LENGTH] = 'a';
	text[DIGEST_HEX_LENGTH + 1] = '\0';
	assert_false(digest_hex_valid(text));
	text[DIGEST_HEX_LENGTH] = '\n';
	assert_false(digest_hex_valid(text));
	text[DIGEST_HEX_LENGTH] = '\0';
	text[0] = 'A';
	assert_false(digest_hex_valid(text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_table_beyond),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_encrypted_object),
		cmocka_unit_test(test_digest_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
