/*-------------------------------------------------------------------------
 *
 * sql_name.h
 *	  Reading names back out of SQL text that PostgreSQL or this tool wrote.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SQL_NAME_H
#define NEX_SQL_NAME_H

/* Read an identifier, quoted or not; where it ends, or NULL.  Caller frees *name. */
extern const char *sql_name_read(const char *text, char **name);

/* Read schema.name; where it ends, or NULL. */
extern const char *sql_name_read_qualified(const char *text, char **schema, char **name);

#endif /* NEX_SQL_NAME_H */
