/*-------------------------------------------------------------------------
 *
 * verify_listed.c
 *	  What can be said of objects without reading them.
 *
 *-------------------------------------------------------------------------
 */
#include "verify_listed.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "bad_objects.h"
#include "log.h"
#include "memory.h"
#include "progress.h"

void
listed_server_free(ListedServer *listed)
{
	if (!listed->known)
		return;
	object_listing_free(&listed->listing);
	object_set_free(&listed->bad);
	memset(listed, 0, sizeof(*listed));
}

static bool
list_server(ListedServer *listed, Repository *repository, const char *server)
{
	StoreResult result;

	if (listed->known && listed->repository == repository && strcmp(listed->server, server) == 0)
		return true;
	listed_server_free(listed);
	memcpy(listed->server, server, strlen(server) + 1);
	listed->known = true;
	listed->repository = repository;
	result = object_listing_load(&listed->listing, repository, server);
	object_set_init(&listed->bad);
	bad_objects_load(repository, server, &listed->bad);
	if (result.code == STORE_OK)
		return true;
	listed_server_free(listed);
	return report_error(EXIT_FAILED, NULL, result.hint, "could not list the objects in \"%s\": %s",
						repository->storage->location, result.text);
}

/* What is wrong with an object; NULL: nothing, or it may not be read. */
static char *
problem_of(const ListedServer *listed, const Manifest *manifest, uint32_t object,
		   ListedObject *found)
{
	const ManifestObject *wanted = &manifest->objects[object];
	uint64_t bytes;

	*found = object_listing_look(&listed->listing, manifest, object, &bytes);
	if (*found == LISTED_ABSENT)
		return xstrdup("is missing");
	if (*found == LISTED_OTHER_LENGTH)
		return xasprintf("has %" PRIu64 " bytes instead of %" PRIu64, bytes, wanted->bytes);
	if (*found == LISTED_GOOD && object_set_find(&listed->bad, wanted->id, manifest->codec) != NULL)
		return xstrdup("was found damaged before");
	return NULL;
}

static void
report_object(const ListedServer *listed, Repository *repository, const Manifest *manifest,
			  uint32_t object, const Member *first, uint32_t count, VerifyReport *report)
{
	ListedObject found;
	char *problem = problem_of(listed, manifest, object, &found);

	if (found == LISTED_UNREADABLE)
		verify_report_unreadable(report, manifest, object, "may not be read", NULL);
	else
		verify_report_add(report, manifest, object, (uint32_t) (first - manifest->members), count,
						  problem);
	if (problem != NULL)
		bad_object_note(repository, manifest, object, problem);
	free(problem);
}

bool
verify_listed(ListedServer *listed, Repository *repository, const Manifest *manifest,
			  const bool *read, VerifyReport *report)
{
	uint32_t *first = xcalloc((size_t) manifest->nobjects + 1, sizeof(uint32_t));
	uint32_t *count = xcalloc((size_t) manifest->nobjects + 1, sizeof(uint32_t));
	bool good = list_server(listed, repository, manifest->server.label);
	uint32_t i;

	for (i = 0; i < manifest->nmembers; i++)
	{
		uint32_t object = manifest->members[i].object;

		if (count[object]++ == 0)
			first[object] = i;
	}
	for (i = 0; good && i < manifest->nobjects; i++)
	{
		if (read != NULL && read[i])
			continue;
		report_object(listed, repository, manifest, i, manifest->members + first[i], count[i],
					  report);
		atomic_fetch_add(&progress.units_done, 1);
	}
	free(first);
	free(count);
	return good;
}

/* A random position below a limit; the bias of 64 bits is none. */
static bool
random_below(uint32_t limit, uint32_t *number)
{
	uint64_t bits;

	if (RAND_bytes((unsigned char *) &bits, sizeof(bits)) != 1)
		return report_error(EXIT_FAILED, NULL, NULL, "could not generate random bytes");
	*number = (uint32_t) (bits % limit);
	return true;
}

bool *
verify_pick_sample(const Manifest *manifest, int percent)
{
	uint32_t *order = xcalloc((size_t) manifest->nobjects + 1, sizeof(uint32_t));
	bool *picked = xcalloc((size_t) manifest->nobjects + 1, sizeof(bool));
	uint64_t all = 0;
	uint64_t taken = 0;
	bool good = true;
	uint32_t i;

	for (i = 0; i < manifest->nobjects; i++)
	{
		order[i] = i;
		all += manifest->objects[i].bytes;
	}
	for (i = 0; i < manifest->nobjects && (i == 0 || (double) taken * 100 < (double) all * percent);
		 i++)
	{
		uint32_t other = 0;
		uint32_t object;

		good = random_below(manifest->nobjects - i, &other);
		if (!good)
			break;
		object = order[i + other];
		order[i + other] = order[i];
		picked[object] = true;
		taken += manifest->objects[object].bytes;
	}
	free(order);
	if (good)
		return picked;
	free(picked);
	return NULL;
}
