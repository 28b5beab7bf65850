/*-------------------------------------------------------------------------
 *
 * fuzz_bucket.c
 *	  Any bytes as what the server of a bucket, a service for tokens or a file
 *	  of keys says.
 *
 * The first byte chooses which.  What is accepted can be used: names of a
 * listing are texts, a token fits into a header, and a refusal has a reason.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "azure.h"
#include "azure_credentials.h"
#include "google.h"
#include "google_credentials.h"
#include "list_page.h"
#include "location.h"
#include "s3.h"

static const BucketDialect *const dialects[] = {&s3_dialect, &azure_dialect, &google_dialect};

#define DIALECTS (sizeof(dialects) / sizeof(dialects[0]))

static void
judge(const BucketDialect *dialect, const HttpAnswer *answer, const char *root)
{
	const StoreSign sign = {.root = root, .header = root == NULL ? dialect->version : NULL};
	BucketVerdict verdict = bucket_judge(dialect->errors, "GET x", &sign, HTTP_ANSWERED, answer);

	MUST(verdict.result.code == STORE_OK || verdict.result.text[0] != '\0');
	MUST(verdict.remedy != CHANGE_REGION || verdict.region[0] != '\0');
	/* Only the store's own code says that nothing is there. */
	MUST(verdict.result.code != STORE_ABSENT || answer->body.length > 0);
}

static void
read_page(const BucketDialect *dialect, const HttpAnswer *answer)
{
	char *problem = NULL;
	ListPage page;
	size_t i;

	if (!list_page_read(dialect->list, answer, &page, &problem))
	{
		MUST(problem != NULL);
		free(problem);
		return;
	}
	MUST(!page.truncated || page.next != NULL);
	for (i = 0; i < page.count; i++)
		MUST(page.entries[i].name != NULL);
	list_page_free(&page);
}

static void
read_keys(const char *text)
{
	AccessKeys keys;
	char *problem = NULL;

	if (azure_keys_from_text(text, "it", &keys, &problem))
	{
		MUST(keys.kind == ACCESS_KEY ? keys.secret_key != NULL : platform_is_token(keys.token));
		access_keys_free(&keys);
	}
	else
		MUST(problem != NULL);
	free(problem);
	if (google_hmac_key(text, &keys))
	{
		MUST(platform_is_token(keys.access_key) && platform_is_token(keys.secret_key));
		access_keys_free(&keys);
	}
}

static void
read_location(const char *text)
{
	Location location;

	if (location_parse(text, &location) != NULL)
		return;
	MUST((location.kind == LOCATION_DIRECTORY) == (location.directory != NULL));
	MUST(location.kind == LOCATION_SFTP ||
		 (location.kind == LOCATION_AZURE) == (location.account != NULL));
	if (location.kind != LOCATION_DIRECTORY)
		MUST(location.bucket[0] != '-' && strstr(location.prefix, "//") == NULL &&
			 strpbrk(location.bucket, "/@?#") == NULL);
	location_free(&location);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 400, 404, 412};
	const BucketDialect *dialect;
	HttpAnswer answer;

	if (size == 0)
		return 0;
	dialect = dialects[(data[0] & 3) % DIALECTS];
	http_answer_init(&answer);
	answer.status = statuses[data[0] >> 2 & 3];
	buffer_append(&answer.body, data + 1, size - 1);
	switch (data[0] >> 5)
	{
		case 0:
		case 1:
			judge(dialect, &answer, NULL);
			judge(dialect, &answer, dialect->list->root);
			break;
		case 2:
		case 3:
			read_page(dialect, &answer);
			break;
		case 4:
			read_keys(answer.body.data != NULL ? answer.body.data : "");
			break;
		default:
			read_location(answer.body.data != NULL ? answer.body.data : "");
			break;
	}
	http_answer_free(&answer);
	return 0;
}
