/*-------------------------------------------------------------------------
 *
 * test_deadline.c
 *	  Servers that say nothing, or a byte now and then, or more than anybody
 *	  has asked for: no wait is longer than our own time, and the next host is
 *	  tried.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "connect_hosts.h"
#include "connection.h"
#include "deadline.h"
#include "memory.h"

#define PATIENCE 1
#define TOO_LONG 3.0

/* Authentication succeeded; ready for query. */
static const char welcome[] = "R\0\0\0\10\0\0\0\0Z\0\0\0\5I";

/* What such a server does with a client. */
typedef enum Manner
{
	ACCEPTS,     /* and says nothing */
	NEVER_COMES, /* the kernel accepts, and nobody else */
	DRIPS,       /* a byte of a message that is long */
	FLOODS,      /* notices without end */
	WELCOMES,    /* and then says nothing */
	WELCOMES_AND_DRIPS,
	WELCOMES_AND_FLOODS,
	ANSWERS, /* two results, of which the first or the last is an error */
	ANSWERS_IN_TURN,
	COPIES /* offers a COPY that nobody has asked for */
} Manner;

typedef struct Server
{
	pid_t pid;
	int port;
} Server;

static void
send_all(int client, const char *data, size_t length)
{
	while (length > 0)
	{
		ssize_t sent = send(client, data, length, MSG_NOSIGNAL);

		if (sent <= 0)
			_exit(0);
		data += sent;
		length -= (size_t) sent;
	}
}

static void
drip(int client, char kind)
{
	const char head[5] = {kind, 0, 0, 4, 0};

	send_all(client, head, sizeof(head));
	for (;;)
	{
		send_all(client, "x", 1);
		poll(NULL, 0, 50);
	}
}

static void
flood(int client)
{
	static const char notice[] = "N\0\0\0\34SWARNING\0C00000\0Mflood\0\0";

	for (;;)
		send_all(client, notice, 29);
}

static void
welcome_client(int client)
{
	char packet[4096];

	if (recv(client, packet, sizeof(packet), 0) <= 0)
		_exit(0);
	send_all(client, welcome, sizeof(welcome) - 1);
	if (recv(client, packet, sizeof(packet), 0) <= 0)
		_exit(0);
}

static void
answer(int client, bool error_first)
{
	static const char done[] = "C\0\0\0\15SELECT 1";
	static const char failed[] = "E\0\0\0\33SERROR\0C22012\0Mfailed\0\0";

	send_all(client, error_first ? failed : done, error_first ? 28 : 14);
	send_all(client, error_first ? done : failed, error_first ? 14 : 28);
	send_all(client, "Z\0\0\0\5I", 6);
}

static void
serve(int listener, Manner manner)
{
	int client = manner == NEVER_COMES ? -1 : accept(listener, NULL, NULL);

	if (manner >= WELCOMES)
		welcome_client(client);
	if (manner == DRIPS)
		drip(client, 'E');
	if (manner == WELCOMES_AND_DRIPS)
		drip(client, 'D');
	if (manner == FLOODS)
	{
		send_all(client, welcome, 9);
		flood(client);
	}
	if (manner == WELCOMES_AND_FLOODS)
		flood(client);
	if (manner == ANSWERS || manner == ANSWERS_IN_TURN)
		answer(client, manner == ANSWERS);
	if (manner == COPIES)
		send_all(client, "G\0\0\0\7\0\0\0", 8);
	for (;;)
		pause();
}

static Server
server_start(Manner manner)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	Server server;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *) &address, length), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *) &address, &length), 0);
	server.port = ntohs(address.sin_port);
	server.pid = fork();
	if (server.pid == 0)
		serve(listener, manner);
	close(listener);
	return server;
}

static void
server_stop(Server server)
{
	kill(server.pid, SIGKILL);
	waitpid(server.pid, NULL, 0);
}

/* ---- connections ---- */

static PGconn *
connect_to(const char *conninfo, char **message)
{
	static const ConnectDefault none[] = {{NULL, NULL}};
	ConnectionTarget *target = target_from_conninfo(conninfo);
	ConnectHosts *hosts = connect_hosts_begin(target, none, PATIENCE);

	assert_non_null(hosts);
	target_free(target);
	wait_for_socket(connect_hosts_descriptor(hosts), POLLIN, monotonic_seconds() + 30);
	return connect_hosts_end(hosts, message);
}

static void
test_connect(void **state)
{
	static const Manner manners[] = {ACCEPTS, NEVER_COMES, DRIPS, FLOODS};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(manners) / sizeof(manners[0]); i++)
	{
		Server silent = server_start(manners[i]);
		Server good = server_start(WELCOMES);
		char *conninfo = xasprintf("host=127.0.0.1,localhost port=%d,%d user=u connect_timeout=%d "
								   "gssencmode=disable sslmode=disable",
								   silent.port, good.port, manners[i] == ACCEPTS ? 0 : PATIENCE);
		double start = monotonic_seconds();
		char *message;
		PGconn *pg = connect_to(conninfo, &message);

		assert_non_null(pg);
		assert_string_equal(PQhost(pg), "localhost");
		assert_true(monotonic_seconds() - start < TOO_LONG);
		PQfinish(pg);
		free(conninfo);
		server_stop(good);

		/* Alone: TLS is asked for, and nobody says whether. */
		conninfo = xasprintf("hostaddr=127.0.0.1 port=%d user=u", silent.port);
		if (manners[i] == NEVER_COMES)
		{
			pg = connect_to(conninfo, &message);
			assert_null(pg);
			assert_non_null(strstr(message, "timeout expired"));
			free(message);
		}
		free(conninfo);
		server_stop(silent);
	}
}

/* What has not ended is left to itself. */
static void
test_give_up(void **state)
{
	static const ConnectDefault none[] = {{NULL, NULL}};
	Server silent = server_start(ACCEPTS);
	char *conninfo = xasprintf("host=127.0.0.1 port=%d", silent.port);
	ConnectionTarget *target = target_from_conninfo(conninfo);
	double start = monotonic_seconds();
	ConnectHosts *hosts = connect_hosts_begin(target, none, 30);
	char *message;

	(void) state;
	poll(NULL, 0, 100);
	assert_null(connect_hosts_end(hosts, &message));
	assert_true(monotonic_seconds() - start < PATIENCE);
	free(message);
	target_free(target);
	free(conninfo);
	server_stop(silent);
}

/* ---- answers ---- */

static void
test_answers(void **state)
{
	static const Manner manners[] = {WELCOMES, WELCOMES_AND_DRIPS, WELCOMES_AND_FLOODS, COPIES};
	char *large = xmalloc(8 * 1024 * 1024);
	size_t i;

	(void) state;
	memset(large, 'x', 8 * 1024 * 1024 - 1);
	large[8 * 1024 * 1024 - 1] = '\0';
	for (i = 0; i < sizeof(manners) / sizeof(manners[0]); i++)
	{
		Server server = server_start(manners[i]);
		char *conninfo = xasprintf("host=127.0.0.1 port=%d user=u gssencmode=disable "
								   "sslmode=disable",
								   server.port);
		const char *parameters[1] = {manners[i] == WELCOMES ? large : "x"};
		char *message;
		PGconn *pg = connect_to(conninfo, &message);
		Deadline deadline = {monotonic_seconds() + PATIENCE, NULL, NULL};

		assert_non_null(pg);
		/* More than the kernel takes: sending must not wait either. */
		assert_int_equal(PQsendQueryParams(pg, "SELECT $1", 1, NULL, parameters, NULL, NULL, 0), 1);
		assert_null(deadline_results(pg, &deadline));
		PQfinish(pg);
		assert_true(monotonic_seconds() - deadline.at < TOO_LONG - PATIENCE);
		free(conninfo);
		server_stop(server);
	}
	free(large);
}

/* Of several results an error is the one that counts. */
static void
test_errors(void **state)
{
	static const Manner manners[] = {ANSWERS, ANSWERS_IN_TURN};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(manners) / sizeof(manners[0]); i++)
	{
		Server server = server_start(manners[i]);
		char *conninfo = xasprintf("host=127.0.0.1 port=%d user=u gssencmode=disable "
								   "sslmode=disable",
								   server.port);
		char *message;
		PGconn *pg = connect_to(conninfo, &message);
		Deadline deadline = {monotonic_seconds() + 30, NULL, NULL};
		PGresult *result;

		assert_non_null(pg);
		assert_int_equal(PQsendQuery(pg, "SELECT 1; SELECT 1 / 0"), 1);
		result = deadline_results(pg, &deadline);
		assert_int_equal(PQresultStatus(result), PGRES_FATAL_ERROR);
		assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), "22012");
		PQclear(result);
		PQfinish(pg);
		free(conninfo);
		server_stop(server);
	}
}

static WaitOutcome
wait_shortly(void *argument, int socket, short events, double until)
{
	(void) argument;
	(void) until;
	return wait_for_socket(socket, events, monotonic_seconds() + 0.02);
}

/* What is still under way when a short wait ends is not made. */
static void
test_under_way(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	Deadline deadline = {0, wait_shortly, NULL};
	int waiting[8];
	char *conninfo;
	PGconn *pg;
	int i;

	(void) state;
	/* The queue is full, so that the kernel does not answer. */
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *) &address, length), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *) &address, &length), 0);
	for (i = 0; i < 8; i++)
	{
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void) connect(waiting[i], (struct sockaddr *) &address, length);
	}
	conninfo = xasprintf("host=127.0.0.1 port=%d user=u gssencmode=disable sslmode=disable",
						 ntohs(address.sin_port));
	pg = PQconnectStart(conninfo);
	deadline.at = monotonic_seconds() + 0.3;
	assert_false(deadline_connect(pg, &deadline));
	assert_int_equal(PQstatus(pg), CONNECTION_STARTED);
	assert_true(monotonic_seconds() >= deadline.at);
	PQfinish(pg);
	free(conninfo);
	for (i = 0; i < 8; i++)
		close(waiting[i]);
	close(listener);
}

/* A session with patience, as records and alarms have it. */
static void
test_patience(void **state)
{
	Server server = server_start(WELCOMES);
	char *conninfo =
		xasprintf("host=127.0.0.1 port=%d user=u gssencmode=disable sslmode=disable", server.port);
	ConnectionTarget *target = target_from_conninfo(conninfo);
	double start = monotonic_seconds();
	char *message;

	(void) state;
	target->patience = PATIENCE;
	assert_null(connection_try(target, &message));
	assert_string_equal(message, "the server does not answer");
	assert_true(monotonic_seconds() - start < TOO_LONG);
	free(message);
	target_free(target);
	free(conninfo);
	server_stop(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),   cmocka_unit_test(test_give_up),
		cmocka_unit_test(test_answers),   cmocka_unit_test(test_errors),
		cmocka_unit_test(test_under_way), cmocka_unit_test(test_patience),
	};

	return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
