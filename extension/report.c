/*-------------------------------------------------------------------------
 *
 * report.c
 *	  nex_backup.record(): whose report is it?
 *
 * The work is done in SQL, by a SECURITY DEFINER function, and there the role
 * that called cannot be seen any more: the current user is the extension's
 * owner, and the session's user says nothing of whose code is running (an
 * index of somebody's table, in a VACUUM of the superuser).  So what is called
 * is this function, which runs as its caller, looks, and hands it on.
 *
 * A report names a place in the file system.  The server may look there only if
 * somebody vouches for it who may read the server's files anyway; otherwise
 * whoever may report could have it read, and tell by the status what is where.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/detoast.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "deadline.h"
#include "gate.h"
#include "shared_state.h"

/*
 * Of a role that nobody vouches for.  The list of all backups of a repository that has a million
 * of them is smaller; how long a call takes is bounded by this.
 */
#define MAX_REPORT_BYTES (64 * 1024 * 1024)

PG_FUNCTION_INFO_V1(nex_backup_record);

/* May whoever runs this make the server look at a place? */
static bool
may_vouch(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES) &&
		   has_privs_of_role(GetOuterUserId(), ROLE_PG_READ_SERVER_FILES);
}

/* nex_backup.record(event, payload) calls nex_backup.take_report(event, payload, role, vouched). */
Datum
nex_backup_record(PG_FUNCTION_ARGS)
{
	static const Oid types[4] = {TEXTOID, JSONBOID, OIDOID, BOOLOID};
	LOCAL_FCINFO(call, 4);
	bool vouched = may_vouch();

	gate_refuse_restricted();
	if (!vouched && !PG_ARGISNULL(1) && toast_raw_datum_size(PG_GETARG_DATUM(1)) > MAX_REPORT_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the payload is too large"),
				 errdetail("A role that may not read server files can report 64 MB at once.")));
	shared_state_changes();
	InitFunctionCallInfoData(*call, NULL, 4, PG_GET_COLLATION(), NULL, NULL);
	call->args[0] = fcinfo->args[0];
	call->args[1] = fcinfo->args[1];
	call->args[2].value = ObjectIdGetDatum(GetUserId());
	call->args[2].isnull = false;
	call->args[3].value = BoolGetDatum(vouched);
	call->args[3].isnull = false;
	gate_call_member("take_report", call, types);
	deadline_set();
	PG_RETURN_VOID();
}
