/*-------------------------------------------------------------------------
 *
 * session_pins.h
 *	  Settings that our sessions have whatever the database and the role say.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SESSION_PINS_H
#define NEX_SESSION_PINS_H

#include <stdbool.h>

#include "target.h"

/*
 * libpq sends some variables of the environment as settings, and the server
 * lets them win over all options.  At the start of the program, before there
 * are threads.
 */
extern void session_forget_environment(void);

/*
 * The value of "options" for a session: our settings, and behind them, so that
 * they win, those that the user gave.  NULL if the user's are in a service
 * file, where we cannot see them.  Caller frees.
 */
extern char *session_options(const ConnectionTarget *target);

/*
 * Some settings only newer servers have, and others refuse a session that asks
 * for them, so sessions get them once the target's version is known.  Notes
 * what an attempt told of it: the version, or 0 and libpq's message.  True if
 * the next attempt pins more than this one did.
 */
extern bool session_pins_more(ConnectionTarget *target, int version, const char *message);

/*
 * Was a connection refused because of these options?  Poolers know few or
 * none: then the session must do without them, and is pinned by SQL alone.
 */
extern bool session_options_refused(const char *message);

/*
 * SQL that lets go of what the database alone has set; then that which sets what we rely on.  What
 * the first gave is also wanted of the sessions of child programs: as options, to be freed.
 */
extern const char session_reset_sql[];
extern char *session_reset_options(const PGresult *result);
extern const char session_pin_sql[];

/*
 * SQL that raises max_stack_depth and gives it, if a superuser's session has less.  A server may
 * refuse that: how many were refused; NULL: no more is known.  And the options with it, which are
 * freed.
 */
extern const char *session_stack_sql(int refused);
extern char *session_stack_options(char *options, const char *depth);

/* SQL that gives up a role that the database has set, and gives the one that remains ("none"). */
extern const char *session_role_sql(const ConnectionTarget *target);

/*
 * The same for a session of a child program: our settings, the role that a session of ours has in
 * that database (NULL: not known), and the options that it has for children ("" if not known). They
 * win over what the user gave.
 */
extern void session_pin_child(ConnectionTarget *target, const char *role, const char *resets);

/* And for one that writes SQL out of a database. */
extern void session_pin_writer(ConnectionTarget *target, const char *role, const char *resets);

#endif /* NEX_SESSION_PINS_H */
