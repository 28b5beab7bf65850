/*-------------------------------------------------------------------------
 *
 * yaml_leaves.h
 *	  The values of a YAML document and the places where they are written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_YAML_LEAVES_H
#define NEX_YAML_LEAVES_H

#include <stdbool.h>
#include <stddef.h>

/* What a value is to a program that reads the document. */
typedef enum YamlType
{
	YAML_TYPE_STRING,
	YAML_TYPE_INTEGER,
	YAML_TYPE_FLOAT,
	YAML_TYPE_BOOLEAN,
	YAML_TYPE_NULL,
	YAML_TYPE_OTHER /* a date, a number in an unusual notation: readers differ */
} YamlType;

typedef enum YamlStyle
{
	YAML_PLAIN,
	YAML_SINGLE_QUOTED,
	YAML_DOUBLE_QUOTED,
	YAML_BLOCK, /* literal or folded */
	YAML_ALIAS
} YamlStyle;

/* A key, and through its parents the way to it; items of a list add nothing. */
typedef struct YamlKey
{
	char *name;
	struct YamlKey *parent;
} YamlKey;

typedef struct YamlLeaf
{
	size_t start; /* bytes of the document: from here … */
	size_t end;   /* … to before here */
	YamlStyle style;
	YamlType type;
	char *value; /* what it means; NUL-terminated */
	size_t length;
	const YamlKey *key; /* innermost; NULL in a document without keys */
	bool in_flow;       /* inside [ ] or { } */
	bool decorated;     /* has its own tag or anchor */
	bool anchored;      /* is inside something that has an anchor */
} YamlLeaf;

typedef struct YamlLeaves
{
	YamlLeaf *leaves;
	int count;
	YamlKey **keys;
	int nkeys;
	bool has_alias;
	long last_key_start;  /* offset of the last key at the top; -1: none */
	const char *last_key; /* its name */
} YamlLeaves;

/*
 * Read a document.  Gives NULL, or why this document is none whose values
 * could be replaced one by one (a static message); yaml_leaves_free() in
 * any case.
 */
extern const char *yaml_leaves_read(YamlLeaves *leaves, const char *text, size_t length);
extern void yaml_leaves_free(YamlLeaves *leaves);

/* "key:sub:key:", as SOPS names the way to a value; caller frees. */
extern char *yaml_leaf_path(const YamlLeaf *leaf);

#endif /* NEX_YAML_LEAVES_H */
