/*-------------------------------------------------------------------------
 *
 * globals_gains.c
 *	  Roles of the server that gain by what the backup gives to another role.
 *
 * A role that exists here under a name of the backup has members here, who are
 * not known there: a login that is a member of "app_admin" on this server
 * becomes a superuser if the backup makes "app_admin" a member of one.  Nobody
 * who restores expects that, as the member is named nowhere in the backup.  So
 * what every role of the server can do is computed as it is now and as it will
 * be; more than that, or than what the backup says of this role, is refused.
 *
 *-------------------------------------------------------------------------
 */

#include <stdlib.h>
#include <string.h>

#include "globals_gains.h"
#include "globals_powers.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "restore_settings.h"
#include "settings.h"

#define MAX_NAMES 20

/* Powers of the roles now, in the backup, and when all statements have run. */
typedef struct Gains
{
	GlobalsRestore *restore;
	const GlobalsStatements *present;
	GlobalsPowers *now;
	GlobalsPowers *there;
	GlobalsPowers *then;
	Buffer shown;
	int count;
} Gains;

/* What is there, and then what is going to run; the items still belong to the others. */
static GlobalsPowers *
powers_then(const GlobalsRestore *restore, const GlobalsStatements *present)
{
	const GlobalsStatements *wanted = &restore->statements;
	GlobalsStatements all = {NULL, 0};
	GlobalsPowers *powers;
	int i;

	all.items =
		xcalloc((size_t) present->count + (size_t) wanted->count + 1, sizeof(GlobalsStatement));
	for (i = 0; i < present->count; i++)
		all.items[all.count++] = present->items[i];
	for (i = 0; i < wanted->count; i++)
	{
		if (restore->actions[i] != GLOBALS_LEAVE)
			all.items[all.count++] = wanted->items[i];
	}
	powers = globals_powers_of(&all);
	free(all.items);
	return powers;
}

/* The role that a statement gives something to, if it is here already; caller frees. */
static char *
receiver_of(const Gains *gains, const GlobalsStatement *statement)
{
	char *role;
	char *receiver = NULL;

	if (globals_membership_of(statement, &role, &receiver))
		free(role);
	else if (statement->kind == GLOBALS_ROLE_ATTRIBUTES && statement->name != NULL)
		receiver = xstrdup(statement->name);
	if (receiver != NULL &&
		globals_statements_find(gains->present, GLOBALS_ROLE_ATTRIBUTES, receiver) == NULL)
	{
		free(receiver);
		receiver = NULL;
	}
	return receiver;
}

/* What the backup gives to a role that this one is a member of here is left out. */
static void
leave_out(Gains *gains, const char *member)
{
	GlobalsRestore *restore = gains->restore;
	int i;

	for (i = 0; i < restore->statements.count; i++)
	{
		char *receiver = restore->actions[i] == GLOBALS_LEAVE
							 ? NULL
							 : receiver_of(gains, &restore->statements.items[i]);

		if (receiver != NULL && globals_powers_is_member(gains->now, member, receiver))
		{
			restore->actions[i] = GLOBALS_LEAVE;
			restore->result->memberships -= restore->statements.items[i].kind == GLOBALS_MEMBERSHIP;
		}
		free(receiver);
	}
}

static void
note_gains(Gains *gains, const GlobalsStatement *present)
{
	char *more;
	char *shown;

	if (present->kind != GLOBALS_ROLE_ATTRIBUTES || present->name == NULL ||
		(globals_statement_powers(present) & ROLE_POWER_SUPERUSER) != 0)
		return;
	more = globals_powers_gained(gains->then, gains->now, gains->there, present->name);
	if (more == NULL)
		return;
	shown = printable_name(present->name);
	if (++gains->count <= MAX_NAMES)
		buffer_printf(&gains->shown, "%s\"%s\" (%s)", gains->count > 1 ? ", " : "", shown, more);
	if (gains->restore->settings->restore->existing_roles == EXISTING_ROLES_KEEP)
		leave_out(gains, present->name);
	free(shown);
	free(more);
}

static bool
say(Gains *gains)
{
	if (gains->count > MAX_NAMES)
		buffer_printf(&gains->shown, " and %d more", gains->count - MAX_NAMES);
	if (gains->count == 0)
		return true;
	if (gains->restore->settings->restore->existing_roles == EXISTING_ROLES_KEEP)
	{
		log_warning_hint("Run what you need of it by hand; \"nex_backup globals export\" shows it.",
						 "what the backup gives to roles was left out, because members that they "
						 "have here would gain: %s",
						 gains->shown.data);
		return true;
	}
	return report_error(
		EXIT_FAILED, gains->shown.data,
		"Take these members from the roles that are in the backup (REVOKE), or leave out what "
		"they would gain with --existing-roles=keep.",
		"roles of this server would gain powers, because they are members of roles of the backup");
}

bool
globals_check_gains(GlobalsRestore *restore, const GlobalsStatements *present)
{
	Gains gains = {.restore = restore, .present = present};
	bool good;
	int i;

	gains.now = globals_powers_of(present);
	gains.there = globals_powers_of(&restore->statements);
	gains.then = powers_then(restore, present);
	buffer_init(&gains.shown);
	for (i = 0; i < present->count; i++)
		note_gains(&gains, &present->items[i]);
	good = say(&gains);
	buffer_free(&gains.shown);
	globals_powers_free(gains.now);
	globals_powers_free(gains.there);
	globals_powers_free(gains.then);
	return good;
}
