/*-------------------------------------------------------------------------
 *
 * globals_strangers.c
 *	  Roles of the server that only have the name of a role of the backup.
 *
 * Whoever could create roles where the backup was made chose their names,
 * passwords and members.  If the server has a role of such a name that can do
 * more, GRANT would hand over what it can do, and so would its password; a
 * search_path would lead it to the functions of others.  So statements about
 * such a role are refused, unless they change nothing.
 *
 * A role that can do no more is taken for the same, as names are all that
 * there is; new members of it are reported.
 *
 *-------------------------------------------------------------------------
 */

#include <stdlib.h>
#include <string.h>

#include "globals_powers.h"
#include "globals_strangers.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "restore_settings.h"
#include "settings.h"

#define MAX_NAMES 20

/* Names for a message, up to a limit. */
typedef struct Names
{
	Buffer text;
	int count;
	char *last;
} Names;

typedef struct Judgement
{
	GlobalsRestore *restore;
	const GlobalsStatements *present;
	GlobalsPowers *here; /* as they are when the statements run */
	GlobalsPowers *there;
	char **texts; /* of present, sorted */
	Names refused;
	Names left;
	Names joined;
	int nleft;
} Judgement;

static void
add_name(Names *names, char *text)
{
	if (names->last != NULL && strcmp(names->last, text) == 0)
	{
		free(text);
		return;
	}
	if (++names->count <= MAX_NAMES)
		buffer_printf(&names->text, "%s%s", names->count > 1 ? ", " : "", text);
	free(names->last);
	names->last = text;
}

static const char *
names_shown(Names *names)
{
	if (names->count > MAX_NAMES)
		buffer_printf(&names->text, " and %d more", names->count - MAX_NAMES);
	return names->text.data;
}

static void
names_free(Names *names)
{
	buffer_free(&names->text);
	free(names->last);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* As it is compared: the grantor of a membership makes no difference. */
static char *
text_of(const GlobalsStatement *statement)
{
	return statement->kind == GLOBALS_MEMBERSHIP ? globals_without_grantor(statement->text)
												 : xstrdup(statement->text);
}

static void
sort_texts(Judgement *judgement)
{
	int count = judgement->present->count;
	int i;

	judgement->texts = xcalloc((size_t) count + 1, sizeof(char *));
	for (i = 0; i < count; i++)
		judgement->texts[i] = text_of(&judgement->present->items[i]);
	if (count > 0)
		qsort(judgement->texts, (size_t) count, sizeof(char *), compare_texts);
}

/* Is it so already? */
static bool
is_present(const Judgement *judgement, const GlobalsStatement *statement)
{
	char *text = text_of(statement);
	bool found = judgement->present->count > 0 &&
				 bsearch(&text, judgement->texts, (size_t) judgement->present->count,
						 sizeof(char *), compare_texts) != NULL;

	explicit_bzero(text, strlen(text));
	free(text);
	return found;
}

static bool
is_predefined(const char *role)
{
	return strncmp(role, "pg_", 3) == 0;
}

/* The role that a statement is about, if something of it may pass to others; caller frees. */
static char *
subject_of(const GlobalsStatement *statement)
{
	char *role;
	char *member;

	if (globals_membership_of(statement, &role, &member))
	{
		free(member);
		return role;
	}
	if (statement->name == NULL)
		return NULL;
	if (statement->kind == GLOBALS_ROLE_ATTRIBUTES || statement->kind == GLOBALS_ROLE_SETTING ||
		(statement->kind == GLOBALS_ROLE_OTHER &&
		 (strncmp(statement->text, "COMMENT ", strlen("COMMENT ")) == 0 ||
		  strncmp(statement->text, "SECURITY ", strlen("SECURITY ")) == 0)))
		return xstrdup(statement->name);
	return NULL;
}

/* Does --existing-roles=keep keep a role that is not the same, whatever its password? */
static bool
is_kept(const Judgement *judgement, const char *role)
{
	return judgement->restore->settings->restore->existing_roles == EXISTING_ROLES_KEEP &&
		   !is_predefined(role) &&
		   !globals_same_attributes(
			   globals_statements_find(judgement->present, GLOBALS_ROLE_ATTRIBUTES, role),
			   globals_statements_find(&judgement->restore->statements, GLOBALS_ROLE_ATTRIBUTES,
									   role),
			   false);
}

/* A membership in a role that exists, of no superuser. */
static void
note_joined(Judgement *judgement, const GlobalsStatement *statement)
{
	const GlobalsStatement *attributes;
	char *role;
	char *member;

	if (!globals_membership_of(statement, &role, &member))
		return;
	attributes =
		globals_statements_find(&judgement->restore->statements, GLOBALS_ROLE_ATTRIBUTES, role);
	if (!is_predefined(role) &&
		(attributes == NULL || (globals_statement_powers(attributes) & ROLE_POWER_SUPERUSER) == 0))
	{
		char *shown = printable_name(role);
		char *shown_member = printable_name(member);

		add_name(&judgement->joined, xasprintf("\"%s\" of \"%s\"", shown_member, shown));
		free(shown_member);
		free(shown);
	}
	free(role);
	free(member);
}

static void
judge_role(Judgement *judgement, int i, const char *role)
{
	GlobalsRestore *restore = judgement->restore;
	const GlobalsStatement *statement = &restore->statements.items[i];
	bool keep = restore->settings->restore->existing_roles == EXISTING_ROLES_KEEP;
	char *more = globals_powers_more(judgement->here, judgement->there, role);
	char *shown = printable_name(role);

	if (keep && (more != NULL || is_kept(judgement, role)))
	{
		restore->actions[i] = GLOBALS_LEAVE;
		restore->result->memberships -= statement->kind == GLOBALS_MEMBERSHIP;
		judgement->nleft++;
		add_name(&judgement->left, xasprintf("\"%s\"", shown));
	}
	else if (more != NULL)
		add_name(&judgement->refused, xasprintf("\"%s\" (%s)", shown, more));
	else
		note_joined(judgement, statement);
	free(more);
	free(shown);
}

/* Attributes that are altered in the same transaction do not count any more, but for SUPERUSER. */
static void
foresee(Judgement *judgement)
{
	const GlobalsRestore *restore = judgement->restore;
	int i;

	for (i = 0; i < restore->statements.count; i++)
	{
		const GlobalsStatement *wanted = &restore->statements.items[i];
		const GlobalsStatement *found;

		if (wanted->kind != GLOBALS_ROLE_ATTRIBUTES || wanted->name == NULL ||
			restore->actions[i] != GLOBALS_RUN)
			continue;
		found = globals_statements_find(judgement->present, GLOBALS_ROLE_ATTRIBUTES, wanted->name);
		if (found != NULL && (globals_statement_powers(found) & ROLE_POWER_SUPERUSER) == 0)
			globals_powers_set(judgement->here, wanted);
	}
}

static bool
say(Judgement *judgement)
{
	if (judgement->refused.count > 0)
		return report_error(
			EXIT_FAILED, names_shown(&judgement->refused),
			"Members, passwords and settings of the backup would give others these powers. If they "
			"are different roles, rename them here (ALTER ROLE ... RENAME TO ...) or leave them as "
			"they are with --existing-roles=keep; if they are the same, take these powers from "
			"them first.",
			"roles of this server can do more than those of the same name in the backup");
	if (judgement->left.count > 0)
		log_warning_hint("Run what you need of it by hand; \"nex_backup globals export\" shows it.",
						 "statements about roles that are different here were left out (%d): %s",
						 judgement->nleft, names_shown(&judgement->left));
	if (judgement->joined.count > 0)
		log_warning("roles of the backup become members of roles that existed before: %s",
					names_shown(&judgement->joined));
	return true;
}

bool
globals_check_strangers(GlobalsRestore *restore, const GlobalsStatements *present)
{
	Judgement judgement = {.restore = restore, .present = present};
	bool good;
	int i;

	judgement.here = globals_powers_of(present);
	judgement.there = globals_powers_of(&restore->statements);
	buffer_init(&judgement.refused.text);
	buffer_init(&judgement.left.text);
	buffer_init(&judgement.joined.text);
	sort_texts(&judgement);
	foresee(&judgement);
	for (i = 0; i < restore->statements.count; i++)
	{
		const GlobalsStatement *statement = &restore->statements.items[i];
		char *role = restore->actions[i] != GLOBALS_LEAVE ? subject_of(statement) : NULL;

		if (role != NULL && !is_present(&judgement, statement) &&
			(is_predefined(role) ||
			 globals_statements_find(present, GLOBALS_ROLE_ATTRIBUTES, role) != NULL))
			judge_role(&judgement, i, role);
		free(role);
	}
	good = say(&judgement);
	for (i = 0; i < present->count; i++)
	{
		explicit_bzero(judgement.texts[i], strlen(judgement.texts[i]));
		free(judgement.texts[i]);
	}
	free(judgement.texts);
	names_free(&judgement.refused);
	names_free(&judgement.left);
	names_free(&judgement.joined);
	globals_powers_free(judgement.here);
	globals_powers_free(judgement.there);
	return good;
}
