/*-------------------------------------------------------------------------
 *
 * ask.c
 *	  Questions on the terminal.
 *
 * Signals are taken by a separate thread (interrupt.c), so that read()
 * would not be interrupted: it is entered only when there is something to read.
 *
 *-------------------------------------------------------------------------
 */
#include "ask.h"

#include <poll.h>
#include <unistd.h>

#include "interrupt.h"

#define POLL_INTERVAL_MS 200

bool
ask_yes(void)
{
	struct pollfd wait = {STDIN_FILENO, POLLIN, 0};
	char answer[256];

	while (poll(&wait, 1, POLL_INTERVAL_MS) <= 0)
	{
		if (stop_requested())
			return false;
	}
	return read(STDIN_FILENO, answer, sizeof(answer)) > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}
