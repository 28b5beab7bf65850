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

typedef struct BaseReading
{
	BaseTree *tree;
	const BasePlan *plan; /* gets how long files were that are read whole */
	PageRules rules;
	uint32_t relation_blocks; /* of one file of a relation: where the next begins */
	uint64_t rate;            /* bytes a second, at most; 0: any number */
	Manifest *manifest;       /* gets what is damaged */
	Pipeline *pipeline;
} BaseReading;

/* Read all packs.  False (reported, unless work must stop) on failure. */
extern bool base_read(const BaseReading *reading, int threads);

/* Read pg_control, whole and not while it is written; false (reported) on failure. */
extern bool base_read_control(const BaseTree *tree, Buffer *content);

#endif /* NEX_BASE_READER_H */
