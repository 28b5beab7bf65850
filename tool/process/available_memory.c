/*-------------------------------------------------------------------------
 *
 * available_memory.c
 *	  How much memory a program that we start can have.
 *
 * Only what the kernel says that it has without swapping, and the limit that
 * this process was given: the limits of control groups need not be visible
 * here, and who meets them finds its program killed.
 *
 *-------------------------------------------------------------------------
 */
#include "available_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MEMINFO "/proc/meminfo"

uint64_t
available_memory_in(const char *meminfo)
{
	static const char key[] = "\nMemAvailable:";
	const char *at = strstr(meminfo, key);
	char *end;
	unsigned long long kilobytes;

	if (at == NULL)
		return UINT64_MAX;
	at += strlen(key);
	kilobytes = strtoull(at, &end, 10);
	if (end == at || strncmp(end, " kB", 3) != 0 || kilobytes > UINT64_MAX / 1024)
		return UINT64_MAX;
	return (uint64_t) kilobytes * 1024;
}

uint64_t
available_memory(void)
{
	uint64_t available = UINT64_MAX;
	struct rlimit limit;
	FILE *file = fopen(MEMINFO, "re");
	char text[1024];

	if (file != NULL)
	{
		size_t length = fread(text, 1, sizeof(text) - 1, file);

		text[length] = '\0';
		available = available_memory_in(text);
		fclose(file);
	}
	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
		(uint64_t) limit.rlim_cur < available)
		available = (uint64_t) limit.rlim_cur;
	return available;
}
