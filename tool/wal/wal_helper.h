/*-------------------------------------------------------------------------
 *
 * wal_helper.h
 *	  Storing WAL for the archiver of a server that has the module of this
 *	  program (common/archive_protocol.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_HELPER_H
#define NEX_WAL_HELPER_H

#include "wal_queue.h"

/* Answer until the server is gone or wants no more; false (reported) if nothing can be done. */
extern bool wal_helper_run(const WalQueueRequest *request, int look_ahead);

#endif /* NEX_WAL_HELPER_H */
