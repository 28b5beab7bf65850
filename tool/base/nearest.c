/*-------------------------------------------------------------------------
 *
 * nearest.c
 *	  Edit distance for the hints about misspelt commands, options and keys.
 *
 * Transposed letters count as one slip, because they are the commonest one.
 *
 *-------------------------------------------------------------------------
 */
#include "nearest.h"

#include <stddef.h>
#include <string.h>

/* No known name is longer; a longer word has no near name. */
#define MAX_LENGTH 40

static int
smaller(int a, int b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbors that turn a into b. */
static int
edit_distance(const char *a, const char *b)
{
	int distance[MAX_LENGTH + 1][MAX_LENGTH + 1];
	int length_a = (int) strlen(a);
	int length_b = (int) strlen(b);
	int i;
	int j;

	for (i = 0; i <= length_a; i++)
		distance[i][0] = i;
	for (j = 0; j <= length_b; j++)
		distance[0][j] = j;
	for (i = 1; i <= length_a; i++)
	{
		for (j = 1; j <= length_b; j++)
		{
			int cost = a[i - 1] != b[j - 1];

			distance[i][j] = smaller(smaller(distance[i - 1][j], distance[i][j - 1]) + 1,
									 distance[i - 1][j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				distance[i][j] = smaller(distance[i][j], distance[i - 2][j - 2] + 1);
		}
	}
	return distance[length_a][length_b];
}

const char *
nearest_name(const char *word, const char *const *names, int count)
{
	size_t length = strlen(word);
	const char *best = NULL;
	int best_distance = length < 6 ? 1 : (int) length / 3;
	int i;

	if (length == 0 || length > MAX_LENGTH)
		return NULL;
	for (i = 0; i < count; i++)
	{
		int distance;

		if (strlen(names[i]) > MAX_LENGTH)
			continue;
		if (length >= 3 && strncmp(names[i], word, length) == 0)
			return names[i];
		distance = edit_distance(word, names[i]);
		if (distance < best_distance || (distance == best_distance && best == NULL))
		{
			best = names[i];
			best_distance = distance;
		}
	}
	return best;
}
