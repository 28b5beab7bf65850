/*-------------------------------------------------------------------------
 *
 * contents.h
 *	  info --contents: all objects that a backup holds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONTENTS_H
#define NEX_CONTENTS_H

#include "backup_name.h"
#include "repository.h"

/* Print them, as text or as JSON; false (reported) if the archive cannot be read. */
extern bool contents_print(Repository *repository, const BackupName *name, const Manifest *manifest,
						   bool json);

#endif /* NEX_CONTENTS_H */
