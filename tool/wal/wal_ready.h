/*-------------------------------------------------------------------------
 *
 * wal_ready.h
 *	  Which WAL files a server wants archived, in its data directory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_READY_H
#define NEX_WAL_READY_H

#include <stdbool.h>
#include <stddef.h>

#include "wal_name.h"

/* The order in which a server archives them: histories first, the others by name. */
extern int wal_ready_compare(const WalName *a, const WalName *b);

/*
 * The first of them, at most `limit`, in that order.  True: there may be more.
 * What cannot be listed has none: it is only to be known beforehand.
 */
extern bool wal_ready_list(const char *directory, WalName *names, size_t limit, size_t *count);

#endif /* NEX_WAL_READY_H */
