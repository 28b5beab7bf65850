/*-------------------------------------------------------------------------
 *
 * file_target.h
 *	  Putting a configuration file back in its place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FILE_TARGET_H
#define NEX_FILE_TARGET_H

#include <sys/types.h>

#include <stdbool.h>

#include "buffer.h"
#include "file_source.h"

typedef struct FileTarget
{
	char *path;        /* where it shall lie */
	const char *below; /* --restore-dir, or NULL; borrowed */
	int parent;        /* descriptor of its directory; -1 when that does not exist yet */
	char *name;        /* its name there */
	bool exists;       /* a regular file lies there … */
	Buffer current;    /* … with this content, */
	unsigned mode;     /* without setuid, setgid and sticky bits, */
	uid_t uid;         /* owner */
	gid_t gid;         /* and group */
	char *kept_as;     /* where that was kept by file_target_write(), or NULL */
} FileTarget;

/*
 * Look at the place: every directory on the way is opened without following a
 * symbolic link, and what lies there must be a regular file, or nothing.
 * directory: restore below it (--restore-dir) instead of where the file came
 * from; NULL: there.  False (reported) if the file could not be put there.
 */
extern bool file_target_open(FileTarget *target, const ManifestFile *facts, const char *directory);

/*
 * How owner and mode of the file that lies there differ from those that a
 * restore would give it: "mode 0644 here, 0600 in the backup".  NULL: they do
 * not, or not as far as we may change them.  Caller frees.
 */
extern char *file_target_other_facts(const FileTarget *target, const ManifestFile *facts);
extern void file_target_free(FileTarget *target);

/*
 * Put the content there, atomically, with mode and owner of the facts; what
 * lay there is kept beside it, under a name that ends in the given time.
 * Missing directories are made only below --restore-dir.  A failure leaves
 * the place as it was.
 */
extern bool file_target_write(FileTarget *target, const ManifestFile *facts, const Buffer *content,
							  const char *time_suffix);

/*
 * Find, in an open directory, what killed restores have left, which holds the
 * text of files; fix: remove it.  visit may be NULL.  How many there were.
 */
extern int file_target_leftovers(int directory, bool fix,
								 void (*visit)(const char *name, bool removed, void *argument),
								 void *argument);

#endif /* NEX_FILE_TARGET_H */
