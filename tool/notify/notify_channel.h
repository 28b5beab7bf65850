/*-------------------------------------------------------------------------
 *
 * notify_channel.h
 *	  The channels: one table, one file for each kind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NOTIFY_CHANNEL_H
#define NEX_NOTIFY_CHANNEL_H

#include <jansson.h>
#include <stdbool.h>

typedef struct Settings Settings;

/* What became of one try; `error` is NULL if it arrived, else to be freed. */
typedef struct DeliveryResult
{
	char *error;
	long retry_after; /* seconds that the other side asked for; 0: it did not */
	bool unreachable; /* others of this channel would fail in the same way */
} DeliveryResult;

typedef struct NotifyChannel NotifyChannel;

struct NotifyChannel
{
	const char *name;

	/* Has the user set anything of this channel? */
	bool (*configured)(const Settings *settings);

	/* What is missing or wrong about its settings and files; NULL (or to be freed). */
	char *(*problem)(const Settings *settings);

	/* Queue an event, once for each recipient. */
	void (*queue)(const NotifyChannel *channel, const Settings *settings, const char *directory,
				  const json_t *event);

	/* Try to deliver a message; `hurried`: somebody waits for us to be gone. */
	DeliveryResult (*deliver)(const Settings *settings, const json_t *message, bool hurried);
};

extern const NotifyChannel channel_mail;
extern const NotifyChannel channel_webhook;
extern const NotifyChannel channel_slack;
extern const NotifyChannel channel_teams;
extern const NotifyChannel channel_ping;

extern const NotifyChannel *const channel_table[];
extern const int channel_count;

extern const NotifyChannel *channel_find(const char *name);

/* Queue an event for every channel that is configured and complete; warns of those that are not. */
extern void channels_queue(const Settings *settings, const char *directory, const json_t *event);

/* For channels with one recipient. */
extern void channel_queue_one(const NotifyChannel *channel, const Settings *settings,
							  const char *directory, const json_t *event);

#endif /* NEX_NOTIFY_CHANNEL_H */
