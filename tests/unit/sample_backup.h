/*-------------------------------------------------------------------------
 *
 * sample_backup.h
 *	  Small backups, made piece by piece: what their manifests say is right,
 *	  or what a test wants.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SAMPLE_BACKUP_H
#define NEX_SAMPLE_BACKUP_H

#include "scratch.h"

#include "backup_name.h"
#include "backups.h"
#include "memory.h"
#include "object_store.h"

#define SAMPLE_COPY "COPY public.t (a) FROM stdin;"
#define SAMPLE_END "\\.\n\n"

static inline Repository *
sample_repository(void)
{
	Repository *repository;
	bool created;

	assert_true(repository_init(scratch_path("repo"), &created));
	repository = repository_open(scratch_path("repo"));
	assert_non_null(repository);
	return repository;
}

static inline BackupName
sample_name(const char *database, const char *id)
{
	BackupName name;

	memset(&name, 0, sizeof(name));
	name.owner = owner_of(NULL, database);
	snprintf(name.id, sizeof(name.id), "%s", id);
	return name;
}

/* A manifest without members, of a database with one table, public.t. */
static inline Manifest *
sample_manifest(const Repository *repository, const BackupName *name)
{
	Manifest *manifest = manifest_create();
	ManifestTable table;

	memcpy(manifest->id, name->id, sizeof(manifest->id));
	manifest->repository = xstrdup(repository->id);
	manifest->type = xstrdup("manual");
	manifest->tool = xstrdup("0.3.0");
	manifest->pg_dump = xstrdup("15.18");
	manifest->started = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->snapshot_at = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->finished = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->codec = CODEC_NONE;
	manifest->database.name = xstrdup(name->owner.name);
	manifest->database.owner = xstrdup("postgres");
	manifest->database.encoding = xstrdup("UTF8");
	manifest->database.provider = xstrdup("c");
	manifest->database.tablespace = xstrdup("pg_default");
	manifest->server.version = xstrdup("15.18");
	memset(&table, 0, sizeof(table));
	table.oid = 16384;
	table.schema = xstrdup("public");
	table.name = xstrdup("t");
	table.copy = xstrdup(SAMPLE_COPY);
	manifest_add_table(manifest, &table);
	return manifest;
}

/* Store a text as an object with one member. */
static inline Member *
sample_member(ObjectStore *store, Manifest *manifest, MemberKind kind, const char *text,
			  size_t length, uint64_t rows)
{
	ManifestObject object;
	Member member;

	assert_true(object_store_put(store, text, length, &object));
	memset(&member, 0, sizeof(member));
	member.kind = kind;
	member.table = kind == MEMBER_DATA ? 0 : -1;
	member.length = member.raw = length;
	member.rows = rows;
	member.object = manifest_add_object(manifest, &object);
	manifest_add_member(manifest, &member);
	return &manifest->members[manifest->nmembers - 1];
}

/* A backup with a head and two rows, published. */
static inline BackupName
sample_publish(Repository *repository, const char *database, const char *id)
{
	static const char rows[] = SAMPLE_COPY "\n1\n2\n" SAMPLE_END;
	ObjectStore *store = object_store_create(repository, "", CODEC_NONE, NULL);
	BackupName name = sample_name(database, id);
	Manifest *manifest = sample_manifest(repository, &name);

	sample_member(store, manifest, MEMBER_HEAD, "-- head\n", 8, 0);
	sample_member(store, manifest, MEMBER_DATA, rows, strlen(rows), 2);
	manifest_sum_up(manifest);
	assert_true(object_store_barrier(store, 1));
	assert_true(repository_publish(repository, manifest));
	object_store_free(store);
	manifest_free(manifest);
	return name;
}

#endif /* NEX_SAMPLE_BACKUP_H */
