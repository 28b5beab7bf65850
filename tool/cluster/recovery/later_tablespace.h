/*-------------------------------------------------------------------------
 *
 * later_tablespace.h
 *	  A tablespace that a recovery creates, in the directory that it had.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LATER_TABLESPACE_H
#define NEX_LATER_TABLESPACE_H

#include <stddef.h>
#include <stdint.h>

typedef struct LaterTablespace
{
	uint32_t oid;
	uint64_t lsn; /* of the record that creates it */
	char *path;
} LaterTablespace;

typedef struct LaterTablespaces
{
	LaterTablespace *items;
	size_t count;
} LaterTablespaces;

#endif /* NEX_LATER_TABLESPACE_H */
