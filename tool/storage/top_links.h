/*-------------------------------------------------------------------------
 *
 * top_links.h
 *	  Symbolic links at the top level of a repository.
 *
 * "objects" on another disk, by a link, is common.  Whom the link belongs to
 * decides: one of root or of the user who runs this was made by somebody who
 * could have done the work in that place anyway; unless it leads into another
 * repository, whose files this one would take for leftovers.  Such a link, and
 * one of the repository's owner, is followed for reading only, so that no
 * backup is out of reach; a link of anybody else is not followed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TOP_LINKS_H
#define NEX_TOP_LINKS_H

#include <stdbool.h>

typedef struct TopLink
{
	char *name;
	int directory; /* its target, opened once */
	bool trusted;  /* files may be written and removed there */
} TopLink;

typedef struct TopLinks
{
	TopLink *items;
	int count;
} TopLinks;

/* Look at all links in the directory `root`, and warn of those that are not followed. */
extern void top_links_find_all(TopLinks *links, int root, const char *location);

/*
 * The link that is the first part of a path, with what is left of the path
 * ("." if nothing); NULL if that is no link that is followed.
 */
extern const TopLink *top_links_find(const TopLinks *links, const char *path, const char **rest);
extern void top_links_free(TopLinks *links);

#endif /* NEX_TOP_LINKS_H */
