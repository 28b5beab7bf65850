/*-------------------------------------------------------------------------
 *
 * verification.h
 *	  The record beside a backup of its last verification.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_VERIFICATION_H
#define NEX_VERIFICATION_H

#include "backup_name.h"
#include "known_sql.h"
#include "repository_state.h"

/* Result of the last verification. */
typedef struct Verification
{
	bool known;
	bool ok;
	bool inside; /* not the stored bytes alone */
	bool looked; /* for SQL of unknown form, which these members hold: */
	bool unknown_sql[MEMBER_KINDS];
	char time[32];      /* UTC, "2026-11-23T02:00:00Z" */
	char opened[32];    /* when the inside was last checked and good; may be "" */
	DigestHex manifest; /* the seal of the manifest that this is about; may be "" */
} Verification;

/* Reports (exit 3) and returns false only if the record is damaged. */
extern bool repository_verification(Repository *repository, const BackupName *name,
									Verification *result);

/* Warn if the record is damaged. */
extern void repository_warn_verification(Repository *repository, const BackupName *name);

/* Is there a good record of it that says "failed"?  Reports nothing. */
extern bool repository_verification_failed(Repository *repository, const BackupName *name);

/*
 * The seal of the manifest that the record is about; empty if there is no good
 * record, or it is about none.  Reports nothing.
 */
extern void repository_verified_manifest(Repository *repository, const BackupName *name,
										 DigestHex seal);

/* Does a member hold SQL of unknown form, as far as the last verification has looked? */
extern bool verification_has_unknown_sql(const Verification *verification);

/*
 * Does the record keep its "failed" after a look that found no damage?  It
 * does if that look read less: not all of the stored bytes (!proves), or only
 * those (!inside), where an earlier one had opened them.  Reports (exit 3) and
 * returns true if so.
 */
extern bool repository_damage_stays(Repository *repository, const BackupName *name,
									const char *manifest, bool proves, bool inside);

/*
 * inside: objects were opened and their content checked, not the stored bytes
 * alone.  unknown: what known_sql.h says of the members, or NULL.  If
 * nobody could look inside, what the record says of that stays, unless it is about another
 * manifest than the one with this seal, which is "" if it could not be read.
 */
extern void repository_record_verification(Repository *repository, const BackupName *name,
										   const char *manifest, bool ok, bool inside,
										   const UnknownMembers *unknown, const char *const *bad,
										   int nbad);

#endif /* NEX_VERIFICATION_H */
