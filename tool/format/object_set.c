/*-------------------------------------------------------------------------
 *
 * object_set.c
 *	  A set of objects by id and codec: open addressing, never removed from.
 *
 * The ids are digests, so their first bytes are a good hash as they stand.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "memory.h"
#include "object_set.h"

void
object_set_init(ObjectSet *set)
{
	memset(set, 0, sizeof(*set));
}

void
object_set_free(ObjectSet *set)
{
	size_t i;

	for (i = 0; i < set->capacity; i++)
		free(set->entries[i].note);
	free(set->entries);
	object_set_init(set);
}

/* Value of a lower-case hex digit that is known to be one. */
static unsigned
hex_value(char c)
{
	return c <= '9' ? (unsigned) (c - '0') : (unsigned) (c - 'a') + 10;
}

static bool
id_to_binary(const char *id, unsigned char binary[32])
{
	int i;

	if (!digest_hex_valid(id))
		return false;
	for (i = 0; i < 32; i++)
		binary[i] = (unsigned char) (hex_value(id[2 * i]) << 4 | hex_value(id[2 * i + 1]));
	return true;
}

/* The entry of the object, or the free one where it belongs. */
static ObjectSetEntry *
slot_of(const ObjectSet *set, const unsigned char binary[32], uint8_t codec)
{
	uint64_t hash;
	size_t i;

	memcpy(&hash, binary, sizeof(hash));
	for (i = (size_t) hash & (set->capacity - 1);; i = (i + 1) & (set->capacity - 1))
	{
		ObjectSetEntry *entry = &set->entries[i];

		if (!entry->used || (entry->codec == codec && memcmp(entry->id, binary, 32) == 0))
			return entry;
	}
}

/* Double the table before it is three quarters full. */
static void
make_room(ObjectSet *set)
{
	ObjectSet larger;
	size_t i;

	if ((set->count + 1) * 4 <= set->capacity * 3)
		return;
	larger.capacity = set->capacity == 0 ? 256 : set->capacity * 2;
	larger.count = set->count;
	larger.entries = xcalloc(larger.capacity, sizeof(ObjectSetEntry));
	for (i = 0; i < set->capacity; i++)
	{
		const ObjectSetEntry *entry = &set->entries[i];

		if (entry->used)
			*slot_of(&larger, entry->id, entry->codec) = *entry;
	}
	free(set->entries);
	*set = larger;
}

ObjectSetEntry *
object_set_add(ObjectSet *set, const char *id, Codec codec)
{
	unsigned char binary[32];
	ObjectSetEntry *entry;

	if (!id_to_binary(id, binary))
		return NULL;
	make_room(set);
	entry = slot_of(set, binary, (uint8_t) codec);
	if (!entry->used)
	{
		memcpy(entry->id, binary, sizeof(binary));
		entry->codec = (uint8_t) codec;
		entry->used = true;
		set->count++;
	}
	return entry;
}

ObjectSetEntry *
object_set_find(const ObjectSet *set, const char *id, Codec codec)
{
	unsigned char binary[32];
	ObjectSetEntry *entry;

	if (set->count == 0 || !id_to_binary(id, binary))
		return NULL;
	entry = slot_of(set, binary, (uint8_t) codec);
	return entry->used ? entry : NULL;
}
