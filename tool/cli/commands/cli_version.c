/*-------------------------------------------------------------------------
 *
 * cli_version.c
 *	  nex_backup version: this program's version and its libraries'.
 *
 * What a bug report needs.  The versions are those in use, not those that
 * the program was compiled with, wherever the library can say.
 *
 *-------------------------------------------------------------------------
 */
#include <curl/curl.h>
#include <jansson.h>
#include <libdeflate.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>
#include <zstd.h>

#include "command.h"
#include "general_settings.h"
#include "memory.h"
#include "output.h"
#include "settings.h"
#include "version.h"

/* "15.20" out of 150020. */
static char *
libpq_version(void)
{
	int version = PQlibVersion();

	return xasprintf("%d.%d", version / 10000, version % 10000);
}

static bool
run_version(const Settings *settings)
{
	char *libpq = libpq_version();

	if (settings->general->json)
		output_json(json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s}}", "version",
							  NEX_BACKUP_VERSION, "libraries", "libpq", libpq, "zstd",
							  ZSTD_versionString(), "libdeflate", LIBDEFLATE_VERSION_STRING,
							  "openssl", OpenSSL_version(OPENSSL_VERSION_STRING), "jansson",
							  JANSSON_VERSION, "libyaml", yaml_get_version_string(), "libcurl",
							  curl_version_info(CURLVERSION_NOW)->version));
	else
	{
		printf("nex_backup %s\n", NEX_BACKUP_VERSION);
		printf("  libpq       %s\n", libpq);
		printf("  zstd        %s\n", ZSTD_versionString());
		printf("  libdeflate  %s\n", LIBDEFLATE_VERSION_STRING);
		printf("  OpenSSL     %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
		printf("  jansson     %s\n", JANSSON_VERSION);
		printf("  libyaml     %s\n", yaml_get_version_string());
		printf("  libcurl     %s\n", curl_version_info(CURLVERSION_NOW)->version);
	}
	free(libpq);
	return true;
}

const Command command_version = {
	.name = "version",
	.summary = "show the version of the program and its libraries",
	.arguments = "",
	.options = "",
	.run = run_version,
	.needs_no_repository = true,
};
