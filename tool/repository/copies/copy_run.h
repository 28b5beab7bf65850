/*-------------------------------------------------------------------------
 *
 * copy_run.h
 *	  Copy backups to another place, byte for byte.
 *
 * In the order in which a backup is made: objects, list of digests, manifest.
 * So the place is right at every moment, and a copy that was killed is finished
 * by the next one.  Nothing is removed there: retention is each place's own.
 * What a verification has found (".verified") is not copied, as it is about the
 * files of one place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COPY_RUN_H
#define NEX_COPY_RUN_H

#include "repository.h"

typedef enum CopyState
{
	COPY_LEFT_OUT, /* it was removed meanwhile */
	COPY_PRESENT,  /* all of it was there */
	COPY_PENDING,  /* a dry run: it would be copied */
	COPY_DONE,
	COPY_COMPLETED, /* it was there, but not all of its objects were */
	COPY_DAMAGED,   /* where it comes from; it is not there */
	COPY_FAILED,    /* it is not there */
	COPY_UNTRIED    /* likewise: the run ended before */
} CopyState;

/* What has become of one backup. */
typedef struct CopiedBackup
{
	const BackupName *name;
	CopyState state;
	uint64_t objects; /* that were sent, or would be */
	uint64_t bytes;
} CopiedBackup;

typedef struct CopyRequest
{
	Repository *from;
	Repository *to; /* NULL: a dry run, and nothing is there */
	int threads;
	bool dry_run;

	/* Told of each backup that was not left out. */
	void (*copied)(const CopiedBackup *backup, void *argument);
	void *argument;
} CopyRequest;

/*
 * Copy these backups, which are in the order of repository_list().  False (reported) if not all of
 * them are there then.
 */
extern bool copy_run(const CopyRequest *request, const BackupName *names, int count);

#endif /* NEX_COPY_RUN_H */
