/*-------------------------------------------------------------------------
 *
 * interrupted.c
 *	  Did a signal come that ends the program?
 *
 *-------------------------------------------------------------------------
 */
#include "interrupted.h"

#include <stdatomic.h>

static atomic_bool signalled;

bool
interrupted(void)
{
	return atomic_load(&signalled);
}

bool
interrupted_now(void)
{
	return atomic_exchange(&signalled, true);
}
