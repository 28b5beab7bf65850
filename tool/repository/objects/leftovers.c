/*-------------------------------------------------------------------------
 *
 * leftovers.c
 *	  Files that no backup needs.
 *
 * Only names that nex_backup itself gives are ever taken for leftovers; what
 * else somebody put into the directory is left alone, whatever it ends in.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "backups.h"
#include "bad_objects.h"
#include "file_names.h"
#include "interrupted.h"
#include "leftovers.h"
#include "log.h"
#include "memory.h"
#include "names.h"

/* Names in a directory. */
typedef struct NameList
{
	char **names;
	size_t count;
} NameList;

static bool
collect_name(const char *name, void *argument)
{
	NameList *list = argument;

	if ((list->count & (list->count - 1)) == 0)
		list->names =
			xrealloc(list->names, (list->count == 0 ? 1 : 2 * list->count) * sizeof(char *));
	list->names[list->count++] = xstrdup(name);
	return true;
}

static void
free_names(NameList *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
	memset(list, 0, sizeof(*list));
}

/* Always false. */
static bool
report_unread(const Repository *repository, const char *path, const StoreResult *result)
{
	return report_error(EXIT_FAILED, NULL, result->hint, "could not read directory \"%s/%s\": %s",
						repository->storage->location, path, result->text);
}

/* The names in a directory; an absent one is empty.  False: reported. */
static bool
list_names(Repository *repository, const char *path, NameList *list)
{
	Storage *storage = repository->storage;
	StoreResult result;

	memset(list, 0, sizeof(*list));
	result = storage->list(storage, path, collect_name, list);
	if (result.code == STORE_OK || result.code == STORE_ABSENT)
		return true;
	free_names(list);
	return report_unread(repository, path, &result);
}

static bool
is_directory(const char *name)
{
	return file_name_ends_with(name, "/");
}

void
leftovers_add(Leftovers *leftovers, LeftoverKind kind, const char *directory, const char *name,
			  uint64_t bytes, double age)
{
	size_t count = leftovers->count;
	Leftover *item;

	if ((count & (count - 1)) == 0)
		leftovers->items =
			xrealloc(leftovers->items, (count == 0 ? 1 : 2 * count) * sizeof(Leftover));
	item = &leftovers->items[leftovers->count++];
	item->kind = kind;
	item->path = xasprintf("%s%s", directory, name);
	item->bytes = bytes;
	item->age = age;
	leftovers->number[kind]++;
	leftovers->bytes[kind] += bytes;
}

/* The same for one whose size is not known; there are few of them. */
static void
add_small(Repository *repository, Leftovers *leftovers, LeftoverKind kind, const char *directory,
		  const char *name)
{
	Storage *storage = repository->storage;
	char *path = xasprintf("%s%s", directory, name);
	StoreInfo info;
	bool known = storage->head(storage, path, &info).code == STORE_OK;

	free(path);
	leftovers_add(leftovers, kind, directory, name, known ? info.bytes : 0, known ? info.age : -1);
}

/* Nothing, or what an encrypted object has behind the suffix of its codec. */
static bool
is_cipher_suffix(const char *suffix)
{
	return suffix[0] == '\0' || strcmp(suffix, cipher_suffix(CIPHER_AGE)) == 0 ||
		   strcmp(suffix, cipher_suffix(CIPHER_AES_256_GCM)) == 0;
}

/* Is this the name of an object, and one that nobody needs? */
static bool
is_unneeded_object(const char *name, const ObjectSet *needed)
{
	static const Codec codecs[] = {CODEC_NONE, CODEC_GZIP, CODEC_ZSTD};
	DigestHex id;
	size_t length;
	size_t i;

	if (strlen(name) < DIGEST_HEX_LENGTH)
		return false;
	memcpy(id, name, DIGEST_HEX_LENGTH);
	id[DIGEST_HEX_LENGTH] = '\0';
	if (!digest_hex_valid(id))
		return false;
	for (i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
	{
		length = strlen(codec_suffix(codecs[i]));
		if (strncmp(name + DIGEST_HEX_LENGTH, codec_suffix(codecs[i]), length) == 0 &&
			is_cipher_suffix(name + DIGEST_HEX_LENGTH + length))
			return object_set_find(needed, id, codecs[i]) == NULL;
	}
	return false;
}

/* What is looked for below objects/. */
typedef struct ObjectSearch
{
	const ObjectSet *needed;
	const char *prefix;
	Leftovers *leftovers;
} ObjectSearch;

/* Objects lie in objects/ab/, and nowhere else. */
static bool
is_leftover_object(const char *name, void *argument)
{
	const ObjectSearch *search = argument;
	const char *slash = strchr(name, '/');

	if (slash == NULL || interrupted())
		return false;
	return slash[1] == '\0' ||
		   (strchr(slash + 1, '/') == NULL &&
			(leftover_is_temporary(slash + 1) || is_unneeded_object(slash + 1, search->needed)));
}

static void
add_object(const StoreEntry *entry, void *argument)
{
	const ObjectSearch *search = argument;

	leftovers_add(search->leftovers,
				  leftover_is_temporary(strrchr(entry->name, '/') + 1) ? LEFTOVER_TEMPORARY
																	   : LEFTOVER_OBJECT,
				  search->prefix, entry->name, entry->bytes, entry->age);
}

/* All objects of a server. */
static bool
find_objects(Repository *repository, const ObjectSet *needed, const char *server,
			 Leftovers *leftovers)
{
	Storage *storage = repository->storage;
	char *directory = server_path(server, "objects");
	char *prefix = server_path(server, "objects/");
	ObjectSearch search = {needed, prefix, leftovers};
	FileListing listing = {is_leftover_object, add_object, &search};
	StoreResult result = storage->list_files(storage, directory, &listing);
	bool good = result.code == STORE_OK || result.code == STORE_ABSENT;

	if (!good)
		report_unread(repository, directory, &result);
	free(prefix);
	free(directory);
	return good && !interrupted();
}

/* Is there a manifest for this .sha256 or .verified? */
static bool
has_manifest(const NameList *list, const char *name, size_t stem)
{
	size_t i;

	for (i = 0; i < list->count; i++)
	{
		if (strncmp(list->names[i], name, stem) == 0 && strcmp(list->names[i] + stem, ".json") == 0)
			return true;
	}
	return false;
}

/* One directory backups/<database>/, globals/, config/<set>/ or base/<system>/. */
static bool
find_in_backups(Repository *repository, const char *directory, Leftovers *leftovers)
{
	NameList list;
	size_t i;

	if (!list_names(repository, directory, &list))
		return false;
	for (i = 0; i < list.count; i++)
	{
		const char *name = list.names[i];

		if (leftover_is_temporary(name))
			add_small(repository, leftovers, LEFTOVER_TEMPORARY, directory, name);
		else if (leftover_is_companion(name))
		{
			if (!has_manifest(&list, name, (size_t) (strrchr(name, '.') - name)))
				add_small(repository, leftovers, LEFTOVER_COMPANION, directory, name);
		}
	}
	free_names(&list);
	return true;
}

/* All directories below a tree of backups. */
static bool
find_in_tree(Repository *repository, const char *tree, Leftovers *leftovers)
{
	NameList directories;
	bool good;
	size_t i;

	good = list_names(repository, tree, &directories);
	for (i = 0; good && i < directories.count; i++)
	{
		char *directory;

		if (!is_directory(directories.names[i]))
			continue;
		directory = xasprintf("%s/%s", tree, directories.names[i]);
		good = find_in_backups(repository, directory, leftovers);
		free(directory);
	}
	free_names(&directories);
	return good && !interrupted();
}

/* Unfinished files in a directory itself. */
static bool
find_temporary(Repository *repository, const char *directory, const char *prefix,
			   Leftovers *leftovers)
{
	NameList list;
	size_t i;

	if (!list_names(repository, directory, &list))
		return false;
	for (i = 0; i < list.count; i++)
	{
		if (leftover_is_temporary(list.names[i]))
			add_small(repository, leftovers, LEFTOVER_TEMPORARY, prefix, list.names[i]);
	}
	free_names(&list);
	return true;
}

/* What was taken down of damaged objects of a server that no backup needs any more. */
static bool
find_bad_objects(Repository *repository, const ObjectSet *needed, const char *server,
				 Leftovers *leftovers)
{
	NameList list;
	size_t i;

	if (!list_names(repository, BAD_OBJECTS_DIRECTORY, &list))
		return false;
	for (i = 0; i < list.count; i++)
	{
		char owner[LABEL_SIZE];
		DigestHex id;
		Codec codec;

		if (leftover_is_temporary(list.names[i]) && server[0] == '\0')
			add_small(repository, leftovers, LEFTOVER_TEMPORARY, BAD_OBJECTS_DIRECTORY,
					  list.names[i]);
		else if (bad_object_parse(list.names[i], owner, id, &codec) && strcmp(owner, server) == 0 &&
				 object_set_find(needed, id, codec) == NULL)
			add_small(repository, leftovers, LEFTOVER_COMPANION, BAD_OBJECTS_DIRECTORY,
					  list.names[i]);
	}
	free_names(&list);
	return true;
}

/* What lies there of one server, as stored (owner.h). */
static bool
find_of_server(Repository *repository, const ObjectSet *needed, const char *server,
			   Leftovers *leftovers)
{
	char *backups = server_path(server, "backups");
	char *globals = server_path(server, "globals/");
	bool good = (needed == NULL || (find_objects(repository, needed, server, leftovers) &&
									find_bad_objects(repository, needed, server, leftovers))) &&
				find_in_tree(repository, backups, leftovers) &&
				find_in_backups(repository, globals, leftovers);

	free(globals);
	free(backups);
	return good;
}

/*
 * Take down the objects that the backups of one server name.  False if a manifest is damaged: it is
 * reported, and the rest is read.
 */
static bool
reference(Repository *repository, const BackupName *names, int count, const char *server,
		  ObjectSet *needed)
{
	bool good = true;
	int i;

	for (i = 0; i < count && !interrupted(); i++)
	{
		Manifest *manifest;
		uint32_t object;

		/* A dry run, and doctor, have no lock that keeps manifests. */
		if (strcmp(names[i].owner.server, server) != 0 ||
			repository_was_removed(repository, &names[i]))
			continue;
		manifest = repository_manifest(repository, &names[i]);
		if (manifest == NULL)
		{
			good = false;
			continue;
		}
		for (object = 0; object < manifest->nobjects; object++)
			object_set_add(needed, manifest->objects[object].id, manifest->codec);
		manifest_free(manifest);
	}
	return good && !interrupted();
}

/* The objects that the backups of one server need, and what is of no server, if it is main. */
static bool
find_needed(Repository *repository, const BackupName *names, int count, const char *server,
			Leftovers *leftovers, bool *damaged)
{
	ObjectSet needed;
	bool good;

	object_set_init(&needed);
	good = reference(repository, names, count, server, &needed);
	*damaged |= !good && !interrupted();

	/* That there is no backup may also mean that somebody moved the manifests away. */
	good = good && find_of_server(repository, needed.count > 0 ? &needed : NULL, server, leftovers);
	object_set_free(&needed);
	return good;
}

/* All servers but main, whether there are backups of them or not. */
static bool
find_of_servers(Repository *repository, const BackupName *names, int count, Leftovers *leftovers,
				bool *damaged)
{
	NameList list;
	bool good = true;
	size_t i;

	if (!list_names(repository, "servers", &list))
		return false;
	for (i = 0; i < list.count && good; i++)
	{
		char *label = list.names[i];
		char *directory;
		char *prefix;

		if (!is_directory(label))
			continue;
		prefix = xasprintf("servers/%s", label);
		directory = xasprintf("servers/%s", label);
		label[strlen(label) - 1] = '\0';
		if (label_valid(label))
			good = find_temporary(repository, directory, prefix, leftovers) &&
				   (label_stored(label)[0] == '\0' ||
					find_needed(repository, names, count, label, leftovers, damaged));
		free(directory);
		free(prefix);
	}
	free_names(&list);
	return good;
}

bool
leftovers_find(Repository *repository, const BackupName *names, int count, Leftovers *leftovers,
			   bool *damaged)
{
	memset(leftovers, 0, sizeof(*leftovers));
	*damaged = false;
	if (find_needed(repository, names, count, "", leftovers, damaged) &&
		find_of_servers(repository, names, count, leftovers, damaged) &&
		find_in_tree(repository, "config", leftovers) &&
		find_in_tree(repository, "base", leftovers) &&
		find_temporary(repository, ".", "", leftovers))
		return true;
	leftovers_free(leftovers);
	return false;
}

void
leftovers_free(Leftovers *leftovers)
{
	size_t i;

	for (i = 0; i < leftovers->count; i++)
		free(leftovers->items[i].path);
	free(leftovers->items);
	memset(leftovers, 0, sizeof(*leftovers));
}
