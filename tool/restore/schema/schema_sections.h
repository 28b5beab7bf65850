/*-------------------------------------------------------------------------
 *
 * schema_sections.h
 *	  The schema of a backup, by pg_restore; and members that are plain SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SCHEMA_SECTIONS_H
#define NEX_SCHEMA_SECTIONS_H

#include "restore_plan.h"

/* Write the archive member into plan->directory and find pg_restore. */
extern bool schema_sections_prepare(RestorePlan *plan);

/*
 * Run pg_restore for "pre-data" or "post-data", with one connection; only the
 * chosen part of it if the plan has lists.
 */
extern bool schema_sections_run(const RestorePlan *plan, const char *section);

/* Restore the post-data entries in a list file, with one connection or with all. */
extern bool schema_sections_run_list(const RestorePlan *plan, const char *list, bool parallel);

/*
 * Restore the entries in a list file in one transaction; false, not reported,
 * if that fails.  `serial`: without parallel workers in the server.
 */
extern bool schema_sections_try_list(const RestorePlan *plan, const char *list, bool serial);

/* Run the SQL members of a kind (sequences, database settings) in plan->working. */
extern bool schema_sections_run_members(RestorePlan *plan, MemberKind kind);

/*
 * Give the database already those of its settings by which the query of a
 * materialized view may have another result.
 */
extern bool schema_sections_set_for_queries(RestorePlan *plan);

/* ANALYZE every table, biggest first, with several connections. */
extern bool schema_sections_analyze(const RestorePlan *plan);

#endif /* NEX_SCHEMA_SECTIONS_H */
