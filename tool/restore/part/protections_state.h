/*-------------------------------------------------------------------------
 *
 * protections_state.h
 *	  What is known of the protections of a part.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PROTECTIONS_STATE_H
#define NEX_PROTECTIONS_STATE_H

#include "part_tables.h"
#include "restore_plan.h"

/* A table whose protection has to wait, and what was written to it when its rows were there. */
typedef struct Watched
{
	const TocEntry *table;
	char *written;
} Watched;

struct Protections
{
	PartTables tables;
	uint32_t *places; /* of the protections, in the order of the archive */
	uint32_t count;
	const TocEntry **objects; /* by place, of a protection: what it protects, or NULL */
	bool *protections;        /* by place */
	bool *made;               /* by place, of entries after the rows */
	uint32_t *first;          /* by place, of what is protected: its first one in places, plus 1 */
	uint32_t *following;      /* the next one of the same, plus 1 */
	uint32_t *tried;          /* by place, of what is protected: in this round */
	uint32_t round;
	bool *begun; /* by place, of tables: rows have come, or come now */
	bool *has;   /* by place, of tables: has such protections, or a partition has */
	Watched *watched;
	uint32_t nwatched;
	bool *watching;        /* by place, of tables */
	const TocEntry **next; /* what is to be made now */
	uint32_t nnext;
};

/* What is known of the tables; NULL before protections_begin(). */
extern const PartTables *protections_tables(const RestorePlan *plan);

/* Tables, views ... of the part whose protection an entry is, one by one; NULL: no more. */
extern const TocEntry *protections_next_object(const RestorePlan *plan, const TocEntry *entry,
											   int *d);

/* The one whose protection it is, or NULL. */
extern const TocEntry *protections_find_object(const RestorePlan *plan, const TocEntry *entry);

#endif /* NEX_PROTECTIONS_STATE_H */
