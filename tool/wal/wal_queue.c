/*-------------------------------------------------------------------------
 *
 * wal_queue.c
 *	  WAL files of a server on their way into the archive.
 *
 * Some threads read, check and compress, which is what takes the processor's
 * time and needs no repository; one stores.  It opens the repository when there
 * is something to store and closes it soon after: a disk can be unmounted, and
 * what was changed in it, or has taken its place, is seen.
 *
 * Content is durable before a file has its name; names are made durable for
 * several files at once, and only then any of these files is called stored.
 *
 * A file that cannot be stored keeps all behind it from being stored, until the
 * server, which asks in its own order, has got over it.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "deadline.h"
#include "memory.h"
#include "repository.h"
#include "wal_push.h"
#include "wal_ready.h"

/* So much of files that are read, and not stored yet, is in memory; one always is. */
#define MAX_LOADED_BYTES (96 * 1024 * 1024)

/* Names that are made durable together. */
#define MAX_GROUP 8

/* The repository is opened again after a second, and closed when there is no work. */
#define REOPEN_SECONDS 1.0
#define REOPEN_REMOTE_SECONDS 60.0
#define IDLE_SECONDS 1

typedef enum JobState
{
	JOB_WAITING,
	JOB_LOADING,
	JOB_LOADED,
	JOB_STORING, /* also: its name is not durable yet */
	JOB_STORED,
	JOB_FAILED
} JobState;

typedef struct Job
{
	WalName name;
	char *path;
	JobState state;
	bool asked;         /* the server waits for it, or has */
	struct stat status; /* of the file that was loaded */
	WalLoaded loaded;
	LogCapture error;
	char *directory; /* in the repository, of a stored one */
	struct Job *next;
} Job;

struct WalQueue
{
	WalQueueRequest request;
	pthread_mutex_t mutex; /* for all that follows, but what a state leaves to one thread */
	pthread_cond_t changed;
	Job *jobs; /* in the order of the server */
	bool stop;
	int threads; /* that run */

	/* The storing thread's own. */
	Repository *repository;
	double opened;
};

/* ---- jobs; the mutex is held ---- */

static void
job_reset(Job *job)
{
	if (job->state == JOB_LOADED)
		wal_loaded_free(&job->loaded);
	log_capture_free(&job->error);
	free(job->directory);
	job->directory = NULL;
	job->state = JOB_WAITING;
}

/* One that no thread works on. */
static void
job_remove(WalQueue *queue, Job *job)
{
	Job **link;

	for (link = &queue->jobs; *link != job; link = &(*link)->next)
		;
	*link = job->next;
	job_reset(job);
	free(job->path);
	free(job);
}

/* Find one, or put it in its place. */
static Job *
job_take(WalQueue *queue, const WalName *name)
{
	Job **link = &queue->jobs;
	Job *job;

	while (*link != NULL && wal_ready_compare(&(*link)->name, name) < 0)
		link = &(*link)->next;
	if (*link != NULL && wal_ready_compare(&(*link)->name, name) == 0)
		return *link;
	job = xcalloc(1, sizeof(Job));
	job->name = *name;
	job->path = xasprintf("pg_wal/%s", name->text);
	job->next = *link;
	*link = job;
	pthread_cond_broadcast(&queue->changed);
	return job;
}

/* What the server asks for goes first. */
static Job *
find_asked(const WalQueue *queue)
{
	Job *job;

	for (job = queue->jobs; job != NULL; job = job->next)
	{
		if (job->asked)
			return job;
	}
	return NULL;
}

static Job *
next_to_load(const WalQueue *queue)
{
	Job *job = find_asked(queue);
	uint64_t loaded = 0;

	if (job != NULL && job->state == JOB_WAITING)
		return job;
	for (job = queue->jobs; job != NULL; job = job->next)
	{
		if (job->state == JOB_WAITING)
			return loaded < MAX_LOADED_BYTES ? job : NULL;
		if (job->state == JOB_LOADING || job->state == JOB_LOADED)
			loaded += (uint64_t) job->status.st_size * 2;
	}
	return NULL;
}

static Job *
next_to_store(const WalQueue *queue)
{
	Job *job = find_asked(queue);

	if (job != NULL && job->state != JOB_STORED && job->state != JOB_STORING)
		return job->state == JOB_LOADED ? job : NULL;
	for (job = queue->jobs; job != NULL; job = job->next)
	{
		if (job->state != JOB_STORED && job->state != JOB_STORING)
			return job->state == JOB_LOADED ? job : NULL;
	}
	return NULL;
}

/* ---- threads that load ---- */

static void *
load_files(void *argument)
{
	WalQueue *queue = argument;
	Job *job;
	bool good;

	pthread_mutex_lock(&queue->mutex);
	while (!queue->stop)
	{
		job = next_to_load(queue);
		if (job == NULL)
		{
			pthread_cond_wait(&queue->changed, &queue->mutex);
			continue;
		}
		job->state = JOB_LOADING;
		memset(&job->status, 0, sizeof(job->status));
		(void) stat(job->path, &job->status);
		pthread_mutex_unlock(&queue->mutex);
		log_capture(&job->error);
		good = wal_load(job->path, 0, &job->loaded) &&
			   wal_load_compress(&job->loaded, queue->request.level);
		log_capture(NULL);
		if (!good)
			wal_loaded_free(&job->loaded);
		pthread_mutex_lock(&queue->mutex);
		job->state = good ? JOB_LOADED : JOB_FAILED;
		pthread_cond_broadcast(&queue->changed);
	}
	pthread_mutex_unlock(&queue->mutex);
	return NULL;
}

/* ---- the one that stores ---- */

static void
close_repository(WalQueue *queue)
{
	if (queue->repository != NULL)
		repository_close(queue->repository);
	queue->repository = NULL;
}

static bool
use_repository(WalQueue *queue)
{
	if (queue->repository != NULL)
		return true;
	queue->repository = repository_open(queue->request.repository);
	queue->opened = monotonic_seconds();
	return queue->repository != NULL;
}

/* Only a directory can be exchanged for another; others take time to open. */
static bool
is_old(const WalQueue *queue)
{
	bool local = queue->repository != NULL && queue->repository->storage->can.barrier_needed;

	return monotonic_seconds() > queue->opened + (local ? REOPEN_SECONDS : REOPEN_REMOTE_SECONDS);
}

static bool
store(WalQueue *queue, Job *job)
{
	WalPush push = {.level = queue->request.level, .names_later = true};
	WalPushed pushed;
	char *directory;

	if (!use_repository(queue))
		return false;
	push.repository = queue->repository;
	if (!wal_push_loaded(&push, &job->loaded, &pushed))
		return false;
	directory = wal_directory(job->loaded.record.system_identifier, &job->name);
	job->directory = xasprintf("%s/", directory);
	free(directory);
	return true;
}

/* Make the names of a group durable; what is to be said if that fails is said of each. */
static void
end_group(WalQueue *queue, Job **group, size_t count)
{
	char *directories[MAX_GROUP];
	LogCapture error;
	bool good;
	size_t i;

	for (i = 0; i < count; i++)
		directories[i] = group[i]->directory;
	log_capture(&error);
	good = wal_push_keep_names(queue->repository, directories, count);
	log_capture(NULL);
	pthread_mutex_lock(&queue->mutex);
	for (i = 0; i < count; i++)
	{
		group[i]->state = good ? JOB_STORED : JOB_FAILED;
		if (!good)
			group[i]->error =
				(LogCapture){error.code, error.error != NULL ? xstrdup(error.error) : NULL,
							 error.detail != NULL ? xstrdup(error.detail) : NULL,
							 error.hint != NULL ? xstrdup(error.hint) : NULL};
	}
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->mutex);
	log_capture_free(&error);
}

/* Store what can be stored now, as one group; the mutex is held, and let go meanwhile. */
static void
store_group(WalQueue *queue)
{
	Job *group[MAX_GROUP];
	size_t count = 0;
	bool good = true;
	Job *job;

	while (good && count < MAX_GROUP && (job = next_to_store(queue)) != NULL)
	{
		job->state = JOB_STORING;
		pthread_mutex_unlock(&queue->mutex);
		log_capture(&job->error);
		good = store(queue, job);
		log_capture(NULL);
		wal_loaded_free(&job->loaded);
		pthread_mutex_lock(&queue->mutex);
		if (good)
			group[count++] = job;
		else
			job->state = JOB_FAILED;
		pthread_cond_broadcast(&queue->changed);
	}
	pthread_mutex_unlock(&queue->mutex);
	if (count > 0)
		end_group(queue, group, count);
	if (!good || is_old(queue))
		close_repository(queue);
	pthread_mutex_lock(&queue->mutex);
}

/* Wait until something has changed; false after so many seconds.  The mutex is held. */
static bool
wait_for_change(WalQueue *queue, double seconds)
{
	struct timespec until;
	long nanoseconds;

	clock_gettime(CLOCK_MONOTONIC, &until);
	nanoseconds = until.tv_nsec + (long) ((seconds - (double) (time_t) seconds) * 1e9);
	until.tv_sec += (time_t) seconds + nanoseconds / 1000000000L;
	until.tv_nsec = nanoseconds % 1000000000L;
	return pthread_cond_timedwait(&queue->changed, &queue->mutex, &until) != ETIMEDOUT;
}

static void *
store_files(void *argument)
{
	WalQueue *queue = argument;

	pthread_mutex_lock(&queue->mutex);
	while (!queue->stop)
	{
		if (next_to_store(queue) != NULL)
			store_group(queue);
		else if (!wait_for_change(queue, IDLE_SECONDS))
			close_repository(queue);
	}
	pthread_mutex_unlock(&queue->mutex);
	close_repository(queue);
	return NULL;
}

/* A thread that says when it has ended. */
typedef struct Thread
{
	WalQueue *queue;
	void *(*work)(void *argument);
} Thread;

static void *
run_thread(void *argument)
{
	Thread thread = *(Thread *) argument;

	free(argument);
	thread.work(thread.queue);
	pthread_mutex_lock(&thread.queue->mutex);
	thread.queue->threads--;
	pthread_cond_broadcast(&thread.queue->changed);
	pthread_mutex_unlock(&thread.queue->mutex);
	return NULL;
}

static bool
start_thread(WalQueue *queue, void *(*work)(void *argument))
{
	Thread *thread = xmalloc(sizeof(Thread));
	pthread_t id;
	int error;

	*thread = (Thread){queue, work};
	pthread_mutex_lock(&queue->mutex);
	error = pthread_create(&id, NULL, run_thread, thread);
	if (error == 0)
		queue->threads++;
	pthread_mutex_unlock(&queue->mutex);
	if (error == 0)
	{
		pthread_detach(id);
		return true;
	}
	free(thread);
	return report_error(EXIT_FAILED, NULL, NULL, "could not start a thread: %s", strerror(error));
}

WalQueue *
wal_queue_start(const WalQueueRequest *request)
{
	WalQueue *queue = xcalloc(1, sizeof(WalQueue));
	pthread_condattr_t attributes;
	bool good;
	int i;

	queue->request = *request;
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	good = start_thread(queue, store_files);
	for (i = 0; good && i < request->threads; i++)
		good = start_thread(queue, load_files);
	if (good)
		return queue;
	(void) wal_queue_stop(queue, 1);
	return NULL;
}

void
wal_queue_expect(WalQueue *queue, const WalName *names, size_t count)
{
	size_t i;

	pthread_mutex_lock(&queue->mutex);
	for (i = 0; i < count; i++)
		(void) job_take(queue, &names[i]);
	pthread_mutex_unlock(&queue->mutex);
}

size_t
wal_queue_expected(WalQueue *queue)
{
	size_t count = 0;
	const Job *job;

	pthread_mutex_lock(&queue->mutex);
	for (job = queue->jobs; job != NULL; job = job->next)
		count++;
	pthread_mutex_unlock(&queue->mutex);
	return count;
}

/* Is the file that was stored the one that is there? */
static bool
is_unchanged(const Job *job)
{
	struct stat status;

	return stat(job->path, &status) == 0 && status.st_ino == job->status.st_ino &&
		   status.st_dev == job->status.st_dev && status.st_size == job->status.st_size &&
		   status.st_mtim.tv_sec == job->status.st_mtim.tv_sec &&
		   status.st_mtim.tv_nsec == job->status.st_mtim.tv_nsec;
}

/* The server has got over these: somebody may have told it so. */
static void
forget_failures_before(WalQueue *queue, const Job *asked)
{
	Job *job = queue->jobs;

	while (job != asked)
	{
		Job *next = job->next;

		if (job->state == JOB_FAILED)
			job_remove(queue, job);
		job = next;
	}
}

WalQueueAnswer
wal_queue_ask(WalQueue *queue, const WalName *name, double seconds, LogCapture *error)
{
	double until = monotonic_seconds() + seconds;
	WalQueueAnswer answer = WAL_QUEUE_WORKS;
	Job *was;
	Job *job;

	memset(error, 0, sizeof(*error));
	pthread_mutex_lock(&queue->mutex);
	job = job_take(queue, name);
	if (!job->asked &&
		(job->state == JOB_FAILED || (job->state == JOB_STORED && !is_unchanged(job))))
		job_reset(job);
	was = find_asked(queue);
	if (was != NULL)
		was->asked = false;
	job->asked = true;
	forget_failures_before(queue, job);
	pthread_cond_broadcast(&queue->changed);
	while (job->state != JOB_STORED && job->state != JOB_FAILED)
	{
		double left = until - monotonic_seconds();

		if (left <= 0)
			break;
		(void) wait_for_change(queue, left);
	}
	if (job->state == JOB_STORED)
	{
		answer = WAL_QUEUE_STORED;
		job_remove(queue, job);
	}
	else if (job->state == JOB_FAILED)
	{
		/* It stays, so that nothing behind it is stored. */
		answer = WAL_QUEUE_FAILED;
		job->asked = false;
		*error = job->error;
		memset(&job->error, 0, sizeof(job->error));
	}
	pthread_mutex_unlock(&queue->mutex);
	return answer;
}

bool
wal_queue_stop(WalQueue *queue, double seconds)
{
	double until = monotonic_seconds() + seconds;
	bool ended;

	pthread_mutex_lock(&queue->mutex);
	queue->stop = true;
	pthread_cond_broadcast(&queue->changed);
	while (queue->threads > 0 && monotonic_seconds() < until)
		(void) wait_for_change(queue, until - monotonic_seconds());
	ended = queue->threads == 0;
	while (ended && queue->jobs != NULL)
		job_remove(queue, queue->jobs);
	pthread_mutex_unlock(&queue->mutex);
	if (!ended)
		return false;
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->mutex);
	free(queue);
	return true;
}
