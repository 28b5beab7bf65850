/*-------------------------------------------------------------------------
 *
 * row_columns.c
 *	  Do the columns of live tables take the values of a backup as they are?
 *
 * A restore must not alter the values that it brings back.  With --append, a
 * column whose type was changed since takes what it can of a value, and one
 * that was generated has none in the backup.  Either is refused, unless it was
 * said that it is meant.  A column that is new takes its default, which is
 * what one expects, and said.
 *
 * A table that the restore makes has the types of the backup, except where these
 * are domains and composite types, or come from a parent, that are there
 * already.
 *
 *-------------------------------------------------------------------------
 */
#include "row_columns.h"

#include <ctype.h>
#include <stdlib.h>

#include "changed_columns.h"
#include "log.h"
#include "restore_settings.h"
#include "settings.h"

/* As a sentence for a DETAIL; caller frees. */
static char *
sentence(const Lines *lines)
{
	char *text = changed_columns_text(lines);

	text[0] = (char) toupper((unsigned char) text[0]);
	return text;
}

static bool
judge_append(const Settings *settings, const ChangedColumns *changed)
{
	char *altered = sentence(&changed->altered);
	char *missing = changed_columns_text(&changed->missing);
	bool good = true;

	if (changed->altered.count > 0 && settings->restore->yes)
		log_warning("values may be altered, as columns have changed since the backup.  %s",
					altered);
	else if (changed->altered.count > 0)
		good = report_error(
			EXIT_FAILED, altered,
			"Restore the table without --append: under another name with --as, or into a new "
			"database with --to.  Then carry its rows over with INSERT, which converts values as "
			"you say.  With --yes the server reads the values as those of the columns of now.",
			"values would be altered, as columns have changed since the backup");
	if (good && changed->missing.count > 0)
		log_warning("added rows get defaults in columns that the backup does not have: %s",
					missing);
	free(altered);
	free(missing);
	return good;
}

bool
row_columns_check_append(const RestorePlan *plan, Connection *connection,
						 const AppendTables *tables)
{
	const Selection *selection = plan->selection;
	ChangedColumns changed = {.altered = {0}};
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < tables->count; i++)
	{
		const AppendTable *table = &tables->items[i];
		const TocEntry *entry =
			selection_table(selection, plan->manifest->tables[table->source].oid);

		/* Tables of extensions have none. */
		if (entry != NULL)
			good = changed_columns_find(&selection->toc, connection, entry, table->oid,
										table->target, &changed);
	}
	good = good && judge_append(plan->settings, &changed);
	changed_columns_free(&changed);
	return good;
}

bool
row_columns_check_part(const RestorePlan *plan, Connection *connection, const ManifestTable *source,
					   const char *shown)
{
	const TocEntry *entry =
		plan->selection != NULL ? selection_table(plan->selection, source->oid) : NULL;
	ChangedColumns changed = {.altered = {0}};
	PGresult *result;
	bool good;

	if (entry == NULL || !selection_includes(plan->selection, entry))
		return true;
	result = connection_query(connection, "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", 1,
							  &shown);
	good = result != NULL &&
		   changed_columns_find(&plan->selection->toc, connection, entry,
								(uint32_t) strtoul(PQgetvalue(result, 0, 0), NULL, 10), shown,
								&changed);
	if (good && changed.altered.count > 0)
	{
		char *altered = sentence(&changed.altered);

		good = report_error(EXIT_FAILED, altered,
							"Restore into a new database with --to, and carry the rows over with "
							"INSERT.  Or give the type or parent back the form that it had.",
							"values would be altered, as types or parents of the table are there "
							"already, and are others than in the backup");
		free(altered);
	}
	PQclear(result);
	changed_columns_free(&changed);
	return good;
}
