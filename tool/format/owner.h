/*-------------------------------------------------------------------------
 *
 * owner.h
 *	  What a backup is of: a database or the globals of a server, or a set of
 *	  configuration files; and where the backups of it lie.
 *
 * A repository may hold the backups of several servers.  Each has a label; that
 * of the first is "main", and its backups lie where they did before there were
 * labels.  All of another server, objects included, lies below servers/LABEL:
 * programs that know nothing of it find no file there to take for a leftover.
 *
 * This is the only place that makes paths of names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OWNER_H
#define NEX_OWNER_H

#include <stdbool.h>

/* Letters, digits, "_" and "-", 32 at most, as the name of a set. */
#define LABEL_SIZE 33

#define MAIN_SERVER "main"

/* What a backup is of. */
typedef enum BackupKind
{
	BACKUP_OF_DATABASE,
	BACKUP_OF_GLOBALS, /* roles and tablespaces of a server */
	BACKUP_OF_FILES,   /* a set of configuration files, which belongs to no server */
	BACKUP_OF_CLUSTER  /* all files of a server, known by its system identifier alone */
} BackupKind;

/* In what others wrote (options, notes, records) stands for the globals: no database has this name.
 * In here, they have a kind. */
#define GLOBALS_DATABASE ""

typedef struct Owner
{
	BackupKind kind;
	char server[LABEL_SIZE]; /* "": main */
	char name[64];           /* of the database or the set, or the system identifier in 16 hex
								digits; "": the globals have none */
} Owner;

/* May a server, or a set of files, be called so? */
extern bool label_valid(const char *label);

/* Is it a system identifier as directories have it: 16 lower-case hex digits? */
extern bool system_name_valid(const char *name);

/* The label of a server as a path and a struct have it: "" for main.  Of a valid one. */
extern const char *label_stored(const char *label);

/* Take one that stands for another server than main, as in a manifest; false if it is none. */
extern bool label_take(const char *label, char stored[LABEL_SIZE]);

/*
 * The owner that a text names: a database of a server (NULL: main), or if it
 * is GLOBALS_DATABASE its globals.
 */
extern Owner owner_of(const char *label, const char *database);
extern Owner owner_of_globals(const char *label);
extern Owner owner_of_files(const char *set);
extern Owner owner_of_cluster(const char *system); /* 16 hex digits */

/* Is it a database, or the globals: what belongs to a server that has a label? */
extern bool owner_has_server(const Owner *owner);
extern bool owner_equal(const Owner *a, const Owner *b);
extern bool owner_is_globals(const Owner *owner);

/* The label of its server: "main" or another. */
extern const char *owner_server(const Owner *owner);

/*
 * "db" or "LABEL@db": unlike the name of any other owner of its kind.  Only a database
 * of main that could be taken for another server's is "main@db".  Caller frees.
 */
extern char *owner_name(const Owner *owner);

/*
 * The two ways to read a name: as the database of a server (false if the text
 * before the first "@" is not a label), which `plain` must not be called.
 */
extern bool owner_parse_full(const char *name, Owner *owner);

/* Where the manifests lie, "backups/db"; NULL if no database has such a name.  Caller frees. */
extern char *owner_directory(const Owner *owner);

/* Where the objects and manifests of a server (as stored) lie; caller frees. */
extern char *server_path(const char *server, const char *tree);

/* The lock of its backups; NULL as above.  Caller frees. */
extern char *owner_lock(const Owner *owner);

#endif /* NEX_OWNER_H */
