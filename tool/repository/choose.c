/*-------------------------------------------------------------------------
 *
 * choose.c
 *	  Which backup is the latest, and which one shows a given time.
 *
 * The time of a backup is that of its snapshot, by the server's clock, and
 * is recorded in its manifest.  Its id is made from the clock of the host that ran
 * the tool, which may be wrong, and which differs from host to host; so an id
 * never decides, except where there is nothing else: where the manifest is
 * damaged.  To pass over a damaged backup in silence would restore an older
 * state than was asked for.
 *
 * Files have no server, and so no other clock than that of the host that backs
 * them up.  There, a backup that is dated in the future is passed over as long
 * as there is one that is not.
 *
 * The time is near the beginning of a manifest, which may be large.  So only
 * its first bytes are read, except of the backups whose ids are later than
 * that of the chosen one: they must prove that they are older, because a
 * damaged byte could say so, too.
 *
 *-------------------------------------------------------------------------
 */
#include "choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "at_once.h"
#include "backups.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "utc_time.h"
#include "wal_position.h"

/* "snapshot_at" is within so many bytes, as this program writes manifests. */
#define HEAD_BYTES 640

/* Among so many backups before it one is looked for that a standby was behind. */
#define MOST_OF_STANDBY 4

#define TIME_KEY "\n\"snapshot_at\": \""

/* A backup and the time that it counts as. */
typedef struct Candidate
{
	const BackupName *name;
	double when;
	bool peeked;  /* the beginning of the manifest has told */
	bool read;    /* the whole manifest, so that its digests have told */
	bool damaged; /* and only the id is left */
	bool removed; /* since it was listed: it is none any more */
} Candidate;

/* By the beginning of the manifest alone; false if that does not tell. */
static bool
peek_time(Repository *repository, const BackupName *name, double *seconds)
{
	char head[HEAD_BYTES + 1];
	char *path = backup_path(name, ".json");
	StoreResult result = storage_read_range(repository->storage, path, 0, HEAD_BYTES, head);
	char *end;
	char *text;

	free(path);
	if (result.code != STORE_OK)
		return false;
	head[HEAD_BYTES] = '\0';
	text = strstr(head, TIME_KEY);
	if (text == NULL)
		return false;
	text += strlen(TIME_KEY);
	end = strchr(text, '"');
	if (end == NULL)
		return false;
	*end = '\0';
	return utc_time_parse(text, seconds);
}

/* By the whole manifest; false if that is damaged. */
static bool
read_time(Repository *repository, const BackupName *name, double *seconds)
{
	char *error = NULL;
	Manifest *manifest = repository_manifest_try(repository, name, &error);
	bool good = manifest != NULL && utc_time_parse(manifest->snapshot_at, seconds);

	manifest_free(manifest);
	free(error);
	return good;
}

double
backup_snapshot_time(Repository *repository, const BackupName *name)
{
	double seconds;

	if (peek_time(repository, name, &seconds) || read_time(repository, name, &seconds))
		return seconds;
	return (double) backup_id_time(name->id);
}

/* Learn its time; by the id alone if there is nothing else. */
static void
read_candidate(Repository *repository, Candidate *candidate)
{
	candidate->read = true;
	candidate->damaged = !read_time(repository, candidate->name, &candidate->when);
	if (!candidate->damaged)
		return;
	candidate->when = (double) backup_id_time(candidate->name->id);
	candidate->removed = repository_was_removed(repository, candidate->name);
}

/* ---- two snapshots ---- */

/* Order of two backups of one server and timeline, or of two histories of it, by their positions;
 * 0: not known. */
static int
compare_positions(Repository *repository, const BackupName *a, const BackupName *b)
{
	char *error_a = NULL;
	char *error_b = NULL;
	Manifest *x = repository_manifest_try(repository, a, &error_a);
	Manifest *y = repository_manifest_try(repository, b, &error_b);
	WalPosition at_x;
	WalPosition at_y;
	int result = 0;

	if (x != NULL && y != NULL &&
		(x->server.timeline == y->server.timeline || x->server.history != y->server.history))
	{
		wal_position_of(&x->server, &at_x);
		wal_position_of(&y->server, &at_y);
		result = wal_position_compare(&at_x, &at_y);
	}
	manifest_free(x);
	manifest_free(y);
	free(error_a);
	free(error_b);
	return result;
}

static bool
is_in_future(double when)
{
	return when > (double) (time(NULL) + CLOCK_TOLERANCE);
}

/* Two snapshots of one instant: the position in the WAL tells, else any order that stays. */
static bool
is_later(Repository *repository, const Candidate *a, const Candidate *b)
{
	int by_position;

	if (a->name->owner.kind == BACKUP_OF_FILES && is_in_future(a->when) != is_in_future(b->when))
		return is_in_future(b->when);
	if (a->when != b->when)
		return a->when > b->when;
	by_position = compare_positions(repository, a->name, b->name);
	return by_position != 0 ? by_position > 0 : backup_id_compare(a->name->id, b->name->id) > 0;
}

/* ---- choosing ---- */

typedef struct Peeking
{
	Repository *repository;
	Candidate *candidates;
} Peeking;

static void
peek_at(size_t item, void *argument)
{
	const Peeking *peeking = argument;
	Candidate *candidate = &peeking->candidates[item];

	candidate->peeked =
		!interrupted() && peek_time(peeking->repository, candidate->name, &candidate->when);
}

static Candidate *
find_candidates(Repository *repository, const BackupName *names, int count)
{
	Candidate *candidates = xcalloc((size_t) count + 1, sizeof(Candidate));
	Peeking peeking = {repository, candidates};
	int i;

	for (i = 0; i < count; i++)
		candidates[i].name = &names[i];
	at_once((size_t) count, storage_requests(repository->storage), peek_at, &peeking);
	for (i = 0; i < count; i++)
	{
		if (!candidates[i].peeked && !interrupted())
			read_candidate(repository, &candidates[i]);
	}
	return candidates;
}

/* A damaged one that was made after the latest one, as far as ids tell; else that one. */
static int
prefer_damaged(const Candidate *candidates, int count, const double *at, int latest)
{
	int i;

	for (i = 0; i < count; i++)
	{
		const char *id = candidates[i].name->id;

		if (candidates[i].damaged && !candidates[i].removed &&
			(at == NULL || candidates[i].when <= *at) &&
			(latest < 0 || backup_id_compare(id, candidates[latest].name->id) > 0))
			latest = i;
	}
	return latest;
}

/* Its position; -1 if there is none. */
static int
find_latest(Repository *repository, const Candidate *candidates, int count, const double *at)
{
	int latest = -1;
	int i;

	for (i = 0; i < count; i++)
	{
		const Candidate *candidate = &candidates[i];

		if (!candidate->damaged && (at == NULL || candidate->when <= *at) &&
			(latest < 0 || is_later(repository, candidate, &candidates[latest])))
			latest = i;
	}
	return prefer_damaged(candidates, count, at, latest);
}

/* False if that was done before. */
static bool
read_whole(Repository *repository, Candidate *candidate)
{
	if (candidate->read)
		return false;
	read_candidate(repository, candidate);
	return true;
}

/*
 * Ids and snapshots tell different things if a backup has a later id than the chosen one: read
 * both in full.  False: nothing is left to be read.
 */
static bool
read_later_ids(Repository *repository, Candidate *candidates, int count, int latest,
			   const double *at)
{
	bool any = false;
	int i;

	for (i = 0; i < count && !interrupted(); i++)
	{
		const BackupName *name = candidates[i].name;

		if (i == latest || (at != NULL && (double) backup_id_time(name->id) > *at) ||
			(latest >= 0 && backup_id_compare(name->id, candidates[latest].name->id) < 0))
			continue;
		any |= read_whole(repository, &candidates[i]);
		if (latest >= 0)
			any |= read_whole(repository, &candidates[latest]);
	}
	return any;
}

/* "database "db"", or what else it is a backup of; caller frees. */
static char *
subject(const BackupName *name)
{
	char *full = owner_name(&name->owner);
	char *shown = printable_name(full);
	char *text =
		name->owner.kind == BACKUP_OF_FILES     ? xasprintf("the files of set \"%s\"", shown)
		: name->owner.kind == BACKUP_OF_CLUSTER ? xasprintf("cluster %s", shown)
		: backup_is_of_globals(name)
			? xasprintf("the globals%s%s", name->owner.server[0] != '\0' ? " of server " : "",
						name->owner.server)
			: xasprintf("database \"%s\"", shown);

	free(shown);
	free(full);
	return text;
}

/* A backup that claims to be later than the latest one. */
static void
warn_of_later_id(Repository *repository, const BackupName *later, const BackupName *latest)
{
	char *whose = subject(latest);
	char *hint;

	if (compare_positions(repository, later, latest) > 0)
	{
		hint = xasprintf("Its WAL position shows that %s is the newer one; name it to use it.",
						 later->id);
		log_warning_hint(hint,
						 "of %s, backup %s has the latest snapshot time, but backup %s was made "
						 "after it: the clock of the server was set back",
						 whose, latest->id, later->id);
	}
	else
	{
		hint = xasprintf("The clock of a host that makes backups is or was wrong. The time of the "
						 "snapshot, by the server's clock, decides: %s is the latest.",
						 latest->id);
		log_warning_hint(hint, "of %s, backup %s is dated after %s, but its snapshot is older",
						 whose, later->id, latest->id);
	}
	free(hint);
	free(whose);
}

/* The latest one is dated in the future, by its snapshot or by its name alone. */
static void
warn_of_future(const Candidate *latest)
{
	char *whose = subject(latest->name);

	if (is_in_future(latest->when))
		log_warning_hint("A clock is or was wrong: that of the server when the backup was made, or "
						 "now that of this host. If it was that of the server, later backups do "
						 "not count as the latest until that time; \"nex_backup list\" shows all.",
						 "the latest backup of %s, %s, is dated in the future", whose,
						 latest->name->id);
	else if (is_in_future((double) backup_id_time(latest->name->id)))
		log_warning_hint("The clock of the host that made it was wrong, or that of this host is. "
						 "The time of the snapshot, by the server's clock, decides.",
						 "the name of the latest backup of %s, %s, is a time in the future", whose,
						 latest->name->id);
	free(whose);
}

/* Of files: a backup that is passed over. */
static void
warn_of_passed_over(const Candidate *candidates, int count, const Candidate *latest)
{
	const Candidate *later = NULL;
	char *whose;
	char *hint;
	int i;

	for (i = 0; i < count; i++)
	{
		if (candidates[i].name->owner.kind == BACKUP_OF_FILES && is_in_future(candidates[i].when) &&
			!is_in_future(latest->when))
			later = &candidates[i];
	}
	if (later == NULL)
		return;
	whose = subject(later->name);
	hint = xasprintf("The clock of this host is or was wrong.  If it is wrong now, and %s is the "
					 "newer one, name it to use it.",
					 later->name->id);
	log_warning_hint(hint, "of %s, backup %s is dated in the future; %s counts as the latest",
					 whose, later->name->id, latest->name->id);
	free(hint);
	free(whose);
}

static bool
is_of_standby(Repository *repository, const BackupName *name)
{
	char *error = NULL;
	Manifest *manifest = repository_manifest_try(repository, name, &error);
	bool standby = manifest != NULL && manifest->server.in_recovery;

	manifest_free(manifest);
	free(error);
	return standby;
}

/* The last one with an earlier snapshot than this; NULL if there is none. */
static const Candidate *
find_before(const Candidate *candidates, int count, double when)
{
	const Candidate *before = NULL;
	int i;

	for (i = 0; i < count; i++)
	{
		if (candidates[i].when < when && !candidates[i].damaged &&
			(before == NULL || candidates[i].when > before->when))
			before = &candidates[i];
	}
	return before;
}

/*
 * The latest snapshot of a standby that did not follow its primary shows an older state than one
 * before it.  Versions before 0.2.2 made such backups.
 */
static void
warn_of_stale_standby(Repository *repository, const Candidate *candidates, int count,
					  const Candidate *latest)
{
	const Candidate *before = find_before(candidates, count, latest->when);
	char *whose;
	char *hint;
	int i;

	if (before == NULL || latest->name->owner.kind == BACKUP_OF_FILES ||
		!is_of_standby(repository, latest->name))
		return;
	for (i = 0; i < MOST_OF_STANDBY && before != NULL;
		 i++, before = find_before(candidates, count, before->when))
	{
		if (compare_positions(repository, before->name, latest->name) <= 0)
			continue;
		whose = subject(latest->name);
		hint = xasprintf("Its WAL position shows that %s has the later state; name it to use it.",
						 before->name->id);
		log_warning_hint(hint,
						 "of %s, backup %s has the latest snapshot, but is of a standby that had "
						 "not replayed what backup %s has",
						 whose, latest->name->id, before->name->id);
		free(hint);
		free(whose);
		return;
	}
}

/* Say what is wrong with the clocks, as far as these backups show it. */
static void
warn_of_clocks(Repository *repository, const Candidate *candidates, int count,
			   const Candidate *latest)
{
	time_t chosen = backup_id_time(latest->name->id);
	const BackupName *later = NULL;
	int i;

	for (i = 0; i < count; i++)
	{
		const BackupName *name = candidates[i].name;

		if (candidates[i].when < latest->when &&
			backup_id_time(name->id) > chosen + CLOCK_TOLERANCE &&
			(later == NULL || backup_id_compare(name->id, later->id) > 0))
			later = name;
	}
	if (later != NULL)
		warn_of_later_id(repository, later, latest->name);
	warn_of_stale_standby(repository, candidates, count, latest);
	warn_of_passed_over(candidates, count, latest);
	warn_of_future(latest);
}

static const BackupName *
choose(Repository *repository, const BackupName *names, int count, const double *at, bool warn)
{
	Candidate *candidates = find_candidates(repository, names, count);
	int latest = find_latest(repository, candidates, count, at);
	const BackupName *chosen;

	while (!interrupted() && read_later_ids(repository, candidates, count, latest, at))
		latest = find_latest(repository, candidates, count, at);
	if (latest >= 0 && warn && at == NULL)
		warn_of_clocks(repository, candidates, count, &candidates[latest]);
	chosen = latest >= 0 && !interrupted() ? candidates[latest].name : NULL;
	free(candidates);
	return chosen;
}

const BackupName *
repository_choose(Repository *repository, const BackupName *names, int count, const double *at)
{
	return choose(repository, names, count, at, true);
}

const BackupName *
repository_choose_quietly(Repository *repository, const BackupName *names, int count)
{
	return choose(repository, names, count, NULL, false);
}

/* ---- order ---- */

static int
compare_candidates(const void *a, const void *b)
{
	const Candidate *x = a;
	const Candidate *y = b;

	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	return backup_id_compare(x->name->id, y->name->id);
}

void
repository_sort(Repository *repository, BackupName *names, int count)
{
	Candidate *candidates = find_candidates(repository, names, count);
	BackupName *sorted = xcalloc((size_t) count + 1, sizeof(BackupName));
	int first = 0;
	int i;

	while (first < count && !interrupted())
	{
		int next = first + 1;

		while (next < count && backup_same_owner(&names[next], &names[first]))
			next++;
		qsort(candidates + first, (size_t) (next - first), sizeof(Candidate), compare_candidates);
		first = next;
	}
	for (i = 0; i < first; i++)
		sorted[i] = *candidates[i].name;
	memcpy(names, sorted, (size_t) first * sizeof(BackupName));
	free(sorted);
	free(candidates);
}
