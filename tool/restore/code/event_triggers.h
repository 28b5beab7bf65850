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

typedef struct Settings Settings;

/*
 * Before the session executes DDL in a live database: false (reported) if an
 * event trigger would run, or could be made to run, code of a role that is
 * neither a superuser nor that of the session.
 */
extern bool event_triggers_check(const Settings *settings, Connection *connection);

#endif /* NEX_EVENT_TRIGGERS_H */
