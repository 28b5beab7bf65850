/*-------------------------------------------------------------------------
 *
 * connection_settings.h
 *	  Settings: the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONNECTION_SETTINGS_H
#define NEX_CONNECTION_SETTINGS_H

#include <stdbool.h>

typedef struct ConnectionSettings
{
	char *dbname;
	char *host;
	char *port;
	char *username;
	bool no_password;    /* -w */
	bool force_password; /* -W */
} ConnectionSettings;

#endif /* NEX_CONNECTION_SETTINGS_H */
