/*-------------------------------------------------------------------------
 *
 * private_server.c
 *	  A server of our own.
 *
 *-------------------------------------------------------------------------
 */
#include "private_server.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "primitives.h"
#include "private_file.h"
#include "progress.h"
#include "server_settings.h"
#include "sql_build.h"
#include "subprocess.h"
#include "temporary_directory.h"

#define LOG_LINES 8
#define LOOK_INTERVAL_US 50000

/* Seconds for an end that waits for nothing. */
#define END_PATIENCE 10

/* ---- looking ---- */

static bool
find_program(PrivateServer *server, const char *bindir)
{
	char *version = NULL;
	int wanted = server->version / 10000;
	bool good;

	server->program = find_client_program(bindir, "postgres", server->version, &version);
	if (server->program == NULL)
		return false;
	good = strtol(version, NULL, 10) == wanted;
	if (!good)
	{
		char *hint = xasprintf("Install the package postgresql-%d, or name the directory that "
							   "holds it with --pg-bindir.",
							   wanted);

		report_error(EXIT_FAILED, NULL, hint,
					 "a cluster of version %d needs a server of that version, and \"%s\" is of "
					 "version %s",
					 wanted, server->program, version);
		free(hint);
	}
	free(version);
	return good;
}

bool
private_server_begin(PrivateServer *server)
{
	const struct passwd *user = getpwuid(geteuid());

	memset(server, 0, sizeof(*server));
	server->directory.lock = server->directory.server_lock = -1;
	if (geteuid() == 0)
		return report_error(EXIT_USAGE, NULL, "Run it as the user postgres, for instance.",
							"a server cannot be started by root");
	if (user == NULL)
		return report_error(EXIT_FAILED, NULL, NULL,
							"user %ld has no name, by which a server could know it",
							(long) geteuid());
	server->user = xstrdup(user->pw_name);
	return true;
}

bool
private_server_look(PrivateServer *server, const char *bindir, int version)
{
	server->version = version;
	return find_program(server, bindir);
}

/* ---- making ---- */

static void
reap(const char *path, void *argument)
{
	(void) argument;
	if (private_directory_reap(path))
		log_info("removed \"%s\", which a program that was killed had left", path);
}

/*
 * A directory for its socket: in its own, which is removed with all else, unless the path were too
 * long for one.
 */
static bool
make_sockets(PrivateServer *server)
{
	struct sockaddr_un address;
	char *path = xasprintf("%s/sockets", server->directory.path);

	if (strlen(path) + strlen("/.s.PGSQL." SERVER_PORT) < sizeof(address.sun_path))
	{
		server->sockets = path;
		return mkdir(path, 0700) == 0 ||
			   report_error(EXIT_FAILED, NULL, NULL, "could not create directory \"%s\": %s", path,
							strerror(errno));
	}
	free(path);
	server->sockets = server->far_sockets = temporary_directory_create();
	return server->sockets != NULL;
}

bool
private_server_make(PrivateServer *server, const char *base)
{
	uint64_t number;

	private_directories_left(base, reap, NULL);
	if (!random_bytes(&number, sizeof(number)))
		return report_error(EXIT_FAILED, NULL, NULL, "OpenSSL gives no random numbers");
	if (!private_directory_make(&server->directory, base))
		return false;
	server->data = xasprintf("%s/data", server->directory.path);
	server->log = xasprintf("%s/log", server->directory.path);
	server->role = xasprintf("nex_backup_private_%016llx", (unsigned long long) number);
	return make_sockets(server);
}

/* ---- its settings ---- */

/* In place of what the base backup has under this name. */
static bool
put_file(const PrivateServer *server, const char *name, const Buffer *content)
{
	char *path = xasprintf("%s/%s", server->data, name);
	int error = unlink(path) == 0 || errno == ENOENT ? 0 : errno;

	if (error == 0)
		error = new_file_write(path, content->data, content->length, false);
	if (error != 0)
		report_error(EXIT_FAILED, NULL, NULL, "could not write file \"%s\": %s", path,
					 strerror(error));
	free(path);
	return error == 0;
}

/* more: of the recovery; NULL: none.  access->role NULL: nobody gets in. */
static bool
put_settings(const PrivateServer *server, const ServerAccess *access, const Buffer *more)
{
	Buffer settings;
	Buffer hba;
	Buffer ident;
	Buffer nothing;
	bool good;

	buffer_init(&settings);
	buffer_init(&hba);
	buffer_init(&ident);
	buffer_init(&nothing);
	buffer_append_string(&nothing, "");
	server_settings_write(server->version, access, &settings);
	if (more != NULL)
		buffer_append(&settings, more->data, more->length);
	server_access_write(access, &hba, &ident);
	good = put_file(server, "postgresql.conf", &settings) &&
		   put_file(server, "postgresql.auto.conf", &nothing) &&
		   put_file(server, "pg_hba.conf", &hba) && put_file(server, "pg_ident.conf", &ident);
	buffer_free(&settings);
	buffer_free(&hba);
	buffer_free(&ident);
	buffer_free(&nothing);
	return good;
}

/* ---- its turns ---- */

/* The last words of the server may have words of others in them. */
static bool
report_ended(const PrivateServer *server, const char *hint, const char *what)
{
	char *said = server_log_tail(server->log, LOG_LINES);

	report_error(EXIT_FAILED, said[0] != '\0' ? said : NULL, hint,
				 "the private server for the state at that moment %s", what);
	free(said);
	return false;
}

/* A library with records of its own in the WAL has to be there, and none is loaded. */
static const char *
recovery_hint(const PrivateServer *server)
{
	char *said = server_log_tail(server->log, LOG_LINES);
	bool manager = strstr(said, "resource manager with ID") != NULL;

	free(said);
	return manager ? "The WAL has records of an extension whose library must be loaded for them, "
					 "which is not done here: use \"nex_backup restore --cluster\"."
				   : NULL;
}

/* What the server says of itself: its line in postmaster.pid begins with this word. */
static bool
has_state(const PrivateServer *server, const char *state)
{
	char *path = xasprintf("%s/postmaster.pid", server->data);
	FILE *in = fopen(path, "re");
	char line[256] = "";
	bool found = false;
	int number;

	for (number = 1; in != NULL && number <= 8 && fgets(line, sizeof(line), in) != NULL; number++)
		found = number == 8 && strncmp(line, state, strlen(state)) == 0;
	if (in != NULL)
		fclose(in);
	free(path);
	return found;
}

static ServerProgram
program_of(const PrivateServer *server, const char *const *argv)
{
	return (ServerProgram){.argv = argv,
						   .directory = server->data,
						   .log = server->log,
						   .lock = server->directory.server_lock};
}

static bool
start(PrivateServer *server)
{
	const char *const argv[] = {server->program, "-D", server->data, NULL};
	const ServerProgram program = program_of(server, argv);

	return server_process_start(&server->process, &program);
}

/* Wait until it is ready; with `restored`, segments are counted. */
static bool
wait_until_ready(PrivateServer *server, bool counts)
{
	long at = 0;

	while (!has_state(server, "ready"))
	{
		if (stop_requested() || server_process_ended(&server->process))
			return false;
		if (counts)
			atomic_fetch_add(&progress.units_done,
							 server_log_count(server->log, "restored log file", &at));
		usleep(LOOK_INTERVAL_US);
	}
	return true;
}

/* Wait for the end of the program, which has been told to end, but not for what is to stop. */
static void
wait_for_end(PrivateServer *server)
{
	while (!server_process_wait(&server->process, 1))
	{
		if (stop_requested())
			server_process_stop(&server->process, SIGQUIT, END_PATIENCE);
	}
}

bool
private_server_recover(PrivateServer *server, const Buffer *settings, uint64_t segments)
{
	const ServerAccess nobody = {.sockets = server->sockets, .user = server->user, .sessions = 10};

	if (!put_settings(server, &nobody, settings))
		return false;
	progress_phase("recovering in a private server", "segments", segments, 0);
	if (!start(server))
		return false;
	if (!wait_until_ready(server, true))
		return stop_requested() ? false
								: report_ended(server, recovery_hint(server), "did not come to it");
	/* Its checkpoint takes its time. */
	kill(server->process.pid, SIGINT);
	wait_for_end(server);
	return !stop_requested();
}

/*
 * Only we know which roles a cluster has, and which of them may log in, when we are in; so the
 * server makes one, in the one mode in which nobody is asked for a role.  template1 may be gone.
 */
static bool
create_role(PrivateServer *server)
{
	static const char *const databases[] = {"template1", "postgres"};
	SqlText sql;
	bool good = false;
	size_t i;

	sql_init(&sql);
	sql_append(&sql, "CREATE ROLE ");
	sql_identifier(&sql, server->role);
	sql_append(&sql, " LOGIN SUPERUSER;\n");
	for (i = 0; i < sizeof(databases) / sizeof(databases[0]) && !good && !stop_requested(); i++)
	{
		const char *const argv[] = {server->program, "--single",   "-c", "exit_on_error=true", "-D",
									server->data,    databases[i], NULL};
		ServerProgram program = program_of(server, argv);

		program.input = sql_string(&sql);
		good = server_process_start(&server->process, &program);
		if (good)
			wait_for_end(server);
		good =
			good && WIFEXITED(server->process.status) && WEXITSTATUS(server->process.status) == 0;
	}
	sql_free(&sql);
	return good || stop_requested() ? good : report_ended(server, NULL, "cannot be written to");
}

bool
private_server_start(PrivateServer *server, int sessions)
{
	const ServerAccess ours = {server->sockets, server->user, server->role, sessions};

	progress_phase("starting a private server", "", 0, 0);
	if (!put_settings(server, &ours, NULL) || !create_role(server) || !start(server))
		return false;
	if (wait_until_ready(server, false))
		return true;
	return stop_requested() ? false : report_ended(server, NULL, "could not be started");
}

/* ---- the end ---- */

void
private_server_discard(PrivateServer *server)
{
	server_process_stop(&server->process, SIGQUIT, END_PATIENCE);
	temporary_directory_remove(server->far_sockets);
	if (server->far_sockets != NULL)
		server->sockets = NULL;
	server->far_sockets = NULL;
	if (server->directory.path == NULL)
		return;
	private_directory_discard(&server->directory, "data");
	private_directory_discard(&server->directory, "tablespaces");
}

void
private_server_end(PrivateServer *server)
{
	private_server_discard(server);
	private_directory_remove(&server->directory);
	free(server->program);
	free(server->data);
	free(server->log);
	free(server->user);
	free(server->role);
	free(server->sockets);
	memset(server, 0, sizeof(*server));
	server->directory.lock = server->directory.server_lock = -1;
}
