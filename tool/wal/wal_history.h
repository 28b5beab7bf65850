/*-------------------------------------------------------------------------
 *
 * wal_history.h
 *	  A timeline's history file: which timelines it comes from, and where it
 *	  left them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_HISTORY_H
#define NEX_WAL_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAL_MAX_HISTORY_BYTES (1024 * 1024)

/* An ancestor, whose WAL counts up to there. */
typedef struct WalAncestor
{
	uint32_t timeline;
	uint64_t end;
} WalAncestor;

typedef struct WalHistory
{
	uint32_t timeline;
	WalAncestor *ancestors; /* the oldest first */
	int count;
} WalHistory;

/* Read the text.  NULL when good, else what is wrong; then there is nothing to be freed. */
extern const char *wal_history_parse(const char *text, size_t length, uint32_t timeline,
									 WalHistory *history);
extern void wal_history_free(WalHistory *history);

/* Is it an ancestor?  Then where it was left. */
extern bool wal_history_find(const WalHistory *history, uint32_t timeline, uint64_t *end);

#endif /* NEX_WAL_HISTORY_H */
