/*-------------------------------------------------------------------------
 *
 * buffer.c
 *	  A growable byte buffer.
 *
 *-------------------------------------------------------------------------
 */
#include "buffer.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exit_status.h"
#include "run_protocol.h"

#define FIRST_CAPACITY 256

static _Atomic(LastAct) last_act;

void
out_of_memory_act(LastAct act)
{
	atomic_store(&last_act, act);
}

/* One line without allocating, and out at once: other threads may be anywhere. */
void
out_of_memory(void)
{
	static const char message[] = "nex_backup: error: out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
	LastAct act = atomic_exchange(&last_act, NULL);

	(void) ignored;
	if (act != NULL)
		act();
	_exit(exit_status(EXIT_FAILED));
}

void
buffer_init(Buffer *buffer)
{
	buffer->data = NULL;
	buffer->length = 0;
	buffer->capacity = 0;
}

void
buffer_free(Buffer *buffer)
{
	free(buffer->data);
	buffer_init(buffer);
}

void
buffer_reset(Buffer *buffer)
{
	buffer->length = 0;
	if (buffer->data != NULL)
		buffer->data[0] = '\0';
}

void
buffer_reserve(Buffer *buffer, size_t more)
{
	size_t needed;
	size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
	char *grown;

	if (__builtin_add_overflow(buffer->length, more, &needed) ||
		__builtin_add_overflow(needed, 1, &needed))
		out_of_memory();
	if (needed <= buffer->capacity)
		return;
	while (capacity < needed)
		capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
	/* Far jumps are not doubled: an 8 MiB reservation shall not take 16. */
	if (needed > 2 * buffer->capacity && needed > FIRST_CAPACITY)
		capacity = needed;
	grown = realloc(buffer->data, capacity);
	if (grown == NULL)
		out_of_memory();
	buffer->data = grown;
	buffer->capacity = capacity;
}

void
buffer_append(Buffer *buffer, const void *data, size_t length)
{
	buffer_reserve(buffer, length);
	if (length > 0)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
}

void
buffer_append_string(Buffer *buffer, const char *string)
{
	buffer_append(buffer, string, strlen(string));
}

void
buffer_append_char(Buffer *buffer, char c)
{
	buffer_append(buffer, &c, 1);
}

void
buffer_printf(Buffer *buffer, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0)
		out_of_memory();
	buffer_reserve(buffer, (size_t) length);
	va_start(arguments, format);
	vsnprintf(buffer->data + buffer->length, (size_t) length + 1, format, arguments);
	va_end(arguments);
	buffer->length += (size_t) length;
}

char *
buffer_detach(Buffer *buffer)
{
	char *string;

	if (buffer->data == NULL)
		buffer_append(buffer, "", 0);
	string = buffer->data;
	buffer_init(buffer);
	return string;
}
