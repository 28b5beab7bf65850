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
	STEP_ATTACH,        /* attaches a partition */
	STEP_ENTRY          /* makes the object of an entry: definitions_only() */
} DefinitionsStep;

#define CHANGES_ANY 1000000000
#define CHANGES_OF_COLUMNS (-1) /* as many as definitions_only() is told */

/* How much of a catalog may be changed at most. */
typedef struct CatalogChange
{
	const char *catalog;
	long long inserted;
	long long others; /* changed or removed */
} CatalogChange;

/* What differs if definitions are changed meanwhile by more than the step itself does. */
typedef struct Definitions
{
	DefinitionsStep step;
	char *counts;
	char *held; /* array of the relations that were locked, where their columns are compared */
	const char *type; /* that the step makes, quoted; "" if none */
} Definitions;

/* False (reported) on failure. */
extern bool definitions_read(Connection *connection, DefinitionsStep step,
							 Definitions *definitions);

/* The same for STEP_ENTRY, which makes a domain of this name; "" if none. */
extern bool definitions_read_entry(Connection *connection, const char *type,
								   Definitions *definitions);

/*
 * False (reported) if our transaction has changed any since `before`, which is
 * freed; `what` ran the code.
 */
extern bool definitions_same(Connection *connection, Definitions *before, const char *what);

/*
 * The same for STEP_ENTRY, which changes nothing but these catalogs (the list
 * ends with NULL), sets something of `columns`, and makes the index of a turn.
 */
extern bool definitions_only(Connection *connection, Definitions *before,
							 const CatalogChange *changes, long long columns, const char *what);
extern void definitions_free(Definitions *definitions);

#endif /* NEX_DEFINITIONS_H */
