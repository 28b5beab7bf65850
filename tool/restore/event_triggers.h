/*-------------------------------------------------------------------------
 *
 * event_triggers.h
 *	  Event triggers of the live database that others have a say in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EVENT_TRIGGERS_H
#define NEX_EVENT_TRIGGERS_H

#include "connection.h"

/* False (reported) if one would run code of others in our session. */
extern bool event_triggers_check(Connection *connection);

#endif /* NEX_EVENT_TRIGGERS_H */
