/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  Allocation that ends the program (exit 1, one line on stderr) when
 *	  memory runs out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MEMORY_H
#define NEX_MEMORY_H

#include <stddef.h>

extern void *xmalloc(size_t size);
extern void *xcalloc(size_t count, size_t size);
extern void *xrealloc(void *pointer, size_t size);
extern char *xstrdup(const char *string);               /* NULL gives NULL */
extern char *xstrndup(const char *text, size_t length); /* these bytes, and a zero byte */
extern char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Overwrites a text before it frees it; NULL is none. */
extern void secret_text_free(char *secret);

/* Before anything else: what libraries ask for ends the program in the same way. */
extern void memory_for_libraries(void);

#endif /* NEX_MEMORY_H */
