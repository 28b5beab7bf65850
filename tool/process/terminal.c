/*-------------------------------------------------------------------------
 *
 * terminal.c
 *	  Asking for a secret on the terminal.
 *
 *-------------------------------------------------------------------------
 */
#include "terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"

#define POLL_INTERVAL_MS 200

/* Read a line; an empty one (0) if work must stop while nothing is typed. */
static ssize_t
read_answer(int tty, char *answer, size_t size)
{
	struct pollfd wait = {tty, POLLIN, 0};

	while (poll(&wait, 1, POLL_INTERVAL_MS) <= 0)
	{
		if (stop_requested())
			return 0;
	}
	return read(tty, answer, size);
}

static bool has_asked;

bool
terminal_has_asked(void)
{
	return has_asked;
}

char *
terminal_ask_secret(const char *prompt)
{
	struct termios saved;
	struct termios silent;
	char answer[1024];
	ssize_t length;
	char *password;
	int tty;

	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return NULL;

	has_asked = true;
	/* No progress bar may be drawn over the question. */
	log_lock();
	tcgetattr(tty, &saved);
	silent = saved;
	silent.c_lflag &= ~(tcflag_t) ECHO;
	tcsetattr(tty, TCSAFLUSH, &silent);
	length = write(tty, prompt, strlen(prompt));
	length = read_answer(tty, answer, sizeof(answer) - 1);
	tcsetattr(tty, TCSAFLUSH, &saved);
	(void) !write(tty, "\n", 1);
	close(tty);
	log_unlock();
	if (length <= 0)
		return NULL;
	answer[length] = '\0';
	answer[strcspn(answer, "\r\n")] = '\0';
	password = xstrdup(answer);
	explicit_bzero(answer, sizeof(answer));
	return password;
}
