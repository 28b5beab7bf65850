/*-------------------------------------------------------------------------
 *
 * mapped_file.h
 *	  Read a private file without memory of its size.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MAPPED_FILE_H
#define NEX_MAPPED_FILE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct MappedFile
{
	const char *data; /* NULL if there is nothing in it */
	size_t length;
} MappedFile;

/* Only for files that nobody else can cut meanwhile.  False (reported) on failure. */
extern bool mapped_file_open(MappedFile *file, const char *path);
extern void mapped_file_close(MappedFile *file);

#endif /* NEX_MAPPED_FILE_H */
