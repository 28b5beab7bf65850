/*-------------------------------------------------------------------------
 *
 * passphrase.c
 *	  The passphrase that protects an identity file, or encrypts a repository.
 *
 * A command writes it into a pipe, not into a file, as the other child
 * programs of the tool do: it must not reach a disk.
 *
 *-------------------------------------------------------------------------
 */
#include "passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "key_settings.h"
#include "log.h"
#include "memory.h"
#include "named_file.h"
#include "primitives.h"
#include "private_file.h"
#include "subprocess.h"
#include "terminal.h"
#include "text_list.h"

#define MAX_PASSPHRASE 4096

bool
passphrase_is_given(const KeySettings *settings)
{
	return settings->passphrase_file != NULL || settings->passphrase_fd != NULL ||
		   settings->passphrase_command.count > 0;
}

/* Read up to the end, and take the newline off. */
static bool
read_all(int descriptor, const char *source, Buffer *passphrase)
{
	int error = named_file_read(descriptor, MAX_PASSPHRASE, passphrase);

	if (error != 0)
		return report_error(named_file_exit_code(error), NULL, NULL,
							"could not read the passphrase from %s: %s", source,
							named_file_problem(error));
	if (passphrase->length > 0 && passphrase->data[passphrase->length - 1] == '\n')
		passphrase->length--;
	if (passphrase->length > 0 && passphrase->data[passphrase->length - 1] == '\r')
		passphrase->length--;
	passphrase->data[passphrase->length] = '\0';
	return passphrase->length > 0 ||
		   report_error(EXIT_USAGE, NULL, NULL, "the passphrase from %s is empty", source);
}

static bool
read_from_file(const char *path, Buffer *passphrase)
{
	struct stat status;
	int descriptor = named_file_open(path, &status);
	char *source = xasprintf("file \"%s\"", path);
	bool good;

	if (descriptor < 0)
		good = report_error(named_file_exit_code(errno), NULL, NULL,
							"could not read the passphrase from %s: %s", source, strerror(errno));
	else
		good = secret_file_good("passphrase", path, &status) &&
			   read_all(descriptor, source, passphrase);
	if (descriptor >= 0)
		close(descriptor);
	free(source);
	return good;
}

/* In the child: become the command. */
static void
become(char **arguments, char **environment, int output)
{
	sigset_t none;

	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	if (dup2(output, STDOUT_FILENO) >= 0)
		execve(arguments[0], arguments, environment);
	_exit(127);
}

static bool
read_from_command(const TextList *command, Buffer *passphrase)
{
	char **arguments = xcalloc((size_t) command->count + 1, sizeof(char *));
	static const char *const dropped[] = {NULL};
	char *const added[] = {NULL};
	ChildEnvironment environment;
	int ends[2];
	int status = -1;
	bool good;
	pid_t child;

	memcpy(arguments, command->items, (size_t) command->count * sizeof(char *));
	environment_make(&environment, NULL, dropped, added);
	if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0)
	{
		environment_free(&environment);
		free(arguments);
		return report_error(EXIT_FAILED, NULL, NULL, "could not start \"%s\": %s",
							command->items[0], strerror(errno));
	}
	if (child == 0)
		become(arguments, environment.variables, ends[1]);
	close(ends[1]);
	good = read_all(ends[0], "--passphrase-command", passphrase);
	close(ends[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	environment_free(&environment);
	free(arguments);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return good;
	return report_error(
		EXIT_FAILED, NULL,
		"Its path must be absolute; its arguments are further values of the option.",
		"command \"%s\" for the passphrase failed", command->items[0]);
}

bool
passphrase_get(const KeySettings *settings, const char *prompt, Buffer *passphrase)
{
	char *typed;

	if (settings->passphrase_file != NULL)
		return read_from_file(settings->passphrase_file, passphrase);
	if (settings->passphrase_fd != NULL)
		return read_all((int) strtol(settings->passphrase_fd, NULL, 10),
						"the descriptor of --passphrase-fd", passphrase);
	if (settings->passphrase_command.count > 0)
		return read_from_command(&settings->passphrase_command, passphrase);
	typed = terminal_ask_secret(prompt);
	if (typed == NULL)
		return report_error(EXIT_USAGE, NULL,
							"Use --passphrase-file, --passphrase-fd or --passphrase-command.",
							"a passphrase is needed, and there is no terminal to ask on");
	buffer_append_string(passphrase, typed);
	secret_free(typed, strlen(typed));
	return true;
}
