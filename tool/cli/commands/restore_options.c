/*-------------------------------------------------------------------------
 *
 * restore_options.c
 *	  Which options of restore go together.
 *
 * What has no meaning is refused rather than ignored: a DBA who says
 * --append --drop in an emergency must learn at once that these are two things.
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>

#include "backup_settings.h"
#include "general_settings.h"
#include "cluster_settings.h"
#include "command_settings.h"
#include "log.h"
#include "owner_settings.h"
#include "part_settings.h"
#include "restore_report.h"
#include "restore_settings.h"
#include "settings.h"

typedef struct Given
{
	const char *name;
	bool given;
} Given;

/* Refuse if two options of two lists are given; the lists end with a NULL name. */
static bool
refuse_together(const Given *first, const Given *second, const char *hint)
{
	const Given *other;

	for (; first->name != NULL; first++)
	{
		for (other = second; first->given && other->name != NULL; other++)
		{
			if (other->given)
				return report_error(EXIT_USAGE, NULL, hint, "%s and %s do not go together",
									first->name, other->name);
		}
	}
	return true;
}

static bool
refuse_without(const Given *options, bool there, const char *needed)
{
	for (; options->name != NULL && !there; options++)
	{
		if (options->given)
			return report_error(EXIT_USAGE, NULL, NULL, "%s needs %s", options->name, needed);
	}
	return true;
}

bool
restore_moment_is_wanted(const Settings *settings)
{
	const ClusterSettings *cluster = settings->cluster;

	return cluster->target_time != NULL || cluster->target_lsn != NULL ||
		   cluster->target_xid != NULL || cluster->target_name != NULL ||
		   cluster->target == RECOVER_IMMEDIATE || cluster->base != NULL;
}

bool
restore_options_check(const Settings *settings)
{
	const Given drop[] = {{"--drop", settings->restore->drop},
						  {"--discard-old", settings->restore->discard_old},
						  {NULL, false}};
	const Given all[] = {{"--all", settings->backup->all}, {NULL, false}};
	const Given append[] = {{"--append", settings->part->append}, {NULL, false}};
	const Given parts[] = {{"--table", settings->part->table.count > 0},
						   {"--schema", settings->part->schema.count > 0},
						   {"--exclude-table", settings->part->exclude_table.count > 0},
						   {"--as", settings->part->as != NULL},
						   {"--schema-only", settings->part->schema_only},
						   {"--append", settings->part->append},
						   {NULL, false}};
	const Given definitions[] = {{"--schema-only", settings->part->schema_only},
								 {"--no-owner", settings->owners->no_owner},
								 {"--no-privileges", settings->owners->no_privileges},
								 {NULL, false}};
	const Given as[] = {{"--as", settings->part->as != NULL}, {NULL, false}};
	const Given wide[] = {{"--schema", settings->part->schema.count > 0},
						  {"--exclude-table", settings->part->exclude_table.count > 0},
						  {NULL, false}};
	const Given skip[] = {
		{"--on-object-error=skip", settings->restore->on_object_error == ON_OBJECT_ERROR_SKIP},
		{NULL, false}};
	const Given one_transaction[] = {
		{"--append", settings->part->append}, {"--as", settings->part->as != NULL}, {NULL, false}};
	const Given errors_file[] = {
		{"--object-errors-file", settings->restore->object_errors_file != NULL}, {NULL, false}};
	const Given of_drop[] = {{"--discard-old", settings->restore->discard_old}, {NULL, false}};
	/* In a file it is there for "globals restore" and --all. */
	const Given of_all[] = {
		{"--tablespace-mapping",
		 settings->restore->tablespace_mappings.count > 0 &&
			 settings->restore->tablespace_mappings.source == settings->general->source},
		{NULL, false}};
	const Given of_append[] = {
		{"--on-conflict=skip", settings->part->on_conflict == ON_CONFLICT_SKIP},
		{"--disable-triggers", settings->part->disable_triggers},
		{NULL, false}};

	const bool moment = restore_moment_is_wanted(settings);
	const Given of_cluster[] = {{"--data-dir", settings->cluster->data_dir != NULL},
								{"--action", settings->cluster->action != ACTION_PAUSE},
								{NULL, false}};
	const Given of_moment[] = {{"--exclusive", settings->cluster->exclusive},
							   {"--timeline", settings->cluster->timeline != NULL},
							   {"--dry-run", settings->command->dry_run},
							   {NULL, false}};
	const Given moments[] = {{"a target of a recovery", moment}, {NULL, false}};
	const Given others[] = {{"--all", settings->backup->all},
							{"--at", settings->restore->at != NULL},
							{"--as-of", settings->command->as_of != NULL},
							{NULL, false}};

	return refuse_together(all, parts, "--all restores every database whole.") &&
		   refuse_together(drop, parts,
						   "--drop replaces a whole database.  Restore a part beside with --as, or "
						   "drop the table first.") &&
		   refuse_together(append, definitions, "--append adds rows and nothing else.") &&
		   refuse_together(as, wide, "--as gives one table another name.") &&
		   refuse_together(skip, one_transaction, "Both are one transaction, done or not.") &&
		   refuse_together(all, errors_file, "With --all, each database has a separate file.") &&
		   refuse_without(errors_file, settings->restore->on_object_error == ON_OBJECT_ERROR_SKIP,
						  "--on-object-error=skip") &&
		   refuse_without(as, settings->part->table.count > 0, "--table") &&
		   refuse_without(of_drop, settings->restore->drop, "--drop") &&
		   refuse_without(of_all, settings->backup->all, "--all") &&
		   refuse_without(of_append, settings->part->append, "--append") &&
		   refuse_without(of_cluster, false, "--cluster") &&
		   refuse_without(of_moment, moment, "--cluster, or a target") &&
		   refuse_together(moments, others,
						   "A target is a moment of a base backup and its WAL, for one database.");
}
