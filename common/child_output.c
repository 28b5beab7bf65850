/*-------------------------------------------------------------------------
 *
 * child_output.c
 *	  What a run of the program wrote: its last 64 kB, its first error, the
 *	  last event of progress.
 *
 * Of bounded size, whatever a program writes, and without allocating memory,
 * which a worker of the server and an agent do in different ways.  Events
 * are kept out of the tail, as those of progress would soon be all there is.
 *
 * What an event says is not looked for with a parser of JSON.  An error has its
 * message at a known place, and the event of progress is handed on as it is.
 *
 *-------------------------------------------------------------------------
 */
#include "child_output.h"

#include <string.h>

#include "run_protocol.h"

#define PROGRESS_EVENT RUN_EVENT RUN_EVENT_PROGRESS "\""
#define ERROR_EVENT RUN_EVENT RUN_EVENT_ERROR RUN_ERROR_MESSAGE

void
child_output_init(ChildOutput *output)
{
	output->tail_length = 0;
	output->line_length = 0;
	output->progress[0] = '\0';
	output->error[0] = '\0';
}

static bool
begins_with(const ChildOutput *output, const char *mark)
{
	size_t length = strlen(mark);

	return output->line_length >= length && memcmp(output->line, mark, length) == 0;
}

static void
add_to_tail(ChildOutput *output, const char *data, size_t length)
{
	if (output->tail_length + length > sizeof(output->tail))
	{
		size_t excess = output->tail_length - OUTPUT_TAIL_SIZE / 2;

		memmove(output->tail, output->tail + excess, output->tail_length - excess);
		output->tail_length -= excess;
	}
	memcpy(output->tail + output->tail_length, data, length);
	output->tail_length += length;
}

/* The text of a JSON string as the program writes it (log.c), up to its closing quote. */
static void
take_string(const char *c, const char *end, char *into)
{
	while (c < end && *c != '"')
	{
		if (*c == '\\' && c + 1 < end)
		{
			c++;
			*into++ = *c == 'n' ? '\n' : *c == 't' ? '\t' : *c;
			c++;
		}
		else
			*into++ = *c++;
	}
	*into = '\0';
}

static void
end_line(ChildOutput *output)
{
	const char *end = output->line + output->line_length;

	if (begins_with(output, PROGRESS_EVENT))
	{
		memcpy(output->progress, output->line, output->line_length);
		output->progress[output->line_length] = '\0';
	}
	else if (begins_with(output, ERROR_EVENT))
	{
		if (output->error[0] == '\0')
			take_string(output->line + strlen(ERROR_EVENT), end, output->error);
	}
	else if (!begins_with(output, RUN_EVENT))
	{
		add_to_tail(output, output->line, output->line_length);
		add_to_tail(output, "\n", 1);
	}
	output->line_length = 0;
}

void
child_output_add(ChildOutput *output, const char *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
	{
		if (data[i] == '\n')
			end_line(output);
		else if (output->line_length < OUTPUT_LINE_SIZE - 1)
			output->line[output->line_length++] = data[i] != '\0' ? data[i] : '?';
	}
}

void
child_output_end(ChildOutput *output)
{
	if (output->line_length > 0)
		end_line(output);
}

const char *
child_output_tail(const ChildOutput *output, size_t *length)
{
	size_t skipped =
		output->tail_length > OUTPUT_TAIL_SIZE ? output->tail_length - OUTPUT_TAIL_SIZE : 0;

	*length = output->tail_length - skipped;
	return output->tail + skipped;
}
