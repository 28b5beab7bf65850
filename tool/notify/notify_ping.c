/*-------------------------------------------------------------------------
 *
 * notify_ping.c
 *	  Pings, for a service that raises the alarm when they stay away.
 *
 * The one alarm that survives the death of this host.  The file holds one
 * URL in the manner of healthchecks.io, to which /start and /fail are
 * appended:
 *
 *	  https://hc-ping.com/<key>/{database}-{kind}
 *
 * or up to three, each after a word, for services with other habits:
 *
 *	  success https://status.example.com/push/abc?status=up
 *	  fail    https://status.example.com/push/abc?status=down
 *
 * {database}, {kind}, {type} and {host} are replaced.  A URL without {kind}
 * is for backups alone, or a verification would count as one.
 *
 *-------------------------------------------------------------------------
 */
#include "notify_ping.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "notify_channel.h"
#include "notify_queue.h"
#include "notify_settings.h"
#include "notify_text.h"
#include "notify_transport.h"
#include "private_file.h"
#include "settings.h"

/* What a ping says. */
typedef enum PingSignal
{
	PING_START,
	PING_SUCCESS,
	PING_FAIL,
	PING_COUNT
} PingSignal;

static const char *const signal_words[PING_COUNT] = {"start", "success", "fail"};

/* The URLs of a file; NULL where there is none. */
typedef struct PingUrls
{
	char *url[PING_COUNT];
} PingUrls;

static void
free_urls(PingUrls *urls)
{
	int i;

	for (i = 0; i < PING_COUNT; i++)
		secret_text_free(urls->url[i]);
	memset(urls, 0, sizeof(*urls));
}

/* Take one line; NULL, or what is wrong with it. */
static const char *
take_line(PingUrls *urls, char *line)
{
	char *rest = line + strcspn(line, " \t");
	int i;

	if (*rest == '\0')
	{
		if (urls->url[PING_START] != NULL || urls->url[PING_SUCCESS] != NULL ||
			urls->url[PING_FAIL] != NULL)
			return "a URL without a word before it must be the only one";
		if (strchr(line, '?') != NULL)
			return "a URL with \"?\" needs the word start, success or fail before it";
		urls->url[PING_START] = xasprintf("%s/start", line);
		urls->url[PING_SUCCESS] = xstrdup(line);
		urls->url[PING_FAIL] = xasprintf("%s/fail", line);
		return NULL;
	}
	*rest++ = '\0';
	rest += strspn(rest, " \t");
	for (i = 0; i < PING_COUNT; i++)
	{
		if (strcmp(line, signal_words[i]) != 0)
			continue;
		if (urls->url[i] != NULL)
			return "a word is given twice";
		urls->url[i] = xstrdup(rest);
		return NULL;
	}
	return "a line must be a URL, or start, success or fail and a URL";
}

/* Read the file; false with *problem (to be freed) if it is not good. */
static bool
read_urls(const char *path, PingUrls *urls, char **problem)
{
	char *text = secret_file_read(path, problem);
	char *rest = text;
	const char *reason = NULL;
	char *line;
	int i;

	memset(urls, 0, sizeof(*urls));
	if (text == NULL)
		return false;
	while (reason == NULL && (line = strsep(&rest, "\r\n")) != NULL)
	{
		line += strspn(line, " \t");
		if (*line != '\0' && *line != '#')
			reason = take_line(urls, line);
	}
	for (i = 0; i < PING_COUNT && reason == NULL; i++)
	{
		if (urls->url[i] != NULL)
			reason = url_problem(urls->url[i]);
	}
	secret_text_free(text);
	if (reason == NULL)
		return true;
	*problem = xasprintf("file \"%s\" is not good: %s", path, reason);
	free_urls(urls);
	return false;
}

/* A value as a piece of a path. */
static void
append_encoded(Buffer *out, const char *value)
{
	for (; *value != '\0'; value++)
	{
		if ((*value >= 'a' && *value <= 'z') || (*value >= 'A' && *value <= 'Z') ||
			(*value >= '0' && *value <= '9') || strchr("_-.", *value) != NULL)
			buffer_append_char(out, *value);
		else
			buffer_printf(out, "%%%02X", (unsigned char) *value);
	}
}

/* Replace {database} and so on by what the facts say; caller frees. */
static char *
fill_in(const char *url, const json_t *facts)
{
	static const char *const names[] = {"database", "kind", "type", "host"};
	char host[256] = "";
	Buffer out;

	gethostname(host, sizeof(host) - 1);
	buffer_init(&out);
	buffer_append_string(&out, "");
	while (*url != '\0')
	{
		size_t i;

		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		{
			size_t length = strlen(names[i]);
			const char *value = i == 3 ? host : json_member(facts, names[i]);

			if (url[0] != '{' || strncmp(url + 1, names[i], length) != 0 || url[length + 1] != '}')
				continue;
			if (value != NULL && value[0] == '\0')
				value = "globals";
			append_encoded(&out, value != NULL ? value : "all");
			url += length + 2;
			break;
		}
		if (i == sizeof(names) / sizeof(names[0]))
			buffer_append_char(&out, *url++);
	}
	return buffer_detach(&out);
}

/* Is a ping of this kind of run wanted at this URL? */
static bool
concerns(const char *url, const json_t *facts)
{
	const char *kind = json_member(facts, "kind");

	return url != NULL && kind != NULL &&
		   (strstr(url, "{kind}") != NULL || strcmp(kind, "backup") == 0);
}

static DeliveryResult
post(const Settings *settings, const char *pattern, const json_t *facts, const char *body,
	 bool hurried)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: text/plain; charset=utf-8");
	const char *run = json_member(facts, "run");
	char *filled = fill_in(pattern, facts);
	char *url = run != NULL && strchr(filled, '?') == NULL ? xasprintf("%s?rid=%s", filled, run)
														   : xstrdup(filled);
	DeliveryResult result = transport_post(settings, url, body, headers, hurried);

	curl_slist_free_all(headers);
	secret_text_free(filled);
	secret_text_free(url);
	return result;
}

void
ping_start(const Settings *settings, const json_t *facts)
{
	DeliveryResult result = {NULL, 0, false};
	PingUrls urls;

	if (settings->notify->notify_ping_url_file == NULL)
		return;
	if (!read_urls(settings->notify->notify_ping_url_file, &urls, &result.error))
	{
		log_warning("could not send a ping: %s", result.error);
		free(result.error);
		return;
	}
	if (concerns(urls.url[PING_START], facts))
		result = post(settings, urls.url[PING_START], facts, "", true);
	if (result.error != NULL)
		log_warning("could not send the ping of the start: %s", result.error);
	free(result.error);
	free_urls(&urls);
}

/* ---- the channel ---- */

static bool
is_configured(const Settings *settings)
{
	return settings->notify->notify_ping_url_file != NULL;
}

static char *
problem(const Settings *settings)
{
	char *reason = NULL;
	PingUrls urls;

	if (read_urls(settings->notify->notify_ping_url_file, &urls, &reason))
		free_urls(&urls);
	return reason;
}

/* Messages are for people; only a test is sent to where pings go, as a success. */
static void
queue(const NotifyChannel *channel, const Settings *settings, const char *directory,
	  const json_t *event)
{
	const char *reason = json_member(event, "reason");

	if (reason != NULL && strcmp(reason, reason_word(REASON_TEST)) == 0)
		queue_add(settings, directory, channel->name, NULL, event, false);
}

void
ping_end(const Settings *settings, const char *directory, const json_t *facts)
{
	bool good = json_is_true(json_object_get(facts, "good"));
	PingUrls urls;
	char *reason = NULL;
	json_t *event;

	if (settings->notify->notify_ping_url_file == NULL)
		return;
	if (!read_urls(settings->notify->notify_ping_url_file, &urls, &reason))
	{
		log_warning("could not send a ping: %s", reason);
		free(reason);
		return;
	}
	if (concerns(urls.url[good ? PING_SUCCESS : PING_FAIL], facts))
	{
		/* An older ping that still waits would only say what is no longer so. */
		event = event_compose(good ? REASON_SUCCESS : REASON_FAILURE, facts, NULL);
		queue_add(settings, directory, channel_ping.name, NULL, event, true);
		json_decref(event);
	}
	free_urls(&urls);
}

static DeliveryResult
deliver(const Settings *settings, const json_t *message, bool hurried)
{
	DeliveryResult result = {NULL, 0, false};
	const json_t *event = json_object_get(message, "event");
	const char *reason = json_member(event, "reason");
	const char *text = json_member(event, "text");
	bool failed = reason != NULL && strcmp(reason, reason_word(REASON_FAILURE)) == 0;
	PingUrls urls;
	const char *url;

	if (settings->notify->notify_ping_url_file == NULL)
	{
		result.error = xstrdup("notify-ping-url-file is not set");
		return result;
	}
	if (!read_urls(settings->notify->notify_ping_url_file, &urls, &result.error))
		return result;
	url = urls.url[failed ? PING_FAIL : PING_SUCCESS];
	if (url != NULL)
		result = post(settings, url, event, text != NULL ? text : "", hurried);
	free_urls(&urls);
	return result;
}

const NotifyChannel channel_ping = {
	.name = "ping",
	.configured = is_configured,
	.problem = problem,
	.queue = queue,
	.deliver = deliver,
};
