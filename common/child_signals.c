/*-------------------------------------------------------------------------
 *
 * child_signals.c
 *	  A child process that has no signal handler of its parent.
 *
 * Handlers of the server set latches in shared memory, which is the parent's,
 * and would end the child as if it were a backend.  So no signal may come in
 * between fork() and the moment in which there are no handlers any more.  Not
 * the server's fork_process(): it is for what stays a process of the server.
 * In the program, one thread takes all signals, and a child has none.
 *
 *-------------------------------------------------------------------------
 */
#include "child_signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

pid_t
child_fork(void)
{
	sigset_t all;
	sigset_t previous;
	pid_t pid;
	int error;

	fflush(NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &previous);
	pid = fork();
	if (pid == 0)
		return 0;
	error = errno;
	sigprocmask(SIG_SETMASK, &previous, NULL);
	errno = error;
	return pid;
}

/* Only what is safe between fork() and exec(). */
void
child_signals_reset(BrokenPipe broken_pipe)
{
	struct sigaction action;
	sigset_t none;
	int signal_number;

	memset(&action, 0, sizeof(action));
	for (signal_number = 1; signal_number < NSIG; signal_number++)
	{
		bool ignore = signal_number == SIGPIPE && broken_pipe == BROKEN_PIPE_FAILS;

		action.sa_handler = ignore ? SIG_IGN : SIG_DFL;
		sigaction(signal_number, &action, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
