/*-------------------------------------------------------------------------
 *
 * platform_service.h
 *	  Services of the platform that hand out keys and tokens: asking them, and
 *	  what they have in common.
 *
 * Each is told where it is by variables that the platform sets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PLATFORM_SERVICE_H
#define NEX_PLATFORM_SERVICE_H

#include <stdbool.h>

#include "access_keys.h"
#include "http.h"

/* What reaches services on the network: as for the bucket. */
typedef struct PlatformNetwork
{
	const char *ca_file;
	const char *proxy;
	bool (*stopped)(void);
} PlatformNetwork;

/* What a source of keys is told. */
typedef struct KeyChoice
{
	KeyPlace place;
	const char *file;    /* for KEYS_FILE */
	const char *profile; /* for KEYS_PROFILE; NULL: the usual one */
	const char *region;  /* of AWS's token service */
	PlatformNetwork network;
} KeyChoice;

extern HttpOptions platform_far(const PlatformNetwork *network);

/* Services of the machine itself answer at once, or are not there; no proxy leads to them. */
extern HttpOptions platform_near(const PlatformNetwork *network);

/* Send one request, and have a good answer or a problem; `whom` is for the message. */
extern bool platform_ask(const HttpOptions *options, const HttpRequest *request, const char *whom,
						 HttpAnswer *answer, char **problem);

/* A token in a file, which the platform replaces now and then. */
extern bool platform_token_file(const char *path, Buffer *token, char **problem);

/* Plain HTTP may lead to services of the machine only: addresses that never leave the host. */
extern bool platform_is_near(const char *url);

extern bool platform_has_variable(const char *name);

/* A request whose answer is a bearer's token in JSON, as OAuth 2.0 has it. */
typedef struct BearerRequest
{
	const char *whom; /* for messages */
	const char *url;
	const HttpPair *headers;
	size_t header_count;
	const Buffer *form; /* to be posted; NULL: it is a GET */
} BearerRequest;

/* Get a token, with the end of its life; false, with a problem, if there is none. */
extern bool platform_ask_bearer(const HttpOptions *options, const BearerRequest *request,
								AccessKeys *keys, char **problem);

/* Is this a token?  One goes into a header, or into a URL, of which it must not make two. */
extern bool platform_is_token(const char *text);

#endif /* NEX_PLATFORM_SERVICE_H */
