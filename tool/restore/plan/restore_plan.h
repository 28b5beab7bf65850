/*-------------------------------------------------------------------------
 *
 * restore_plan.h
 *	  What is to be restored, and where.
 *
 * Only the steps of a restore know it.  Whoever wants one fills in a request
 * (restore_request.h), calls restore_run() and reads the result (restore_result.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_PLAN_H
#define NEX_RESTORE_PLAN_H

#include <stdint.h>

#include "connection.h"
#include "restore_progress.h"
#include "restore_request.h"
#include "restore_result.h"

typedef struct Selection Selection;

/* What becomes of the database that is named. */
typedef enum TargetFate
{
	TARGET_MADE,     /* it is made, and removed if something fails */
	TARGET_FILLED,   /* it exists, and is empty: it is filled, or given back as it was */
	TARGET_REPLACED, /* it exists; one that is loaded beside it takes its place at the end */
	TARGET_LIVE      /* it exists and stays: one transaction in it */
} TargetFate;

/* Made before anything is changed; of a part, once its archive was read. */
typedef struct RestorePlan
{
	const RestoreRequest *request;
	RestoreProgress *progress; /* what the steps do is noted there */
	RestoreResult *result;
	const Settings *settings; /* of the request, as is the repository */
	Repository *repository;
	unsigned reported; /* errors before it began */
	BackupName backup;
	Manifest *manifest;
	ConnectionTarget *target; /* the maintenance database */
	Connection *maintenance;
	char *database;  /* the name that the restored database shall have */
	char *working;   /* the name that it has while it is filled */
	TargetFate fate; /* of `database` */
	bool leftover;   /* `working` exists: an earlier restore has left it incomplete */
	bool superuser;  /* this session is one's, whatever role it has taken */
	char *directory; /* private, temporary */
	char *archive;   /* path of the schema archive in it */
	char *pg_restore;
	bool sets_unknown;   /* it sets a parameter that the server does not have */
	char *head_settings; /* settings of the backup's head, as SQL */

	/* A part of the backup (partial.c). */
	bool partial;         /* a part, or rows into tables that exist */
	Selection *selection; /* known once the archive was read */
	char *pre_list;       /* files that tell pg_restore what to restore; NULL: everything */
	char *post_list;
} RestorePlan;

/*
 * Was no error reported, though every step has gone well?  One may be of a connection that was lost
 * at a question.  Before the end of a restore: none that reports an error may leave all of its
 * work.
 */
extern bool restore_without_errors(const RestorePlan *plan);

#endif /* NEX_RESTORE_PLAN_H */
