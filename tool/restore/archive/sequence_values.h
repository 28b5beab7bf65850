/*-------------------------------------------------------------------------
 *
 * sequence_values.h
 *	  The values of sequences in a backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SEQUENCE_VALUES_H
#define NEX_SEQUENCE_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "repository.h"

typedef struct Settings Settings;

typedef struct SequenceValue
{
	char *schema;
	char *name;
	char *value;
	bool called;
} SequenceValue;

typedef struct SequenceValues
{
	SequenceValue *items;
	uint32_t count;
} SequenceValues;

/*
 * Read the sequences member; false (reported) on damage.  A statement of
 * unknown form is an error, or with --allow-unknown-sql left out with a
 * warning: it belongs to no sequence that could have been chosen.
 */
extern bool sequence_values_load(const Settings *settings, Repository *repository,
								 const Manifest *manifest, SequenceValues *values);

/* Parse its text; how many statements have no known form. */
extern int sequence_values_parse(const char *text, SequenceValues *values);
extern void sequence_values_free(SequenceValues *values);

#endif /* NEX_SEQUENCE_VALUES_H */
