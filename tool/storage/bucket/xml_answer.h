/*-------------------------------------------------------------------------
 *
 * xml_answer.h
 *	  The XML that object stores answer: lists, results of deletions, errors.
 *
 * Read by expat, and with limits of our own: what a network sends is hostile
 * until it is parsed.  A document type, and with it every entity of its own,
 * is refused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_XML_ANSWER_H
#define NEX_XML_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#define XML_MAX_DEPTH 16
#define XML_MAX_TEXT (64 * 1024) /* bytes in one element */

/*
 * Called at the end of each element with its path from the root, such as
 * "ListBucketResult/Contents/Key", and the text directly in it.  Names are
 * without a prefix of their namespace.  False ends the reading.
 */
typedef bool (*XmlVisitor)(void *argument, const char *path, const char *text);

/*
 * Read an answer whose root must be `root`; NULL: any.  False, with *problem
 * (to be freed) for a message, if it is another one, is cut off, or is not
 * acceptable; what was visited before then does not count.
 */
extern bool xml_answer_read(const char *answer, size_t length, const char *root, XmlVisitor visitor,
							void *argument, char **problem);

#endif /* NEX_XML_ANSWER_H */
