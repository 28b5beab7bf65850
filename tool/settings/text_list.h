/*-------------------------------------------------------------------------
 *
 * text_list.h
 *	  The values of an option that may be given several times.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TEXT_LIST_H
#define NEX_TEXT_LIST_H

typedef struct TextList
{
	char **items;
	int count;
	int source; /* which source of settings they come from: the values of a stronger one replace
				   them */
} TextList;

#endif /* NEX_TEXT_LIST_H */
