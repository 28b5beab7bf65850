/*-------------------------------------------------------------------------
 *
 * test_manifest.c
 *	  Manifests: there and back, and refused when they break a rule.
 *
 * Every broken manifest here has a good seal, so that it is the rule and not
 * the seal that refuses it.
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
#include <jansson.h>

#include "backup_warning.h"
#include "manifest.h"
#include "manifest_read.h"
#include "manifest_write.h"
#include "memory.h"
#include "seal.h"
#include "seal_append.h"

static void
add_table(Manifest *manifest, const char *name)
{
	ManifestTable table;

	memset(&table, 0, sizeof(table));
	table.oid = 4294967295U;
	table.schema = xstrdup("public");
	table.name = xstrdup(name);
	table.copy = xasprintf("COPY public.\"%s\" (a) FROM stdin;", name);
	table.serial = manifest->ntables == 1;
	table.heap_bytes = 8192;
	manifest_add_table(manifest, &table);
}

static void
add_object(Manifest *manifest, char digit, uint64_t bytes)
{
	ManifestObject object;

	memset(&object, 0, sizeof(object));
	memset(object.id, digit, DIGEST_HEX_LENGTH);
	object.id[DIGEST_HEX_LENGTH] = '\0';
	object.bytes = bytes;
	manifest_add_object(manifest, &object);
}

static void
add_member(Manifest *manifest, MemberKind kind, uint32_t object, uint64_t offset, uint64_t length,
		   int32_t table)
{
	Member member;

	memset(&member, 0, sizeof(member));
	member.kind = kind;
	member.object = object;
	member.offset = offset;
	member.length = length;
	member.raw = length * 3;
	member.table = table;
	if (table >= 0)
		member.rows = 7;
	if (table == 0)
	{
		member.has_blocks = true;
		member.block_from = 4096;
		member.block_to = offset == 0 ? 8192 : 0;
	}
	manifest_add_member(manifest, &member);
}

/* Three objects; the second has three members of three tables. */
static Manifest *
sample(void)
{
	Manifest *manifest = manifest_create();

	backup_id_format(1795399200, 2, manifest->id);
	manifest->repository = xstrdup("0b8e1f0e-0000-4000-8000-000000000001");
	manifest->type = xstrdup("daily");
	manifest->tool = xstrdup("0.1.0");
	manifest->pg_dump = xstrdup("15.18");
	manifest->started = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->snapshot_at = xstrdup("2026-11-23T02:00:00.123Z");
	manifest->finished = xstrdup("2026-11-23T02:00:09.999Z");
	manifest->codec = CODEC_ZSTD;
	manifest->level = 1;
	manifest->database.name = xstrdup("it's \"odd\"\n\xc3\xa9");
	manifest->database.owner = xstrdup("o\xe9"); /* LATIN1 */
	manifest->database.encoding = xstrdup("LATIN1");
	manifest->database.collate = xstrdup("C");
	manifest->database.ctype = xstrdup("C");
	manifest->database.provider = xstrdup("c");
	manifest->database.tablespace = xstrdup("pg_default");
	manifest->database.connection_limit = -1;
	manifest->database.bytes = 123456789;
	manifest->server.version = xstrdup("15.18");
	manifest->server.version_num = 150018;
	manifest->server.in_recovery = true;
	add_table(manifest, "plain");
	add_table(manifest, "two\nlines");
	add_table(manifest, "\xff\xfe bytes");
	add_object(manifest, 'a', 10);
	add_object(manifest, 'b', 60);
	add_object(manifest, 'c', 5);
	add_member(manifest, MEMBER_HEAD, 0, 0, 10, -1);
	add_member(manifest, MEMBER_DATA, 1, 0, 10, 0);
	add_member(manifest, MEMBER_DATA, 1, 10, 20, 1);
	add_member(manifest, MEMBER_DATA, 1, 30, 30, 2);
	add_member(manifest, MEMBER_TAIL, 2, 0, 5, -1);
	manifest_add_warning(manifest, "a warning");
	manifest_add_warning(manifest, "about \xff");
	manifest_sum_up(manifest);
	return manifest;
}

static void
serialize(const Manifest *manifest, Buffer *json)
{
	buffer_init(json);
	assert_true(manifest_serialize(manifest, json));
}

static Manifest *
parse_good(const Buffer *json)
{
	char *error;
	Manifest *manifest = manifest_parse(json->data, json->length, &error);

	if (manifest == NULL)
		fail_msg("refused: %s", error);
	assert_null(error);
	return manifest;
}

static void
test_round_trip(void **state)
{
	Manifest *first = sample();
	Manifest *second;
	Buffer one;
	Buffer two;

	(void) state;
	serialize(first, &one);
	second = parse_good(&one);
	serialize(second, &two);
	assert_string_equal(one.data, two.data);
	assert_string_equal(second->database.name, first->database.name);
	assert_string_equal(second->database.owner, "o\xe9");
	assert_string_equal(second->tables[1].name, "two\nlines");
	assert_string_equal(second->tables[2].copy, first->tables[2].copy);
	assert_string_equal(second->warnings[1], "about \xff");
	assert_null(second->database.icu_locale);
	assert_null(second->server.lsn);
	assert_int_equal(second->members[2].offset, 10);
	assert_int_equal(second->members[4].table, -1);
	assert_true(second->members[1].has_blocks && !second->members[2].has_blocks);
	assert_true(second->tables[1].serial && !second->tables[0].serial);
	manifest_free(first);
	manifest_free(second);
	buffer_free(&one);
	buffer_free(&two);
}

static void
test_sums(void **state)
{
	Manifest *manifest = sample();

	(void) state;
	assert_int_equal(manifest->totals.tables, 3);
	assert_int_equal(manifest->totals.rows, 21);
	assert_int_equal(manifest->totals.raw_bytes, 225);
	assert_int_equal(manifest->totals.stored_bytes, 75);
	assert_int_equal(manifest->totals.members, 5);
	assert_int_equal(manifest->totals.objects, 3);
	assert_int_equal(manifest->tables[1].rows, 7);
	assert_int_equal(manifest->tables[1].raw_bytes, 60);
	assert_int_equal(manifest->tables[1].stored_bytes, 20);
	manifest_free(manifest);
}

static void
test_listing(void **state)
{
	Manifest *manifest = sample();
	Buffer listing;
	char *path = manifest_object_path(manifest, 1);
	char id[DIGEST_HEX_LENGTH + 1];
	char *expected;

	(void) state;
	memset(id, 'b', DIGEST_HEX_LENGTH);
	id[DIGEST_HEX_LENGTH] = '\0';
	expected = xasprintf("objects/bb/%s.sql.zst", id);
	assert_string_equal(path, expected);
	buffer_init(&listing);
	manifest_listing(manifest, &listing);
	assert_memory_equal(listing.data, "aaaa", 4);

	/* What `cut -c67-` gives of the second line. */
	assert_memory_equal(strchr(listing.data, '\n') + 1 + 66, expected, strlen(expected));
	assert_int_equal(listing.data[listing.length - 1], '\n');
	free(expected);
	free(path);
	buffer_free(&listing);
	manifest_free(manifest);
}

/* An entry for each line, so that people can read and compare them. */
static void
test_lines(void **state)
{
	Manifest *manifest = sample();
	Buffer json;

	(void) state;
	serialize(manifest, &json);
	assert_non_null(strstr(json.data, "\n{\"kind\":\"head\""));
	assert_non_null(strstr(json.data, "\n{\"kind\":\"tail\""));
	assert_non_null(strstr(json.data, "\n\"database\": {"));
	buffer_free(&json);
	manifest_free(manifest);
}

/* Seal the text anew: all before the old seal, or all of it without the last brace. */
static void
seal_again(const char *text, Buffer *json)
{
	const char *seal = strstr(text, ",\n\"seal\": ");
	size_t length = seal != NULL ? (size_t) (seal - text) : strlen(text) - 1;

	buffer_init(json);
	buffer_append(json, text, length);
	assert_true(seal_append(json));
}

static void
assert_refused(const Buffer *json, const char *what)
{
	char *error = NULL;
	Manifest *manifest = manifest_parse(json->data, json->length, &error);

	if (manifest != NULL)
		fail_msg("accepted: %s", what);
	assert_non_null(error);
	assert_true(strlen(error) > 0);
	free(error);
}

/* Go to "members.2.offset" and put a value there; NULL removes it. */
static void
put(json_t *root, const char *path, const char *value)
{
	char *copy = xstrdup(path);
	char *rest = copy;
	char *key = strsep(&rest, ".");
	json_t *node = root;
	json_t *new = value != NULL ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;

	while (rest != NULL)
	{
		node = json_is_array(node) ? json_array_get(node, strtoul(key, NULL, 10))
								   : json_object_get(node, key);
		assert_non_null(node);
		key = strsep(&rest, ".");
	}
	if (value != NULL)
		assert_non_null(new);
	if (json_is_array(node) && value == NULL)
		assert_int_equal(json_array_remove(node, strtoul(key, NULL, 10)), 0);
	else if (json_is_array(node))
		assert_int_equal(json_array_set_new(node, strtoul(key, NULL, 10), new), 0);
	else if (value == NULL)
		assert_int_equal(json_object_del(node, key), 0);
	else
		assert_int_equal(json_object_set_new(node, key, new), 0);
	free(copy);
}

static const char *const breaks[][2] = {
	{"format", "2"},
	{"format", "\"1\""},
	{"format", NULL},
	{"kind", "\"globals\""},
	{"id", "\"20261123T020000\""},
	{"id", "\"../../20261123T020000Z\""},
	{"id", "1"},
	{"codec", "\"lz4\""},
	{"codec", "null"},
	{"level", "-1"},
	{"level", "1.5"},
	{"level", "101"},
	{"type", NULL},
	{"started", "\"yesterday\""},
	{"started", "\"2026-11-23T02:00:00Z\""},
	{"finished", "null"},
	{"snapshot_at", NULL},
	{"database", "[]"},
	{"database.name", "null"},
	{"database.name", "17"},
	{"database.name", "{\"base64\": \"a\"}"},
	{"database.name", "{\"base64\": \"====\"}"},
	{"database.name", "{\"base64\": \"YQBi\"}"}, /* a, NUL, b */
	{"database.name", "{\"base64\": \"\"}"},
	{"database.name", "{\"hex\": \"00\"}"},
	{"database.connection_limit", "-3"},
	{"database.connection_limit", NULL},
	{"database.bytes", "-1"},
	{"server", NULL},
	{"server.version_num", "\"150018\""},
	{"server.timeline", "-1"},
	{"server.in_recovery", "1"},
	{"totals", NULL},
	{"totals.rows", "22"},
	{"totals.tables", "2"},
	{"totals.objects", "4"},
	{"totals.raw_bytes", "-1"},
	{"totals.new_bytes", "1e3"},
	{"warnings", "{}"},
	{"warnings.0", "1"},
	{"tables", "null"},
	{"tables.0.oid", "4294967296"},
	{"tables.0.oid", "-1"},
	{"tables.0.name", NULL},
	{"tables.0.copy", "null"},
	{"tables.0.rows", "8"},
	{"tables.0.stored_bytes", "11"},
	{"tables.0.serial", "\"false\""},
	{"tables.0", "[]"},
	{"tables.2", NULL}, /* a member refers to it */
	{"objects", NULL},
	{"objects.0", NULL},
	{"objects.2", NULL},
	{"objects.0.id", "\"abc\""},
	{"objects.0.id", "\"../../../../../../../../../../../../../../../../../../../../etc/pas\""},
	{"objects.0.id", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
	{"objects.0.bytes", "-1"},
	{"objects.1.bytes", "59"},
	{"objects.1.bytes", "61"},
	{"members", "[]"},
	{"members", "{}"},
	{"members.0", NULL},
	{"members.1", NULL},
	{"members.2", NULL},
	{"members.3", NULL},
	{"members.4", NULL},
	{"members.0.kind", "\"middle\""},
	{"members.0.kind", "\"tail\""}, /* out of order */
	{"members.0.object", "3"},
	{"members.0.object", "-1"},
	{"members.0.object", "4294967296"},
	{"members.1.object", "0"},
	{"members.1.object", "2"},
	{"members.4.object", "4294967295"},
	{"members.1.offset", "1"},
	{"members.2.offset", "9"},
	{"members.2.offset", "11"},
	{"members.2.offset", "-10"},
	{"members.2.length", "19"},
	{"members.2.length", "9223372036854775807"},
	{"members.2.length", "-1"},
	{"members.2.raw", "61"}, /* a wrong sum */
	{"members.2.raw", NULL},
	{"members.2.table", "3"},
	{"members.2.table", "-1"},
	{"members.2.table", "4294967295"},
	{"members.2.table", NULL},
	{"members.2.rows", "8"},
	{"members.2.rows", NULL},
	{"members.1.blocks", "[1]"},
	{"members.1.blocks", "[1, 2, 3]"},
	{"members.1.blocks", "[-1, 2]"},
	{"members.1.blocks", "[1, 4294967296]"},
	{"members.1.blocks", "[5, 5]"},
	{"members.1.blocks", "{}"},
};

/* Begin the long arrays as manifest_write.c does, so that they are read entry by entry. */
static void
lay_out(const char *text, Buffer *json)
{
	static const char *const keys[] = {"tables", "objects", "members"};
	char *current = xstrdup(text);
	size_t i;

	for (i = 0; i < 3; i++)
	{
		char *opening = xasprintf(",\"%s\":[", keys[i]);
		char *found = strstr(current, opening);
		char *next;

		if (found != NULL)
		{
			next = xasprintf("%.*s,\n\"%s\": [%s", (int) (found - current), current, keys[i],
							 found + strlen(opening));
			free(current);
			current = next;
		}
		free(opening);
	}
	seal_again(current, json);
	free(current);
}

static void
test_rules(void **state)
{
	Manifest *manifest = sample();
	Buffer good;
	size_t i;

	(void) state;
	serialize(manifest, &good);
	for (i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++)
	{
		json_t *root = json_loads(good.data, 0, NULL);
		char *what = xasprintf("%s = %s", breaks[i][0], breaks[i][1] ? breaks[i][1] : "(absent)");
		char *text;
		Buffer bad;

		put(root, "seal", NULL);
		put(root, breaks[i][0], breaks[i][1]);
		text = json_dumps(root, JSON_COMPACT);
		seal_again(text, &bad);
		assert_refused(&bad, what);
		buffer_free(&bad);
		lay_out(text, &bad);
		assert_refused(&bad, what);
		buffer_free(&bad);
		json_decref(root);
		free(text);
		free(what);
	}
	buffer_free(&good);
	manifest_free(manifest);
}

/* The same way of making a manifest, without a change: proves that test_rules tests the rules. */
static void
test_unknown_key(void **state)
{
	Manifest *manifest = sample();
	Buffer good;
	Buffer again;
	json_t *root;
	char *text;

	(void) state;
	serialize(manifest, &good);
	manifest_free(manifest);
	root = json_loads(good.data, 0, NULL);
	put(root, "seal", NULL);
	put(root, "note", "\"an unknown key is no error\"");
	text = json_dumps(root, JSON_COMPACT);
	seal_again(text, &again);
	manifest = parse_good(&again);
	manifest_free(manifest);
	buffer_free(&again);
	lay_out(text, &again);
	manifest = parse_good(&again);
	manifest_free(manifest);
	buffer_free(&good);
	buffer_free(&again);
	json_decref(root);
	free(text);
}

/* Text that no JSON library would write. */
static void
test_hostile_text(void **state)
{
	static const char *const replacements[][2] = {
		{"\"level\": 1", "\"level\": 1,\n\"level\": 2"},
		{"\"level\": 1", "\"level\": 99999999999999999999"},
		{"\"level\": 1", "\"level\": 01"},
		{"\"type\": \"daily\"", "\"type\": \"da\\u0000ily\""},
		{"\"type\": \"daily\"", "\"type\": \"\xff\""},
		{"\"type\": \"daily\"", "\"type\": \"\\ud800\""},
		{"\"type\": \"daily\"", "\"type\": \"daily\"}, {"},
		{"\"offset\":10", "\"offset\":10,\"offset\":10"},
		{"\"members\": [", "\"members\": [["},
		{"\"members\": [", "\"members\": [,"},
		{"\"members\": [", "\"members\": [17,"},
		{"\"members\": [", "\"members\": [],\n\"members\": ["},
		{"\"raw\":15}", "\"raw\":15},"},
		{"\"raw\":15}", "\"raw\":15} {}"},
		{"\"raw\":15}]", "\"raw\":15}"},
		{"\"raw\":15}]", "\"raw\":15}}"},
		{"\"raw\":15}]", "\"raw\":15}]]"},
		{"\"raw\":15}", "\"raw\":15"},
	};
	Manifest *manifest = sample();
	Buffer good;
	size_t i;

	(void) state;
	serialize(manifest, &good);
	for (i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++)
	{
		const char *found = strstr(good.data, replacements[i][0]);
		char *text;
		Buffer bad;

		assert_non_null(found);
		text = xasprintf("%.*s%s%s", (int) (found - good.data), good.data, replacements[i][1],
						 found + strlen(replacements[i][0]));
		seal_again(text, &bad);
		assert_refused(&bad, replacements[i][1]);
		buffer_free(&bad);
		free(text);
	}
	buffer_free(&good);
	manifest_free(manifest);
}

/* A byte NUL in the file, whatever follows it. */
static void
test_nul_byte(void **state)
{
	Manifest *manifest = sample();
	Buffer good;
	Buffer bad;
	size_t at;

	(void) state;
	serialize(manifest, &good);
	at = (size_t) (strstr(good.data, ",\n\"seal\"") - good.data);
	buffer_init(&bad);
	buffer_append(&bad, good.data, at);
	buffer_append(&bad, "\0", 1);
	assert_true(seal_append(&bad));
	assert_refused(&bad, "a NUL byte");
	buffer_free(&bad);
	buffer_free(&good);
	manifest_free(manifest);
}

static void
test_not_a_manifest(void **state)
{
	static const char *const texts[] = {"{", "[", "17", "{\"format\": 1", "null", "\"text\""};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		Buffer bad;

		buffer_init(&bad);
		buffer_append_string(&bad, texts[i]);
		assert_refused(&bad, texts[i]);
		assert_true(seal_append(&bad));
		assert_refused(&bad, texts[i]);
		buffer_free(&bad);
	}
}

/* 200,000 members: time and memory stay in proportion. */
static void
test_many_members(void **state)
{
	Manifest *manifest = sample();
	Manifest *back;
	Buffer json;
	uint32_t i;

	(void) state;
	manifest->nmembers = manifest->nobjects = 1;
	for (i = 1; i <= 200000; i++)
	{
		add_object(manifest, "0123456789abcdef"[i % 16], 100);
		add_member(manifest, MEMBER_DATA, i, 0, 100, (int32_t) (i % 3));
	}
	manifest_sum_up(manifest);
	serialize(manifest, &json);
	back = parse_good(&json);
	assert_int_equal(back->nmembers, 200001);
	manifest_free(back);
	manifest_free(manifest);
	buffer_free(&json);
}

/* A manifest of globals with members of these kinds. */
static Manifest *
sample_globals(MemberKind middle)
{
	Manifest *manifest = sample();
	uint32_t i;

	for (i = 0; i < manifest->ntables; i++)
	{
		free(manifest->tables[i].schema);
		free(manifest->tables[i].name);
		free(manifest->tables[i].copy);
	}
	manifest->kind = BACKUP_OF_GLOBALS;
	manifest->ntables = 0;
	manifest->nmembers = 0;
	manifest->globals.roles = 12;
	manifest->globals.memberships = 5;
	manifest->globals.tablespaces = 2;
	manifest->globals.passwords = true;
	add_member(manifest, MEMBER_HEAD, 0, 0, 10, -1);
	add_member(manifest, middle, 1, 0, 60, -1);
	add_member(manifest, MEMBER_TAIL, 2, 0, 5, -1);
	manifest_sum_up(manifest);
	return manifest;
}

/* Globals have no database, but numbers of their own. */
static void
test_globals(void **state)
{
	Manifest *manifest = sample_globals(MEMBER_GLOBALS);
	Manifest *again;
	Buffer json;
	Buffer second;

	(void) state;
	serialize(manifest, &json);
	assert_non_null(strstr(json.data, "\"kind\": \"globals\""));
	assert_null(strstr(json.data, "\"database\""));
	again = parse_good(&json);
	assert_int_equal(again->kind, BACKUP_OF_GLOBALS);
	assert_string_equal(again->database.name, GLOBALS_DATABASE);
	assert_int_equal(again->globals.roles, 12);
	assert_int_equal(again->globals.memberships, 5);
	assert_int_equal(again->globals.tablespaces, 2);
	assert_true(again->globals.passwords);
	serialize(again, &second);
	assert_string_equal(json.data, second.data);
	buffer_free(&json);
	buffer_free(&second);
	manifest_free(manifest);
	manifest_free(again);
}

static void
refuse_manifest(Manifest *manifest)
{
	char *error;
	Buffer json;

	serialize(manifest, &json);
	assert_null(manifest_parse(json.data, json.length, &error));
	assert_non_null(strstr(error, "of a kind that does not belong here"));
	free(error);
	buffer_free(&json);
	manifest_free(manifest);
}

/* What belongs into a backup of the one kind is refused in the other. */
static void
test_kinds_apart(void **state)
{
	Manifest *database = sample();

	(void) state;
	refuse_manifest(sample_globals(MEMBER_PRE_DATA));
	refuse_manifest(sample_globals(MEMBER_DATABASE));
	database->members[database->nmembers - 1].kind = MEMBER_GLOBALS;
	refuse_manifest(database);
}

/* Whoever makes many objects does not decide how long a manifest gets. */
static void
test_many_warnings(void **state)
{
	Manifest *manifest = manifest_create();
	char *long_one = xmalloc(100001);
	int i;

	(void) state;
	memset(long_one, 'x', 100000);
	long_one[100000] = '\0';
	memcpy(long_one + 8190, "\xe2\x82\xac", 3);
	backup_warning_keep(manifest, long_one);
	assert_string_equal(manifest->warnings[0] + 8189, "x ...");
	for (i = 0; i < 99; i++)
		backup_warning_keep(manifest, "one of many");
	assert_int_equal(manifest->nwarnings, 100);
	backup_warning_end(manifest);
	for (i = 0; i < 1000; i++)
		backup_warning_keep(manifest, "one too many");
	assert_int_equal(manifest->nwarnings, 101);
	assert_string_equal(manifest->warnings[99], "one of many");
	assert_string_equal(manifest->warnings[100], "1000 more warnings");
	free(long_one);
	manifest_free(manifest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_sums),
		cmocka_unit_test(test_listing),        cmocka_unit_test(test_lines),
		cmocka_unit_test(test_rules),          cmocka_unit_test(test_unknown_key),
		cmocka_unit_test(test_hostile_text),   cmocka_unit_test(test_nul_byte),
		cmocka_unit_test(test_not_a_manifest), cmocka_unit_test(test_many_members),
		cmocka_unit_test(test_globals),        cmocka_unit_test(test_kinds_apart),
		cmocka_unit_test(test_many_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
