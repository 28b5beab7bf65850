/*-------------------------------------------------------------------------
 *
 * turn_settings.h
 *	  Settings: whose rights the code of a live table has while a part comes, and for how long.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TURN_SETTINGS_H
#define NEX_TURN_SETTINGS_H

/* Whose rights the code of a live table has while rows are added to it. */
typedef enum RowsAs
{
	ROWS_AS_OWNER,
	ROWS_AS_SESSION
} RowsAs;

typedef struct TurnSettings
{
	RowsAs rows_as;
	int owner_timeout; /* seconds for a turn of an owner's code, 0 = any number, default 1 hour */
} TurnSettings;

#endif /* NEX_TURN_SETTINGS_H */
