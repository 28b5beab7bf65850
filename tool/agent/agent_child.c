/*-------------------------------------------------------------------------
 *
 * agent_child.c
 *	  A program that the agent has started: its output, its time, its end.
 *
 * Not process/subprocess.c, which runs one program to its end: here several run
 * at the same time, while the agent goes on talking to the catalogue.  And
 * fork() in place of posix_spawn(), because the child asks the kernel for a
 * signal when the agent dies: a run whose agent was killed is given to
 * another one, and must not go on in two places.
 *
 *-------------------------------------------------------------------------
 */
#include "agent_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "memory.h"
#include "subprocess.h"

/* Whoever has the run by now must not wait for ours. */
#define GRACE_WHEN_LOST 8.0

#define TAIL_KEPT (64 * 1024)
#define LINE_LIMIT 8192
#define READ_SIZE 4096
#define PIECES_AT_ONCE 64

/* For us; what we start gets the limit that we had. */
#define MEMORY_ROOM (512UL * 1024 * 1024)

static struct rlimit memory_before;
static bool memory_limited;

void
child_limit_own_memory(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;
	struct rlimit limit;

#ifdef __SANITIZE_ADDRESS__
	pages = 0;
#else
	if (file != NULL && fscanf(file, "%lu", &pages) != 1)
		pages = 0;
#endif
	if (file != NULL)
		fclose(file);
	if (pages == 0 || getrlimit(RLIMIT_AS, &memory_before) != 0)
		return;
	limit = memory_before;
	limit.rlim_cur = pages * (unsigned long) sysconf(_SC_PAGESIZE) + MEMORY_ROOM;
	if (memory_before.rlim_cur == RLIM_INFINITY || memory_before.rlim_cur > limit.rlim_cur)
		memory_limited = setrlimit(RLIMIT_AS, &limit) == 0;
}

/* In the child: nothing but what may be called between fork() and exec() of a program with threads.
 */
static void
become(char *const *argv, char *const *environment, int output, int failure, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;
	int error;

	setpgid(0, 0);
	if (memory_limited)
		setrlimit(RLIMIT_AS, &memory_before);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* It may have died before we asked. */
	if (getppid() != parent)
		_exit(1);
	dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(argv[0], argv, environment);
	error = errno;
	if (write(failure, &error, sizeof(error)) != (ssize_t) sizeof(error))
		_exit(126);
	_exit(127);
}

/* What execve() said, by a pipe that closes when it works; 0 or an errno value. */
static int
exec_error(int failure)
{
	int error = 0;
	ssize_t got;

	do
	{
		got = read(failure, &error, sizeof(error));
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t) sizeof(error) ? error : 0;
}

int
child_start(AgentChild *child, char *const *argv, const char *name, const char *directory)
{
	int output[2];
	int failure[2];
	pid_t parent = getpid();
	static const char *const dropped[] = {
		"PGAPPNAME=", "PGOPTIONS=", "LD_PRELOAD=", "LD_LIBRARY_PATH=", NULL};
	char *application = NULL;
	char *added[] = {NULL, NULL};
	ChildEnvironment environment;
	int error;

	memset(child, 0, sizeof(*child));
	child->output = -1;
	buffer_init(&child->tail);
	buffer_init(&child->line);
	if (pipe2(output, O_CLOEXEC) != 0)
		return errno;
	if (pipe2(failure, O_CLOEXEC) != 0)
	{
		error = errno;
		close(output[0]);
		close(output[1]);
		return error;
	}
	added[0] = application = xasprintf("PGAPPNAME=%s", name);
	environment_make(&environment, directory, dropped, added);
	child->pid = fork();
	error = child->pid < 0 ? errno : 0;
	if (child->pid == 0)
		become(argv, environment.variables, output[1], failure[1], parent);
	close(output[1]);
	close(failure[1]);
	if (error == 0)
	{
		/* Both sides, as either may be first. */
		setpgid(child->pid, child->pid);
		error = exec_error(failure[0]);
		if (error != 0)
			waitpid(child->pid, NULL, 0);
	}
	close(failure[0]);
	environment_free(&environment);
	free(application);
	if (error != 0)
	{
		close(output[0]);
		return error;
	}
	child->output = output[0];
	fcntl(child->output, F_SETFL, O_NONBLOCK);
	return 0;
}

/* ---- output ---- */

/* A line is complete: progress is for the catalogue, all else for the log. */
static void
take_line(AgentChild *child)
{
	Buffer *line = &child->line;

	if (line->length > 1 && line->data[0] == '{' && strstr(line->data, "\"progress\"") != NULL)
	{
		free(child->progress);
		child->progress = xstrdup(line->data);
	}
	else if (line->length > 0)
	{
		buffer_append(&child->tail, line->data, line->length);
		buffer_append_char(&child->tail, '\n');
	}
	if (child->tail.length > 2 * TAIL_KEPT)
	{
		memmove(child->tail.data, child->tail.data + child->tail.length - TAIL_KEPT, TAIL_KEPT + 1);
		child->tail.length = TAIL_KEPT;
	}
	buffer_reset(line);
}

void
child_read(AgentChild *child)
{
	char piece[READ_SIZE];
	ssize_t length;
	ssize_t i;
	int n;

	for (n = 0; n < PIECES_AT_ONCE && child->output >= 0; n++)
	{
		length = read(child->output, piece, sizeof(piece));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == EAGAIN)
			return;
		if (length <= 0)
		{
			take_line(child);
			close(child->output);
			child->output = -1;
			return;
		}
		for (i = 0; i < length; i++)
		{
			if (piece[i] == '\n' || child->line.length >= LINE_LIMIT)
				take_line(child);
			if (piece[i] != '\n' && piece[i] != '\0')
				buffer_append_char(&child->line, piece[i]);
		}
	}
}

/* ---- the end ---- */

void
child_stop(AgentChild *child, StopReason reason)
{
	double grace = child->kill_grace;
	double kill_at;

	if (reason == STOP_LOST && grace > GRACE_WHEN_LOST)
		grace = GRACE_WHEN_LOST;
	kill_at = monotonic_seconds() + grace;
	if (child->ended)
		return;
	if (child->stop == STOP_NOT)
	{
		child->stop = reason;
		child->kill_at = kill_at;
		kill(-child->pid, SIGTERM);
	}
	else if (reason == STOP_LOST && kill_at < child->kill_at)
		child->kill_at = kill_at;
}

void
child_tick(AgentChild *child)
{
	double now = monotonic_seconds();
	int status;

	if (child->ended)
		return;
	if (child->deadline > 0 && now > child->deadline)
		child_stop(child, STOP_TIMEOUT);
	if (child->kill_at > 0 && now > child->kill_at)
		kill(-child->pid, SIGKILL);
	if (waitpid(child->pid, &status, WNOHANG) != child->pid)
		return;
	child_read(child);
	child->ended = true;
	child->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	child->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	/* Programs that it has started, and that were left behind. */
	if (child->exit_code != 0)
		kill(-child->pid, SIGKILL);
}

void
child_free(AgentChild *child)
{
	if (child->output >= 0)
		close(child->output);
	child->output = -1;
	buffer_free(&child->tail);
	buffer_free(&child->line);
	free(child->progress);
	child->progress = NULL;
}
