/*-------------------------------------------------------------------------
 *
 * notify_mail.c
 *	  Mail by SMTP.
 *
 * TLS is required, not tried: with starttls a server that offers none gets
 * neither password nor message.  A user's password over an unprotected
 * connection is refused, unless that connection stays on this machine.
 *
 * No text from outside becomes part of a header as it is: addresses are
 * checked when they are read, the subject has no control characters, and what
 * is not ASCII is encoded.  Message-ID is that of the message in the queue,
 * the same at each try, so that mail systems recognize a second copy.
 *
 *-------------------------------------------------------------------------
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "loopback.h"
#include "memory.h"
#include "notify_channel.h"
#include "notify_mail.h"
#include "notify_queue.h"
#include "notify_settings.h"
#include "notify_text.h"
#include "notify_transport.h"
#include "private_file.h"
#include "settings.h"

#define SUBJECT_LIMIT 180
#define PLAIN_LINE_LIMIT 900
#define ENCODED_BYTES 45 /* 60 characters of base64 in an encoded word of at most 75 */
#define BASE64_LINE_BYTES 57

static bool
is_configured(const Settings *settings)
{
	return settings->notify->notify_mail_server != NULL ||
		   settings->notify->notify_mail_to != NULL || settings->notify->notify_mail_from != NULL;
}

/* The host in "host:port"; its length. */
static size_t
server_host_length(const char *server)
{
	return server[0] == '[' ? strcspn(server, "]") + 1 : strcspn(server, ":");
}

static char *
problem(const Settings *settings)
{
	const char *server = settings->notify->notify_mail_server;
	char *password;
	char *reason;

	if (server == NULL)
		return xstrdup("notify-mail-server is not set");
	if (settings->notify->notify_mail_from == NULL)
		return xstrdup("notify-mail-from is not set");
	if (settings->notify->notify_mail_to == NULL)
		return xstrdup("notify-mail-to is not set");
	if ((settings->notify->notify_mail_user == NULL) !=
		(settings->notify->notify_mail_password_file == NULL))
		return xstrdup("notify-mail-user and notify-mail-password-file go together");
	if (settings->notify->notify_mail_user == NULL)
		return NULL;
	if (settings->notify->notify_mail_tls == MAIL_TLS_PLAIN &&
		!is_loopback(server, server_host_length(server)))
		return xstrdup("a password is not sent to another machine without TLS");
	password = secret_file_read(settings->notify->notify_mail_password_file, &reason);
	secret_text_free(password);
	return reason;
}

/* One message for each address. */
static void
queue(const NotifyChannel *channel, const Settings *settings, const char *directory,
	  const json_t *event)
{
	const char *text = settings->notify->notify_mail_to;

	while (text != NULL && *text != '\0')
	{
		size_t length;
		char *address;

		text += strspn(text, " ,");
		length = strcspn(text, " ,");
		if (length == 0)
			break;
		address = xasprintf("%.*s", (int) length, text);
		queue_add(settings, directory, channel->name, address, event, false);
		free(address);
		text += length;
	}
}

/* ---- the message ---- */

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if ((unsigned char) *text >= 0x80)
			return false;
	}
	return true;
}

static void
append_base64(Buffer *out, const char *data, size_t length)
{
	unsigned char encoded[4 * ((BASE64_LINE_BYTES + 2) / 3) + 1];

	EVP_EncodeBlock(encoded, (const unsigned char *) data, (int) length);
	buffer_append_string(out, (char *) encoded);
}

void
mail_append_subject(Buffer *out, const char *subject)
{
	char *safe = harmless_text(subject, false);
	size_t length = strlen(safe);
	const char *at = safe;

	/* Not cut within a character. */
	if (length > SUBJECT_LIMIT)
	{
		length = SUBJECT_LIMIT;
		while (length > 0 && ((unsigned char) safe[length] & 0xc0) == 0x80)
			length--;
		safe[length] = '\0';
	}
	buffer_append_string(out, "Subject: ");
	if (is_ascii(safe) && strstr(safe, "=?") == NULL)
		buffer_append_string(out, safe);
	else
	{
		while (*at != '\0')
		{
			size_t piece = strlen(at) < ENCODED_BYTES ? strlen(at) : ENCODED_BYTES;

			while (at[piece] != '\0' && ((unsigned char) at[piece] & 0xc0) == 0x80)
				piece--;
			buffer_append_string(out, at == safe ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
			append_base64(out, at, piece);
			buffer_append_string(out, "?=");
			at += piece;
		}
	}
	buffer_append_string(out, "\r\n");
	free(safe);
}

static bool
has_long_line(const char *text)
{
	while (*text != '\0')
	{
		size_t length = strcspn(text, "\n");

		if (length > PLAIN_LINE_LIMIT)
			return true;
		text += length + (text[length] != '\0');
	}
	return false;
}

/* The text, with CRLF; in base64 unless every server can carry it as it is. */
static void
append_body(Buffer *out, const char *text)
{
	bool plain = is_ascii(text) && !has_long_line(text);
	Buffer lines;
	size_t at;

	buffer_init(&lines);
	buffer_append_string(&lines, "");
	for (; *text != '\0'; text++)
	{
		if (*text == '\n')
			buffer_append_char(&lines, '\r');
		buffer_append_char(&lines, *text);
	}
	buffer_printf(out,
				  "MIME-Version: 1.0\r\n"
				  "Content-Type: text/plain; charset=utf-8\r\n"
				  "Content-Transfer-Encoding: %s\r\n\r\n",
				  plain ? "7bit" : "base64");
	if (plain)
		buffer_append(out, lines.data, lines.length);
	else
	{
		for (at = 0; at < lines.length; at += BASE64_LINE_BYTES)
		{
			size_t left = lines.length - at;

			append_base64(out, lines.data + at,
						  left < BASE64_LINE_BYTES ? left : BASE64_LINE_BYTES);
			buffer_append_string(out, "\r\n");
		}
	}
	buffer_free(&lines);
}

/* This host as the right side of a Message-ID. */
static void
append_domain(Buffer *out)
{
	char host[256] = "";
	const char *c;

	gethostname(host, sizeof(host) - 1);
	for (c = host; *c != '\0'; c++)
	{
		bool fine = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
					(*c >= '0' && *c <= '9') || ((*c == '-' || *c == '.') && c != host);

		buffer_append_char(out, fine ? *c : 'x');
	}
	buffer_append_string(out, host[0] == '\0' || c[-1] == '.' ? "localhost" : "");
}

void
mail_compose(Buffer *out, const Settings *settings, const json_t *message)
{
	const json_t *event = json_object_get(message, "event");
	time_t created = (time_t) json_integer_value(json_object_get(message, "created"));
	const char *subject = json_member(event, "subject");
	const char *text = json_member(event, "text");
	char date[64];
	struct tm utc;

	/* The tool never calls setlocale(), so that names of days and months are English. */
	gmtime_r(&created, &utc);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &utc);
	buffer_printf(out, "Date: %s\r\nFrom: nex_backup <%s>\r\nTo: %s\r\n", date,
				  settings->notify->notify_mail_from, json_member(message, "recipient"));
	mail_append_subject(out, subject != NULL ? subject : "");
	buffer_printf(out, "Message-ID: <%s@", json_member(message, "id"));
	append_domain(out);
	buffer_append_string(out, ">\r\nAuto-Submitted: auto-generated\r\n");
	append_body(out, text != NULL ? text : "");
}

/* ---- sending ---- */

typedef struct Upload
{
	const char *data;
	size_t left;
} Upload;

static size_t
give_piece(char *into, size_t size, size_t count, void *argument)
{
	Upload *upload = argument;
	size_t length = size * count < upload->left ? size * count : upload->left;

	memcpy(into, upload->data, length);
	upload->data += length;
	upload->left -= length;
	return length;
}

static void
set_server(CURL *curl, const Settings *settings)
{
	static const char *const ports[] = {"587", "465", "25"};
	const char *server = settings->notify->notify_mail_server;
	bool has_port = server[server_host_length(server)] == ':';
	MailTls tls = settings->notify->notify_mail_tls;
	char *url = xasprintf("%s://%s%s%s", tls == MAIL_TLS_IMPLICIT ? "smtps" : "smtp", server,
						  has_port ? "" : ":", has_port ? "" : ports[tls]);

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_USE_SSL,
					 (long) (tls == MAIL_TLS_PLAIN ? CURLUSESSL_NONE : CURLUSESSL_ALL));
	/* The proxies of the environment are for the web. */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	free(url);
}

/* Set user and password; false with *error if the file cannot be read. */
static bool
set_login(CURL *curl, const Settings *settings, char **error)
{
	char *password;

	if (settings->notify->notify_mail_user == NULL)
		return true;
	password = secret_file_read(settings->notify->notify_mail_password_file, error);
	if (password == NULL)
		return false;
	curl_easy_setopt(curl, CURLOPT_USERNAME, settings->notify->notify_mail_user);
	curl_easy_setopt(curl, CURLOPT_PASSWORD, password);
	secret_text_free(password);
	return true;
}

static DeliveryResult
send_mail(Transport *transport, const Settings *settings, const json_t *message)
{
	char *from = xasprintf("<%s>", settings->notify->notify_mail_from);
	char *to = xasprintf("<%s>", json_member(message, "recipient"));
	struct curl_slist *recipients = curl_slist_append(NULL, to);
	DeliveryResult result;
	Upload upload;
	Buffer text;

	buffer_init(&text);
	mail_compose(&text, settings, message);
	upload.data = text.data;
	upload.left = text.length;
	curl_easy_setopt(transport->curl, CURLOPT_MAIL_FROM, from);
	curl_easy_setopt(transport->curl, CURLOPT_MAIL_RCPT, recipients);
	curl_easy_setopt(transport->curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(transport->curl, CURLOPT_READFUNCTION, give_piece);
	curl_easy_setopt(transport->curl, CURLOPT_READDATA, &upload);
	result = transport_perform(transport);
	curl_slist_free_all(recipients);
	buffer_free(&text);
	free(from);
	free(to);
	return result;
}

static DeliveryResult
deliver(const Settings *settings, const json_t *message, bool hurried)
{
	DeliveryResult result = {NULL, 0, false};
	bool implicit = settings->notify->notify_mail_tls == MAIL_TLS_IMPLICIT;
	Transport transport;

	result.error = problem(settings);
	if (result.error == NULL && json_member(message, "recipient") == NULL)
		result.error = xstrdup("the message names no recipient");
	if (result.error != NULL)
		return result;
	if (!transport_begin(&transport, settings, implicit ? "smtps" : "smtp", hurried))
	{
		result.error = xstrdup("libcurl could not be started");
		return result;
	}
	set_server(transport.curl, settings);
	if (set_login(transport.curl, settings, &result.error))
		result = send_mail(&transport, settings, message);
	transport_end(&transport);
	return result;
}

const NotifyChannel channel_mail = {
	.name = "mail",
	.configured = is_configured,
	.problem = problem,
	.queue = queue,
	.deliver = deliver,
};
