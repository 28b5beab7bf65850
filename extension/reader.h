/*-------------------------------------------------------------------------
 *
 * reader.h
 *	  Files of a file system that may stop to answer, read for a statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_READER_H
#define NEX_READER_H

#include "postgres.h"

#include "digest.h"
#include "nodes/pg_list.h"

typedef struct ReaderAnswer
{
	int error; /* an errno, or 0; EFBIG: more than `most` bytes */
	uint32 mode;
	uint64 inode;
	int64 changed; /* seconds */
	int64 changed_nanoseconds;
	int64 bytes;
	DigestHex hex;
} ReaderAnswer;

/*
 * Each of these asks a child, waits for it interruptibly, and fails (ERROR) if
 * nothing comes from it for a minute.  Links are followed as look_child.h says,
 * and of files only regular ones are opened.
 */
extern void reader_look(const char *repository, const char *file, ReaderAnswer *answer);

/* The digest of a file; none is computed if `bytes` are expected (-1: any) and it has others. */
extern void reader_digest(const char *repository, const char *file, int64 bytes,
						  ReaderAnswer *answer);

/* The content of a file, palloc'd and ended by a NUL; NULL on an error. */
extern char *reader_content(const char *repository, const char *file, int64 most,
							ReaderAnswer *answer);

/* The names in a directory, without "." and "..". */
extern List *reader_names(const char *repository, const char *file, ReaderAnswer *answer);

#endif /* NEX_READER_H */
