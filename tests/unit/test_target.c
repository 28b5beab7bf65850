/*-------------------------------------------------------------------------
 *
 * test_target.c
 *	  Where a connection goes: what one source says about a host is not mixed
 *	  with what is meant for another, a catalogue names a database and nothing
 *	  else, and no secret stands in what a child program gets to see.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include <sys/resource.h>

#include "agent_words.h"
#include "memory.h"
#include "session_pins.h"
#include "backup_settings.h"
#include "connection_settings.h"
#include "settings.h"
#include "subprocess.h"
#include "target.h"

extern char **environ;

/* ---- what a job may say ---- */

/* The words of a backup with this option; "": refused. */
static char *
checked(const char *option)
{
	char *words[2] = {xstrdup("backup"), xstrdup(option)};
	char *problem = agent_check_words(words, 2);
	char *result = problem == NULL ? xstrdup(words[1]) : xstrdup("");

	free(problem);
	free(words[0]);
	free(words[1]);
	return result;
}

static void
assert_checked(const char *option, const char *expected)
{
	char *result = checked(option);

	assert_string_equal(result, expected);
	free(result);
}

/* As nex_backup.run_argv() writes it, and nothing of it is taken for anything else. */
static void
test_database_of_a_job(void **state)
{
	static const char *const names[][2] = {
		{"shop", "shop"},
		{"a=b", "a=b"},
		{"host=evil", "host=evil"},
		{"postgresql://evil/x", "postgresql://evil/x"},
		{"it\\'s \\\\ a name", "it\\'s \\\\ a name"},
		{" ", " "},
		{"--repo=/x", "--repo=/x"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		char *option = xasprintf("--dbname=dbname='%s'", names[i][0]);
		char *expected = xasprintf("--dbname=dbname='%s'", names[i][1]);

		assert_checked(option, expected);
		free(option);
		free(expected);
	}
	assert_checked("--dbname=shop", "--dbname=dbname='shop'");
	assert_checked("--dbname=a\\b", "--dbname=dbname='a\\\\b'");
}

/* All that libpq knows, of this version or another. */
static void
test_connection_of_a_job(void **state)
{
	static const char *const others[] = {
		"hostaddr=127.0.0.9 port=55999 dbname=x sslmode=disable",
		"dbname=x host=evil",
		"dbname=x host=''",
		"host=evil",
		"a=b",
		"dbname='x' options='-c role=y'",
		"postgresql://evil/shop",
		"postgres://evil/shop",
		"postgresql:///shop",
		"dbname=''",
		"",
		"dbname='x' sslkeylogfile=/tmp/x",
		"dbname='x' servicefile=/tmp/x",
		"dbname='x",
		"user=x dbname=y",
	};
	PQconninfoOption *known = PQconninfoParse("", NULL);
	int count = 0;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		char *option = xasprintf("--dbname=%s", others[i]);

		assert_checked(option, "");
		free(option);
	}
	for (i = 0; known[i].keyword != NULL; i++)
	{
		char *option = xasprintf("--dbname=dbname='x' %s='1'", known[i].keyword);

		if (strcmp(known[i].keyword, "dbname") != 0)
		{
			assert_checked(option, "");
			count++;
		}
		free(option);
	}
	assert_in_range(count, 30, 200);
	PQconninfoFree(known);
}

static void
test_other_words_of_a_job(void **state)
{
	(void) state;
	assert_checked("--repo=/srv/backup", "--repo=/srv/backup");
	assert_checked("--repo=relative", "");
	assert_checked("--repo=", "");
	assert_checked("--repo=s3://bucket/x", "");
	assert_checked("--repo=file:///srv/backup", "");
	assert_checked("--dbname", "");
	assert_checked("-dhost=evil", "");
	assert_checked("--host=evil", "");
	assert_checked("--jobs=4", "--jobs=4");
	assert_checked("--exclude-database=host=evil", "--exclude-database=host=evil");
}

/* ---- which host, and whose password ---- */

static void
assert_keyword(const ConnectionTarget *target, const char *keyword, const char *expected)
{
	const char *value = target_get(target, keyword);

	if (expected == NULL)
		assert_null(value);
	else
	{
		assert_non_null(value);
		assert_string_equal(value, expected);
	}
}

static void
test_host_of_the_settings(void **state)
{
	ConnectionSettings connection = {
		.dbname = "host=a hostaddr=127.0.0.9 user=u password=for-a dbname=x"};
	BackupSettings backup = {.all = false};
	Settings settings = {.connection = &connection, .backup = &backup};
	ConnectionTarget *target;

	(void) state;
	unsetenv("PGPASSWORD");
	target = target_create(&settings, NULL);
	assert_keyword(target, "hostaddr", "127.0.0.9");
	assert_string_equal(target->password, "for-a");
	target_free(target);

	connection.host = "b";
	target = target_create(&settings, NULL);
	assert_keyword(target, "host", "b");
	assert_keyword(target, "hostaddr", NULL);
	assert_keyword(target, "user", "u");
	assert_keyword(target, "dbname", "x");
	assert_null(target->password);
	target_free(target);

	/* No other host, so no other password. */
	connection.dbname = "hostaddr=127.0.0.9 password=p";
	target = target_create(&settings, NULL);
	assert_keyword(target, "hostaddr", NULL);
	assert_string_equal(target->password, "p");
	target_free(target);

	/* A name that looks like a connection string stays a name. */
	connection.dbname = "dbname='host=evil'";
	target = target_create(&settings, NULL);
	assert_keyword(target, "host", "b");
	assert_keyword(target, "dbname", "host=evil");
	target_free(target);
}

/* ---- what a child sees ---- */

#define SECRETS "sslpassword='phrase of the key' password=word "

static char *
content_of(const char *name)
{
	FILE *file = fopen(scratch_path(name), "r");
	char text[4000] = "";

	assert_non_null(file);
	assert_int_not_equal(fread(text, 1, sizeof(text) - 1, file), 0);
	fclose(file);
	return xstrdup(text);
}

static void
put(const char *name, const char *text)
{
	FILE *file = fopen(scratch_path(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* What the service of a child says, as libpq reads it. */
static const char *
value_in_service(const char *file, const char *keyword)
{
	static char found[200];
	PQconninfoOption *options;
	int i;

	setenv("PGSERVICEFILE", scratch_path(file), 1);
	setenv("PGSERVICE", "nex_backup_child_0", 1);
	options = PQconndefaults();
	unsetenv("PGSERVICE");
	assert_non_null(options);
	found[0] = '\0';
	for (i = 0; options[i].keyword != NULL; i++)
	{
		if (strcmp(options[i].keyword, keyword) == 0 && options[i].val != NULL)
			snprintf(found, sizeof(found), "%s", options[i].val);
	}
	PQconninfoFree(options);
	return found;
}

static void
test_child_of_secrets(void **state)
{
	static const char *const none[] = {NULL};
	char *const nothing[] = {NULL};
	ChildEnvironment environment;
	ConnectionTarget *target;
	struct stat status;
	char *conninfo;
	bool named = false;
	int i;

	(void) state;
	put("user.conf", "[other]\nhost=other-host\n\n[prod]\nhost=prod-host\nsslpassword=older\n"
					 "port=6543\n[last]\nport=1\n");
	setenv("PGSERVICEFILE", scratch_path("user.conf"), 1);
	setenv("PGPASSWORD", "from the environment", 1);
	target = target_from_conninfo(SECRETS "service=prod user=u");
	conninfo = target_conninfo_for_child(target, scratch);
	assert_non_null(conninfo);
	assert_null(strstr(conninfo, "phrase"));
	assert_null(strstr(conninfo, "word="));
	assert_non_null(strstr(conninfo, "user='u'"));
	assert_null(strstr(conninfo, "prod"));
	assert_int_equal(stat(scratch_path(TARGET_SERVICE_FILE), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(stat(scratch_path("passfile"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);

	environment_make(&environment, scratch, none, nothing);
	for (i = 0; environment.variables[i] != NULL; i++)
	{
		assert_null(strstr(environment.variables[i], "from the environment"));
		assert_null(strstr(environment.variables[i], "phrase"));
		named = named ||
				(strncmp(environment.variables[i], "PGSERVICEFILE=", 14) == 0 &&
				 strcmp(environment.variables[i] + 14, scratch_path(TARGET_SERVICE_FILE)) == 0);
	}
	assert_true(named);
	environment_free(&environment);

	/* Ours first, then the user's service, and no other. */
	assert_string_equal(value_in_service(TARGET_SERVICE_FILE, "sslpassword"), "phrase of the key");
	assert_string_equal(value_in_service(TARGET_SERVICE_FILE, "host"), "prod-host");
	assert_string_equal(value_in_service(TARGET_SERVICE_FILE, "port"), "6543");
	/* The services of the user stay known. */
	free(conninfo);
	conninfo = content_of(TARGET_SERVICE_FILE);
	assert_non_null(strstr(conninfo, "[other]\nhost=other-host"));
	free(conninfo);
	/* Another connection has another service, the same one the same. */
	conninfo = target_conninfo_for_child(target, scratch);
	assert_non_null(strstr(conninfo, "service='nex_backup_child_0'"));
	free(conninfo);
	target_add_option(target, "-c x.y=private");
	conninfo = target_conninfo_for_child(target, scratch);
	assert_null(strstr(conninfo, "private"));
	assert_non_null(strstr(conninfo, "service='nex_backup_child_1'"));
	free(conninfo);
	assert_string_equal(value_in_service(TARGET_SERVICE_FILE, "options"), "");
	assert_string_equal(value_in_service(TARGET_SERVICE_FILE, "sslpassword"), "phrase of the key");
	target_free(target);
	unsetenv("PGSERVICEFILE");
	unsetenv("PGPASSWORD");
}

/* No secret, no file; and what a file cannot hold is refused, not shown. */
static void
test_child_without(void **state)
{
	ConnectionTarget *target = target_from_conninfo("service=prod host=h dbname='a=b'");
	char *conninfo = target_conninfo_for_child(target, scratch);

	(void) state;
	assert_string_equal(conninfo, "dbname='a=b' host='h' keepalives_idle='60' "
								  "keepalives_interval='10' keepalives_count='3' "
								  "tcp_user_timeout='120000' service='prod' connect_timeout='30'");
	assert_int_not_equal(access(scratch_path(TARGET_SERVICE_FILE), F_OK), 0);
	free(conninfo);
	target_free(target);
	/* How long a child may wait for a session is the user's to say, by a variable, too. */
	target = target_from_conninfo("connect_timeout=7");
	conninfo = target_conninfo_for_child(target, scratch);
	assert_null(strstr(conninfo, "'30'"));
	free(conninfo);
	target_free(target);
	setenv("PGCONNECT_TIMEOUT", "8", 1);
	target = target_from_conninfo("host=h");
	conninfo = target_conninfo_for_child(target, scratch);
	assert_null(strstr(conninfo, "connect_timeout"));
	free(conninfo);
	target_free(target);
	unsetenv("PGCONNECT_TIMEOUT");
	target = target_from_conninfo("sslpassword='two\nlines'");
	assert_null(target_conninfo_for_child(target, scratch));
	target_free(target);
	log_forget_errors();
	target = target_from_conninfo("sslpassword='blank at the end '");
	assert_null(target_conninfo_for_child(target, scratch));
	target_free(target);
}

/* By libpq's word, and where it has none: oauth_client_secret and scram_client_key of 18. */
static void
test_secret_keywords(void **state)
{
	static const struct
	{
		const char *keyword;
		const char *dispchar;
		bool secret;
	} cases[] = {
		{"password", "*", true},
		{"sslpassword", "*", true},
		{"new_thing", "*", true},
		{"oauth_client_secret", "", true},
		{"scram_client_key", "D", true},
		{"scram_server_key", "D", true},
		{"sslkey", "", false},
		{"passfile", "", false},
		{"host", "", false},
		{"sslkeylogfile", "D", false},
		{"keepalives", "", false},
		{"oauth_client_id", "", false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PQconninfoOption option = {.keyword = (char *) cases[i].keyword,
								   .dispchar = (char *) cases[i].dispchar};

		assert_int_equal(target_keyword_is_secret(&option), cases[i].secret);
	}
}

static void
test_written_down(void **state)
{
	char *text = conninfo_without_secrets(SECRETS "host=h");

	(void) state;
	assert_string_equal(text, "host='h'");
	free(text);
	text = conninfo_without_secrets("postgresql://u:word@h/x");
	assert_null(strstr(text, "word"));
	free(text);
	/* What holds none stays as it was written, for whoever compares. */
	text = conninfo_without_secrets("host=h  dbname=x");
	assert_string_equal(text, "host=h  dbname=x");
	free(text);
	text = database_option("host=evil it's");
	assert_string_equal(text, "--database=dbname='host=evil it\\'s'");
	free(text);
}

/* A setting of newer servers is asked for only where the server is known to be one. */
static bool
pins_transaction_timeout(const ConnectionTarget *target)
{
	char *options = session_options(target);
	bool found = strstr(options, "-c transaction_timeout=0") != NULL;

	free(options);
	return found;
}

static void
test_pins_of_newer_servers(void **state)
{
	static const char ended[] = "FATAL:  terminating connection due to transaction timeout";
	ConnectionTarget *target = target_from_conninfo("x");
	ConnectionTarget *copy;

	(void) state;
	assert_false(pins_transaction_timeout(target));
	assert_false(session_pins_more(target, 0, "FATAL:  role \"x\" does not exist"));
	assert_false(session_pins_more(target, 160014, ""));
	assert_false(pins_transaction_timeout(target));
	assert_true(session_pins_more(target, 0, ended));
	assert_true(pins_transaction_timeout(target));
	/* Once more would be in vain. */
	assert_false(session_pins_more(target, 0, ended));
	assert_false(session_pins_more(target, 170012, ""));
	copy = target_with_database(target, "y");
	assert_true(pins_transaction_timeout(copy));
	target_free(copy);
	target_free(target);
}

/* ---- a server that falls silent ---- */

/* Ours, unless the user says something else, in a conninfo or by way of a service. */
static void
test_silence(void **state)
{
	ConnectionSettings connection = {.dbname = "shop"};
	BackupSettings backup = {.all = false};
	Settings settings = {.connection = &connection, .backup = &backup};
	ConnectionTarget *target = target_create(&settings, NULL);
	ConnectionTarget *copy;

	(void) state;
	assert_keyword(target, "keepalives_idle", TARGET_KEEPALIVES_IDLE);
	assert_keyword(target, "keepalives_interval", TARGET_KEEPALIVES_INTERVAL);
	assert_keyword(target, "keepalives_count", TARGET_KEEPALIVES_COUNT);
	assert_keyword(target, "tcp_user_timeout", TARGET_USER_TIMEOUT);
	copy = target_with_database(target, "other");
	assert_keyword(copy, "tcp_user_timeout", TARGET_USER_TIMEOUT);
	target_send_patiently(copy);
	assert_keyword(copy, "tcp_user_timeout", NULL);
	assert_keyword(copy, "keepalives_idle", TARGET_KEEPALIVES_IDLE);
	target_free(copy);
	target_free(target);

	connection.dbname = "postgresql://h/x?keepalives_idle=7&tcp_user_timeout=8000";
	target = target_create(&settings, NULL);
	assert_keyword(target, "keepalives_idle", "7");
	assert_keyword(target, "keepalives_count", TARGET_KEEPALIVES_COUNT);
	target_send_patiently(target);
	assert_keyword(target, "tcp_user_timeout", "8000");
	target_free(target);

	put("user.conf", "[prod]\nhost=prod-host\nkeepalives_idle=9\ntcp_user_timeout=0\n");
	setenv("PGSERVICEFILE", scratch_path("user.conf"), 1);
	target = target_from_conninfo("service=prod");
	assert_keyword(target, "keepalives_idle", NULL);
	assert_keyword(target, "tcp_user_timeout", NULL);
	assert_keyword(target, "keepalives_interval", TARGET_KEEPALIVES_INTERVAL);
	target_free(target);
	setenv("PGSERVICE", "prod", 1);
	target = target_from_conninfo("dbname=x");
	assert_keyword(target, "keepalives_idle", NULL);
	target_free(target);
	unsetenv("PGSERVICE");
	unsetenv("PGSERVICEFILE");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

/* pg_dump follows chains of functions by recursion. */
static void
test_stack_of_children(void **state)
{
	static const char *const argv[] = {"/bin/sh", "-c", "ulimit -s", NULL};
	SubprocessResult result;
	struct rlimit before;
	struct rlimit after;
	Buffer output;

	(void) state;
	assert_int_equal(getrlimit(RLIMIT_STACK, &before), 0);
	buffer_init(&output);
	assert_true(subprocess_capture(argv, NULL, &output, &result));
	assert_int_equal(result.exit_code, 0);
	if (before.rlim_max >= (rlim_t) 1024 * 1024 * 1024)
		assert_true(strcmp(output.data, "unlimited\n") == 0 ||
					strtol(output.data, NULL, 10) >= 1024 * 1024);
	else
		assert_int_equal(strtol(output.data, NULL, 10), before.rlim_max / 1024);
	assert_int_equal(getrlimit(RLIMIT_STACK, &after), 0);
	assert_int_equal(after.rlim_cur, before.rlim_cur);
	subprocess_result_free(&result);
	buffer_free(&output);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_database_of_a_job),
		TEST(test_stack_of_children),
		TEST(test_connection_of_a_job),
		TEST(test_other_words_of_a_job),
		TEST(test_host_of_the_settings),
		TEST(test_child_of_secrets),
		TEST(test_child_without),
		TEST(test_secret_keywords),
		TEST(test_written_down),
		TEST(test_pins_of_newer_servers),
		TEST(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
