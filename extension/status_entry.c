/*-------------------------------------------------------------------------
 *
 * status_entry.c
 *	  The entry of nex_backup_status(): what keeps it from looking is a row.
 *
 * Monitoring must get an answer, so neither of the two errors of other entries
 * (gate.c) is one here: the extension belongs to a role that is not a
 * superuser, or it is being dropped and its lock is not to be had in time.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/resowner.h"

#include "gate.h"
#include "hold.h"

PG_FUNCTION_INFO_V1(nex_backup_status_entry);

/*
 * Who holds a table or a view of the extension so that nobody else can, or
 * waits for that before others.
 */
#define HOLDER_QUERY                                                                               \
	"SELECT pg_catalog.concat('process ', l.pid, ' of role ',"                                     \
	"   pg_catalog.quote_ident(a.usename))"                                                        \
	" FROM pg_catalog.pg_locks l"                                                                  \
	"   JOIN pg_catalog.pg_depend m ON m.objid OPERATOR(pg_catalog.=) l.relation"                  \
	"   JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) m.refobjid"                 \
	"   LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid"             \
	" WHERE l.mode OPERATOR(pg_catalog.=) 'AccessExclusiveLock'"                                   \
	"   AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d"         \
	"       WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())"                 \
	"   AND m.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"           \
	"   AND m.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass"    \
	"   AND e.extname OPERATOR(pg_catalog.=) 'nex_backup'"                                         \
	" ORDER BY l.granted DESC, l.pid"

/* One row in place of all others. */
static Datum
single_row(FunctionCallInfo fcinfo, const char *name, const char *detail)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum values[3];
	bool nulls[3] = {false, false, false};

	init_materialized_srf_compat(fcinfo);
	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum("critical");
	values[2] = CStringGetTextDatum(detail);
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	return (Datum) 0;
}

static Datum
locked_row(FunctionCallInfo fcinfo)
{
	MemoryContext context = CurrentMemoryContext;
	const char *holder = NULL;

	SPI_connect();
	if (SPI_execute(HOLDER_QUERY, true, 1) == SPI_OK_SELECT && SPI_processed > 0)
	{
		char *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		holder = value != NULL ? MemoryContextStrdup(context, value) : NULL;
	}
	SPI_finish();
	return single_row(fcinfo, "catalogue",
					  psprintf("locked by %s, which drops, updates, or changes the extension",
							   holder != NULL ? holder : "another process"));
}

/* False if the lock was not to be had: in a subtransaction, as that is an error. */
static bool
hold_in_time(Oid *extension, Oid *relation, char **problem, char **hint)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool in_time = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		*extension = hold_extension_quietly(relation, problem, hint);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		in_time = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return in_time;
}

Datum
nex_backup_status_entry(PG_FUNCTION_ARGS)
{
	Oid extension = InvalidOid;
	Oid relation = InvalidOid;
	char *problem = NULL;
	char *hint = NULL;

	if (!hold_in_time(&extension, &relation, &problem, &hint))
		return locked_row(fcinfo);
	if (!OidIsValid(extension))
		hold_no_extension();
	if (problem != NULL)
		return single_row(fcinfo, "extension",
						  psprintf("%s, so nothing of it is run%s%s", problem,
								   hint != NULL ? ": " : "", hint != NULL ? hint : ""));
	return gate_call_implementation(extension, relation, fcinfo);
}
