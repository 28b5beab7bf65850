/*-------------------------------------------------------------------------
 *
 * known_block.h
 *	  What statements of the members "database" and "globals" share: the values
 *	  of settings, and blocks of DO.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KNOWN_BLOCK_H
#define NEX_KNOWN_BLOCK_H

#include "known_statement.h"
#include "sql_reader.h"

/* SET name TO list, as both have it; FROM CURRENT if `current` is the name of the setting. */
extern void known_setting_read(SqlReader *reader, const char *current);

/*
 * The inside of DO 'BEGIN ... END': *current is the setting that it empties
 * before, or NULL.  To be closed with known_block_end().
 */
extern void known_block_begin(SqlReader *block, char **current);
extern void known_block_end(SqlReader *block);

/* Take over what is wrong with an inner text, or write the block of it. */
extern void known_block_take(SqlReader *reader, SqlReader *block, KnownStatement *statement);

#endif /* NEX_KNOWN_BLOCK_H */
