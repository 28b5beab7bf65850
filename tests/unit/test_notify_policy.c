/*-------------------------------------------------------------------------
 *
 * test_notify_policy.c
 *	  What is told, when what happened is heard of late and out of order.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include <jansson.h>
#include <time.h>

#include "memory.h"
#include "notify_policy.h"
#include "notify_queue.h"
#include "all_settings.h"
#include "options.h"

#define REPEAT_AFTER 3600

static AllSettings settings;
static char *directory;
static time_t now;

static int
start(void **state)
{
	int made = scratch_create(state);

	settings_clear(&settings);
	settings.notify.notify_on = "failure,recovery,missed,first-success";
	settings.notify.notify_repeat_after = REPEAT_AFTER;
	settings.notify.notify_give_up_after = 86400;
	settings.notify.notify_webhook_url_file = xasprintf("%s/url", scratch);
	settings.notify.notify_directory = xasprintf("%s/notify", scratch);
	directory = queue_directory(&settings.view, true);
	now = time(NULL);
	return made;
}

static int
end(void **state)
{
	free(directory);
	free(settings.notify.notify_directory);
	free(settings.notify.notify_webhook_url_file);
	return scratch_destroy(state);
}

/* A backup ended so many seconds ago; NULL: it was good. */
static void
tell(long ago, const char *error)
{
	json_t *facts = json_pack("{s:s, s:s, s:s, s:b, s:I, s:s*}", "kind", "backup", "database", "db",
							  "repository", "/none", "good", error == NULL, "when",
							  (json_int_t) (now - ago), "error", error);

	policy_apply(&settings.view, directory, facts, false);
	json_decref(facts);
}

/* What was queued since the last call: "failure 3600, recovery 0", with seconds since then. */
static const char *
told(void)
{
	static char text[1000];
	int count;
	char **names = queue_names(directory, QUEUE_FOLDER, &count);
	int i;

	text[0] = '\0';
	for (i = 0; i < count; i++)
	{
		json_t *message = queue_read(directory, QUEUE_FOLDER, names[i]);
		const json_t *event = json_object_get(message, "event");
		struct tm utc;
		long since = -1;

		memset(&utc, 0, sizeof(utc));
		if (json_member(event, "since") != NULL &&
			strptime(json_member(event, "since"), "%Y-%m-%dT%H:%M:%SZ", &utc) != NULL)
			since = (long) (now - timegm(&utc));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %ld", i > 0 ? ", " : "",
				 json_member(event, "reason"), since);
		json_decref(message);
		queue_remove(directory, QUEUE_FOLDER, names[i]);
	}
	queue_names_free(names, count);
	return text;
}

static void
test_in_order(void **state)
{
	(void) state;
	tell(500, "broken");
	assert_string_equal(told(), "failure 500");
	tell(400, "broken");
	assert_string_equal(told(), "");
	tell(300, NULL);
	assert_string_equal(told(), "recovery 500");
	tell(200, "broken");
	assert_string_equal(told(), "failure 200");
}

/* The failure is heard of after the success that ended it: both are told, and nothing is open. */
static void
test_late_failure(void **state)
{
	(void) state;
	tell(900, NULL);
	tell(100, NULL);
	(void) told();
	tell(500, "broken");
	assert_string_equal(told(), "failure 500, recovery 500");
	tell(450, "broken");
	assert_string_equal(told(), "");
	tell(50, NULL);
	assert_string_equal(told(), "");
	tell(10, "broken");
	assert_string_equal(told(), "failure 10");
	tell(5, "otherwise broken");
	assert_string_equal(told(), "failure 10");
}

/* The success is heard of after the next failure, which was taken for a repetition. */
static void
test_late_success(void **state)
{
	(void) state;
	tell(900, "broken");
	tell(100, "broken");
	assert_string_equal(told(), "failure 900");
	tell(500, NULL);
	assert_string_equal(told(), "recovery 900, failure 100");
	tell(50, "broken");
	assert_string_equal(told(), "");
	tell(10, NULL);
	assert_string_equal(told(), "recovery 100");
}

/* An older failure of the same row of failures moves its beginning, nothing else. */
static void
test_older_failure(void **state)
{
	(void) state;
	tell(100, "broken");
	tell(600, "broken");
	tell(50, NULL);
	assert_string_equal(told(), "failure 100, recovery 600");
}

/* Each error once; numbers are no difference. */
static void
test_errors(void **state)
{
	(void) state;
	tell(900, "run 17 failed at 12:00");
	assert_string_equal(told(), "failure 900");
	tell(800, "run 18 failed at 3:07");
	assert_string_equal(told(), "");
	tell(700, "disk full");
	assert_string_equal(told(), "failure 900");
	tell(600, "run 19 failed at 13:00");
	tell(500, "disk full");
	assert_string_equal(told(), "");
	tell(400, NULL);
	assert_string_equal(told(), "recovery 900");
	tell(300, "disk full");
	assert_string_equal(told(), "failure 300");
	tell(200, "run 20 failed at 14:00");
	assert_string_equal(told(), "failure 300");
}

/* What claims to come from the future happened now. */
static void
test_future(void **state)
{
	(void) state;
	tell(-5000, NULL);
	tell(0, "broken");
	(void) told();
	tell(0, NULL);
	assert_string_equal(told(), "recovery 0");
	tell(-5000, "broken");
	assert_true(now - strtol(strchr(told(), ' '), NULL, 10) <= (long) time(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_order, start, end),
		cmocka_unit_test_setup_teardown(test_late_failure, start, end),
		cmocka_unit_test_setup_teardown(test_late_success, start, end),
		cmocka_unit_test_setup_teardown(test_older_failure, start, end),
		cmocka_unit_test_setup_teardown(test_errors, start, end),
		cmocka_unit_test_setup_teardown(test_future, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
