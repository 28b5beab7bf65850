/*-------------------------------------------------------------------------
 *
 * large_settings.h
 *	  Settings of roles that are so large that pg_dump needs much memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LARGE_SETTINGS_H
#define NEX_LARGE_SETTINGS_H

#include <stdbool.h>

#include "connection.h"

/*
 * Warn of them, before pg_dump (of this database) or pg_dumpall (settings of
 * no database) is started.  False (reported) if there is not the memory for
 * it, or on failure.
 */
extern bool large_settings_check(Connection *connection, bool of_database);

#endif /* NEX_LARGE_SETTINGS_H */
