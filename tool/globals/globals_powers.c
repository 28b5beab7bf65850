/*-------------------------------------------------------------------------
 *
 * globals_powers.c
 *	  What roles can do, by themselves and as members of others.
 *
 * A role is more than its attributes: a member of a superuser can become one.
 * So whether a role of the server can do more than the role of the same name
 * in the backup takes what both can reach.  Roles are found by binary search,
 * as a cluster may have very many of them.
 *
 *-------------------------------------------------------------------------
 */
#include "globals_powers.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"

typedef struct Role
{
	char *name;
	unsigned powers;
	int first; /* of its memberships; -1: none */
} Role;

typedef struct Membership
{
	char *role;
	char *member;
	int index; /* of the role */
} Membership;

struct GlobalsPowers
{
	Role *roles; /* by name */
	int nroles;
	Membership *memberships; /* by member */
	int nmemberships;
};

static int
compare_roles(const void *a, const void *b)
{
	return strcmp(((const Role *) a)->name, ((const Role *) b)->name);
}

static int
compare_memberships(const void *a, const void *b)
{
	return strcmp(((const Membership *) a)->member, ((const Membership *) b)->member);
}

static Role *
find_role(const GlobalsPowers *powers, const char *name)
{
	Role key = {.name = (char *) name};

	return powers->nroles == 0
			   ? NULL
			   : bsearch(&key, powers->roles, (size_t) powers->nroles, sizeof(Role), compare_roles);
}

static void
add_role(GlobalsPowers *powers, const char *name)
{
	powers->roles[powers->nroles++] = (Role){xstrdup(name), 0, -1};
}

/* Sort the roles, and keep one of each. */
static void
settle_roles(GlobalsPowers *powers)
{
	int kept = 0;
	int i;

	if (powers->nroles == 0)
		return;
	qsort(powers->roles, (size_t) powers->nroles, sizeof(Role), compare_roles);
	for (i = 1; i < powers->nroles; i++)
	{
		if (strcmp(powers->roles[i].name, powers->roles[kept].name) == 0)
			free(powers->roles[i].name);
		else
			powers->roles[++kept] = powers->roles[i];
	}
	powers->nroles = kept + 1;
}

/* Sort the memberships, and let each role know its first one. */
static void
settle_memberships(GlobalsPowers *powers)
{
	int i;

	if (powers->nmemberships == 0)
		return;
	qsort(powers->memberships, (size_t) powers->nmemberships, sizeof(Membership),
		  compare_memberships);
	for (i = 0; i < powers->nmemberships; i++)
	{
		Membership *membership = &powers->memberships[i];
		Role *member = find_role(powers, membership->member);

		membership->index = (int) (find_role(powers, membership->role) - powers->roles);
		if (member->first < 0)
			member->first = i;
	}
}

bool
globals_membership_of(const GlobalsStatement *statement, char **role, char **member)
{
	if (statement->kind != GLOBALS_MEMBERSHIP)
		return false;
	*role = globals_statement_word(statement, 1);
	*member = globals_statement_word(statement, 3);
	if (*role != NULL && *member != NULL)
		return true;
	free(*role);
	free(*member);
	return false;
}

GlobalsPowers *
globals_powers_of(const GlobalsStatements *statements)
{
	GlobalsPowers *powers = xcalloc(1, sizeof(*powers));
	size_t count = (size_t) statements->count + 1;
	int i;

	powers->roles = xcalloc(2 * count, sizeof(Role));
	powers->memberships = xcalloc(count, sizeof(Membership));
	for (i = 0; i < statements->count; i++)
	{
		const GlobalsStatement *statement = &statements->items[i];
		Membership *next = &powers->memberships[powers->nmemberships];

		if (statement->kind == GLOBALS_ROLE_ATTRIBUTES && statement->name != NULL)
			add_role(powers, statement->name);
		else if (globals_membership_of(statement, &next->role, &next->member))
		{
			add_role(powers, next->role);
			add_role(powers, next->member);
			powers->nmemberships++;
		}
	}
	settle_roles(powers);
	settle_memberships(powers);
	for (i = 0; i < statements->count; i++)
		globals_powers_set(powers, &statements->items[i]);
	return powers;
}

void
globals_powers_set(GlobalsPowers *powers, const GlobalsStatement *attributes)
{
	Role *role = NULL;

	if (attributes->kind == GLOBALS_ROLE_ATTRIBUTES && attributes->name != NULL)
		role = find_role(powers, attributes->name);
	if (role != NULL)
		role->powers = globals_statement_powers(attributes);
}

void
globals_powers_free(GlobalsPowers *powers)
{
	int i;

	if (powers == NULL)
		return;
	for (i = 0; i < powers->nroles; i++)
		free(powers->roles[i].name);
	for (i = 0; i < powers->nmemberships; i++)
	{
		free(powers->memberships[i].role);
		free(powers->memberships[i].member);
	}
	free(powers->roles);
	free(powers->memberships);
	free(powers);
}

/* Those that a role is or is a member of, a flag each; caller frees.  *attributes: of all of them.
 */
static bool *
reached_roles(const GlobalsPowers *powers, const char *name, unsigned *attributes)
{
	bool *reached = xcalloc((size_t) powers->nroles + 1, sizeof(bool));
	int *pending = xcalloc((size_t) powers->nroles + 1, sizeof(int));
	const Role *start = find_role(powers, name);
	int npending = 0;

	*attributes = 0;
	if (start != NULL)
	{
		pending[npending++] = (int) (start - powers->roles);
		reached[start - powers->roles] = true;
	}
	while (npending > 0)
	{
		const Role *role = &powers->roles[pending[--npending]];
		int i;

		*attributes |= role->powers;
		for (i = role->first; i >= 0 && i < powers->nmemberships &&
							  strcmp(powers->memberships[i].member, role->name) == 0;
			 i++)
		{
			int next = powers->memberships[i].index;

			if (!reached[next])
				pending[npending++] = next;
			reached[next] = true;
		}
	}
	free(pending);
	return reached;
}

/* Is there, for one that is reached, the role of this name reached in the other set, too? */
static bool
is_reached(const GlobalsPowers *powers, const bool *reached, const char *name)
{
	const Role *role = find_role(powers, name);

	return role != NULL && reached[role - powers->roles];
}

/* Attributes, and predefined roles that are reached in `powers` and in neither of the others. */
static char *
list_more(const GlobalsPowers *powers, const GlobalsPowers *other, const GlobalsPowers *another,
		  const char *role)
{
	unsigned attributes;
	unsigned of_other;
	unsigned of_another;
	bool *reached = reached_roles(powers, role, &attributes);
	bool *by_other = reached_roles(other, role, &of_other);
	bool *by_another = reached_roles(another, role, &of_another);
	unsigned more = attributes & ~of_other & ~of_another;
	Buffer list;
	int i;

	buffer_init(&list);
	for (i = 0; i < ROLE_POWERS; i++)
	{
		if ((more & (1U << i)) != 0)
			buffer_printf(&list, "%s%s", list.length > 0 ? ", " : "", role_powers[i]);
	}
	for (i = 0; i < powers->nroles; i++)
	{
		const char *name = powers->roles[i].name;

		if (reached[i] && strncmp(name, "pg_", 3) == 0 && strcmp(name, role) != 0 &&
			!is_reached(other, by_other, name) && !is_reached(another, by_another, name))
			buffer_printf(&list, "%s%s", list.length > 0 ? ", " : "", name);
	}
	free(reached);
	free(by_other);
	free(by_another);
	if (list.length > 0)
		return buffer_detach(&list);
	buffer_free(&list);
	return NULL;
}

char *
globals_powers_more(const GlobalsPowers *here, const GlobalsPowers *there, const char *role)
{
	return list_more(here, there, there, role);
}

char *
globals_powers_gained(const GlobalsPowers *then, const GlobalsPowers *now,
					  const GlobalsPowers *there, const char *role)
{
	return list_more(then, now, there, role);
}

bool
globals_powers_is_member(const GlobalsPowers *powers, const char *member, const char *role)
{
	unsigned attributes;
	bool *reached = reached_roles(powers, member, &attributes);
	bool found = is_reached(powers, reached, role);

	free(reached);
	return found;
}
