/*-------------------------------------------------------------------------
 *
 * selection_casts.c
 *	  Casts, which nothing in an archive depends on.
 *
 * A view that says "c::text" depends on the function of the cast, not on the
 * cast.  Without the cast the same text means something else: a conversion by
 * input and output functions.  So a cast comes with the function or the types
 * that it is made of, where all of them are there then.
 *
 * Who owns one of the types may make a cast; it has no owner of its own.  So into
 * a database that exists one comes where a type comes whose owner made it: nothing
 * else that it is made of is there already and belongs to another role, which could
 * have made it as well.  Or it comes where the owner of the function, which comes,
 * owns a type that is there.  Any other one that is not there any more is told of.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "selection_casts.h"

static bool
is_function(const TocEntry *entry)
{
	return toc_entry_is(entry, "FUNCTION");
}

/* Is it restored, or there and used? */
static bool
is_used(const Selection *selection, const TocEntry *entry)
{
	return selection_state(selection, entry->id) >= ENTRY_EXISTING;
}

/* Are the types and the function there when the part is restored?  Some of them are its own. */
static bool
has_all(const Selection *selection, const TocEntry *cast)
{
	bool used = false;
	int d;

	for (d = 0; d < cast->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, cast->depends_on[d]);

		if (other == NULL)
			continue;
		used = used || is_used(selection, other);
		/* With --as, the row type of a table has another name. */
		if ((selection->renames && toc_entry_is_relation(other)) ||
			(!is_used(selection, other) &&
			 (selection->existing == NULL || selection_state(selection, other->id) != ENTRY_OUT ||
			  !existing_objects_has(selection->existing, other))))
			return false;
	}
	return used;
}

/* Is all that it is made of restored, or of this role or a superuser? */
static bool
is_of_owner(const Selection *selection, const TocEntry *cast, const char *owner)
{
	int d;

	for (d = 0; d < cast->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, cast->depends_on[d]);
		FoundObject found;

		if (other == NULL || selection_includes(selection, other) ||
			!existing_objects_find(selection->existing, other, &found))
			continue;
		if (strcmp(found.owner, owner) != 0 &&
			!existing_objects_is_superuser(selection->existing, found.owner))
			return false;
	}
	return true;
}

/* Does a type come with it, or is one there that belongs to the owner of the function? */
static bool
may_be_made(const Selection *selection, const TocEntry *cast)
{
	const char *owner = NULL;
	int d;

	if (selection->existing == NULL)
		return true;
	for (d = 0; d < cast->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, cast->depends_on[d]);

		if (other == NULL || !selection_includes(selection, other))
			continue;
		if (is_function(other))
			owner = other->owner;
		else if (is_of_owner(selection, cast, other->owner))
			return true;
	}
	for (d = 0; owner != NULL && d < cast->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, cast->depends_on[d]);
		FoundObject found;

		if (other != NULL && !is_function(other) &&
			existing_objects_find(selection->existing, other, &found) &&
			strcmp(found.owner, owner) == 0)
			return true;
	}
	return false;
}

bool
selection_cast_comes(const Selection *selection, const TocEntry *cast)
{
	return toc_entry_is(cast, "CAST") && has_all(selection, cast) && may_be_made(selection, cast);
}

bool
selection_cast_is_lost(const Selection *selection, const TocEntry *cast)
{
	return toc_entry_is(cast, "CAST") && selection_state(selection, cast->id) == ENTRY_OUT &&
		   !(selection->existing != NULL && existing_objects_has(selection->existing, cast)) &&
		   has_all(selection, cast);
}
