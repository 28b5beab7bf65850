/*-------------------------------------------------------------------------
 *
 * notify_ping.h
 *	  Pings: the start of a run, and its end, good or bad.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NOTIFY_PING_H
#define NEX_NOTIFY_PING_H

#include <jansson.h>
#include <stdbool.h>

typedef struct Settings Settings;

/* Tell that a run begins, in one short try: a late "start" would be a lie. */
extern void ping_start(const Settings *settings, const json_t *facts);

/* Queue the ping for the end of a run. */
extern void ping_end(const Settings *settings, const char *directory, const json_t *facts);

#endif /* NEX_NOTIFY_PING_H */
