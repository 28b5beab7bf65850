/*-------------------------------------------------------------------------
 *
 * sql_text.h
 *	  Cutting SQL text into tokens and statements.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SQL_TEXT_H
#define NEX_SQL_TEXT_H

/*
 * Behind the token that begins here: a comment, a literal, a quoted name, a
 * dollar-quoted text, a word, a number, or else one character.  One that is
 * not closed goes on to the end of the text.
 */
extern const char *sql_token_end(const char *text);

/* By how much the token changes the depth of parentheses and brackets, in which a comma ends
 * nothing. */
extern int sql_token_nests(const char *text);

/* Behind blanks and comments. */
extern const char *sql_skip_blank(const char *text);

/* Behind the semicolon that ends the statement, or at the end of the text. */
extern const char *sql_statement_end(const char *text);

#endif /* NEX_SQL_TEXT_H */
