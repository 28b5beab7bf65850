/*-------------------------------------------------------------------------
 *
 * wal_history.c
 *	  Reading history files as PostgreSQL does (readTimeLineHistory()).
 *
 * Numbers of timelines go up; where they were left need not.  A server names
 * as the parent of its new timeline the one that it was to recover to, although
 * it may have stopped before that one begins.  tliOfPointInHistory() takes such
 * an ancestor for empty, so what counts of each ends where a later one ends at
 * the latest.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* One line: "1<tab>0/3000148<tab>reason".  False if it is none. */
static bool
read_line(const char *line, WalAncestor *ancestor)
{
	uint32_t high;
	uint32_t low;

	if (sscanf(line, "%" SCNu32 "\t%" SCNx32 "/%" SCNx32, &ancestor->timeline, &high, &low) != 3)
		return false;
	ancestor->end = (uint64_t) high << 32 | low;
	return ancestor->timeline > 0;
}

static bool
add_line(WalHistory *history, const char *line)
{
	const WalAncestor *last = history->count > 0 ? &history->ancestors[history->count - 1] : NULL;
	WalAncestor ancestor;

	line += strspn(line, " \t\r");
	if (*line == '\0' || *line == '#')
		return true;
	if (!read_line(line, &ancestor) || ancestor.timeline >= history->timeline ||
		(last != NULL && ancestor.timeline <= last->timeline))
		return false;
	history->ancestors =
		xrealloc(history->ancestors, (size_t) (history->count + 1) * sizeof(WalAncestor));
	history->ancestors[history->count++] = ancestor;
	return true;
}

/* No ancestor goes on behind where a later one was left. */
static void
end_in_order(WalHistory *history)
{
	int i;

	for (i = history->count - 2; i >= 0; i--)
	{
		if (history->ancestors[i].end > history->ancestors[i + 1].end)
			history->ancestors[i].end = history->ancestors[i + 1].end;
	}
}

const char *
wal_history_parse(const char *text, size_t length, uint32_t timeline, WalHistory *history)
{
	const char *end = text + length;
	bool good = memchr(text, '\0', length) == NULL;

	memset(history, 0, sizeof(*history));
	history->timeline = timeline;
	while (good && text < end)
	{
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		size_t width = (size_t) ((newline != NULL ? newline : end) - text);
		char *line = xasprintf("%.*s", (int) width, text);

		good = add_line(history, line);
		free(line);
		text += width + 1;
	}
	if (good && history->count > 0)
	{
		end_in_order(history);
		return NULL;
	}
	wal_history_free(history);
	return "is not the history of its timeline";
}

void
wal_history_free(WalHistory *history)
{
	free(history->ancestors);
	memset(history, 0, sizeof(*history));
}

bool
wal_history_find(const WalHistory *history, uint32_t timeline, uint64_t *end)
{
	int i;

	for (i = 0; i < history->count; i++)
	{
		if (history->ancestors[i].timeline == timeline)
		{
			*end = history->ancestors[i].end;
			return true;
		}
	}
	return false;
}
