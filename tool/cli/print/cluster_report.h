/*-------------------------------------------------------------------------
 *
 * cluster_report.h
 *	  The report of work on all databases: one line for each of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CLUSTER_REPORT_H
#define NEX_CLUSTER_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "owner.h"

typedef struct Settings Settings;

typedef enum ItemResult
{
	ITEM_OK,
	ITEM_FAILED,
	ITEM_SKIPPED,     /* cannot be done, which is not a failure */
	ITEM_INTERRUPTED, /* or not begun before an interrupt */
	ITEM_INCOMPLETE   /* restored, but for what is listed */
} ItemResult;

typedef struct ReportItem
{
	BackupKind kind; /* of a database, or the globals */
	char *database;  /* NULL: the globals */
	ItemResult result;
	char *backup; /* id, or NULL */
	char *reason; /* NULL if it is ok, as the next two */
	char *detail;
	char *hint;
	int exit_code;
	bool has_rows;
	uint64_t rows;
	uint64_t bytes;
	double seconds;
	json_t *more; /* further keys for JSON, or NULL */
} ReportItem;

typedef struct ClusterReport
{
	ReportItem *items;
	int count;
} ClusterReport;

/* A new item for this database, or the globals (NULL); valid until the next is added. */
extern ReportItem *cluster_report_add(ClusterReport *report, BackupKind kind, const char *database);
/* Keep what goes with the message of an item that failed, which is the first of the log. */
extern void cluster_report_explain(ReportItem *item);
extern int cluster_report_count(const ClusterReport *report, ItemResult result);

/* Remember how many are done, should the table not reach its reader. */
extern void cluster_report_done(const ClusterReport *report, const char *what);

/* Print the table, or JSON with the head's keys in front; takes `head` over. */
extern void cluster_report_print(const ClusterReport *report, const Settings *settings,
								 const char *bytes_heading, json_t *head);
extern void cluster_report_free(ClusterReport *report);

#endif /* NEX_CLUSTER_REPORT_H */
