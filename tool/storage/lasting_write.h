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
 * Write a file durably.  If it is there afterwards, but a crash of the machine
 * may take it away again, that is good, and *not_lasting says why; otherwise
 * *not_lasting is good, too.
 */
extern StoreResult lasting_write(Storage *storage, const char *path, const void *content,
								 uint64_t length, StoreResult *not_lasting);

#endif /* NEX_LASTING_WRITE_H */
