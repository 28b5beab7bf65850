/*-------------------------------------------------------------------------
 *
 * repository.h
 *	  A repository: opening and creating it, its header and its locks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REPOSITORY_H
#define NEX_REPOSITORY_H

#include <stdbool.h>
#include <stdint.h>

#include "backup_name.h"
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
 * Rewrite nex_backup.json after its recipients or its features were
 * changed.  False (reported) on failure.
 */
extern bool repository_rewrite(Repository *repository);

/* The same if it does not name a feature yet (repository_features.h). */
extern bool repository_add_feature(Repository *repository, unsigned feature);

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

/* Could it be read, and is it as nex_backup.json says? */
extern bool repository_recover_is_intact(Repository *repository);

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

#endif /* NEX_REPOSITORY_H */
