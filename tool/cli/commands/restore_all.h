/*-------------------------------------------------------------------------
 *
 * restore_all.h
 *	  nex_backup restore --all
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_ALL_H
#define NEX_RESTORE_ALL_H

#include "repository.h"

typedef struct Settings Settings;

/* Restore the globals and every database; false unless all of it succeeded. */
extern bool restore_all(const Settings *settings, Repository *repository);

#endif /* NEX_RESTORE_ALL_H */
