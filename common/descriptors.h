/*-------------------------------------------------------------------------
 *
 * descriptors.h
 *	  What a child program is not to have: descriptors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DESCRIPTORS_H
#define NEX_DESCRIPTORS_H

#include <stdbool.h>

/* What to do with them. */
typedef enum DescriptorDeed
{
	DESCRIPTORS_CLOSE,
	DESCRIPTORS_MARK /* close-on-exec */
} DescriptorDeed;

/*
 * Do it to all open descriptors from `first` on, however high their numbers
 * are.  May be called between fork() and exec().  without_call, for tests:
 * not by close_range(), which kernels before 5.9 (5.11 for marking) lack.
 */
extern void descriptors_sweep(int first, DescriptorDeed deed, bool without_call);

#endif /* NEX_DESCRIPTORS_H */
