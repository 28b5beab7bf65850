/*-------------------------------------------------------------------------
 *
 * trusted_path.h
 *	  The directory that a path leads to, by no link of somebody else.
 *
 * A user who may write into a directory on the way can put a symbolic link
 * there, and so lead a command that root runs to any place.  So the way is
 * walked here, one directory at a time, each opened below the one before; a
 * link is followed if it belongs to root or to the user who runs this; and
 * what is created, renamed or removed is named below the descriptor of the
 * directory that was reached.  O_NOFOLLOW is about the last part only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TRUSTED_PATH_H
#define NEX_TRUSTED_PATH_H

#include <stdbool.h>

typedef struct TrustedPath
{
	int directory;       /* O_PATH */
	char *name;          /* of the last part of the path, in that directory */
	bool certain;        /* nobody but root could have led us elsewhere */
	bool through_others; /* a directory on the way is neither root's nor ours */
	int links;
} TrustedPath;

/* What helps if errno is ELOOP. */
#define TRUSTED_PATH_HINT                                                                          \
	"A symbolic link is followed if it belongs to root or to the user who runs this."

/*
 * Open the directory of what the path names, which may not be there or be a
 * link itself.  False with errno (nothing to close then): ELOOP for a link of
 * somebody else.
 */
extern bool trusted_path_open(TrustedPath *at, const char *path);

/* The name is that of a link: go where it leads.  False with errno; close it in any case. */
extern bool trusted_path_follow(TrustedPath *at);

/* Can nobody but root exchange what has a name in this directory? */
extern bool trusted_path_names_are_certain(int directory);

/* errno stays as it is. */
extern void trusted_path_close(TrustedPath *at);

/* Open a directory, and make it if wanted (0700); -1 with errno. */
extern int trusted_directory_open(const char *path, bool make);

/* The same, with what is missing above it. */
extern int trusted_directory_make(const char *path);

#endif /* NEX_TRUSTED_PATH_H */
