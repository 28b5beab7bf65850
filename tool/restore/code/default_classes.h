/*-------------------------------------------------------------------------
 *
 * default_classes.h
 *	  Default operator classes of PostgreSQL's types that others have a say in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DEFAULT_CLASSES_H
#define NEX_DEFAULT_CLASSES_H

#include "connection.h"

typedef struct Settings Settings;

/* False (reported) if one would run code of others in our session. */
extern bool default_classes_check(const Settings *settings, Connection *connection);

#endif /* NEX_DEFAULT_CLASSES_H */
