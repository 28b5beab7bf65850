/*-------------------------------------------------------------------------
 *
 * definitions.h
 *	  Has code of others changed definitions in our own transaction?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DEFINITIONS_H
#define NEX_DEFINITIONS_H

#include "connection.h"

typedef enum DefinitionsStep
{
	STEP_INDEX,         /* builds one index, and makes a constraint of it at most */
	STEP_INDEX_OPTIONS, /* sets options of its columns, too */
	STEP_TABLE,         /* makes a table */
	STEP_ATTACH         /* attaches a partition */
} DefinitionsStep;

/* What differs if definitions are changed meanwhile by more than the step itself does. */
typedef struct Definitions
{
	DefinitionsStep step;
	char *counts;
	char *held; /* array of the relations that were locked, where their columns are compared */
} Definitions;

/* False (reported) on failure. */
extern bool definitions_read(Connection *connection, DefinitionsStep step,
							 Definitions *definitions);

/*
 * False (reported) if our transaction has changed any since `before`, which is
 * freed; `what` ran the code.
 */
extern bool definitions_same(Connection *connection, Definitions *before, const char *what);
extern void definitions_free(Definitions *definitions);

#endif /* NEX_DEFINITIONS_H */
