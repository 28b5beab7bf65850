/*-------------------------------------------------------------------------
 *
 * author_group.h
 *	  Entries that one author makes one after the other, in one turn.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AUTHOR_GROUP_H
#define NEX_AUTHOR_GROUP_H

#include "owner_step.h"
#include "rename.h"
#include "restore_plan.h"

/* Begins as zeros, and is that again when it has run. */
typedef struct AuthorGroup
{
	StepEntry *entries;
	uint32_t count;
	uint32_t lines; /* of the statements */
	Buffer statements;
	const CatalogChange *changes; /* of each */
	char *settings;
	bool alone; /* no other entry may come to the first one */
} AuthorGroup;

/*
 * Add an entry whose author is to make it by these statements in PL/pgSQL, with
 * these settings of the session.  What is there and does not go with it has its
 * turn before, by `before`, which leaves the group empty.  False (reported) on
 * failure.
 */
extern bool author_group_add(AuthorGroup *group, Connection *connection, const RenameMap *map,
							 const TocEntry *entry, const char *settings, const char *statements,
							 const CatalogChange *changes, bool (*before)(void *), void *argument);

/* Let the author make them all; nothing if there are none. */
extern bool author_group_run(AuthorGroup *group, Connection *connection, const RenameMap *map);

extern void author_group_free(AuthorGroup *group);

#endif /* NEX_AUTHOR_GROUP_H */
