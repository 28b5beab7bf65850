/*-------------------------------------------------------------------------
 *
 * manifest.c
 *	  A manifest in memory.  Its text is made by manifest_write.c and read by
 *	  manifest_read.c.
 *
 *-------------------------------------------------------------------------
 */
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "quote.h"

static const char *const kind_names[MEMBER_KINDS] = {
	[MEMBER_HEAD] = "head",
	[MEMBER_ARCHIVE] = "archive",
	[MEMBER_PRE_DATA] = "pre-data",
	[MEMBER_DATA] = "data",
	[MEMBER_LARGE_OBJECTS] = "large-objects",
	[MEMBER_SEQUENCES] = "sequences",
	[MEMBER_POST_DATA] = "post-data",
	[MEMBER_DATABASE] = "database",
	[MEMBER_GLOBALS] = "globals",
	[MEMBER_FILE] = "file",
	[MEMBER_FILE_WHOLE] = "file-whole",
	[MEMBER_PAGES] = "pages",
	[MEMBER_FILE_MAP] = "file-map",
	[MEMBER_TAIL] = "tail",
};

const char *
member_kind_name(MemberKind kind)
{
	return kind_names[kind];
}

const char *
backup_kind_name(BackupKind kind)
{
	static const char *const names[] = {
		[BACKUP_OF_DATABASE] = "database",
		[BACKUP_OF_GLOBALS] = "globals",
		[BACKUP_OF_FILES] = "files",
		[BACKUP_OF_CLUSTER] = "cluster",
	};

	return names[kind];
}

char *
manifest_label(const Manifest *manifest)
{
	Owner owner = manifest_owner(manifest);
	char *name = owner_name(&owner);
	char *shown = printable_name(name);
	char *label = manifest->kind == BACKUP_OF_GLOBALS
					  ? xasprintf("globals %s%s%s", manifest->server.label,
								  manifest->server.label[0] != '\0' ? "@/" : "", manifest->id)
				  : manifest->kind == BACKUP_OF_CLUSTER ? xasprintf("base %s", manifest->id)
														: xasprintf("%s/%s", shown, manifest->id);

	free(shown);
	free(name);
	return label;
}

Owner
manifest_owner(const Manifest *manifest)
{
	if (manifest->kind == BACKUP_OF_FILES)
		return owner_of_files(manifest->database.name);
	if (manifest->kind == BACKUP_OF_CLUSTER)
		return owner_of_cluster(manifest->database.name);
	if (manifest->kind == BACKUP_OF_GLOBALS)
		return owner_of_globals(manifest->server.label);
	return owner_of(manifest->server.label, manifest->database.name);
}

Manifest *
manifest_create(void)
{
	return xcalloc(1, sizeof(Manifest));
}

static void
free_tables(Manifest *manifest)
{
	uint32_t i;

	for (i = 0; i < manifest->ntables; i++)
	{
		free(manifest->tables[i].schema);
		free(manifest->tables[i].name);
		free(manifest->tables[i].copy);
		free(manifest->tables[i].extension);
	}
	free(manifest->tables);
}

static void
free_cluster(ManifestCluster *cluster)
{
	uint32_t i;

	free(cluster->label);
	for (i = 0; i < cluster->ntablespaces; i++)
		free(cluster->tablespaces[i].path);
	free(cluster->tablespaces);
	for (i = 0; i < cluster->ndamage; i++)
		free(cluster->damage[i].path);
	free(cluster->damage);
}

void
manifest_free(Manifest *manifest)
{
	int i;

	if (manifest == NULL)
		return;
	free(manifest->repository);
	free(manifest->copied_from);
	free(manifest->type);
	free(manifest->tool);
	free(manifest->pg_dump);
	free(manifest->started);
	free(manifest->snapshot_at);
	free(manifest->finished);
	free(manifest->recipients);
	free(manifest->private_part);
	free(manifest->database.name);
	free(manifest->database.owner);
	free(manifest->database.encoding);
	free(manifest->database.collate);
	free(manifest->database.ctype);
	free(manifest->database.provider);
	free(manifest->database.icu_locale);
	free(manifest->database.icu_rules);
	free(manifest->database.tablespace);
	for (i = 0; i < (int) manifest->database.nroles; i++)
	{
		free(manifest->database.roles[i].name);
		free(manifest->database.roles[i].powers);
	}
	free(manifest->database.roles);
	free(manifest->server.version);
	free(manifest->server.system_identifier);
	free(manifest->server.lsn);
	free(manifest->server.running_since);
	free(manifest->server.replayed_until);
	for (i = 0; i < manifest->nwarnings; i++)
		free(manifest->warnings[i]);
	free(manifest->warnings);
	free_tables(manifest);
	free_cluster(&manifest->cluster);
	for (i = 0; i < (int) manifest->nfiles; i++)
		manifest_file_clear(&manifest->files[i]);
	free(manifest->files);
	free(manifest->objects);
	free(manifest->members);
	free(manifest);
}

void
manifest_file_clear(ManifestFile *file)
{
	free(file->path);
	free(file->owner);
	free(file->group);
	free(file->form);
	free(file->reason);
	memset(file, 0, sizeof(*file));
}

/* Room for one more entry; arrays double at powers of two. */
static void *
grown(void *array, uint32_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return array;
	return xrealloc(array, (count == 0 ? 1 : (size_t) count * 2) * size);
}

uint32_t
manifest_add_file(Manifest *manifest, const ManifestFile *file)
{
	manifest->files = grown(manifest->files, manifest->nfiles, sizeof(ManifestFile));
	manifest->files[manifest->nfiles] = *file;
	return manifest->nfiles++;
}

uint32_t
manifest_add_table(Manifest *manifest, const ManifestTable *table)
{
	manifest->tables = grown(manifest->tables, manifest->ntables, sizeof(ManifestTable));
	manifest->tables[manifest->ntables] = *table;
	return manifest->ntables++;
}

uint32_t
manifest_add_object(Manifest *manifest, const ManifestObject *object)
{
	manifest->objects = grown(manifest->objects, manifest->nobjects, sizeof(ManifestObject));
	manifest->objects[manifest->nobjects] = *object;
	return manifest->nobjects++;
}

uint32_t
manifest_add_member(Manifest *manifest, const Member *member)
{
	manifest->members = grown(manifest->members, manifest->nmembers, sizeof(Member));
	manifest->members[manifest->nmembers] = *member;
	return manifest->nmembers++;
}

void
manifest_add_warning(Manifest *manifest, const char *warning)
{
	manifest->warnings = grown(manifest->warnings, (uint32_t) manifest->nwarnings, sizeof(char *));
	manifest->warnings[manifest->nwarnings++] = xstrdup(warning);
}

void
manifest_sum_up(Manifest *manifest)
{
	ManifestTotals *totals = &manifest->totals;
	uint32_t i;

	totals->tables = manifest->ntables;
	totals->objects = manifest->nobjects;
	totals->members = manifest->nmembers;
	totals->rows = totals->raw_bytes = totals->stored_bytes = 0;
	for (i = 0; i < manifest->ntables; i++)
		manifest->tables[i].rows = manifest->tables[i].raw_bytes =
			manifest->tables[i].stored_bytes = 0;
	for (i = 0; i < manifest->nmembers; i++)
	{
		const Member *member = &manifest->members[i];

		totals->rows += member->rows;
		totals->raw_bytes += member->raw;
		if (member->table >= 0)
		{
			manifest->tables[member->table].rows += member->rows;
			manifest->tables[member->table].raw_bytes += member->raw;
			manifest->tables[member->table].stored_bytes += member->length;
		}
	}
	for (i = 0; i < manifest->nobjects; i++)
		totals->stored_bytes += manifest->objects[i].bytes;
}

void
manifest_listing(const Manifest *manifest, Buffer *listing)
{
	uint32_t i;

	for (i = 0; i < manifest->nobjects; i++)
	{
		char *path = manifest_object_path(manifest, i);

		buffer_printf(listing, "%s  %s\n", manifest->objects[i].id, path);
		free(path);
	}
}

char *
manifest_object_path(const Manifest *manifest, uint32_t object)
{
	const char *id = manifest->objects[object].id;

	char *objects = server_path(manifest->server.label, "objects");
	char *path = xasprintf("%s/%.2s/%s%s%s", objects, id, id, codec_suffix(manifest->codec),
						   cipher_suffix(manifest->cipher));

	free(objects);
	return path;
}

bool
member_size_possible(const Member *member)
{
	uint64_t limit = member->kind == MEMBER_DATA ? MEMBER_DATA_LIMIT : MEMBER_TEXT_LIMIT;

	return member->raw <= limit && member->length <= member->raw + member->raw / 8 + 65536;
}

bool
manifest_same_backup(const Manifest *a, const Manifest *b)
{
	uint32_t i;

	if (strcmp(a->id, b->id) != 0 || strcmp(a->repository, b->repository) != 0 ||
		strcmp(a->database.name, b->database.name) != 0 || a->kind != b->kind ||
		strcmp(a->server.label, b->server.label) != 0 || a->cipher != b->cipher ||
		a->codec != b->codec || a->nobjects != b->nobjects)
		return false;
	for (i = 0; i < a->nobjects; i++)
	{
		if (strcmp(a->objects[i].id, b->objects[i].id) != 0 ||
			strcmp(a->objects[i].content, b->objects[i].content) != 0 ||
			a->objects[i].bytes != b->objects[i].bytes ||
			a->objects[i].plain != b->objects[i].plain)
			return false;
	}
	return true;
}
