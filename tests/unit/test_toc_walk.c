/*-------------------------------------------------------------------------
 *
 * test_toc_walk.c
 *	  However long a chain of objects is, a walk along it ends, and needs no
 *	  more of the stack than a short one.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "live_rests.h"
#include "memory.h"
#include "selection.h"

#define LEVELS 300000

/* Functions of which each depends on the one before, twice. */
typedef struct Chain
{
	Selection selection;
	int *ids;
} Chain;

static void
make_chain(Chain *chain)
{
	static char kind[] = "FUNCTION";
	ArchiveToc *toc = &chain->selection.toc;
	int i;

	memset(chain, 0, sizeof(*chain));
	toc->count = LEVELS;
	toc->entries = xcalloc(LEVELS, sizeof(TocEntry));
	toc->by_id = xcalloc(LEVELS, sizeof(TocEntry *));
	chain->ids = xcalloc(2 * LEVELS, sizeof(int));
	chain->selection.starts = xcalloc(LEVELS + 1, sizeof(int));
	chain->selection.dependents = xcalloc(2 * LEVELS, sizeof(int));
	for (i = 0; i < LEVELS; i++)
	{
		TocEntry *entry = &toc->entries[i];

		chain->ids[2 * i] = chain->ids[2 * i + 1] = i;
		*entry = (TocEntry){.id = i + 1,
							.place = (uint32_t) i,
							.kind = kind,
							.depends_on = &chain->ids[2 * i],
							.ndepends_on = i > 0 ? 2 : 0};
		toc->by_id[i] = entry;
		chain->selection.dependents[2 * i] = chain->selection.dependents[2 * i + 1] = i + 2;
		chain->selection.starts[i + 1] = i + 1 < LEVELS ? 2 * (i + 1) : 2 * i;
	}
}

static void
free_chain(Chain *chain)
{
	free(chain->selection.toc.entries);
	free(chain->selection.toc.by_id);
	free(chain->selection.starts);
	free(chain->selection.dependents);
	free(chain->ids);
}

static void
test_long_chain(void **state)
{
	const TocEntry *entries;
	bool *resting;
	Chain chain;
	int i;

	(void) state;
	make_chain(&chain);
	entries = chain.selection.toc.entries;
	assert_true(live_code_rests_on(&chain.selection.toc, &entries[LEVELS - 1], &entries[0]));
	assert_false(live_code_rests_on(&chain.selection.toc, &entries[5], &entries[LEVELS - 1]));
	resting = live_code_resting(&chain.selection, &entries[3]);
	for (i = 0; i < LEVELS; i++)
		assert_int_equal(resting[i], i >= 3);
	free(resting);
	free_chain(&chain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
