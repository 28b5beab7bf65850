/*-------------------------------------------------------------------------
 *
 * fault_calls.c
 *	  The wrappers of the calls themselves.
 *
 * close() closes before it fails, as the kernel does.  Standard error is left
 * alone, so that a test can read what was said.
 *
 *-------------------------------------------------------------------------
 */
#include "fault_shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The function behind the shim, looked up once. */
#define REAL(name)                                                                                 \
	static __typeof__(name) *real;                                                                 \
	if (real == NULL)                                                                              \
	real = (__typeof__(name) *) real_call(#name)

/* Fail as the call does that gives -1. */
#define FAIL_AT(kind, fd, path)                                                                    \
	do                                                                                             \
	{                                                                                              \
		Fault fault = fault_at(kind, __func__, fd, path);                                          \
		if (fault.error != 0)                                                                      \
		{                                                                                          \
			errno = fault.error;                                                                   \
			return -1;                                                                             \
		}                                                                                          \
	} while (0)

/* The same, and a length that is cut to a part of it. */
#define CUT_AT(kind, fd, length)                                                                   \
	do                                                                                             \
	{                                                                                              \
		Fault fault = fault_at(kind, __func__, fd, NULL);                                          \
		if (fault.error != 0)                                                                      \
		{                                                                                          \
			errno = fault.error;                                                                   \
			return -1;                                                                             \
		}                                                                                          \
		if (fault.cut && (length) > 1)                                                             \
			(length) = ((length) + 2) / 3;                                                         \
	} while (0)

#define MODE_OF(flags)                                                                             \
	mode_t mode = 0;                                                                               \
	if (((flags) &O_CREAT) != 0 || ((flags) &O_TMPFILE) == O_TMPFILE)                              \
	{                                                                                              \
		va_list more;                                                                              \
		va_start(more, flags);                                                                     \
		mode = va_arg(more, mode_t);                                                               \
		va_end(more);                                                                              \
	}

/* ------------------------------------------------------------------ opening */

int
open64(const char *path, int flags, ...)
{
	REAL(open64);
	MODE_OF(flags);
	FAIL_AT(CALL_OPEN, -1, path);
	return real(path, flags, mode);
}

int
open(const char *path, int flags, ...)
{
	REAL(open);
	MODE_OF(flags);
	FAIL_AT(CALL_OPEN, -1, path);
	return real(path, flags, mode);
}

int
openat64(int directory, const char *path, int flags, ...)
{
	REAL(openat64);
	MODE_OF(flags);
	FAIL_AT(CALL_OPEN, -1, path);
	return real(directory, path, flags, mode);
}

int
openat(int directory, const char *path, int flags, ...)
{
	REAL(openat);
	MODE_OF(flags);
	FAIL_AT(CALL_OPEN, -1, path);
	return real(directory, path, flags, mode);
}

/* Only openat2 is called in this way by what we look at, apart from setgroups. */
long
syscall(long number, ...)
{
	long a[6];
	va_list more;
	int i;
	REAL(syscall);

	va_start(more, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(more, long);
	va_end(more);
#ifdef SYS_openat2
	if (number == SYS_openat2)
		FAIL_AT(CALL_OPEN, -1, (const char *) a[1]);
#endif
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

DIR *
opendir(const char *path)
{
	Fault fault = fault_at(CALL_LIST, __func__, -1, path);
	REAL(opendir);

	errno = fault.error;
	return fault.error != 0 ? NULL : real(path);
}

DIR *
fdopendir(int fd)
{
	Fault fault = fault_at(CALL_LIST, __func__, fd, NULL);
	REAL(fdopendir);

	errno = fault.error;
	return fault.error != 0 ? NULL : real(fd);
}

struct dirent *
readdir(DIR *directory)
{
	Fault fault = fault_at(CALL_LIST, __func__, dirfd(directory), NULL);
	REAL(readdir);

	if (fault.error != 0)
	{
		errno = fault.error;
		return NULL;
	}
	return real(directory);
}

struct dirent64 *
readdir64(DIR *directory)
{
	Fault fault = fault_at(CALL_LIST, __func__, dirfd(directory), NULL);
	REAL(readdir64);

	if (fault.error != 0)
	{
		errno = fault.error;
		return NULL;
	}
	return real(directory);
}

/* ---------------------------------------------------------- reading, writing */

ssize_t
read(int fd, void *into, size_t length)
{
	REAL(read);
	CUT_AT(CALL_READ, fd, length);
	return real(fd, into, length);
}

ssize_t
pread64(int fd, void *into, size_t length, off64_t offset)
{
	REAL(pread64);
	CUT_AT(CALL_READ, fd, length);
	return real(fd, into, length, offset);
}

ssize_t
write(int fd, const void *from, size_t length)
{
	REAL(write);
	if (fd != STDERR_FILENO)
		CUT_AT(CALL_WRITE, fd, length);
	return real(fd, from, length);
}

int
ftruncate64(int fd, off64_t length)
{
	REAL(ftruncate64);
	FAIL_AT(CALL_WRITE, fd, NULL);
	return real(fd, length);
}

int
fsync(int fd)
{
	REAL(fsync);
	FAIL_AT(CALL_SYNC, fd, NULL);
	return real(fd);
}

int
fdatasync(int fd)
{
	REAL(fdatasync);
	FAIL_AT(CALL_SYNC, fd, NULL);
	return real(fd);
}

int
close(int fd)
{
	Fault fault = fault_at(CALL_CLOSE, __func__, fd, NULL);
	int result;
	REAL(close);

	result = real(fd);
	if (fault.error == 0)
		return result;
	errno = fault.error;
	return -1;
}

/* -------------------------------------------------------------------- names */

int
rename(const char *from, const char *to)
{
	REAL(rename);
	FAIL_AT(CALL_RENAME, -1, to);
	return real(from, to);
}

int
renameat(int from_directory, const char *from, int to_directory, const char *to)
{
	REAL(renameat);
	FAIL_AT(CALL_RENAME, -1, to);
	return real(from_directory, from, to_directory, to);
}

int
renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
	REAL(renameat2);
	FAIL_AT(CALL_RENAME, -1, to);
	return real(from_directory, from, to_directory, to, flags);
}

int
linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
	REAL(linkat);
	FAIL_AT(CALL_RENAME, -1, to);
	return real(from_directory, from, to_directory, to, flags);
}

int
unlink(const char *path)
{
	REAL(unlink);
	FAIL_AT(CALL_UNLINK, -1, path);
	return real(path);
}

int
unlinkat(int directory, const char *path, int flags)
{
	REAL(unlinkat);
	FAIL_AT(CALL_UNLINK, -1, path);
	return real(directory, path, flags);
}

int
rmdir(const char *path)
{
	REAL(rmdir);
	FAIL_AT(CALL_UNLINK, -1, path);
	return real(path);
}

int
mkdir(const char *path, mode_t mode)
{
	REAL(mkdir);
	FAIL_AT(CALL_MKDIR, -1, path);
	return real(path, mode);
}

int
mkdirat(int directory, const char *path, mode_t mode)
{
	REAL(mkdirat);
	FAIL_AT(CALL_MKDIR, -1, path);
	return real(directory, path, mode);
}

char *
mkdtemp(char *pattern)
{
	Fault fault = fault_at(CALL_MKDIR, __func__, -1, pattern);
	REAL(mkdtemp);

	errno = fault.error;
	return fault.error != 0 ? NULL : real(pattern);
}

int
stat64(const char *restrict path, struct stat64 *restrict status)
{
	REAL(stat64);
	FAIL_AT(CALL_STAT, -1, path);
	return real(path, status);
}

int
fstat64(int fd, struct stat64 *status)
{
	REAL(fstat64);
	FAIL_AT(CALL_STAT, fd, NULL);
	return real(fd, status);
}

int
fstatat64(int directory, const char *restrict path, struct stat64 *restrict status, int flags)
{
	REAL(fstatat64);
	FAIL_AT(CALL_STAT, -1, path);
	return real(directory, path, status, flags);
}

/* -------------------------------------------------------------------- locks */

int
flock(int fd, int how)
{
	REAL(flock);
	FAIL_AT(CALL_LOCK, fd, NULL);
	return real(fd, how);
}

int
fcntl64(int fd, int command, ...)
{
	va_list more;
	void *argument;
	REAL(fcntl64);

	va_start(more, command);
	argument = va_arg(more, void *);
	va_end(more);
	if (command == F_SETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW)
		FAIL_AT(CALL_LOCK, fd, NULL);
	return real(fd, command, argument);
}

/* ------------------------------------------------------- threads, processes */

int
pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
			   void *(*start)(void *), void *restrict argument)
{
	Fault fault = fault_at(CALL_THREAD, __func__, -1, NULL);
	REAL(pthread_create);

	return fault.error != 0 ? fault.error : real(thread, attributes, start, argument);
}

int
posix_spawn(pid_t *restrict pid, const char *restrict path,
			const posix_spawn_file_actions_t *restrict actions,
			const posix_spawnattr_t *restrict attributes, char *const argv[],
			char *const environment[])
{
	Fault fault = fault_at(CALL_PROCESS, __func__, -1, path);
	REAL(posix_spawn);

	return fault.error != 0 ? fault.error : real(pid, path, actions, attributes, argv, environment);
}

pid_t
fork(void)
{
	REAL(fork);
	FAIL_AT(CALL_PROCESS, -1, NULL);
	return real();
}

int
pipe2(int ends[2], int flags)
{
	REAL(pipe2);
	FAIL_AT(CALL_PROCESS, -1, NULL);
	return real(ends, flags);
}

/* ------------------------------------------------------------------ network */

/* A connection that is reset is so for whatever comes after. */
#define RESET_AT(fd, length)                                                                       \
	do                                                                                             \
	{                                                                                              \
		Fault fault = fault_at(CALL_NETWORK, __func__, fd, NULL);                                  \
		if (fault.error != 0)                                                                      \
		{                                                                                          \
			if (fault.error == ECONNRESET)                                                         \
				shutdown(fd, SHUT_RDWR);                                                           \
			errno = fault.error;                                                                   \
			return -1;                                                                             \
		}                                                                                          \
		if (fault.cut && (length) > 1)                                                             \
			(length) = ((length) + 2) / 3;                                                         \
	} while (0)

ssize_t
recv(int fd, void *into, size_t length, int flags)
{
	REAL(recv);
	RESET_AT(fd, length);
	return real(fd, into, length, flags);
}

ssize_t
send(int fd, const void *from, size_t length, int flags)
{
	REAL(send);
	RESET_AT(fd, length);
	return real(fd, from, length, flags);
}

int
connect(int fd, const struct sockaddr *address, socklen_t length)
{
	REAL(connect);
	FAIL_AT(CALL_NETWORK, fd, NULL);
	return real(fd, address, length);
}

/* ---------------------------------------------------------- memory, numbers */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *
malloc(size_t size)
{
	Fault fault = fault_at(CALL_MEMORY, __func__, -1, NULL);

	if (fault.error == 0)
		return __libc_malloc(size);
	errno = ENOMEM;
	return NULL;
}

void *
calloc(size_t count, size_t size)
{
	Fault fault = fault_at(CALL_MEMORY, __func__, -1, NULL);

	if (fault.error == 0)
		return __libc_calloc(count, size);
	errno = ENOMEM;
	return NULL;
}

void *
realloc(void *old, size_t size)
{
	Fault fault = fault_at(CALL_MEMORY, __func__, -1, NULL);

	if (fault.error == 0)
		return __libc_realloc(old, size);
	errno = ENOMEM;
	return NULL;
}

ssize_t
getrandom(void *into, size_t length, unsigned flags)
{
	REAL(getrandom);
	FAIL_AT(CALL_RANDOM, -1, NULL);
	return real(into, length, flags);
}
