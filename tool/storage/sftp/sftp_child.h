/*-------------------------------------------------------------------------
 *
 * sftp_child.h
 *	  The program that carries packets to an SFTP server: ssh, mostly.
 *
 * Not subprocess.h, whose children are given nothing and run to their end: this
 * one is spoken with.  It has no terminal to ask anybody for a password at, and
 * no secret of a bucket or of PostgreSQL in its environment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_CHILD_H
#define NEX_SFTP_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#define SFTP_SAID_SIZE 4096

typedef struct SftpChild
{
	pid_t pid;  /* and its process group */
	int input;  /* of the child: we write.  None of the three blocks. */
	int output; /* we read */
	int errors;
	char said[SFTP_SAID_SIZE + 1]; /* the end of what it has written to stderr */
	size_t said_length;
} SftpChild;

/* Start it, by PATH if its name has no slash; 0 or an errno value. */
extern int sftp_child_start(SftpChild *child, char *const *argv);

/* Take what it has written to stderr by now; false at the end. */
extern bool sftp_child_listen(SftpChild *child);

/* The last lines of what it has said, made fit to be shown; "" if nothing.  Caller frees. */
extern char *sftp_child_words(const SftpChild *child, size_t limit);

/* Kill it, hear its last words, and wait for its end. */
extern void sftp_child_end(SftpChild *child);

#endif /* NEX_SFTP_CHILD_H */
