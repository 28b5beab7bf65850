/*-------------------------------------------------------------------------
 *
 * large_objects.h
 *	  Large objects as plain SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LARGE_OBJECTS_H
#define NEX_LARGE_OBJECTS_H

#include <stdint.h>

#include "connection.h"
#include "copy_stream.h"

/* The OIDs of all large objects, ascending; caller frees *oids.  False (reported) on failure. */
extern bool large_objects_list(Connection *connection, uint32_t **oids, int *count);

/* Stream a chunk of large objects as SQL. */
extern bool large_objects_stream(CopyStream *stream);

#endif /* NEX_LARGE_OBJECTS_H */
