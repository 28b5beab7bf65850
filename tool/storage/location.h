/*-------------------------------------------------------------------------
 *
 * location.h
 *	  Where a repository is, as it is written: a directory, or a URL of a
 *	  bucket or of a directory on an SFTP server.
 *
 * A URL holds no secrets and no settings: no password and no query; a user only
 * for SFTP.  It is shown in messages and kept in the catalog.
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
	LOCATION_GOOGLE,
	LOCATION_SFTP
} LocationKind;

typedef struct Location
{
	LocationKind kind;
	char *directory;
	char *account; /* of Azure; the user of an SFTP server, if one is named; else NULL */
	char *bucket;  /* or the host */
	char *prefix;  /* "" or "a/b": the names of all objects begin with it and a slash.  On an SFTP
					  server a path: "/a/b", or "~/a/b" from where a user begins. */
	int port;      /* of an SFTP server; 0: none is named */
} Location;

/*
 * Read one: DIRECTORY, file:///DIRECTORY, s3://BUCKET[/PREFIX], gs://BUCKET[/PREFIX],
 * azure://ACCOUNT/CONTAINER[/PREFIX], sftp://[USER@]HOST[:PORT]/PATH or …/~/PATH.  NULL when good,
 * else a sentence that says what it must be like; then there is nothing to be freed.
 */
extern const char *location_parse(const char *text, Location *location);
extern void location_free(Location *location);

#endif /* NEX_LOCATION_H */
