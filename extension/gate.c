/*-------------------------------------------------------------------------
 *
 * gate.c
 *	  The entries of the extension: nothing of it is run but through here.
 *
 * What is public, granted to agents or to monitoring, or acts as its owner is a
 * C function, nex_backup_entry() or nex_backup_owner_entry().  It holds the
 * extension (hold.c), finds the function that does the work, as a part of the
 * extension that is held, and calls it, the second as the owner.  That function
 * is SQL or PL/pgSQL, has the same arguments, and is called
 * nex_backup.gated_heartbeat() for nex_backup.heartbeat(), or nex_backup.status()
 * for nex_backup_status().  Neither of them is SECURITY DEFINER; both are in
 * the same file of sql/code.
 *
 * A SECURITY DEFINER function cannot know who called it: within it, the current
 * user is its owner, and the session's user may be a superuser whose ANALYZE
 * evaluates somebody else's index expression.  So all of these are C functions
 * with the rights of their caller, who is the role that the queue's functions
 * know agents by (nex_backup.role_of_call()).  Those that act with a caller's
 * authority are nex_backup_gate(), an entry that also reads the current user in
 * the call itself, keeps it for nex_backup.caller(), and calls the function of
 * the same arguments in schema nex_backup: nex_backup.run() for
 * nex_backup_run().  Nobody but the owner may execute that one directly; the
 * function manager does not look.
 *
 * A public function in SQL that hands current_user to a second one would not do:
 * the caller would need EXECUTE on the second, and could then hand in any role.
 *
 * A security-restricted operation (maintenance of somebody's table, REFRESH
 * MATERIALIZED VIEW, rows of a subscription) is refused altogether by all that
 * change something: code that runs there was written to compute a value, and
 * whoever started it did not mean to start a backup, or to end one.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "deadline.h"
#include "gate.h"
#include "hold.h"
#include "lock_guard.h"
#include "shared_state.h"

PG_FUNCTION_INFO_V1(nex_backup_gate);
PG_FUNCTION_INFO_V1(nex_backup_entry);
PG_FUNCTION_INFO_V1(nex_backup_owner_entry);
PG_FUNCTION_INFO_V1(nex_backup_role_of_call);
PG_FUNCTION_INFO_V1(nex_backup_gate_caller);
PG_FUNCTION_INFO_V1(nex_backup_caller);

#define SCHEMA "nex_backup"
#define PREFIX "nex_backup_"
#define GATED "gated_"

/* As that of the workers. */
#define MAX_LOCK_MILLISECONDS 20000

/* Of the innermost public function that is at work; InvalidOid outside of them. */
static Oid current_caller = InvalidOid;

/* What the outermost function that is at work holds. */
typedef struct Held
{
	int settings; /* level of those of the call; 0: of one around it */
	bool guards;  /* has it begun to be looked after? */
	Oid extension;
	Oid relation;        /* that is locked */
	ResourceOwner owner; /* of the lock */
	Oid role;            /* that has called; InvalidOid: not known */
} Held;

static Held held = {0, false, InvalidOid, InvalidOid, NULL, InvalidOid};

void
gate_refuse_restricted(void)
{
	if (InSecurityRestrictedOperation())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("nex_backup does nothing within a security-restricted operation"),
						errdetail("Index expressions, materialized views and the like are "
								  "evaluated in such operations."),
						errhint("Call the function in a separate statement.")));
}

/*
 * Whoever was granted an internal function, which runs as its owner, gets
 * nothing by it: outside of the gate nobody's authority can be known.
 */
Oid
gate_caller(void)
{
	if (!OidIsValid(current_caller))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("an internal function of nex_backup was called directly"),
						errhint("Call the public function, whose name begins with " PREFIX ".")));
	return current_caller;
}

/* Until ALTER EXTENSION UPDATE; the best that can be known there. */
Oid
gate_caller_0_2_0(void)
{
	gate_refuse_restricted();
	return GetOuterUserId();
}

Oid
gate_role_of_call(void)
{
	return OidIsValid(current_caller) ? current_caller : held.role;
}

/* nex_backup.role_of_call(): who has called the function that is at work, whether it asks for
 * authority or not. */
Datum
nex_backup_role_of_call(PG_FUNCTION_ARGS)
{
	Oid role = gate_role_of_call();

	if (!OidIsValid(role))
		role = gate_caller();
	return DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(role, false)));
}

/* nex_backup.caller() */
Datum
nex_backup_gate_caller(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(gate_caller());
}

Datum
nex_backup_caller(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(gate_caller_0_2_0());
}

/* ---- into the extension ---- */

/* A function in schema nex_backup, as a part of the extension that the session holds. */
static Oid
find_member(Oid extension, const char *name, oidvector *arguments)
{
	Oid found = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
								PointerGetDatum(arguments),
								ObjectIdGetDatum(get_namespace_oid(SCHEMA, false)));

	if (!OidIsValid(found) || getExtensionOfObject(ProcedureRelationId, found) != extension)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("extension \"%s\" has no function \"%s.%s\" of these arguments",
							   SCHEMA, SCHEMA, name)));
	return found;
}

/* The same arguments; the name without "nex_backup_", or in schema nex_backup with "gated_". */
static Oid
find_implementation(Oid extension, Oid entry)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(entry));
	Form_pg_proc function;
	const char *name;
	Oid found;

	if (!HeapTupleIsValid(tuple) || getExtensionOfObject(ProcedureRelationId, entry) != extension)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %u is not a part of extension \"%s\" any more", entry, SCHEMA)));
	function = (Form_pg_proc) GETSTRUCT(tuple);
	name = NameStr(function->proname);
	found = find_member(extension,
						strncmp(name, PREFIX, strlen(PREFIX)) == 0 ? name + strlen(PREFIX)
																   : psprintf(GATED "%s", name),
						&function->proargtypes);
	ReleaseSysCache(tuple);
	return found;
}

/* Kept for the place of call, as a function that gives rows one by one is called for each. */
static FmgrInfo *
implementation_of(Oid extension, FmgrInfo *entry)
{
	Oid found = find_implementation(extension, entry->fn_oid);
	FmgrInfo *info = entry->fn_extra;

	if (info == NULL)
		entry->fn_extra = info = MemoryContextAllocZero(entry->fn_mcxt, sizeof(FmgrInfo));
	if (info->fn_oid != found)
		fmgr_info_cxt(found, info, entry->fn_mcxt);
	return info;
}

/*
 * No lock is waited for without limit.  The guard (lock_guard.c) sees to those
 * who wait for it in vain; what others hold is waited for no longer than this.
 */
static int
limit_lock_waits(void)
{
	int level = NewGUCNestLevel();

	if (LockTimeout == 0 || LockTimeout > MAX_LOCK_MILLISECONDS)
		(void) set_config_option("lock_timeout", CppAsString2(MAX_LOCK_MILLISECONDS), PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* An error does this by the end of the transaction or subtransaction. */
static void
leave(const Held *entered)
{
	if (entered->settings == 0 || OidIsValid(held.extension))
		return;
	if (entered->guards)
		lock_guard_end();
	AtEOXact_GUC(true, entered->settings);
}

/* The extension, held; one that is held by the function around this one has been looked at. */
static void
enter(Held *entered, Oid role)
{
	*entered = held;
	entered->settings = 0;
	if (OidIsValid(held.extension))
		return;
	entered->settings = limit_lock_waits();
	entered->guards = lock_guard_begin();
	entered->role = role;
	entered->owner = CurrentResourceOwner;
	entered->extension = hold_extension(&entered->relation);
	if (!OidIsValid(entered->extension))
		hold_no_extension();
}

/* Call a function while the extension is held by this call. */
static Datum
call_held(const Held *entered, FunctionCallInfo call)
{
	Held previous = held;
	volatile Datum result = (Datum) 0;

	held = *entered;
	PG_TRY();
	{
		result = FunctionCallInvoke(call);
	}
	PG_FINALLY();
	{
		held = previous;
	}
	PG_END_TRY();
	return result;
}

static Datum
call_implementation(const Held *entered, FunctionCallInfo fcinfo)
{
	LOCAL_FCINFO(inner, FUNC_MAX_ARGS);
	Datum result;

	InitFunctionCallInfoData(*inner, implementation_of(entered->extension, fcinfo->flinfo),
							 fcinfo->nargs, fcinfo->fncollation, fcinfo->context,
							 fcinfo->resultinfo);
	memcpy(inner->args, fcinfo->args, sizeof(NullableDatum) * (size_t) fcinfo->nargs);
	result = call_held(entered, inner);
	fcinfo->isnull = inner->isnull;
	return result;
}

Datum
gate_call_implementation(Oid extension, Oid relation, FunctionCallInfo fcinfo)
{
	Held entered = {0, false, extension, relation, CurrentResourceOwner, GetUserId()};

	return call_implementation(OidIsValid(held.extension) ? &held : &entered, fcinfo);
}

/* As the owner of a function; an error in it brings the user back with the transaction. */
static Datum
call_as_owner(const Held *entered, Oid function, FunctionCallInfo call,
			  Datum (*work)(const Held *entered, FunctionCallInfo call))
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid owner;
	Oid user;
	int context;
	Datum result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE);
	result = work(entered, call);
	SetUserIdAndSecContext(user, context);
	return result;
}

void
gate_call_member(const char *name, FunctionCallInfo call, const Oid *types)
{
	Held entered;
	FmgrInfo function;

	enter(&entered, GetUserId());
	fmgr_info(find_member(entered.extension, name, buildoidvector(types, call->nargs)), &function);
	call->flinfo = &function;
	(void) call_as_owner(&entered, function.fn_oid, call, call_held);
	leave(&entered);
}

/*
 * Its lock is of the resource owner of the call that took it, which is further
 * up on the stack.
 */
void
gate_give_back(void)
{
	ResourceOwner owner = CurrentResourceOwner;

	if (!OidIsValid(held.extension))
		return;
	CurrentResourceOwner = held.owner;
	hold_release(held.relation);
	CurrentResourceOwner = owner;
	lock_guard_end();
	held.extension = InvalidOid;
}

/*
 * Every entry to what may change something begins with this.  It may just lock
 * something, too.  Within another one, that one has been asked where it is.
 */
static void
begin_change(FunctionCallInfo fcinfo)
{
	if (func_volatile(fcinfo->flinfo->fn_oid) != PROVOLATILE_VOLATILE)
		return;
	if (!OidIsValid(held.extension))
		gate_refuse_restricted();
	shared_state_changes();
}

/* Every public function that asks for its caller. */
Datum
nex_backup_gate(PG_FUNCTION_ARGS)
{
	Oid previous = current_caller;
	volatile Datum result = (Datum) 0;
	Held entered;

	gate_refuse_restricted();
	begin_change(fcinfo);
	enter(&entered, GetUserId());
	current_caller = GetUserId();
	PG_TRY();
	{
		result = call_implementation(&entered, fcinfo);
	}
	PG_FINALLY();
	{
		current_caller = previous;
	}
	PG_END_TRY();
	leave(&entered);
	return result;
}

/* What agents call takes a moment; its locks are in everybody's way for as long as they stay. */
static void
end_soon(FunctionCallInfo fcinfo)
{
	Oid function = fcinfo->flinfo->fn_oid;
	const char *name = get_func_name(function);

	if (!OidIsValid(held.extension) && func_volatile(function) == PROVOLATILE_VOLATILE &&
		name != NULL && strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		deadline_set();
}

/* Every other function that others than its owner may call. */
Datum
nex_backup_entry(PG_FUNCTION_ARGS)
{
	Held entered;
	Datum result;

	begin_change(fcinfo);
	/* Nothing behind it asks, and one that were SECURITY DEFINER could not know. */
	enter(&entered, InvalidOid);
	result = call_implementation(&entered, fcinfo);
	leave(&entered);
	return result;
}

/* The same, acting as its owner. */
Datum
nex_backup_owner_entry(PG_FUNCTION_ARGS)
{
	Held entered;
	Datum result;

	begin_change(fcinfo);
	enter(&entered, GetUserId());
	result = call_as_owner(&entered, fcinfo->flinfo->fn_oid, fcinfo, call_implementation);
	end_soon(fcinfo);
	leave(&entered);
	return result;
}
