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
#include "wal_position.h"

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
	uint64_t minimal; /* the first record of WAL that lacks what a recovery needs; 0: none */
	bool changed;     /* settings were; these are the greatest: */
	uint32_t settings[WAL_SETTINGS];
} Proof;

/* Segments of one thread. */
typedef struct ProofPart
{
	Proof *proof;
	uint64_t end; /* what begins there or behind it is another's */
} ProofPart;

static void
take_settings(Proof *proof, const WalEvent *event)
{
	int i;

	if (event->minimal && (proof->minimal == 0 || event->lsn < proof->minimal))
		proof->minimal = event->lsn;
	proof->changed = true;
	for (i = 0; i < WAL_SETTINGS; i++)
	{
		if (event->settings[i] > proof->settings[i])
			proof->settings[i] = event->settings[i];
	}
}

static void
take_tablespace(Proof *proof, const WalEvent *event)
{
	LaterTablespaces *found = proof->found;

	found->items = xrealloc(found->items, (found->count + 1) * sizeof(LaterTablespace));
	found->items[found->count++] = (LaterTablespace){event->oid, event->lsn, xstrdup(event->path)};
}

static bool
take_record(const WalEvent *event, void *argument)
{
	const ProofPart *part = argument;
	Proof *proof = part->proof;

	if (event->lsn >= part->end)
		return false;
	if ((event->kind != WAL_EVENT_TABLESPACE && event->kind != WAL_EVENT_SETTINGS) ||
		event->lsn < proof->plan->base->cluster.start || event->lsn > proof->end)
		return true;
	pthread_mutex_lock(&proof->lock);
	if (event->kind == WAL_EVENT_SETTINGS)
		take_settings(proof, event);
	else
		take_tablespace(proof, event);
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

/* Where the server stops: records behind it are not replayed. */
static uint64_t
end_of(const RecoveryPlan *plan)
{
	if (plan->target.kind == TARGET_IMMEDIATE)
		return plan->base->cluster.stop;
	if (!plan->found)
		return UINT64_MAX;
	return plan->target.exclusive || plan->target.kind == TARGET_TIME ? plan->at.lsn - 1
																	  : plan->at.lsn;
}

static bool
refuse_minimal(uint64_t lsn)
{
	char text[WAL_POSITION_SIZE];
	char *hint;

	wal_lsn_print(lsn, text);
	hint = xasprintf("Recover to before that (--target-lsn=%s --exclusive), or from a base backup "
					 "that is newer.  If there is none, make one now.",
					 text);
	report_error(
		EXIT_INTEGRITY, "What was loaded then is not in the WAL, and the server stops there.", hint,
		"no recovery gets past %s, where the server was started with wal_level = minimal", text);
	free(hint);
	return false;
}

/* What the base backup had is not known here; the server looks at that when it starts. */
static void
say_settings(const Proof *proof)
{
	Buffer text;
	int i;

	if (!proof->changed)
		return;
	buffer_init(&text);
	for (i = 0; i < WAL_SETTINGS; i++)
		buffer_printf(&text, "%s%s = %u", i > 0 ? ", " : "", wal_setting_names[i],
					  proof->settings[i]);
	log_warning_hint("With less of one of them, the recovery would pause for good, read-only: look "
					 "at postgresql.conf before the server is started.",
					 "the settings of the server were changed after the base backup; it needs at "
					 "least %s",
					 text.data);
	buffer_free(&text);
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
	if (proof.minimal != 0 && !stop_requested())
		return refuse_minimal(proof.minimal);
	say_settings(&proof);
	if (found->count > 0)
		qsort(found->items, found->count, sizeof(LaterTablespace), compare);
	return !stop_requested();
}
