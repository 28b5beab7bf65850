/*-------------------------------------------------------------------------
 *
 * look.c
 *	  A look at a file system that may not answer.
 *
 * A repository often lies on a network file system, whose server may be away.
 * A session that looks itself then keeps its connection, its locks and its
 * snapshot for as long, and whoever asks for the status again and again fills
 * max_connections.  So a child looks (look_child.c).
 *
 * There is one for each place at most, which a lock on a file says that lives
 * as long as the child.  That is no lock of the server, as no process of the
 * server need be left that could have it, and no shared memory, as the library
 * need not be preloaded.  When it was taken, is the time of the file.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "look.h"

/* One look, all looks of a statement, and a look of a statement that has none left. */
#define LOOK_MILLISECONDS 5000L
#define STATEMENT_MILLISECONDS 10000L
#define LEAST_MILLISECONDS 100L
#define RETRY_MILLISECONDS 10L
#define SAID_SINCE_SECONDS 60
#define STALE_LOOKS 5

/* How long looks have taken in this statement. */
static TimestampTz budget_statement = 0;
static long budget_spent = 0;

/* How long this look may take. */
static long
look_time(void)
{
	TimestampTz statement = GetCurrentStatementStartTimestamp();

	if (statement != budget_statement)
		budget_spent = 0;
	budget_statement = statement;
	return Max(Min(LOOK_MILLISECONDS, STATEMENT_MILLISECONDS - budget_spent), LEAST_MILLISECONDS);
}

static char *
no_answer(time_t since)
{
	pg_time_t now = (pg_time_t) time(NULL);

	if (since == 0 || now - since < SAID_SINCE_SECONDS)
		return pstrdup(LOOK_NO_ANSWER);
	return psprintf(LOOK_NO_ANSWER_SINCE "%s",
					timestamptz_to_str(time_t_to_timestamptz((pg_time_t) since)));
}

static void
sleep_a_little(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, RETRY_MILLISECONDS,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/*
 * Take the lock of a place: its descriptor, or -1 and why there is none.  Behind
 * a look that should have ended long ago, we do not wait.
 */
static int
lock_place(const char *place, TimestampTz end, char **problem)
{
	uint32 hash = hash_bytes((const unsigned char *) place, (int) strlen(place));
	char *path = psprintf("pg_stat_tmp/nex_backup.%08x", hash);
	int fd = OpenTransientFile(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | PG_BINARY);
	struct stat status;
	int stale = 0;

	*problem = NULL;
	if (fd < 0 || fstat(fd, &status) != 0)
	{
		*problem =
			psprintf("is not looked at, as \"%s\" could not be opened: %s", path, strerror(errno));
		if (fd >= 0)
			CloseTransientFile(fd);
		return -1;
	}
	while (flock(fd, LOCK_EX | LOCK_NB) != 0)
	{
		if (errno != EWOULDBLOCK && errno != EINTR)
			*problem = psprintf("is not looked at, as \"%s\" could not be locked: %s", path,
								strerror(errno));
		if (fstat(fd, &status) != 0)
			status.st_mtime = 0;
		/* Somebody may have the lock for a moment, and the file its time not yet. */
		if (time(NULL) - status.st_mtime > LOOK_MILLISECONDS / 1000)
			stale++;
		if (*problem != NULL || stale > STALE_LOOKS || GetCurrentTimestamp() >= end)
		{
			CloseTransientFile(fd);
			if (*problem == NULL)
				*problem = no_answer(status.st_mtime);
			return -1;
		}
		sleep_a_little();
	}
	(void) futimens(fd, NULL);
	return fd;
}

/* Read until the child has ended; false if it is too late. */
static bool
read_answer(int in, TimestampTz end, StringInfo answer)
{
	for (;;)
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
		ssize_t got;

		enlargeStringInfo(answer, 8192);
		got = read(in, answer->data + answer->len, 8192);
		if (got == 0)
			return true;
		if (got > 0)
		{
			answer->len += (int) got;
			answer->data[answer->len] = '\0';
			CHECK_FOR_INTERRUPTS();
			continue;
		}
		if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)
			return false;
		if (left <= 0)
			return false;
		(void) WaitLatchOrSocket(
			MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, in, left,
			PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* With the lock, which is the child's from then on. */
static char *
look_with_lock(int lock, TimestampTz end, LookWork work, void *argument, StringInfo answer)
{
	volatile bool answered = false;
	char *problem = NULL;
	int ends[2];
	pid_t pid;

	if (pipe(ends) != 0)
	{
		problem = psprintf("is not looked at: could not create a pipe: %s", strerror(errno));
		CloseTransientFile(lock);
		return problem;
	}
	(void) fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pid = look_child_start(ends[1], lock, work, argument);
	if (pid < 0)
		problem = psprintf("is not looked at: could not fork: %s", strerror(errno));
	close(ends[1]);
	CloseTransientFile(lock);
	PG_TRY();
	{
		if (pid > 0)
			answered = read_answer(ends[0], end, answer);
	}
	PG_FINALLY();
	{
		close(ends[0]);
		if (pid > 0 && !answered)
			look_child_leave(pid);
	}
	PG_END_TRY();
	if (answered)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	else if (problem == NULL)
		problem = no_answer(0);
	return problem;
}

char *
look_at_place(const char *place, LookWork work, void *argument, StringInfo answer)
{
	TimestampTz begun = GetCurrentTimestamp();
	TimestampTz end = TimestampTzPlusMilliseconds(begun, look_time());
	char *problem;
	int lock;

	look_child_reap();
	lock = lock_place(place, end, &problem);
	if (lock >= 0)
		problem = look_with_lock(lock, end, work, argument, answer);
	budget_spent += TimestampDifferenceMilliseconds(begun, GetCurrentTimestamp());
	return problem;
}
