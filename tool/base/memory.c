/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  Allocation that never returns NULL, for us and for libraries.
 *
 * A library that gets no memory says that it could not read a text or check a
 * signature, as it does of a bad one.  A good file would be called damaged, and
 * where a text is made, a part of it could be missing.  So those that can be
 * told take their memory from here.  zstd cannot be (codec.c looks at its
 * error); libyaml cannot, but reads only what others wrote and says what failed;
 * libpq reports it as an error of the command.
 *
 *-------------------------------------------------------------------------
 */
#include "memory.h"

#include <jansson.h>
#include <libdeflate.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

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
xstrndup(const char *text, size_t length)
{
	char *copy = xmalloc(length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

void
secret_text_free(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
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

static void *
library_malloc(size_t size, const char *file, int line)
{
	(void) file;
	(void) line;
	return xmalloc(size);
}

/* As OpenSSL's own: nothing left of it is nothing. */
static void *
library_realloc(void *pointer, size_t size, const char *file, int line)
{
	(void) file;
	(void) line;
	if (size > 0)
		return xrealloc(pointer, size);
	free(pointer);
	return NULL;
}

static void
library_free(void *pointer, const char *file, int line)
{
	(void) file;
	(void) line;
	free(pointer);
}

void
memory_for_libraries(void)
{
	json_set_alloc_funcs(xmalloc, free);
	libdeflate_set_memory_allocator(xmalloc, free);
	/* Refused when OpenSSL has memory already; then it is as it was. */
	(void) CRYPTO_set_mem_functions(library_malloc, library_realloc, library_free);
}
