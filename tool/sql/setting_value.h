/*-------------------------------------------------------------------------
 *
 * setting_value.h
 *	  The value of a setting as ALTER ROLE and ALTER DATABASE take it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SETTING_VALUE_H
#define NEX_SETTING_VALUE_H

#include <stdbool.h>

/* What follows SET name TO, before quoting. */
typedef struct SettingValue
{
	char **items;
	int count; /* 0: an empty list, for which SET has no words */
} SettingValue;

/*
 * Take apart what pg_db_role_setting.setconfig has behind "name=".  A value
 * that is not a list, or that cannot be split, is one item.
 */
extern void setting_value_read(SettingValue *value, const char *name, const char *stored);
extern void setting_value_free(SettingValue *value);

/*
 * Is it a parameter of one transaction?  A role can give itself such a setting
 * within a transaction that has the value; it means nothing in any session, and
 * no other transaction can set it again.
 */
extern bool setting_is_of_transaction(const char *name);

#endif /* NEX_SETTING_VALUE_H */
