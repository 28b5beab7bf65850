/*-------------------------------------------------------------------------
 *
 * recovery_proof.c
 *	  All WAL that a recovery replays is read before a file is written.
 *
 * Threads take some segments each.  A record that goes on behind them is read
 * to its end by the thread that has its beginning.
 *
 *-------------------------------------------------------------------------
 */
#include "recovery_proof.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "path_reader.h"
#include "progress.h"

/* Segments that a thread takes at once: it reads one more for the last record. */
#define PART 16

/* Each has two segments in memory. */
#define MAX_THREADS 16

typedef struct Proof
{
	const RecoveryPlan *plan;
	_Atomic uint64_t next; /* number of the segment that nobody has taken */
	uint64_t end;          /* records behind it are not replayed */
	pthread_mutex_t lock;
	LaterTablespaces *found;
} Proof;

/* Segments of one thread. */
typedef struct ProofPart
{
	Proof *proof;
	uint64_t end; /* what begins there or behind it is another's */
} ProofPart;

static bool
take_record(const WalEvent *event, void *argument)
{
	const ProofPart *part = argument;
	Proof *proof = part->proof;
	LaterTablespaces *found = proof->found;

	if (event->lsn >= part->end)
		return false;
	if (event->kind != WAL_EVENT_TABLESPACE || event->lsn < proof->plan->base->cluster.start ||
		event->lsn > proof->end)
		return true;
	pthread_mutex_lock(&proof->lock);
	found->items = xrealloc(found->items, (found->count + 1) * sizeof(LaterTablespace));
	found->items[found->count++] = (LaterTablespace){event->oid, event->lsn, xstrdup(event->path)};
	pthread_mutex_unlock(&proof->lock);
	return true;
}

static bool
prove_part(Proof *proof, uint64_t first)
{
	uint64_t last = proof->plan->last_segment;
	uint64_t behind = last - first >= PART ? first + PART : last + 1;
	ProofPart part = {proof, behind * proof->plan->inventory.system.segment_size};
	WalRecords records;
	bool good = true;
	uint64_t number;

	wal_records_begin(&records, take_record, &part);
	for (number = first; number <= last && good && !records.ended &&
						 (number < behind || wal_records_pending(&records));
		 number++)
		good = !stop_requested() && path_read(&proof->plan->path, number, &records);
	wal_records_end(&records);
	return good;
}

static void *
prove_parts(void *argument)
{
	Proof *proof = argument;
	bool good = true;
	uint64_t first;

	while (good && (first = atomic_fetch_add(&proof->next, PART)) <= proof->plan->last_segment)
		good = prove_part(proof, first);
	if (!good)
		stop_request();
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	uint64_t left = ((const LaterTablespace *) a)->lsn;
	uint64_t right = ((const LaterTablespace *) b)->lsn;

	return left < right ? -1 : left > right;
}

/* Where the server stops: what it has then replayed ends there. */
static uint64_t
end_of(const RecoveryPlan *plan)
{
	if (plan->target.kind == TARGET_IMMEDIATE)
		return plan->base->cluster.stop;
	return plan->found ? plan->at.lsn : UINT64_MAX;
}

bool
recovery_prove(const RecoveryPlan *plan, int threads, LaterTablespaces *found)
{
	Proof proof = {.plan = plan, .next = plan->path.first, .end = end_of(plan), .found = found};
	pthread_t ids[MAX_THREADS];
	int started = 0;
	int error = 0;
	int i;

	pthread_mutex_init(&proof.lock, NULL);
	progress_phase("reading the WAL", "segments", plan->last_segment - plan->path.first + 1, 0);
	while (started < threads && started < MAX_THREADS && error == 0)
	{
		error = pthread_create(&ids[started], NULL, prove_parts, &proof);
		started += error == 0;
	}
	for (i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	pthread_mutex_destroy(&proof.lock);
	if (started == 0)
		return report_error(EXIT_FAILED, strerror(error), NULL, "could not start a thread");
	if (found->count > 0)
		qsort(found->items, found->count, sizeof(LaterTablespace), compare);
	return !stop_requested();
}
