/*-------------------------------------------------------------------------
 *
 * notify_chat.c
 *	  Slack and Microsoft Teams, each in the form of its incoming webhooks.
 *
 * Both are sent as plain text: names of databases, and what a server said,
 * must not become links, mentions or formatting.  Slack wants &, < and >
 * escaped, and its text blocks say "plain_text"; Teams (a Workflows URL, as
 * the older connectors are switched off) shows an Adaptive Card, whose
 * TextBlock reads a subset of Markdown, so the text goes into one that is
 * monospaced and has the special characters escaped.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "json_text.h"
#include "memory.h"
#include "notify_channel.h"
#include "notify_queue.h"
#include "notify_settings.h"
#include "notify_transport.h"
#include "settings.h"

#define SLACK_TEXT_LIMIT 2900 /* of 3000 in a text block */
#define TEAMS_TEXT_LIMIT 12000

static bool
slack_configured(const Settings *settings)
{
	return settings->notify->notify_slack_url_file != NULL;
}

static bool
teams_configured(const Settings *settings)
{
	return settings->notify->notify_teams_url_file != NULL;
}

static char *
file_problem(const char *path)
{
	char *reason = NULL;

	secret_text_free(url_file_read(path, &reason));
	return reason;
}

static char *
slack_problem(const Settings *settings)
{
	return file_problem(settings->notify->notify_slack_url_file);
}

static char *
teams_problem(const Settings *settings)
{
	return file_problem(settings->notify->notify_teams_url_file);
}

/* A text member of the message's event, cut at a character's end. */
static char *
event_text(const json_t *message, const char *key, size_t limit)
{
	const char *text = json_member(json_object_get(message, "event"), key);
	size_t length = text != NULL ? strlen(text) : 0;

	if (length > limit)
	{
		length = limit;
		while (length > 0 && ((unsigned char) text[length] & 0xc0) == 0x80)
			length--;
		return xasprintf("%.*s\n…", (int) length, text);
	}
	return xstrdup(text != NULL ? text : "");
}

/* Escape what Slack reads as the beginning of a link or mention. */
static char *
slack_escape(const char *text)
{
	Buffer out;

	buffer_init(&out);
	buffer_append_string(&out, "");
	for (; *text != '\0'; text++)
	{
		if (*text == '&')
			buffer_append_string(&out, "&amp;");
		else if (*text == '<')
			buffer_append_string(&out, "&lt;");
		else if (*text == '>')
			buffer_append_string(&out, "&gt;");
		else
			buffer_append_char(&out, *text);
	}
	return buffer_detach(&out);
}

/* Escape Markdown; a line of its own is a paragraph, or lines would run together. */
static char *
teams_escape(const char *text)
{
	Buffer out;

	buffer_init(&out);
	buffer_append_string(&out, "");
	for (; *text != '\0'; text++)
	{
		if (*text == '\n')
			buffer_append_string(&out, "\n\n");
		else
		{
			if (strchr("\\`*_{}[]()<>#+-!|~", *text) != NULL)
				buffer_append_char(&out, '\\');
			buffer_append_char(&out, *text);
		}
	}
	return buffer_detach(&out);
}

static json_t *
slack_payload(const json_t *message)
{
	char *subject = event_text(message, "subject", 200);
	char *text = event_text(message, "text", SLACK_TEXT_LIMIT);
	char *escaped = slack_escape(subject);
	json_t *blocks = json_array();
	json_t *payload = json_object();

	json_array_append_new(blocks,
						  json_pack("{s:s, s:{s:s, s:o, s:b}}", "type", "section", "text", "type",
									"plain_text", "text", json_text(text), "emoji", 0));
	json_object_set_new(payload, "text", json_text(escaped));
	json_object_set_new(payload, "blocks", blocks);
	free(escaped);
	free(text);
	free(subject);
	return payload;
}

static json_t *
text_block(const char *text, const char *weight, const char *font)
{
	return json_pack("{s:s, s:o, s:b, s:s, s:s}", "type", "TextBlock", "text", json_text(text),
					 "wrap", 1, "weight", weight, "fontType", font);
}

static json_t *
teams_payload(const json_t *message)
{
	char *subject = event_text(message, "subject", 200);
	char *text = event_text(message, "text", TEAMS_TEXT_LIMIT);
	char *safe_subject = teams_escape(subject);
	char *safe_text = teams_escape(text);
	json_t *card =
		json_pack("{s:s, s:s, s:s, s:[o, o]}", "$schema",
				  "http://adaptivecards.io/schemas/adaptive-card.json", "type", "AdaptiveCard",
				  "version", "1.4", "body", text_block(safe_subject, "Bolder", "Default"),
				  text_block(safe_text, "Default", "Monospace"));
	json_t *payload =
		json_pack("{s:s, s:[{s:s, s:o}]}", "type", "message", "attachments", "contentType",
				  "application/vnd.microsoft.card.adaptive", "content", card);

	free(safe_text);
	free(safe_subject);
	free(text);
	free(subject);
	return payload;
}

/* Post a payload, which is taken over, to the URL in a file. */
static DeliveryResult
post(const Settings *settings, const char *url_file, json_t *payload, bool hurried)
{
	DeliveryResult result = {NULL, 0, false};
	char *url = url_file != NULL ? url_file_read(url_file, &result.error) : NULL;
	char *body = payload != NULL ? json_dumps(payload, JSON_COMPACT) : NULL;
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");

	if (url != NULL && body != NULL)
		result = transport_post(settings, url, body, headers, hurried);
	else if (result.error == NULL)
		result.error = xstrdup("the message could not be put together");
	curl_slist_free_all(headers);
	secret_text_free(url);
	free(body);
	json_decref(payload);
	return result;
}

static DeliveryResult
slack_deliver(const Settings *settings, const json_t *message, bool hurried)
{
	return post(settings, settings->notify->notify_slack_url_file, slack_payload(message), hurried);
}

static DeliveryResult
teams_deliver(const Settings *settings, const json_t *message, bool hurried)
{
	return post(settings, settings->notify->notify_teams_url_file, teams_payload(message), hurried);
}

const NotifyChannel channel_slack = {
	.name = "slack",
	.configured = slack_configured,
	.problem = slack_problem,
	.queue = channel_queue_one,
	.deliver = slack_deliver,
};

const NotifyChannel channel_teams = {
	.name = "teams",
	.configured = teams_configured,
	.problem = teams_problem,
	.queue = channel_queue_one,
	.deliver = teams_deliver,
};
