/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  Prove a backup: read every object once, in parallel.
 *
 * One pass over the bytes: a span of whole frames is read into memory, hashed
 * and decompressed from there, so nothing is read twice and nothing copied.
 * The threads share a budget of memory, not a number of buffers each, so that
 * -j 64 costs time of waiting and not gigabytes.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bad_objects.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "object_claims.h"
#include "object_read.h"
#include "other_places.h"
#include "progress.h"
#include "row_check.h"
#include "storage.h"
#include "verify.h"

/* Frames are read together up to this size; also the largest piece when only hashing. */
#define SPAN_LIMIT (8U * 1024 * 1024)
#define HASH_PIECE (1024U * 1024)

/* Larger members are not taken whole, if their codec can do that; and what comes out at once. */
#define STREAM_LIMIT (32U * 1024 * 1024)
#define STREAM_PIECE (1024U * 1024)

/* All buffers of all threads; one object may exceed it when it is alone. */
#define MEMORY_BUDGET ((size_t) 160 * 1024 * 1024)

/* The same where the storage holds the piece of each object that is being read. */
#define REMOTE_BUDGET ((size_t) 96 * 1024 * 1024)

#define MAX_THREADS 64

/* One object to be read. */
typedef struct Job
{
	uint32_t object;
	uint32_t first_member;
	uint32_t nmembers;
	uint64_t fingerprint;
	char *problem;    /* result: NULL is good */
	bool unreadable;  /* it could not be looked at: that is no finding about the object */
	bool blames;      /* the problem is the object, or the disk below it */
	const char *hint; /* what helps to look at it, or NULL */
	bool done;
} Job;

typedef struct Verifier
{
	Repository *repository; /* with all of its places */
	Repository *home;       /* the one that is verified */
	bool anywhere;          /* what is good in another place will do */
	bool remote;            /* answers take their time, so that more threads are of use */
	const Manifest *manifest;
	VerifyDepth depth;

	Job *jobs; /* largest first */
	uint32_t njobs;

	pthread_mutex_t mutex;
	pthread_cond_t released; /* memory was given back */
	uint32_t next_job;
	size_t memory_used;
	atomic_bool unable; /* a thread could not work at all */
} Verifier;

typedef struct Worker
{
	Verifier *verifier;
	pthread_t thread;
	Digest *digest;
	Decompressor *decompressor;
	StoreReader *reader; /* of the object that is being read */
	char *stored;
	size_t stored_capacity;
	char *raw;
	size_t raw_capacity;
	Buffer plain;       /* an encrypted object, opened */
	StoreResult result; /* of the last look at the file of this object */
} Worker;

/* ---- memory ---- */

/*
 * Buffers come from mmap(): what malloc() gets back from one thread it keeps
 * for that thread, and the budget would be exceeded by what nobody uses.
 */
static char *
map_buffer(size_t size)
{
	void *buffer;

	if (size == 0)
		return NULL;
	buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return buffer == MAP_FAILED ? NULL : buffer;
}

static void
release_memory(Worker *worker)
{
	Verifier *verifier = worker->verifier;

	if (worker->stored != NULL)
		munmap(worker->stored, worker->stored_capacity);
	if (worker->raw != NULL)
		munmap(worker->raw, worker->raw_capacity);
	worker->stored = worker->raw = NULL;
	pthread_mutex_lock(&verifier->mutex);
	verifier->memory_used -= worker->stored_capacity + worker->raw_capacity;
	pthread_cond_broadcast(&verifier->released);
	pthread_mutex_unlock(&verifier->mutex);
	worker->stored_capacity = worker->raw_capacity = 0;
}

/*
 * Have buffers of these sizes; false if there is no memory.  Whoever waits
 * for the budget holds nothing of it, so the wait always ends.
 */
static bool
reserve_memory(Worker *worker, size_t stored, size_t raw)
{
	Verifier *verifier = worker->verifier;
	size_t have = worker->stored_capacity + worker->raw_capacity;
	size_t budget = verifier->remote ? REMOTE_BUDGET : MEMORY_BUDGET;

	if (worker->stored_capacity >= stored && worker->raw_capacity >= raw &&
		have <= 4 * (stored + raw) + SPAN_LIMIT)
		return true;
	release_memory(worker);
	pthread_mutex_lock(&verifier->mutex);
	while (verifier->memory_used > 0 && verifier->memory_used + stored + raw > budget)
		pthread_cond_wait(&verifier->released, &verifier->mutex);
	verifier->memory_used += stored + raw;
	pthread_mutex_unlock(&verifier->mutex);
	worker->stored_capacity = stored;
	worker->raw_capacity = raw;
	worker->stored = map_buffer(stored);
	worker->raw = map_buffer(raw);
	if ((stored == 0 || worker->stored != NULL) && (raw == 0 || worker->raw != NULL))
		return true;
	release_memory(worker);
	return false;
}

/* ---- one member ---- */

/*
 * Is a member so large that it is taken in pieces?  What its manifest says of
 * its size may be a lie, and a frame of 100 kB may hold gigabytes of nothing.
 */
static bool
in_pieces(const Manifest *manifest, const Member *member)
{
	return (member->raw > STREAM_LIMIT || member->length > STREAM_LIMIT) &&
		   decompressor_streams(manifest->codec);
}

/* Decompress and check one member. */
static char *
check_member(Worker *worker, const Member *member, const char *stored)
{
	const Manifest *manifest = worker->verifier->manifest;
	const char *raw = worker->raw;
	const char *message;
	RowCheck check;

	if (manifest->codec == CODEC_NONE)
	{
		if (member->length != member->raw)
			return xasprintf("has a member of a wrong length");
		raw = stored;
	}
	else
	{
		message = decompressor_frame(worker->decompressor, stored, member->length, worker->raw,
									 member->raw);
		if (message != NULL)
			return xasprintf("cannot be decompressed at offset %" PRIu64 ": %s", member->offset,
							 message);
	}
	atomic_fetch_add(&progress.raw_bytes, member->raw);
	row_check_begin(&check, manifest, member);
	row_check_add(&check, raw, member->raw);
	return row_check_end(&check);
}

/* Decompress a piece of a member that is taken in pieces, and look at what comes out. */
static char *
feed_piece(Worker *worker, RowCheck *check, const char *stored, size_t length)
{
	size_t used = 0;
	size_t made;

	do
	{
		size_t taken;
		const char *message = decompressor_feed(worker->decompressor, stored + used, length - used,
												&taken, worker->raw, STREAM_PIECE, &made);

		if (message != NULL)
			return xasprintf("cannot be decompressed: %s", message);
		used += taken;
		atomic_fetch_add(&progress.raw_bytes, made);
		row_check_add(check, worker->raw, made);
		if (check->seen > check->raw)
			return xasprintf("does not decompress to its recorded length");
		if (stop_requested() || (taken == 0 && made == 0))
			break;
	} while (used < length || made == STREAM_PIECE);
	return NULL;
}

/* Both ends of a member that is taken in pieces. */
static void
begin_pieces(Worker *worker, RowCheck *check, const Member *member)
{
	row_check_begin(check, worker->verifier->manifest, member);
	decompressor_begin(worker->decompressor, member->raw);
}

static char *
end_pieces(Worker *worker, const RowCheck *check)
{
	const char *message = decompressor_end(worker->decompressor);

	return message != NULL ? xasprintf("cannot be decompressed: %s", message)
						   : row_check_end(check);
}

/* ---- one object ---- */

/* Read and hash the next piece of the object.  NULL or what is wrong. */
static char *
read_piece(Worker *worker, size_t length)
{
	worker->result = worker->reader->read(worker->reader, worker->stored, length);
	if (worker->result.code != STORE_OK)
		return xasprintf("could not be read: %s", worker->result.text);
	if (!digest_update(worker->digest, worker->stored, length))
		return xasprintf("could not be hashed");
	atomic_fetch_add(&progress.weight_done, length);
	atomic_fetch_add(&progress.stored_bytes, length);
	return NULL;
}

static char *
no_memory(Worker *worker)
{
	worker->result = store_failure(STORE_UNREACHABLE, NULL, "%s", strerror(ENOMEM));
	return xasprintf("could not be read: %s", worker->result.text);
}

/* Hash an object without looking into it. */
static char *
hash_object(Worker *worker, uint64_t bytes)
{
	uint64_t offset;

	if (!reserve_memory(worker, HASH_PIECE, 0))
		return no_memory(worker);
	for (offset = 0; offset < bytes; offset += HASH_PIECE)
	{
		size_t length = bytes - offset < HASH_PIECE ? (size_t) (bytes - offset) : HASH_PIECE;
		char *problem;

		if (stop_requested())
			return NULL;
		problem = read_piece(worker, length);
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

/*
 * The members that are read together: as many as fit in SPAN_LIMIT, at least
 * one.  One that is taken in pieces stands alone, and a piece is what is read.
 */
static uint32_t
span_of(const Manifest *manifest, const Member *members, uint32_t count, size_t *length)
{
	uint32_t n = 1;

	*length = members[0].length;
	if (in_pieces(manifest, &members[0]))
	{
		*length = HASH_PIECE;
		return 1;
	}
	while (n < count && *length + members[n].length <= SPAN_LIMIT &&
		   !in_pieces(manifest, &members[n]))
		*length += members[n++].length;
	return n;
}

/* Room for what comes out of a member. */
static size_t
raw_room(const Manifest *manifest, const Member *member)
{
	if (in_pieces(manifest, member))
		return STREAM_PIECE;
	return manifest->codec == CODEC_NONE ? 0 : (size_t) member->raw;
}

/* Buffers for the largest span and the largest member of an object. */
static bool
reserve_for_object(Worker *worker, const Member *members, uint32_t count)
{
	const Manifest *manifest = worker->verifier->manifest;
	size_t stored = 0;
	size_t raw = 0;
	size_t length;
	uint32_t i;
	uint32_t n;

	for (i = 0; i < count; i += n)
	{
		n = span_of(manifest, members + i, count - i, &length);
		stored = length > stored ? length : stored;
	}
	for (i = 0; i < count; i++)
		raw = raw_room(manifest, &members[i]) > raw ? raw_room(manifest, &members[i]) : raw;
	return reserve_memory(worker, stored, raw);
}

/* Read, hash and check a member in pieces. */
static char *
read_in_pieces(Worker *worker, const Member *member, char **content)
{
	uint64_t done;
	RowCheck check;
	bool looks = *content == NULL;

	begin_pieces(worker, &check, member);
	for (done = 0; done < member->length; done += HASH_PIECE)
	{
		uint64_t left = member->length - done;
		size_t length = left < HASH_PIECE ? (size_t) left : HASH_PIECE;
		char *problem;

		if (stop_requested())
			return NULL;
		problem = read_piece(worker, length);
		if (problem != NULL)
			return problem;
		if (looks && *content == NULL)
			*content = feed_piece(worker, &check, worker->stored, length);
	}
	if (looks && *content == NULL && !stop_requested())
		*content = end_pieces(worker, &check);
	return NULL;
}

/* Check a member whose stored bytes are in memory. */
static char *
check_member_in_memory(Worker *worker, const Member *member, const char *stored)
{
	RowCheck check;
	char *problem;

	if (!in_pieces(worker->verifier->manifest, member))
		return check_member(worker, member, stored);
	begin_pieces(worker, &check, member);
	problem = feed_piece(worker, &check, stored, member->length);
	if (problem == NULL && !stop_requested())
		problem = end_pieces(worker, &check);
	return problem;
}

/*
 * Hash an encrypted object, which is read and opened whole, and check its
 * members.
 */
static char *
read_encrypted_object(Worker *worker, const Job *job, char **content)
{
	const Manifest *manifest = worker->verifier->manifest;
	const Member *members = manifest->members + job->first_member;
	const ManifestObject *object = &manifest->objects[job->object];
	size_t raw = 0;
	char *problem;
	uint32_t i;

	for (i = 0; i < job->nmembers; i++)
		raw = raw_room(manifest, &members[i]) > raw ? raw_room(manifest, &members[i]) : raw;
	/* Twice: the opened object counts, too. */
	if (!reserve_memory(worker, 2 * (size_t) object->bytes, raw))
		return no_memory(worker);
	problem = read_piece(worker, object->bytes);
	if (problem != NULL)
		return problem;
	*content = object_decrypt(manifest, job->object, worker->stored, object->bytes, &worker->plain);
	for (i = 0; i < job->nmembers && *content == NULL && !stop_requested(); i++)
		*content =
			check_member_in_memory(worker, &members[i], worker->plain.data + members[i].offset);
	return NULL;
}

/*
 * Hash an object and check its members on the way.  *content is the first
 * thing wrong inside; reading goes on, because a wrong digest says more.
 */
static char *
read_object(Worker *worker, const Job *job, char **content)
{
	const Manifest *manifest = worker->verifier->manifest;
	const Member *members = manifest->members + job->first_member;
	uint32_t i = 0;

	if (!reserve_for_object(worker, members, job->nmembers))
		return no_memory(worker);
	while (i < job->nmembers)
	{
		size_t length;
		uint64_t offset = members[i].offset;
		uint32_t end = i + span_of(manifest, members + i, job->nmembers - i, &length);
		char *problem;

		if (stop_requested())
			return NULL;
		if (in_pieces(manifest, &members[i]))
			problem = read_in_pieces(worker, &members[i++], content);
		else
			problem = read_piece(worker, length);
		if (problem != NULL)
			return problem;
		for (; i < end; i++)
		{
			if (*content == NULL && !stop_requested())
				*content = check_member(worker, &members[i],
										worker->stored + (members[i].offset - offset));
		}
	}
	return NULL;
}

/* Read an object that has the right length.  NULL or what is wrong with it. */
static char *
check_content(Worker *worker, const Job *job)
{
	const Manifest *manifest = worker->verifier->manifest;
	const ManifestObject *object = &manifest->objects[job->object];
	char *problem;
	char *content = NULL;
	DigestHex hex;

	if (worker->verifier->depth == VERIFY_DIGESTS || job->nmembers == 0)
		problem = hash_object(worker, object->bytes);
	else if (manifest->cipher != CIPHER_NONE)
		problem = read_encrypted_object(worker, job, &content);
	else
		problem = read_object(worker, job, &content);

	/* Always finish the digest: that readies it for the next object. */
	if (!digest_final(worker->digest, hex) && problem == NULL)
		problem = xasprintf("could not be hashed");
	if (problem == NULL && !stop_requested() && strcmp(hex, object->id) != 0)
		problem = xasprintf("does not match its digest: its bytes have SHA-256 %s", hex);
	if (problem == NULL)
		return content;
	free(content);
	return problem;
}

/* Check one object.  NULL or what is wrong with it. */
static char *
check_object(Worker *worker, const Job *job, const char *path)
{
	Storage *storage = worker->verifier->home->storage;
	const ManifestObject *object = &worker->verifier->manifest->objects[job->object];
	StoreInfo info;
	char *problem;

	if (!place_is_asked(worker->verifier->home))
		worker->result =
			store_failure(STORE_UNREACHABLE, NULL, "its place could not be reached before");
	else
		worker->result = storage->get(storage, path, 0, STORE_TO_END, &worker->reader, &info);
	place_note_result(worker->verifier->home, &worker->result);
	if (worker->result.code == STORE_ABSENT)
		return xasprintf("is missing");
	if (worker->result.code != STORE_OK)
		return xasprintf("could not be read: %s", worker->result.text);
	if (info.bytes != object->bytes)
		problem = xasprintf("has %" PRIu64 " bytes instead of %" PRIu64, info.bytes, object->bytes);
	else
		problem = check_content(worker, job);
	worker->reader->close(worker->reader);
	return problem;
}

/*
 * Look for an object in the other places that is not good at home.  Gives what is wrong all the
 * same, to be freed; NULL if it will do that it is good there.
 */
static char *
check_elsewhere(Worker *worker, const Job *job, const char *path, char *problem)
{
	const Verifier *verifier = worker->verifier;
	const Repository *found;
	Buffer stored;
	char *text;

	if (problem == NULL)
		return NULL;
	buffer_init(&stored);
	found = object_read_elsewhere(verifier->repository, verifier->manifest, job->object, &stored);
	buffer_free(&stored);
	if (found == NULL)
		return problem;
	if (!verifier->anywhere)
		text = xasprintf("%s; it is good in \"%s\"", problem, found->storage->location);
	else
	{
		object_note_bad(verifier->home, verifier->manifest, job->object, problem, &worker->result);
		place_say_passed_over(verifier->repository, verifier->home, path, problem, found);
		worker->result = store_ok();
		text = NULL;
	}
	free(problem);
	return text;
}

/* ---- threads ---- */

static Job *
claim_job(Verifier *verifier)
{
	Job *job = NULL;

	pthread_mutex_lock(&verifier->mutex);
	if (verifier->next_job < verifier->njobs)
		job = &verifier->jobs[verifier->next_job++];
	pthread_mutex_unlock(&verifier->mutex);
	return job;
}

static void *
worker_main(void *argument)
{
	Worker *worker = argument;
	Verifier *verifier = worker->verifier;
	Job *job;

	worker->digest = digest_create();
	worker->decompressor = decompressor_create(verifier->manifest->codec);
	if (worker->digest == NULL || worker->decompressor == NULL)
		verifier->unable = true;
	while (!verifier->unable && !stop_requested() && (job = claim_job(verifier)) != NULL)
	{
		char *path = manifest_object_path(verifier->manifest, job->object);

		job->problem = check_elsewhere(worker, job, path, check_object(worker, job, path));
		job->unreadable = store_inaccessible(&worker->result);
		job->blames = store_blames_file(&worker->result);
		job->hint = worker->result.hint;
		job->done = !stop_requested();
		atomic_fetch_add(&progress.units_done, 1);
		free(path);
	}
	release_memory(worker);
	buffer_free(&worker->plain);
	if (worker->decompressor != NULL)
		decompressor_free(worker->decompressor);
	if (worker->digest != NULL)
		digest_free(worker->digest);
	return NULL;
}

/* Run the jobs.  False (reported) if not all of them could be done. */
static bool
run_workers(Verifier *verifier, int threads)
{
	Worker workers[MAX_THREADS];
	int error = 0;
	int started;
	int i;

	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
	if ((uint32_t) threads > verifier->njobs)
		threads = (int) verifier->njobs;
	memset(workers, 0, sizeof(workers));
	for (started = 0; started < threads; started++)
	{
		workers[started].verifier = verifier;
		error = pthread_create(&workers[started].thread, NULL, worker_main, &workers[started]);
		if (error != 0)
			break;
	}
	if (started == 0 && verifier->njobs > 0)
		return report_error(EXIT_FAILED, NULL, NULL, "could not start a thread: %s",
							strerror(error));
	for (i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	if (verifier->unable)
		return report_error(EXIT_FAILED, NULL, NULL, "could not set up SHA-256 or decompression");
	return !stop_requested();
}

/* ---- jobs and report ---- */

static int
compare_jobs(const void *a, const void *b, void *argument)
{
	const Manifest *manifest = argument;
	const Job *left = a;
	const Job *right = b;
	uint64_t left_bytes = manifest->objects[left->object].bytes;
	uint64_t right_bytes = manifest->objects[right->object].bytes;

	if (left_bytes != right_bytes)
		return left_bytes > right_bytes ? -1 : 1;
	return left->object < right->object ? -1 : left->object > right->object;
}

/* One job an object; those that were seen in this run are accounted at once. */
static void
make_jobs(Verifier *verifier, const bool *picked, const ObjectSet *seen, VerifyReport *report)
{
	const Manifest *manifest = verifier->manifest;
	Job *all = xcalloc(manifest->nobjects > 0 ? manifest->nobjects : 1, sizeof(Job));
	uint32_t i;

	for (i = 0; i < manifest->nmembers; i++)
	{
		Job *job = &all[manifest->members[i].object];

		if (job->nmembers++ == 0)
			job->first_member = i;
	}
	for (i = 0; i < manifest->nobjects; i++)
	{
		const ManifestObject *object = &manifest->objects[i];
		const ObjectSetEntry *entry = NULL;
		Job job = all[i];

		if (picked != NULL && !picked[i])
			continue;
		job.object = i;
		job.fingerprint = object_claims(manifest, job.first_member, job.nmembers);
		if (seen != NULL)
			entry = object_set_find(seen, object->id, manifest->codec);
		if (entry != NULL && entry->fingerprint == job.fingerprint)
		{
			verify_report_add(report, manifest, job.object, job.first_member, job.nmembers,
							  entry->note);
			atomic_fetch_add(&progress.units_done, 1);
			atomic_fetch_add(&progress.weight_done, object->bytes);
		}
		else
			all[verifier->njobs++] = job;
	}
	verifier->jobs = all;
	qsort_r(all, verifier->njobs, sizeof(Job), compare_jobs, (void *) manifest);
}

/* What was found is known from now on, whoever stores that object again. */
static void
remember(const Verifier *verifier, const Job *job, const ObjectSet *bad)
{
	const Manifest *manifest = verifier->manifest;
	const char *id = manifest->objects[job->object].id;

	if (job->problem != NULL && job->blames)
		bad_object_note(verifier->home, manifest, job->object, job->problem);
	else if (job->problem == NULL && object_set_find(bad, id, manifest->codec) != NULL)
		bad_object_forget(verifier->home, manifest->server.label, id, manifest->codec,
						  manifest->cipher);
}

/* Report what was done, in the order of size, and remember it. */
static void
collect(const Verifier *verifier, ObjectSet *seen, VerifyReport *report)
{
	const Manifest *manifest = verifier->manifest;
	ObjectSet bad;
	uint32_t i;

	object_set_init(&bad);
	bad_objects_load(verifier->home, manifest->server.label, &bad);
	for (i = 0; i < verifier->njobs; i++)
	{
		const Job *job = &verifier->jobs[i];

		if (!job->done)
			continue;
		remember(verifier, job, &bad);
		if (job->unreadable)
		{
			verify_report_unreadable(report, manifest, job->object, job->problem, job->hint);
			continue;
		}
		verify_report_add(report, manifest, job->object, job->first_member, job->nmembers,
						  job->problem);
		if (seen != NULL)
		{
			ObjectSetEntry *entry =
				object_set_add(seen, manifest->objects[job->object].id, manifest->codec);

			if (entry != NULL)
			{
				free(entry->note);
				entry->note = xstrdup(job->problem);
				entry->fingerprint = job->fingerprint;
			}
		}
	}
	object_set_free(&bad);
}

static bool
verify(Verifier *verifier, const bool *picked, int threads, ObjectSet *seen, VerifyReport *report)
{
	bool complete;
	uint32_t i;

	memset(report, 0, sizeof(*report));
	verifier->home = repository_place(verifier->repository, verifier->manifest->place, 0);
	pthread_mutex_init(&verifier->mutex, NULL);
	pthread_cond_init(&verifier->released, NULL);
	verifier->remote = verifier->home->storage->can.uploads > 1;
	if (verifier->remote && threads < verifier->home->storage->can.uploads)
		threads = verifier->home->storage->can.uploads;
	make_jobs(verifier, picked, seen, report);
	complete = run_workers(verifier, threads < 1 ? 1 : threads);
	collect(verifier, seen, report);
	for (i = 0; verifier->anywhere && i < (uint32_t) report->nbad; i++)
		verify_report_say(verifier->manifest, &report->bad[i]);
	verifier->repository->unreadable = report->nunreadable > 0;
	for (i = 0; i < verifier->njobs; i++)
		free(verifier->jobs[i].problem);
	free(verifier->jobs);
	pthread_cond_destroy(&verifier->released);
	pthread_mutex_destroy(&verifier->mutex);
	return complete;
}

bool
verify_objects_once(Repository *repository, const Manifest *manifest, VerifyDepth depth,
					const bool *picked, int threads, ObjectSet *seen, VerifyReport *report)
{
	Verifier verifier = {.repository = repository, .manifest = manifest, .depth = depth};

	return verify(&verifier, picked, threads, seen, report);
}

bool
verify_objects(Repository *repository, const Manifest *manifest, VerifyDepth depth, int threads,
			   VerifyReport *report)
{
	Verifier verifier = {
		.repository = repository, .manifest = manifest, .depth = depth, .anywhere = true};

	return verify(&verifier, NULL, threads, NULL, report) && report->nunreadable == 0;
}
