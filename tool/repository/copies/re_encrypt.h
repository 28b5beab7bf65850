/*-------------------------------------------------------------------------
 *
 * re_encrypt.h
 *	  Copy backups to a repository that has other keys, or that is encrypted
 *	  while this one is not.
 *
 * Nothing can be copied byte for byte there: objects are opened, looked into,
 * and stored again, as a backup would store them, and so is the manifest, which says where
 * it comes from.  Times, rows and members stay what they are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RE_ENCRYPT_H
#define NEX_RE_ENCRYPT_H

#include "copy_run.h"

/*
 * Open the other repository, which must exist; NULL (reported) if it is a place of the
 * same one, or if it is plain, the first one is not, and that was not allowed.
 */
extern Repository *re_encrypt_open(const Repository *from, const char *location, bool allow_plain);

/* As copy_run(); the keys of both must be at hand. */
extern bool re_encrypt_run(const CopyRequest *request, const BackupName *names, int count);

#endif /* NEX_RE_ENCRYPT_H */
