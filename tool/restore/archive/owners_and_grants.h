/*-------------------------------------------------------------------------
 *
 * owners_and_grants.h
 *	  --no-owner and --no-privileges for members that pg_restore does not see.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OWNERS_AND_GRANTS_H
#define NEX_OWNERS_AND_GRANTS_H

#include "buffer.h"

typedef struct Settings Settings;

/* Take the statements out of a member that set owners or grants, if the settings say so. */
extern void owners_and_grants_filter(const Settings *settings, Buffer *sql);

#endif /* NEX_OWNERS_AND_GRANTS_H */
