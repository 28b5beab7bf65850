/*-------------------------------------------------------------------------
 *
 * shared_log.h
 *	  Files of messages that more than one user appends to.
 *
 * What root's command creates, the next one of the repository's owner shall be
 * able to write.  So it is created as that user, where this user may create
 * files; where root alone may, it is given away if nobody but root could have
 * led us there.  Everywhere else it stays root's: a file of one's own in a
 * directory of root's may be a command that root runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SHARED_LOG_H
#define NEX_SHARED_LOG_H

/*
 * Open a file to append to it, making it (0600).  The user it is for has the
 * directory `of` (that of the repository; NULL: none), or else the directory
 * that it lies in.  No part of the path is followed as a symbolic link that
 * belongs to somebody else, nor is a file written that others may have linked
 * there, or a pipe of theirs.  Not waiting for the other end of a pipe; one is
 * left with O_NONBLOCK.  -1 with errno: ELOOP for such a link, EMLINK for such
 * a file, EPERM for such a pipe.
 */
extern int shared_log_open(const char *path, const char *of);

/*
 * The same for a file in a directory that is made (0700) if it is missing; the
 * file itself must not be a link.  *above is the directory, for more to be
 * done there; the caller closes both.
 */
extern int shared_log_open_in(const char *directory, const char *name, const char *of, int *above);

#endif /* NEX_SHARED_LOG_H */
