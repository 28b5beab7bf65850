/*-------------------------------------------------------------------------
 *
 * subprocess.h
 *	  Start PostgreSQL's own client programs: argv array, no shell, own
 *	  process group, closed descriptors, stderr captured line by line.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SUBPROCESS_H
#define NEX_SUBPROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "buffer.h"
#include "temporary_directory.h"

typedef struct SubprocessResult
{
	int exit_code; /* -1: ended by a signal */
	int signal;
	Buffer errors;  /* its stderr, at most the last 64 kB */
	bool truncated; /* there was more of it */
} SubprocessResult;

/*
 * Run a program to its end.  argv[0] is its absolute path.  stdout goes to
 * stdout_path (created, 0600) or, when NULL, to /dev/null.  A stop request
 * terminates the child's whole process group.  False (error reported) only
 * when it could not be started or waited for; a failing child is in result.
 */
extern bool subprocess_run(const char *const *argv, const char *stdout_path,
						   SubprocessResult *result);

/* In such a directory: the service file, if there is one. */
#define TARGET_SERVICE_FILE "pg_service.conf"

/*
 * The same for a program that connects, by what target_conninfo_for_child()
 * has left in `directory`; its stdout goes to /dev/null.
 */
extern bool subprocess_run_connected(const char *const *argv, const char *directory,
									 SubprocessResult *result);

/*
 * The same, directory may be NULL, for a program whose stdout is wanted: it is
 * appended to output.  Through a pipe, not a file: where a disk is full,
 * pg_restore --list and pg_dumpall leave half of a file and exit with 0.
 */
extern bool subprocess_capture(const char *const *argv, const char *directory, Buffer *output,
							   SubprocessResult *result);

/*
 * The same for a helper that the user has chosen, as for keys: it has all
 * variables that tell it where to look, as AWS_PROFILE.  It is killed after a
 * minute, or a megabyte.
 */
extern bool subprocess_ask(const char *const *argv, Buffer *output, SubprocessResult *result);
extern void subprocess_result_free(SubprocessResult *result);

/*
 * Our environment without passwords of PostgreSQL.  With a directory (NULL: none) in which
 * target_conninfo_for_child() has left a service file, that is named in it.
 * To be freed by environment_free(), which leaves our own strings alone.
 */
typedef struct ChildEnvironment
{
	char **variables;
	char *service_file;
} ChildEnvironment;

extern void environment_make(ChildEnvironment *environment, const char *directory,
							 const char *const *dropped, char *const *added);
extern void environment_free(ChildEnvironment *environment);

/*
 * Find a PostgreSQL client program of at least the server's major version:
 * in bindir (--pg-bindir, may be NULL), beside the libpq that this tool was built with, in
 * /usr/lib/postgresql/<major>/bin, in PATH.  Prefers the server's own major,
 * then the lowest newer one.  Gives its path (caller frees) and version text;
 * NULL (error reported with a hint) if there is none.
 */
extern char *find_client_program(const char *bindir, const char *name, int server_version,
								 char **version);

#endif /* NEX_SUBPROCESS_H */
