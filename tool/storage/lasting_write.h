/*-------------------------------------------------------------------------
 *
 * lasting_write.h
 *	  Writing a small file, and knowing what has become of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LASTING_WRITE_H
#define NEX_LASTING_WRITE_H

#include "storage.h"

/*
 * Write a file durably.  An errno value if it is not there.  If it is, but a
 * crash of the machine may take it away again, 0, and *not_lasting is the
 * errno value that says why; otherwise that is 0.
 */
extern int lasting_write(Storage *storage, const char *path, const void *content, uint64_t length,
						 int *not_lasting);

#endif /* NEX_LASTING_WRITE_H */
