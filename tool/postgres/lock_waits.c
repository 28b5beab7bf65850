/*-------------------------------------------------------------------------
 *
 * lock_waits.c
 *	  Which sessions of this program may wait for locks, and for whom they
 *	  were last seen waiting.
 *
 * When a lock could not be had in time, the server does not say who holds it,
 * and afterwards nobody can tell.  So whoever watches the sessions meanwhile
 * (lock_watch.c) notes it here, for the report of the error.
 *
 *-------------------------------------------------------------------------
 */
#include "lock_waits.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"

typedef struct Waiter
{
	int pid;
	char *holder;
} Waiter;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static Waiter *waiters;
static int nwaiters;

/* NULL: it is not one of ours. */
static Waiter *
find(int pid)
{
	int i;

	for (i = 0; i < nwaiters; i++)
	{
		if (waiters[i].pid == pid)
			return &waiters[i];
	}
	return NULL;
}

void
lock_waits_add(int pid)
{
	pthread_mutex_lock(&mutex);
	if (find(pid) == NULL)
	{
		waiters = xrealloc(waiters, (size_t) (nwaiters + 1) * sizeof(Waiter));
		waiters[nwaiters++] = (Waiter){pid, NULL};
	}
	pthread_mutex_unlock(&mutex);
}

void
lock_waits_remove(int pid)
{
	Waiter *waiter;

	pthread_mutex_lock(&mutex);
	waiter = find(pid);
	if (waiter != NULL)
	{
		free(waiter->holder);
		*waiter = waiters[--nwaiters];
	}
	pthread_mutex_unlock(&mutex);
}

char *
lock_waits_pids(void)
{
	Buffer text;
	int i;

	buffer_init(&text);
	buffer_append_char(&text, '{');
	pthread_mutex_lock(&mutex);
	for (i = 0; i < nwaiters; i++)
		buffer_printf(&text, "%s%d", i > 0 ? "," : "", waiters[i].pid);
	pthread_mutex_unlock(&mutex);
	buffer_append_char(&text, '}');
	return buffer_detach(&text);
}

void
lock_waits_note(int pid, const char *holder)
{
	Waiter *waiter;

	pthread_mutex_lock(&mutex);
	waiter = find(pid);
	if (waiter != NULL)
	{
		free(waiter->holder);
		waiter->holder = xstrdup(holder);
	}
	pthread_mutex_unlock(&mutex);
}

char *
lock_waits_holder(int pid)
{
	Waiter *waiter;
	char *holder;

	pthread_mutex_lock(&mutex);
	waiter = find(pid);
	holder = waiter != NULL && waiter->holder != NULL ? xstrdup(waiter->holder) : NULL;
	pthread_mutex_unlock(&mutex);
	return holder;
}

char *
lock_waits_application(const PGconn *maintenance)
{
	return xasprintf("nex_backup_of_%d", PQbackendPID(maintenance));
}
