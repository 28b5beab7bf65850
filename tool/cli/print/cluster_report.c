/*-------------------------------------------------------------------------
 *
 * cluster_report.c
 *	  The report of work on all databases.
 *
 *-------------------------------------------------------------------------
 */
#include "cluster_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "general_settings.h"
#include "json_text.h"
#include "log.h"
#include "manifest.h"
#include "memory.h"
#include "output.h"
#include "repository_view.h"
#include "settings.h"

#define COLUMNS 7

static const char *const result_names[] = {"ok", "failed", "skipped", "interrupted", "incomplete"};

ReportItem *
cluster_report_add(ClusterReport *report, BackupKind kind, const char *database)
{
	ReportItem *item;

	report->items = xrealloc(report->items, (size_t) (report->count + 1) * sizeof(ReportItem));
	item = &report->items[report->count++];
	memset(item, 0, sizeof(*item));
	item->kind = kind;
	item->database = xstrdup(database);
	return item;
}

void
cluster_report_explain(ReportItem *item)
{
	item->detail = xstrdup(log_first_detail());
	item->hint = xstrdup(log_first_hint());
}

int
cluster_report_count(const ClusterReport *report, ItemResult result)
{
	int count = 0;
	int i;

	for (i = 0; i < report->count; i++)
		count += report->items[i].result == result;
	return count;
}

void
cluster_report_done(const ClusterReport *report, const char *what)
{
	int done = cluster_report_count(report, ITEM_OK);

	if (done > 0)
		output_done("%s that are complete: %d of %d.", what, done, report->count);
}

static bool
is_globals(const ReportItem *item)
{
	return item->kind == BACKUP_OF_GLOBALS;
}

static void
print_table(const ClusterReport *report, const char *bytes_heading)
{
	const char *const headings[COLUMNS] = {"database",    "result",  "backup", "rows",
										   bytes_heading, "seconds", "reason"};
	TextTable *table = text_table_create(COLUMNS, headings, "lllrrrl");
	int i;

	for (i = 0; i < report->count; i++)
	{
		const ReportItem *item = &report->items[i];
		bool ok = item->result == ITEM_OK || item->result == ITEM_INCOMPLETE;
		char seconds[32] = "";
		char *name =
			is_globals(item) ? xstrdup("(globals)") : database_cell(item->database, item->database);
		const char *cells[COLUMNS] = {name,
									  result_names[item->result],
									  item->backup != NULL ? item->backup : "",
									  ok && item->has_rows ? pretty_count(item->rows) : "",
									  ok ? pretty_bytes(item->bytes) : "",
									  seconds,
									  item->reason != NULL ? item->reason : ""};

		if (item->seconds > 0)
			snprintf(seconds, sizeof(seconds), "%.1f", item->seconds);
		text_table_row(table, cells);
		free(name);
	}
	text_table_print(table);
	fflush(stdout);
}

static json_t *
item_json(const ReportItem *item)
{
	json_t *value = item->more != NULL ? json_copy(item->more) : json_object();

	json_object_set_new(value, "kind", json_string(is_globals(item) ? "globals" : "database"));
	if (json_object_get(value, "database") == NULL)
		json_object_set_new(value, "database",
							is_globals(item) ? json_null() : json_text(item->database));
	json_object_set_new(value, "result", json_string(result_names[item->result]));
	json_object_set_new(value, "backup", json_text(item->backup));
	json_object_set_new(value, "seconds", json_seconds(item->seconds));
	json_object_set_new(value, "exit_code", json_integer(item->exit_code));
	json_object_set_new(value, "reason", json_text(item->reason));
	json_object_set_new(value, "detail", json_text(item->detail));
	json_object_set_new(value, "hint", json_text(item->hint));
	return value;
}

void
cluster_report_print(const ClusterReport *report, const Settings *settings,
					 const char *bytes_heading, json_t *head)
{
	json_t *items;
	int i;

	if (!settings->general->json)
	{
		print_table(report, bytes_heading);
		json_decref(head);
		return;
	}
	items = json_array();
	for (i = 0; i < report->count; i++)
		json_array_append_new(items, item_json(&report->items[i]));
	json_object_set_new(head, "failed", json_integer(cluster_report_count(report, ITEM_FAILED)));
	json_object_set_new(head, "incomplete",
						json_integer(cluster_report_count(report, ITEM_INCOMPLETE)));
	json_object_set_new(head, "skipped", json_integer(cluster_report_count(report, ITEM_SKIPPED)));
	json_object_set_new(head, "databases", items);
	output_json(head);
}

void
cluster_report_free(ClusterReport *report)
{
	int i;

	for (i = 0; i < report->count; i++)
	{
		free(report->items[i].database);
		free(report->items[i].backup);
		free(report->items[i].reason);
		free(report->items[i].detail);
		free(report->items[i].hint);
		json_decref(report->items[i].more);
	}
	free(report->items);
	memset(report, 0, sizeof(*report));
}
