/*-------------------------------------------------------------------------
 *
 * control_file.h
 *	  What pg_control says of a server, as far as all versions from 14 on say
 *	  it in the same places.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONTROL_FILE_H
#define NEX_CONTROL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_BYTES 8192

/* DB_IN_PRODUCTION: neither stopped nor recovering. */
#define CONTROL_RUNNING 6

typedef struct ControlFile
{
	uint64_t system_identifier;
	uint32_t state;
	uint64_t redo; /* where recovery from the last checkpoint would begin */
	uint32_t timeline;
} ControlFile;

/* Read it.  False if its CRC is wrong: it is being written, or damaged. */
extern bool control_file_read(const char *data, size_t length, ControlFile *control);

#endif /* NEX_CONTROL_FILE_H */
