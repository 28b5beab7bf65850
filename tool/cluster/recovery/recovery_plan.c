/*-------------------------------------------------------------------------
 *
 * recovery_plan.c
 *	  From which base backup, and over which WAL, a cluster comes to a moment.
 *
 * A server stops at the first record that its target means, in the order of
 * the WAL.  So one record that it would stop at, behind the point from which
 * the base backup is consistent, proves that it stops there or before.  Of a
 * time, that one is looked for by halving, as times go up with the WAL but
 * for steps of the clock; a step makes the server stop earlier, not never.
 *
 *-------------------------------------------------------------------------
 */
#include "recovery_plan.h"

#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "backups.h"
#include "base_choice.h"
#include "choose.h"
#include "cluster_settings.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "path_reader.h"
#include "progress.h"
#include "resolve.h"
#include "settings.h"
#include "utc_time.h"
#include "wal_end.h"
#include "wal_position.h"

#define POSTGRES_EPOCH 946684800

/* ---- the target ---- */

/* Look for the target, and note the last transaction before it. */
static bool
visit_target(const WalEvent *event, void *argument)
{
	RecoveryPlan *plan = argument;

	if (event->lsn < plan->base->cluster.start)
		return true;
	if (event->lsn < plan->base->cluster.stop)
	{
		plan->too_late = plan->too_late || recovery_target_is_at(&plan->target, event);
		return !plan->too_late;
	}
	plan->found = recovery_target_is_at(&plan->target, event);
	if (plan->found)
		plan->at = *event;
	if (path_is_end(event) &&
		(!plan->found || (plan->target.kind != TARGET_TIME && !plan->target.exclusive)))
	{
		plan->last = *event;
		plan->has_last = true;
	}
	return !plan->found;
}

static void
find_newest(RecoveryPlan *plan)
{
	if (!plan->has_newest)
		plan->has_newest = path_newest(&plan->path, &plan->newest);
}

static uint64_t
segment_of(const RecoveryPlan *plan, uint64_t lsn)
{
	return lsn / plan->inventory.system.segment_size;
}

/*
 * A segment from which on a time is to be looked for: a transaction in it ended before, or it is
 * the one from which the base backup is consistent.  One that cannot be read may be behind the
 * time, so it is looked for before that; if it is not found there, that segment is come to.
 */
static uint64_t
find_time(const RecoveryPlan *plan)
{
	uint64_t low = segment_of(plan, plan->base->cluster.stop - 1);
	uint64_t high = plan->path.last;

	while (low < high)
	{
		uint64_t middle = low + (high - low + 1) / 2;
		WalEvent first = {.kind = WAL_EVENT_OTHER};

		if (!path_scan_behind(&plan->path, middle, high, path_visit_first, &first) ||
			first.kind == WAL_EVENT_OTHER || recovery_target_is_at(&plan->target, &first))
			high = middle - 1;
		else
			low = segment_of(plan, first.lsn) > middle ? segment_of(plan, first.lsn) : middle;
	}
	return low;
}

/* Look for the record at which the server stops.  False (reported) if that cannot be done. */
static bool
find_target(RecoveryPlan *plan)
{
	uint64_t from = segment_of(plan, plan->base->cluster.stop - 1);

	plan->last_segment = plan->path.last;
	if (plan->target.kind == TARGET_IMMEDIATE)
		plan->last_segment = from;
	if (plan->target.kind == TARGET_END || plan->target.kind == TARGET_IMMEDIATE)
		return true;
	/* The server stops at the first restore point of the name, also if it is not consistent yet. */
	if (plan->target.kind == TARGET_NAME)
		from = plan->path.first;
	progress_phase("looking for the target in the WAL", "segments", plan->path.last - from + 1, 0);
	if (plan->target.kind == TARGET_LSN && segment_of(plan, plan->target.lsn) > from)
		from = segment_of(plan, plan->target.lsn);
	if (plan->target.kind == TARGET_TIME)
		from = find_time(plan);
	if (!path_scan(&plan->path, from, plan->path.last, visit_target, plan))
		return false;
	if (plan->found)
		plan->last_segment = segment_of(plan, plan->at.lsn);
	return true;
}

/*
 * The segment in which a timeline was left is archived of that one alone: the way to what it has
 * before that.  A hint, or NULL; caller frees.
 */
static char *
hint_of_left(const RecoveryPlan *plan)
{
	const PathStep *step;
	const WalFile *left = recovery_path_left(&plan->path, &step);
	char lsn[WAL_POSITION_SIZE];

	if (left == NULL)
		return NULL;
	wal_lsn_print(step->begin, lsn);
	return xasprintf("If a server of timeline %u still runs, pg_switch_wal() has it archive what "
					 "is missing.  --timeline=%u recovers along the older timeline; with "
					 "--target-lsn=%s --exclusive, to where timeline %u begins.",
					 step->timeline, left->name.timeline, lsn, step->timeline);
}

static bool
report_unreachable(const RecoveryPlan *plan)
{
	char *left = hint_of_left(plan);
	char time[TARGET_TIME_SIZE] = "";
	uint64_t behind = recovery_path_behind_gap(&plan->path);
	char *detail;
	WalName name;

	recovery_path_name(&plan->path, plan->path.last, &name);
	if (plan->has_newest)
		recovery_time_text(plan->newest.time, time);
	detail = xasprintf("The WAL that is archived without a gap ends with segment %.24s%s%s%s.",
					   name.text, plan->has_newest ? ", and its last transaction ended at " : "",
					   time, behind != 0 ? "; there is more behind a gap" : "");
	report_error(EXIT_FAILED, detail,
				 left != NULL ? left
				 : plan->target.kind == TARGET_XID || plan->target.kind == TARGET_NAME
					 ? "\"nex_backup base list\" shows what there is; a base backup that is older "
					   "may be named, or another --timeline."
					 : "Leave the target out to recover all that is archived.  If the server still "
					   "runs, pg_switch_wal() has it archive what is missing.",
				 "the target cannot be reached from base backup %s: no record in the archived WAL "
				 "is at it or behind it",
				 plan->base->id);
	free(left);
	free(detail);
	return false;
}

/* ---- a recovery to the end ---- */

/* A recovery to the end would come to this, and not to its end. */
static bool
report_gap(const RecoveryPlan *plan, const char *missing, const char *later)
{
	char time[TARGET_TIME_SIZE];
	char lsn[WAL_POSITION_SIZE];
	char *detail = NULL;
	char *hint = NULL;

	if (plan->has_newest)
	{
		recovery_time_text(plan->newest.time, time);
		wal_lsn_print(plan->newest.lsn, lsn);
		detail = xasprintf("The last transaction before the gap ended at %s.", time);
		hint =
			xasprintf("To recover as far as that: --target-lsn=%s.  Or take a base backup behind "
					  "the gap; \"nex_backup wal list\" shows what is missing.",
					  lsn);
	}
	report_error(EXIT_INTEGRITY, detail,
				 hint != NULL ? hint
							  : "Take a base backup behind the gap, or a target before it; "
								"\"nex_backup wal list\" shows what is missing.",
				 "WAL segment %s is missing or there twice, and the archive has %s", missing,
				 later);
	free(hint);
	free(detail);
	return false;
}

static bool
refuse_gap(const RecoveryPlan *plan)
{
	uint64_t behind = recovery_path_behind_gap(&plan->path);
	WalName missing;
	WalName later;

	if (behind == 0)
		return true;
	recovery_path_name(&plan->path, plan->path.last + 1, &missing);
	recovery_path_name(&plan->path, behind, &later);
	return report_gap(plan, missing.text, later.text);
}

/*
 * Where a timeline has its history but nothing of what it wrote, the server takes the WAL that an
 * older one wrote behind the place where it was left: what the recovery that left it undid.
 */
static bool
refuse_left(const RecoveryPlan *plan)
{
	const PathStep *step;
	const WalFile *left = recovery_path_left(&plan->path, &step);
	char *hint;
	WalName missing;

	if (left == NULL)
		return true;
	recovery_path_name(&plan->path, plan->path.last + 1, &missing);
	hint = hint_of_left(plan);
	report_error(EXIT_INTEGRITY,
				 "The server would replay that instead, which does not belong to the state from "
				 "which the newer timeline began.",
				 hint,
				 "WAL segment %s is missing, and the archive has %s of the timeline that was left",
				 missing.text, left->name.text);
	free(hint);
	return false;
}

/* Has a segment come since the WAL was listed, right behind what was there? */
static bool
has_come(const RecoveryPlan *plan, const char *later)
{
	WalName name;
	uint64_t number;

	return later != NULL && wal_name_parse(later, &name) && name.kind == WAL_SEGMENT &&
		   wal_segment_number(&name, plan->inventory.system.segment_size, &number) &&
		   number == plan->path.last + 1 &&
		   name.timeline == plan->path.steps[plan->path.count - 1].timeline;
}

/*
 * The server ends its recovery if "wal get" says of the segment behind the last one that nothing
 * comes after it; the same is asked here.  A history, a label or a part of a segment tells of a gap
 * as well as a segment does.
 */
static bool
refuse_unknown_end(const RecoveryPlan *plan)
{
	WalName name;
	char *later;
	WalEnd end;
	bool good;

	recovery_path_name(&plan->path, plan->path.last + 1, &name);
	end = wal_end_look(&plan->inventory.system, &name, &later);
	good = end != WAL_END_UNKNOWN &&
		   (end != WAL_END_GAP || has_come(plan, later) || report_gap(plan, name.text, later));
	free(later);
	return good;
}

/* ---- the base backup ---- */

/* Can a recovery from this base backup stop at the target, as far as it says itself? */
static bool
is_early_enough(const RecoveryTarget *target, const Manifest *base)
{
	double consistent = utc_time_read(base->snapshot_at);

	if (target->kind == TARGET_LSN)
		return base->cluster.stop <= target->lsn;
	return target->kind != TARGET_TIME ||
		   (int64_t) ((consistent - POSTGRES_EPOCH) * 1e6) <= target->time;
}

static void
forget_base(RecoveryPlan *plan)
{
	manifest_free(plan->base);
	plan->base = NULL;
	recovery_path_free(&plan->path);
	plan->found = plan->too_late = plan->has_last = plan->has_newest = false;
	plan->newest.kind = WAL_EVENT_OTHER;
}

typedef enum BaseVerdict
{
	BASE_FITS,
	BASE_TOO_LATE,
	BASE_TOO_EARLY, /* the target is not in the WAL behind it */
	BASE_LACKS_WAL,
	BASE_FAILED /* reported */
} BaseVerdict;

/* The same, where an older base backup may find it before WAL that is damaged: what is wrong. */
static char *
find_target_or_problem(RecoveryPlan *plan)
{
	LogCapture capture = {.code = EXIT_DONE};
	char *problem = NULL;

	log_capture(&capture);
	if (!find_target(plan) && capture.error != NULL)
		problem = xasprintf("base backup %s cannot be used: %s", plan->base->id, capture.error);
	log_capture(NULL);
	log_capture_free(&capture);
	return problem;
}

/* Take this one, if it can be, or it may be an older one.  *problem: of BASE_LACKS_WAL. */
static BaseVerdict
try_base(BaseChoice *choice, int i, RecoveryPlan *plan, bool may_be_older, char **problem)
{
	forget_base(plan);
	plan->name = choice->names[i];
	plan->base = repository_manifest_inside(choice->repository, &plan->name);
	if (plan->base == NULL)
		return BASE_FAILED;
	if (!is_early_enough(&plan->target, plan->base))
		return BASE_TOO_LATE;
	*problem = recovery_path_find(&plan->inventory, plan->base, choice->timeline, &plan->path);
	if (*problem != NULL)
		return BASE_LACKS_WAL;
	if (may_be_older)
		*problem = find_target_or_problem(plan);
	else if (!find_target(plan))
		return BASE_FAILED;
	if (*problem != NULL)
		return BASE_LACKS_WAL;
	if (stop_requested())
		return BASE_FAILED;
	if (plan->too_late)
		return BASE_TOO_LATE;
	return plan->found || plan->target.kind == TARGET_END || plan->target.kind == TARGET_IMMEDIATE
			   ? BASE_FITS
			   : BASE_TOO_EARLY;
}

static bool
report_too_early(const RecoveryPlan *plan)
{
	char *detail = xasprintf("Base backup %s is consistent from %s on.", plan->base->id,
							 plan->base->snapshot_at);

	report_error(EXIT_FAILED, detail,
				 "\"nex_backup base list\" shows what there is.  A moment before the oldest base "
				 "backup cannot be reached.",
				 "the target is before the base backup is consistent");
	free(detail);
	return false;
}

/*
 * WAL that a base backup needs is not there: the next older one may come to a transaction or a
 * restore point before that; to nothing else.  Takes over the problem.
 */
static bool
pass_over(const RecoveryPlan *plan, char *problem, bool may_be_older)
{
	char *left = may_be_older ? NULL : hint_of_left(plan);

	if (!may_be_older)
		report_error(EXIT_INTEGRITY, NULL,
					 left != NULL ? left : "\"nex_backup wal list\" shows what there is.", "%s",
					 problem);
	else
		log_warning("%s, so it is passed over", problem);
	free(left);
	free(problem);
	return may_be_older;
}

/*
 * The newest base backup that comes to the target.  Of a time and a position, older ones than the
 * first that is early enough come to nothing else; a transaction, and a restore point, may be
 * before that one.
 */
static bool
choose_base(BaseChoice *choice, RecoveryPlan *plan)
{
	bool is_searched = plan->target.kind == TARGET_XID || plan->target.kind == TARGET_NAME;
	BaseVerdict verdict = BASE_TOO_LATE;
	int i = base_choice_before(choice, choice->count);

	while (i >= 0 && (verdict != BASE_TOO_EARLY || is_searched))
	{
		char *problem = NULL;

		verdict = try_base(choice, i, plan, is_searched && i > 0, &problem);
		if (verdict == BASE_FITS || verdict == BASE_FAILED)
			return verdict == BASE_FITS;
		if (verdict != BASE_TOO_EARLY || is_searched)
			i = base_choice_before(choice, i);
		if (verdict == BASE_LACKS_WAL && !pass_over(plan, problem, is_searched && i >= 0))
			return false;
	}
	if (verdict == BASE_TOO_LATE)
		return report_too_early(plan);
	find_newest(plan);
	return report_unreachable(plan);
}

/* Those of one server; the one that is named, or all. */
static bool
list_bases(Repository *repository, const char *text, BackupName **names, int *count)
{
	const char *slash = text != NULL ? strrchr(text, '/') : NULL;
	const char *id = slash != NULL ? slash + 1 : text;
	BackupName chosen;

	*names = NULL;
	if (!repository_resolve_cluster(repository, text, &chosen))
		return false;
	if (id != NULL && backup_id_valid(id))
	{
		*names = xcalloc(1, sizeof(BackupName));
		**names = chosen;
		*count = 1;
		return true;
	}
	if (!repository_list_clusters(repository, chosen.owner.name, names, count))
		return false;
	repository_sort(repository, *names, *count);
	return true;
}

bool
recovery_plan_make(const Settings *settings, Repository *repository, const char *base,
				   RecoveryPlan *plan)
{
	const char *timeline = settings->cluster->timeline;
	BaseChoice choice = {.places = NULL};
	BackupName *names = NULL;
	int count = 0;
	bool good;

	memset(plan, 0, sizeof(*plan));
	good =
		recovery_target_read(settings->cluster, &plan->target) &&
		list_bases(repository, base, &names, &count) &&
		wal_inventory_take(repository, strtoull(names[0].owner.name, NULL, 16), &plan->inventory) &&
		base_choice_make(repository, &plan->inventory,
						 timeline != NULL ? (uint32_t) strtoul(timeline, NULL, 10) : 0, names,
						 count, &choice) &&
		choose_base(&choice, plan);
	if (good)
		find_newest(plan);
	if (good && plan->target.kind == TARGET_END)
	{
		plan->last = plan->newest;
		plan->has_last = plan->has_newest;
		good = refuse_gap(plan) && refuse_left(plan) && refuse_unknown_end(plan);
	}
	base_choice_free(&choice);
	free(names);
	return good;
}

void
recovery_plan_free(RecoveryPlan *plan)
{
	forget_base(plan);
	wal_inventory_free(&plan->inventory);
}

uint64_t
recovery_plan_wal_bytes(const RecoveryPlan *plan)
{
	uint64_t bytes = 0;
	uint64_t number;

	for (number = plan->path.first; number <= plan->last_segment; number++)
		bytes += recovery_path_segment(&plan->path, number)->bytes;
	return bytes;
}
