/*-------------------------------------------------------------------------
 *
 * withheld.h
 *	  Parts of a message that stay with whoever runs the program.
 *
 * What the server says of an error may quote a row, or a statement with a
 * password in it.  That is for the terminal and for log files, which only
 * their owner can read; not for mail, webhooks or the catalog.  Where such
 * a text is put into a message it is marked, and what is written where decides
 * between the two readings.  A mark is part of the text, so that it goes
 * wherever the text goes; a second text beside the first would be forgotten
 * somewhere on the way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WITHHELD_H
#define NEX_WITHHELD_H

/*
 * The text, marked; others read "[withheld]", or "[withheld, NOTE]".  NULL
 * for no note, which is our own words.  Caller frees, here and below.
 */
extern char *withhold(const char *text, const char *note);

/* At most `limit` bytes of a statement, with all from the first quote on marked: values. */
extern char *withhold_values(const char *statement, int limit);

/* The whole text, without marks; NULL of NULL. */
extern char *withheld_shown(const char *text);

/* What others may read of it; NULL of NULL. */
extern char *withheld_told(const char *text);

/* printable_name() of the text, marks kept. */
extern char *withheld_printable(const char *text);

#endif /* NEX_WITHHELD_H */
