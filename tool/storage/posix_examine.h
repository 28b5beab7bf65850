/*-------------------------------------------------------------------------
 *
 * posix_examine.h
 *	  What can be found out about a file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_POSIX_EXAMINE_H
#define NEX_POSIX_EXAMINE_H

#include "posix_storage.h"

extern StoreResult posix_examine(Storage *storage, const char *path, StoreFacts *facts);

#endif /* NEX_POSIX_EXAMINE_H */
