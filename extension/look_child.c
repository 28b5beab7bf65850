/*-------------------------------------------------------------------------
 *
 * look_child.c
 *	  A child of a backend that looks at files, and has nothing of the server.
 *
 * While the server of a network file system is away, open() and stat() do not
 * return, and nothing ends the process: no timeout, no pg_terminate_backend(),
 * no fast shutdown.  So a child looks, which has neither shared memory of the
 * server, which would keep it from starting again, nor a descriptor.
 *
 * A child that hangs is left alone and ends when the file system answers.  It
 * is not killed: if this process is gone by then and the postmaster is the init
 * process of a container, that would take a child that was killed for a crash.
 *
 * Not threads, which a backend cannot have; not a background worker, which
 * would hang in a shutdown as well.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "storage/pg_shmem.h"
#include "utils/memutils.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beneath.h"
#include "child_signals.h"
#include "descriptors.h"
#include "look_child.h"
#include "top_link.h"

/* Descriptors of the child, besides 0 to 2. */
#define OUT_DESCRIPTOR 3
#define LOCK_DESCRIPTOR 4
#define FIRST_UNUSED 5

/* For one that has nothing to do any more. */
#define END_TRIES 20
#define END_MICROSECONDS 5000L

/* Children that we did not wait for. */
static List *left_children = NIL;

/* ---- in the child ---- */

void
look_write(int out, const void *bytes, size_t length)
{
	const char *position = bytes;

	while (length > 0)
	{
		ssize_t written = write(out, position, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			_exit(0);
		position += written;
		length -= (size_t) written;
	}
}

/*
 * The directory that a link at the top level leads to; -2 if that is not a link.  What one that
 * leads nowhere hides is not missing: nobody can look at it.
 */
static int
open_top_link(int root, const char *name)
{
	struct stat own;
	struct stat link;
	int fd;

	if (fstat(root, &own) != 0)
		return -1;
	fd = top_link_open(root, name, &own, &link);
	if (fd < 0 && errno == ENOENT && fstatat(root, name, &link, AT_SYMLINK_NOFOLLOW) == 0)
		errno = ELOOP;
	return fd < 0 && errno == EINVAL ? -2 : fd;
}

int
look_open_path(const char *repository, const char *file, int flags)
{
	int root = open(repository, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *rest = strchr(file, '/');
	int start = -2;
	int fd = -1;
	int error;

	if (root < 0)
		return -1;
	/* Only directories may be links there. */
	if (rest != NULL || (flags & O_DIRECTORY) != 0)
	{
		char *first = strndup(file, rest != NULL ? (size_t) (rest - file) : strlen(file));

		start = first != NULL ? open_top_link(root, first) : -1;
		free(first);
	}
	if (start == -2)
		fd = open_beneath(root, file, flags, 0);
	else if (start >= 0)
		fd = open_beneath(start, rest != NULL ? rest + 1 : ".", flags, 0);
	error = errno;
	if (start >= 0)
		close(start);
	close(root);
	errno = error;
	return fd;
}

int
look_open(const char *repository, const char *file, off_t *bytes)
{
	struct stat status;
	/* O_NONBLOCK: opening a FIFO would otherwise wait without end. */
	int fd = look_open_path(repository, file, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
	{
		close(fd);
		errno = ENOTSUP;
		return -1;
	}
	*bytes = status.st_size;
	return fd;
}

static void __attribute__((noreturn)) be_child(int out, int lock, LookWork work, void *argument)
{
	int null_device;

	/* Signals for the group of the backend are not for us. */
	setsid();
	PGSharedMemoryDetach();
	out = fcntl(out, F_DUPFD, FIRST_UNUSED);
	if (lock >= 0)
		lock = fcntl(lock, F_DUPFD, FIRST_UNUSED);
	null_device = open("/dev/null", O_RDWR);
	if (null_device < 0 || dup2(null_device, STDIN_FILENO) < 0 ||
		dup2(null_device, STDOUT_FILENO) < 0 || dup2(null_device, STDERR_FILENO) < 0 ||
		dup2(out, OUT_DESCRIPTOR) < 0 ||
		dup2(lock >= 0 ? lock : null_device, LOCK_DESCRIPTOR) < 0 || chdir("/") != 0)
		_exit(0);
	descriptors_sweep(FIRST_UNUSED, DESCRIPTORS_CLOSE, false);
	child_signals_reset(BROKEN_PIPE_FAILS);
	work(OUT_DESCRIPTOR, argument);
	_exit(0);
}

/* ---- in the backend ---- */

pid_t
look_child_start(int out, int lock, LookWork work, void *argument)
{
	pid_t pid = child_fork();

	if (pid == 0)
		be_child(out, lock, work, argument);
	return pid;
}

void
look_child_reap(void)
{
	ListCell *cell;

	foreach (cell, left_children)
	{
		if (waitpid(lfirst_int(cell), NULL, WNOHANG) != 0)
			left_children = foreach_delete_current(left_children, cell);
	}
}

void
look_child_leave(pid_t pid)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	left_children = lappend_int(left_children, pid);
	MemoryContextSwitchTo(old);
}

void
look_child_end(pid_t pid)
{
	int tries;

	for (tries = 0; tries < END_TRIES; tries++)
	{
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		pg_usleep(END_MICROSECONDS);
	}
	look_child_leave(pid);
}
