/*-------------------------------------------------------------------------
 *
 * restore_report.c
 *	  What a restore did.
 *
 *-------------------------------------------------------------------------
 */
#include "restore_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "log.h"
#include "object_errors.h"
#include "output.h"
#include "quote.h"
#include "quoted_statements.h"
#include "repository_view.h"

static json_t *
lines_json(const Lines *lines)
{
	json_t *array = json_array();
	uint32_t i;

	for (i = 0; i < lines->count; i++)
		json_array_append_new(array, json_text(lines->lines[i]));
	return array;
}

/* Each table with its rows; with --append also those that were there already. */
static json_t *
tables_json(const RestoreResult *restored)
{
	json_t *array = json_array();
	uint32_t i;

	for (i = 0; i < restored->manifest->ntables; i++)
	{
		const ManifestTable *table = &restored->manifest->tables[i];
		json_t *value = json_object();

		json_object_set_new(value, "schema", json_text(table->schema));
		json_object_set_new(value, "name", json_text(table->name));
		if (restored->appended != NULL)
		{
			json_object_set_new(value, "target", json_text(restored->appended[i].target));
			json_object_set_new(value, "rows",
								json_integer((json_int_t) restored->appended[i].rows));
			json_object_set_new(value, "conflicts",
								json_integer((json_int_t) restored->appended[i].conflicts));
			json_object_set_new(value, "kept_out",
								json_integer((json_int_t) restored->appended[i].kept_out));
		}
		else
			json_object_set_new(value, "rows", json_integer((json_int_t) table->rows));
		json_array_append_new(array, value);
	}
	return array;
}

/* What --on-object-error=skip left out. */
static json_t *
errors_json(const ObjectErrors *errors)
{
	json_t *array = json_array();
	uint32_t i;

	for (i = 0; i < errors->count; i++)
	{
		const ObjectError *error = &errors->items[i];
		json_t *value = json_object();

		json_object_set_new(value, "object", json_text(error->label));
		json_object_set_new(value, "error", json_text(error->error));
		json_object_set_new(value, "statement",
							error->statement != NULL && statement_may_be_secret(error->statement)
								? json_null()
								: json_text(error->statement));
		json_object_set_new(value, "rows", json_integer((json_int_t) error->rows));
		json_array_append_new(array, value);
	}
	return array;
}

static void
print_json(const RestoreResult *restored, double seconds, const RestoreOrigin *origin)
{
	const BackupName *backup = origin != NULL ? &origin->backup : &restored->backup;
	json_t *value =
		json_pack("{s:o, s:s, s:o, s:o, s:I, s:I, s:o}", "database", owner_json(&backup->owner),
				  "backup", backup->id, "target", json_text(restored->restored_as), "kept_as",
				  json_text(restored->kept_as), "tables", (json_int_t) restored->manifest->ntables,
				  "rows", (json_int_t) restored->rows, "seconds", json_seconds(seconds));

	if (origin != NULL)
		json_object_set(value, "moment", origin->json);
	json_object_set_new(value, "incomplete", json_boolean(restored->incomplete));
	if (restored->incomplete)
	{
		json_object_set_new(value, "object_errors", errors_json(restored->errors));
		json_object_set_new(value, "object_errors_file",
							restored->errors->written ? json_text(restored->errors->path)
													  : json_null());
	}
	if (restored->partial)
	{
		json_object_set_new(value, "restored_tables", tables_json(restored));
		json_object_set_new(value, "also_restored", lines_json(&restored->brought));
		json_object_set_new(value, "used", lines_json(&restored->used));
		json_object_set_new(value, "left_out", lines_json(&restored->left_out));
	}
	if (restored->kept_as != NULL && restored->stays != NULL)
		json_object_set_new(value, "stays_with_kept", lines_json(restored->stays));
	if (restored->unpopulated != NULL)
		json_object_set_new(value, "not_populated", lines_json(restored->unpopulated));
	output_json(value);
}

static void
print_lines(const char *label, const char *kind, const Lines *lines)
{
	uint32_t i;

	for (i = 0; i < lines->count; i++)
	{
		char *line = printable_name(lines->lines[i]);

		show_text("%s: %s%s\n", label, kind, line);
		free(line);
	}
}

/*
 * Partitions go into one table, with others between them in the order of names:
 * what that table got in all, or false if an earlier one of them has said it.
 */
static bool
sum_up_target(const RestoreResult *restored, uint32_t first, AppendResult *result)
{
	uint32_t i;

	*result = restored->appended[first];
	for (i = 0; i < restored->manifest->ntables; i++)
	{
		const AppendResult *other = &restored->appended[i];

		if (i == first || strcmp(other->target, result->target) != 0)
			continue;
		if (i < first)
			return false;
		result->rows += other->rows;
		result->conflicts += other->conflicts;
		result->kept_out += other->kept_out;
		result->untold = result->untold || other->untold;
	}
	return true;
}

/* With --append: what each table got. */
static void
print_appended(const RestoreResult *restored)
{
	uint32_t i;

	for (i = 0; restored->appended != NULL && i < restored->manifest->ntables; i++)
	{
		AppendResult result;
		char *target;

		if (!sum_up_target(restored, i, &result))
			continue;
		target = printable_name(result.target);
		show_text("%s: %s added", target, pretty_number_of(result.rows, "row"));
		if (result.conflicts > 0)
			show_text(", %s there already", pretty_count(result.conflicts));
		if (result.kept_out > 0)
			show_text(", %s not added: %skept out by a trigger or another row",
					  pretty_count(result.kept_out), result.untold ? "there already, or " : "");
		show_text("\n");
		free(target);
	}
}

/* What was restored, in words; caller frees. */
static char *
source_text(const RestoreResult *restored, const RestoreOrigin *origin)
{
	return origin != NULL ? printable_name(origin->text) : backup_label(&restored->backup);
}

static void
print_text(const RestoreResult *restored, double seconds, const RestoreOrigin *origin)
{
	char *name = printable_name(restored->restored_as);
	char *source = source_text(restored, origin);
	char *kept = restored->kept_as != NULL ? printable_name(restored->kept_as) : NULL;

	show_text("%s %s%s into database \"%s\": %s, %s in %s\n",
			  restored->appended != NULL ? "appended" : "restored", source,
			  restored->incomplete ? ", incomplete," : "", name,
			  pretty_number_of(restored->manifest->ntables, "table"),
			  pretty_number_of(restored->rows, "row"), pretty_duration(seconds));
	if (kept != NULL)
		show_text("the database that was there is kept as \"%s\"\n", kept);
	if (kept != NULL && restored->stays != NULL)
		print_lines("stays with it", "", restored->stays);
	print_appended(restored);
	if (restored->partial)
	{
		print_lines("also restored", "", &restored->brought);
		print_lines("used as it is", "", &restored->used);
		print_lines("left out", "", &restored->left_out);
	}
	if (restored->unpopulated != NULL)
		print_lines(restored->appended != NULL ? "not populated yet" : "not populated",
					restored->appended != NULL ? "REFRESH MATERIALIZED VIEW "
											   : "MATERIALIZED VIEW ",
					restored->unpopulated);
	free(source);
	free(name);
	free(kept);
}

/* A swap, above all, must not look as if it had not been. */
static void
say_done(const RestoreResult *restored, const RestoreOrigin *origin)
{
	char *name = printable_name(restored->restored_as);
	char *source = source_text(restored, origin);
	char *kept = restored->kept_as != NULL ? printable_name(restored->kept_as) : NULL;

	output_done("%s %s%s into database \"%s\"%s%s%s.",
				restored->appended != NULL ? "Appended" : "Restored", source,
				restored->incomplete ? ", incomplete," : "", name,
				kept != NULL ? "; the database that was there is kept as \"" : "",
				kept != NULL ? kept : "", kept != NULL ? "\"" : "");
	free(source);
	free(name);
	free(kept);
}

void
restore_report(bool json, const RestoreResult *restored, double seconds,
			   const RestoreOrigin *origin)
{
	say_done(restored, origin);
	if (json)
		print_json(restored, seconds, origin);
	else
		print_text(restored, seconds, origin);
}
