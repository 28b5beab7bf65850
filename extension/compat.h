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

#if PG_VERSION_NUM >= 160000
#include "archive/archive_module.h"
#elif PG_VERSION_NUM >= 150000
#include "postmaster/pgarch.h"
#endif
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "postmaster/autovacuum.h"
#include "replication/walsender.h"
#include "storage/ipc.h"
#include "storage/lock.h"
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

/*
 * Archive modules are new in 15.  16 gives them a state, which we do not need,
 * and takes a table that stays; 17 also has words for what is not configured.
 */
#if PG_VERSION_NUM >= 160000
#define NEX_ARCHIVE_MODULES
#define NEX_ARCHIVE_MODULE(is_configured, archive, end)                                            \
	static bool configured_callback(ArchiveModuleState *state)                                     \
	{                                                                                              \
		return is_configured();                                                                    \
	}                                                                                              \
	static bool archive_callback(ArchiveModuleState *state, const char *file, const char *path)    \
	{                                                                                              \
		return archive(file, path);                                                                \
	}                                                                                              \
	static void end_callback(ArchiveModuleState *state)                                            \
	{                                                                                              \
		end();                                                                                     \
	}                                                                                              \
	static const ArchiveModuleCallbacks callbacks = {.check_configured_cb = configured_callback,   \
													 .archive_file_cb = archive_callback,          \
													 .shutdown_cb = end_callback};                 \
	const ArchiveModuleCallbacks *_PG_archive_module_init(void)                                    \
	{                                                                                              \
		return &callbacks;                                                                         \
	}
#elif PG_VERSION_NUM >= 150000
#define NEX_ARCHIVE_MODULES
extern PGDLLEXPORT void _PG_archive_module_init(ArchiveModuleCallbacks *callbacks);
#define NEX_ARCHIVE_MODULE(is_configured, archive, end)                                            \
	void _PG_archive_module_init(ArchiveModuleCallbacks *callbacks)                                \
	{                                                                                              \
		callbacks->check_configured_cb = is_configured;                                            \
		callbacks->archive_file_cb = archive;                                                      \
		callbacks->shutdown_cb = end;                                                              \
	}
#endif

#if PG_VERSION_NUM >= 170000
#define archive_not_configured_compat(text) arch_module_check_errdetail(text)
#else
#define archive_not_configured_compat(text) ((void) 0)
#endif

/* How many sessions and workers there can be; 14 counts them after libraries were loaded. */
static inline int
max_backends_compat(void)
{
#if PG_VERSION_NUM < 150000
	if (MaxBackends == 0)
		return MaxConnections + autovacuum_max_workers + 1 + max_worker_processes + max_wal_senders;
#endif
	return MaxBackends;
}

/* Does this process have a lock?  17 can be asked for stronger ones, too. */
static inline bool
lock_held_compat(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/* Memory shared by all; 15 wants it requested in a separate hook. */
#if PG_VERSION_NUM >= 150000
static Size (*requested_shared_memory)(void) = NULL;
static shmem_request_hook_type previous_request_hook = NULL;

static inline void
shared_memory_request_hook_compat(void)
{
	if (previous_request_hook != NULL)
		previous_request_hook();
	RequestAddinShmemSpace(requested_shared_memory());
}
#endif

static inline void
request_shared_memory_compat(Size (*size)(void))
{
#if PG_VERSION_NUM >= 150000
	requested_shared_memory = size;
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = shared_memory_request_hook_compat;
#else
	RequestAddinShmemSpace(size());
#endif
}

/* The number of its transaction in a session; 17 moved it. */
#if PG_VERSION_NUM >= 170000
#define LOCAL_TRANSACTION_OF(proc) ((proc)->vxid.lxid)
#else
#define LOCAL_TRANSACTION_OF(proc) ((proc)->lxid)
#endif
#define MY_LOCAL_TRANSACTION LOCAL_TRANSACTION_OF(MyProc)

/* What a process has of a lock, or NULL; the partition of the lock is locked.  16 has other lists.
 */
static inline const PROCLOCK *
find_proclock_compat(PGPROC *proc, int partition, const LOCKTAG *tag)
{
#if PG_VERSION_NUM >= 160000
	dlist_iter iter;

	dlist_foreach(iter, &proc->myProcLocks[partition])
	{
		const PROCLOCK *found = dlist_container(PROCLOCK, procLink, iter.cur);

		if (memcmp(&found->tag.myLock->tag, tag, sizeof(LOCKTAG)) == 0)
			return found;
	}
#else
	SHM_QUEUE *list = &proc->myProcLocks[partition];
	const PROCLOCK *found =
		(const PROCLOCK *) SHMQueueNext(list, list, offsetof(PROCLOCK, procLink));

	for (; found != NULL; found = (const PROCLOCK *) SHMQueueNext(list, &found->procLink,
																  offsetof(PROCLOCK, procLink)))
		if (memcmp(&found->tag.myLock->tag, tag, sizeof(LOCKTAG)) == 0)
			return found;
#endif
	return NULL;
}

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
