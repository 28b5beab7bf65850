/*-------------------------------------------------------------------------
 *
 * agent_words.h
 *	  The command line of a run, and what the agent does not let pass.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGENT_WORDS_H
#define NEX_AGENT_WORDS_H

#include <stdbool.h>

/*
 * Are these words (command first) such as a job may have?  NULL, or what is
 * wrong (caller frees).
 */
extern char *agent_check_words(char *const *words, int count);

#endif /* NEX_AGENT_WORDS_H */
