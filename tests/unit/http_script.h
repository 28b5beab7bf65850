/*-------------------------------------------------------------------------
 *
 * http_script.h
 *	  An HTTP server on the loopback interface that answers what a test says,
 *	  in a thread of its own, and keeps what it was asked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_HTTP_SCRIPT_H
#define NEX_HTTP_SCRIPT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"

/* One connection after the other; on each, one request for each answer up to a NULL. */
typedef struct Script
{
	const char *answers[8];
	int connections; /* how many will be accepted */
	bool hold_open;  /* do not close after the last answer until the client does */
	int listener;
	char origin[40];
	Buffer requests; /* all that came */
	int accepted;
	pthread_t thread;
} Script;

/* The whole request: its header, and as many bytes as Content-Length says. */
static inline bool
read_request(int fd, Buffer *requests)
{
	Buffer one;
	char piece[4096];
	const char *end = NULL;
	bool whole = false;

	buffer_init(&one);
	while (!whole)
	{
		ssize_t got = read(fd, piece, sizeof(piece));
		const char *length;

		if (got <= 0)
			break;
		buffer_append(&one, piece, (size_t) got);
		end = strstr(one.data, "\r\n\r\n");
		length = strstr(one.data, "Content-Length: ");
		whole =
			end != NULL && one.length >= (size_t) (end + 4 - one.data) +
											 (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
	}
	if (one.length > 0)
		buffer_append(requests, one.data, one.length);
	buffer_free(&one);
	return whole;
}

static inline void *
serve(void *argument)
{
	Script *script = argument;
	size_t i = 0;

	while (script->accepted < script->connections)
	{
		int fd = accept(script->listener, NULL, NULL);
		char rest;

		if (fd < 0)
			break;
		script->accepted++;
		while (script->answers[i] != NULL && read_request(fd, &script->requests))
		{
			const char *answer = script->answers[i++];

			if (write(fd, answer, strlen(answer)) < 0)
				break;
		}
		i++;
		while (script->hold_open && read(fd, &rest, 1) > 0)
			;
		close(fd);
	}
	return NULL;
}

static inline void
script_start(Script *script)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof(address);

	buffer_init(&script->requests);
	script->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(script->listener, (struct sockaddr *) &address, length), 0);
	assert_int_equal(listen(script->listener, 8), 0);
	assert_int_equal(getsockname(script->listener, (struct sockaddr *) &address, &length), 0);
	snprintf(script->origin, sizeof(script->origin), "http://127.0.0.1:%d",
			 ntohs(address.sin_port));
	assert_int_equal(pthread_create(&script->thread, NULL, serve, script), 0);
}

static inline void
script_finish(Script *script)
{
	shutdown(script->listener, SHUT_RDWR);
	pthread_join(script->thread, NULL);
	close(script->listener);
	buffer_free(&script->requests);
}

#endif /* NEX_HTTP_SCRIPT_H */
