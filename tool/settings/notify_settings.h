/*-------------------------------------------------------------------------
 *
 * notify_settings.h
 *	  Settings: notifications: what, when, by which channel.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NOTIFY_SETTINGS_H
#define NEX_NOTIFY_SETTINGS_H

#include <stdbool.h>

#include "text_list.h"

typedef enum MailTls
{
	MAIL_TLS_STARTTLS, /* required, not "if offered" */
	MAIL_TLS_IMPLICIT,
	MAIL_TLS_PLAIN /* for a relay on this machine */
} MailTls;

typedef struct NotifySettings
{
	char *notify_on;         /* "failure,recovery,…" */
	int notify_repeat_after; /* seconds between two messages about one failing thing */
	int notify_give_up_after;
	int notify_missed_after;
	TextList notify_missed_except;
	char *notify_directory;   /* NULL: below the home directory */
	char *notify_ca_file;     /* NULL: the system's */
	char *notify_mail_server; /* "host:port" */
	MailTls notify_mail_tls;
	char *notify_mail_user;
	char *notify_mail_password_file;
	char *notify_mail_from;
	char *notify_mail_to; /* comma-separated */
	char *notify_webhook_url_file;
	char *notify_webhook_hmac_key_file;
	char *notify_slack_url_file;
	char *notify_teams_url_file;
	char *notify_ping_url_file;
	bool test;
	bool flush;
	bool check_missed;
	bool fail_if_waiting;
	bool no_server;
	bool discard_dead;
} NotifySettings;

#endif /* NEX_NOTIFY_SETTINGS_H */
