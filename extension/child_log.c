/*-------------------------------------------------------------------------
 *
 * child_log.c
 *	  What a run of the tool wrote: its last 64 kB, its first error, the last
 *	  event of progress.
 *
 * Of bounded size, whatever a program writes.  Events of progress come once a
 * second, and would soon be all there is; they are kept out of the tail.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "mb/pg_wchar.h"

#include "child_log.h"

#define PROGRESS_MARK "{\"event\":\"progress\""
#define ERROR_MARK "nex_backup: error: "

void
child_log_init(ChildLog *log)
{
	log->tail_length = 0;
	log->line_length = 0;
	log->progress[0] = '\0';
	log->error[0] = '\0';
}

static bool
begins_with(const ChildLog *log, const char *mark)
{
	size_t length = strlen(mark);

	return log->line_length >= length && memcmp(log->line, mark, length) == 0;
}

static void
add_to_tail(ChildLog *log, const char *data, size_t length)
{
	if (log->tail_length + length > sizeof(log->tail))
	{
		size_t excess = log->tail_length - LOG_TAIL_SIZE / 2;

		memmove(log->tail, log->tail + excess, log->tail_length - excess);
		log->tail_length -= excess;
	}
	memcpy(log->tail + log->tail_length, data, length);
	log->tail_length += length;
}

static void
end_line(ChildLog *log)
{
	if (begins_with(log, PROGRESS_MARK))
	{
		memcpy(log->progress, log->line, log->line_length);
		log->progress[log->line_length] = '\0';
	}
	else
	{
		if (log->error[0] == '\0' && begins_with(log, ERROR_MARK))
		{
			size_t skipped = strlen(ERROR_MARK);

			memcpy(log->error, log->line + skipped, log->line_length - skipped);
			log->error[log->line_length - skipped] = '\0';
		}
		add_to_tail(log, log->line, log->line_length);
		add_to_tail(log, "\n", 1);
	}
	log->line_length = 0;
}

void
child_log_add(ChildLog *log, const char *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
	{
		if (data[i] == '\n')
			end_line(log);
		else if (log->line_length < LOG_LINE_SIZE - 1)
			log->line[log->line_length++] = data[i];
	}
}

/* Bytes that the database cannot hold as text become question marks. */
static char *
valid_text(const char *data, size_t length)
{
	char *text = palloc(length + 1);
	int encoding = GetDatabaseEncoding();
	size_t i = 0;
	size_t used = 0;

	while (i < length)
	{
		int width =
			data[i] == '\0' ? -1 : pg_encoding_verifymbchar(encoding, data + i, (int) (length - i));

		/* The tool writes UTF-8, which elsewhere would be taken for something else. */
		if (width > 1 && encoding != PG_UTF8)
			width = -1;
		if (width <= 0 || (width == 1 && IS_HIGHBIT_SET(data[i])))
		{
			text[used++] = '?';
			i++;
			continue;
		}
		memcpy(text + used, data + i, (size_t) width);
		used += (size_t) width;
		i += (size_t) width;
	}
	text[used] = '\0';
	return text;
}

char *
child_log_tail(const ChildLog *log)
{
	size_t skipped = log->tail_length > LOG_TAIL_SIZE ? log->tail_length - LOG_TAIL_SIZE : 0;

	if (log->tail_length == 0)
		return NULL;
	return valid_text(log->tail + skipped, log->tail_length - skipped);
}

char *
child_log_error(const ChildLog *log)
{
	return log->error[0] != '\0' ? valid_text(log->error, strlen(log->error)) : NULL;
}

char *
child_log_take_progress(ChildLog *log)
{
	char *progress;

	if (log->progress[0] == '\0')
		return NULL;
	progress = valid_text(log->progress, strlen(log->progress));
	log->progress[0] = '\0';
	return progress;
}
