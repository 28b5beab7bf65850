/*-------------------------------------------------------------------------
 *
 * sftp_child.c
 *	  The program that carries packets to an SFTP server.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "deadline.h"
#include "memory.h"
#include "printable.h"
#include "subprocess.h"

#define LAST_WORDS_SECONDS 0.5
#define PIPE_BYTES (1024 * 1024)

/* Ends of pipes: ours and the child's. */
typedef struct Ends
{
	int input[2];
	int output[2];
	int errors[2];
} Ends;

static void
close_ends(Ends *ends)
{
	int *all[] = {ends->input, ends->output, ends->errors};
	size_t i;

	for (i = 0; i < 6; i++)
	{
		if (all[i / 2][i % 2] >= 0)
			close(all[i / 2][i % 2]);
	}
}

static int
open_ends(Ends *ends)
{
	*ends = (Ends){{-1, -1}, {-1, -1}, {-1, -1}};
	if (pipe2(ends->input, O_CLOEXEC) == 0 && pipe2(ends->output, O_CLOEXEC) == 0 &&
		pipe2(ends->errors, O_CLOEXEC) == 0)
		return 0;
	return errno;
}

static int
spawn(char *const *argv, const Ends *ends, pid_t *pid)
{
	/* Whoever gives keys of buckets finds them by these. */
	static const char *const dropped[] = {
		"LC_ALL=", "LANGUAGE=", "AWS_", "AZURE_", "GOOGLE_", "IDENTITY_", "SSH_ASKPASS_REQUIRE=",
		NULL};
	static char messages[] = "LC_ALL=C";
	static char no_window[] = "SSH_ASKPASS_REQUIRE=never";
	char *const added[] = {messages, no_window, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	ChildEnvironment environment;
	sigset_t signals;
	int error;

	environment_make(&environment, NULL, dropped, added);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends->input[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends->output[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends->errors[1], STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(&attributes, &signals);
	sigaddset(&signals, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &signals);
	/* A session of its own has no terminal, and is a process group. */
	posix_spawnattr_setflags(&attributes,
							 POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environment.variables);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	environment_free(&environment);
	return error;
}

int
sftp_child_start(SftpChild *child, char *const *argv)
{
	Ends ends;
	int error = open_ends(&ends);

	memset(child, 0, sizeof(*child));
	if (error == 0)
		error = spawn(argv, &ends, &child->pid);
	if (error != 0)
	{
		close_ends(&ends);
		return error;
	}
	close(ends.input[0]);
	close(ends.output[1]);
	close(ends.errors[1]);
	child->input = ends.input[1];
	child->output = ends.output[0];
	child->errors = ends.errors[0];
	fcntl(child->input, F_SETFL, O_NONBLOCK);
	fcntl(child->output, F_SETFL, O_NONBLOCK);
	fcntl(child->errors, F_SETFL, O_NONBLOCK);
	/* Fewer turns between the two; where it is refused, there are more of them. */
	(void) fcntl(child->input, F_SETPIPE_SZ, PIPE_BYTES);
	(void) fcntl(child->output, F_SETPIPE_SZ, PIPE_BYTES);
	return 0;
}

bool
sftp_child_listen(SftpChild *child)
{
	char piece[SFTP_SAID_SIZE / 2];
	ssize_t length = read(child->errors, piece, sizeof(piece));
	size_t kept = child->said_length;

	if (length < 0)
		return errno == EINTR || errno == EAGAIN;
	if (length == 0)
		return false;
	if (kept > SFTP_SAID_SIZE - (size_t) length)
	{
		kept = SFTP_SAID_SIZE - (size_t) length;
		memmove(child->said, child->said + child->said_length - kept, kept);
	}
	memcpy(child->said + kept, piece, (size_t) length);
	child->said_length = kept + (size_t) length;
	return true;
}

/* A line, without what does not belong on a terminal. */
static void
append_shown(Buffer *words, const char *line, size_t length)
{
	char *copy = xasprintf("%.*s", (int) length, line);
	const char *from = copy;

	while (*from != '\0')
	{
		int bytes = printable_length(from);

		if (bytes > 0)
			buffer_append(words, from, (size_t) bytes);
		else if (*from == '\t')
			buffer_append_char(words, ' ');
		else
			buffer_append_char(words, '?');
		from += bytes > 0 ? bytes : 1;
	}
	free(copy);
}

/* Where the last line of a text begins; the text ends in none of its line ends. */
static size_t
last_line(const char *text, size_t length)
{
	while (length > 0 && text[length - 1] != '\n' && text[length - 1] != '\r')
		length--;
	return length;
}

char *
sftp_child_words(const SftpChild *child, size_t limit)
{
	size_t end = child->said_length;
	Buffer words;

	buffer_init(&words);
	buffer_append_string(&words, "");
	while (end > 0)
	{
		size_t begin;
		Buffer line;

		while (end > 0 && (child->said[end - 1] == '\n' || child->said[end - 1] == '\r'))
			end--;
		begin = last_line(child->said, end);
		buffer_init(&line);
		append_shown(&line, child->said + begin, end - begin);
		if (words.length > 0 && words.length + line.length + 3 > limit)
		{
			buffer_free(&line);
			break;
		}
		if (line.length > 0)
		{
			if (words.length > 0)
				buffer_append_string(&line, " / ");
			buffer_append(&line, words.data, words.length);
			buffer_reset(&words);
			buffer_append(&words, line.data, line.length);
		}
		buffer_free(&line);
		end = begin;
	}
	/* They become a part of a line of ours. */
	while (words.length > 0 && strchr(". ", words.data[words.length - 1]) != NULL)
		words.data[--words.length] = '\0';
	return buffer_detach(&words);
}

void
sftp_child_end(SftpChild *child)
{
	struct pollfd wait = {child->errors, POLLIN, 0};
	double end = monotonic_seconds() + LAST_WORDS_SECONDS;

	close(child->input);
	close(child->output);
	while (monotonic_seconds() < end && poll(&wait, 1, milliseconds_until(end)) > 0 &&
		   sftp_child_listen(child))
		;
	kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(child->errors);
}
