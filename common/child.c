/*-------------------------------------------------------------------------
 *
 * child.c
 *	  A program that an executor of runs has started.
 *
 * Not the server's pipe streams, nor what the C library has, nor
 * process/subprocess.c: they wait for the end of one program without being
 * interruptible, and a backup takes hours.  The child leads a separate process
 * group, so that neither a shutdown nor our signals reach the wrong one: a
 * SIGKILL that hits a background worker makes the postmaster restart everything.
 *
 * No other file stays open in the child.  It holds one end of the control
 * pipe, and reads its end when this process is gone, even after a SIGKILL or an
 * immediate shutdown: a run that was given to another executor must not go on
 * in two places.  For the same reason the kernel signals it then, where it can.
 *
 * Only the C library is used here: the extension compiles this, too.
 *
 *-------------------------------------------------------------------------
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "child_signals.h"
#include "descriptors.h"
#include "run_protocol.h"

/* Descriptors of the child: 0 to 2, the control pipe, and that for errno of a failed exec. */
#define STATUS_DESCRIPTOR (RUN_CONTROL_DESCRIPTOR + 1)
#define FIRST_UNUSED (STATUS_DESCRIPTOR + 1)

const char *
program_problem(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return errno == ENOENT ? "it is not there" : "it cannot be looked at";
	if (!S_ISREG(status.st_mode))
		return "it is not a regular file";
	if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others than its owner may write to it";
	if (access(path, X_OK) != 0)
		return "it may not be executed";
	return NULL;
}

/* A pipe both ends of which are above those that the child has a use for. */
static bool
open_pipe(int ends[2])
{
	int raw[2];
	int saved;

	ends[0] = ends[1] = -1;
	if (pipe(raw) != 0)
		return false;
	ends[0] = fcntl(raw[0], F_DUPFD_CLOEXEC, FIRST_UNUSED);
	ends[1] = fcntl(raw[1], F_DUPFD_CLOEXEC, FIRST_UNUSED);
	saved = errno;
	close(raw[0]);
	close(raw[1]);
	errno = saved;
	return ends[0] >= 0 && ends[1] >= 0;
}

static void
close_pipe(int ends[2])
{
	int i;

	for (i = 0; i < 2; i++)
	{
		if (ends[i] >= 0)
			close(ends[i]);
		ends[i] = -1;
	}
}

/* ---- in the child: only what is safe between fork() and exec() ---- */

static void __attribute__((noreturn)) become_program(const ChildProgram *program, pid_t parent,
													 int input, int output, int control, int status)
{
	struct rlimit no_core = {0, 0};
	int error;

	setpgid(0, 0);
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
	/* It may have gone before the line above. */
	if (getppid() != parent)
		_exit(127);
	if (input < 0)
		input = open("/dev/null", O_RDWR);
	if (input < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
		dup2(output, STDERR_FILENO) < 0 || dup2(control, RUN_CONTROL_DESCRIPTOR) < 0 ||
		dup2(status, STATUS_DESCRIPTOR) < 0 || fcntl(STATUS_DESCRIPTOR, F_SETFD, FD_CLOEXEC) != 0)
		goto failed;
	status = STATUS_DESCRIPTOR;
	descriptors_sweep(FIRST_UNUSED, DESCRIPTORS_CLOSE, false);
	setrlimit(RLIMIT_CORE, &no_core);
	if (program->memory != NULL)
		setrlimit(RLIMIT_AS, program->memory);
	if (program->apart)
		umask(077);
	if (program->apart && chdir("/") != 0)
		goto failed;
	child_signals_reset(BROKEN_PIPE_ENDS);
	execve(program->path, program->argv, program->environment);

failed:
	error = errno;
	if (write(status, &error, sizeof(error)) != sizeof(error))
		_exit(126);
	_exit(127);
}

/* ---- in the executor ---- */

/* What became of the exec; false, with errno, if it failed. */
static bool
exec_succeeded(int status)
{
	int error = 0;
	ssize_t got;

	do
	{
		got = read(status, &error, sizeof(error));
	} while (got < 0 && errno == EINTR);
	if (got != sizeof(error))
		return true;
	errno = error;
	return false;
}

bool
child_start(Child *child, const ChildProgram *program)
{
	int input[2] = {-1, -1};
	int output[2];
	int control[2] = {-1, -1};
	int status[2] = {-1, -1};
	pid_t parent = getpid();
	int error;

	memset(child, 0, sizeof(*child));
	child->output = child->control = child->input = -1;
	if (!open_pipe(output) || !open_pipe(control) || !open_pipe(status) ||
		fcntl(output[0], F_SETFL, O_NONBLOCK) != 0 ||
		(program->is_asked && (!open_pipe(input) || fcntl(input[1], F_SETFL, O_NONBLOCK) != 0)))
		goto failed;

	child->pid = child_fork();
	if (child->pid == 0)
		become_program(program, parent, input[0], output[1], control[0], status[1]);
	if (child->pid < 0)
		goto failed;

	/* Both do it, as neither knows who comes first. */
	setpgid(child->pid, child->pid);
	child->input = input[1];
	child->output = output[0];
	child->control = control[1];
	input[1] = output[0] = control[1] = -1;
	close_pipe(input);
	close_pipe(output);
	close_pipe(control);
	close(status[1]);
	status[1] = -1;
	if (exec_succeeded(status[0]))
	{
		close_pipe(status);
		return true;
	}
	error = errno;
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
	child_close(child);
	errno = error;

failed:
	error = errno;
	child->pid = 0;
	close_pipe(input);
	close_pipe(output);
	close_pipe(control);
	close_pipe(status);
	errno = error;
	return false;
}

void
child_signal(const Child *child, int signal_number)
{
	/* kill(0) would be our own group, and kill(-1) everybody. */
	if (child->pid > 1 && !child->ended)
		kill(-child->pid, signal_number);
}

bool
child_ended(Child *child)
{
	pid_t pid;

	if (child->pid == 0 || child->ended)
		return true;
	do
	{
		pid = waitpid(child->pid, &child->status, WNOHANG);
	} while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	if (pid < 0)
		child->status = 127 << 8; /* somebody else has waited for it; not known to happen */
	child->ended = true;
	return true;
}

int
child_exit_code(const Child *child)
{
	return WIFEXITED(child->status) ? WEXITSTATUS(child->status) : -1;
}

int
child_end_signal(const Child *child)
{
	return WIFSIGNALED(child->status) ? WTERMSIG(child->status) : 0;
}

ssize_t
child_read(Child *child, char *buffer, size_t size)
{
	ssize_t got;

	if (child->output < 0)
		return -1;
	do
	{
		got = read(child->output, buffer, size);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (got <= 0)
	{
		close(child->output);
		child->output = -1;
		return -1;
	}
	return got;
}

void
child_close(Child *child)
{
	if (child->output >= 0)
		close(child->output);
	if (child->control >= 0)
		close(child->control);
	if (child->input >= 0)
		close(child->input);
	child->output = child->control = child->input = -1;
}
