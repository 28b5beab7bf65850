/*-------------------------------------------------------------------------
 *
 * sequence_wait.c
 *	  Waiting for whoever has locked a sequence or renames a
 *	  schema.
 *
 * Whoever has an ALTER SEQUENCE in an open transaction may want to lock next
 * what this backup has locked: its tables, or other sequences, which the server
 * keeps locked until the transaction ends, whatever becomes of the savepoint.
 * A session that waits in the server is part of a deadlock then, which ends the
 * other one, or a backup that is nearly done.  So who is in the way is looked
 * for in pg_locks before any is locked, and each try gives up soon and is made
 * again.
 *
 *-------------------------------------------------------------------------
 */
#include "sequence_wait.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deadline.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "table_locks.h"

#define NAP_NS 100000000L
#define PG_NAMESPACE "{2615}"

/* What conflicts with ROW EXCLUSIVE, in which sequences are read, and with SHARE. */
#define AGAINST_ROW_EXCLUSIVE "{ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}"
#define AGAINST_SHARE                                                                              \
	"{RowExclusiveLock,ShareUpdateExclusiveLock,ShareRowExclusiveLock,ExclusiveLock,"              \
	"AccessExclusiveLock}"

static bool
find_holder(const SequenceWait *wait, SequenceObstacle obstacle, const char *oids,
			LockHolder *holder)
{
	if (obstacle == OBSTACLE_SCHEMA)
		return lock_holder_find_of(wait->connection, PG_NAMESPACE, AGAINST_SHARE, holder);
	return lock_holder_find_of(wait->connection, oids, AGAINST_ROW_EXCLUSIVE, holder);
}

/* Say once that, and for whom, this backup waits. */
static void
say(SequenceWait *wait, const LockHolder *holder, const char *what)
{
	char *text;

	if (holder->table == NULL)
		return;
	text = xasprintf("%s, which %s has locked", what, holder->who);
	if (wait->said == NULL || strcmp(wait->said, text) != 0)
		log_info("waiting for %s", text);
	free(wait->said);
	wait->said = text;
}

static bool
report_timeout(const SequenceWait *wait, const LockHolder *holder, const char *what)
{
	char *detail = NULL;

	if (holder->table != NULL)
		detail =
			xasprintf("%s %s.", holder->who,
					  holder->waits ? "waits to lock it, before this backup" : "has it locked");
	report_error(EXIT_FAILED, detail,
				 "Run the backup again when that session has ended its transaction, or let it "
				 "wait longer with --lock-wait-timeout.",
				 "could not lock %s within %d s", what, wait->timeout);
	free(detail);
	return false;
}

/* It has the sequence, and wants a table that we have locked: no wait of ours helps. */
static bool
report_each_other(const LockHolder *holder, const char *what)
{
	char *detail =
		xasprintf("%s has it locked, and waits to lock what this backup has locked.", holder->who);

	report_error(EXIT_FAILED, detail,
				 "Run the backup again when that session has ended its transaction.",
				 "could not lock %s", what);
	free(detail);
	return false;
}

/* Wait a little for the holder, if there is one. */
static bool
wait_for(SequenceWait *wait, SequenceObstacle obstacle, const LockHolder *holder, double began)
{
	static const struct timespec nap = {0, NAP_NS};
	char *name = holder->table != NULL ? printable_name(holder->table) : NULL;
	char *what;
	bool good = false;

	if (obstacle == OBSTACLE_SCHEMA)
		what = xstrdup("the list of schemas (pg_catalog.pg_namespace)");
	else
		what = name != NULL ? xasprintf("sequence %s", name) : xstrdup("all sequences");
	if (holder->behind_us && !holder->waits)
		report_each_other(holder, what);
	else if (wait->timeout > 0 && wait->waited >= wait->timeout)
		report_timeout(wait, holder, what);
	else
	{
		say(wait, holder, what);
		nanosleep(&nap, NULL);
		wait->waited += monotonic_seconds() - began;
		good = !stop_requested();
	}
	free(what);
	free(name);
	return good;
}

bool
sequence_wait_more(SequenceWait *wait, SequenceObstacle obstacle, const char *oids, double began)
{
	LockHolder holder;
	bool good;

	if (stop_requested() || !find_holder(wait, obstacle, oids, &holder))
		return false;
	good = wait_for(wait, obstacle, &holder, began);
	lock_holder_free(&holder);
	return good;
}

bool
sequence_wait_all(SequenceWait *wait, const char *oids)
{
	bool good = true;
	bool free_of_others = false;

	while (good && !free_of_others)
	{
		double began = monotonic_seconds();
		LockHolder holder;

		if (stop_requested() || !find_holder(wait, OBSTACLE_SEQUENCE, oids, &holder))
			return false;
		free_of_others = holder.table == NULL;
		good = free_of_others || wait_for(wait, OBSTACLE_SEQUENCE, &holder, began);
		lock_holder_free(&holder);
	}
	return good;
}

void
sequence_wait_free(SequenceWait *wait)
{
	free(wait->said);
	wait->said = NULL;
}
