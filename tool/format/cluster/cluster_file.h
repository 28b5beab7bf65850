/*-------------------------------------------------------------------------
 *
 * cluster_file.h
 *	  What the files in a data directory are, by their names: which of them a
 *	  base backup leaves out, and which hold pages of relations.
 *
 * The list is that of the server's own base backup.  Paths are relative to the
 * data directory; those of a tablespace begin with pg_tblspc/OID/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CLUSTER_FILE_H
#define NEX_CLUSTER_FILE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum ClusterUse
{
	CLUSTER_TAKE,
	CLUSTER_EMPTY, /* a directory that is there, but whose content is not */
	CLUSTER_LEAVE_OUT
} ClusterUse;

/* The one that is read last, and restored last. */
#define CONTROL_FILE "global/pg_control"

/* By the path alone; what belongs to an unlogged relation is known by relation_file only. */
extern ClusterUse cluster_use(const char *path, bool is_directory);

/*
 * Is it a file or directory without which the server is not whole?  Settings, logs and what people
 * put there are not.
 */
extern bool cluster_is_of_server(const char *path);

/* May a path lie in a data directory: relative, without "." and ".."? */
extern bool cluster_path_valid(const char *path);

typedef enum RelationFork
{
	FORK_MAIN,
	FORK_FSM,
	FORK_VM,
	FORK_INIT
} RelationFork;

typedef struct RelationFile
{
	uint32_t number; /* of the relation's files: its relfilenode */
	RelationFork fork;
	uint32_t segment;
} RelationFile;

/* Is it the name of a file of a relation, "16384_vm.3"? */
extern bool relation_file_parse(const char *name, RelationFile *file);

/* Does a directory hold files of relations: global, base/5, pg_tblspc/16385/PG_15_202209061/5? */
extern bool cluster_holds_relations(const char *directory);

#endif /* NEX_CLUSTER_FILE_H */
