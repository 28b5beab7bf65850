/*-------------------------------------------------------------------------
 *
 * finding.c
 *	  What the checks of an installation find.
 *
 *-------------------------------------------------------------------------
 */
#include "finding.h"

const char *
check_status_name(CheckStatus status)
{
	static const char *const names[] = {"ok", "warning", "critical"};

	return names[status];
}
