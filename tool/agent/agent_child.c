/*-------------------------------------------------------------------------
 *
 * agent_child.c
 *	  A program that the agent has started: its surroundings, its time, its end.
 *
 * How it is started and what it says is common/child.h, as in the server.  Here
 * is what only an agent decides: its environment, when it is told to end, and
 * when it is killed.
 *
 *-------------------------------------------------------------------------
 */
#include "agent_child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "deadline.h"
#include "memory.h"
#include "notify_text.h"
#include "run_protocol.h"
#include "subprocess.h"

/* Whoever has the run by now must not wait for ours. */
#define GRACE_WHEN_LOST 8.0

#define READ_SIZE 4096
#define PIECES_AT_ONCE 64

/* For us; what we start gets the limit that we had. */
#define MEMORY_ROOM (512UL * 1024 * 1024)

static struct rlimit memory_before;
static bool memory_limited;

void
agent_child_limit_memory(void)
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

int
agent_child_start(AgentChild *child, char *const *argv, const char *name, const char *directory)
{
	static const char *const dropped[] = {
		RUN_NAME_VARIABLE "=",    "PGOPTIONS=", "LD_PRELOAD=", "LD_LIBRARY_PATH=",
		RUN_CONTROL_VARIABLE "=", NULL};
	char *added[] = {NULL, NULL, NULL};
	ChildProgram program = {.path = argv[0], .argv = argv};
	ChildEnvironment environment;
	int error;

	memset(child, 0, sizeof(*child));
	child->output = xcalloc(1, sizeof(ChildOutput));
	child_output_init(child->output);
	added[0] = xasprintf(RUN_NAME_VARIABLE "=%s", name);
	added[1] = xasprintf(RUN_CONTROL_VARIABLE "=%d", RUN_CONTROL_DESCRIPTOR);
	environment_make(&environment, directory, dropped, added);
	program.environment = environment.variables;
	program.memory = memory_limited ? &memory_before : NULL;
	error = child_start(&child->child, &program) ? 0 : errno;
	environment_free(&environment);
	free(added[0]);
	free(added[1]);
	if (error != 0)
		agent_child_free(child);
	return error;
}

void
agent_child_read(AgentChild *child)
{
	char piece[READ_SIZE];
	ssize_t length;
	int n;

	for (n = 0; n < PIECES_AT_ONCE; n++)
	{
		length = child_read(&child->child, piece, sizeof(piece));
		if (length <= 0)
			return;
		child_output_add(child->output, piece, (size_t) length);
	}
}

const char *
agent_child_progress(const AgentChild *child)
{
	return child->output->progress[0] != '\0' ? child->output->progress : NULL;
}

char *
agent_child_tail(const AgentChild *child)
{
	size_t length;
	const char *tail = child_output_tail(child->output, &length);
	char *text = xasprintf("%.*s", (int) length, tail);
	char *harmless = harmless_text(text, true);

	free(text);
	return harmless;
}

void
agent_child_stop(AgentChild *child, StopReason reason)
{
	double grace = child->kill_grace;
	double kill_at;

	if (reason == STOP_LOST && grace > GRACE_WHEN_LOST)
		grace = GRACE_WHEN_LOST;
	kill_at = monotonic_seconds() + grace;
	if (child->child.ended)
		return;
	if (child->stop == STOP_NOT)
	{
		child->stop = reason;
		child->kill_at = kill_at;
		child_signal(&child->child, SIGTERM);
	}
	else if (reason == STOP_LOST && kill_at < child->kill_at)
		child->kill_at = kill_at;
}

void
agent_child_tick(AgentChild *child)
{
	double now = monotonic_seconds();

	if (child->child.ended)
		return;
	if (child->deadline > 0 && now > child->deadline)
		agent_child_stop(child, STOP_TIMEOUT);
	if (child->kill_at > 0 && now > child->kill_at)
		child_signal(&child->child, SIGKILL);
	if (!child_ended(&child->child))
		return;
	agent_child_read(child);
	child_output_end(child->output);

	/* Programs that it has started, and that were left behind. */
	if (child_exit_code(&child->child) != 0)
		kill(-child->child.pid, SIGKILL);
}

void
agent_child_free(AgentChild *child)
{
	child_close(&child->child);
	free(child->output);
	child->output = NULL;
}
