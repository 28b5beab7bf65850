/*-------------------------------------------------------------------------
 *
 * file_part.h
 *	  Part of a file, read from where it is.
 *
 * pread() may give less than was asked for, also of a plain file, and ends when
 * a signal comes.  What is read of the files of a server needs all of it, or to
 * know that the file ends before.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FILE_PART_H
#define NEX_FILE_PART_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How many bytes there were from `offset` on, fewer than `bytes` only at the end of the file; -1
 * and errno. */
extern ssize_t file_part_read(int descriptor, char *into, size_t bytes, uint64_t offset);

#endif /* NEX_FILE_PART_H */
