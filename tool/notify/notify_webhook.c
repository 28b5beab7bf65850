/*-------------------------------------------------------------------------
 *
 * notify_webhook.c
 *	  The generic webhook: the event as JSON, signed.
 *
 *	  X-Nex-Timestamp: seconds since 1970, of this try
 *	  X-Nex-Signature: sha256=<HMAC-SHA256 of "<timestamp>.<body>" in hex>
 *	  Idempotency-Key: the message's id, the same at each try
 *
 * The timestamp is within what is signed, so that a receiver can refuse a
 * message that somebody recorded and sends again later.
 *
 *-------------------------------------------------------------------------
 */
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memory.h"
#include "notify_channel.h"
#include "notify_queue.h"
#include "notify_settings.h"
#include "notify_transport.h"
#include "private_file.h"
#include "settings.h"

static bool
is_configured(const Settings *settings)
{
	return settings->notify->notify_webhook_url_file != NULL ||
		   settings->notify->notify_webhook_hmac_key_file != NULL;
}

static char *
problem(const Settings *settings)
{
	char *reason = NULL;

	if (settings->notify->notify_webhook_url_file == NULL)
		return xstrdup("notify-webhook-url-file is not set");
	secret_text_free(url_file_read(settings->notify->notify_webhook_url_file, &reason));
	if (reason == NULL && settings->notify->notify_webhook_hmac_key_file != NULL)
		secret_text_free(secret_file_read(settings->notify->notify_webhook_hmac_key_file, &reason));
	return reason;
}

/* "<timestamp>.<body>" under the key, in hex; NULL if OpenSSL refuses.  Caller frees. */
static char *
sign(const char *key, const char *timestamp, const char *body)
{
	char *text = xasprintf("%s.%s", timestamp, body);
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	Buffer hex;
	unsigned i;
	bool good = HMAC(EVP_sha256(), key, (int) strlen(key), (const unsigned char *) text,
					 strlen(text), mac, &length) != NULL;

	free(text);
	if (!good)
		return NULL;
	buffer_init(&hex);
	for (i = 0; i < length; i++)
		buffer_printf(&hex, "%02x", mac[i]);
	return buffer_detach(&hex);
}

static struct curl_slist *
add_header(struct curl_slist *headers, const char *name, const char *value)
{
	char *line = xasprintf("%s: %s", name, value);

	headers = curl_slist_append(headers, line);
	free(line);
	return headers;
}

/* Sign the body, if there is a key; false with *error if that cannot be done. */
static bool
add_signature(const Settings *settings, const char *body, struct curl_slist **headers, char **error)
{
	char *timestamp = xasprintf("%lld", (long long) time(NULL));
	char *key = NULL;
	char *signature;
	char *value;

	*headers = add_header(*headers, "X-Nex-Timestamp", timestamp);
	if (settings->notify->notify_webhook_hmac_key_file != NULL)
	{
		key = secret_file_read(settings->notify->notify_webhook_hmac_key_file, error);
		signature = key != NULL ? sign(key, timestamp, body) : NULL;
		if (key != NULL && signature == NULL)
			*error = xstrdup("the message could not be signed");
		if (signature != NULL)
		{
			value = xasprintf("sha256=%s", signature);
			*headers = add_header(*headers, "X-Nex-Signature", value);
			free(value);
		}
		free(signature);
		secret_text_free(key);
	}
	free(timestamp);
	return *error == NULL;
}

static DeliveryResult
deliver(const Settings *settings, const json_t *message, bool hurried)
{
	DeliveryResult result = {NULL, 0, false};
	const char *id = json_member(message, "id");
	json_t *payload = json_deep_copy(json_object_get(message, "event"));
	struct curl_slist *headers = NULL;
	char *url;
	char *body;

	url = settings->notify->notify_webhook_url_file != NULL
			  ? url_file_read(settings->notify->notify_webhook_url_file, &result.error)
			  : NULL;
	if (url == NULL)
	{
		if (result.error == NULL)
			result.error = problem(settings);
		json_decref(payload);
		return result;
	}
	json_object_set_new(payload, "version", json_integer(1));
	json_object_set_new(payload, "id", json_string(id != NULL ? id : ""));
	body = json_dumps(payload, JSON_COMPACT | JSON_SORT_KEYS);
	headers = add_header(headers, "Content-Type", "application/json");
	headers = add_header(headers, "Idempotency-Key", id != NULL ? id : "");
	if (body == NULL)
		result.error = xstrdup("the message is damaged");
	else if (add_signature(settings, body, &headers, &result.error))
		result = transport_post(settings, url, body, headers, hurried);
	curl_slist_free_all(headers);
	secret_text_free(url);
	free(body);
	json_decref(payload);
	return result;
}

const NotifyChannel channel_webhook = {
	.name = "webhook",
	.configured = is_configured,
	.problem = problem,
	.queue = channel_queue_one,
	.deliver = deliver,
};
