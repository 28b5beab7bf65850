/*-------------------------------------------------------------------------
 *
 * status_entry.c
 *	  The entry of nex_backup_status(): what keeps it from looking is a row.
 *
 * Monitoring must get an answer, so neither of the errors of other entries
 * (gate.c) is one here: the extension belongs to a role that is not a
 * superuser, or a lock is not to be had in time, of the extension or of a
 * catalog.  So all of it is one subtransaction.  Its rows are copied out of
 * that, as what they are kept in ends with it.
 *
 * Who has the lock is asked from the lock manager, and the names are looked up
 * with little patience: the catalogs may be what is locked.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"

#include "gate.h"
#include "hold.h"
#include "lock_guard.h"
#include "valid_text.h"

PG_FUNCTION_INFO_V1(nex_backup_status_entry);

/* For the name of a role or a relation. */
#define NAME_PATIENCE "200ms"

/* ---- rows ---- */

static void
single_row(FunctionCallInfo fcinfo, const char *name, const char *detail)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum values[3];
	bool nulls[3] = {false, false, false};

	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum("critical");
	/* There may be names in it. */
	values[2] = CStringGetTextDatum(valid_text(detail, (int) strlen(detail)));
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

/* All rows of the function that does the work, into the result of this one. */
static void
copy_rows(FunctionCallInfo fcinfo, Oid extension, Oid relation)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	ReturnSetInfo inner = *set;
	TupleTableSlot *slot;

	inner.setResult = NULL;
	inner.setDesc = NULL;
	inner.returnMode = SFRM_ValuePerCall;
	inner.isDone = ExprSingleResult;
	fcinfo->resultinfo = (fmNodePtr) &inner;
	(void) gate_call_implementation(extension, relation, fcinfo);
	fcinfo->resultinfo = (fmNodePtr) set;
	if (inner.setResult == NULL)
		return;
	slot = MakeSingleTupleTableSlot(set->setDesc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(inner.setResult, true, false, slot))
		tuplestore_puttupleslot(set->setResult, slot);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(inner.setResult);
}

/* ---- who has the lock ---- */

typedef struct Names
{
	const char *role;
	const char *object;
} Names;

static void
find_names(const LockHolder *holder, Names *names)
{
	const LOCKTAG *tag = &holder->tag;
	const char *name = GetUserNameFromId(holder->role, true);

	if (name != NULL)
		names->role = pstrdup(quote_identifier(name));
	if (tag->locktag_type != LOCKTAG_RELATION ||
		(tag->locktag_field1 != MyDatabaseId && tag->locktag_field1 != InvalidOid))
		return;
	name = get_rel_name(tag->locktag_field2);
	if (name != NULL)
		names->object = pstrdup(quote_identifier(name));
}

/*
 * The error that is being handled.  Our subtransaction is ended before it
 * is thrown again: otherwise it would outlive the statement, and the session
 * would be told that its transaction is aborted, though it has begun none.
 */
static ErrorData *
take_error(MemoryContext context)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	return error;
}

/* In a subtransaction that leaves nothing behind, as this can end with an error, too. */
static void
try_names(const LockHolder *holder, Names *names)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	names->role = psprintf("with OID %u", holder->role);
	names->object = psprintf("the object with OID %u", holder->tag.locktag_type == LOCKTAG_RELATION
														   ? holder->tag.locktag_field2
														   : holder->tag.locktag_field3);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		(void) set_config_option("lock_timeout", NAME_PATIENCE, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
		find_names(holder, names);
	}
	PG_CATCH();
	{
		error = take_error(context);
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);
}

static const char *
lock_text(void)
{
	LockHolder holder;
	Names names;

	if (!lock_guard_holder(&holder))
		return "it was locked for five seconds, by whom is not known";
	try_names(&holder, &names);
	return psprintf(holder.granted ? "locked by process %d of role %s: AccessExclusiveLock of %s"
								   : "locked: process %d of role %s waits for an "
									 "AccessExclusiveLock of %s, and everybody else behind it",
					holder.pid, names.role, names.object);
}

/* ---- the answer ---- */

static void
answer(FunctionCallInfo fcinfo)
{
	Oid relation = InvalidOid;
	char *problem = NULL;
	char *hint = NULL;
	Oid extension = hold_extension_quietly(&relation, &problem, &hint);

	if (!OidIsValid(extension))
		hold_no_extension();
	if (problem != NULL)
		single_row(fcinfo, "extension",
				   psprintf("%s, so nothing of it is run%s%s", problem, hint != NULL ? ": " : "",
							hint != NULL ? hint : ""));
	else
		copy_rows(fcinfo, extension, relation);
}

/* False if a lock was not to be had. */
static bool
answer_in_time(FunctionCallInfo fcinfo)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	fmNodePtr set = fcinfo->resultinfo;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		answer(fcinfo);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		error = take_error(context);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	fcinfo->resultinfo = set;
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
		error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
		ReThrowError(error);
	return error == NULL;
}

Datum
nex_backup_status_entry(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set;
	bool guards;

	init_materialized_srf_compat(fcinfo);
	set = (ReturnSetInfo *) fcinfo->resultinfo;
	guards = lock_guard_begin();
	if (!answer_in_time(fcinfo))
	{
		tuplestore_clear(set->setResult);
		single_row(fcinfo, "catalogue", lock_text());
	}
	if (guards)
		lock_guard_end();
	return (Datum) 0;
}
