/*-------------------------------------------------------------------------
 *
 * reserved.h
 *	  Workers that are there from the start, for when no slot for a dynamic
 *	  one is free.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESERVED_H
#define NEX_RESERVED_H

#include "postmaster/bgworker.h"
#include "storage/latch.h"

typedef enum ReservedKind
{
	RESERVED_ERRAND, /* `extra` says which */
	RESERVED_ALARMS, /* claim runs that deliver alarms, and no others */
	RESERVED_RUNS    /* claim whatever there is */
} ReservedKind;

typedef struct ReservedTask
{
	ReservedKind kind;
	Oid database;
	Latch *waiter; /* set when the task has ended, in whatever way; or NULL */
	char extra[BGW_EXTRALEN];
} ReservedTask;

/* One task that was handed over. */
typedef struct ReservedTicket
{
	int slot;
	uint64 number;
} ReservedTicket;

/* While shared_preload_libraries is processed, and at the start of shared memory. */
extern void reserved_register(void);
extern Size reserved_shared_size(void);
extern void reserved_shared_start(void);

/* Is there any that could do errands, now or soon? */
extern bool reserved_exist(void);

/* Hand a task over; false if there is none that is free and may do it. */
extern bool reserved_assign(const ReservedTask *task, ReservedTicket *ticket);

/* Has the worker that got the task gone? */
extern bool reserved_ended(const ReservedTicket *ticket);

/* How many claim, or are about to, from the queue in a database. */
extern int reserved_executors(Oid database);

#endif /* NEX_RESERVED_H */
