/*-------------------------------------------------------------------------
 *
 * window_report.c
 *	  To which moments servers can be recovered, as text and as JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "window_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_text.h"
#include "memory.h"
#include "output.h"
#include "recovery_target.h"
#include "wal_report.h"

#define NOT_KNOWN "not known"
#define POSTGRES_EPOCH 946684800

typedef struct WindowText
{
	char from[TARGET_TIME_SIZE];
	char to[TARGET_TIME_SIZE]; /* "": not known */
	char from_lsn[WAL_LSN_SIZE];
	char to_lsn[WAL_LSN_SIZE];
	const char *oldest;
	const char *newest;
} WindowText;

static void
describe(const RecoveryWindows *windows, size_t i, WindowText *text)
{
	const WalWindow *window = &windows->windows.items[i];
	const WalBase *oldest = &windows->bases.items[window->oldest];
	const WalEvent *end = &windows->ends[i];

	/* As a target, it is compared with this very time of the base backup. */
	recovery_time_text((int64_t) ((oldest->time - POSTGRES_EPOCH) * 1e6), text->from);
	text->to[0] = '\0';
	/* Without any since then, the state of the base backup is what can be reached. */
	if (end->kind != WAL_EVENT_OTHER)
		recovery_time_text(end->time, text->to);
	wal_lsn_text(oldest->stop, text->from_lsn);
	wal_lsn_text((window->last + 1) * windows->inventory.system.segment_size, text->to_lsn);
	text->oldest = oldest->id;
	text->newest = windows->bases.items[window->newest].id;
}

/* One that is damaged, or whose WAL is missing. */
static bool
is_of_use(const RecoveryWindows *windows, int position)
{
	const WalBase *base = &windows->bases.items[position];
	bool used = false;
	size_t i;

	for (i = 0; base->good && !used && i < windows->windows.count; i++)
	{
		uint64_t last;

		used = wal_reaches(&windows->inventory, base, windows->windows.items[i].timeline, &last);
	}
	return used;
}

json_t *
windows_json(const RecoveryWindows *windows)
{
	json_t *value = wal_inventory_json(&windows->inventory);
	json_t *array = json_array();
	json_t *useless = json_array();
	size_t i;
	int j;

	for (i = 0; i < windows->windows.count; i++)
	{
		const WalWindow *window = &windows->windows.items[i];
		WindowText text;

		describe(windows, i, &text);
		json_array_append_new(
			array,
			json_pack("{s:I, s:s, s:s, s:o, s:s, s:s, s:s, s:i}", "timeline",
					  (json_int_t) window->timeline, "from", text.from, "from_lsn", text.from_lsn,
					  "to", json_text(text.to[0] != '\0' ? text.to : NULL), "to_lsn", text.to_lsn,
					  "oldest", text.oldest, "newest", text.newest, "base_backups", window->count));
	}
	for (j = 0; j < windows->bases.count; j++)
	{
		if (!is_of_use(windows, j))
			json_array_append_new(useless, json_string(windows->bases.items[j].id));
	}
	json_object_set_new(value, "windows", array);
	json_object_set_new(value, "base_backups_of_no_use", useless);
	json_object_set_new(value, "base_backups_unread", json_integer(windows->unread));
	return value;
}

static void
print_table(const RecoveryWindows *windows)
{
	static const char *const headings[] = {"timeline",     "from",   "to",
										   "base backups", "oldest", "newest"};
	TextTable *table = text_table_create(6, headings, "rllrll");
	size_t i;

	for (i = 0; i < windows->windows.count; i++)
	{
		const WalWindow *window = &windows->windows.items[i];
		WindowText text;
		char *timeline = xasprintf("%" PRIu32, window->timeline);
		char *count = xasprintf("%d", window->count);
		const char *cells[6] = {timeline, text.from, NOT_KNOWN, count, NULL, NULL};

		describe(windows, i, &text);
		if (text.to[0] != '\0')
			cells[2] = text.to;
		cells[4] = text.oldest;
		cells[5] = text.newest;
		text_table_row(table, cells);
		free(count);
		free(timeline);
	}
	text_table_print(table);
}

void
windows_print(const RecoveryWindows *windows)
{
	int i;

	show_text("system identifier %" PRIu64 "\n", windows->inventory.system.id);
	if (windows->windows.count > 0)
		print_table(windows);
	else
		show_text("no moment can be reached%s\n",
				  windows->inventory.listing.count == 0 ? ": there is no WAL of it here" : "");
	wal_gaps_print(&windows->inventory);
	for (i = 0; i < windows->bases.count; i++)
	{
		if (!is_of_use(windows, i))
			show_text("OF NO USE: base backup %s, which %s\n", windows->bases.items[i].id,
					  windows->bases.items[i].good ? "lacks WAL of its time" : "is damaged");
	}
	if (windows->unread > 0)
		show_text("%s could not be read\n",
				  pretty_number_of((uint64_t) windows->unread, "base backup"));
	if (windows->inventory.histories_unread)
		show_text("Not all history files could be read, so other timelines may be in reach.\n");
}
