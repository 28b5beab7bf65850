/*-------------------------------------------------------------------------
 *
 * wal_position.c
 *	  Where a server was in its history when a backup was made.
 *
 * No clock can be wrong about that: the position in the WAL only grows, on
 * one timeline, and timelines are numbered.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_position.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_PAGE 1024
#define PAGE_HEAD 40

bool
wal_lsn_parse(const char *text, uint64_t *lsn)
{
	static const char digits[] = "0123456789ABCDEFabcdef";
	size_t high = strspn(text, digits);
	size_t low = text[high] == '/' ? strspn(text + high + 1, digits) : 0;

	if (high < 1 || high > 8 || low < 1 || low > 8 || text[high + 1 + low] != '\0')
		return false;
	*lsn = strtoull(text, NULL, 16) << 32 | strtoull(text + high + 1, NULL, 16);
	return true;
}

void
wal_lsn_print(uint64_t lsn, char text[WAL_POSITION_SIZE])
{
	snprintf(text, WAL_POSITION_SIZE, "%" PRIX32 "/%" PRIX32, (uint32_t) (lsn >> 32),
			 (uint32_t) lsn);
}

void
wal_position_of(const ManifestServer *server, WalPosition *position)
{
	uint32_t high;
	uint32_t low;

	memset(position, 0, sizeof(*position));
	if (server->lsn == NULL || server->system_identifier == NULL ||
		sscanf(server->lsn, "%" SCNx32 "/%" SCNx32, &high, &low) != 2)
		return;
	position->known = true;
	position->standby = server->in_recovery;
	position->history = server->history;
	position->timeline = server->timeline;
	position->lsn = (uint64_t) high << 32 | low;
	snprintf(position->server, sizeof(position->server), "%s", server->system_identifier);
}

/*
 * Is there nothing between the two but the head of a page of WAL?  A primary
 * counts it in as soon as the last page is full, a standby when it replays
 * what is behind it.
 */
static bool
only_page_head(uint64_t replayed, uint64_t written)
{
	return replayed % SMALLEST_PAGE == 0 && written > replayed && written - replayed <= PAGE_HEAD;
}

static int
compare_lsn(const WalPosition *a, const WalPosition *b)
{
	if ((a->standby && only_page_head(a->lsn, b->lsn)) ||
		(b->standby && only_page_head(b->lsn, a->lsn)))
		return 0;
	return a->lsn < b->lsn ? -1 : a->lsn > b->lsn;
}

static bool
can_compare(const WalPosition *a, const WalPosition *b)
{
	return a->known && b->known && strcmp(a->server, b->server) == 0;
}

int
wal_position_compare(const WalPosition *a, const WalPosition *b)
{
	if (!can_compare(a, b))
		return 0;
	if (a->history != b->history)
		return a->history < b->history ? -1 : 1;
	if (a->timeline != b->timeline)
	{
		if (a->timeline <= 0 || b->timeline <= 0)
			return 0;
		return a->timeline < b->timeline ? -1 : 1;
	}
	return compare_lsn(a, b);
}

bool
wal_position_lacks(const WalPosition *now, const WalPosition *then)
{
	return wal_position_compare(now, then) < 0 ||
		   (can_compare(now, then) && now->history == then->history && compare_lsn(now, then) < 0);
}
