/*-------------------------------------------------------------------------
 *
 * base_plan.h
 *	  Which parts of which files of a server go into one object together.
 *
 * A large file is cut at multiples of PACK_BYTES; small files of a directory
 * share an object.  Neither depends on other files of other directories, so
 * that a part that has not changed gives the object of the last backup, which
 * is stored once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BASE_PLAN_H
#define NEX_BASE_PLAN_H

#include "base_tree.h"

/* What an object has at most, and a frame in it. */
#define PACK_BYTES (8 * 1024 * 1024)
#define FRAME_BYTES (1024 * 1024)

typedef struct PackPart
{
	uint32_t file;   /* position in the tree */
	uint64_t offset; /* in the file */
	uint32_t bytes;  /* in the object; of a file that is read whole an estimate, until it is read */
	bool new_frame;  /* it begins one */
} PackPart;

typedef struct Pack
{
	size_t first; /* of the parts */
	size_t count;
} Pack;

typedef struct BasePlan
{
	PackPart *parts;
	size_t nparts;
	Pack *packs; /* those of the largest files first */
	size_t npacks;
} BasePlan;

extern void base_plan_make(const BaseTree *tree, BasePlan *plan);
extern void base_plan_free(BasePlan *plan);

/*
 * The maps of the files, once it is known as which object each pack was
 * stored; of CONTROL_FILE, which is in no pack, as the last id.  Files that
 * vanished are left out.  Each is given to `put`, which stores it.
 */
typedef bool (*PutMap)(void *argument, const Buffer *map);
extern bool base_plan_write_maps(const BaseTree *tree, const BasePlan *plan, const DigestHex *ids,
								 PutMap put, void *argument);

#endif /* NEX_BASE_PLAN_H */
