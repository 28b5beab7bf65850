/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  Run a fuzz target over its corpus without a fuzzer, as a TAP test.
 *
 * The files of the directory CORPUS, each as it is, cut to half, and with one
 * byte changed.  What a fuzzer once found belongs into the corpus.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

#define MAX_FILE (1024 * 1024)

static uint8_t content[MAX_FILE];

static size_t
read_file(const char *name)
{
	char path[4096];
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", CORPUS, name);
	file = fopen(path, "rb");
	if (file == NULL)
	{
		printf("Bail out! cannot read %s\n", path);
		exit(1);
	}
	size = fread(content, 1, sizeof(content), file);
	fclose(file);
	return size;
}

/* A copy of its own, so that a sanitizer sees a read beyond the end. */
static void
run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	MUST(copy != NULL);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

int
main(void)
{
	DIR *directory = opendir(CORPUS);
	struct dirent *entry;
	int count = 0;

	if (directory == NULL)
	{
		printf("Bail out! no corpus %s\n", CORPUS);
		return 1;
	}
	while ((entry = readdir(directory)) != NULL)
	{
		size_t size;
		size_t i;

		if (entry->d_name[0] == '.')
			continue;
		size = read_file(entry->d_name);
		run(content, size);
		run(content, size / 2);
		for (i = 0; i < size; i += 1 + size / 64)
		{
			content[i] ^= 0x15;
			run(content, size);
			content[i] ^= 0x15;
		}
		printf("ok %d - %s\n", ++count, entry->d_name);
	}
	closedir(directory);
	printf("1..%d\n", count);
	return count > 0 ? 0 : 1;
}
