/*-------------------------------------------------------------------------
 *
 * command_table.h
 *	  The list of commands, and which options belong to which.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COMMAND_TABLE_H
#define NEX_COMMAND_TABLE_H

#include <stdbool.h>

#include "command.h"
#include "options.h"

extern const Command *const command_table[];
extern const int command_count;

/* Find by name; NULL if there is none. */
extern const Command *command_find(const char *name);

/* The command that was probably meant, or NULL. */
extern const char *command_nearest(const char *name);

/* True if the option is a general one, or the command names it. */
extern bool command_takes(const Command *command, const Option *option);

/* "backup, verify, restore": the commands that take an option; caller frees. */
extern char *commands_taking(const Option *option);

#endif /* NEX_COMMAND_TABLE_H */
