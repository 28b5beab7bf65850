/*-------------------------------------------------------------------------
 *
 * wal_helper.c
 *	  Storing WAL for the archiver of a server.
 *
 * This thread only talks, so that it can always say that it is alive, whatever
 * storage does.  Files that will be asked for next are known from the server's
 * archive_status, and are on their way already when it asks for them; there is
 * no directory in which they wait.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_helper.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_protocol.h"
#include "buffer.h"
#include "deadline.h"
#include "exit_status.h"
#include "interrupt.h"
#include "memory.h"
#include "wal_ready.h"

#define STATUS_DIRECTORY "pg_wal/archive_status"

/* How often to say that there is no answer yet, and for how long. */
#define BUSY_SECONDS 1.0
#define PATIENCE_SECONDS 30.0

/* Directories are not listed more often than that, unless there was more than could be taken. */
#define LIST_SECONDS 0.2

/* At the end, for what is being written. */
#define STOP_SECONDS 2.0

typedef struct Helper
{
	WalQueue *queue;
	int look_ahead;
	double listed; /* when archive_status was */
	bool more;     /* than was taken */
	WalName slow;  /* the file that could not be answered in time, or "" */
	double since;  /* when it was asked for */
	char line[ARCHIVE_LINE_SIZE];
	size_t length;
} Helper;

/* ---- saying ---- */

static bool
say(const char *text, size_t length)
{
	while (length > 0)
	{
		ssize_t done = write(STDOUT_FILENO, text, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		text += done;
		length -= (size_t) done;
	}
	return true;
}

/* Between the messages of other threads, which go the same way. */
static bool
say_line(Buffer *line)
{
	bool said;

	buffer_append_char(line, '\n');
	log_lock();
	said = say(line->data, line->length);
	log_unlock();
	return said;
}

/* Not more than fits, and no character that ends a line or a text. */
static void
append_text(Buffer *line, const char *text)
{
	size_t i;

	buffer_append_char(line, '\t');
	for (i = 0; text != NULL && text[i] != '\0' && i < ARCHIVE_TEXT_SIZE; i++)
		buffer_append_char(line, (unsigned char) text[i] < ' ' ? ' ' : text[i]);
}

static bool
say_words(const char *words, const char *name, const LogCapture *error)
{
	Buffer line;
	bool said;

	buffer_init(&line);
	buffer_append_string(&line, words);
	buffer_append_string(&line, name);
	if (error != NULL)
	{
		append_text(&line, error->error);
		append_text(&line, error->detail);
		append_text(&line, error->hint);
	}
	said = say_line(&line);
	buffer_free(&line);
	return said;
}

/* ---- what will be asked for ---- */

static void
look_ahead(Helper *helper)
{
	size_t expected = wal_queue_expected(helper->queue);
	size_t limit = (size_t) helper->look_ahead;
	double now = monotonic_seconds();
	WalName names[ARCHIVE_MAX_LOOKAHEAD];
	size_t count;

	/* Half of it is still there, or nothing can have come since. */
	if (expected > limit / 2 || (!helper->more && now < helper->listed + LIST_SECONDS))
		return;
	helper->more = wal_ready_list(STATUS_DIRECTORY, names, limit, &count);
	helper->listed = now;
	wal_queue_expect(helper->queue, names, count);
}

/* ---- answering ---- */

/* It takes too long for the server, which looks after other things, too, between two tries. */
static bool
say_slow(Helper *helper, const WalName *name)
{
	LogCapture error = {.code = EXIT_FAILED};
	bool said;

	helper->slow = *name;
	error.error = xasprintf("it is still being stored, since %.0f seconds",
							monotonic_seconds() - helper->since);
	said = say_words(ARCHIVE_LATER, name->text, &error);
	free(error.error);
	return said;
}

/* False: there is nobody to answer to. */
static bool
answer(Helper *helper, const WalName *name)
{
	LogCapture error;
	WalQueueAnswer result;
	bool said;

	if (strcmp(helper->slow.text, name->text) != 0)
		helper->since = monotonic_seconds();
	look_ahead(helper);
	while ((result = wal_queue_ask(helper->queue, name, BUSY_SECONDS, &error)) == WAL_QUEUE_WORKS)
	{
		if (stop_requested())
			return false;
		if (monotonic_seconds() > helper->since + PATIENCE_SECONDS)
			return say_slow(helper, name);
		if (!say_words(ARCHIVE_BUSY, "", NULL))
			return false;
	}
	memset(&helper->slow, 0, sizeof(helper->slow));
	said = result == WAL_QUEUE_STORED ? say_words(ARCHIVE_OK, name->text, NULL)
									  : say_words(ARCHIVE_NO, name->text, &error);
	log_capture_free(&error);
	return said;
}

static bool
take_line(Helper *helper, const char *text)
{
	LogCapture error = {.code = EXIT_USAGE, .error = "it is not the name of a WAL file"};
	WalName name;

	if (wal_name_parse(text, &name))
		return answer(helper, &name);
	return say_words(ARCHIVE_NO, text, &error);
}

/* Answer what was read; false if there is nobody any more. */
static bool
take_lines(Helper *helper)
{
	bool good = true;
	char *end;

	while (good && (end = memchr(helper->line, '\n', helper->length)) != NULL)
	{
		size_t used = (size_t) (end - helper->line) + 1;

		*end = '\0';
		good = take_line(helper, helper->line);
		helper->length -= used;
		memmove(helper->line, end + 1, helper->length);
	}
	return good && helper->length < sizeof(helper->line);
}

/* Until the server closes its end. */
static void
converse(Helper *helper)
{
	struct pollfd asked = {.fd = STDIN_FILENO, .events = POLLIN};
	bool kept = false;

	while (!stop_requested())
	{
		int ready = poll(&asked, 1, (int) (BUSY_SECONDS * 1000));
		ssize_t got;

		if (ready <= 0)
		{
			if (kept)
				malloc_trim(0);
			kept = false;
			continue;
		}
		kept = true;
		got = read(STDIN_FILENO, helper->line + helper->length,
				   sizeof(helper->line) - helper->length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		helper->length += (size_t) got;
		if (!take_lines(helper))
			return;
	}
}

/*
 * Segments, one after the other, in memory that is kept: to get it from the
 * kernel for each of them, and have it cleared, would take a tenth of the time.
 * It is given back when nothing is asked for.
 */
static void
keep_memory(void)
{
	(void) mallopt(M_ARENA_MAX, 1);
	(void) mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
	(void) mallopt(M_TRIM_THRESHOLD, 512 * 1024 * 1024);
}

bool
wal_helper_run(const WalQueueRequest *request, int names_ahead)
{
	Helper helper = {.look_ahead = names_ahead, .more = true};

	keep_memory();
	helper.queue = wal_queue_start(request);
	if (helper.queue == NULL)
		return false;
	if (say_words(ARCHIVE_HELLO, "", NULL))
		converse(&helper);
	interrupt_too_late();
	if (!wal_queue_stop(helper.queue, STOP_SECONDS))
		_exit(exit_status(EXIT_FAILED)); /* a thread still waits for storage */
	return true;
}
