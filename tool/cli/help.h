/*-------------------------------------------------------------------------
 *
 * help.h
 *	  What --help prints, made from the table of options and the commands.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_HELP_H
#define NEX_HELP_H

#include "command.h"

/* The list of commands, on stdout. */
extern void help_program(void);

/* Usage, options and explanation of one command, on stdout. */
extern void help_command(const Command *command);

#endif /* NEX_HELP_H */
