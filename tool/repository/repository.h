/*-------------------------------------------------------------------------
 *
 * repository.h
 *	  A repository: opening and creating it, its backups, its objects and
 *	  its locks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REPOSITORY_H
#define NEX_REPOSITORY_H

#include <stdbool.h>
#include <stdint.h>

#include "backup_name.h"
#include "known_sql.h"
#include "repository_state.h"

/* Create, or do nothing but mend RECOVER.txt if it exists already.  *created says which. */
extern bool repository_init(const char *location, bool *created);

/*
 * The same for an encrypted one; the recipients are taken over.  One that
 * exists already must have the same cipher and recipients.
 */
extern bool repository_init_encrypted(const char *location, Cipher cipher,
									  AgeRecipients *recipients, bool *created);

/*
 * The same for one that is encrypted with cipher aes-256-gcm and the key file,
 * or the passphrase with work factor `log_n`, that the keyring holds.
 */
extern bool repository_init_with_secret(const char *location, KeyWrapping wrapping, int log_n,
										bool *created);

/*
 * Does a place hold anything that is not a new repository's?  STORE_OK if that
 * could be found out.
 */
extern StoreResult repository_look_for_others(Storage *storage, bool *occupied);

/*
 * Open and check nex_backup.json.  Errors: no repository there (exit 1, hint
 * `nex_backup init`), unknown format (exit 1), damaged (exit 3).
 */
extern Repository *repository_open(const char *location);
extern void repository_close(Repository *repository);

/*
 * Names without a server are those of this one; NULL: main.  If no other is
 * meant, as the command line has it, a name that says another is refused.
 */
extern void repository_use_server(Repository *repository, const char *label, bool no_other);

/*
 * Write nex_backup.json of an encrypted repository anew after its recipients
 * were changed.  False (reported) on failure.
 */
extern bool repository_rewrite(Repository *repository);

/*
 * nex_backup.json and RECOVER.txt are as they were written; else reports (exit
 * 3, or 1 if it cannot be read) and returns false.
 */
extern bool repository_check_header(Repository *repository);

/* The same as a warning, for whoever needs no RECOVER.txt: to refuse a restore would help nobody.
 */
extern void repository_warn_header(Repository *repository);

/*
 * What is wrong with RECOVER.txt, to be freed; NULL: nothing.  *result says
 * whether it could be read at all.
 */
extern char *repository_recover_problem(Repository *repository, StoreResult *result);

/*
 * Locks.  "shared" is held by whoever needs objects to stay (backup, verify,
 * restore, export): it waits up to a minute for an expire that removes objects
 * (then exit 4); a read-only repository that cannot be locked is no error.
 * "exclusive" is for removing objects, and reports nothing: STORE_BUSY if
 * somebody is at work.
 * "backup" is one per database, "copy" one for whoever copies backups to the
 * repository: exit 4 if taken.
 */
extern bool repository_lock_shared(Repository *repository);
extern StoreResult repository_lock_exclusive(Repository *repository, StoreLock **lock);
extern bool repository_lock_backup(Repository *repository, const Owner *owner, StoreLock **lock);
extern bool repository_lock_copy(Repository *repository, StoreLock **lock);

/* False (reported) if a lock, or the shared one, was lost meanwhile: others may work by now. */
extern bool repository_lock_held(const Repository *repository, const StoreLock *lock);

/* NULL is fine. */
extern void repository_unlock(Repository *repository, StoreLock *lock);

/* The latest backup of a set (id NULL), or this one; reports (exit 1) if there is none. */
extern bool repository_resolve_set(Repository *repository, const char *set, const char *id,
								   BackupName *name);

/*
 * The latest backup of a database; false if there is none, or none that can be
 * seen, which is a warning.  Which one is the latest is decided by choose.c
 * alone, by the time of the snapshot; a list is in the order of the ids.
 */
extern bool repository_latest(Repository *repository, const Owner *owner, BackupName *name);

/*
 * Resolve "DB" (its latest) or "DB/ID".  What has the form of the latter is
 * never a database of that name, whose backups need their id, too.
 * GLOBALS_DATABASE and "/ID" are backups of the globals.  They are those of
 * the repository's server; LABEL@DB and LABEL@ are those of another.  Reports
 * (exit 1, with what there is as a hint) if nothing matches.
 */
extern bool repository_resolve(Repository *repository, const char *text, BackupName *name);

/* The same at a time: the latest backup of DB that is not after it. */
extern bool repository_resolve_at(Repository *repository, const char *text, double at,
								  BackupName *name);

/* The owner that a name without an id means; false (reported, exit 2) if it may be two. */
extern bool repository_owner_named(Repository *repository, const char *text, Owner *owner);

/*
 * Read and check a manifest and its .sha256; reports (exit 3, file name) and gives NULL if damaged.
 * One that was removed meanwhile is an error, too (exit 1).
 */
extern Manifest *repository_manifest(Repository *repository, const BackupName *name);

/*
 * The same without the report: *error is to be freed.  What could not be read,
 * which is no damage, has been named by a warning, and manifest_unreadable is set.
 */
extern Manifest *repository_manifest_try(Repository *repository, const BackupName *name,
										 char **error);

/*
 * The two halves of that apart, for whoever goes on after damage: the
 * manifest without its .sha256, and whether the .sha256 is what the manifest
 * implies.  *error is to be freed.
 */
extern Manifest *repository_manifest_alone(Repository *repository, const BackupName *name,
										   char **error);

/* The former, with the bytes that are stored. */
extern Manifest *repository_manifest_stored(Repository *repository, const BackupName *name,
											Buffer *json, char **error);
extern bool repository_check_listing(Repository *repository, const BackupName *name,
									 const Manifest *manifest, char **error);

/* The same for who needs what is inside: reports, too, if an encrypted one stays locked. */
extern Manifest *repository_manifest_inside(Repository *repository, const BackupName *name);

/* Choose an id that is free; the time is now. */
extern bool repository_new_id(Repository *repository, const Owner *owner, char id[BACKUP_ID_SIZE]);

/*
 * Was a backup that was found before removed meanwhile?  expire does not wait for whoever reads
 * manifests; a lock keeps objects only.
 */
extern bool repository_was_removed(Repository *repository, const BackupName *name);

/* Is there a manifest of it?  False (reported) if that cannot be found out. */
extern bool repository_has_backup(Repository *repository, const BackupName *name, bool *exists);

/* Publish: .sha256, then the manifest.  The objects must be durable.  After this the backup exists.
 */
extern bool repository_publish(Repository *repository, const Manifest *manifest);

/* Un-publish: manifest, then its companions.  Objects stay. */
extern bool repository_remove_backup(Repository *repository, const BackupName *name);

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

/* Does a member hold SQL of unknown form, as far as the last verification has looked? */
extern bool verification_has_unknown_sql(const Verification *verification);

/*
 * inside: objects were opened and their content checked, not the stored bytes
 * alone.  unknown: what known_sql.h says of the members, or NULL.  If
 * nobody could look inside, what the record says of that stays, unless it is about another
 * manifest than the one with this seal, which is "" if it could not be read.
 */
extern bool repository_record_verification(Repository *repository, const BackupName *name,
										   const char *manifest, bool ok, bool inside,
										   const UnknownMembers *unknown, const char *const *bad,
										   int nbad);

#endif /* NEX_REPOSITORY_H */
