/*-------------------------------------------------------------------------
 *
 * base_tree.h
 *	  The files of a server, as they lie in its data directory when a base
 *	  backup begins.
 *
 * The list is that of that moment, and so are the lengths of relations.  What
 * is created, grows or vanishes later is in the WAL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BASE_TREE_H
#define NEX_BASE_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "file_map.h"
#include "manifest.h"

/*
 * Files that are no relations may be replaced by others at any time, and no WAL says so.  Those
 * that are not longer are read whole; longer ones are logs and the like.
 */
#define WHOLE_BYTES (1024 * 1024)

typedef struct BaseFile
{
	char *path; /* relative to the data directory */
	FileMapType type;
	uint32_t mode;
	int64_t modified;
	uint64_t bytes;         /* when it was listed */
	_Atomic uint64_t there; /* when it was read; of a relation the same, as the WAL cuts it */
	char *target;           /* of a link */
	bool relation;          /* it has pages with checksums */
	bool whole;             /* it is read at once, as long as it is then */
	uint32_t segment;       /* of the relation */
	atomic_bool gone;       /* it was removed before it was read whole */
} BaseFile;

typedef struct BaseTree
{
	int directory; /* the data directory, open */
	BaseFile *files;
	size_t count;
	uint64_t bytes;
	bool has_configuration; /* postgresql.conf is there */
} BaseTree;

/*
 * List a data directory, once the server has begun the backup.  Links to
 * tablespaces are followed, and given to the manifest; others are taken as they
 * are, with a warning.  False (reported) on failure.
 */
extern bool base_tree_read(const char *data_directory, Manifest *manifest, BaseTree *tree);
extern void base_tree_free(BaseTree *tree);

/* Open a file of it for reading; -1 and errno. */
extern int base_tree_open(const BaseTree *tree, const char *path);

#endif /* NEX_BASE_TREE_H */
