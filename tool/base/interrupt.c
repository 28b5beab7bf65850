/*-------------------------------------------------------------------------
 *
 * interrupt.c
 *	  A thread that waits for signals, and what must be cancelled when one
 *	  comes.
 *
 * Cancellations run under the mutex that also guards their removal, so that
 * whoever removed one knows that it neither runs nor will run.
 *
 *-------------------------------------------------------------------------
 */
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"

/* The number of a descriptor: see wait_for_starter(). */
#define CONTROL_VARIABLE "NEX_CONTROL_FD"

typedef struct Cancellation
{
	void (*cancel)(void *argument); /* NULL: free slot */
	void *argument;
} Cancellation;

static atomic_bool signalled;
static atomic_bool stopping;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static Cancellation *cancellations;
static int ncancellations;

static sigset_t awaited;

static void
run_cancellations(void)
{
	int i;

	pthread_mutex_lock(&mutex);
	for (i = 0; i < ncancellations; i++)
	{
		if (cancellations[i].cancel != NULL)
			cancellations[i].cancel(cancellations[i].argument);
	}
	pthread_mutex_unlock(&mutex);
}

/*
 * Only the first signal cancels.  What still runs afterwards is clean-up, and
 * an impatient second Ctrl-C must not leave half-made things behind.
 */
static void *
wait_for_signals(void *argument)
{
	int signal_number;

	(void) argument;
	for (;;)
	{
		if (sigwait(&awaited, &signal_number) != 0)
			continue;
		if (!atomic_exchange(&signalled, true))
			run_cancellations();
	}
	return NULL;
}

/*
 * Whoever started us holds the other end of a pipe, and never writes to it.
 * Its end comes when that process is gone, however it went: then nobody waits
 * for our work any more, and nobody could stop it.
 */
static void *
wait_for_starter(void *argument)
{
	int descriptor = *(int *) argument;
	char byte;
	ssize_t got;

	do
	{
		got = read(descriptor, &byte, 1);
	} while (got > 0 || (got < 0 && errno == EINTR));
	kill(getpid(), SIGTERM);
	return NULL;
}

/* Watch the pipe that the environment names; what is no pipe is not ours. */
static void
watch_starter(void)
{
	static int descriptor;
	const char *name = getenv(CONTROL_VARIABLE);
	struct stat status;
	pthread_t thread;
	char *end;
	long number;

	if (name == NULL)
		return;
	number = strtol(name, &end, 10);
	if (*end == '\0' && number > STDERR_FILENO && number < 1024 &&
		fstat((int) number, &status) == 0 && S_ISFIFO(status.st_mode))
	{
		descriptor = (int) number;
		fcntl(descriptor, F_SETFD, FD_CLOEXEC);
		if (pthread_create(&thread, NULL, wait_for_starter, &descriptor) == 0)
			pthread_detach(thread);
	}
	/* Not for the programs that we start. */
	unsetenv(CONTROL_VARIABLE);
}

/* Under nohup the program must survive the end of its terminal. */
static bool
hangup_ignored(void)
{
	struct sigaction action;

	return sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void
interrupt_start(void)
{
	pthread_t thread;
	int error;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGTERM);
	if (!hangup_ignored())
		sigaddset(&awaited, SIGHUP);

	/* A shell's `&` leaves SIGINT ignored, and then sigwait() might not see it. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	pthread_sigmask(SIG_BLOCK, &awaited, NULL);

	error = pthread_create(&thread, NULL, wait_for_signals, NULL);
	if (error != 0)
	{
		report_error(EXIT_FAILED, NULL, NULL, "could not start a thread: %s", strerror(error));
		exit(EXIT_FAILED);
	}
	pthread_detach(thread);
	watch_starter();
}

bool
stop_requested(void)
{
	return atomic_load(&stopping) || atomic_load(&signalled);
}

bool
interrupted(void)
{
	return atomic_load(&signalled);
}

void
stop_request(void)
{
	if (!atomic_exchange(&stopping, true))
		run_cancellations();
}

void
stop_clear(void)
{
	atomic_store(&stopping, false);
}

int
cancellation_add(void (*cancel)(void *argument), void *argument)
{
	int handle;

	pthread_mutex_lock(&mutex);
	for (handle = 0; handle < ncancellations; handle++)
	{
		if (cancellations[handle].cancel == NULL)
			break;
	}
	if (handle == ncancellations)
	{
		ncancellations++;
		cancellations = xrealloc(cancellations, (size_t) ncancellations * sizeof(Cancellation));
	}
	cancellations[handle].cancel = cancel;
	cancellations[handle].argument = argument;
	pthread_mutex_unlock(&mutex);
	return handle;
}

void
cancellation_remove(int handle)
{
	pthread_mutex_lock(&mutex);
	if (handle >= 0 && handle < ncancellations)
		cancellations[handle].cancel = NULL;
	pthread_mutex_unlock(&mutex);
}
