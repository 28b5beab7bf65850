/*-------------------------------------------------------------------------
 *
 * stdout_stream.c
 *	  Standard output: much data, past stdio, and stdio itself.
 *
 *-------------------------------------------------------------------------
 */
#include "stdout_stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "interrupt.h"

#define POLL_INTERVAL_MS 200

static int first_error;

/* Wait until a pipe takes more; a file needs no waiting. */
static bool
wait_for_reader(void)
{
	struct pollfd wait = {STDOUT_FILENO, POLLOUT, 0};

	while (!interrupted())
	{
		if (poll(&wait, 1, POLL_INTERVAL_MS) != 0)
			return true;
	}
	return false;
}

bool
stdout_stream_write(const char *data, size_t length)
{
	while (length > 0)
	{
		/* After poll() a pipe takes this much without blocking. */
		size_t piece = length > PIPE_BUF ? PIPE_BUF : length;
		ssize_t n;

		errno = 0;
		if (!wait_for_reader())
			return false;
		n = write(STDOUT_FILENO, data, piece);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return false;
		data += n;
		length -= (size_t) n;
	}
	return true;
}

/* Of a stream.  It ends as the stream would, also while a signal is being obeyed: with a report. */
static ssize_t
write_of_stdio(void *cookie, const char *data, size_t length)
{
	size_t done = 0;

	(void) cookie;
	while (done < length)
	{
		ssize_t n = write(STDOUT_FILENO, data + done, length - done);
		struct pollfd wait = {STDOUT_FILENO, POLLOUT, 0};

		if (n >= 0)
			done += (size_t) n;
		else if (errno == EAGAIN)
			poll(&wait, 1, -1);
		else if (errno != EINTR)
		{
			if (first_error == 0)
				first_error = errno;
			break;
		}
	}
	return (ssize_t) done;
}

void
stdout_stream_begin(void)
{
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_of_stdio});

	if (stream == NULL)
		return;
	if (isatty(STDOUT_FILENO))
		setvbuf(stream, NULL, _IOLBF, BUFSIZ);
	stdout = stream;
}

int
stdout_stream_error(void)
{
	return first_error;
}
