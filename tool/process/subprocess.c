/*-------------------------------------------------------------------------
 *
 * subprocess.c
 *	  Run PostgreSQL's client programs and find the right ones.
 *
 * posix_spawn, not popen or system: no shell parses anything, the child has
 * a separate process group (so that pg_restore's workers end with it), and
 * all descriptors are close-on-exec, those that we were started with too.
 * PGPASSWORD is taken out of its environment: secrets reach it by private
 * files (target_child.c).  Its messages are those of
 * the C locale, as ours are.
 *
 *-------------------------------------------------------------------------
 */
#include "subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"

#define ERRORS_KEPT (64 * 1024)
#define READ_SIZE 4096
#define START_TRIES 20
#define START_PAUSE_MS 50

extern char **environ;

/* Is a variable among those of a list that ends in NULL?  Each entry is the beginning of one,
 * mostly up to "=". */
static bool
is_listed(const char *variable, const char *const *names)
{
	for (; *names != NULL; names++)
	{
		if (strncmp(variable, *names, strlen(*names)) == 0)
			return true;
	}
	return false;
}

void
environment_make(ChildEnvironment *environment, const char *directory, const char *const *dropped,
				 char *const *added)
{
	/* With the last two, pg_restore reads no option behind an operand, and its errors have colors.
	 */
	static const char *const unwanted[] = {"PGPASSWORD=", "POSIXLY_CORRECT=", "PG_COLOR=", NULL};
	static const char *const service[] = {"PGSERVICEFILE=", NULL};
	size_t count = 0;
	size_t kept = 0;
	size_t more = 0;
	size_t i;

	environment->service_file =
		directory != NULL ? xasprintf("%s%s/" TARGET_SERVICE_FILE, service[0], directory) : NULL;
	if (directory != NULL && access(strchr(environment->service_file, '=') + 1, R_OK) != 0)
	{
		free(environment->service_file);
		environment->service_file = NULL;
	}
	while (environ[count] != NULL)
		count++;
	while (added[more] != NULL)
		more++;
	environment->variables = xmalloc((count + more + 2) * sizeof(char *));
	for (i = 0; i < count; i++)
	{
		if (!is_listed(environ[i], unwanted) && !is_listed(environ[i], dropped) &&
			(environment->service_file == NULL || !is_listed(environ[i], service)))
			environment->variables[kept++] = environ[i];
	}
	for (i = 0; i < more; i++)
		environment->variables[kept++] = added[i];
	if (environment->service_file != NULL)
		environment->variables[kept++] = environment->service_file;
	environment->variables[kept] = NULL;
}

void
environment_free(ChildEnvironment *environment)
{
	free(environment->variables);
	free(environment->service_file);
}

/* A child that is to be started. */
typedef struct Child
{
	const char *const *argv;
	const char *stdout_path;    /* NULL: /dev/null, or a pipe */
	const char *directory;      /* see subprocess_run_connected() */
	const char *const *dropped; /* variables that it does not get */
	bool bounded;               /* in time and in what it says: its caller holds up others */
} Child;

#define BOUND_SECONDS 60
#define BOUND_OUTPUT (1024 * 1024)

/* Whoever gives keys finds them by these variables, which are none of pg_dump's business. */
static const char *const of_clients[] = {"LC_ALL=", "LANGUAGE=", "AWS_", "AZURE_",
										 "GOOGLE_", "IDENTITY_", NULL};
static const char *const of_helpers[] = {"LC_ALL=", "LANGUAGE=", NULL};

/*
 * pg_dump and pg_restore follow dependencies by recursion, and a role that may
 * create functions can make a chain of them that the usual 8 MB do not suffice
 * for.  A child has the limit that its parent has at the moment; nothing else
 * looks at it then.
 */
#define CHILD_STACK_BYTES ((rlim_t) 1024 * 1024 * 1024)

static int
spawn_with_stack(pid_t *pid, const Child *child, const posix_spawn_file_actions_t *actions,
				 const posix_spawnattr_t *attributes, char *const *environment)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	struct rlimit usual;
	struct rlimit large;
	bool raised = false;
	int error;

	pthread_mutex_lock(&mutex);
	if (!child->bounded && getrlimit(RLIMIT_STACK, &usual) == 0 &&
		usual.rlim_cur < CHILD_STACK_BYTES)
	{
		large = usual;
		large.rlim_cur = usual.rlim_max < CHILD_STACK_BYTES ? usual.rlim_max : CHILD_STACK_BYTES;
		raised = setrlimit(RLIMIT_STACK, &large) == 0;
	}
	error = posix_spawn(pid, child->argv[0], actions, attributes, (char *const *) child->argv,
						environment);
	if (raised)
		setrlimit(RLIMIT_STACK, &usual);
	pthread_mutex_unlock(&mutex);
	return error;
}

/* Start the child; returns 0 or an errno value. */
static int
spawn_child(const Child *child, int out_fd, int error_fd, pid_t *pid)
{
	static char messages[] = "LC_ALL=C";
	char *const plain[] = {messages, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	ChildEnvironment environment;
	sigset_t none;
	int error;

	environment_make(&environment, child->directory, child->dropped, plain);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (out_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	else if (child->stdout_path != NULL)
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, child->stdout_path,
										 O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	else
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);

	/* Signals are blocked in all our threads; the child must have them open, and SIGPIPE at
	 * default. */
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	sigaddset(&none, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &none);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
											  POSIX_SPAWN_SETSIGDEF);
	error = spawn_with_stack(pid, child, &actions, &attributes, environment.variables);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	environment_free(&environment);
	return error;
}

static void
terminate_group(void *argument)
{
	kill(-*(pid_t *) argument, SIGTERM);
}

/* pg_dump sends a cancel request at SIGTERM, and waits for the server meanwhile. */
static void
kill_group(void *argument)
{
	kill(-*(pid_t *) argument, SIGKILL);
}

/* Take what the child has written by now; false at the end, and on an error, which is kept. */
static bool
take_some(int fd, Buffer *into, int *error)
{
	char piece[READ_SIZE];
	ssize_t length = read(fd, piece, sizeof(piece));

	if (length < 0 && errno == EINTR)
		return true;
	if (length < 0)
		*error = errno;
	if (length <= 0)
		return false;
	buffer_append(into, piece, (size_t) length);
	explicit_bzero(piece, (size_t) length);
	return true;
}

/* Of what the child says only the end is kept. */
static void
cut_errors(SubprocessResult *result)
{
	Buffer *errors = &result->errors;

	if (errors->length <= 2 * ERRORS_KEPT)
		return;
	memmove(errors->data, errors->data + errors->length - ERRORS_KEPT, ERRORS_KEPT + 1);
	errors->length = ERRORS_KEPT;
	result->truncated = true;
}

/*
 * Collect what the child writes until it closes both pipes (output_fd may be
 * -1), and kill it at its bounds.  Returns 0, or why its output cannot be read
 * to the end.
 */
static int
drain(const Child *child, pid_t pid, int errors_fd, int output_fd, Buffer *output,
	  SubprocessResult *result)
{
	const double end = monotonic_seconds() + BOUND_SECONDS;
	struct pollfd wait[2] = {{errors_fd, POLLIN, 0}, {output_fd, POLLIN, 0}};
	int ignored = 0;
	int error = 0;

	while (wait[0].fd >= 0 || wait[1].fd >= 0)
	{
		int ready = poll(wait, 2, child->bounded ? milliseconds_until(end) : -1);

		if (child->bounded && (monotonic_seconds() >= end || output->length > BOUND_OUTPUT))
		{
			kill_group(&pid);
			return ETIMEDOUT;
		}
		if (ready < 0)
			continue;
		if (wait[0].revents != 0)
		{
			if (!take_some(errors_fd, &result->errors, &ignored))
				wait[0].fd = -1;
			cut_errors(result);
		}
		if (wait[1].revents != 0 && !take_some(output_fd, output, &error))
			wait[1].fd = -1;
	}
	return error;
}

/* Wait for the end of a child and note how it ended; 0 or an errno value. */
static int
reap(pid_t pid, SubprocessResult *result)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
	{
		if (errno != EINTR)
			return errno;
	}
	result->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return 0;
}

/* Why a child could not be run to its end. */
typedef struct Failure
{
	const char *what; /* a format for the program's name */
	int error;
} Failure;

/* The two ends of the pipes on which a child speaks. */
typedef struct Pipes
{
	int errors[2];
	int output[2]; /* -1 if not wanted */
} Pipes;

static void
close_pipe(int fds[2])
{
	int i;

	for (i = 0; i < 2; i++)
	{
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* 0 or an errno value. */
static int
open_pipes(Pipes *pipes, bool output)
{
	int error = pipe2(pipes->errors, O_CLOEXEC) == 0 ? 0 : errno;

	pipes->output[0] = pipes->output[1] = -1;
	if (error == 0 && output && pipe2(pipes->output, O_CLOEXEC) < 0)
	{
		error = errno;
		pipes->output[0] = pipes->output[1] = -1;
		close_pipe(pipes->errors);
	}
	return error;
}

/* Start a child, patiently: the system may have too many processes for a moment. */
static int
start_child(const Child *child, const Pipes *pipes, pid_t *pid)
{
	const struct timespec pause = {0, START_PAUSE_MS * 1000000L};
	int tries = 0;
	int error;

	while ((error = spawn_child(child, pipes->output[1], pipes->errors[1], pid)) == EAGAIN &&
		   ++tries < START_TRIES && !stop_requested())
		nanosleep(&pause, NULL);
	return error;
}

/* Take what a child says, until it has ended. */
static bool
attend(const Child *child, pid_t pid, Pipes *pipes, Buffer *output, SubprocessResult *result,
	   Failure *failure)
{
	int cancellation = cancellation_add(terminate_group, kill_group, &pid);

	if (stop_requested())
		terminate_group(&pid);
	failure->what = "could not read the output of \"%s\"";
	failure->error = drain(child, pid, pipes->errors[0], pipes->output[0], output, result);
	close_pipe(pipes->errors);
	close_pipe(pipes->output);

	/* Once reaped the pid may belong to somebody else, so the cancellation goes first. */
	cancellation_remove(cancellation);
	if (failure->error != 0)
		(void) reap(pid, result);
	else
	{
		failure->what = "could not wait for \"%s\"";
		failure->error = reap(pid, result);
	}
	return failure->error == 0;
}

/* Run a child; its stderr goes into result->errors, its stdout into output unless that is NULL. */
static bool
try_child(const Child *child, Buffer *output, SubprocessResult *result, Failure *failure)
{
	Pipes pipes;
	pid_t pid = 0;

	buffer_init(&result->errors);
	buffer_append_string(&result->errors, "");
	result->exit_code = -1;
	result->signal = 0;
	result->truncated = false;
	failure->what = "could not create a pipe for \"%s\"";
	failure->error = open_pipes(&pipes, output != NULL);
	if (failure->error != 0)
		return false;
	failure->what = "could not start \"%s\"";
	failure->error = start_child(child, &pipes, &pid);
	if (failure->error != 0)
	{
		close_pipe(pipes.errors);
		close_pipe(pipes.output);
		return false;
	}
	close(pipes.errors[1]);
	if (output != NULL)
		close(pipes.output[1]);
	pipes.errors[1] = pipes.output[1] = -1;
	return attend(child, pid, &pipes, output, result, failure);
}

/* The same with a report. */
static bool
run_child(const Child *child, Buffer *output, SubprocessResult *result)
{
	Failure failure;

	if (try_child(child, output, result, &failure))
		return true;
	return report_error(EXIT_FAILED, strerror(failure.error), NULL, failure.what, child->argv[0]);
}

bool
subprocess_run(const char *const *argv, const char *stdout_path, SubprocessResult *result)
{
	const Child child = {.argv = argv, .stdout_path = stdout_path, .dropped = of_clients};

	return run_child(&child, NULL, result);
}

bool
subprocess_run_connected(const char *const *argv, const char *directory, SubprocessResult *result)
{
	const Child child = {.argv = argv, .directory = directory, .dropped = of_clients};

	return run_child(&child, NULL, result);
}

/* Its stdout is appended; result is freed if it could not be run. */
static bool
capture(const Child *child, Buffer *output, SubprocessResult *result)
{
	bool good;

	buffer_append_string(output, "");
	good = run_child(child, output, result);
	if (!good)
		subprocess_result_free(result);
	return good;
}

bool
subprocess_capture(const char *const *argv, const char *directory, Buffer *output,
				   SubprocessResult *result)
{
	const Child child = {.argv = argv, .directory = directory, .dropped = of_clients};

	return capture(&child, output, result);
}

bool
subprocess_ask(const char *const *argv, Buffer *output, SubprocessResult *result)
{
	const Child child = {.argv = argv, .dropped = of_helpers, .bounded = true};

	return capture(&child, output, result);
}

void
subprocess_result_free(SubprocessResult *result)
{
	buffer_free(&result->errors);
}

/*
 * Text behind "(PostgreSQL) " in the output of --version; NULL if the program
 * does not run.  That is not an error: there may be another one.
 */
static char *
program_version(const char *path, char **problem)
{
	const char *argv[] = {path, "--version", NULL};
	const Child child = {.argv = argv, .dropped = of_clients};
	SubprocessResult result;
	Failure failure;
	char *version = NULL;
	Buffer said;
	char *found;

	if (access(path, X_OK) != 0)
		return NULL;
	buffer_init(&said);
	buffer_append_string(&said, "");
	if (!try_child(&child, &said, &result, &failure))
		*problem = xasprintf("\"%s\" could not be run: %s", path, strerror(failure.error));
	else if (result.exit_code == 0 && (found = strstr(said.data, "(PostgreSQL) ")) != NULL)
	{
		found += strlen("(PostgreSQL) ");
		found[strcspn(found, " \r\n")] = '\0';
		version = xstrdup(found);
	}
	else if (!stop_requested())
		*problem = xasprintf("\"%s --version\" does not tell its version (exit code %d) %s", path,
							 result.exit_code, result.errors.data);
	subprocess_result_free(&result);
	buffer_free(&said);
	return version;
}

typedef struct Candidate
{
	char *path;
	char *version;
	long major;
	char *problem; /* of the last one that could not be run */
} Candidate;

/* Keep the better of two: the wanted major, else the lowest one above it. */
static void
consider(Candidate *best, char *path, long wanted)
{
	char *problem = NULL;
	char *version = program_version(path, &problem);
	long major = version != NULL ? strtol(version, NULL, 10) : 0;

	if (problem != NULL)
	{
		free(best->problem);
		best->problem = problem;
	}
	if (major < wanted || (best->path != NULL && best->major <= major))
	{
		free(version);
		free(path);
		return;
	}
	free(best->path);
	free(best->version);
	best->path = path;
	best->version = version;
	best->major = major;
}

/* Try every directory of PATH. */
static void
consider_path(Candidate *best, const char *name, long wanted)
{
	char *path = xstrdup(getenv("PATH"));
	char *rest = path;
	char *directory;

	while (path != NULL && (directory = strsep(&rest, ":")) != NULL)
	{
		if (directory[0] == '/')
			consider(best, xasprintf("%s/%s", directory, name), wanted);
	}
	free(path);
}

char *
find_client_program(const char *bindir, const char *name, int server_version, char **version)
{
	Candidate best = {NULL, NULL, 0, NULL};
	long wanted = server_version / 10000;
	long major;

	if (bindir != NULL)
		consider(&best, xasprintf("%s/%s", bindir, name), wanted);
	else
	{
#ifdef PG_BINDIR
		consider(&best, xasprintf("%s/%s", PG_BINDIR, name), wanted);
#endif
		for (major = wanted; major <= wanted + 10 && best.major != wanted; major++)
		{
			consider(&best, xasprintf("/usr/lib/postgresql/%ld/bin/%s", major, name), wanted);
			consider(&best, xasprintf("/usr/pgsql-%ld/bin/%s", major, name), wanted);
		}
		if (best.path == NULL)
			consider_path(&best, name, wanted);
	}
	/* After a stop no program runs long enough to say its version. */
	if (best.path == NULL && stop_requested())
		return NULL;
	if (best.path == NULL)
	{
		char *hint = xasprintf("Install the package postgresql-%s%ld, or name the directory that "
							   "holds it with --pg-bindir.",
							   strcmp(name, "postgres") == 0 ? "" : "client-", wanted);

		report_error(EXIT_FAILED, best.problem, hint,
					 "could not find a \"%s\" of version %ld or newer%s%s", name, wanted,
					 bindir != NULL ? " in " : "", bindir != NULL ? bindir : "");
		free(hint);
		free(best.problem);
		return NULL;
	}
	if (best.problem != NULL)
		log_debug("%s", best.problem);
	free(best.problem);
	if (version != NULL)
		*version = best.version;
	else
		free(best.version);
	return best.path;
}
