/*-------------------------------------------------------------------------
 *
 * update_lock.c
 *	  The locks of ALTER EXTENSION nex_backup UPDATE.
 *
 * An update needs every table and view of the extension for itself, and takes
 * them in the order of its script, while others use them in orders of their
 * own: record() another than the status, and that another than the leader.  So
 * sooner or later two wait for each other.  No order helps against orders of
 * users' queries.  What helps is never to wait while holding something: all
 * relations are taken at the beginning, only the first of them by waiting, and
 * if another one is not to be had within a moment, all are given back (the
 * caller rolls back its subtransaction) and the next attempt waits for that one.
 * That wait is short as well: nex_backup_run() of 0.2.0 holds tables while it
 * waits for a worker, which no deadlock detector sees.
 *
 * LOCK TABLE would not do: of a view it locks all that the view reads, system
 * catalogs included.  The extension itself is not locked: that lock is
 * anybody's (hold.c), and would be waited for as long as somebody likes.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"

PG_FUNCTION_INFO_V1(nex_backup_lock_members);

/* Less than it takes others to notice, and more than their statements take. */
#define PATIENCE_MILLISECONDS 300
#define NAP_MILLISECONDS 5

/*
 * pg_catalog.nex_backup_lock_members(relations oid[]): lock these, the first by
 * waiting for it.  Gives the one that was not to be had, or NULL; the locks are
 * given back by the end of the subtransaction.
 */
Datum
nex_backup_lock_members(PG_FUNCTION_ARGS)
{
	int naps = PATIENCE_MILLISECONDS / NAP_MILLISECONDS;
	Datum *members;
	int count;
	int i;

	if (!superuser())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("only an update of the extension locks all of it")));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &members,
					  NULL, &count);
	for (i = 0; i < count; i++)
	{
		Oid member = DatumGetObjectId(members[i]);
		LOCKTAG tag;

		SET_LOCKTAG_RELATION(tag, MyDatabaseId, member);
		while (LockAcquire(&tag, AccessExclusiveLock, false, i > 0) == LOCKACQUIRE_NOT_AVAIL)
		{
			if (naps-- <= 0)
				PG_RETURN_OID(member);
			pg_usleep(NAP_MILLISECONDS * 1000L);
			CHECK_FOR_INTERRUPTS();
		}
	}
	AcceptInvalidationMessages();
	PG_RETURN_NULL();
}
