/*-------------------------------------------------------------------------
 *
 * test_configuration.c
 *	  Secrets of configuration files: which they are, how they are encrypted
 *	  in place, and that every byte comes back.
 *
 * The corpus in tests/fixtures/configuration marks its secrets: each holds
 * the word NEXSECRET (or its base64), which must appear in no encrypted form.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "age.h"
#include "encrypted_file.h"
#include "memory.h"
#include "sensitive.h"
#include "sops_dotenv.h"
#include "sops_value.h"
#include "sops_yaml.h"
#include "source_open.h"
#include "yaml_leaves.h"

#define CORPUS "tests/fixtures/configuration"

static AgeRecipients recipients;
static AgeIdentities identities;
static AgeIdentities strangers;

static int
make_keys(void **state)
{
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];

	(void) state;
	if (!age_identity_generate(identity, recipient) ||
		age_recipients_add(&recipients, recipient) != NULL ||
		age_identities_add(&identities, identity) != NULL)
		return -1;
	if (!age_identity_generate(identity, recipient) ||
		age_identities_add(&strangers, identity) != NULL)
		return -1;
	return 0;
}

static int
free_keys(void **state)
{
	(void) state;
	age_recipients_free(&recipients);
	age_identities_free(&identities);
	age_identities_free(&strangers);
	return 0;
}

static void
read_file(const char *name, Buffer *content)
{
	char *path = xasprintf(CORPUS "/%s", name);
	FILE *file = fopen(path, "rb");
	char block[4096];
	size_t got;

	if (file == NULL)
	{
		/* As "make -C tests/unit check" runs it. */
		free(path);
		path = xasprintf("../../" CORPUS "/%s", name);
		file = fopen(path, "rb");
	}
	assert_non_null(file);
	buffer_init(content);
	while ((got = fread(block, 1, sizeof(block), file)) > 0)
		buffer_append(content, block, got);
	fclose(file);
	free(path);
}

static bool
holds(const Buffer *text, const char *word)
{
	return text->length > 0 && memmem(text->data, text->length, word, strlen(word)) != NULL;
}

/* Open what was encrypted; true if that gives the same bytes. */
static bool
comes_back(const EncryptedFile *encrypted, const Buffer *text, const AgeIdentities *with)
{
	Buffer out;
	bool no_identity;
	bool same;

	buffer_init(&out);
	same = encrypted_file_open(encrypted->form, &encrypted->readable, &encrypted->whole, with, &out,
							   &no_identity) == NULL &&
		   out.length == text->length && memcmp(out.data, text->data, text->length) == 0;
	buffer_free(&out);
	return same;
}

static void
test_corpus(void **state)
{
	static const struct
	{
		const char *name;
		const char *form;
		int nsecrets;
		bool whole; /* is kept whole, too */
	} files[] = {
		{"ansible_vars.yml", "whole", 0, true},
		{"bom_no_newline.env", "dotenv", 1, true},
		{"broken.yaml", "whole", 0, true},
		{"comment_secret.yaml", "whole", 0, true},
		{"compose.yaml", "yaml", 7, false},
		{"django_settings.env", "dotenv", 4, false},
		{"indented_comment.env", "whole", 0, true},
		{"kubernetes_many.yaml", "whole", 0, true},
		{"kubernetes_secret.yaml", "yaml", 3, true},
		{"laravel.env", "dotenv", 3, false},
		{"list_root.yaml", "whole", 0, true},
		{"nested.yaml", "yaml", 10, true},
		{"plain.yaml", "yaml", 0, false},
		{"rails_anchored.yml", "whole", 0, true},
		{"rails_database.yml", "yaml", 2, false},
		{"spring_application.yml", "yaml", 9, true},
		{"windows.env", "dotenv", 1, true},
		{"windows.yaml", "yaml", 2, false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		EncryptedFile encrypted;
		Buffer text;

		read_file(files[i].name, &text);
		assert_true(encrypted_file_make(&encrypted, files[i].name, text.data, text.length,
										&recipients, NULL, 0));
		print_message("# %s: %s%s%s\n", files[i].name, encrypted_form_name(encrypted.form),
					  encrypted.reason != NULL ? ", because " : "",
					  encrypted.reason != NULL ? encrypted.reason : "");
		assert_string_equal(encrypted_form_name(encrypted.form), files[i].form);
		assert_int_equal(encrypted.nsecrets, files[i].nsecrets);
		assert_int_equal(encrypted.whole.length > 0, files[i].whole);
		assert_int_equal(encrypted.reason != NULL, strcmp(files[i].form, "whole") == 0);
		assert_false(holds(&encrypted.readable, "NEXSECRET"));
		assert_false(holds(&encrypted.readable, "TkVYU0VDUkVU"));
		assert_false(holds(&encrypted.whole, "NEXSECRET"));
		assert_true(comes_back(&encrypted, &text, &identities));
		assert_false(comes_back(&encrypted, &text, &strangers));
		encrypted_file_free(&encrypted);
		buffer_free(&text);
	}
}

/* Every byte of an encrypted file counts: none can be changed, and no end cut off. */
static void
every_byte_counts(const char *name)
{
	EncryptedFile encrypted;
	Buffer text;
	int accepted = 0;
	size_t i;

	read_file(name, &text);
	assert_true(
		encrypted_file_make(&encrypted, name, text.data, text.length, &recipients, NULL, 0));
	assert_int_equal(encrypted.whole.length, 0);
	for (i = 0; i < encrypted.readable.length; i++)
	{
		Buffer out;
		bool no_identity;
		char old = encrypted.readable.data[i];

		/*
		 * What is not secret may be changed: the manifest's digest is what
		 * protects that.  A secret may neither change nor appear in another place.
		 */
		buffer_init(&out);
		encrypted.readable.data[i] = (char) (old ^ 1);
		if (encrypted_file_open(encrypted.form, &encrypted.readable, &encrypted.whole, &identities,
								&out, &no_identity) == NULL)
		{
			size_t j;

			/* Then just that byte of the clear text differs, and no secret. */
			for (j = 0; j < out.length && j < text.length && out.data[j] == text.data[j]; j++)
				;
			if (j < out.length && j + 1 < text.length && out.length == text.length &&
				memcmp(out.data + j + 1, text.data + j + 1, text.length - j - 1) != 0)
				accepted++;
			if (out.length != text.length)
				accepted++;
		}
		encrypted.readable.data[i] = old;
		buffer_free(&out);
	}
	assert_int_equal(accepted, 0);

	/* Without its last line break it is still the same. */
	for (i = 0; i + 1 < encrypted.readable.length; i++)
	{
		Buffer cut = encrypted.readable;
		Buffer out;
		bool no_identity;

		buffer_init(&out);
		cut.length = i;
		assert_non_null(encrypted_file_open(encrypted.form, &cut, &encrypted.whole, &identities,
											&out, &no_identity));
		assert_int_equal(out.length, 0);
		buffer_free(&out);
	}
	encrypted_file_free(&encrypted);
	buffer_free(&text);
}

static void
test_damage_to_yaml(void **state)
{
	(void) state;
	every_byte_counts("windows.yaml");
}

static void
test_damage_to_dotenv(void **state)
{
	(void) state;
	every_byte_counts("laravel.env");
}

/* A value belongs to its place: under another key it does not open. */
static void
test_value_is_bound_to_its_path(void **state)
{
	uint8_t key[SOPS_KEY_BYTES] = {7};
	char type[SOPS_TYPE_SIZE];
	Buffer encrypted;
	Buffer plain;

	(void) state;
	buffer_init(&encrypted);
	buffer_init(&plain);
	assert_true(sops_value_encrypt(key, "str", "hunter2", 7, "db:password:", &encrypted));
	assert_true(sops_value_is_encrypted(encrypted.data, encrypted.length));
	assert_false(
		sops_value_decrypt(key, encrypted.data, encrypted.length, "db:user:", &plain, type));
	assert_int_equal(plain.length, 0);
	assert_true(
		sops_value_decrypt(key, encrypted.data, encrypted.length, "db:password:", &plain, type));
	assert_string_equal(type, "str");
	assert_int_equal(plain.length, 7);
	assert_memory_equal(plain.data, "hunter2", 7);

	/* The type is not authenticated by SOPS, but must be one of those that exist. */
	buffer_append_char(&encrypted, ' ');
	assert_false(
		sops_value_decrypt(key, encrypted.data, encrypted.length, "db:password:", &plain, type));
	key[0] = 8;
	assert_false(sops_value_decrypt(key, encrypted.data, encrypted.length - 1,
									"db:password:", &plain, type));
	buffer_free(&encrypted);
	buffer_free(&plain);
}

static void
test_sensitive_keys(void **state)
{
	static const char *const secret[] = {"password",
										 "PGPASSWORD",
										 "apiKey",
										 "db_dsn",
										 "AUTH",
										 "client-secret",
										 "Tokens",
										 "\xc5\xbf"
										 "ecret"};
	static const char *const harmless[] = {"user", "host", "port", "database", "LOG_LEVEL", ""};
	static const char *const more[] = {"licence"};
	SensitiveKeys keys;
	char *regex;
	size_t i;

	(void) state;
	sensitive_keys_init(&keys, NULL, 0);
	for (i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		assert_true(sensitive_key(&keys, secret[i]));
	for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		assert_false(sensitive_key(&keys, harmless[i]));
	sensitive_keys_add_name(&keys, "host");
	sensitive_keys_add_name(&keys, "a.b");
	assert_true(sensitive_key(&keys, "host"));
	assert_false(sensitive_key(&keys, "hosts"));
	regex = sensitive_keys_regex(&keys);
	assert_non_null(strstr(regex, "(?i:pass|"));
	assert_non_null(strstr(regex, "|^host$|^a\\.b$"));
	free(regex);
	sensitive_keys_free(&keys);

	/* Whoever names one more does not mean to give up the others. */
	sensitive_keys_init(&keys, more, 1);
	assert_true(sensitive_key(&keys, "Licence"));
	assert_true(sensitive_key(&keys, "DB_PASSWORD"));
	assert_true(sensitive_text(&keys, "password=hunter2", strlen("password=hunter2")));
	sensitive_keys_free(&keys);
}

/* Values whose names are values: how many of a document are secrets? */
static void
test_names_as_values(void **state)
{
	static const struct
	{
		const char *text;
		int secrets;
	} cases[] = {
		{"env:\n  - name: DB_PASSWORD\n    value: hunter2\n", 1},
		{"env:\n  - value: hunter2\n    name: DB_PASSWORD\n  - name: HOST\n    image: x\n", 1},
		{"env:\n  - {name: API_TOKEN, value: hunter2}\n", 1},
		{"args: [\"--db-password\", \"hunter2\", \"-v\"]\n", 3},
		{"args:\n  - --db-password\n  - --verbose\n", 0},
		{"command: redis-server --requirepass hunter2\n", 1},
		{"metadata:\n  name: auth-service\nport: 80\nvalue: open\n", 0},
		{"name: the password is elsewhere\nvalue: open\n", 0},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		SensitiveKeys keys;
		SopsMetadata none;
		Buffer out;
		int found;

		memset(&none, 0, sizeof(none));
		buffer_init(&out);
		sensitive_keys_init(&keys, NULL, 0);
		assert_null(sops_yaml_encrypt(cases[i].text, strlen(cases[i].text), &keys, NULL, &none,
									  &out, &found));
		if (found != cases[i].secrets)
			fail_msg("%d secrets instead of %d: %s", found, cases[i].secrets, cases[i].text);
		sensitive_keys_free(&keys);
		buffer_free(&out);
	}
}

static void
test_sensitive_texts(void **state)
{
	static const char *const secret[] = {
		"postgres://app:hunter2@db/shop",
		"postgres://app:hun/ter2@db/shop",
		"postgres://app:what?2@db/shop",
		"amqp://u:p@ss/w@rd@mq:5672//",
		"host=db password=hunter2 dbname=shop",
		"POSTGRES_PASSWORD=hunter2",
		"--api-key = abc",
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE",
		"AKIAIOSFODNN7EXAMPLEX",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
		"AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQ",
		"# db_password: old one",
		"redis-server --requirepass hunter2",
		"exec app --db-password 'hunter2'",
	};
	static const char *const harmless[] = {
		"http://localhost:3000/up",
		"https://example.com/a@b",
		"0.0.0.0:5432",
		"# the password is in the vault",
		"redis://cache:6379/0",
		"info",
		"",
		"12:30:45",
		"psql --no-password -d shop",
		"app --password",
		"author-name jane",
	};
	SensitiveKeys keys;
	size_t i;

	(void) state;
	sensitive_keys_init(&keys, NULL, 0);
	for (i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
	{
		if (!sensitive_text(&keys, secret[i], strlen(secret[i])))
			fail_msg("missed: %s", secret[i]);
	}
	for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
	{
		if (sensitive_text(&keys, harmless[i], strlen(harmless[i])))
			fail_msg("taken for a secret: %s", harmless[i]);
	}
	sensitive_keys_free(&keys);
}

/* How values without quotes are understood decides under which type SOPS encrypts them. */
static void
test_types(void **state)
{
	static const struct
	{
		const char *value;
		YamlType type;
	} values[] = {
		{"abc", YAML_TYPE_STRING},
		{"17", YAML_TYPE_INTEGER},
		{"-3", YAML_TYPE_INTEGER},
		{"0.75", YAML_TYPE_FLOAT},
		{"true", YAML_TYPE_BOOLEAN},
		{"FALSE", YAML_TYPE_BOOLEAN},
		{"yes", YAML_TYPE_STRING},
		{"~", YAML_TYPE_NULL},
		{"null", YAML_TYPE_NULL},
		{"0755", YAML_TYPE_OTHER},
		{"0x1f", YAML_TYPE_OTHER},
		{"1_000", YAML_TYPE_OTHER},
		{"1e5", YAML_TYPE_OTHER},
		{"1.50", YAML_TYPE_OTHER},
		{".inf", YAML_TYPE_OTHER},
		{"+5", YAML_TYPE_OTHER},
		{"10.0.0.1", YAML_TYPE_STRING},
		{"2026-01-01", YAML_TYPE_OTHER},
		{"550e8400-e29b-41d4-a716-446655440000", YAML_TYPE_STRING},
		{"5f4dcc3b5aa765d61d8327deb882cf99", YAML_TYPE_STRING},
		{"1234567890123456", YAML_TYPE_OTHER},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		char *text = xasprintf("key: %s\n", values[i].value);
		YamlLeaves leaves;

		assert_null(yaml_leaves_read(&leaves, text, strlen(text)));
		assert_int_equal(leaves.count, 1);
		if (leaves.leaves[0].type != values[i].type)
			fail_msg("%s has type %d", values[i].value, (int) leaves.leaves[0].type);
		yaml_leaves_free(&leaves);
		free(text);
	}
}

/* Opens it, and compares what it is called without links. */
static void
assert_opens(const char *directory, const char *name, const char *expected)
{
	char *path = xasprintf("%s/%s", directory, name);
	char *whole = xasprintf("%s/%s", directory, expected);
	char *resolved;
	int fd = source_open(path, READER_IS_US, &resolved);

	assert_true(fd >= 0);
	assert_string_equal(resolved, whole);
	close(fd);
	free(resolved);
	free(path);
	free(whole);
}

static void
assert_fails(const char *directory, const char *name, int error)
{
	char *path = xasprintf("%s/%s", directory, name);
	char *resolved;

	assert_int_equal(source_open(path, READER_IS_US, &resolved), -1);
	assert_int_equal(errno, error);
	assert_null(resolved);
	free(path);
}

/* What is no file is not even opened: a device may do something when it is.  The kernel tells. */
static void
test_nothing_else_is_opened(void **state)
{
	char template[] = "/tmp/nexb_opens.XXXXXX";
	char *made = mkdtemp(template);
	char *directory = realpath(made, NULL);
	char *pipe_path = xasprintf("%s/pipe", directory);
	char *file_path = xasprintf("%s/file", directory);
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char events[4096];
	int link;

	(void) state;
	assert_true(watch >= 0);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	fclose(fopen(file_path, "w"));
	assert_true(inotify_add_watch(watch, directory, IN_OPEN) >= 0);
	assert_fails(directory, "pipe", EISDIR);
	assert_int_equal(read(watch, events, sizeof(events)), -1);
	assert_opens(directory, "file", "file");
	assert_true(read(watch, events, sizeof(events)) > 0);
	link = open(pipe_path, O_PATH | O_CLOEXEC);
	assert_int_equal(regular_file_reopen(link), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(read(watch, events, sizeof(events)), -1);
	close(link);
	close(watch);
	unlink(pipe_path);
	unlink(file_path);
	assert_int_equal(rmdir(directory), 0);
	free(pipe_path);
	free(file_path);
	free(directory);
}

/* Links of our own are followed, one component at a time; those of others need root to test. */
static void
test_links(void **state)
{
	char template[] = "/tmp/nexb_links.XXXXXX";
	char *made = mkdtemp(template);
	char *directory = realpath(made, NULL);

	(void) state;
	assert_int_equal(chdir(directory), 0);
	assert_int_equal(mkdir("deep", 0700), 0);
	assert_int_equal(mkdir("deep/er", 0700), 0);
	fclose(fopen("deep/er/file", "w"));
	assert_int_equal(symlink("deep/er", "dir"), 0);
	assert_int_equal(symlink("dir/../er/./file", "link"), 0);
	assert_int_equal(symlink(directory, "deep/top"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_int_equal(symlink("gone", "dangling"), 0);
	assert_opens(directory, "deep/er/file", "deep/er/file");
	assert_opens(directory, "link", "deep/er/file");
	assert_opens(directory, "deep//top/./deep/top/link", "deep/er/file");
	assert_fails(directory, "loop", ELOOP);
	assert_fails(directory, "dangling", ENOENT);
	assert_fails(directory, "deep/er/file/more", ENOTDIR);
	unlink("deep/er/file");
	rmdir("deep/er");
	unlink("deep/top");
	rmdir("deep");
	unlink("dir");
	unlink("link");
	unlink("loop");
	unlink("dangling");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(directory), 0);
	free(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sensitive_keys),
		cmocka_unit_test(test_names_as_values),
		cmocka_unit_test(test_sensitive_texts),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_value_is_bound_to_its_path),
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_damage_to_yaml),
		cmocka_unit_test(test_damage_to_dotenv),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_nothing_else_is_opened),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
