/*-------------------------------------------------------------------------
 *
 * owner_settings.h
 *	  Settings: whose what is restored will be.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OWNER_SETTINGS_H
#define NEX_OWNER_SETTINGS_H

#include <stdbool.h>

typedef struct OwnerSettings
{
	bool no_owner;
	bool no_privileges;
	char *role; /* NULL: the user that connects */
} OwnerSettings;

#endif /* NEX_OWNER_SETTINGS_H */
