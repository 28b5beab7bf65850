/*-------------------------------------------------------------------------
 *
 * connect_hosts.c
 *	  Connect to the first of the hosts of a target that answers, in a thread
 *	  of its own.
 *
 * PQconnectPoll() never waits, but what it calls may: a name is looked up for
 * as long as the resolver likes, and Kerberos and LDAP have servers of their
 * own.  So all of it is done in a thread, which can be left to itself: it
 * ends when it notices, and nobody waits for it.
 *
 * PQconnectPoll() goes on to the next address only when one has failed; that
 * one is silent for too long, the blocking PQconnectdb() alone decides.  So the
 * addresses are tried one by one here, each for a time of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "connect_hosts.h"

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memory.h"
#include "session_pins.h"

#define MAX_PARAMETERS (TARGET_MAX_OPTIONS + 16)

/* When it is given up, it ends at once, unless it waits for what cannot be interrupted. */
#define PATIENCE_WITH_THREAD 0.5

/*
 * Both sides have an end of a pair of sockets.  The owner shuts its own down to
 * ask for an end; the thread closes its own when it has come to one.
 */
struct ConnectHosts
{
	char *keywords[MAX_PARAMETERS];
	char *values[MAX_PARAMETERS];
	int count;
	char *options; /* in place of the target's own, if the server takes them */
	int seconds;
	int ours;
	int theirs;
	pthread_t thread;
	atomic_int users; /* the last one frees all */
	PGconn *pg;
	char *message; /* of the first failure */
};

static void
release(ConnectHosts *hosts)
{
	int i;

	if (atomic_fetch_sub(&hosts->users, 1) > 1)
		return;
	for (i = 0; i < hosts->count; i++)
	{
		free(hosts->keywords[i]);
		secret_text_free(hosts->values[i]);
	}
	if (hosts->pg != NULL)
		PQfinish(hosts->pg);
	free(hosts->options);
	free(hosts->message);
	free(hosts);
}

static void
add(ConnectHosts *hosts, const char *keyword, const char *value)
{
	if (hosts->count == MAX_PARAMETERS)
		return;
	hosts->keywords[hosts->count] = xstrdup(keyword);
	hosts->values[hosts->count++] = xstrdup(value);
}

/* ---- one attempt ---- */

/* Where an attempt goes; NULL: as the parameters have it. */
typedef struct Place
{
	const char *host;
	const char *address;
	const char *port;
} Place;

static PGconn *
start(const ConnectHosts *hosts, const Place *place, const char *keyword, const char *value)
{
	const char *keywords[MAX_PARAMETERS + 5];
	const char *values[MAX_PARAMETERS + 5];
	const char *const more[][2] = {{"host", place->host},
								   {"hostaddr", place->address},
								   {"port", place->port},
								   {keyword, value}};
	size_t i;
	int n;

	for (n = 0; n < hosts->count; n++)
	{
		keywords[n] = hosts->keywords[n];
		values[n] = hosts->values[n];
	}
	/* Of two, the later one counts. */
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
	{
		if (more[i][0] == NULL || more[i][1] == NULL)
			continue;
		keywords[n] = more[i][0];
		values[n++] = more[i][1];
	}
	keywords[n] = NULL;
	values[n] = NULL;
	return PQconnectStartParams(keywords, values, 0);
}

static WaitOutcome
wait_for_either(void *argument, int socket, short events, double until)
{
	const ConnectHosts *hosts = argument;
	struct pollfd files[2] = {{.fd = socket, .events = events},
							  {.fd = hosts->theirs, .events = POLLIN}};

	if (poll(files, 2, milliseconds_until(until)) <= 0)
		return WAIT_NOTHING;
	if (files[1].revents != 0)
		return WAIT_GIVE_UP;
	return WAIT_READY;
}

static bool
given_up(ConnectHosts *hosts)
{
	return wait_for_either(hosts, -1, 0, 0) == WAIT_GIVE_UP;
}

/* Not to standard error: whoever is there has not even been looked at. */
static void
ignore_notice(void *argument, const PGresult *result)
{
	(void) argument;
	(void) result;
}

/* With these options or without; what is left of a failure is its message. */
static bool
try_with(ConnectHosts *hosts, const Place *place, const char *options, char **message)
{
	Deadline deadline = {.wait = wait_for_either, .argument = hosts};
	PGconn *pg = start(hosts, place, "options", options);
	const char *said;

	*message = NULL;
	deadline.at = monotonic_seconds() + hosts->seconds;
	if (pg != NULL)
		PQsetNoticeReceiver(pg, ignore_notice, NULL);
	if (pg == NULL)
		*message = xstrdup("out of memory");
	else if (deadline_connect(pg, &deadline) && PQsetnonblocking(pg, 1) == 0)
	{
		hosts->pg = pg;
		return true;
	}
	else
	{
		said = PQerrorMessage(pg);
		*message = monotonic_seconds() < deadline.at ? xstrdup(said)
													 : xasprintf("%stimeout expired", said);
		PQfinish(pg);
	}
	return false;
}

static bool
try_place(ConnectHosts *hosts, const Place *place)
{
	char *message;
	bool good = try_with(hosts, place, hosts->options, &message);

	if (!good && hosts->options != NULL && session_options_refused(message))
	{
		free(message);
		good = try_with(hosts, place, NULL, &message);
	}
	if (!good && hosts->message == NULL)
		hosts->message = message;
	else
		free(message);
	return good;
}

/* ---- all places ---- */

static int
elements(const char *list)
{
	int count = 1;

	if (list == NULL)
		return 0;
	for (; *list != '\0'; list++)
		count += *list == ',';
	return count;
}

/* One element of a list, to be freed; NULL if it is empty. */
static char *
element(const char *list, int number)
{
	size_t length;

	if (list == NULL)
		return NULL;
	for (; number > 0; number--)
		list += strcspn(list, ",") + 1;
	length = strcspn(list, ",");
	return length > 0 ? xasprintf("%.*s", (int) length, list) : NULL;
}

/* Each address that a name has; true when one has answered. */
static bool
try_addresses(ConnectHosts *hosts, const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	Place place = {.host = host, .port = port};
	struct addrinfo *addresses = NULL;
	struct addrinfo *next;
	char address[NI_MAXHOST];
	bool good = false;

	/* What is wrong with a name, libpq will say. */
	if (host[0] == '/' || host[0] == '@' || getaddrinfo(host, NULL, &hints, &addresses) != 0)
		return try_place(hosts, &place);
	for (next = addresses; next != NULL && !good && !given_up(hosts); next = next->ai_next)
	{
		if (getnameinfo(next->ai_addr, next->ai_addrlen, address, sizeof(address), NULL, 0,
						NI_NUMERICHOST) != 0)
			continue;
		place.address = address;
		good = try_place(hosts, &place);
	}
	freeaddrinfo(addresses);
	return good;
}

/* What the parameters, the service and the environment say together. */
typedef struct Lists
{
	char *host;
	char *address;
	char *port;
} Lists;

/*
 * libpq puts that together, and does so also for an attempt that it refuses
 * for a value that is not valid: nothing is looked up, nobody is visited.
 */
static void
read_lists(ConnectHosts *hosts, Lists *lists)
{
	const Place place = {NULL, NULL, NULL};
	PGconn *pg = start(hosts, &place, "target_session_attrs", "none of these");
	PQconninfoOption *options = pg != NULL ? PQconninfo(pg) : NULL;
	PQconninfoOption *option;
	int timeout = 0;

	for (option = options; option != NULL && option->keyword != NULL; option++)
	{
		if (option->val == NULL || option->val[0] == '\0')
			continue;
		if (strcmp(option->keyword, "host") == 0)
			lists->host = xstrdup(option->val);
		else if (strcmp(option->keyword, "hostaddr") == 0)
			lists->address = xstrdup(option->val);
		else if (strcmp(option->keyword, "port") == 0)
			lists->port = xstrdup(option->val);
		else if (strcmp(option->keyword, "connect_timeout") == 0)
			timeout = (int) strtol(option->val, NULL, 10);
	}
	/* 0 is "without end" in libpq. */
	if (timeout > 0)
		hosts->seconds = timeout < CONNECT_LONGEST ? timeout : CONNECT_LONGEST;
	PQconninfoFree(options);
	if (pg != NULL)
		PQfinish(pg);
}

static void
try_hosts(ConnectHosts *hosts, const Lists *lists)
{
	int count = lists->address != NULL ? elements(lists->address) : elements(lists->host);
	int ports = elements(lists->port);
	bool good = false;
	int i;

	for (i = 0; i < count && !good && !given_up(hosts); i++)
	{
		char *host = element(lists->host, i);
		char *address = element(lists->address, i);
		char *port = element(lists->port, ports > 1 ? i : 0);
		Place place = {host, address, port};

		if (address != NULL)
			good = try_place(hosts, &place);
		else
			good = try_addresses(hosts, host, port);
		free(host);
		free(address);
		free(port);
	}
}

/* Has a list so many elements, none of which is empty? */
static bool
has_elements(const char *list, int count)
{
	return elements(list) == count && list[0] != ',' && list[0] != '\0' &&
		   strstr(list, ",,") == NULL && list[strlen(list) - 1] != ',';
}

/* Can the lists be taken apart, without knowing what libpq puts where nothing is said? */
static bool
are_plain(const Lists *lists)
{
	const char *list = lists->address != NULL ? lists->address : lists->host;
	int count = elements(list);

	return list != NULL && has_elements(list, count) &&
		   (lists->host == NULL || has_elements(lists->host, count)) &&
		   (elements(lists->port) <= 1 || has_elements(lists->port, count));
}

static void *
work(void *argument)
{
	ConnectHosts *hosts = argument;
	const Place anywhere = {NULL, NULL, NULL};
	Lists lists = {NULL, NULL, NULL};

	read_lists(hosts, &lists);
	if (are_plain(&lists))
		try_hosts(hosts, &lists);
	else
		try_place(hosts, &anywhere);
	free(lists.host);
	free(lists.address);
	free(lists.port);
	close(hosts->theirs);
	release(hosts);
	return NULL;
}

/* ---- the owner's side ---- */

ConnectHosts *
connect_hosts_begin(const ConnectionTarget *target, const ConnectDefault *defaults, int seconds)
{
	ConnectHosts *hosts = xcalloc(1, sizeof(ConnectHosts));
	int ends[2];
	int i;

	for (i = 0; i < target->count; i++)
		add(hosts, target->keywords[i], target->values[i]);
	for (; defaults->keyword != NULL; defaults++)
	{
		if (target_get(target, defaults->keyword) == NULL)
			add(hosts, defaults->keyword, defaults->value);
	}
	if (target->password != NULL)
		add(hosts, "password", target->password);
	hosts->options = session_options(target);
	hosts->seconds = seconds;
	atomic_init(&hosts->users, 1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
	{
		release(hosts);
		return NULL;
	}
	hosts->ours = ends[0];
	hosts->theirs = ends[1];
	atomic_store(&hosts->users, 2);
	if (pthread_create(&hosts->thread, NULL, work, hosts) != 0)
	{
		close(ends[0]);
		close(ends[1]);
		atomic_store(&hosts->users, 1);
		release(hosts);
		return NULL;
	}
	return hosts;
}

int
connect_hosts_descriptor(const ConnectHosts *hosts)
{
	return hosts->ours;
}

PGconn *
connect_hosts_end(ConnectHosts *hosts, char **message)
{
	PGconn *pg = NULL;

	*message = NULL;
	shutdown(hosts->ours, SHUT_WR);
	if (wait_for_socket(hosts->ours, POLLIN, monotonic_seconds() + PATIENCE_WITH_THREAD) ==
		WAIT_READY)
	{
		pthread_join(hosts->thread, NULL);
		pg = hosts->pg;
		hosts->pg = NULL;
		*message = hosts->message != NULL ? hosts->message : xstrdup("timeout expired");
		hosts->message = NULL;
	}
	else
	{
		pthread_detach(hosts->thread);
		*message = xstrdup("timeout expired");
	}
	if (pg != NULL)
	{
		free(*message);
		*message = NULL;
	}
	close(hosts->ours);
	release(hosts);
	return pg;
}
