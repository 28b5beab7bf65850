/*-------------------------------------------------------------------------
 *
 * copy_selection.h
 *	  Which backups of a repository are meant: all, or those that are named,
 *	  of some kinds, the last ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COPY_SELECTION_H
#define NEX_COPY_SELECTION_H

#include "repository.h"
#include "text_list.h"

typedef struct CopySelection
{
	char *const *names;    /* DB or DB/ID, as people name them (repository_resolve()) */
	int nnames;            /* 0: all */
	const char *server;    /* of one server only; NULL: of all, and sets of files */
	const TextList *kinds; /* "database", "globals", "files"; empty: all */
	int last;              /* so many of each owner; 0: all */
	const char *since;     /* whose snapshot is not before that time; NULL: all */
} CopySelection;

/*
 * The backups that are meant, in the order of repository_list(), each once.
 * False (reported) if a name means nothing, or nothing is chosen of what there is.
 * Caller frees *names.
 */
extern bool copy_select(Repository *repository, const CopySelection *selection, BackupName **names,
						int *count);

#endif /* NEX_COPY_SELECTION_H */
