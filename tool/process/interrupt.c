/*-------------------------------------------------------------------------
 *
 * interrupt.c
 *	  A thread that waits for signals, and what must be canceled when one
 *	  comes.
 *
 * Cancellations run under the mutex that also guards their removal, so that
 * whoever removed one knows that it neither runs nor will run.  They must not
 * wait: PQcancel() waits for the server, so it gets a thread that can be
 * abandoned.  A thread that waits for a stop looks afterwards for what has
 * not ended by itself, and cuts it.
 *
 *-------------------------------------------------------------------------
 */
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deadline.h"
#include "exit_status.h"
#include "log.h"
#include "memory.h"
#include "run_protocol.h"
#include "temporary_directory.h"

/* Seconds that a stop for an error waits for cancel requests. */
#define WORK_PATIENCE 2.0

/* A second SIGINT within these seconds is the first: some programs send it to a group, too. */
#define SAME_SIGNAL 0.5

#define LOOK_INTERVAL_US 100000

typedef struct Cancellation
{
	void (*cancel)(void *argument); /* NULL: free slot */
	void (*cut)(void *argument);    /* NULL: never, or done */
	void *argument;
	double since;
	int patience; /* seconds */
} Cancellation;

static atomic_bool stopping;
static atomic_bool too_late;

/* Guards all that follows. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stop_began = PTHREAD_COND_INITIALIZER;
static Cancellation *cancellations;
static int ncancellations;
static double stopped_at; /* 0: no stop */
static int works;         /* that are under way */

static sigset_t awaited;

static void
run_cancellations(void)
{
	int i;

	pthread_mutex_lock(&mutex);
	if (stopped_at == 0)
		stopped_at = monotonic_seconds();
	for (i = 0; i < ncancellations; i++)
	{
		if (cancellations[i].cancel != NULL)
			cancellations[i].cancel(cancellations[i].argument);
	}
	pthread_cond_signal(&stop_began);
	pthread_mutex_unlock(&mutex);
}

/* Cut what is due, or all; the mutex is held. */
static void
cut(bool all)
{
	double now = monotonic_seconds();
	int i;

	for (i = 0; i < ncancellations; i++)
	{
		Cancellation *entry = &cancellations[i];
		double from = entry->since > stopped_at ? entry->since : stopped_at;

		if (entry->cancel == NULL || entry->cut == NULL || (!all && now < from + entry->patience))
			continue;
		entry->cut(entry->argument);
		entry->cut = NULL;
	}
}

static void *
cut_what_stays(void *argument)
{
	(void) argument;
	for (;;)
	{
		pthread_mutex_lock(&mutex);
		while (stopped_at == 0)
			pthread_cond_wait(&stop_began, &mutex);
		cut(false);
		pthread_mutex_unlock(&mutex);
		usleep(LOOK_INTERVAL_US);
	}
	return NULL;
}

/*
 * The second Ctrl-C: as SIGKILL would end us, except that children end, too,
 * and no secret is left behind.  Nothing here waits for another thread's work.
 */
static void
end_at_once(void)
{
	static const char words[] = "nex_backup: ended at once, without cleaning up\n";
	struct pollfd wait = {.fd = STDERR_FILENO, .events = POLLOUT};

	pthread_mutex_lock(&mutex);
	cut(true);
	temporary_directories_remove_ours();
	if (poll(&wait, 1, 0) > 0 && write(STDERR_FILENO, words, sizeof(words) - 1) < 0)
		_exit(exit_status(EXIT_INTERRUPTED));
	_exit(exit_status(EXIT_INTERRUPTED));
}

/*
 * Only the first signal cancels.  What still runs afterwards is clean-up,
 * which other programs' repeated SIGTERM must not disturb; but somebody who
 * presses Ctrl-C again means it.
 */
static void *
wait_for_signals(void *argument)
{
	double first = 0;
	int signal_number;

	(void) argument;
	for (;;)
	{
		if (sigwait(&awaited, &signal_number) != 0)
			continue;
		if (!interrupted_now())
		{
			first = monotonic_seconds();
			run_cancellations();
		}
		else if (signal_number == SIGINT && monotonic_seconds() > first + SAME_SIGNAL)
			end_at_once();
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

/* Watch the pipe that the environment names; what is not a pipe is not ours. */
static void
watch_starter(void)
{
	static int descriptor;
	const char *name = getenv(RUN_CONTROL_VARIABLE);
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
	unsetenv(RUN_CONTROL_VARIABLE);
}

/* Under nohup the program must survive the end of its terminal. */
static bool
is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/*
 * Signals that would end the program without cleaning up.  A limit of the
 * processor's time, or a timer that whoever started us has set, is a wish that
 * we stop.
 */
static void
choose_signals(void)
{
	static const int others[] = {SIGHUP, SIGXCPU, SIGALRM};
	size_t i;

	sigemptyset(&awaited);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGTERM);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		if (!is_ignored(others[i]))
			sigaddset(&awaited, others[i]);
	}
}

static void
start_thread(void *(*work)(void *argument))
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, work, NULL);

	if (error != 0)
	{
		report_error(EXIT_FAILED, NULL, NULL, "could not start a thread: %s", strerror(error));
		exit(exit_status(EXIT_FAILED));
	}
	pthread_detach(thread);
}

void
interrupt_start(void)
{
	signal(SIGPIPE, SIG_IGN);
	/* A file that may not become larger is an error of write(), for children, too. */
	signal(SIGXFSZ, SIG_IGN);
	choose_signals();

	/* A shell's `&` leaves SIGINT ignored, and then sigwait() might not see it. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	pthread_sigmask(SIG_BLOCK, &awaited, NULL);

	start_thread(wait_for_signals);
	start_thread(cut_what_stays);
	watch_starter();
}

bool
stop_requested(void)
{
	return atomic_load(&stopping) || interrupted();
}

void
interrupt_too_late(void)
{
	atomic_store(&too_late, true);
}

bool
interrupt_counts(void)
{
	return interrupted() && !atomic_load(&too_late);
}

/* Late cancel requests must not meet what is done after stop_clear(). */
static void
wait_for_works(void)
{
	bool done = false;

	while (!done)
	{
		pthread_mutex_lock(&mutex);
		done = works == 0 || monotonic_seconds() > stopped_at + WORK_PATIENCE;
		pthread_mutex_unlock(&mutex);
		if (!done)
			usleep(LOOK_INTERVAL_US / 100);
	}
}

void
stop_request(void)
{
	if (!atomic_exchange(&stopping, true))
		run_cancellations();
	wait_for_works();
}

void
stop_clear(void)
{
	atomic_store(&stopping, false);
	pthread_mutex_lock(&mutex);
	if (!interrupted())
		stopped_at = 0;
	pthread_mutex_unlock(&mutex);
}

int
cancellation_add(void (*cancel)(void *argument), void (*cut_off)(void *argument), void *argument)
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
	cancellations[handle] =
		(Cancellation){cancel, cut_off, argument, monotonic_seconds(), CUT_AFTER};
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

void
cancellation_spare(int handle)
{
	pthread_mutex_lock(&mutex);
	if (handle >= 0 && handle < ncancellations)
		cancellations[handle].patience = CUT_CLEANUP_AFTER;
	pthread_mutex_unlock(&mutex);
}

typedef struct Work
{
	void (*work)(void *argument);
	void *argument;
} Work;

static void *
run_work(void *argument)
{
	Work *work = argument;

	work->work(work->argument);
	free(work);
	pthread_mutex_lock(&mutex);
	works--;
	pthread_mutex_unlock(&mutex);
	return NULL;
}

/* Called by a cancellation, so the mutex is held. */
bool
cancellation_work(void (*work)(void *argument), void *argument)
{
	Work *started = xmalloc(sizeof(Work));
	pthread_t thread;

	*started = (Work){work, argument};
	if (pthread_create(&thread, NULL, run_work, started) != 0)
	{
		free(started);
		return false;
	}
	pthread_detach(thread);
	works++;
	return true;
}
