/*-------------------------------------------------------------------------
 *
 * log.c
 *	  Messages to stderr or a log file, as text or as JSON.
 *
 * A message is put together in memory and written with one write(), so that
 * lines of several processes that append to one file do not mix.  Text from
 * outside (names, server messages) can forge neither a line nor a
 * terminal sequence: control characters are shown as \xNN, and what follows
 * a newline is indented, as the server does in its own log.
 *
 * What the server quotes (withheld.h) goes to stderr and to log files.  What
 * is kept for others, the last messages and the first error, is without it.
 * In a run of the scheduler stderr is for others, too: the executor puts it
 * into the catalog, and is told the first error (run_protocol.h).
 *
 *-------------------------------------------------------------------------
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "interrupted.h"
#include "job_run.h"
#include "memory.h"
#include "printable.h"
#include "shared_log.h"
#include "trusted_path.h"
#include "withheld.h"

/* One message on its way out. */
typedef struct Message
{
	LogLevel level;
	const char *primary;
	const char *detail; /* NULL: none */
	const char *hint;   /* NULL: none */
	int code;           /* exit code, -1: none */
} Message;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1;
static LogFormat log_format = LOG_FORMAT_HUMAN;
static LogLevel log_threshold = LOG_LEVEL_INFO;
static bool colour;

/* The log of this run, beside the above; everything but debug messages, unless those are wanted. */
static int run_file = -1;
static char *run_path;

#define READER_PATIENCE_MS 2000

/* The last messages as they are in a log file, for whoever must be told of a failure. */
#define RECENT_COUNT 30
static char *recent[RECENT_COUNT];
static unsigned recent_next;

static void (*hook_before)(void);
static void (*hook_after)(void);

/* The first error; written once, under the mutex. */
static _Atomic(ExitCode) first_code = EXIT_DONE;
static _Atomic(const char *) first_error;
static _Atomic(const char *) first_detail;
static _Atomic(const char *) first_hint;
static _Atomic(const char *) told_error;
static _Atomic(const char *) told_detail;
static unsigned error_count; /* since they were forgotten last; under the mutex */

/* Where this thread's errors go instead. */
static _Thread_local LogCapture *thread_capture;

/* The text's length without the newlines at its end. */
static size_t
trimmed_length(const char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == '\n')
		length--;
	return length;
}

/* Append text for people, or (json) the inside of a JSON string. */
static void
append_safe(Buffer *out, const char *text, bool json)
{
	const char *end = text + trimmed_length(text);

	while (text < end)
	{
		int length = printable_length(text);

		if (json && (*text == '"' || *text == '\\'))
			buffer_append_char(out, '\\');
		if (length > 0)
			buffer_append(out, text, (size_t) length);
		else if (*text == '\n')
			buffer_append_string(out, json ? "\\n" : "\n\t");
		else if (*text == '\t')
			buffer_append_string(out, json ? "\\t" : "\t");
		else
			buffer_printf(out, json ? "\\\\x%02x" : "\\x%02x", (unsigned char) *text);
		text += length > 0 ? length : 1;
	}
}

/* UTC with milliseconds: "2026-11-23 02:00:00.123 UTC", or ISO 8601 for JSON. */
static void
append_time(Buffer *out, bool iso)
{
	struct timespec now;
	struct tm tm;
	char text[64];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), iso ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	buffer_printf(out, "%s.%03ld%s", text, now.tv_nsec / 1000000, iso ? "Z" : " UTC");
}

static void
append_json_member(Buffer *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buffer_printf(out, ",\"%s\":\"", name);
	append_safe(out, text, true);
	buffer_append_char(out, '"');
}

static void
format_json(Buffer *out, const Message *message)
{
	static const char *const levels[] = {"debug", "info", "warning", "error"};

	buffer_append_string(out, "{\"time\":\"");
	append_time(out, true);
	buffer_append_char(out, '"');
	append_json_member(out, "level", levels[message->level]);
	append_json_member(out, "message", message->primary);
	append_json_member(out, "detail", message->detail);
	append_json_member(out, "hint", message->hint);
	buffer_printf(out, ",\"pid\":%d", (int) getpid());
	if (message->code >= 0)
		buffer_printf(out, ",\"code\":%d", message->code);
	buffer_append_string(out, "}\n");
}

/* For stderr, in the look of PostgreSQL's own tools. */
static void
format_terminal(Buffer *out, const Message *message)
{
	static const char *const labels[] = {"debug: ", "", "warning: ", "error: "};
	static const char *const colours[] = {"", "", "\033[01;35m", "\033[01;31m"};
	bool coloured = colour && colours[message->level][0] != '\0';

	buffer_append_string(out, "nex_backup: ");
	if (coloured)
		buffer_append_string(out, colours[message->level]);
	buffer_append_string(out, labels[message->level]);
	if (coloured)
		buffer_append_string(out, "\033[0m");
	append_safe(out, message->primary, false);
	if (message->detail != NULL)
	{
		buffer_append_string(out, "\nDETAIL:  ");
		append_safe(out, message->detail, false);
	}
	if (message->hint != NULL)
	{
		buffer_append_string(out, "\nHINT:  ");
		append_safe(out, message->hint, false);
	}
	buffer_append_char(out, '\n');
}

static void
append_file_line(Buffer *out, const char *label, const char *text)
{
	if (text == NULL)
		return;
	append_time(out, false);
	buffer_printf(out, " [%d] %s:  ", (int) getpid(), label);
	append_safe(out, text, false);
	buffer_append_char(out, '\n');
}

/* For a log file, in the look of the server's log. */
static void
format_file(Buffer *out, const Message *message)
{
	static const char *const labels[] = {"DEBUG", "LOG", "WARNING", "ERROR"};

	append_file_line(out, labels[message->level], message->primary);
	append_file_line(out, "DETAIL", message->detail);
	append_file_line(out, "HINT", message->hint);
}

/*
 * Is there room in a pipe soon?  Nothing else goes on meanwhile, so a reader
 * who does not read is waited for once, and then not before there is room.
 */
static bool
wait_for_reader(int file)
{
	static bool slow;
	struct pollfd room = {file, POLLOUT, 0};
	int ready = poll(&room, 1, slow ? 0 : READER_PATIENCE_MS);

	slow = ready <= 0;
	errno = EAGAIN;
	return ready > 0;
}

static bool
write_all(int file, const char *data, size_t length)
{
	while (length > 0)
	{
		ssize_t written = write(file, data, length);

		if (written < 0 && (errno == EINTR || (errno == EAGAIN && wait_for_reader(file))))
			continue;
		if (written < 0)
			return false;
		data += written;
		length -= (size_t) written;
	}
	return true;
}

static void
write_stderr(const Buffer *text)
{
	if (hook_before != NULL)
		hook_before();
	write_all(STDERR_FILENO, text->data, text->length);
	if (hook_after != NULL)
		hook_after();
}

/* Keep a message among the last ones; it must not be longer than a mail is readable. */
static void
remember(const char *text, size_t length)
{
	char **slot = &recent[recent_next++ % RECENT_COUNT];

	free(*slot);
	*slot = xasprintf("%.*s%s", (int) (length < 2000 ? length : 2000), text,
					  length < 2000 ? "" : "…\n");
}

/*
 * Write to the log of this run.  A disk that is full now may have room later, but one warning is
 * enough.
 */
static void
emit_to_run_file(const Buffer *text)
{
	static const char prefix[] = "nex_backup: warning: ";
	Buffer warning;

	if (run_file < 0 || write_all(run_file, text->data, text->length) || run_path == NULL)
		return;
	buffer_init(&warning);
	buffer_printf(&warning, "%scould not write to log file \"", prefix);
	append_safe(&warning, run_path, false);
	buffer_printf(&warning, "\": %s\n", strerror(errno));
	write_stderr(&warning);
	buffer_free(&warning);
	free(run_path);
	run_path = NULL;
}

/* What is kept of a message apart from where the user wants to read it. */
static void
record(const Message *shown, const Message *told)
{
	Buffer text;

	if (shown->level == LOG_LEVEL_DEBUG && log_threshold > LOG_LEVEL_DEBUG)
		return;
	buffer_init(&text);
	if (told->level > LOG_LEVEL_DEBUG)
	{
		format_file(&text, told);
		remember(text.data, text.length);
		buffer_reset(&text);
	}
	format_file(&text, shown);
	emit_to_run_file(&text);
	buffer_free(&text);
}

/* Text for stderr and stdout, as far as whoever reads these may have it; NULL of NULL. */
static char *
for_reader(const char *text)
{
	return job_run() != NULL ? withheld_told(text) : withheld_shown(text);
}

/* One reading of a message (withheld.h), to be freed by message_free(). */
static Message
message_read(const Message *message, char *(*reading)(const char *) )
{
	Message read = *message;

	read.primary = reading(message->primary);
	read.detail = reading(message->detail);
	read.hint = reading(message->hint);
	return read;
}

static void
message_free(Message *message)
{
	free((char *) message->primary);
	free((char *) message->detail);
	free((char *) message->hint);
}

/* To the log file, if there is one; false if it has not got there. */
static bool
emit_to_log_file(const Message *message)
{
	bool logged;
	Buffer text;

	if (log_file < 0)
		return false;
	buffer_init(&text);
	if (log_format == LOG_FORMAT_JSON)
		format_json(&text, message);
	else
		format_file(&text, message);
	logged = write_all(log_file, text.data, text.length);
	buffer_free(&text);
	return logged;
}

/* The first error, for the executor of the run (run_protocol.h); to others it says nothing. */
static void
tell_executor(const char *text)
{
	Buffer line;

	if (job_run() == NULL)
		return;
	buffer_init(&line);
	buffer_append_string(&line, RUN_EVENT RUN_EVENT_ERROR RUN_ERROR_MESSAGE);
	append_safe(&line, text, true);
	buffer_append_string(&line, "\"}\n");
	write_stderr(&line);
	buffer_free(&line);
}

static void
emit_to_stderr(const Message *message)
{
	Buffer text;

	buffer_init(&text);
	if (log_file < 0 && log_format == LOG_FORMAT_JSON)
		format_json(&text, message);
	else
		format_terminal(&text, message);
	write_stderr(&text);
	buffer_free(&text);
}

/*
 * Write a message where it belongs.  With a log file, warnings and errors go
 * to stderr as well: the person at the keyboard, or cron's mail, must not
 * have to guess that there is something in a file.
 */
static void
emit(const Message *message)
{
	Message shown = message_read(message, withheld_shown);
	Message told = message_read(message, withheld_told);

	record(&shown, &told);
	if (message->level >= log_threshold &&
		(!emit_to_log_file(&shown) || message->level >= LOG_LEVEL_WARNING))
		emit_to_stderr(job_run() != NULL ? &told : &shown);
	message_free(&shown);
	message_free(&told);
}

static void
emit_locked(const Message *message)
{
	pthread_mutex_lock(&mutex);
	emit(message);
	pthread_mutex_unlock(&mutex);
}

/* PG_COLOR decides, as for PostgreSQL's own tools. */
static bool
want_colour(void)
{
	const char *wish = getenv("PG_COLOR");

	if (wish == NULL)
		return false;
	return strcmp(wish, "always") == 0 || (strcmp(wish, "auto") == 0 && isatty(STDERR_FILENO) != 0);
}

/* What helps if a log file cannot be opened, or NULL. */
static const char *
open_hint(int error)
{
	switch (error)
	{
		case ELOOP:
			return TRUSTED_PATH_HINT;
		case EMLINK:
			return "The file has another name elsewhere, which another user may have given it; "
				   "remove this one.";
		case EACCES:
		case EPERM:
			return "Give it to the user who runs nex_backup (\"chown\"). Until then messages go to "
				   "standard error only.";
		default:
			return "Messages go to standard error only.";
	}
}

bool
log_open(const char *file, LogFormat format, LogLevel threshold)
{
	log_open_for(file, NULL, format, threshold);
	return file == NULL || log_file >= 0;
}

void
log_open_for(const char *file, const char *of, LogFormat format, LogLevel threshold)
{
	int descriptor = file != NULL ? shared_log_open(file, of) : -1;
	int error = errno;

	pthread_mutex_lock(&mutex);
	if (log_file >= 0)
		close(log_file);
	log_file = descriptor;
	log_format = format;
	log_threshold = threshold;
	colour = want_colour();
	pthread_mutex_unlock(&mutex);
	if (file != NULL && descriptor < 0)
		log_warning_hint(open_hint(error), "could not open log file \"%s\": %s", file,
						 strerror(error));
}

void
log_add_run_file(int descriptor, const char *path)
{
	pthread_mutex_lock(&mutex);
	if (run_file >= 0)
		close(run_file);
	run_file = descriptor;
	free(run_path);
	run_path = xstrdup(path);
	pthread_mutex_unlock(&mutex);
}

char *
log_recent(void)
{
	unsigned i;
	Buffer text;

	buffer_init(&text);
	buffer_append_string(&text, "");
	pthread_mutex_lock(&mutex);
	for (i = 0; i < RECENT_COUNT; i++)
	{
		const char *line = recent[(recent_next + i) % RECENT_COUNT];

		if (line != NULL)
			buffer_append_string(&text, line);
	}
	pthread_mutex_unlock(&mutex);
	return buffer_detach(&text);
}

/* printf into a string, without regard for the locale's encoding. */
static char *__attribute__((format(printf, 1, 0)))
format_text(const char *format, va_list arguments)
{
	char *text;

	if (vasprintf(&text, format, arguments) < 0)
		text = xstrdup(format);
	return text;
}

static void __attribute__((format(printf, 3, 0)))
log_message(LogLevel level, const char *hint, const char *format, va_list arguments)
{
	Message message = {level, NULL, NULL, hint, -1};
	char *text;

	/* Also -q leaves information in the log of the run. */
	if (level < log_threshold && level < LOG_LEVEL_INFO)
		return;
	text = format_text(format, arguments);
	message.primary = text;
	emit_locked(&message);
	free(text);
}

void
log_debug(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_message(LOG_LEVEL_DEBUG, NULL, format, arguments);
	va_end(arguments);
}

void
log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_message(LOG_LEVEL_INFO, NULL, format, arguments);
	va_end(arguments);
}

void
log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_message(LOG_LEVEL_WARNING, NULL, format, arguments);
	va_end(arguments);
}

void
log_warning_hint(const char *hint, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_message(LOG_LEVEL_WARNING, hint, format, arguments);
	va_end(arguments);
}

void
log_run_file(const char *format, ...)
{
	va_list arguments;
	char *line;
	Buffer text;

	va_start(arguments, format);
	line = format_text(format, arguments);
	va_end(arguments);
	buffer_init(&text);
	pthread_mutex_lock(&mutex);
	append_file_line(&text, "LOG", line);
	emit_to_run_file(&text);
	pthread_mutex_unlock(&mutex);
	buffer_free(&text);
	free(line);
}

void
log_capture(LogCapture *capture)
{
	thread_capture = capture;
	if (capture != NULL)
		memset(capture, 0, sizeof(*capture));
}

void
log_capture_free(LogCapture *capture)
{
	free(capture->error);
	free(capture->detail);
	free(capture->hint);
	memset(capture, 0, sizeof(*capture));
}

static void
keep_captured(ExitCode code, const char *text, const char *detail, const char *hint)
{
	LogCapture *capture = thread_capture;

	if (capture->code != EXIT_DONE)
		return;
	capture->code = code;
	capture->error = for_reader(text);
	capture->detail = for_reader(detail);
	capture->hint = for_reader(hint);
}

bool
report_error(ExitCode code, const char *detail, const char *hint, const char *format, ...)
{
	Message message = {LOG_LEVEL_ERROR, NULL, detail, hint, code};
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = format_text(format, arguments);
	va_end(arguments);
	message.primary = text;
	if (thread_capture != NULL)
	{
		keep_captured(code, text, detail, hint);
		free(text);
		return false;
	}

	pthread_mutex_lock(&mutex);
	if (interrupted())
		message.level = LOG_LEVEL_DEBUG;
	else if (error_count++ == 0)
	{
		atomic_store(&first_code, code);
		atomic_store(&first_detail, for_reader(detail));
		atomic_store(&first_hint, for_reader(hint));
		atomic_store(&told_detail, withheld_told(detail));
		atomic_store(&told_error, withheld_told(text));
		atomic_store(&first_error, for_reader(text));
		tell_executor(log_told_error());
	}
	emit(&message);
	pthread_mutex_unlock(&mutex);
	free(text);
	return false;
}

ExitCode
log_exit_code(void)
{
	return atomic_load(&first_code);
}

const char *
log_first_error(void)
{
	return atomic_load(&first_error);
}

const char *
log_first_detail(void)
{
	return atomic_load(&first_detail);
}

const char *
log_first_hint(void)
{
	return atomic_load(&first_hint);
}

const char *
log_told_error(void)
{
	return atomic_load(&told_error);
}

const char *
log_told_detail(void)
{
	return atomic_load(&told_detail);
}

LogErrors
log_errors(void)
{
	LogErrors errors;

	pthread_mutex_lock(&mutex);
	errors =
		(LogErrors){atomic_load(&first_code),
					{atomic_load(&first_error), atomic_load(&first_detail),
					 atomic_load(&first_hint), atomic_load(&told_error), atomic_load(&told_detail)},
					error_count};
	pthread_mutex_unlock(&mutex);
	return errors;
}

void
log_return_to_errors(const LogErrors *errors)
{
	pthread_mutex_lock(&mutex);
	atomic_store(&first_code, errors->code);
	atomic_store(&first_error, errors->texts[0]);
	atomic_store(&first_detail, errors->texts[1]);
	atomic_store(&first_hint, errors->texts[2]);
	atomic_store(&told_error, errors->texts[3]);
	atomic_store(&told_detail, errors->texts[4]);
	error_count = errors->count;
	pthread_mutex_unlock(&mutex);
}

void
log_forget_errors(void)
{
	const LogErrors none = {.code = EXIT_DONE};

	log_return_to_errors(&none);
}

void
log_set_terminal_hooks(void (*before)(void), void (*after)(void))
{
	pthread_mutex_lock(&mutex);
	hook_before = before;
	hook_after = after;
	pthread_mutex_unlock(&mutex);
}

void
log_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void
log_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}
