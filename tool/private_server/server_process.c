/*-------------------------------------------------------------------------
 *
 * server_process.c
 *	  A program of the server that is ours.
 *
 *-------------------------------------------------------------------------
 */
#include "server_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "child_signals.h"
#include "deadline.h"
#include "descriptors.h"
#include "log.h"
#include "memory.h"
#include "subprocess.h"

#define LOCK_DESCRIPTOR 3
#define FIRST_UNUSED (LOCK_DESCRIPTOR + 1)
#define LOOK_INTERVAL_US 50000
#define KILL_PATIENCE 10

/* Of the log, so much is looked at for its last lines. */
#define TAIL_BYTES (16 * 1024)

/* A line for each segment, which says nothing of an error. */
#define COUNTED_LINE "restored log file"

/* What it reads, writes to, and keeps. */
typedef struct Descriptors
{
	int input;
	int output;
	int lock;
} Descriptors;

/* ---- in the child: only what is safe between fork() and exec() ---- */

static void __attribute__((noreturn))
become_program(const ServerProgram *program, pid_t parent, const Descriptors *given,
			   char *const *environment)
{
	struct rlimit no_core = {0, 0};

	setsid();
	/* At once, but with postmaster.pid and the socket removed. */
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (getppid() != parent)
		_exit(127);
	if (dup2(given->input, STDIN_FILENO) < 0 || dup2(given->output, STDOUT_FILENO) < 0 ||
		dup2(given->output, STDERR_FILENO) < 0 || dup2(given->lock, LOCK_DESCRIPTOR) < 0 ||
		fcntl(LOCK_DESCRIPTOR, F_SETFD, 0) != 0)
		_exit(127);
	descriptors_sweep(FIRST_UNUSED, DESCRIPTORS_CLOSE, false);
	setrlimit(RLIMIT_CORE, &no_core);
	umask(077);
	if (chdir(program->directory) != 0)
		_exit(127);
	child_signals_reset(BROKEN_PIPE_ENDS);
	execve(program->argv[0], (char *const *) program->argv, environment);
	_exit(127);
}

/* ---- starting ---- */

/* All that a pipe holds at once is more than we ever say. */
static int
open_input(const char *text)
{
	int ends[2];
	size_t length;

	if (text == NULL)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	length = strlen(text);
	if (write(ends[1], text, length) != (ssize_t) length)
	{
		close(ends[0]);
		ends[0] = -1;
	}
	close(ends[1]);
	return ends[0];
}

/* Above those that become others in the child. */
static int
moved_up(int descriptor)
{
	int moved = descriptor >= 0 ? fcntl(descriptor, F_DUPFD_CLOEXEC, FIRST_UNUSED) : -1;
	int error = errno;

	if (descriptor >= 0)
		close(descriptor);
	errno = error;
	return moved;
}

bool
server_process_start(ServerProcess *process, const ServerProgram *program)
{
	/* Where our own sessions go is none of its business; keys of the repository are. */
	static const char *const dropped[] = {"PG", "LC_ALL=", "LANGUAGE=", NULL};
	static char messages[] = "LC_ALL=C";
	char *const added[] = {messages, NULL};
	Descriptors given = {.lock = program->lock};
	ChildEnvironment environment;
	pid_t parent = getpid();
	bool good;

	given.input = moved_up(open_input(program->input));
	given.output =
		moved_up(open(program->log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
	good = given.input >= 0 && given.output >= 0;
	environment_make(&environment, NULL, dropped, added);
	if (good)
	{
		process->pid = child_fork();
		if (process->pid == 0)
			become_program(program, parent, &given, environment.variables);
		good = process->pid > 0;
	}
	if (!good)
	{
		process->pid = 0;
		report_error(EXIT_FAILED, strerror(errno), NULL, "could not start \"%s\"",
					 program->argv[0]);
	}
	environment_free(&environment);
	if (given.input >= 0)
		close(given.input);
	if (given.output >= 0)
		close(given.output);
	return good;
}

/* ---- ending ---- */

bool
server_process_ended(ServerProcess *process)
{
	pid_t pid;

	if (process->pid == 0)
		return true;
	do
	{
		pid = waitpid(process->pid, &process->status, WNOHANG);
	} while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	process->pid = 0;
	return true;
}

bool
server_process_wait(ServerProcess *process, int seconds)
{
	const double end = monotonic_seconds() + seconds;

	while (!server_process_ended(process))
	{
		if (monotonic_seconds() >= end)
			return false;
		usleep(LOOK_INTERVAL_US);
	}
	return true;
}

void
server_process_stop(ServerProcess *process, int signal_number, int seconds)
{
	if (server_process_ended(process))
		return;
	kill(process->pid, signal_number);
	if (server_process_wait(process, seconds))
		return;
	kill(process->pid, SIGKILL);
	(void) server_process_wait(process, KILL_PATIENCE);
}

/* ---- what it says ---- */

/* The end of a file, as text. */
static void
read_end(const char *path, Buffer *text)
{
	int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	off_t size = file >= 0 ? lseek(file, 0, SEEK_END) : 0;
	off_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
	char *bytes = xmalloc(TAIL_BYTES);
	ssize_t length = file >= 0 ? pread(file, bytes, TAIL_BYTES, from) : 0;

	if (length > 0)
		buffer_append(text, bytes, (size_t) length);
	buffer_append_string(text, "");
	free(bytes);
	if (file >= 0)
		close(file);
}

char *
server_log_tail(const char *log, int lines)
{
	Buffer text;
	Buffer kept;
	char **line = xcalloc((size_t) lines, sizeof(char *));
	char *rest;
	char *next;
	int count = 0;
	int i;

	buffer_init(&text);
	buffer_init(&kept);
	buffer_append_string(&kept, "");
	read_end(log, &text);
	rest = text.data;
	while ((next = strsep(&rest, "\n")) != NULL)
	{
		if (next[0] != '\0' && strstr(next, COUNTED_LINE) == NULL)
			line[count++ % lines] = next;
	}
	for (i = count > lines ? count - lines : 0; i < count; i++)
		buffer_printf(&kept, "%s%s", kept.length > 0 ? "\n" : "", line[i % lines]);
	free(line);
	buffer_free(&text);
	return buffer_detach(&kept);
}

uint64_t
server_log_count(const char *log, const char *text, long *at)
{
	FILE *in = fopen(log, "re");
	char *line = NULL;
	size_t room = 0;
	uint64_t count = 0;
	ssize_t length;

	if (in != NULL && fseek(in, *at, SEEK_SET) == 0)
	{
		while ((length = getline(&line, &room, in)) > 0 && line[length - 1] == '\n')
		{
			count += strstr(line, text) != NULL;
			*at += length;
		}
	}
	free(line);
	if (in != NULL)
		fclose(in);
	return count;
}
