/*-------------------------------------------------------------------------
 *
 * verify_run.h
 *	  Prove backups, one after the other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_VERIFY_RUN_H
#define NEX_VERIFY_RUN_H

#include "known_sql.h"
#include "unknown_members.h"
#include "utc_time.h"
#include "verify.h"
#include "verify_level.h"

/* What was found out about one backup. */
typedef struct VerifiedBackup
{
	const BackupName *name;
	Repository *home; /* the place that was looked at, of several */
	char started[UTC_EXACT_SIZE];
	bool complete;    /* it was done to the end */
	bool proved;      /* good or bad, which the repository has noted */
	const char **bad; /* file names */
	int nbad;
	bool unreadable;    /* not all of it could be looked at, so that it is not proved */
	DigestHex manifest; /* its seal; "" if it is bad */
	bool marked;        /* an earlier verification found unknown SQL, and this one could not look */
	bool damage_stays;  /* this one found none; a deeper one did (verification.h) */
	bool locked;        /* encrypted, and no key at hand: only stored bytes were checked */
	bool removed;       /* meanwhile; nothing is to be said of it, nor written beside it */
	char *own_path;     /* the manifest, or the listing beside it, if that is bad */
	bool inside;        /* all of it was opened: the level is full, and a key was at hand */
	uint64_t read_objects;
	uint64_t read_bytes;
	VerifyReport report;    /* of all objects, also of those that were not read */
	UnknownMembers unknown; /* SQL in it that this program does not write */
} VerifiedBackup;

typedef struct VerifyRequest
{
	const Settings *settings; /* threads, and whether unknown SQL is allowed */
	Repository *repository;
	VerifyLevel level;
	int percent; /* of a sample */
	bool named;  /* somebody has named the backup, and must know if it is removed meanwhile */

	/*
	 * What a backup needs besides its objects: bad files go to the report, as do those that could
	 * not be looked at.  A callback, since that is on floors above this one.
	 */
	void (*besides)(Repository *home, const Manifest *manifest, VerifyReport *report,
					void *argument);

	/* Told of each backup that is still there. */
	void (*verified)(const VerifiedBackup *backup, void *argument);
	void *argument;
} VerifyRequest;

/*
 * False (reported) if anything is wrong with one, or if it was not done to the
 * end.  At a level below "stored" none is proved to be good, and the repository
 * keeps what it knows; what was found damaged, it notes.
 */
extern bool verify_run(const VerifyRequest *request, const BackupName *names, int count);

#endif /* NEX_VERIFY_RUN_H */
