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
	STEP_INDEX, /* builds an index, and makes a constraint of it at most */
	STEP_ATTACH /* attaches a partition, or sets options of columns, too */
} DefinitionsStep;

/*
 * A text that differs if definitions are changed meanwhile by more than the
 * step itself does.  NULL (reported) on failure; caller frees.
 */
extern char *definitions_read(Connection *connection, DefinitionsStep step);

/* False (reported) if they have been changed since `before`, which is freed; `what` ran the code.
 */
extern bool definitions_same(Connection *connection, DefinitionsStep step, char *before,
							 const char *what);

#endif /* NEX_DEFINITIONS_H */
