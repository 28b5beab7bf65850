/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  What a long operation has done so far: plain counters that workers add
 *	  to and that cli/print/progress_bar.c draws.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PROGRESS_H
#define NEX_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct Progress
{
	_Atomic(const char *) phase;  /* static text: "copying data" */
	_Atomic uint64_t units_total; /* tables, backups, objects, … */
	_Atomic uint64_t units_done;
	_Atomic(const char *) unit;    /* "tables" */
	_Atomic uint64_t weight_total; /* estimate of the work, in bytes; 0 = unknown */
	_Atomic uint64_t weight_done;
	_Atomic uint64_t raw_bytes;     /* bytes read (backup) or loaded (restore) */
	_Atomic uint64_t stored_bytes;  /* bytes in the repository */
	_Atomic int64_t snapshot_taken; /* progress_seconds() then; 0: no snapshot is held */
	_Atomic uint64_t lock_waiters;  /* sessions that wait behind our locks */
	_Atomic unsigned item;          /* which of several databases; items 0: only one */
	_Atomic unsigned items;
	_Atomic(const char *) item_name;
} Progress;

extern Progress progress;

/*
 * Work on several things, one after the other: this is number `item` of
 * `items`.  The name must live until the next call; items 0 ends it.
 */
extern void progress_item(unsigned item, unsigned items, const char *name);

/* Begin a phase: names must be static strings; counters return to zero. */
extern void progress_phase(const char *phase, const char *unit, uint64_t units_total,
						   uint64_t weight_total);

/* Seconds of a clock that nobody sets. */
extern int64_t progress_seconds(void);

#endif /* NEX_PROGRESS_H */
