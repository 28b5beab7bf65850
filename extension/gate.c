/*-------------------------------------------------------------------------
 *
 * gate.c
 *	  The entry of every public function that acts with a caller's authority.
 *
 * A SECURITY DEFINER function cannot know who called it: within it, the current
 * user is its owner, and the session's user may be a superuser whose ANALYZE
 * evaluates somebody else's index expression.  So the public functions are C
 * functions with the rights of their caller, all of them nex_backup_gate().  It
 * reads the current user in the call itself, keeps it for nex_backup.caller(),
 * and calls the SECURITY DEFINER function of the same arguments in schema
 * nex_backup: nex_backup.run() for nex_backup_run().  Nobody but the owner may
 * execute that one directly; the function manager does not look.
 *
 * A public function in SQL that hands current_user to a second one would not do:
 * the caller would need EXECUTE on the second, and could then hand in any role.
 *
 * A security-restricted operation (maintenance of somebody's table, REFRESH
 * MATERIALIZED VIEW, rows of a subscription) is refused altogether: code that
 * runs there was written to compute a value, and whoever started it did not
 * mean to start a backup.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "gate.h"

PG_FUNCTION_INFO_V1(nex_backup_gate);
PG_FUNCTION_INFO_V1(nex_backup_gate_caller);
PG_FUNCTION_INFO_V1(nex_backup_caller);

#define SCHEMA "nex_backup"
#define PREFIX "nex_backup_"

/* Of the innermost public function that is at work; InvalidOid outside of them. */
static Oid current_caller = InvalidOid;

void
gate_refuse_restricted(void)
{
	if (InSecurityRestrictedOperation())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("nex_backup does nothing within a security-restricted operation"),
						errdetail("Index expressions, materialized views and the like are "
								  "evaluated in such operations."),
						errhint("Call the function in a statement of its own.")));
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

/* The function behind a public one: the same arguments, the name without its prefix. */
static Oid
find_implementation(Oid public_function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(public_function));
	Form_pg_proc function;
	const char *name;
	Oid found = InvalidOid;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", public_function);
	function = (Form_pg_proc) GETSTRUCT(tuple);
	name = NameStr(function->proname);
	if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
		found = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
								CStringGetDatum(name + strlen(PREFIX)),
								PointerGetDatum(&function->proargtypes),
								ObjectIdGetDatum(get_namespace_oid(SCHEMA, false)));
	if (!OidIsValid(found))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("function \"%s\" has nothing in schema %s that does its work", name,
							   SCHEMA)));
	ReleaseSysCache(tuple);
	return found;
}

/* Looked up once for each place of call. */
static FmgrInfo *
implementation_of(FmgrInfo *public_function)
{
	if (public_function->fn_extra == NULL)
	{
		FmgrInfo *info = MemoryContextAllocZero(public_function->fn_mcxt, sizeof(FmgrInfo));

		fmgr_info_cxt(find_implementation(public_function->fn_oid), info, public_function->fn_mcxt);
		public_function->fn_extra = info;
	}
	return public_function->fn_extra;
}

/* Every public function that asks for its caller. */
Datum
nex_backup_gate(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(inner, FUNC_MAX_ARGS);
	Oid previous = current_caller;
	volatile Datum result = (Datum) 0;

	gate_refuse_restricted();
	InitFunctionCallInfoData(*inner, implementation_of(fcinfo->flinfo), fcinfo->nargs,
							 fcinfo->fncollation, fcinfo->context, fcinfo->resultinfo);
	memcpy(inner->args, fcinfo->args, sizeof(NullableDatum) * (size_t) fcinfo->nargs);
	current_caller = GetUserId();
	PG_TRY();
	{
		result = FunctionCallInvoke(inner);
	}
	PG_FINALLY();
	{
		current_caller = previous;
	}
	PG_END_TRY();
	fcinfo->isnull = inner->isnull;
	return result;
}
