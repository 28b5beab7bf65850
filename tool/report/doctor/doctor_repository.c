/*-------------------------------------------------------------------------
 *
 * doctor_repository.c
 *	  The repository: its header, who has access, its backups, the room that
 *	  is left, and what killed processes have left in it.
 *
 * It reads manifests and file names, not contents: that is what verify is
 * for.
 *
 *-------------------------------------------------------------------------
 */
#include "doctor_checks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ages.h"
#include "backup_list.h"
#include "backup_summary.h"
#include "choose.h"
#include "doctor_encryption.h"
#include "doctor_leftovers.h"
#include "doctor_wal.h"
#include "doctor_repository.h"
#include "doctor_storage.h"
#include "leftover_removal.h"
#include "log.h"
#include "memory.h"
#include "notify_policy.h"
#include "pretty.h"
#include "quote.h"
#include "settings.h"
#include "unclear.h"
#include "utc_time.h"
#include "verification.h"

/* ---- the directory ---- */

/* nex_backup.json is missing.  An encrypted repository's needs recipients, which we do not know. */
static void
check_lost_header(Doctor *doctor)
{
	Repository *repository = doctor->repository;
	bool created;

	if (doctor->fix && repository->encryption == NULL &&
		repository_init(repository->storage->location, &created))
	{
		doctor_say(doctor, CHECK_OK, "repository", NULL,
				   "nex_backup.json was missing, and was written again");
		return;
	}
	doctor->result->damage = true;
	doctor_say(doctor, CHECK_CRITICAL, "repository",
			   "Run \"nex_backup init\" for this repository, which writes it again.",
			   "nex_backup.json is missing");
}

static void
check_header(Doctor *doctor)
{
	Repository *repository = doctor->repository;
	char *problem;
	bool created;
	StoreResult result;

	if (repository->headerless)
	{
		check_lost_header(doctor);
		return;
	}
	if (doctor->fix && !repository_recover_is_intact(repository) &&
		repository_init(repository->storage->location, &created) &&
		repository_recover_is_intact(repository))
		doctor_say(doctor, CHECK_OK, "repository", NULL,
				   "RECOVER.txt was damaged, and was written again");
	problem = repository_recover_problem(repository, &result);
	if (problem == NULL)
		doctor_say(doctor, CHECK_OK, "repository", NULL, "format %d, id %s",
				   repository->features != 0 ? 2 : 1, repository->id);
	else if (store_inaccessible(&result))
		doctor_say(doctor, CHECK_CRITICAL, "repository", result.hint, "RECOVER.txt %s", problem);
	else
	{
		doctor->result->damage = true;
		doctor_say(doctor, CHECK_CRITICAL, "repository",
				   "Run \"nex_backup doctor --fix\", which writes it again.", "RECOVER.txt %s",
				   problem);
	}
	free(problem);
}

/* What a storage does less well than a directory, in its own words. */
static void
say_lacks(Doctor *doctor, const StoreFacts *facts)
{
	size_t i;

	for (i = 0; i < STORE_LACKS && facts->lacks[i] != NULL; i++)
		doctor_say(doctor, CHECK_WARNING, "storage",
				   "Use a server that has it, such as that of OpenSSH.", "%s", facts->lacks[i]);
}

static void
check_permissions(Doctor *doctor)
{
	Storage *storage = doctor->repository->storage;
	const char *location = storage->location;
	StoreFacts facts;
	StoreResult result = storage->examine(storage, ".", &facts);

	if (result.code != STORE_OK)
		doctor_say(doctor, CHECK_CRITICAL, "permissions", NULL, "could not examine \"%s\": %s",
				   location, result.text);
	else if (!facts.knows_rights)
		doctor_say(doctor, CHECK_OK, "permissions", NULL, "not known of this kind of storage");
	else if ((facts.mode & 077) != 0)
		doctor_say(doctor, CHECK_WARNING, "permissions",
				   "Use \"chmod 700\" on it: anyone who can read it can read all data in it.",
				   "\"%s\" is open to others (mode %04o)", location, facts.mode);
	else if (facts.owner != geteuid())
		doctor_say(doctor, CHECK_WARNING, "permissions",
				   "Run nex_backup as the user who owns the repository.",
				   "\"%s\" belongs to another user (uid %u)", location, facts.owner);
	else if (!facts.writable)
		doctor_say(doctor, CHECK_WARNING, "permissions", NULL,
				   "\"%s\" cannot be written to: no backup can be made", location);
	else
		doctor_say(doctor, CHECK_OK, "permissions", NULL, "only the owner has access");
	if (result.code == STORE_OK)
		say_lacks(doctor, &facts);
}

/* Is there room for the next backups, judged by the last ones? */
static void
check_space(Doctor *doctor, uint64_t added, uint64_t whole)
{
	Storage *storage = doctor->repository->storage;
	StoreFacts facts;
	StoreResult result = storage->examine(storage, ".", &facts);
	CheckStatus status = CHECK_OK;

	if (result.code != STORE_OK)
	{
		doctor_say(doctor, CHECK_WARNING, "free space", NULL, "could not be measured: %s",
				   result.text);
		return;
	}
	if (!facts.knows_space)
	{
		doctor_say(doctor, CHECK_OK, "free space", NULL, "not known of this kind of storage");
		return;
	}
	if (facts.free_bytes < added)
		status = CHECK_CRITICAL;
	else if (facts.free_bytes < whole)
		status = CHECK_WARNING;
	doctor_say(doctor, status, "free space",
			   status == CHECK_OK ? NULL : "Enlarge the file system, or keep fewer backups.",
			   "%s free; the latest backups added %s, and are %s in all",
			   pretty_bytes(facts.free_bytes), pretty_bytes(added), pretty_bytes(whole));
}

/* ---- the backups ---- */

/* What is known of one database after all its backups were looked at. */
typedef struct DatabaseState
{
	const BackupName *latest; /* undamaged */
	double when;              /* of its snapshot */
	const BackupName *ahead;  /* named by a clock that was ahead */
	uint64_t added;
	uint64_t whole;
	double verified; /* time of the newest good verification, -1: none */
	const BackupName *failed;
	const BackupName *found;      /* needs an object that somebody else found damaged */
	uint64_t damaged_pages;       /* in the latest base backup */
	const BackupName *pages_good; /* the last base backup that had none */
	int unknown;                  /* backups in which unknown SQL was found */
	int not_looked;               /* of versions that could put it there, and nobody has looked */
} DatabaseState;

static void
say_age(Doctor *doctor, const char *owner, const DatabaseState *state, double now)
{
	double age;
	bool late;

	if (state->latest == NULL)
	{
		doctor_say(doctor, CHECK_CRITICAL, "last backup", "nex_backup backup -d DATABASE",
				   "%s: there is no backup that is good and can be read", owner);
		return;
	}
	age = now - state->when;
	late = policy_is_late(doctor->settings, (time_t) state->when, (time_t) now);
	if (age < -300)
		doctor_say(doctor, CHECK_WARNING, "last backup",
				   "Check the clocks: expire removes nothing of this database until then.",
				   "%s: %s is dated in the future", owner, state->latest->id);
	else if (late && policy_age_is_excepted(doctor->settings, state->latest))
		doctor_say(doctor, CHECK_OK, "last backup", NULL,
				   "%s: %s, %s ago; no newer one is expected (notify-missed-except)", owner,
				   state->latest->id, pretty_duration(age));
	else
		doctor_say(doctor, late ? CHECK_WARNING : CHECK_OK, "last backup",
				   late ? "Back it up; if no more backups of it are wanted, name it in "
						  "notify-missed-except in the settings file."
						: NULL,
				   "%s: %s, %s ago", owner, state->latest->id, pretty_duration(age > 0 ? age : 0));
}

/* The name of a backup is made from the clock of the host that made it. */
static void
say_ahead(Doctor *doctor, const char *owner, const DatabaseState *state)
{
	if (state->ahead != NULL && state->ahead != state->latest)
		doctor_say(doctor, CHECK_WARNING, "clock",
				   "Check the clocks of the hosts that make backups. The time of the snapshot, by "
				   "the server's clock, decides which backup is the latest.",
				   "%s: the name of %s is a time in the future", owner, state->ahead->id);
}

static void
say_verification(Doctor *doctor, const char *owner, const DatabaseState *state, double now)
{
	if (state->failed != NULL)
	{
		doctor->result->damage = true;
		doctor_say(doctor, CHECK_CRITICAL, "last verify",
				   "Make a new backup, which writes damaged objects again; then verify again.",
				   "%s: %s failed its last verification", owner, state->failed->id);
	}
	if (state->found != NULL)
	{
		doctor->result->damage = true;
		doctor_say(doctor, CHECK_CRITICAL, "last verify",
				   "Make a new backup, which writes damaged objects again; then verify again.",
				   "%s: files of %s were found damaged when they were read", owner,
				   state->found->id);
	}
	if (state->verified < 0)
		doctor_say(doctor, CHECK_WARNING, "last verify", "nex_backup verify",
				   "%s: no backup was verified yet", owner);
	else if (now - state->verified > VERIFY_LATE_DAYS * 86400.0)
		doctor_say(doctor, CHECK_WARNING, "last verify", "nex_backup verify", "%s: %s ago", owner,
				   pretty_duration(now - state->verified));
	else
		doctor_say(doctor, CHECK_OK, "last verify", NULL, "%s: %s ago", owner,
				   pretty_duration(now > state->verified ? now - state->verified : 0));
}

/* The server has them still, or had them when it was last looked at. */
static void
say_damaged_pages(Doctor *doctor, const char *owner, const DatabaseState *state)
{
	if (state->damaged_pages == 0)
		return;
	doctor->result->damage = true;
	doctor_say(doctor, CHECK_CRITICAL, "pages",
			   "\"nex_backup base info\" names them.  expire keeps the older base backup; restore "
			   "it, or what these pages held, and make a new one.",
			   "%s: base backup %s has %s of the server; the last one without any is %s", owner,
			   state->latest->id, pretty_number_of(state->damaged_pages, "damaged page"),
			   state->pages_good != NULL ? state->pages_good->id : "none");
}

/* What versions before 0.2.1 may have put into a backup. */
static void
say_unknown_sql(Doctor *doctor, const char *owner, const DatabaseState *state)
{
	if (state->unknown > 0)
		doctor_say(doctor, CHECK_WARNING, "unknown SQL",
				   "\"nex_backup verify\" shows it; restores refuse it unless told "
				   "--allow-unknown-sql.",
				   "%s: %s %s SQL that nex_backup does not write", owner,
				   pretty_number_of((uint64_t) state->unknown, "backup"),
				   state->unknown == 1 ? "holds" : "hold");
	if (state->not_looked > 0)
		doctor_say(doctor, CHECK_WARNING, "unknown SQL",
				   "Run \"nex_backup verify\", with a key if they are encrypted.",
				   "%s: %s made before 0.2.1 %s not looked through for planted SQL yet", owner,
				   pretty_number_of((uint64_t) state->not_looked, "backup"),
				   state->not_looked == 1 ? "was" : "were");
}

/* Look at one backup. */
static void
look_at(Doctor *doctor, const BackupName *name, DatabaseState *state)
{
	BackupSummary summary;

	summary_load(doctor->repository, name, &summary);
	if (summary.removed)
	{
		summary_free(&summary);
		return;
	}
	if (summary.verification_damaged)
	{
		char *label = backup_label(name);

		doctor->result->damage = true;
		doctor_say(doctor, CHECK_CRITICAL, "backups", "Run \"nex_backup verify\" on it.",
				   "the verification record of \"%s\" is damaged", label);
		free(label);
	}
	if (summary.unreadable)
		doctor->manifest_damage = true;
	else if (summary.damage != NULL)
	{
		char *label = backup_label(name);

		doctor->result->damage = doctor->manifest_damage = true;
		doctor_say(doctor, CHECK_CRITICAL, "backups",
				   "Bring the file back from a copy of the repository, or remove it to give the "
				   "backup up.",
				   "\"%s\" is damaged: %s", label, summary.damage);
		free(label);
	}
	else
	{
		BackupProof proof = summary_proof(&summary);

		state->latest = name;
		state->damaged_pages = summary.damaged_pages;
		if (summary.damaged_pages == 0)
			state->pages_good = name;
		state->when = utc_time_read(summary.snapshot_at);
		state->added = summary.totals.new_bytes;
		state->whole = summary.totals.stored_bytes;
		if (proof_is_good(proof))
		{
			double verified = utc_time_read(summary.verification.time);

			state->verified = verified > state->verified ? verified : state->verified;
		}
		if (proof == PROOF_FAILED)
			state->failed = name;
		else if (proof == PROOF_FOUND_DAMAGED)
			state->found = name;
		state->unknown += verification_has_unknown_sql(&summary.verification);
		state->not_looked +=
			summary.of_old_tool && !summary.verification.looked && owner_has_server(&name->owner);
	}
	summary_free(&summary);
}

/* All backups, database by database. */
static void
check_backups(Doctor *doctor, const BackupName *names, int count)
{
	double now = (double) time(NULL);
	uint64_t added = 0;
	uint64_t whole = 0;
	int i = 0;

	if (count == 0)
		doctor_say(doctor, CHECK_WARNING, "backups", "nex_backup backup -d DATABASE",
				   "there is none yet");
	while (i < count)
	{
		const BackupName *first = &names[i];
		char *owner = backup_owner(first);
		DatabaseState state = {.verified = -1};

		for (; i < count && backup_same_owner(&names[i], first); i++)
		{
			look_at(doctor, &names[i], &state);
			if ((double) backup_id_time(names[i].id) > now + CLOCK_TOLERANCE)
				state.ahead = &names[i];
		}
		say_age(doctor, owner, &state, now);
		say_ahead(doctor, owner, &state);
		if (state.latest != NULL)
			say_verification(doctor, owner, &state, now);
		say_damaged_pages(doctor, owner, &state);
		say_unknown_sql(doctor, owner, &state);
		added += state.added;
		whole += state.whole;
		free(owner);
	}
	check_space(doctor, added, whole);
}

/* ---- leftovers ---- */

static void
say_leftovers(Doctor *doctor, const Leftovers *leftovers, bool removed, const StoreResult *locking)
{
	uint64_t files = leftovers->number[LEFTOVER_TEMPORARY] + leftovers->number[LEFTOVER_COMPANION];
	uint64_t objects = leftovers->number[LEFTOVER_OBJECT];
	uint64_t bytes = leftovers->bytes[LEFTOVER_OBJECT] + leftovers->bytes[LEFTOVER_TEMPORARY] +
					 leftovers->bytes[LEFTOVER_COMPANION];

	if (objects + files == 0)
		doctor_say(doctor, CHECK_OK, "leftovers", NULL, "none");
	else if (removed)
		doctor_say(doctor, CHECK_OK, "leftovers", NULL, "removed %s and %s (%s)",
				   pretty_number_of(objects, "object"), pretty_number_of(files, "other file"),
				   pretty_bytes(bytes));
	else if (locking->code != STORE_OK && locking->code != STORE_BUSY)
		doctor_say(doctor, CHECK_WARNING, "leftovers", locking->hint,
				   "%s and %s (%s) stay: the repository cannot be locked: %s",
				   pretty_number_of(objects, "object"), pretty_number_of(files, "other file"),
				   pretty_bytes(bytes), locking->text);
	else if (locking->code != STORE_OK)
		doctor_say(doctor, CHECK_WARNING, "leftovers", "Run it again when nothing else runs.",
				   "%s and %s (%s) stay: the repository is in use",
				   pretty_number_of(objects, "object"), pretty_number_of(files, "other file"),
				   pretty_bytes(bytes));
	else
		doctor_say(doctor, CHECK_WARNING, "leftovers",
				   "\"nex_backup expire\" or \"nex_backup doctor --fix\" removes them; the next "
				   "backup may reuse them.",
				   "%s and %s (%s) of interrupted or running work",
				   pretty_number_of(objects, "object"), pretty_number_of(files, "other file"),
				   pretty_bytes(bytes));
}

/* Objects that no manifest names, and the like; removes them if there is an exclusive lock. */
static void
check_leftovers(Doctor *doctor, const BackupName *names, int count, const StoreLock *exclusive,
				const StoreResult *locking)
{
	Leftovers leftovers;
	bool fix = exclusive != NULL && count > 0;
	bool damaged = doctor->manifest_damage;

	if (doctor->repository->unclear.unknown > 0)
		doctor_say(doctor, CHECK_WARNING, "leftovers", NULL,
				   "not looked for: nobody knows what is needed by backups that cannot be seen");
	else if (!damaged && leftovers_find(doctor->repository, names, count, &leftovers, &damaged))
	{
		bool removed = fix && leftovers_remove(doctor->repository, exclusive, &leftovers);

		say_leftovers(doctor, &leftovers, removed, locking);
		leftovers_free(&leftovers);
	}
	else if (damaged)
		doctor_say(doctor, CHECK_WARNING, "leftovers", NULL,
				   "not looked for: without one of the manifests nobody knows what is needed");
	else
		doctor_say(doctor, CHECK_CRITICAL, "leftovers", NULL, "could not read the repository");
}

/* Has expire met somebody else each time for days? */
static void
check_in_use(Doctor *doctor)
{
	double since = in_use_since(doctor->repository);
	char text[UTC_TIME_SIZE];

	if (!in_use_too_long(since))
		return;
	utc_time_text(since, text);
	doctor_say(doctor, CHECK_WARNING, "expire", IN_USE_HINT,
			   "no objects were removed since %s: the repository was in use at each expire", text);
}

/* What cannot be looked at, each by its name. */
static void
say_unclear(Doctor *doctor)
{
	const UnclearPlaces *unclear = &doctor->repository->unclear;
	int i;

	for (i = 0; i < unclear->count; i++)
	{
		const UnclearPlace *place = &unclear->items[i];

		doctor_say(doctor, CHECK_CRITICAL, place->check, place->hint, "%s", place->detail);
	}
}

void
doctor_check_repository(Doctor *doctor)
{
	BackupName *names = NULL;
	int count = 0;
	StoreLock *exclusive = NULL;
	StoreResult locking = store_ok();

	/* Only who removes needs the exclusive lock; a backup that starts meanwhile would meet it.
	 */
	if (doctor->fix)
		locking = repository_lock_exclusive(doctor->repository, &exclusive);
	if (exclusive == NULL)
		repository_lock_shared(doctor->repository);
	check_header(doctor);
	check_permissions(doctor);
	doctor_check_storage(doctor);
	doctor_check_encryption(doctor);
	unclear_look_at_all(doctor->repository);
	if (repository_list(doctor->repository, NULL, &names, &count))
	{
		repository_sort(doctor->repository, names, count);
		check_backups(doctor, names, count);
		say_unclear(doctor);
		check_leftovers(doctor, names, count, exclusive, &locking);
		check_in_use(doctor);
		doctor_check_restored_files(doctor, names, count);
		doctor_check_wal(doctor);
	}
	else
		doctor_say(doctor, CHECK_CRITICAL, "backups", NULL, "could not read the repository");
	free(names);
	repository_unlock(doctor->repository, exclusive);
}
