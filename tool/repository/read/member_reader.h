/*-------------------------------------------------------------------------
 *
 * member_reader.h
 *	  Reading members out of the repository as raw text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MEMBER_READER_H
#define NEX_MEMBER_READER_H

#include "object_ahead.h"

/* Belongs to one thread; its buffers are used again for each member. */
typedef struct MemberReader
{
	Repository *repository;
	const Manifest *manifest;
	Decompressor *decompressor;
	Buffer stored;
	Buffer plain;         /* of an object that is read whole: all its members */
	int64_t plain_object; /* which one; -1: none */
	Buffer raw;           /* the text of the last member read */
	ObjectAhead *ahead;   /* what is read before it is needed; NULL: nothing */
	bool owns_ahead;
	bool quiet; /* damage is not reported */
	bool whole; /* objects that are not encrypted are read whole, and checked, too */
} MemberReader;

extern bool member_reader_open(MemberReader *reader, Repository *repository,
							   const Manifest *manifest);
extern void member_reader_close(MemberReader *reader);

/* All members of the manifest will be read, about in their order. */
extern void member_reader_read_ahead(MemberReader *reader);

/* Read a member into reader->raw; false (reported, exit 3 for damage) on failure. */
extern bool member_reader_read(MemberReader *reader, const Member *member);

/*
 * The rows of the data member read last, without its COPY line and its end;
 * false (reported, exit 3) if it is not what the manifest says.
 */
extern bool member_reader_rows(const MemberReader *reader, const Member *member, const char **rows,
							   size_t *length);

/* Read the only member of a kind; *found is false if there is none. */
extern bool member_reader_read_kind(MemberReader *reader, MemberKind kind, bool *found);

#endif /* NEX_MEMBER_READER_H */
