/*-------------------------------------------------------------------------
 *
 * notify.h
 *	  Tell people how runs end: mail, webhooks, chat, pings.
 *
 * What happens, in the order of the files:
 *
 *	  notify_run.c      the tool's own run: its start, its facts, its end; and
 *	                    runs that died without a word
 *	  notify_policy.c   what is worth a message: failure, recovery, …; memory
 *	                    of each subject from run to run
 *	  notify_text.c     subject and text
 *	  notify_queue.c    messages on disk, one file for each channel and
 *	                    recipient
 *	  notify_deliver.c  trying them until they arrive or are given up
 *	  notify_mail.c, notify_webhook.c, notify_chat.c, notify_ping.c
 *	                    the channels, on notify_transport.c (libcurl)
 *
 * Nothing here can fail a run: what goes wrong is a warning, and a message
 * that could not be sent waits on disk.
 *
 * Facts, states and messages are JSON objects throughout, as they end up in
 * files and in webhooks anyway.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NOTIFY_H
#define NEX_NOTIFY_H

#include <jansson.h>
#include <stdbool.h>

#include "owner.h"

typedef struct Settings Settings;

/* Is any channel configured? */
extern bool notify_configured(const Settings *settings);

/*
 * A run of this kind begins, on globals, a set of files or databases; tells the ping URL, and
 * leaves a mark that outlives us.
 */
extern void notify_run_started(const Settings *settings, const char *kind, BackupKind of);

/* What the catalog is told about a part of the run (a database); keys as catalogue_payload() has
 * them. */
extern void notify_note(const char *kind, const Owner *owner, const json_t *payload);

/* The run has ended: decide, queue, deliver. */
extern void notify_run_ended(const Settings *settings, bool good);

/* Facts of a run in a process that could not speak for itself (killed, timed out). */
extern void notify_died(const Settings *settings, const json_t *facts);

/* Report runs that died, and repeats that were held back; the number of live runs does not count.
 */
extern void notify_sweep(const Settings *settings);

typedef enum DeliveryMode
{
	DELIVER_DUE, /* what its schedule says */
	DELIVER_RUN, /* at the end of a run: some quick tries for what is new, then as above */
	DELIVER_ALL  /* everything now */
} DeliveryMode;

typedef struct DeliveryCount
{
	int delivered;
	int waiting;
	int buried; /* given up in this pass */
} DeliveryCount;

/* Deliver; false (a warning was given) if the queue cannot be worked on. */
extern bool notify_deliver(const Settings *settings, DeliveryMode mode, DeliveryCount *count);

#endif /* NEX_NOTIFY_H */
