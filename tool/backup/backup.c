/*-------------------------------------------------------------------------
 *
 * backup.c
 *	  A backup from the first connection to the manifest.
 *
 *	  leader      locks, exports the snapshot, and keeps it alive
 *	  pg_dump     reads the schema on that snapshot (schema.c, a thread)
 *	  workers     claim chunks and stream rows into pieces (copy_worker.c)
 *	  compressors turn pieces into frames and objects (pipeline.c)
 *
 * When workers and pg_dump are done the leader reads the sequences, and only
 * then is anything published: barrier, .sha256, manifest.  Whatever happens
 * before leaves at most objects that no manifest names.  They may never have
 * reached the disk, so the next backup writes over them.
 *
 * If an object was renamed, rebuilt or dropped while its definition was read
 * (moved_objects.c), the backup begins again, with a new snapshot.
 *
 *-------------------------------------------------------------------------
 */
#include "backup.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backup_settings.h"
#include "backup_warning.h"
#include "chunk_plan.h"
#include "copy_worker.h"
#include "database_settings.h"
#include "interrupt.h"
#include "large_objects.h"
#include "large_settings.h"
#include "log.h"
#include "memory.h"
#include "moved_objects.h"
#include "progress.h"
#include "quote.h"
#include "schema.h"
#include "sequences.h"
#include "server_clock.h"
#include "server_draft.h"
#include "settings.h"
#include "snapshot_watch.h"
#include "source_dependencies.h"
#include "source_server.h"
#include "source_sessions.h"
#include "subprocess.h"
#include "unrestorable.h"
#include "work_settings.h"

/* Pieces beyond one for each worker and compressor, so that neither waits for the other. */
#define SPARE_PIECES 1

#define MAX_ATTEMPTS 5

typedef struct Backup
{
	const Settings *settings;
	Repository *repository;
	ConnectionTarget *target;
	Connection *leader;
	char *directory; /* private, temporary */
	SourceSessions sessions;
	uint32_t *large_objects;
	int nlarge_objects;
	BackupDraft *draft;
	Manifest *manifest; /* of the draft */
	ChunkPlan plan;
	CutGuard *guard;
	CopyWork work;
	SnapshotWatch *watch;
	SqlText sequences;
	SqlText database_settings;
	SqlText dependencies;
	const char *moved_before;    /* what changed its name in the lifetime of the snapshot before */
	char *moved;                 /* … of this one, so that all must be done again */
	_Atomic(char *) moved_table; /* the same, as the workers find it */
} Backup;

/* Whoever looks at the backup may wonder why it took so long, and what was going on meanwhile. */
static void
warn_of_moved(const Backup *backup)
{
	char *text;

	if (backup->moved_before == NULL)
		return;
	text = xasprintf("the backup began again, because objects were renamed, rebuilt or dropped "
					 "while it read them: %s",
					 backup->moved_before);
	backup_warning_keep(backup->manifest, text);
	free(text);
}

/* Connect, learn the database's name, and see that nobody else backs it up. */
static bool
begin_database(Backup *backup, const char *name, char **database)
{
	const Settings *settings = backup->settings;
	Manifest *manifest;

	progress_phase("connecting", "", 0, 0);
	backup->draft = draft_create(backup->repository, BACKUP_OF_DATABASE, NULL, settings->backup);
	if (backup->draft == NULL)
		return false;
	manifest = backup->manifest = draft_manifest(backup->draft);
	warn_of_moved(backup);
	backup->target = target_create(settings, name);
	backup->leader = backup->target != NULL ? connection_open(backup->target) : NULL;
	if (backup->leader == NULL ||
		!connection_bound_lock_waits(backup->leader, backup->target,
									 settings->backup->lock_wait_timeout) ||
		!database_read(backup->leader, &manifest->database, &manifest->server) ||
		!source_server_check(backup->leader, manifest->server.in_recovery))
		return false;
	server_clock_check(backup->leader);
	*database = xstrdup(manifest->database.name);
	if (!server_draft_begin(backup->draft, backup->repository, backup->leader, settings->backup))
		return false;
	backup->directory = temporary_directory_create();
	return backup->directory != NULL;
}

static bool
start_watch(Backup *backup)
{
	int i;

	backup->watch = snapshot_watch_start(backup->leader, backup->settings, &backup->sessions.schema,
										 &backup->sessions.catalogs);
	for (i = 0; backup->watch != NULL && i < backup->settings->work->jobs; i++)
		snapshot_watch_add(backup->watch, backup->sessions.workers[i]);
	return backup->watch != NULL;
}

/* Where in its history the server was when the snapshot was taken.  It may have been promoted. */
static void
note_position(ManifestServer *server, const Snapshot *snapshot)
{
	free(server->lsn);
	free(server->replayed_until);
	server->lsn = xstrdup(snapshot->lsn);
	server->replayed_until = xstrdup(snapshot->replayed_until);
	if (snapshot->timeline > 0)
	{
		server->timeline = snapshot->timeline;
		server->in_recovery = false;
	}
}

/* Locks, snapshot, and what is read on it before the workers start. */
static bool
take_snapshot(Backup *backup)
{
	Manifest *manifest = backup->manifest;
	SourceSessions *sessions = &backup->sessions;

	progress_phase("locking tables", "", 0, 0);
	sessions->settings = backup->settings;
	sessions->target = backup->target;
	sessions->leader = backup->leader;
	sessions->database = manifest->database.name;
	sessions->encoding = manifest->database.encoding;
	sessions->directory = backup->directory;
	if (!large_settings_check(backup->leader, true) ||
		!sequences_look(backup->leader, backup->settings->backup->lock_wait_timeout) ||
		!source_sessions_start(sessions) ||
		!large_objects_list(backup->leader, &backup->large_objects, &backup->nlarge_objects) ||
		!database_settings_read(backup->leader, &backup->database_settings, manifest) ||
		!source_dependencies_read(backup->leader, &backup->dependencies, manifest))
		return false;
	manifest->snapshot_at = xstrdup(sessions->snapshot.time);
	note_position(&manifest->server, &sessions->snapshot);
	manifest->totals.large_objects = (uint64_t) backup->nlarge_objects;
	return start_watch(backup);
}

/* Enter the tables into the manifest and prepare their COPY lines. */
static int
enter_tables(Backup *backup)
{
	CopyWork *work = &backup->work;
	int with_rows = 0;
	int i;

	work->restore_statements = xcalloc((size_t) backup->sessions.tables.count + 1, sizeof(char *));
	work->manifest_tables = xcalloc((size_t) backup->sessions.tables.count + 1, sizeof(int32_t));
	for (i = 0; i < backup->sessions.tables.count; i++)
	{
		const SourceTable *source = &backup->sessions.tables.tables[i];
		ManifestTable table;

		work->manifest_tables[i] = -1;
		if (source->partitioned)
			continue;
		memset(&table, 0, sizeof(table));
		work->restore_statements[i] = source_table_restore_statement(source);
		table.oid = source->oid;
		table.schema = xstrdup(source->schema);
		table.name = xstrdup(source->name);
		table.copy = xstrdup(work->restore_statements[i]);
		table.serial = source->serial;
		table.extension = xstrdup(source->extension);
		table.heap_bytes = source->heap_bytes + source->toast_bytes;
		work->manifest_tables[i] = (int32_t) manifest_add_table(backup->manifest, &table);
		with_rows++;
	}
	return with_rows;
}

/* Slower than in parallel, which somebody may wonder about. */
static void
report_whole_tables(const Backup *backup)
{
	int count = backup->plan.whole_tables + cut_guard_whole_tables(backup->guard);

	if (count > 0)
		log_debug("big tables read whole, not in parallel, because indexes or statistics of theirs "
				  "use, or might get, functions of users: %d",
				  count);
}

/* Copy all rows and large objects. */
static bool
copy_data(Backup *backup)
{
	int jobs = backup->settings->work->jobs;
	pthread_t *threads = xcalloc((size_t) jobs, sizeof(pthread_t));
	CopyWork *work = &backup->work;
	int started = 0;
	int tables;
	int i;

	tables = enter_tables(backup);
	chunk_plan_create(&backup->plan, &backup->sessions.tables, backup->large_objects,
					  backup->nlarge_objects, backup->settings->backup->chunk_blocks);
	progress_phase("copying data", "tables", (uint64_t) tables, backup->plan.weight);
	work->pipeline = draft_stream(backup->draft, jobs, 2 * jobs + SPARE_PIECES);
	if (work->pipeline == NULL)
	{
		free(threads);
		return false;
	}
	work->workers = backup->sessions.workers;
	work->snapshot = &backup->sessions.snapshot;
	work->tables = &backup->sessions.tables;
	work->guard = backup->guard =
		cut_guard_create(backup->target, &backup->sessions.tables, &backup->plan);
	work->locked = backup->sessions.lock_ahead;
	work->stale = &backup->sessions.schema.stale;
	work->moved = &backup->moved_table;
	for (i = 0; i < jobs && i < backup->plan.count; i++)
	{
		if (pthread_create(&threads[i], NULL, copy_worker, work) != 0)
			break;
		started++;
	}
	if (started == 0 && backup->plan.count > 0)
	{
		report_error(EXIT_FAILED, NULL, NULL, "could not start a thread");
		stop_request();
	}
	/* Those that there is no work for need not hold the snapshot. */
	for (i = started; i < jobs; i++)
	{
		connection_close(work->workers[i]);
		work->workers[i] = NULL;
	}
	for (i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	report_whole_tables(backup);
	return pipeline_finish(work->pipeline) && !stop_requested();
}

/* What is known only when everything was read. */
static void
complete_manifest(Backup *backup)
{
	backup->manifest->pg_dump = xstrdup(backup->sessions.schema.pg_dump_version);
	backup_warning_of_program(backup->manifest, backup->sessions.schema.warnings);
	if (backup->manifest->server.in_recovery)
		backup_warning_keep(backup->manifest,
							"the server is a standby: unlogged tables are not in this backup");
}

static bool
put_text(Backup *backup, MemberKind kind, const Buffer *text)
{
	return draft_put(backup->draft, kind, text->data, text->length);
}

/* All members but the rows, which have gone through the pipeline. */
static bool
put_members(Backup *backup)
{
	const Schema *schema = &backup->sessions.schema;
	char key[RESTRICT_KEY_LENGTH + 1];
	Buffer head;
	Buffer tail;
	bool good;

	buffer_init(&head);
	buffer_init(&tail);
	good = schema_restrict_key(key);
	if (good)
	{
		schema_head(&head, key, backup->manifest->database.encoding);
		schema_tail(&tail, key);
		good = put_text(backup, MEMBER_HEAD, &head) &&
			   put_text(backup, MEMBER_ARCHIVE, &schema->archive) &&
			   (sql_length(&backup->dependencies) == 0 ||
				put_text(backup, MEMBER_ARCHIVE, &backup->dependencies.text)) &&
			   put_text(backup, MEMBER_PRE_DATA, &schema->pre_data) &&
			   put_text(backup, MEMBER_SEQUENCES, &backup->sequences.text) &&
			   put_text(backup, MEMBER_POST_DATA, &schema->post_data) &&
			   put_text(backup, MEMBER_DATABASE, &backup->database_settings.text) &&
			   put_text(backup, MEMBER_TAIL, &tail);
	}
	buffer_free(&head);
	buffer_free(&tail);
	return good;
}

/* The leader's connection is ours again. */
static void
end_watch(Backup *backup)
{
	snapshot_watch_stop(backup->watch, backup->manifest);
	backup->watch = NULL;
}

/* Wait for the schema, which may have become stale. */
static bool
take_schema(Backup *backup)
{
	bool good = source_sessions_join_schema(&backup->sessions);

	if (!good && backup->sessions.schema.moved != NULL)
		backup->moved = xstrdup(backup->sessions.schema.moved);
	return good;
}

static bool
read_sequences(Backup *backup)
{
	char *warning;
	int count;

	progress_phase("reading schema and sequences", "", 0, 0);
	end_watch(backup);
	if (stop_requested() ||
		!sequences_read(backup->leader, backup->settings->backup->lock_wait_timeout,
						&backup->sequences, &count, &warning) ||
		!unrestorable_warn(backup->leader, backup->manifest))
		return false;
	if (warning != NULL)
	{
		backup_warning(backup->manifest, NULL, warning);
		free(warning);
	}
	backup->manifest->totals.sequences = (uint64_t) count;
	return connection_command(backup->leader, SQL("COMMIT"));
}

/*
 * Out of the snapshot: is what rows were read by, and written with, still what the schema has?  A
 * schema that was renamed and renamed back has been seen by the workers, if by anybody.
 */
static bool
rows_stayed(Backup *backup)
{
	backup->moved = atomic_exchange(&backup->moved_table, NULL);
	if (backup->moved != NULL)
		return false;
	return moved_objects_find(backup->leader, backup->sessions.names, MOVED_IN_ROWS,
							  &backup->moved) &&
		   backup->moved == NULL;
}

static void
clean_up(Backup *backup)
{
	int i;

	end_watch(backup);
	free(atomic_load(&backup->moved_table));
	for (i = 0; backup->work.restore_statements != NULL && i < backup->sessions.tables.count; i++)
		free(backup->work.restore_statements[i]);
	free(backup->work.restore_statements);
	free(backup->work.manifest_tables);
	cut_guard_free(backup->guard);
	chunk_plan_free(&backup->plan);
	source_sessions_close(&backup->sessions);
	free(backup->large_objects);
	sql_free(&backup->sequences);
	sql_free(&backup->database_settings);
	sql_free(&backup->dependencies);
	connection_close(backup->leader);
	target_free(backup->target);
	temporary_directory_remove(backup->directory);
	draft_end(backup->draft);
}

/*
 * With one snapshot.  NULL: reported, unless *moved says why another one is needed; on entry it
 * says why this one is, or is NULL.
 */
static Manifest *
back_up_once(const Settings *settings, Repository *repository, const char *name, char **database,
			 char **moved)
{
	Backup backup = {.settings = settings, .repository = repository, .moved_before = *moved};
	Manifest *manifest = NULL;

	if (begin_database(&backup, name, database) && take_snapshot(&backup) && copy_data(&backup) &&
		take_schema(&backup) && read_sequences(&backup) && rows_stayed(&backup) &&
		put_members(&backup))
	{
		complete_manifest(&backup);
		manifest = draft_publish(backup.draft, settings->work->jobs);
	}
	clean_up(&backup);
	free(*moved);
	*moved = backup.moved;
	return manifest;
}

Manifest *
backup_database(const Settings *settings, Repository *repository, const char *name, char **database)
{
	Manifest *manifest = NULL;
	char *moved = NULL;
	int attempt;

	*database = NULL;
	for (attempt = 1; attempt <= MAX_ATTEMPTS && manifest == NULL; attempt++)
	{
		free(*database);
		*database = NULL;
		manifest = back_up_once(settings, repository, name, database, &moved);
		if (moved == NULL || stop_requested())
			break;
		log_info("renamed, rebuilt or dropped while it was read: %s; beginning again", moved);
	}
	if (moved != NULL && !stop_requested())
		report_error(EXIT_FAILED, moved, "Run the backup when no schema changes are under way.",
					 "objects were renamed, rebuilt or dropped in each of %d attempts to read them",
					 MAX_ATTEMPTS);
	free(moved);
	return manifest;
}
