/*-------------------------------------------------------------------------
 *
 * fault_shim.h
 *	  What the two halves of the shim share: which calls are counted, and
 *	  what is to become of one of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FAULT_SHIM_H
#define FAULT_SHIM_H

#include <stdbool.h>
#include <stddef.h>

/* Kinds of calls, in the order of the counters in the state file. */
typedef enum CallKind
{
	CALL_OPEN,
	CALL_READ,
	CALL_WRITE,
	CALL_SYNC,
	CALL_CLOSE,
	CALL_RENAME,
	CALL_UNLINK,
	CALL_MKDIR,
	CALL_STAT,
	CALL_LIST,
	CALL_LOCK,
	CALL_THREAD,
	CALL_PROCESS,
	CALL_NETWORK,
	CALL_MEMORY,
	CALL_RANDOM,
	CALL_KINDS
} CallKind;

/* What a wrapper is to do: nothing, give `error`, or do only a part of the work. */
typedef struct Fault
{
	int error;
	bool cut;
} Fault;

/*
 * Count a call, and say what becomes of it.  `fd` or `path` tell what it is
 * about, for the report.  A fault that kills does not return.
 */
extern Fault fault_at(CallKind kind, const char *call, int fd, const char *path);

/* The next function of this name behind the shim. */
extern void *real_call(const char *name);

#endif
