/*-------------------------------------------------------------------------
 *
 * owner_step.h
 *	  Statements of entries in their owner's turn, and nothing beside them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OWNER_STEP_H
#define NEX_OWNER_STEP_H

#include "archive_toc.h"
#include "connection.h"
#include "definitions.h"

/* One of the entries that are made in the same turn. */
typedef struct StepEntry
{
	const TocEntry *entry;
	uint32_t line; /* of the statements, counted from 0, at which its own begin */
} StepEntry;

/*
 * Run a statement that computes nothing of others (such as one that adds a
 * constraint without a look at the rows), then let the owner run others
 * (owner_turn.c); either can be NULL.  False (reported) on failure.
 */
extern bool owner_step_run(Connection *connection, const TocEntry *entry, const char *owner,
						   const char *first, const char *then);

/*
 * Let their owner make the objects of entries, each by no more than `changes`;
 * NULL: one table.
 */
extern bool owner_step_make(Connection *connection, const StepEntry *entries, uint32_t count,
							const char *statements, const CatalogChange *changes);

#endif /* NEX_OWNER_STEP_H */
