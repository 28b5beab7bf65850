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

typedef struct Settings Settings;

/*
 * Are these words (command first) such as a job may have?  NULL, or what is
 * wrong (caller frees).  The name of a database is put into a form that can
 * be taken for nothing else, so words may be replaced.
 */
extern char *agent_check_words(char **words, int count);

/*
 * Does a copy go from one place to another that the agent's own settings know,
 * and not back into their repository, --repo?
 * Whoever defines jobs could otherwise have it bring backups of anybody into a
 * repository, or out of it.  NULL, or what is wrong (caller frees).
 */
extern char *agent_check_places(const Settings *settings, char *const *words, int count);

/*
 * What the agent itself was told and its programs must know, in front of the
 * words of a job: each general option of its command line, such as the signer.
 * What environment and file say, the programs see themselves, as it is then;
 * and it is not for everybody who can see the list of processes.  The array and its strings are to
 * be freed.
 */
extern char **agent_own_words(const Settings *settings, const char *catalogue, bool with_repository,
							  int *count);

#endif /* NEX_AGENT_WORDS_H */
