/*-------------------------------------------------------------------------
 *
 * restore_moment.h
 *	  nex_backup restore DB --target-time: a database, or a part of it, as it
 *	  was at a moment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_MOMENT_H
#define NEX_RESTORE_MOMENT_H

#include <stdbool.h>

typedef struct Settings Settings;

/* The database of this very name. */
extern bool restore_moment(const Settings *settings, const char *database, bool json);

#endif /* NEX_RESTORE_MOMENT_H */
