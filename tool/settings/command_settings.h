/*-------------------------------------------------------------------------
 *
 * command_settings.h
 *	  Settings: what single commands alone know.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COMMAND_SETTINGS_H
#define NEX_COMMAND_SETTINGS_H

#include <stdbool.h>

#include "text_list.h"

typedef struct CommandSettings
{
	bool contents;
	bool header;
	char *output;
	bool dry_run;
	bool fix;
	char *level;      /* of a verification (verify_level.h) */
	char *from;       /* the other place of the repository */
	bool create;      /* that place may be a new one */
	bool re_encrypt;  /* it is another repository, with other keys */
	bool allow_plain; /* … or without any, though this one has some */
	char *since;
	int last; /* 0: all */
	TextList kind;
	char *as_of;   /* the repository as it was at that time; NULL: as it is */
	bool clusters; /* not an option: the command is about base backups */
} CommandSettings;

#endif /* NEX_COMMAND_SETTINGS_H */
