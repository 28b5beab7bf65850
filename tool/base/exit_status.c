/*-------------------------------------------------------------------------
 *
 * exit_status.c
 *	  With which status the program ends.
 *
 *-------------------------------------------------------------------------
 */
#include "exit_status.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "run_protocol.h"

/* Neither what a shell says (126, 127), nor what it says of a signal (129 to 192). */
#define BEYOND_SIGNALS 200

static _Atomic bool for_recovery;
static _Atomic bool no_more;

void
exit_status_for_recovery(void)
{
	for_recovery = true;
}

void
exit_status_no_more(void)
{
	no_more = true;
}

int
exit_status(int code)
{
	if (!for_recovery || code == EXIT_DONE)
		return code;
	/* A server that is being stopped takes that for its own doing. */
	if (code == EXIT_INTERRUPTED)
		return 128 + SIGTERM;
	return code == EXIT_FAILED && no_more ? EXIT_FAILED : BEYOND_SIGNALS + code;
}
