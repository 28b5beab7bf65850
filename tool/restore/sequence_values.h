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

/* Read the sequences member; false (reported) on damage. */
extern bool sequence_values_load(Repository *repository, const Manifest *manifest,
								 SequenceValues *values);

/* Parse its text; false if it is not like that. */
extern bool sequence_values_parse(const char *text, SequenceValues *values);
extern void sequence_values_free(SequenceValues *values);

#endif /* NEX_SEQUENCE_VALUES_H */
