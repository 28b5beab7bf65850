/*-------------------------------------------------------------------------
 *
 * wal_report.h
 *	  What WAL there is, as text and as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_REPORT_H
#define NEX_WAL_REPORT_H

#include <jansson.h>

#include "wal_verify.h"

/* What "wal list" shows of a system identifier. */
extern json_t *wal_inventory_json(const WalInventory *inventory);
extern void wal_inventory_print(const WalInventory *inventory);

/* … and "wal verify": to be added to that, or shown behind it. */
extern void wal_verified_json(json_t *value, const WalVerified *verified);
extern void wal_verified_print(const WalVerified *verified);

/* Only what is missing. */
extern void wal_gaps_print(const WalInventory *inventory);

#endif /* NEX_WAL_REPORT_H */
