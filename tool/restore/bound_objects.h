/*-------------------------------------------------------------------------
 *
 * bound_objects.h
 *	  What the objects that a part has made in a live database rest on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BOUND_OBJECTS_H
#define NEX_BOUND_OBJECTS_H

#include "partial.h"

/*
 * In the transaction that has made them: false (reported) if one of a superuser
 * or of the session rests on something of others that was not looked at before.
 */
extern bool bound_objects_check(const RestorePlan *plan, Connection *connection);

#endif /* NEX_BOUND_OBJECTS_H */
