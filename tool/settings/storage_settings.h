/*-------------------------------------------------------------------------
 *
 * storage_settings.h
 *	  Settings: how a bucket, or an SFTP server, is reached.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_STORAGE_SETTINGS_H
#define NEX_STORAGE_SETTINGS_H

#include "access_keys.h"
#include "text_list.h"

typedef enum UrlStyle
{
	URL_AUTO, /* by host for AWS itself, by path for all others */
	URL_HOST,
	URL_PATH
} UrlStyle;

/* Who can still remove what is locked against removal. */
typedef enum LockFirmness
{
	LOCK_GOVERNANCE, /* whoever has a right for that */
	LOCK_COMPLIANCE  /* nobody */
} LockFirmness;

typedef struct StorageSettings
{
	char *repo_endpoint; /* https://HOST[:PORT]; NULL: by the kind of the bucket and the region */
	char *repo_region;
	UrlStyle repo_url_style;
	KeyPlace repo_credentials;
	char *repo_secret_file;
	char *repo_profile;
	char *repo_ca_file;
	char *repo_proxy;   /* NULL: as the environment says */
	int repo_lock_days; /* against removal; 0: not at all */
	LockFirmness repo_lock_mode;
	TextList repo_sftp_command; /* empty: ssh */
	char *repo_sftp_known_hosts;
} StorageSettings;

#endif /* NEX_STORAGE_SETTINGS_H */
