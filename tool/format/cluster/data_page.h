/*-------------------------------------------------------------------------
 *
 * data_page.h
 *	  Is a page of a relation as PostgreSQL wrote it?
 *
 * A page that is read while the server writes it may be half old, half new.
 * That is not damage: the WAL since the beginning of the backup has it whole,
 * and puts it right.  What tells the two apart is the LSN in the page, and
 * another reading.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DATA_PAGE_H
#define NEX_DATA_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum PageState
{
	PAGE_GOOD,  /* its checksum fits, or nothing was ever written there */
	PAGE_NEWER, /* it does not, but the WAL of this backup has the page, if it goes that far */
	PAGE_BAD    /* read it again; if it stays so, it is damaged */
} PageState;

/* What is known of the relations of a server. */
typedef struct PageRules
{
	size_t block_size;
	uint64_t start; /* where the WAL of this backup begins */
	bool checksums; /* without them, only the header says anything */
} PageRules;

/* A page, at an address that is a multiple of four, and its number within the relation. */
extern PageState data_page_look(const PageRules *rules, const char *page, uint32_t block);

/* Up to where the WAL has been when the page was changed last, as it says itself. */
extern uint64_t data_page_lsn(const char *page);

/* The checksum that PostgreSQL gives it. */
extern uint16_t data_page_checksum(const char *page, size_t block_size, uint32_t block);

#endif /* NEX_DATA_PAGE_H */
