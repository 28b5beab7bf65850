/*-------------------------------------------------------------------------
 *
 * path_reader.h
 *	  Reading the WAL on the path of a recovery.
 *
 * Apart from recovery_path.h, which knows names alone, and needs no key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PATH_READER_H
#define NEX_PATH_READER_H

#include "recovery_path.h"
#include "wal_records.h"

/* Read a segment, and visit its records.  False (reported) if it is not good. */
extern bool path_read(const RecoveryPath *path, uint64_t number, WalRecords *records);

/* Visit the records of these segments; false (reported, unless work must stop) on failure. */
extern bool path_scan(const RecoveryPath *path, uint64_t from, uint64_t to, WalVisit visit,
					  void *argument);

/*
 * The same of WAL that the server may never ask for, as it is behind the target: a failure is no
 * error, what is there is only not known.  What counts is read again (recovery_proof.h).
 */
extern bool path_scan_behind(const RecoveryPath *path, uint64_t from, uint64_t to, WalVisit visit,
							 void *argument);

/* Is it the end of a transaction?  And a visit: the first one goes to the argument, a WalEvent. */
extern bool path_is_end(const WalEvent *event);
extern bool path_visit_first(const WalEvent *event, void *argument);

/* The last transaction on the path, if what is there can be read. */
extern bool path_newest(const RecoveryPath *path, WalEvent *newest);

#endif /* NEX_PATH_READER_H */
