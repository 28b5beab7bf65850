/*-------------------------------------------------------------------------
 *
 * test_settings_load.c
 *	  Settings: command line > environment > file > default, and every way
 *	  to get them wrong.
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
#include <unistd.h>
#include <cmocka.h>

#include "agent_words.h"
#include "buffer.h"
#include "settings_file.h"
#include "settings_load.h"
#include "general_settings.h"
#include "nearest.h"
#include "place.h"
#include "all_settings.h"
#include "text_list.h"
#include "work_settings.h"

#define MAX_WORDS 16

static char directory[] = "/tmp/test_settings.XXXXXX";
static char yaml_path[64];
static char log_path[64];
static AllSettings settings;

static int
start_group(void **state)
{
	(void) state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(yaml_path, sizeof(yaml_path), "%s/nex.yaml", directory);
	snprintf(log_path, sizeof(log_path), "%s/log", directory);
	return log_open(log_path, LOG_FORMAT_HUMAN, LOG_LEVEL_INFO) ? 0 : -1;
}

static int
end_group(void **state)
{
	(void) state;
	unlink(yaml_path);
	unlink(log_path);
	return rmdir(directory);
}

/* Each test starts with an empty log, no file, and no variable of ours. */
static int
start(void **state)
{
	int i;

	(void) state;
	for (i = 0; i < option_count; i++)
	{
		char *name = option_environment_name(&option_table[i]);

		unsetenv(name);
		free(name);
	}
	setenv("NEX_BACKUP_CONFIG", "/dev/null", 1);
	settings_set_defaults(&settings);
	return truncate(log_path, 0);
}

static int
end(void **state)
{
	(void) state;
	settings_free(&settings);
	return 0;
}

static void
write_yaml(const char *text)
{
	FILE *file = fopen(yaml_path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static char *
read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	Buffer text;
	int c;

	assert_non_null(file);
	buffer_init(&text);
	buffer_append_string(&text, "");
	while ((c = fgetc(file)) != EOF)
		buffer_append_char(&text, (char) c);
	fclose(file);
	return buffer_detach(&text);
}

/* The log holds this text. */
static void
assert_logged(const char *expected)
{
	char *log = read_file(log_path);

	if (strstr(log, expected) == NULL)
		fail_msg("expected \"%s\" in:\n%s", expected, log);
	free(log);
}

/* Split a line into words, and take it for the command line. */
static bool
parse(const char *line, Arguments *arguments, char *copy, size_t size)
{
	static char *argv[MAX_WORDS + 1];
	int argc = 0;
	char *word;

	snprintf(copy, size, "nex_backup %s", line);
	for (word = strtok(copy, " "); word != NULL && argc < MAX_WORDS; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return arguments_parse(argc, argv, arguments);
}

/* The settings that a command line gives. */
static bool
load(const char *line)
{
	Arguments arguments;
	char copy[512];
	bool ok;

	settings_free(&settings);
	ok = parse(line, &arguments, copy, sizeof(copy)) && settings_load(&arguments, &settings);
	arguments_free(&arguments);
	return ok;
}

/* A file that must be refused, with this in the message. */
static void
refuse(const char *yaml, const char *expected)
{
	write_yaml(yaml);
	assert_int_equal(truncate(log_path, 0), 0);
	settings_free(&settings);
	settings_set_defaults(&settings);
	assert_false(settings_read_file(yaml_path, &settings));
	assert_logged(expected);
}

static void
test_defaults(void **state)
{
	(void) state;
	assert_true(load("list"));
	assert_null(settings.general.repo);
	assert_int_equal(settings.general.log_level, LOG_LEVEL_INFO);
	assert_int_equal(settings.general.progress, PROGRESS_AUTO);
	assert_true(settings.work.jobs >= 1 && settings.work.jobs <= 8);
	assert_string_equal(settings.backup.type, "manual");
	assert_int_equal(settings.backup.codec, CODEC_ZSTD);
	assert_int_equal(settings.backup.compress_level, 1);
	assert_int_equal(settings.backup.chunk_blocks, 4096);
	assert_int_equal(settings.backup.lock_wait_timeout, 60);
	assert_int_equal(settings.expire.keep_daily, 7);
	assert_int_equal(settings.expire.keep_weekly, 4);
	assert_int_equal(settings.expire.keep_monthly, 0);
	assert_int_equal(settings.expire.keep_minimum, 1);
}

/* Every default in the table must pass the table's own checks. */
static void
test_table(void **state)
{
	int i;
	int j;

	(void) state;
	for (i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];

		if (option->fallback != NULL)
			assert_null(option_store(option, &settings, option->fallback));
		for (j = 0; j < i; j++)
		{
			assert_string_not_equal(option->name, option_table[j].name);
			assert_true(option->letter == 0 || option->letter != option_table[j].letter);
		}
	}
}

static void
test_precedence(void **state)
{
	(void) state;
	write_yaml("repo: /file\ntype: file\nhost: file\n");
	setenv("NEX_BACKUP_CONFIG", yaml_path, 1);
	setenv("NEX_BACKUP_TYPE", "environment", 1);
	setenv("NEX_BACKUP_HOST", "environment", 1);
	setenv("NEX_BACKUP_PORT", "", 1);
	assert_true(load("backup --host argument"));
	assert_string_equal(settings.general.repo, "/file");
	assert_string_equal(settings.backup.type, "environment");
	assert_string_equal(settings.connection.host, "argument");
	assert_null(settings.connection.port);

	/* --config is stronger than NEX_BACKUP_CONFIG. */
	assert_true(load("backup --config=/dev/null"));
	assert_null(settings.general.repo);
}

static void
test_flags_can_be_taken_back(void **state)
{
	(void) state;
	write_yaml("drop: true\nno-password: true\nverbose: yes\n");
	setenv("NEX_BACKUP_CONFIG", yaml_path, 1);
	assert_true(load("restore"));
	assert_true(settings.restore.drop && settings.connection.no_password);
	assert_int_equal(settings.general.log_level, LOG_LEVEL_DEBUG);
	assert_true(load("restore --drop=false -W -q"));
	assert_false(settings.restore.drop);
	assert_false(settings.connection.no_password);
	assert_true(settings.connection.force_password);
	assert_int_equal(settings.general.log_level, LOG_LEVEL_WARNING);
}

static void
test_command_line_forms(void **state)
{
	Arguments arguments;
	char copy[512];

	(void) state;
	assert_true(parse("--repo /r restore -wj4 -d db --to=x one -p 5 -- --two -3", &arguments, copy,
					  sizeof(copy)));
	assert_int_equal(arguments.nwords, 4);
	assert_string_equal(arguments.words[0], "restore");
	assert_string_equal(arguments.words[1], "one");
	assert_string_equal(arguments.words[2], "--two");
	assert_string_equal(arguments.words[3], "-3");
	assert_string_equal(arguments_value(&arguments, "repo"), "/r");
	assert_string_equal(arguments_value(&arguments, "jobs"), "4");
	assert_string_equal(arguments_value(&arguments, "no-password"), "true");
	assert_string_equal(arguments_value(&arguments, "dbname"), "db");
	assert_string_equal(arguments_value(&arguments, "to"), "x");
	assert_string_equal(arguments_value(&arguments, "port"), "5");
	assert_null(arguments_value(&arguments, "host"));
	arguments_free(&arguments);
}

static void
test_command_line_errors(void **state)
{
	(void) state;
	assert_false(load("backup --rep /r"));
	assert_logged("Perhaps you meant \"--repo\".");
	assert_false(load("backup -x"));
	assert_logged("unknown option \"-x\"");
	assert_false(load("backup -json"));
	assert_logged("Perhaps you meant \"--json\".");
	assert_false(load("backup --repo --json"));
	assert_logged("option \"--repo\" needs a value");
	assert_false(load("backup -h"));
	assert_logged("help is -? or --help");
	assert_false(load("backup -j 65"));
	assert_logged("invalid value \"65\" of option \"-j\"");
	assert_false(load("backup --jobs=4x"));
	assert_false(load("backup --jobs=-4"));
	assert_false(load("backup --jobs=99999999999999999999"));
	assert_false(load("backup --repo="));
	assert_false(load("backup --drop=maybe"));
	assert_false(load("--help=yes"));
	assert_int_equal(log_exit_code(), EXIT_USAGE);
}

static void
test_environment_errors(void **state)
{
	(void) state;
	setenv("NEX_BACKUP_KEEP_DAILY", "often", 1);
	assert_false(load("expire"));
	assert_logged("invalid value \"often\" of environment variable NEX_BACKUP_KEEP_DAILY");
}

static void
test_values(void **state)
{
	static const struct
	{
		const char *text;
		int seconds; /* -1: refused */
	} durations[] = {{"0", 0},
					 {"30", 30},
					 {"30s", 30},
					 {"5min", 300},
					 {"5 min", 300},
					 {"2h", 7200},
					 {"7d", 604800},
					 {"8d", -1},
					 {"5m", -1},
					 {"-1", -1},
					 {"1.5h", -1},
					 {"s", -1},
					 {"99999999999999999999", -1}};
	const Option *timeout = option_find("lock-wait-timeout");
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
	{
		char *reason = option_store(timeout, &settings, durations[i].text);

		assert_int_equal(reason != NULL, durations[i].seconds < 0);
		if (reason == NULL)
			assert_int_equal(settings.backup.lock_wait_timeout, durations[i].seconds);
		free(reason);
	}
	assert_true(load("backup --compress gzip:9 --type before-upgrade_2 --progress=json"));
	assert_int_equal(settings.backup.codec, CODEC_GZIP);
	assert_int_equal(settings.backup.compress_level, 9);
	assert_int_equal(settings.general.progress, PROGRESS_JSON);
	assert_true(load("restore --maintenance-work-mem 1GB"));
	assert_false(load("restore --maintenance-work-mem 1gb"));
	assert_false(load("restore --maintenance-work-mem 512"));
	assert_false(load("backup --type a/b"));
	assert_false(load("backup --compress bz2"));
	assert_false(load("backup --compress zstd:99"));
}

static void
test_file(void **state)
{
	(void) state;
	write_yaml("# a comment\nrepo: \"/srv/a b\"\nkeep:\n  daily: 14\n  weekly: 8\n"
			   "log: {format: json}\nchunk_blocks: 1024\nmaintenance_work-mem: 64MB\n"
			   "json: on\nport: 5433\n");
	assert_true(settings_read_file(yaml_path, &settings));
	assert_string_equal(settings.general.repo, "/srv/a b");
	assert_int_equal(settings.expire.keep_daily, 14);
	assert_int_equal(settings.expire.keep_weekly, 8);
	assert_int_equal(settings.general.log_format, LOG_FORMAT_JSON);
	assert_int_equal(settings.backup.chunk_blocks, 1024);
	assert_string_equal(settings.restore.maintenance_work_mem, "64MB");
	assert_true(settings.general.json);
	assert_string_equal(settings.connection.port, "5433");
}

static void
test_empty_files(void **state)
{
	(void) state;
	write_yaml("");
	assert_true(settings_read_file(yaml_path, &settings));
	write_yaml("# nothing but a comment\n");
	assert_true(settings_read_file(yaml_path, &settings));
	write_yaml("---\n");
	assert_true(settings_read_file(yaml_path, &settings));
	write_yaml("---\n{}\n...\n");
	assert_true(settings_read_file(yaml_path, &settings));
}

static void
test_file_errors(void **state)
{
	(void) state;
	refuse("repo: /r\n\nkeep-dayly: 3\n",
		   "unknown key \"keep-dayly\" in file \"/tmp/test_settings");
	refuse("repo: /r\n\nkeep-dayly: 3\n", "nex.yaml\", line 3");
	refuse("keep-dayly: 3\n", "Perhaps you meant \"keep-daily\".");
	refuse("keep: {dayly: 3}\n", "Perhaps you meant \"keep-daily\".");
	refuse("keep:\n  daily: 3\nkeep_daily: 4\n", "duplicate key \"keep-daily\"");
	refuse("keep:\n  daily: 3\nkeep_daily: 4\n", "It is given on line 2 already.");
	refuse("jobs: four\n", "invalid value of key \"jobs\" in file");
	refuse("jobs: four\n", "It must be a whole number from 1 to 64.");
	refuse("jobs: 0\n", "The value is \"0\".");
	refuse("jobs: [1, 2]\n", "It must be a single value, not a list or a mapping.");
	refuse("repo: {a: {b: [c]}}\nfoo: 1\n", "unknown key \"foo\"");
	refuse("keep: {daily: {x: 1}}\n", "It must be a single value");
	refuse("notify:\n  mail:\n    too: a@b.c\n", "unknown key \"notify-mail-too\" in file");
	refuse("notify:\n  mail:\n    to: a@b.c, b\n", "one or more mail addresses");
	refuse("notify: {mail: {from: \"a@b.c\\nBcc: d@e.f\"}}\n", "It must be a mail address");
	refuse("notify: {mail: {server: \"a b:25\"}}\n", "It must be HOST or HOST:PORT");
	refuse("notify: {mail: {password-file: secret}}\n", "It must be an absolute path");
	refuse("keep: 7\n", "unknown key \"keep\"");
	refuse("repo:\n", "The key has no value");
	refuse("repo: ~\n", "The key has no value");
	refuse("repo: \"\"\n", "It must not be empty.");
	refuse("repo: \"a\\0b\"\n", "zero byte");
	refuse("drop: maybe\n", "It must be true or false.");
	refuse("a: &x 1\nrepo: *x\n", "aliases are not supported");
	refuse("help: true\n", "unknown key \"help\"");
	refuse("config: /x\n", "unknown key \"config\"");
	refuse("<<: {repo: /r}\n", "unknown key \"<<\"");
	refuse("? [a, b]\n: 1\n", "A key must be a single word.");
	refuse("just words\n", "Settings are a mapping of keys to values.");
	refuse("- repo\n- jobs\n", "Settings are a mapping of keys to values.");
	refuse("repo: /r\n---\njobs: 1\n", "more than one YAML document");
	refuse("repo: /r\n\tjobs: 1\n", "syntax error in file");
	refuse("repo: \"/r\n", "syntax error in file");
	refuse("repo: [/r\n", "syntax error in file");
	refuse("repo: a\xff\n", "syntax error in file");
	refuse("jobs: 99\nkeep-daily: x\n", "invalid value of key \"keep-daily\"");
	refuse("jobs: \"4\\n2026-01-01 ERROR: forged\"\n", "\n\t2026-01-01 ERROR: forged");
	assert_false(settings_read_file("/nonexistent/nex.yaml", &settings));
	assert_logged("could not read configuration file \"/nonexistent/nex.yaml\": No such file");
	assert_false(settings_read_file("/", &settings));
	assert_logged("Is a directory");
}

/* An option that may be given several times; a stronger source replaces the list of a weaker one.
 */
static void
test_lists(void **state)
{
	TextList *list = &settings.backup.exclude_databases;

	(void) state;
	write_yaml("exclude-database: [a, 'b*']\njobs: 3\n");
	assert_true(settings_read_file(yaml_path, &settings));
	assert_int_equal(list->count, 2);
	assert_string_equal(list->items[1], "b*");
	assert_int_equal(settings.work.jobs, 3);
	settings.general.source++;
	assert_null(option_store(option_find("exclude-database"), &settings, "c"));
	assert_null(option_store(option_find("exclude-database"), &settings, "d"));
	assert_int_equal(list->count, 2);
	assert_string_equal(list->items[0], "c");

	write_yaml("exclude_database: single\n");
	settings.general.source++;
	assert_true(settings_read_file(yaml_path, &settings));
	assert_int_equal(list->count, 1);
	refuse("exclude-database: [a, {b: c}]\n", "Each entry of the list must be a single value.");
	refuse("exclude-database: [a, [b, c], d]\n", "Each entry of the list must be a single value.");
	refuse("exclude-database: ['\"x']\n", "A quotation mark is not closed.");
	refuse("exclude-database: [a]\nexclude-database: b\n", "duplicate key");
	refuse("tablespace-mapping: [a=b]\n", "two absolute directories");
}

/* A repository with a name has its own location and its own settings, none of those of all. */
static void
test_repositories(void **state)
{
	Place place;

	(void) state;
	setenv("NEX_BACKUP_CONFIG", yaml_path, 1);
	write_yaml("repo: nas\nrepo-region: here\nrepositories:\n"
			   "  nas: {repo: /mnt/nas/pg}\n"
			   "  cloud:\n    repo: s3://bucket/pg\n    repo_region: there\n"
			   "    repo_secret-file: /etc/k\n");
	assert_true(load("list"));
	assert_string_equal(settings.general.repo, "/mnt/nas/pg");
	place = place_of(&settings.view, "cloud");
	assert_string_equal(place.location, "s3://bucket/pg");
	assert_string_equal(place.storage->repo_region, "there");
	assert_string_equal(place.storage->repo_secret_file, "/etc/k");
	assert_null(place_of_repository(&settings.view).storage->repo_region);
	place = place_of(&settings.view, "./nas");
	assert_string_equal(place.location, "./nas");
	assert_string_equal(place.storage->repo_region, "here");
	assert_true(load("list --repo cloud"));
	assert_string_equal(settings.general.repo, "s3://bucket/pg");
	assert_true(load("list --repo-region x --repo cloud"));
	place = place_of_repository(&settings.view);
	assert_false(place_options_meant(&settings.view, &place, 1));
	assert_logged("option \"--repo-region\" is not for a repository that is named");

	refuse("repositories: {a: {jobs: 2, repo: /r}}\n", "unknown key \"jobs\"");
	refuse("repositories: {a: {jobs: 2, repo: /r}}\n", "It is in repository \"a\".");
	refuse("repositories: {a: {repositories: {b: {repo: /r}}}}\n", "unknown key \"repositories\"");
	refuse("repositories: {a: {repo: /r, repo: /s}}\n", "duplicate key \"repo\"");
	refuse("repositories: {a: {repo: /r}}\nrepositories: {b: {repo: /s}}\n",
		   "duplicate key \"repositories\"");
	refuse("file-sets: {a: {files: [/x]}}\nfile-sets: {b: {files: [/y]}}\n",
		   "duplicate key \"file-sets\"");
	refuse("file-sets: {a: {files: [/x]}, a: {files: [/y]}}\n", "one of this name already");
	refuse("repositories: {a: {repo: /r}, a: {repo: /s}}\n", "There is one of this name already.");
	refuse("repositories: {a: {repo-region: x}}\n", "It has no \"repo\"");
	refuse("repositories: {a: {repo: s3:/b}}\n", "invalid value of key \"repo\"");
	refuse("repositories: {a/b: {repo: /r}}\n", "It must be of letters");
	refuse("repositories: {a: /r}\n", "It must be a mapping with \"repo\".");
	refuse("repositories: [a]\n", "unknown key \"repositories\"");
}

/* What one call does must come from the command line. */
static void
test_per_call(void **state)
{
	static const struct
	{
		const char *yaml;
		const char *line;
		const char *expected; /* in the message; NULL: accepted */
	} cases[] = {
		{"jobs: 3\ndrop: true\n", "restore x", "nex.yaml\", line 2."},
		{"drop: true\n", "restore x", "option \"--drop\" must be given on the command line"},
		{"drop: true\n", "restore x --drop", NULL},
		{"drop: true\n", "restore x --drop=false", NULL},
		{"drop: false\n", "restore x", NULL},
		{"table: [a, b]\n", "restore x", "Use --table=PATTERN in this call"},
		{"table: a\n", "restore x -t b", NULL},
		{"on-conflict: skip\n", "restore x", "\"--on-conflict\""},
		{"on-conflict: abort\n", "restore x", NULL},
		{"append: true\n", "restore x --data-only", NULL},
		{"data-only: true\n", "restore x", "\"--data-only\""},
		{"yes: true\n", "restore x", NULL},
	};
	static const char names[] = "drop table as on-conflict append data-only";
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Arguments arguments;
		char copy[512];
		bool good;

		write_yaml(cases[i].yaml);
		setenv("NEX_BACKUP_CONFIG", yaml_path, 1);
		assert_int_equal(truncate(log_path, 0), 0);
		settings_free(&settings);
		assert_true(parse(cases[i].line, &arguments, copy, sizeof(copy)));
		assert_true(settings_load(&arguments, &settings));
		good = settings_check_per_call(&arguments, &settings, names);
		arguments_free(&arguments);
		if (good != (cases[i].expected == NULL))
			fail_msg("%s, %s", cases[i].yaml, cases[i].line);
		if (!good)
			assert_logged(cases[i].expected);
	}
}

/* The example names every setting, and each of its lines would be accepted. */
static void
test_example(void **state)
{
	static const char *const places[] = {"docs/nex_backup.yaml.example",
										 "../../docs/nex_backup.yaml.example"};
	const char *place = access(places[0], R_OK) == 0 ? places[0] : places[1];
	char *text = read_file(place);
	Buffer yaml;
	char *line;
	int i;

	(void) state;
	buffer_init(&yaml);
	for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
	{
		if (line[0] == '#' && line[1] >= 'a' && line[1] <= 'z')
			buffer_printf(&yaml, "%s\n", line + 1);
	}
	write_yaml(yaml.data);
	assert_true(settings_read_file(yaml_path, &settings));
	for (i = 0; i < option_count; i++)
	{
		char *key = NULL;

		if (!option_is_setting(&option_table[i]))
			continue;
		assert_true(asprintf(&key, "%s: ", option_table[i].name) > 0);
		if (strstr(yaml.data, key) == NULL)
			fail_msg("the example does not mention \"%s\"", option_table[i].name);
		free(key);
	}
	buffer_free(&yaml);
	free(text);
}

/* What a file or the environment says may be secret, and may be another thing at the next run. */
static void
test_words_of_agent(void **state)
{
	static const char *const expected[] = {
		"--catalogue=c", "--progress=json", "--repo=nas",         "--server=north",
		"--signer=s1",   "--signer=s2",     "--repo-region=here", "--repo-url-style=path"};
	const int expected_count = sizeof(expected) / sizeof(expected[0]);
	char line[] = "agent --repo=nas --server=north --signer=s1 --signer=s2 --log-file=/l "
				  "--catalog=d -d x --repo-url-style=path --repo-region=here";
	char copy[sizeof(line) + sizeof("nex_backup ")];
	Arguments arguments;
	Buffer found;
	Buffer wanted;
	char **words;
	int count;
	int i;

	(void) state;
	write_yaml("signer: s0\nserver: south\nidentity: /id\npassphrase-command: [/pc, token]\n"
			   "log-directory: /logs\nrepositories: {nas: {repo: /r}}\n");
	setenv("NEX_BACKUP_CONFIG", yaml_path, 1);
	setenv("NEX_BACKUP_STATE_DIR", "/state", 1);
	assert_true(parse(line, &arguments, copy, sizeof(copy)));
	assert_true(settings_load(&arguments, &settings));
	assert_string_equal(settings.keys.state_dir, "/state");
	assert_string_equal(settings.general.catalogue, "d");
	buffer_init(&found);
	buffer_init(&wanted);
	words = agent_own_words(&settings.view, "c", true, &count);
	for (i = 1; i < count; i++)
	{
		buffer_printf(&found, "%s\n", words[i]);
		free(words[i]);
	}
	for (i = 0; i < expected_count; i++)
		buffer_printf(&wanted, "%s\n", expected[i]);
	assert_string_equal(words[0] + strlen("--config="), yaml_path);
	assert_string_equal(found.data, wanted.data);
	free(words[0]);
	free(words);
	buffer_free(&found);
	buffer_free(&wanted);
	arguments_free(&arguments);
}

static void
test_nearest(void **state)
{
	static const char *const names[] = {"backup", "restore", "list", "verify"};

	(void) state;
	assert_string_equal(nearest_name("bakcup", names, 4), "backup");
	assert_string_equal(nearest_name("rest", names, 4), "restore");
	assert_string_equal(nearest_name("lsit", names, 4), "list");
	assert_null(nearest_name("frobnicate", names, 4));
	assert_null(nearest_name("", names, 4));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, start, end),
		cmocka_unit_test_setup_teardown(test_table, start, end),
		cmocka_unit_test_setup_teardown(test_precedence, start, end),
		cmocka_unit_test_setup_teardown(test_flags_can_be_taken_back, start, end),
		cmocka_unit_test_setup_teardown(test_command_line_forms, start, end),
		cmocka_unit_test_setup_teardown(test_command_line_errors, start, end),
		cmocka_unit_test_setup_teardown(test_environment_errors, start, end),
		cmocka_unit_test_setup_teardown(test_values, start, end),
		cmocka_unit_test_setup_teardown(test_file, start, end),
		cmocka_unit_test_setup_teardown(test_empty_files, start, end),
		cmocka_unit_test_setup_teardown(test_file_errors, start, end),
		cmocka_unit_test_setup_teardown(test_lists, start, end),
		cmocka_unit_test_setup_teardown(test_repositories, start, end),
		cmocka_unit_test_setup_teardown(test_per_call, start, end),
		cmocka_unit_test_setup_teardown(test_example, start, end),
		cmocka_unit_test_setup_teardown(test_words_of_agent, start, end),
		cmocka_unit_test_setup_teardown(test_nearest, start, end),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
