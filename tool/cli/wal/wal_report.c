/*-------------------------------------------------------------------------
 *
 * wal_report.c
 *	  What WAL there is, as text and as JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_text.h"
#include "memory.h"
#include "output.h"

static void
range_names(const WalInventory *inventory, const WalRange *range, WalName *first, WalName *last)
{
	wal_segment_name(range->timeline, range->first, inventory->system.segment_size, first);
	wal_segment_name(range->timeline, range->last, inventory->system.segment_size, last);
}

static void
range_positions(const WalInventory *inventory, const WalRange *range, char start[WAL_LSN_SIZE],
				char end[WAL_LSN_SIZE])
{
	wal_lsn_text(range->first * inventory->system.segment_size, start);
	wal_lsn_text((range->last + 1) * inventory->system.segment_size, end);
}

/* ---- JSON ---- */

static json_t *
range_json(const WalInventory *inventory, const WalRange *range, bool stored)
{
	WalName first;
	WalName last;
	char start[WAL_LSN_SIZE];
	char end[WAL_LSN_SIZE];
	json_t *value;

	range_names(inventory, range, &first, &last);
	range_positions(inventory, range, start, end);
	value = json_pack("{s:I, s:s, s:s, s:I, s:s, s:s}", "timeline", (json_int_t) range->timeline,
					  "first", first.text, "last", last.text, "segments",
					  (json_int_t) (range->last - range->first + 1), "start_lsn", start, "end_lsn",
					  end);
	if (stored)
		json_object_set_new(value, "bytes", json_integer((json_int_t) range->bytes));
	return value;
}

static json_t *
ranges_json(const WalInventory *inventory, const WalRanges *ranges, bool stored)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < ranges->count; i++)
		json_array_append_new(list, range_json(inventory, &ranges->items[i], stored));
	return list;
}

static json_t *
timelines_json(const WalInventory *inventory)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < inventory->nhistories; i++)
	{
		const WalHistory *history = &inventory->histories[i];
		const WalAncestor *parent = &history->ancestors[history->count - 1];
		char lsn[WAL_LSN_SIZE];

		wal_lsn_text(parent->end, lsn);
		json_array_append_new(list, json_pack("{s:I, s:I, s:s}", "timeline",
											  (json_int_t) history->timeline, "parent",
											  (json_int_t) parent->timeline, "begins_at", lsn));
	}
	return list;
}

json_t *
wal_inventory_json(const WalInventory *inventory)
{
	char *identifier = xasprintf("%" PRIu64, inventory->system.id);
	json_t *conflicts = json_array();
	json_t *unknown = json_array();
	json_t *value;
	size_t i;

	for (i = 0; i < inventory->nconflicts; i++)
		json_array_append_new(conflicts, json_string(inventory->conflicts[i]));
	for (i = 0; i < inventory->listing.nunknown; i++)
		json_array_append_new(unknown, json_text(inventory->listing.unknown[i]));
	value = json_pack(
		"{s:s, s:I, s:i, s:I, s:I, s:o, s:o, s:o, s:b, s:o, s:o}", "system_identifier", identifier,
		"segment_size", (json_int_t) inventory->system.segment_size, "postgres",
		inventory->system.major, "segments", (json_int_t) inventory->segments, "bytes",
		(json_int_t) inventory->bytes, "ranges", ranges_json(inventory, &inventory->ranges, true),
		"gaps", ranges_json(inventory, &inventory->gaps, false), "timelines",
		timelines_json(inventory), "histories_read", !inventory->histories_unread, "conflicts",
		conflicts, "unknown", unknown);
	free(identifier);
	return value;
}

void
wal_verified_json(json_t *value, const WalVerified *verified)
{
	json_t *bad = json_array();
	size_t i;

	for (i = 0; i < verified->nbad; i++)
		json_array_append_new(bad,
							  json_pack("{s:o, s:o, s:b}", "file", json_text(verified->bad[i].file),
										"problem", json_text(verified->bad[i].problem),
										"unreadable", verified->bad[i].unreadable));
	json_object_set_new(value, "files_read", json_integer((json_int_t) verified->read));
	json_object_set_new(value, "bytes_read", json_integer((json_int_t) verified->bytes));
	json_object_set_new(value, "bad", bad);
}

/* ---- text ---- */

static void
print_ranges(const WalInventory *inventory)
{
	static const char *const headings[] = {"timeline", "first segment", "last segment", "segments",
										   "stored",   "start",         "end"};
	TextTable *table = text_table_create(7, headings, "rllrrll");
	size_t i;

	for (i = 0; i < inventory->ranges.count; i++)
	{
		const WalRange *range = &inventory->ranges.items[i];
		char *timeline = xasprintf("%" PRIu32, range->timeline);
		char *count = xstrdup(pretty_count(range->last - range->first + 1));
		char *stored = xstrdup(pretty_bytes(range->bytes));
		char start[WAL_LSN_SIZE];
		char end[WAL_LSN_SIZE];
		WalName first;
		WalName last;
		const char *cells[7] = {timeline, first.text, last.text, count, stored, start, end};

		range_names(inventory, range, &first, &last);
		range_positions(inventory, range, start, end);
		text_table_row(table, cells);
		free(stored);
		free(count);
		free(timeline);
	}
	text_table_print(table);
}

void
wal_gaps_print(const WalInventory *inventory)
{
	size_t i;

	for (i = 0; i < inventory->gaps.count; i++)
	{
		const WalRange *gap = &inventory->gaps.items[i];
		WalName first;
		WalName last;

		range_names(inventory, gap, &first, &last);
		if (gap->first == gap->last)
			show_text("MISSING: %s\n", first.text);
		else
			show_text("MISSING: %s to %s (%s segments)\n", first.text, last.text,
					  pretty_count(gap->last - gap->first + 1));
	}
}

void
wal_inventory_print(const WalInventory *inventory)
{
	size_t i;

	show_text("system identifier %" PRIu64 ", PostgreSQL %d, segments of %s\n",
			  inventory->system.id, inventory->system.major,
			  pretty_bytes(inventory->system.segment_size));
	print_ranges(inventory);
	for (i = 0; i < inventory->nhistories; i++)
	{
		const WalHistory *history = &inventory->histories[i];
		const WalAncestor *parent = &history->ancestors[history->count - 1];
		char lsn[WAL_LSN_SIZE];

		wal_lsn_text(parent->end, lsn);
		show_text("timeline %" PRIu32 " left timeline %" PRIu32 " at %s\n", history->timeline,
				  parent->timeline, lsn);
	}
	wal_gaps_print(inventory);
	for (i = 0; i < inventory->nconflicts; i++)
		show_text("CONFLICT: two different files \"%s\"\n", inventory->conflicts[i]);
	for (i = 0; i < inventory->listing.nunknown; i++)
		show_text("UNKNOWN: \"%s\"\n", inventory->listing.unknown[i]);
	if (inventory->histories_unread)
		show_text(
			"Not all history files could be read, so what is missing at the ends of timelines "
			"is not known.\n");
}

void
wal_verified_print(const WalVerified *verified)
{
	size_t i;

	for (i = 0; i < verified->nbad; i++)
		show_text("%s: file \"%s\" %s\n", verified->bad[i].unreadable ? "UNREADABLE" : "DAMAGED",
				  verified->bad[i].file, verified->bad[i].problem);
	show_text("%s files read, %s\n", pretty_count(verified->read), pretty_bytes(verified->bytes));
}
