/*-------------------------------------------------------------------------
 *
 * archive_helper.h
 *	  The program that stores WAL for the archiver of this server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ARCHIVE_HELPER_H
#define NEX_ARCHIVE_HELPER_H

#define ARCHIVE_ERROR_SIZE 8192

/* What has become of a file. */
typedef struct ArchiveAnswer
{
	bool stored; /* durably */
	bool ended;  /* this process is to end, and nothing need be said */
	char error[ARCHIVE_ERROR_SIZE];
	char detail[ARCHIVE_ERROR_SIZE]; /* or "" */
	char hint[ARCHIVE_ERROR_SIZE];   /* or "" */
} ArchiveAnswer;

/* Have a file of pg_wal stored, and wait.  Raises no error. */
extern void archive_helper_ask(const char *file, ArchiveAnswer *answer);

/* End it, if there is one. */
extern void archive_helper_stop(void);

#endif /* NEX_ARCHIVE_HELPER_H */
