/*-------------------------------------------------------------------------
 *
 * data_directory.h
 *	  The data directory that is made of a base backup.
 *
 * pg_control comes last: without it, no server starts, so that what was not
 * finished is never taken for a whole cluster.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DATA_DIRECTORY_H
#define NEX_DATA_DIRECTORY_H

#include "base_content.h"
#include "later_tablespace.h"
#include "text_list.h"

typedef struct DataDirectory
{
	const char *path;
	const TextList *mappings;      /* OLD=NEW, of tablespaces */
	const LaterTablespaces *later; /* whose directories the recovery expects */
	int directory;                 /* open; -1: not yet */
	bool made;                     /* something was written there */
	bool thrown_away; /* whoever makes it removes it again: it need not survive a crash */
} DataDirectory;

/*
 * Can a cluster be put there: are it and the directories of its tablespaces,
 * those that the recovery creates included, empty or absent; and does nothing
 * that the server keeps for itself lie elsewhere?  Changes nothing.  False
 * (reported) if not.
 */
extern bool data_directory_check(const DataDirectory *target, const Manifest *base,
								 const BaseContent *content);

/* Is there so much space where a directory is, or will be?  False (reported) if not. */
extern bool data_directory_has_space(const char *path, uint64_t bytes);

/* Where a tablespace goes: to the directory that it was in, or to the one that is mapped to that.
 */
extern const char *data_directory_of_tablespace(const DataDirectory *target,
												const ManifestTablespace *tablespace);

/* Make directories and files, with all of their content but pg_control. */
extern bool data_directory_fill(DataDirectory *target, Repository *repository, const Manifest *base,
								const BaseContent *content, int threads);

/* Write a small file (0600), or append to it. */
extern bool data_directory_write(const DataDirectory *target, const char *name, const char *text,
								 size_t length, bool append);

/* Read a file of settings, as far as it is text.  False if it cannot be read. */
extern bool data_directory_read(const DataDirectory *target, const char *name, Buffer *text);

/* Make everything durable, and put pg_control in its place. */
extern bool data_directory_finish(DataDirectory *target, const Manifest *base);
extern void data_directory_close(DataDirectory *target);

#endif /* NEX_DATA_DIRECTORY_H */
