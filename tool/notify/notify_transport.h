/*-------------------------------------------------------------------------
 *
 * notify_transport.h
 *	  libcurl for the channels, hardened once for all of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NOTIFY_TRANSPORT_H
#define NEX_NOTIFY_TRANSPORT_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "notify_channel.h"

typedef struct Settings Settings;

/* One request. */
typedef struct Transport
{
	CURL *curl;
	char error[CURL_ERROR_SIZE];
	char reply[513]; /* the beginning of what came back */
	size_t reply_length;
} Transport;

/* Begin; `protocols` is "https", "smtp,smtps", …  False if libcurl has no memory. */
extern bool transport_begin(Transport *transport, const Settings *settings, const char *protocols,
							bool hurried);
/* From now on somebody waits for the end of a command, or does not: how long a try may take. */
extern void transport_foreground(bool foreground);

/* Go. */
extern DeliveryResult transport_perform(Transport *transport);
extern void transport_end(Transport *transport);

/* POST a body to a URL; `headers` may be NULL.  Any 2xx is good. */
extern DeliveryResult transport_post(const Settings *settings, const char *url, const char *body,
									 struct curl_slist *headers, bool hurried);

/*
 * Is it https://…, or http://… to this very machine?  NULL, or what it must
 * be.  The URL itself is a secret, and appears in no message.
 */
extern const char *url_problem(const char *url);

/* The URL in a secret file; NULL with *problem (to be freed) if there is no good one. */
extern char *url_file_read(const char *path, char **problem);

#endif /* NEX_NOTIFY_TRANSPORT_H */
