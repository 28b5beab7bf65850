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

#include "catalogue.h"
#include "general_settings.h"
#include "json_text.h"
#include "log.h"
#include "object_errors.h"
#include "output.h"
#include "quote.h"
#include "quoted_statements.h"
#include "repository_view.h"
#include "selection.h"
#include "settings.h"

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
tables_json(const RestorePlan *plan)
{
	json_t *array = json_array();
	uint32_t i;

	for (i = 0; i < plan->manifest->ntables; i++)
	{
		const ManifestTable *table = &plan->manifest->tables[i];
		json_t *value = json_object();

		json_object_set_new(value, "schema", json_text(table->schema));
		json_object_set_new(value, "name", json_text(table->name));
		if (plan->appended != NULL)
		{
			json_object_set_new(value, "target", json_text(plan->appended[i].target));
			json_object_set_new(value, "rows", json_integer((json_int_t) plan->appended[i].rows));
			json_object_set_new(value, "conflicts",
								json_integer((json_int_t) plan->appended[i].conflicts));
			json_object_set_new(value, "kept_out",
								json_integer((json_int_t) plan->appended[i].kept_out));
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

/* An incomplete database does not take the place of a live one. */
static const char *
restored_as(const RestorePlan *plan)
{
	return plan->incomplete && plan->fate == TARGET_REPLACED && !plan->of_cluster ? plan->working
																				  : plan->database;
}

static void
print_json(const RestorePlan *plan, double seconds)
{
	json_t *value = json_pack(
		"{s:o, s:s, s:o, s:o, s:I, s:I, s:o}", "database", catalogue_database(&plan->backup.owner),
		"backup", plan->backup.id, "target", json_text(restored_as(plan)), "kept_as",
		json_text(plan->kept_as), "tables", (json_int_t) plan->manifest->ntables, "rows",
		(json_int_t) plan->rows, "seconds", json_seconds(seconds));

	json_object_set_new(value, "incomplete", json_boolean(plan->incomplete));
	if (plan->incomplete)
	{
		json_object_set_new(value, "object_errors", errors_json(plan->errors));
		json_object_set_new(value, "object_errors_file",
							plan->errors->written ? json_text(plan->errors->path) : json_null());
	}
	if (plan->selection != NULL)
	{
		json_object_set_new(value, "restored_tables", tables_json(plan));
		json_object_set_new(value, "also_restored", lines_json(&plan->selection->brought));
		json_object_set_new(value, "used", lines_json(&plan->selection->used));
		json_object_set_new(value, "left_out", lines_json(&plan->selection->left_out));
	}
	if (plan->kept_as != NULL && plan->stays != NULL)
		json_object_set_new(value, "stays_with_kept", lines_json(plan->stays));
	if (plan->unpopulated != NULL)
		json_object_set_new(value, "not_populated", lines_json(plan->unpopulated));
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
sum_up_target(const RestorePlan *plan, uint32_t first, AppendResult *result)
{
	uint32_t i;

	*result = plan->appended[first];
	for (i = 0; i < plan->manifest->ntables; i++)
	{
		const AppendResult *other = &plan->appended[i];

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
print_appended(const RestorePlan *plan)
{
	uint32_t i;

	for (i = 0; plan->appended != NULL && i < plan->manifest->ntables; i++)
	{
		AppendResult result;
		char *target;

		if (!sum_up_target(plan, i, &result))
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

static void
print_text(const RestorePlan *plan, double seconds)
{
	char *name = printable_name(restored_as(plan));
	char *source = backup_label(&plan->backup);
	char *kept = plan->kept_as != NULL ? printable_name(plan->kept_as) : NULL;

	show_text("%s %s%s into database \"%s\": %s, %s in %s\n",
			  plan->appended != NULL ? "appended" : "restored", source,
			  plan->incomplete ? ", incomplete," : "", name,
			  pretty_number_of(plan->manifest->ntables, "table"),
			  pretty_number_of(plan->rows, "row"), pretty_duration(seconds));
	if (kept != NULL)
		show_text("the database that was there is kept as \"%s\"\n", kept);
	if (kept != NULL && plan->stays != NULL)
		print_lines("stays with it", "", plan->stays);
	print_appended(plan);
	if (plan->selection != NULL)
	{
		print_lines("also restored", "", &plan->selection->brought);
		print_lines("used as it is", "", &plan->selection->used);
		print_lines("left out", "", &plan->selection->left_out);
	}
	if (plan->unpopulated != NULL)
		print_lines(plan->appended != NULL ? "not populated yet" : "not populated",
					plan->appended != NULL ? "REFRESH MATERIALIZED VIEW " : "MATERIALIZED VIEW ",
					plan->unpopulated);
	free(source);
	free(name);
	free(kept);
}

/* A swap, above all, must not look as if it had not been. */
static void
say_done(const RestorePlan *plan)
{
	char *name = printable_name(restored_as(plan));
	char *source = backup_label(&plan->backup);
	char *kept = plan->kept_as != NULL ? printable_name(plan->kept_as) : NULL;

	output_done("%s %s%s into database \"%s\"%s%s%s.",
				plan->appended != NULL ? "Appended" : "Restored", source,
				plan->incomplete ? ", incomplete," : "", name,
				kept != NULL ? "; the database that was there is kept as \"" : "",
				kept != NULL ? kept : "", kept != NULL ? "\"" : "");
	free(source);
	free(name);
	free(kept);
}

void
restore_report(const RestorePlan *plan, double seconds)
{
	say_done(plan);
	if (plan->settings->general->json)
		print_json(plan, seconds);
	else
		print_text(plan, seconds);
}
