/*-------------------------------------------------------------------------
 *
 * scratch.h
 *	  What tests of files share: a directory of one's own, damage done to a
 *	  file, and a child process to find out with which exit code the program
 *	  would end (the log remembers the first error for ever).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SCRATCH_H
#define NEX_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "log.h"

static char scratch[64];

static int
scratch_remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void) status;
	(void) type;
	(void) where;
	return remove(path);
}

/* Before each test. */
static int
scratch_create(void **state)
{
	(void) state;
	snprintf(scratch, sizeof(scratch), "/tmp/nexb_unit_XXXXXX");
	log_open("/dev/null", LOG_FORMAT_HUMAN, LOG_LEVEL_ERROR);
	return mkdtemp(scratch) == NULL ? -1 : 0;
}

/* After each test. */
static int
scratch_destroy(void **state)
{
	(void) state;
	return nftw(scratch, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A path in the scratch directory; valid until the next but three calls. */
static inline const char *
scratch_path(const char *name)
{
	static char paths[4][512];
	static int turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
	return path;
}

/* Change one byte of a file; offset -1 is the last. */
static inline void
flip_byte(const char *path, long offset)
{
	FILE *file = fopen(path, "r+b");
	int byte;

	assert_non_null(file);
	assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
	byte = fgetc(file);
	assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
	fputc(byte ^ 1, file);
	assert_int_equal(fclose(file), 0);
}

static inline bool
file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* The exit code that the program would have after this; -1 if it crashed. */
static inline int
exit_code_of(void (*act)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0)
	{
		act();
		_exit(log_exit_code());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif /* NEX_SCRATCH_H */
