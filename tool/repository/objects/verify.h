/*-------------------------------------------------------------------------
 *
 * verify.h
 *	  Prove a backup: every object is there, has its length and digest, every
 *	  frame decompresses to its recorded length and holds its recorded rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_VERIFY_H
#define NEX_VERIFY_H

#include "object_set.h"
#include "repository.h"

typedef struct BadFile
{
	char *path;    /* relative to the repository */
	char *problem; /* "is missing", "has 10 bytes instead of 20", … */
	char *tables;  /* comma-separated names of the tables it holds, or "" */
	char *holds;   /* a sentence about what it holds, or NULL */
	bool again;    /* another backup of this run needs it, too, and was reported before */
} BadFile;

typedef struct VerifyReport
{
	uint64_t objects;
	uint64_t bytes;
	uint64_t raw_bytes;
	uint64_t rows;
	BadFile *bad;
	int nbad;
	uint32_t nunreadable; /* objects that could not be looked at, which is no damage */
} VerifyReport;

typedef enum VerifyDepth
{
	VERIFY_DIGESTS, /* presence, length, SHA-256: before a restore */
	VERIFY_CONTENT  /* and frames and rows */
} VerifyDepth;

/*
 * Verify the objects of a manifest with `threads` threads; adds to `progress`
 * weight.  Returns false only if interrupted or unable to work, or if objects
 * could not be looked at; damage is in the report, and has been reported (exit
 * 3, one error per bad file).  What is good in another place of the repository
 * is good, which is said (other_places.h).
 */
extern bool verify_objects(Repository *repository, const Manifest *manifest, VerifyDepth depth,
						   int threads, VerifyReport *report);

/*
 * The same of one place, the home of the backup; of what is bad there the
 * report says whether it is good in another one.  For several backups in one run: an object that
 * `seen` holds with the same members is not read again, its result is taken over.  `seen` must
 * be used with one depth only.  picked: by position, the objects that are
 * meant; NULL: all.  Damage is in the report alone, for verify_report_say().
 */
extern bool verify_objects_once(Repository *repository, const Manifest *manifest, VerifyDepth depth,
								const bool *picked, int threads, ObjectSet *seen,
								VerifyReport *report);
extern void verify_report_free(VerifyReport *report);

/* Report (exit 3) one of the bad files. */
extern void verify_report_say(const Manifest *manifest, const BadFile *bad);

/* Count an object, which holds these members of the manifest, with its problem (NULL: good). */
extern void verify_report_add(VerifyReport *report, const Manifest *manifest, uint32_t object,
							  uint32_t first, uint32_t count, const char *problem);

/* A bad file that is no object. */
extern void verify_report_bad(VerifyReport *report, const char *path, const char *problem);

/* Count an object that could not be looked at, and why; the first one is reported (exit 1). */
extern void verify_report_unreadable(VerifyReport *report, const Manifest *manifest,
									 uint32_t object, const char *problem, const char *hint);

#endif /* NEX_VERIFY_H */
