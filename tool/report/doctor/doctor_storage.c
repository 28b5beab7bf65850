/*-------------------------------------------------------------------------
 *
 * doctor_storage.c
 *	  Checks of the storage.
 *
 *-------------------------------------------------------------------------
 */
#include "doctor_storage.h"

#include <math.h>

#include "log.h"
#include "pretty.h"
#include "utc_time.h"

/* Something that is wrong with a storage. */
typedef void (*SayWrong)(void *argument, CheckStatus status, const char *detail, const char *hint);

/* What is removed can be had back, or cannot be removed. */
static bool
is_kept(const Storage *storage, const StoreProbe *probe)
{
	return probe->removal == ANSWER_NO ||
		   (storage->lock_days > 0 && probe->file_locks != ANSWER_NO);
}

/* Say all that is wrong; true if nothing is. */
static bool
say_wrong(const Storage *storage, const StoreProbe *probe, SayWrong say, void *argument)
{
	bool good = true;

	if (probe->conditions == ANSWER_NO)
	{
		good = false;
		say(argument, CHECK_WARNING,
			"the server ignores conditions, so nothing can be locked there, and \"expire\" removes "
			"nothing",
			"Use a server that honors If-None-Match, or let only one command at a time write.");
	}
	if (probe->digests == ANSWER_NO)
	{
		good = false;
		say(argument, CHECK_WARNING,
			"the server stores what is not as its digest says, so a file may be damaged on its way",
			"Use a server that checks digests; verify each backup after it was made.");
	}
	if (storage->lock_days > 0 && probe->file_locks == ANSWER_NO)
	{
		good = false;
		say(argument, CHECK_CRITICAL,
			"the bucket cannot lock files against removal (repo-lock-days)",
			"Create a bucket with object lock.");
	}
	if (probe->removal == ANSWER_YES && !is_kept(storage, probe))
	{
		good = false;
		say(argument, CHECK_WARNING,
			"these credentials can remove backups for good, and nothing protects them from that",
			"Give whoever makes backups credentials that cannot remove objects, or set "
			"repo-lock-days for a bucket with object lock.");
	}
	return good;
}

static const char *
word(StoreAnswer answer)
{
	return answer == ANSWER_YES ? "yes" : answer == ANSWER_NO ? "no" : "not known";
}

static void
say_to_doctor(void *argument, CheckStatus status, const char *detail, const char *hint)
{
	doctor_say(argument, status, "storage", hint, "%s", detail);
}

static void
say_clock(Doctor *doctor, double ahead)
{
	if (fabs(ahead) > CLOCK_TOLERANCE)
		doctor_say(doctor, CHECK_WARNING, "clock", "Set the clock of this host.",
				   "the clock of the storage is %s %s ours", pretty_duration(fabs(ahead)),
				   ahead > 0 ? "ahead of" : "behind");
}

void
doctor_check_storage(Doctor *doctor)
{
	Storage *storage = doctor->repository->storage;
	StoreProbe probe;
	StoreResult result;

	if (storage->probe == NULL)
		return;
	result = storage->probe(storage, &probe);
	if (result.code != STORE_OK)
	{
		doctor_say(doctor, CHECK_WARNING, "storage", result.hint,
				   "could not find out what it can do: %s", result.text);
		return;
	}
	(void) say_wrong(storage, &probe, say_to_doctor, doctor);
	doctor_say(
		doctor, CHECK_OK, "storage", NULL,
		"conditions: %s, digests: %s, versions: %s, locks against removal: %s, we can remove: "
		"%s",
		word(probe.conditions), word(probe.digests), word(probe.versions), word(probe.file_locks),
		word(probe.removal));
	say_clock(doctor, probe.clock_ahead);
}

static void
say_as_warning(void *argument, CheckStatus status, const char *detail, const char *hint)
{
	(void) status;
	log_warning_hint(hint, "bucket \"%s\": %s", ((const Storage *) argument)->location, detail);
}

void
storage_warn(Storage *storage)
{
	StoreProbe probe;

	if (storage->probe != NULL && storage->probe(storage, &probe).code == STORE_OK)
		(void) say_wrong(storage, &probe, say_as_warning, storage);
}
