/*-------------------------------------------------------------------------
 *
 * object_listing.h
 *	  Which objects of a server are there, by one listing of them all.
 *
 * For whoever compares whole backups with what is stored.  A backup that is
 * being made asks for less, and sees more with it (reusable.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OBJECT_LISTING_H
#define NEX_OBJECT_LISTING_H

#include "manifest.h"
#include "object_set.h"
#include "repository_state.h"

typedef enum ListedObject
{
	LISTED_ABSENT,
	LISTED_UNREADABLE,   /* for this process, as far as its rights tell */
	LISTED_OTHER_LENGTH, /* than the manifest says */
	LISTED_GOOD
} ListedObject;

typedef struct ObjectListing
{
	ObjectSet objects; /* only object_listing_look() knows what is in it */
	Cipher cipher;
} ObjectListing;

/*
 * List the objects of a server, as stored (owner.h).  STORE_ABSENT, if there is
 * none at all, is good.  object_listing_free() in any case.
 */
extern StoreResult object_listing_load(ObjectListing *listing, const Repository *repository,
									   const char *server);
extern void object_listing_free(ObjectListing *listing);

/* *bytes is its length, if it is there. */
extern ListedObject object_listing_look(const ObjectListing *listing, const Manifest *manifest,
										uint32_t object, uint64_t *bytes);

/*
 * Was it written a short time ago, by the storage's clock?  Where locks can be
 * lost, no expire removes it for as long again (condemned.h), though no backup names it.
 */
extern bool object_listing_is_fresh(const ObjectListing *listing, const Manifest *manifest,
									uint32_t object);

#define OBJECT_FRESH_SECONDS (12 * 3600)

#endif /* NEX_OBJECT_LISTING_H */
