/*-------------------------------------------------------------------------
 *
 * manifest.h
 *	  A backup's manifest in memory, and its reading and writing
 *	  (docs/format.md, section 5).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MANIFEST_H
#define NEX_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "cipher.h"
#include "codec.h"
#include "digest.h"
#include "names.h"
#include "owner.h"

/* In the order in which they appear in a manifest. */
typedef enum MemberKind
{
	MEMBER_HEAD,
	MEMBER_ARCHIVE,
	MEMBER_PRE_DATA,
	MEMBER_DATA,
	MEMBER_LARGE_OBJECTS,
	MEMBER_SEQUENCES,
	MEMBER_POST_DATA,
	MEMBER_DATABASE,
	MEMBER_GLOBALS,
	MEMBER_FILE,       /* a configuration file, its secrets encrypted in place */
	MEMBER_FILE_WHOLE, /* one that is encrypted as a whole */
	MEMBER_PAGES,      /* bytes of files of a server (file_map.h) */
	MEMBER_FILE_MAP,   /* which files these are of, and where in them */
	MEMBER_TAIL,
	MEMBER_KINDS
} MemberKind;

/*
 * The most bytes of a member, decompressed: a row as COPY gives it has up to
 * 1 GB, and ends a piece of 8 MiB; other text is one member however long.
 */
#define MEMBER_DATA_LIMIT (UINT64_C(1088) * 1024 * 1024)
#define MEMBER_TEXT_LIMIT (UINT64_C(2048) * 1024 * 1024)

typedef struct Member
{
	MemberKind kind;
	uint32_t object;     /* position in Manifest.objects */
	int32_t table;       /* position in Manifest.tables; -1: not data */
	uint64_t offset;     /* bytes from the beginning of the object file */
	uint64_t length;     /* bytes of the frame */
	uint64_t raw;        /* bytes after decompression */
	uint64_t rows;       /* data only */
	bool has_blocks;     /* a part of a table */
	uint32_t block_from; /* first heap block */
	uint32_t block_to;   /* block after the last; 0: to the end */
} Member;

typedef struct ManifestObject
{
	DigestHex id;
	uint64_t bytes;
	/* Of an encrypted object, else 0 and empty: */
	uint64_t plain;    /* its bytes when decrypted; members lie in these */
	DigestHex content; /* keyed digest of these, to find equal content again */
} ManifestObject;

/* What is read of one, and so what may be written. */
#define MAX_MANIFEST_BYTES (1024UL * 1024 * 1024)

typedef struct ManifestTable
{
	uint32_t oid;
	char *schema;
	char *name;
	char *copy;      /* "COPY public.t (a, b) FROM stdin;" */
	bool serial;     /* rows go in by one connection at a time, in manifest order */
	char *extension; /* whose configuration it is; NULL: of none, or of one not named (0.2.1) */
	uint64_t rows;
	uint64_t raw_bytes;
	uint64_t stored_bytes;
	uint64_t heap_bytes; /* heap and TOAST at backup time */
} ManifestTable;

/* A role with settings in the database, and what else it could do there: "SUPERUSER, pg_monitor".
 */
typedef struct ManifestRole
{
	char *name;
	char *powers;
} ManifestRole;

typedef struct ManifestDatabase
{
	char *name;
	char *owner;
	char *encoding;
	char *collate;
	char *ctype;
	char *provider;   /* "c", "i", "b" */
	char *icu_locale; /* may be NULL, as icu_rules */
	char *icu_rules;
	char *tablespace;
	int connection_limit;
	uint64_t bytes;
	ManifestRole *roles; /* those with settings that can do more than others */
	uint32_t nroles;
	bool knows_roles; /* false: written before 0.2.2, or locked */
} ManifestDatabase;

/* Of a backup of the globals. */
typedef struct ManifestGlobals
{
	uint64_t roles;
	uint64_t memberships;
	uint64_t tablespaces;
	bool passwords; /* of the roles are in it */
} ManifestGlobals;

/* A tablespace of a server that is not in its data directory. */
typedef struct ManifestTablespace
{
	uint32_t oid;
	char *path;
} ManifestTablespace;

/* Pages whose checksums were wrong: they are in the backup as they were. */
typedef struct ManifestDamage
{
	char *path;
	uint32_t block; /* within the file */
} ManifestDamage;

/* Of a backup of all files of a server. */
typedef struct ManifestCluster
{
	uint64_t start; /* where recovery has to begin in the WAL … */
	uint64_t stop;  /* … and from where on the files are consistent */
	uint32_t timeline;
	uint32_t segment_size; /* of WAL */
	uint32_t block_size;
	bool checksums; /* pages have them */
	bool complete;  /* the configuration files are in the data directory */
	uint64_t files;
	uint64_t damaged; /* pages */

	/* not in the outer part of an encrypted manifest: */
	char *label; /* the text of backup_label */
	ManifestTablespace *tablespaces;
	uint32_t ntablespaces;
	ManifestDamage *damage; /* at most MAX_DAMAGE of them */
	uint32_t ndamage;
} ManifestCluster;

#define MAX_DAMAGE 1000

typedef struct ManifestServer
{
	char *version;           /* "15.18" */
	int version_num;         /* 150018 */
	char *system_identifier; /* these two and timeline may be unknown: NULL, 0 */
	char *lsn;
	int timeline;
	bool in_recovery;
	int history;            /* how often --same-server was used until then: positions begin again */
	char *replayed_until;   /* of a standby, time of the last transaction replayed; or NULL */
	char *running_since;    /* when the server was started; NULL: not known */
	char label[LABEL_SIZE]; /* of this server in the repository; "": main */
} ManifestServer;

typedef struct ManifestTotals
{
	uint64_t tables;
	uint64_t rows;
	uint64_t raw_bytes;
	uint64_t stored_bytes;
	uint64_t members;
	uint64_t objects;
	uint64_t new_objects;
	uint64_t new_bytes;
	uint64_t large_objects;
	uint64_t sequences;
} ManifestTotals;

/* A configuration file; its text is in one or two members. */
typedef struct ManifestFile
{
	char *path; /* absolute, free of symbolic links */
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	char *owner; /* name of uid; NULL if it has none */
	char *group;
	int64_t modified; /* seconds since 1970 */
	uint64_t bytes;
	char *form;       /* "yaml", "dotenv", "whole" */
	char *reason;     /* why it is encrypted as a whole though its name says otherwise; or NULL */
	uint64_t secrets; /* values encrypted in place */
	int32_t readable; /* positions in Manifest.members; -1: none */
	int32_t whole;
} ManifestFile;

typedef struct Manifest
{
	BackupKind kind;
	char id[BACKUP_ID_SIZE];
	char *repository;  /* id of the repository */
	char *copied_from; /* that of another one, where the backup has the same id; NULL: none */
	char *type;
	DigestHex seal; /* of the file that it was read from; "" otherwise */
	int place;      /* which of several places of the repository that is; 0: the first */
	char *tool;
	char *pg_dump;
	char *started; /* "2026-11-23T02:00:00.000Z" */
	char *snapshot_at;
	char *finished;
	Codec codec;
	int level;
	Cipher cipher;
	char *recipients;   /* id of the set of recipients; NULL when not encrypted */
	bool locked;        /* its inner part is still encrypted: no tables, members, warnings */
	char *private_part; /* that part, in base64 */
	ManifestDatabase database;
	ManifestGlobals globals;
	ManifestCluster cluster;
	ManifestServer server;
	ManifestTotals totals;

	char **warnings;
	int nwarnings;
	unsigned more_warnings; /* too many to be kept, while it is made */
	ManifestTable *tables;
	uint32_t ntables;
	ManifestObject *objects;
	uint32_t nobjects;
	Member *members;
	uint32_t nmembers;
	ManifestFile *files; /* of a backup of files */
	uint32_t nfiles;
} Manifest;

/*
 * Can a member have the sizes that a manifest says?  It is read whole, so they
 * are sizes of memory.  No codec makes a frame much larger than what is in it.
 */
extern bool member_size_possible(const Member *member);

extern const char *member_kind_name(MemberKind kind);
extern const char *backup_kind_name(BackupKind kind);

/* "db/id", or "globals id", for people; caller frees. */
extern char *manifest_label(const Manifest *manifest);

extern Manifest *manifest_create(void);
extern void manifest_free(Manifest *manifest);

/* Add an entry and return its position. */
extern uint32_t manifest_add_table(Manifest *manifest,
								   const ManifestTable *table); /* takes over the strings */
extern uint32_t manifest_add_object(Manifest *manifest, const ManifestObject *object);
extern uint32_t manifest_add_member(Manifest *manifest, const Member *member);
/* Takes over the strings. */
extern uint32_t manifest_add_file(Manifest *manifest, const ManifestFile *file);
extern void manifest_file_clear(ManifestFile *file);
extern void manifest_add_warning(Manifest *manifest, const char *warning);

/* Sum up members and objects into totals and the tables' sums (not new_*, large_objects,
 * sequences). */
extern void manifest_sum_up(Manifest *manifest);

/* The text of the .sha256 file that belongs to the manifest. */
extern void manifest_listing(const Manifest *manifest, Buffer *listing);

/* Whose backup it is. */
extern Owner manifest_owner(const Manifest *manifest);

/* Do two manifests describe the same backup and the same objects? */
extern bool manifest_same_backup(const Manifest *a, const Manifest *b);

/* "objects/ab/abcdef….sql.zst", below the directory of its server; caller frees. */
extern char *manifest_object_path(const Manifest *manifest, uint32_t object);

#endif /* NEX_MANIFEST_H */
