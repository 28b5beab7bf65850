/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  Allocation that never returns NULL.
 *
 * The message goes out with write() and not through the log, which would
 * have to allocate to say it.
 *
 *-------------------------------------------------------------------------
 */
#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* End the program at once: other threads may be anywhere. */
static void __attribute__((noreturn)) out_of_memory(void)
{
	static const char message[] = "nex_backup: error: out of memory\n";
	ssize_t ignored;

	ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
	(void) ignored;
	_exit(EXIT_FAILED);
}

void *
xmalloc(size_t size)
{
	void *pointer = malloc(size > 0 ? size : 1);

	if (pointer == NULL)
		out_of_memory();
	return pointer;
}

void *
xcalloc(size_t count, size_t size)
{
	void *pointer = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

	if (pointer == NULL)
		out_of_memory();
	return pointer;
}

void *
xrealloc(void *pointer, size_t size)
{
	pointer = realloc(pointer, size > 0 ? size : 1);
	if (pointer == NULL)
		out_of_memory();
	return pointer;
}

char *
xstrdup(const char *string)
{
	char *copy;

	if (string == NULL)
		return NULL;
	copy = strdup(string);
	if (copy == NULL)
		out_of_memory();
	return copy;
}

char *
xasprintf(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		out_of_memory();
	return text;
}
