/*-------------------------------------------------------------------------
 *
 * archive_helper.c
 *	  The program that stores WAL for the archiver of this server
 *	  (archive_protocol.h).
 *
 * A program and not code in this process: a crash of the archiver restarts the
 * whole server, which must not depend on compression, encryption and networks;
 * nor should it hold keys.  It also has threads.
 *
 * Nothing here raises an error, which would end the archiver of PostgreSQL 15
 * and 16; and nothing waits for longer than a moment without looking at whether
 * this process is to end.  So it is poll() and not a latch: signals end that,
 * too, and it cannot fail.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "postmaster/interrupt.h"
#include "storage/pmsignal.h"
#include "storage/procsignal.h"
#include "utils/memutils.h"

#include "archive_helper.h"
#include "archive_protocol.h"
#include "child.h"
#include "settings.h"
#include "tool_program.h"

#define SLICE_MS 200

/* For one that was told to end, and one that was killed. */
#define END_SECONDS 4.0
#define KILL_SECONDS 1.0

/* Lines that are no answer, while one is waited for: a program that is none of ours says more. */
#define MAX_OTHER_LINES 50

/* Messages of the program that go to the server's log, a minute. */
#define MAX_RELAYED 5

/* Where the program looks for its settings if none is named. */
#define DEFAULT_CONFIG_FILE "/etc/nex_backup.yaml"

static Child helper = {.output = -1, .control = -1, .input = -1};
static char *started_with = NULL; /* its arguments, as one text, and files */
static bool has_refused = false;
static bool greeted = false;

/* What it has said and nobody has read. */
static char line[ARCHIVE_LINE_SIZE];
static size_t line_length = 0;

/* The last line of it that was for people, of a helper that ends then. */
static char last_words[ARCHIVE_TEXT_SIZE];

static MemoryContext context = NULL;

static double
now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* Is this process to end? */
static bool
must_end(void)
{
	/* Others wait until all processes have seen such a signal. */
	if (ProcSignalBarrierPending)
		ProcessProcSignalBarrier();
	return ShutdownRequestPending || !PostmasterIsAlive();
}

static void pg_attribute_printf(2, 3) fail(ArchiveAnswer *answer, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(answer->error, sizeof(answer->error), format, arguments);
	va_end(arguments);
}

/* ---- the end of a helper ---- */

/* Wait for it; false if it still runs. */
static bool
wait_for_end(double seconds)
{
	double until = now_seconds() + seconds;

	while (!child_ended(&helper))
	{
		if (now_seconds() > until)
			return false;
		pg_usleep(20000L);
	}
	return true;
}

static void
forget_helper(void)
{
	child_close(&helper);
	helper.pid = 0;
	greeted = false;
	line_length = 0;
	last_words[0] = '\0';
}

/* Kill it; false if it does not end, as one that waits for a file system. */
static bool
kill_helper(void)
{
	child_close(&helper);
	greeted = false;
	line_length = 0;
	child_signal(&helper, SIGKILL);
	if (!wait_for_end(KILL_SECONDS))
		return false;
	forget_helper();
	return true;
}

void
archive_helper_stop(void)
{
	if (helper.pid == 0)
		return;
	/* It finishes what it writes. */
	child_close(&helper);
	if (wait_for_end(END_SECONDS))
		forget_helper();
	else
		(void) kill_helper();
}

/* ---- its beginning ---- */

static char **
build_argv(void)
{
	char **argv = palloc0(sizeof(char *) * 10);
	int n = 0;

	argv[n++] = tool_path();
	argv[n++] = pstrdup("wal");
	argv[n++] = pstrdup(ARCHIVE_VERB);
	if (setting_config_file[0] != '\0')
		argv[n++] = psprintf("--config=%s", setting_config_file);
	argv[n++] = psprintf("--repo=%s", setting_archive_repository);
	argv[n++] = psprintf("--compress=%s", setting_archive_compression);
	argv[n++] = psprintf("%d", setting_archive_threads);
	argv[n++] = psprintf("%d", Min(setting_archive_lookahead, ARCHIVE_MAX_LOOKAHEAD));
	return argv;
}

static void
append_file(StringInfo text, const char *path)
{
	struct stat status;

	if (stat(path, &status) == 0)
		appendStringInfo(text, "%s %llu %llu %lld %lld.%09ld\n", path,
						 (unsigned long long) status.st_dev, (unsigned long long) status.st_ino,
						 (long long) status.st_size, (long long) status.st_mtim.tv_sec,
						 (long) status.st_mtim.tv_nsec);
}

/* All that a helper is made of: its words, the program, and the settings that it has read. */
static char *
describe(char **argv)
{
	StringInfoData text;
	int i;

	initStringInfo(&text);
	for (i = 0; argv[i] != NULL; i++)
		appendStringInfo(&text, "%s\n", argv[i]);
	append_file(&text, argv[0]);
	append_file(&text, setting_config_file[0] != '\0' ? setting_config_file : DEFAULT_CONFIG_FILE);
	return text.data;
}

/*
 * One of other settings has to go, and one that has refused: what was wrong, in
 * its settings for instance, may have been put right.
 */
static bool
is_current(char **argv)
{
	return !has_refused && started_with != NULL && strcmp(started_with, describe(argv)) == 0;
}

static bool
start_helper(char **argv, ArchiveAnswer *answer)
{
	char **environment = palloc0(sizeof(char *) * (TOOL_ENVIRONMENT + 1));
	ChildProgram program = {.path = argv[0], .argv = argv, .is_asked = true};
	const char *problem = program_problem(argv[0]);

	(void) tool_environment(environment);
	program.environment = environment;
	if (problem == NULL && !child_start(&helper, &program))
	{
		problem = strerror(errno);
		forget_helper();
	}
	if (problem != NULL)
	{
		fail(answer, "could not start program \"%s\": %s", argv[0], problem);
		snprintf(answer->hint, sizeof(answer->hint),
				 "\"nex_backup.tool_path\" names the program nex_backup.");
		return false;
	}
	if (started_with != NULL)
		pfree(started_with);
	started_with = MemoryContextStrdup(TopMemoryContext, describe(argv));
	has_refused = false;
	last_words[0] = '\0';
	return true;
}

/* Have one that runs, with the settings of now. */
static bool
use_helper(ArchiveAnswer *answer)
{
	char **argv = build_argv();

	/* One that could not be killed before may have gone meanwhile. */
	if (helper.pid != 0 && helper.output < 0 && child_ended(&helper))
		forget_helper();
	if (helper.pid != 0 && helper.output >= 0 && !is_current(argv))
		archive_helper_stop();
	if (helper.pid == 0)
		return start_helper(argv, answer);
	if (helper.output >= 0)
		return true;
	fail(answer, "the program that did not answer has not ended yet, though it was killed");
	return false;
}

/* ---- the conversation ---- */

/* A message of the program: for the log, if there are not too many. */
static void
relay(const char *text)
{
	static double minute = 0;
	static int count = 0;
	double now = now_seconds();

	strlcpy(last_words, text, sizeof(last_words));
	if (now > minute + 60)
	{
		minute = now;
		count = 0;
	}
	if (greeted && count++ < MAX_RELAYED)
		ereport(LOG, (errmsg("nex_backup archive helper: %s", text)));
}

/* The texts of a refusal, which tabs divide. */
static void
take_refusal(char *text, ArchiveAnswer *answer)
{
	char *texts[3] = {answer->error, answer->detail, answer->hint};
	int i;

	for (i = 0; i < 3 && text != NULL; i++)
	{
		char *tab = strchr(text, '\t');

		if (tab != NULL)
			*tab++ = '\0';
		strlcpy(texts[i], text, ARCHIVE_ERROR_SIZE);
		text = tab;
	}
	if (answer->error[0] == '\0')
		fail(answer, "it is not known why");
}

typedef enum Said
{
	SAID_NOTHING, /* that would be an answer */
	SAID_OTHER,   /* something that is none */
	SAID_ANSWER
} Said;

/* Is this an answer that is about the file? */
static char *
after(char *text, const char *word, const char *file)
{
	size_t length = strlen(word);
	size_t name = strlen(file);

	if (strncmp(text, word, length) != 0 || strncmp(text + length, file, name) != 0)
		return NULL;
	return text + length + name;
}

static Said
take_line(char *text, const char *file, ArchiveAnswer *answer)
{
	char *rest;
	char *c;

	for (c = text; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' && *c != '\t')
			*c = '?';
	}
	if (!greeted && strcmp(text, ARCHIVE_HELLO) == 0)
	{
		greeted = true;
		return SAID_NOTHING;
	}
	if (greeted && strcmp(text, ARCHIVE_BUSY) == 0)
		return SAID_NOTHING;
	rest = greeted ? after(text, ARCHIVE_OK, file) : NULL;
	if (rest != NULL && *rest == '\0')
	{
		answer->stored = true;
		return SAID_ANSWER;
	}
	has_refused = greeted && after(text, ARCHIVE_NO, file) != NULL;
	rest = has_refused ? after(text, ARCHIVE_NO, file)
		   : greeted   ? after(text, ARCHIVE_LATER, file)
					   : NULL;
	if (rest != NULL && *rest == '\t')
	{
		take_refusal(rest + 1, answer);
		return SAID_ANSWER;
	}
	relay(text);
	return SAID_OTHER;
}

/* Read what there is; true at its end. */
static bool
read_helper(void)
{
	ssize_t got = child_read(&helper, line + line_length, sizeof(line) - 1 - line_length);

	if (got > 0)
		line_length += (size_t) got;
	return got < 0;
}

/* Take the lines that are whole, up to an answer. */
static Said
take_lines(const char *file, ArchiveAnswer *answer, int *others)
{
	char *end;

	while ((end = memchr(line, '\n', line_length)) != NULL)
	{
		size_t used = (size_t) (end - line) + 1;
		Said said;

		*end = '\0';
		said = take_line(line, file, answer);
		line_length -= used;
		memmove(line, end + 1, line_length);
		if (said == SAID_ANSWER)
			return said;
		if (said == SAID_OTHER)
			(*others)++;
	}
	/* A line that does not end is no line of ours. */
	if (line_length == sizeof(line) - 1)
		*others = MAX_OTHER_LINES;
	return SAID_NOTHING;
}

static void
say_ended(ArchiveAnswer *answer)
{
	if (!wait_for_end(KILL_SECONDS))
		(void) kill_helper();
	if (child_end_signal(&helper) != 0)
		fail(answer, "the program that stores WAL was ended by signal %d",
			 child_end_signal(&helper));
	else
		fail(answer, "the program that stores WAL has ended with exit code %d",
			 child_exit_code(&helper));
	if (last_words[0] != '\0')
		snprintf(answer->detail, sizeof(answer->detail), "It said: %s", last_words);
	forget_helper();
}

/* It does not do what ours does. */
static void
give_up(ArchiveAnswer *answer, const char *why)
{
	fail(answer, "the program that stores WAL %s, and is ended", why);
	if (last_words[0] != '\0')
		snprintf(answer->detail, sizeof(answer->detail), "It said: %s", last_words);
	(void) kill_helper();
}

/* Until there is an answer, or will be none. */
static void
wait_for_answer(const char *file, ArchiveAnswer *answer)
{
	double heard = now_seconds();
	int others = 0;

	for (;;)
	{
		struct pollfd said = {.fd = helper.output, .events = POLLIN};
		bool at_end = false;

		if (must_end())
		{
			answer->ended = true;
			return;
		}
		if (poll(&said, 1, SLICE_MS) > 0)
		{
			heard = now_seconds();
			at_end = read_helper();
		}
		if (take_lines(file, answer, &others) == SAID_ANSWER)
			return;
		if (at_end)
		{
			say_ended(answer);
			return;
		}
		if (others >= MAX_OTHER_LINES)
		{
			give_up(answer, "says what is not understood");
			return;
		}
		if (now_seconds() > heard + ARCHIVE_SILENCE_SECONDS)
		{
			give_up(answer, psprintf("has said nothing for %d seconds", ARCHIVE_SILENCE_SECONDS));
			return;
		}
	}
}

/* Ask; a helper that has ended is found out by its answer. */
static void
send_name(const char *file)
{
	char text[MAXPGPATH];
	int length = snprintf(text, sizeof(text), "%s\n", file);
	ssize_t written;

	do
	{
		written = write(helper.input, text, (size_t) length);
	} while (written < 0 && errno == EINTR);
}

void
archive_helper_ask(const char *file, ArchiveAnswer *answer)
{
	MemoryContext old;

	memset(answer, 0, sizeof(*answer));
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "nex_backup archive helper",
										ALLOCSET_SMALL_SIZES);
	MemoryContextReset(context);
	old = MemoryContextSwitchTo(context);
	if (use_helper(answer))
	{
		send_name(file);
		wait_for_answer(file, answer);
	}
	MemoryContextSwitchTo(old);
}
