/*-------------------------------------------------------------------------
 *
 * verify_listed.h
 *	  What can be said of objects without reading them: that they are there,
 *	  with their lengths, and that nobody found them damaged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_VERIFY_LISTED_H
#define NEX_VERIFY_LISTED_H

#include "object_listing.h"
#include "verify.h"

/* The objects of the server that a run has come to; zeroed at first. */
typedef struct ListedServer
{
	bool known;
	const Repository *repository; /* the place that they are in */
	char server[LABEL_SIZE];
	ObjectListing listing;
	ObjectSet bad;
} ListedServer;

extern void listed_server_free(ListedServer *listed);

/*
 * Report on those objects of a manifest that are not read (NULL: none is); each
 * server's are listed once.  False (reported) if they cannot be listed.
 */
extern bool verify_listed(ListedServer *listed, Repository *repository, const Manifest *manifest,
						  const bool *read, VerifyReport *report);

/*
 * Pick objects at random, until they have so many percent of the bytes; one at least.
 * By position, to be freed; NULL if there are no random numbers (reported).
 */
extern bool *verify_pick_sample(const Manifest *manifest, int percent);

#endif /* NEX_VERIFY_LISTED_H */
