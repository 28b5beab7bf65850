/*-------------------------------------------------------------------------
 *
 * restore_record.c
 *	  Tell the catalog of a restore.
 *
 *-------------------------------------------------------------------------
 */
#include "restore_record.h"

#include "catalogue.h"
#include "general_settings.h"
#include "json_text.h"
#include "settings.h"

void
restore_record(const RestoreRequest *request, const RestoreResult *result, bool good,
			   const char *started)
{
	json_t *payload =
		catalogue_payload(request->repository, &result->backup.owner, result->backup.id, started);
	Owner target = owner_of(request->settings->general->server, result->database);

	if (good)
		json_object_set_new(payload, "state", json_string("succeeded"));
	json_object_set_new(payload, "target", json_text(result->database));
	json_object_set_new(payload, "rows", json_integer((json_int_t) result->rows));
	json_object_set_new(payload, "kept_as", json_text(result->kept_as));
	catalogue_record(request->settings, EVENT_RESTORE, &target, payload);
}

void
restore_record_globals(const GlobalsRequest *request, const GlobalsResult *result, bool good,
					   const char *started)
{
	json_t *payload =
		catalogue_payload(request->repository, &result->backup.owner, result->backup.id, started);

	if (good)
		json_object_set_new(payload, "state", json_string("succeeded"));
	catalogue_record(request->settings, EVENT_RESTORE, &result->backup.owner, payload);
}
