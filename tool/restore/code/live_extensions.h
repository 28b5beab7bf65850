/*-------------------------------------------------------------------------
 *
 * live_extensions.h
 *	  Extensions of the live database that others have a say in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_EXTENSIONS_H
#define NEX_LIVE_EXTENSIONS_H

#include "connection.h"

/*
 * *members: can others change what an object of the extension runs?  *owner:
 * does the extension itself belong to one of them?  False (reported) on failure.
 */
extern bool live_extension_others(Connection *connection, const char *extension, bool *members,
								  bool *owner);

#endif /* NEX_LIVE_EXTENSIONS_H */
