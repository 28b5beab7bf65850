/*-------------------------------------------------------------------------
 *
 * location.h
 *	  Where a repository is, as it is written: a directory, or a URL of a
 *	  bucket.
 *
 * A URL holds no secrets and no settings: neither user nor password, nor a
 * query.  It is shown in messages and kept in the catalog.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOCATION_H
#define NEX_LOCATION_H

typedef enum LocationKind
{
	LOCATION_DIRECTORY,
	LOCATION_S3,
	LOCATION_AZURE,
	LOCATION_GOOGLE
} LocationKind;

typedef struct Location
{
	LocationKind kind;
	char *directory;
	char *account; /* of Azure; else NULL */
	char *bucket;
	char *prefix; /* "" or "a/b": the names of all objects begin with it and a slash */
} Location;

/*
 * Read one: DIRECTORY, file:///DIRECTORY, s3://BUCKET[/PREFIX], gs://BUCKET[/PREFIX] or
 * azure://ACCOUNT/CONTAINER[/PREFIX].  NULL when good, else a sentence that says what it must be
 * like; then there is nothing to be freed.
 */
extern const char *location_parse(const char *text, Location *location);
extern void location_free(Location *location);

#endif /* NEX_LOCATION_H */
