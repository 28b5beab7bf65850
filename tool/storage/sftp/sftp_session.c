/*-------------------------------------------------------------------------
 *
 * sftp_session.c
 *	  One conversation with an SFTP server.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_session.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "interrupt.h"
#include "memory.h"
#include "sftp_child.h"

#define REQUESTS 1024                 /* on their way */
#define BYTES_UNDERWAY (16 * 1048576) /* of files */
#define SMALL_PACKET 4096             /* goes before the content of files */
#define PLAIN_PIECE 32768             /* what every server takes */
#define LARGEST_PIECE (SFTP_LONGEST - 1024)
#define LOOK_EVERY 0.1    /* seconds: has it ended, are we to stop? */
#define STOPPED_SECONDS 5 /* that a server may be silent after a stop */
#define SETTLE_SECONDS 5
#define READ_BYTES (SFTP_LONGEST + 4)
#define WORDS_SHOWN 110
#define LAST_TURNS 10 /* to hear why it has ended */
#define LAST_TURN_MS 50

struct SftpSession
{
	SftpChild child;
	pthread_t reader;
	bool reads;
	int silent_seconds;
	unsigned extensions;
	size_t piece;

	pthread_mutex_t sending; /* of: */
	pthread_cond_t sendable;
	bool busy;
	int urgent; /* small packets that wait */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t answered;
	SftpRequest *requests[REQUESTS];
	uint32_t turn[REQUESTS]; /* which makes numbers differ that have the same place */
	int underway;
	size_t bytes_underway;
	double heard; /* when something last went either way */
	bool dead;
	StoreResult failure;
};

void
sftp_request_init(SftpRequest *request, SftpType type)
{
	memset(request, 0, sizeof(*request));
	buffer_init(&request->packet);
	buffer_init(&request->answer);
	sftp_packet_begin(&request->packet, type);
}

void
sftp_request_free(SftpRequest *request)
{
	buffer_free(&request->packet);
	buffer_free(&request->answer);
}

static size_t
bytes_of(const SftpRequest *request)
{
	return request->length + request->wanted;
}

/* ---- the end ---- */

/* Of one that nobody waits for. */
static void
free_left(SftpRequest *request)
{
	if (!request->left)
		return;
	sftp_request_free(request);
	free(request);
}

/* The session has ended; the first reason counts.  Under the lock. */
static void
end_locked(SftpSession *session, const StoreResult *why)
{
	int i;

	if (session->dead)
		return;
	session->dead = true;
	session->failure = *why;
	for (i = 0; i < REQUESTS; i++)
	{
		/* One that is still being sent is its sender's. */
		if (session->requests[i] != NULL && !session->requests[i]->sending)
			free_left(session->requests[i]);
		session->requests[i] = NULL;
	}
	session->underway = 0;
	session->bytes_underway = 0;
	pthread_cond_broadcast(&session->answered);
}

static void
end_session(SftpSession *session, const StoreResult *why)
{
	pthread_mutex_lock(&session->lock);
	end_locked(session, why);
	pthread_mutex_unlock(&session->lock);
}

bool
sftp_session_alive(SftpSession *session)
{
	bool dead;

	pthread_mutex_lock(&session->lock);
	dead = session->dead;
	pthread_mutex_unlock(&session->lock);
	return !dead;
}

StoreResult
sftp_session_failure(SftpSession *session)
{
	StoreResult failure;

	pthread_mutex_lock(&session->lock);
	failure = session->failure;
	pthread_mutex_unlock(&session->lock);
	return failure;
}

/* Has it been silent for too long?  Only who is owed an answer, or whose packet is not taken, can
 * say that. */
static bool
is_silent(SftpSession *session, double *heard)
{
	double limit = stop_requested() && session->silent_seconds > STOPPED_SECONDS
					   ? STOPPED_SECONDS
					   : session->silent_seconds;

	pthread_mutex_lock(&session->lock);
	if (session->underway == 0)
		session->heard = monotonic_seconds();
	*heard = session->heard;
	pthread_mutex_unlock(&session->lock);
	return monotonic_seconds() - *heard > limit;
}

/* ---- what is sent ---- */

/* One packet at a time, and small ones first. */
static void
begin_sending(SftpSession *session, bool urgent)
{
	pthread_mutex_lock(&session->sending);
	if (urgent)
		session->urgent++;
	while (session->busy || (!urgent && session->urgent > 0))
		pthread_cond_wait(&session->sendable, &session->sending);
	if (urgent)
		session->urgent--;
	session->busy = true;
	pthread_mutex_unlock(&session->sending);
}

static void
end_sending(SftpSession *session)
{
	pthread_mutex_lock(&session->sending);
	session->busy = false;
	pthread_cond_broadcast(&session->sendable);
	pthread_mutex_unlock(&session->sending);
}

/* Have a place in the table, and the number that says so; false at the end of the session. */
static bool
enter(SftpSession *session, SftpRequest *request)
{
	size_t bytes = bytes_of(request);
	int place;

	pthread_mutex_lock(&session->lock);
	while (!session->dead &&
		   (session->underway == REQUESTS ||
			(session->bytes_underway > 0 && session->bytes_underway + bytes > BYTES_UNDERWAY)))
		pthread_cond_wait(&session->answered, &session->lock);
	if (session->dead)
	{
		pthread_mutex_unlock(&session->lock);
		return false;
	}
	for (place = 0; session->requests[place] != NULL; place++)
		;
	request->number = session->turn[place]++ * REQUESTS + (uint32_t) place;
	session->requests[place] = request;
	request->sent = request->sending = true;
	if (session->underway++ == 0)
		session->heard = monotonic_seconds();
	session->bytes_underway += bytes;
	pthread_mutex_unlock(&session->lock);
	return true;
}

/* Write all of it, as fast as it is taken; a session that has ended takes no more. */
static void
write_packet(SftpSession *session, const SftpRequest *request)
{
	struct iovec parts[2] = {{request->packet.data, request->packet.length},
							 {(void *) request->content, request->length}};
	int first = 0;

	while (first < 2)
	{
		struct pollfd wait = {session->child.input, POLLOUT, 0};
		ssize_t done = writev(session->child.input, parts + first, 2 - first);

		if (done < 0 && errno != EAGAIN && errno != EINTR)
			return; /* the reader sees the end, and knows more about it */
		if (done < 0 && !sftp_session_alive(session))
			return;
		if (done < 0)
			(void) poll(&wait, 1, (int) (1000 * LOOK_EVERY));
		for (; done > 0 && (size_t) done >= parts[first].iov_len; first++)
			done -= (ssize_t) parts[first].iov_len;
		while (first < 2 && parts[first].iov_len == 0)
			first++;
		if (first < 2 && done > 0)
		{
			parts[first].iov_base = (char *) parts[first].iov_base + done;
			parts[first].iov_len -= (size_t) done;
		}
		if (done >= 0)
		{
			pthread_mutex_lock(&session->lock);
			session->heard = monotonic_seconds();
			pthread_mutex_unlock(&session->lock);
		}
	}
}

static bool
is_underway(const SftpSession *session, const SftpRequest *request)
{
	return session->requests[request->number % REQUESTS] == request;
}

void
sftp_send(SftpSession *session, SftpRequest *request)
{
	if (!enter(session, request))
	{
		free_left(request);
		return;
	}
	sftp_packet_end(&request->packet, request->number, request->length);
	begin_sending(session, request->length < SMALL_PACKET);
	write_packet(session, request);
	end_sending(session);
	pthread_mutex_lock(&session->lock);
	request->sending = false;
	if (!is_underway(session, request))
		free_left(request);
	pthread_mutex_unlock(&session->lock);
}

void
sftp_send_and_leave(SftpSession *session, SftpRequest *request)
{
	SftpRequest *copy = xmalloc(sizeof(*copy));

	*copy = *request;
	copy->left = true;
	buffer_init(&request->packet);
	buffer_init(&request->answer);
	sftp_send(session, copy);
}

bool
sftp_wait(SftpSession *session, SftpRequest *request)
{
	pthread_mutex_lock(&session->lock);
	while (request->sent && is_underway(session, request))
		pthread_cond_wait(&session->answered, &session->lock);
	pthread_mutex_unlock(&session->lock);
	return request->answered;
}

void
sftp_session_settle(SftpSession *session)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SETTLE_SECONDS;
	pthread_mutex_lock(&session->lock);
	while (!session->dead && session->underway > 0 &&
		   pthread_cond_timedwait(&session->answered, &session->lock, &until) == 0)
		;
	pthread_mutex_unlock(&session->lock);
}

bool
sftp_is_answered(SftpSession *session, const SftpRequest *request)
{
	bool answered;

	pthread_mutex_lock(&session->lock);
	answered = request->answered;
	pthread_mutex_unlock(&session->lock);
	return answered;
}

int
sftp_outcome(SftpSession *session, SftpRequest *request)
{
	if (!sftp_wait(session, request))
		return SFTP_ENDED;
	return request->type == SFTP_STATUS ? (int) request->status : SFTP_OK;
}

int
sftp_ask(SftpSession *session, SftpRequest *request)
{
	sftp_send(session, request);
	return sftp_outcome(session, request);
}

/* ---- what comes back ---- */

/* Which answer may a request have, besides a status? */
static uint8_t
good_answer(const SftpRequest *request)
{
	const uint8_t asked = (uint8_t) request->packet.data[4];

	switch (asked)
	{
		case SFTP_OPEN:
		case SFTP_OPENDIR:
			return SFTP_HANDLE;
		case SFTP_READ:
			return SFTP_DATA;
		case SFTP_READDIR:
			return SFTP_NAME;
		case SFTP_STAT:
		case SFTP_LSTAT:
		case SFTP_FSTAT:
			return SFTP_ATTRS;
		case SFTP_EXTENDED:
			return SFTP_EXTENDED_REPLY;
		default:
			return SFTP_STATUS;
	}
}

/* Keep the content of an answer; why it cannot be one, or NULL. */
static const char *
take_answer(SftpRequest *request, uint8_t type, SftpBytes *bytes)
{
	const uint8_t good = good_answer(request);
	const char *data;
	size_t length;

	if (type == SFTP_STATUS)
	{
		if (!sftp_take_status(bytes, &request->status, request->text))
			return "a status without a code";
		if (request->status == SFTP_OK && good != SFTP_STATUS && good != SFTP_EXTENDED_REPLY)
			return "that all is well, without what was asked for";
		return NULL;
	}
	if (type != good)
		return "an answer of another kind than was asked for";
	if (type == SFTP_DATA)
	{
		if (!sftp_take_string(bytes, &data, &length) || length == 0 || length > request->wanted)
			return "more or fewer bytes of a file than were asked for";
		memcpy(request->into, data, length);
		request->got = length;
	}
	else if (type == SFTP_HANDLE)
	{
		if (!sftp_take_string(bytes, &data, &length) || length == 0 || length > SFTP_HANDLE_SIZE)
			return "a handle that is none";
		buffer_append(&request->answer, data, length);
	}
	else
		buffer_append(&request->answer, bytes->at, bytes->left);
	return NULL;
}

/* Give a packet to whom it belongs; why it cannot be given, or NULL.  Under the lock. */
static const char *
give_packet(SftpSession *session, SftpBytes bytes)
{
	SftpRequest *request;
	const char *problem;
	uint32_t number;
	uint8_t type;

	if (!sftp_take_byte(&bytes, &type) || !sftp_take_number(&bytes, &number))
		return "a packet that is too short";
	request = session->requests[number % REQUESTS];
	if (request == NULL || request->number != number)
		return "an answer to what nobody has asked";
	problem = take_answer(request, type, &bytes);
	if (problem != NULL)
		return problem;
	request->type = type;
	request->answered = true;
	session->requests[number % REQUESTS] = NULL;
	session->underway--;
	session->bytes_underway -= bytes_of(request);
	if (!request->sending)
		free_left(request);
	pthread_cond_broadcast(&session->answered);
	return NULL;
}

static StoreResult
broken(const char *problem)
{
	return store_failure(STORE_UNSUPPORTED,
						 "If the shell of this user on the server prints something by itself, that "
						 "must stop: \"ssh HOST true\" must show nothing.",
						 "the server does not speak SFTP as it must: %s", problem);
}

/* Why the packet at the start of what has come cannot be one; *whole says whether it is all there.
 */
static const char *
look_at_packet(const Buffer *come, size_t from, size_t *length, bool *whole)
{
	SftpBytes bytes = {(const unsigned char *) come->data + from, come->length - from};
	uint32_t said;

	*whole = false;
	if (!sftp_take_number(&bytes, &said))
		return NULL;
	if (said > SFTP_LONGEST)
		return "a packet that is too long";
	*whole = said <= bytes.left;
	*length = said;
	return NULL;
}

/* Give all packets that are whole. */
static bool
give_all(SftpSession *session, Buffer *come)
{
	const char *problem;
	size_t from = 0;
	size_t length;
	bool whole;

	pthread_mutex_lock(&session->lock);
	session->heard = monotonic_seconds();
	while ((problem = look_at_packet(come, from, &length, &whole)) == NULL && whole)
	{
		problem = give_packet(session,
							  (SftpBytes){(const unsigned char *) come->data + from + 4, length});
		if (problem != NULL)
			break;
		from += 4 + length;
	}
	pthread_mutex_unlock(&session->lock);
	if (problem != NULL)
	{
		StoreResult failure = broken(problem);

		end_session(session, &failure);
		return false;
	}
	memmove(come->data, come->data + from, come->length - from);
	come->length -= from;
	return true;
}

/* Read what is there; false at the end. */
static bool
read_some(SftpSession *session, Buffer *come)
{
	ssize_t length;

	buffer_reserve(come, READ_BYTES);
	length = read(session->child.output, come->data + come->length, READ_BYTES);
	if (length < 0)
		return errno == EAGAIN || errno == EINTR;
	if (length == 0)
		return false;
	come->length += (size_t) length;
	return true;
}

static StoreResult
ended(SftpSession *session, const char *how)
{
	struct pollfd wait = {session->child.errors, POLLIN, 0};
	int turns = 0;
	StoreResult result;
	char *words;

	while (turns++ < LAST_TURNS && poll(&wait, 1, LAST_TURN_MS) > 0 &&
		   sftp_child_listen(&session->child))
		;
	words = sftp_child_words(&session->child, WORDS_SHOWN);
	result =
		store_failure(STORE_UNREACHABLE, NULL, "%s%s%s", how, words[0] != '\0' ? ": " : "", words);
	free(words);
	return result;
}

/* Wait until something has come or is said; why the session has ended, or store_ok(). */
static StoreResult
await(SftpSession *session, double until, Buffer *come, bool *some)
{
	struct pollfd wait[2] = {{session->child.output, POLLIN, 0},
							 {session->child.errors, POLLIN, 0}};
	size_t before = come->length;

	(void) poll(wait, 2, milliseconds_until(until));
	if (wait[1].revents != 0 && !sftp_child_listen(&session->child) && wait[0].revents == 0)
	{
		/* No more is said there, which poll() would go on saying. */
		wait[0].revents = 0;
		(void) poll(wait, 1, milliseconds_until(until));
	}
	*some = false;
	if (wait[0].revents != 0 && !read_some(session, come))
		return ended(session, "the connection has ended");
	*some = come->length > before;
	return store_ok();
}

static void *
read_answers(void *argument)
{
	SftpSession *session = argument;
	StoreResult result = store_ok();
	Buffer come;
	double heard;
	bool some;

	buffer_init(&come);
	while (sftp_session_alive(session))
	{
		result = await(session, monotonic_seconds() + LOOK_EVERY, &come, &some);
		if (result.code == STORE_OK && some)
		{
			if (!give_all(session, &come))
				break;
		}
		else if (result.code == STORE_OK && is_silent(session, &heard))
			result = store_failure(STORE_UNREACHABLE, NULL, "the server has not answered for %d s",
								   (int) (monotonic_seconds() - heard));
		if (result.code != STORE_OK)
			end_session(session, &result);
	}
	buffer_free(&come);
	return NULL;
}

/* ---- the beginning ---- */

/* What the server answers to SFTP_INIT. */
static StoreResult
read_version(SftpSession *session, const Buffer *come, bool *whole)
{
	size_t length = 0;
	const char *problem = look_at_packet(come, 0, &length, whole);
	SftpBytes bytes = {(const unsigned char *) come->data + 4, length};
	uint32_t version;
	uint8_t type;

	if (problem != NULL)
		return broken("its first words are none of SFTP");
	if (!*whole)
		return store_ok();
	if (!sftp_take_byte(&bytes, &type) || type != SFTP_VERSION ||
		!sftp_take_version(&bytes, &version, &session->extensions) || come->length > length + 4)
		return broken("its first words are none of SFTP");
	if (version < SFTP_PROTOCOL)
		return store_failure(STORE_UNSUPPORTED, NULL, "the server knows SFTP of version %u only",
							 version);
	return store_ok();
}

static StoreResult
greet(SftpSession *session, int seconds)
{
	double end = monotonic_seconds() + seconds;
	StoreResult result = store_ok();
	bool whole = false;
	SftpRequest hello;
	Buffer come;
	bool some;

	sftp_request_init(&hello, SFTP_INIT);
	sftp_packet_end(&hello.packet, SFTP_PROTOCOL, 0);
	write_packet(session, &hello);
	sftp_request_free(&hello);
	buffer_init(&come);
	while (result.code == STORE_OK && !whole)
	{
		if (monotonic_seconds() > end)
			result = ended(session, "there was no answer");
		else if (stop_requested() && monotonic_seconds() > end - seconds + STOPPED_SECONDS)
			result = store_failure(STORE_FAILED, NULL, "it was interrupted");
		else
			result = await(session, monotonic_seconds() + LOOK_EVERY, &come, &some);
		if (result.code == STORE_OK && come.length > 0)
			result = read_version(session, &come, &whole);
	}
	buffer_free(&come);
	return result;
}

/* How long packets may be, if the server says so. */
static void
ask_limits(SftpSession *session)
{
	SftpRequest request;
	SftpBytes bytes;
	uint64_t limits[3];

	session->piece = PLAIN_PIECE;
	if (!sftp_session_can(session, SFTP_LIMITS))
		return;
	sftp_request_init(&request, SFTP_EXTENDED);
	sftp_put_text(&request.packet, sftp_extension_name(SFTP_LIMITS));
	if (sftp_ask(session, &request) == SFTP_OK && request.type == SFTP_EXTENDED_REPLY)
	{
		bytes = (SftpBytes){(const unsigned char *) request.answer.data, request.answer.length};
		/* Packet, read, write; 0: it does not say. */
		if (sftp_take_long(&bytes, &limits[0]) && sftp_take_long(&bytes, &limits[1]) &&
			sftp_take_long(&bytes, &limits[2]))
		{
			uint64_t least = limits[1] < limits[2] ? limits[1] : limits[2];

			if (least > LARGEST_PIECE)
				least = LARGEST_PIECE;
			if (limits[0] != 0 && least + 1024 > limits[0])
				least = limits[0] > 2048 ? limits[0] - 1024 : 1024;
			if (least >= 1024)
				session->piece = (size_t) least;
		}
	}
	sftp_request_free(&request);
}

SftpSession *
sftp_session_open(char *const *argv, int connect_seconds, int silent_seconds, StoreResult *result)
{
	SftpSession *session = xcalloc(1, sizeof(*session));
	int error = sftp_child_start(&session->child, argv);

	if (error != 0)
	{
		*result = store_failure(STORE_FAILED,
								"Install ssh (Debian: openssh-client), or name the program with "
								"repo-sftp-command.",
								"could not start \"%.60s\": %s", argv[0], strerror(error));
		free(session);
		return NULL;
	}
	session->silent_seconds = silent_seconds;
	pthread_mutex_init(&session->sending, NULL);
	pthread_cond_init(&session->sendable, NULL);
	pthread_mutex_init(&session->lock, NULL);
	pthread_cond_init(&session->answered, NULL);
	*result = greet(session, connect_seconds);
	if (result->code == STORE_OK)
	{
		session->heard = monotonic_seconds();
		session->reads = pthread_create(&session->reader, NULL, read_answers, session) == 0;
		if (!session->reads)
			*result = store_failure(STORE_FAILED, NULL, "no thread could be started");
	}
	if (result->code != STORE_OK)
	{
		sftp_session_close(session);
		return NULL;
	}
	ask_limits(session);
	return session;
}

void
sftp_session_close(SftpSession *session)
{
	const StoreResult closed = store_failure(STORE_FAILED, NULL, "it was closed");

	if (session == NULL)
		return;
	end_session(session, &closed);
	if (session->reads)
		pthread_join(session->reader, NULL);
	sftp_child_end(&session->child);
	pthread_mutex_destroy(&session->sending);
	pthread_cond_destroy(&session->sendable);
	pthread_mutex_destroy(&session->lock);
	pthread_cond_destroy(&session->answered);
	free(session);
}

bool
sftp_session_can(const SftpSession *session, SftpExtension extension)
{
	return (session->extensions & extension) != 0;
}

size_t
sftp_session_piece(const SftpSession *session)
{
	return session->piece;
}
