/*-------------------------------------------------------------------------
 *
 * base_reader.h
 *	  Reading the files of a server into objects, with several threads, and
 *	  looking at each page of a relation on the way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BASE_READER_H
#define NEX_BASE_READER_H

#include "base_plan.h"
#include "data_page.h"
#include "pipeline.h"

/* A page with a wrong checksum that the WAL puts right, if its LSN is none that is damaged, too. */
typedef struct NewerPage
{
	uint32_t file; /* position in the tree */
	uint32_t block;
	uint64_t lsn;
} NewerPage;

typedef struct NewerPages
{
	NewerPage *items;
	size_t count;
} NewerPages;

typedef struct BaseReading
{
	BaseTree *tree;
	const BasePlan *plan; /* gets how long files were that are read whole */
	PageRules rules;
	uint32_t relation_blocks; /* of one file of a relation: where the next begins */
	uint64_t rate;            /* bytes a second, at most; 0: any number */
	Manifest *manifest;       /* gets what is damaged */
	NewerPages *newer;        /* gets what may be */
	Pipeline *pipeline;
} BaseReading;

/* Read all packs.  False (reported, unless work must stop) on failure. */
extern bool base_read(const BaseReading *reading, int threads);

/* Once the manifest has where the backup ends: what is newer than that is damaged. */
extern void base_read_judge(const BaseTree *tree, const NewerPages *newer, Manifest *manifest);

/* Read pg_control, whole and not while it is written; false (reported) on failure. */
extern bool base_read_control(const BaseTree *tree, Buffer *content);

#endif /* NEX_BASE_READER_H */
