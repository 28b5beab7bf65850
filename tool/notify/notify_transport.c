/*-------------------------------------------------------------------------
 *
 * notify_transport.c
 *	  libcurl for the channels, hardened once for all of them.
 *
 * A fresh handle and a fresh connection for each message, because several
 * versions of libcurl reuse connections that were opened with other TLS
 * settings or credentials (CVE-2026-4873, CVE-2026-8286, CVE-2022-27774); no
 * redirects and no .netrc, which leak credentials (CVE-2024-11053,
 * CVE-2025-0167); protocols limited; certificates always verified, with no
 * setting to do without.  Alarms are rare, so the cost of a handshake is none.
 *
 *-------------------------------------------------------------------------
 */
#include "notify_transport.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "loopback.h"
#include "memory.h"
#include "notify_settings.h"
#include "notify_text.h"
#include "private_file.h"
#include "settings.h"
#include "version.h"

#define CONNECT_SECONDS 10L
#define TOTAL_SECONDS 30L
/* Who waits for the end of a command must not wait long for a server that accepts and is silent. */
#define FOREGROUND_SECONDS 10L
#define HURRIED_CONNECT_SECONDS 2L
#define HURRIED_TOTAL_SECONDS 4L
#define REPLY_LIMIT (1024 * 1024)

static bool in_foreground = false;

void
transport_foreground(bool foreground)
{
	in_foreground = foreground;
}

const char *
url_problem(const char *url)
{
	bool https = strncasecmp(url, "https://", 8) == 0;
	const char *authority = url + (https ? 8 : 7);
	const char *c;

	if (!https && strncasecmp(url, "http://", 7) != 0)
		return "it must begin with https://";
	for (c = url; *c != '\0'; c++)
	{
		if (*c <= ' ' || *c > '~')
			return "it must hold neither spaces nor control characters";
	}
	if (url_host_length(authority) == 0)
		return "it names no host";
	if (memchr(authority, '@', strcspn(authority, "/?#")) != NULL)
		return "it must not hold a user name or password";
	if (!https && !is_loopback(authority, url_host_length(authority)))
		return "it must begin with https://, unless it leads to this machine itself";
	return NULL;
}

char *
url_file_read(const char *path, char **problem)
{
	char *url = secret_file_read(path, problem);
	const char *reason = url != NULL ? url_problem(url) : NULL;

	if (reason == NULL)
		return url;
	*problem = xasprintf("the URL in file \"%s\" is not good: %s", path, reason);
	secret_text_free(url);
	return NULL;
}

/* Keep the beginning of a reply; stop reading one that does not end. */
static size_t
take_reply(char *data, size_t size, size_t count, void *argument)
{
	Transport *transport = argument;
	size_t length = size * count;
	size_t room = transport->reply_length < sizeof(transport->reply) - 1
					  ? sizeof(transport->reply) - 1 - transport->reply_length
					  : 0;

	memcpy(transport->reply + (room > 0 ? transport->reply_length : 0), data,
		   length < room ? length : room);
	transport->reply_length += length;
	transport->reply[transport->reply_length < sizeof(transport->reply) - 1
						 ? transport->reply_length
						 : sizeof(transport->reply) - 1] = '\0';
	return transport->reply_length > REPLY_LIMIT ? 0 : length;
}

/* The bits that libcurl before 7.85 wants in place of names. */
static CURLcode
set_protocols(CURL *curl, const char *protocols)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
#else
	long bits = 0;

	if (strcmp(protocols, "https") == 0)
		bits = CURLPROTO_HTTPS;
	else if (strcmp(protocols, "http") == 0)
		bits = CURLPROTO_HTTP;
	else if (strcmp(protocols, "smtp") == 0)
		bits = CURLPROTO_SMTP;
	else if (strcmp(protocols, "smtps") == 0)
		bits = CURLPROTO_SMTPS;
	return curl_easy_setopt(curl, CURLOPT_PROTOCOLS, bits);
#endif
}

bool
transport_begin(Transport *transport, const Settings *settings, const char *protocols, bool hurried)
{
	static bool initialized = false;
	CURL *curl;

	memset(transport, 0, sizeof(*transport));
	if (!initialized && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	initialized = true;
	curl = transport->curl = curl_easy_init();
	if (curl == NULL || set_protocols(curl, protocols) != CURLE_OK)
	{
		transport_end(transport);
		return false;
	}
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transport->error);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
	if (settings->notify->notify_ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, settings->notify->notify_ca_file);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
					 hurried ? HURRIED_CONNECT_SECONDS : CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT,
					 hurried         ? HURRIED_TOTAL_SECONDS
					 : in_foreground ? FOREGROUND_SECONDS
									 : TOTAL_SECONDS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, transport);
	return true;
}

/* Does the error lie with the server as a whole, not with this message? */
static bool
is_unreachable(CURLcode code)
{
	switch (code)
	{
		case CURLE_COULDNT_RESOLVE_PROXY:
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_CONNECT:
		case CURLE_OPERATION_TIMEDOUT:
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_USE_SSL_FAILED:
		case CURLE_LOGIN_DENIED:
			return true;
		default:
			return false;
	}
}

DeliveryResult
transport_perform(Transport *transport)
{
	DeliveryResult result = {NULL, 0, false};
	CURLcode code = curl_easy_perform(transport->curl);
	const char *text = transport->error[0] != '\0' ? transport->error : curl_easy_strerror(code);

	if (code == CURLE_OK)
		return result;
	result.error = harmless_text(text, false);
	result.unreachable = is_unreachable(code);
	return result;
}

void
transport_end(Transport *transport)
{
	if (transport->curl != NULL)
		curl_easy_cleanup(transport->curl);
	transport->curl = NULL;
}

/*
 * What a server says to a request that it refuses helps ("invalid_payload"),
 * but some servers repeat the URL, which is a secret.
 */
static char *
refusal(const Transport *transport, const char *url, long status)
{
	const char *last = strrchr(url, '/');
	bool short_enough = transport->reply_length > 0 && transport->reply_length <= 100;
	char *safe;
	char *text;

	if (!short_enough || strchr(transport->reply, '/') != NULL ||
		(last != NULL && strlen(last) > 1 && strstr(transport->reply, last + 1) != NULL))
		return xasprintf("the server answered %ld", status);
	safe = harmless_text(transport->reply, false);
	text = xasprintf("the server answered %ld: %s", status, safe);
	free(safe);
	return text;
}

DeliveryResult
transport_post(const Settings *settings, const char *url, const char *body,
			   struct curl_slist *headers, bool hurried)
{
	DeliveryResult result = {NULL, 0, false};
	bool https = strncasecmp(url, "https:", 6) == 0;
	Transport transport;
	curl_off_t wait = 0;
	long status = 0;

	if (!transport_begin(&transport, settings, https ? "https" : "http", hurried))
	{
		result.error = xstrdup("libcurl could not be started");
		return result;
	}
	curl_easy_setopt(transport.curl, CURLOPT_URL, url);
	curl_easy_setopt(transport.curl, CURLOPT_USERAGENT, "nex_backup/" NEX_BACKUP_VERSION);
	curl_easy_setopt(transport.curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(transport.curl, CURLOPT_POST, 1L);
	curl_easy_setopt(transport.curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(body));
	curl_easy_setopt(transport.curl, CURLOPT_POSTFIELDS, body);
	result = transport_perform(&transport);
	if (result.error == NULL)
	{
		curl_easy_getinfo(transport.curl, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(transport.curl, CURLINFO_RETRY_AFTER, &wait);
		if (status < 200 || status > 299)
			result.error = refusal(&transport, url, status);
		result.retry_after = wait > 0 && wait < 86400 ? (long) wait : 0;
	}
	transport_end(&transport);
	return result;
}
