/*-------------------------------------------------------------------------
 *
 * google.c
 *	  Buckets of Google Cloud Storage.
 *
 * With a token instead of a key no body is signed, so each upload has its MD5.
 *
 *-------------------------------------------------------------------------
 */
#include "google.h"

#include "s3.h"
#include "utc_time.h"

static bool
google_sign(const BucketAddress *address, const BucketRequest *request, const Signing *signing,
			WireRequest *wire)
{
	return s3_sign_for(SIG_GOOG4, address, "storage.googleapis.com", request, signing, wire);
}

/* What S3 calls an older version is a generation here, which each object has. */
static const FileLockWords lock_words = {.mode = "x-goog-object-lock-mode",
										 .until = "x-goog-object-lock-retain-until-date",
										 .modes = {"GOVERNANCE", "COMPLIANCE"},
										 .time_text = utc_time_write,
										 .query = {"retention", ""},
										 .xml = true,
										 .sign = "x-guploader-uploadid"};

const BucketDialect google_dialect = {.scheme = "gs",
									  .sign = google_sign,
									  .errors = &s3_errors,
									  .list = &s3_list_words,
									  .version = "x-goog-generation",
									  .only_new = {"x-goog-if-generation-match", "0"},
									  .only_this = "x-goog-if-generation-match",
									  .md5 = true,
									  .lock = &lock_words,
									  .remove_batch = s3_remove_batch};
