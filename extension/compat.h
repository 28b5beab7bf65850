/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Differences between PostgreSQL 14 and 18; the only place that knows the
 *	  server's version.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COMPAT_H
#define NEX_COMPAT_H

#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/tuplestore.h"

#if PG_VERSION_NUM < 140000
#error "nex_backup needs PostgreSQL 14 or later"
#endif

/* 18 can tell a module's name and version in pg_get_loaded_modules(). */
#if PG_VERSION_NUM >= 180000
#define NEX_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "nex_backup", .version = NEX_BACKUP_VERSION)
#else
#define NEX_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* Settings of that prefix are ours; until 14 the call had another name. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* Memory shared by all; 15 wants it asked for in a hook of its own. */
#if PG_VERSION_NUM >= 150000
static Size requested_shared_memory = 0;
static shmem_request_hook_type previous_request_hook = NULL;

static inline void
shared_memory_request_hook_compat(void)
{
	if (previous_request_hook != NULL)
		previous_request_hook();
	RequestAddinShmemSpace(requested_shared_memory);
}
#endif

static inline void
request_shared_memory_compat(Size size)
{
#if PG_VERSION_NUM >= 150000
	requested_shared_memory = size;
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = shared_memory_request_hook_compat;
#else
	RequestAddinShmemSpace(size);
#endif
}

/* The number of this transaction in this session; 17 moved it. */
#if PG_VERSION_NUM >= 170000
#define MY_LOCAL_TRANSACTION (MyProc->vxid.lxid)
#else
#define MY_LOCAL_TRANSACTION (MyProc->lxid)
#endif

/* A set of plain values (not rows), all at once.  15 got one call for it; 14 needs it spelt out. */
static inline void
init_materialized_srf_compat(FunctionCallInfo fcinfo)
{
#if PG_VERSION_NUM >= 150000
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
#else
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (result == NULL || !IsA(result, ReturnSetInfo) || result->expectedDesc == NULL ||
		(result->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->returnMode = SFRM_Materialize;
	result->setResult = tuplestore_begin_heap(true, false, work_mem);
	result->setDesc = CreateTupleDescCopy(result->expectedDesc);
	MemoryContextSwitchTo(old);
#endif
}

#endif /* NEX_COMPAT_H */
