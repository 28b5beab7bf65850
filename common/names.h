/*-------------------------------------------------------------------------
 *
 * names.h
 *	  Names of the repository: backup ids, database directories, object
 *	  files (docs/format.md, section 2).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NAMES_H
#define NEX_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* "20261123T020000Z-4294967295" */
#define BACKUP_ID_SIZE 32

/* A database name has at most 63 bytes, each of which may become %XX. */
#define DATABASE_DIRECTORY_SIZE (63 * 3 + 1)

/* The id of a backup that starts at `start`; `attempt` 1 gives no suffix. */
extern void backup_id_format(time_t start, unsigned attempt, char id[BACKUP_ID_SIZE]);
extern bool backup_id_valid(const char *id);

/* The start time in an id, or -1. */
extern time_t backup_id_time(const char *id);

/* Order of two ids by time, then by disambiguator (not by text: -10 follows -9). */
extern int backup_id_compare(const char *a, const char *b);

/* False when the name is empty or longer than PostgreSQL allows. */
extern bool database_directory_encode(const char *database,
									  char directory[DATABASE_DIRECTORY_SIZE]);

/* False when the text is not what database_directory_encode() writes. */
extern bool database_directory_decode(const char *directory, char database[64]);

#endif /* NEX_NAMES_H */
