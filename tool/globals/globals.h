/*-------------------------------------------------------------------------
 *
 * globals.h
 *	  Back up what belongs to no database: roles, their memberships and
 *	  settings, tablespaces, privileges on parameters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_H
#define NEX_GLOBALS_H

#include "repository.h"

typedef struct Settings Settings;

/*
 * Back up the globals of the server that the settings name.  Gives the
 * manifest that was published (manifest_free() it), or NULL (reported); then
 * nothing was published.
 */
extern Manifest *backup_globals(const Settings *settings, Repository *repository);

#endif /* NEX_GLOBALS_H */
