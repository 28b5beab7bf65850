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
#include <string.h>

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
	position->timeline = server->timeline;
	position->lsn = (uint64_t) high << 32 | low;
	snprintf(position->server, sizeof(position->server), "%s", server->system_identifier);
}

int
wal_position_compare(const WalPosition *a, const WalPosition *b)
{
	if (!a->known || !b->known || strcmp(a->server, b->server) != 0)
		return 0;
	if (a->timeline != b->timeline)
	{
		if (a->timeline <= 0 || b->timeline <= 0)
			return 0;
		return a->timeline < b->timeline ? -1 : 1;
	}
	return a->lsn < b->lsn ? -1 : a->lsn > b->lsn;
}
