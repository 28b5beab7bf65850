/*-------------------------------------------------------------------------
 *
 * descriptors.c
 *	  What a child program is not to have: descriptors.
 *
 * A loop up to the limit is not enough: the limit may have been lowered after
 * a descriptor got its number, and where there is none the loop takes minutes.
 * So, where close_range() is missing, /proc tells what is open; by plain system
 * calls, as readdir() allocates memory, which may not be done after fork().
 *
 *-------------------------------------------------------------------------
 */
#include "descriptors.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* Where descriptors can neither be listed nor are limited: the kernel's own limit by default. */
#define HIGHEST_GUESSED (1024 * 1024)

/* True if that changed anything. */
static bool
handle(int descriptor, DescriptorDeed deed)
{
	int flags;

	if (deed == DESCRIPTORS_CLOSE)
		return close(descriptor) == 0;
	flags = fcntl(descriptor, F_GETFD);
	if (flags >= 0 && (flags & FD_CLOEXEC) == 0)
		(void) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
	return false;
}

#if defined(__linux__) && defined(SYS_getdents64)

/* Where the kernel puts things in an entry of a directory. */
#define ENTRY_LENGTH 16 /* two bytes, behind inode and position */
#define ENTRY_NAME 19   /* behind the type */

/* Handle the descriptors among these names; true if that changed anything. */
static bool
handle_listed(const unsigned char *entries, long length, int first, int except, DescriptorDeed deed)
{
	bool changed = false;
	long offset = 0;

	while (offset + ENTRY_NAME < length)
	{
		const unsigned char *entry = entries + offset;
		const unsigned char *name = entry + ENTRY_NAME;
		uint16_t step;
		int descriptor = 0;

		memcpy(&step, entry + ENTRY_LENGTH, sizeof(step));
		if (step == 0)
			break;
		if (*name >= '0' && *name <= '9')
		{
			while (*name >= '0' && *name <= '9')
				descriptor = 10 * descriptor + (*name++ - '0');
			if (descriptor >= first && descriptor != except && handle(descriptor, deed))
				changed = true;
		}
		offset += step;
	}
	return changed;
}

/* False if nothing could be listed. */
static bool
sweep_by_proc(int first, DescriptorDeed deed)
{
	unsigned char entries[4096];
	int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool listed = false;
	bool changed;
	long length;

	if (directory < 0)
		return false;
	/* Closing moves what is still to be listed, so again until none is left. */
	do
	{
		changed = false;
		if (lseek(directory, 0, SEEK_SET) < 0)
			break;
		while ((length = syscall(SYS_getdents64, directory, entries, sizeof(entries))) > 0)
		{
			listed = true;
			if (handle_listed(entries, length, first, directory, deed))
				changed = true;
		}
	} while (changed);
	close(directory);
	return listed;
}
#endif

void
descriptors_sweep(int first, DescriptorDeed deed, bool without_call)
{
	struct rlimit limit;
	long highest = HIGHEST_GUESSED;
	int descriptor;

#if defined(__linux__) && defined(SYS_close_range)
	if (!without_call && syscall(SYS_close_range, first, ~0U,
								 deed == DESCRIPTORS_MARK ? CLOSE_RANGE_CLOEXEC : 0) == 0)
		return;
#endif
#if defined(__linux__) && defined(SYS_getdents64)
	if (sweep_by_proc(first, deed))
		return;
#endif
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < (rlim_t) highest)
		highest = (long) limit.rlim_max;
	for (descriptor = first; descriptor < highest; descriptor++)
		handle(descriptor, deed);
}
