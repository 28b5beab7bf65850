/*-------------------------------------------------------------------------
 *
 * wal_source.h
 *	  WAL files of a server, in its data directory.
 *
 * archive_command and restore_command are run in the data directory, and
 * given paths such as pg_wal/000000010000000000000001.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_SOURCE_H
#define NEX_WAL_SOURCE_H

#include "buffer.h"
#include "wal_pages.h"

/* The last part of a path. */
extern const char *wal_base_name(const char *path);

/* "pg_wal/NAME" beside another file; caller frees. */
extern char *wal_sibling(const char *path, const char *name);

/* Read a whole file, which must be a regular one.  0, or an errno value; EFBIG if too long. */
extern int wal_source_read(const char *path, Buffer *content);

/*
 * The system identifier of the server in whose data directory a path lies: by
 * global/pg_control there.  0 if there is none; false (reported) if it cannot be read.
 */
extern bool wal_control_identifier(const char *path, uint64_t *identifier);

/* The header of any segment beside a file, of this server; false if there is none. */
extern bool wal_source_any_head(const char *path, uint64_t system_identifier, WalHead *head);

/* Write a file whole or not at all.  0 or an errno value. */
extern int wal_target_write(const char *path, const void *data, size_t length);

#endif /* NEX_WAL_SOURCE_H */
