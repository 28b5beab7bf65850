/*-------------------------------------------------------------------------
 *
 * nexb_labels.c
 *	  A provider of security labels for the tests, which takes any label.
 *
 * No package of PostgreSQL brings a provider that works without SELinux, and
 * without one no object can have a label.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/seclabel.h"
#include "fmgr.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static void
accept_label(const ObjectAddress *object, const char *label)
{
	(void) object;
	(void) label;
}

void
_PG_init(void)
{
	register_label_provider("nexb_labels", accept_label);
}
