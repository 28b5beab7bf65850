/*-------------------------------------------------------------------------
 *
 * printable.h
 *	  Which bytes may go to a terminal or into a line of a log as they are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PRINTABLE_H
#define NEX_PRINTABLE_H

/*
 * Length of the well-formed UTF-8 character at the start of a NUL-terminated
 * text; 0 if there is none, or it is a control character.
 */
extern int printable_length(const char *text);

#endif /* NEX_PRINTABLE_H */
