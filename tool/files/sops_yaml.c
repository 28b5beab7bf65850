/*-------------------------------------------------------------------------
 *
 * sops_yaml.c
 *	  The secrets of a YAML file encrypted in place, and back.
 *
 * The text is copied, and only the bytes of secret values are exchanged, so
 * comments, order, indentation and quotes stay, and a version control system
 * shows what changed.  What cannot be done that way without doubt (an alias
 * that shows a secret at a second place, a secret in a comment, a date that
 * readers understand differently) is refused with a reason; the caller
 * encrypts such a file as a whole.
 *
 *-------------------------------------------------------------------------
 */
#include "sops_yaml.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "primitives.h"
#include "yaml_leaves.h"

#define NEIGHBORS 16

static bool
under_sensitive_key(const SensitiveKeys *keys, const YamlLeaf *leaf)
{
	const YamlKey *key;

	for (key = leaf->key; key != NULL; key = key->parent)
	{
		if (sensitive_key(keys, key->name))
			return true;
	}
	return false;
}

/* Keys under which programs look for the value of something that has its name beside it. */
static bool
is_key_of_value(const char *key)
{
	static const char *const keys[] = {"value",   "val",  "default", "defaultValue",
									   "content", "data", "text",    "string"};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		if (strcmp(keys[i], key) == 0)
			return true;
	}
	return false;
}

/*
 * A value that is the name of a secret, whose own value is beside it in a map,
 * or behind it in a list of arguments.  Few of them are far from it.
 */
static void
learn_neighbors(const YamlLeaves *leaves, int i, SensitiveKeys *keys)
{
	const YamlLeaf *leaf = &leaves->leaves[i];
	const YamlLeaf *next = i + 1 < leaves->count ? leaf + 1 : NULL;
	int last = i + NEIGHBORS < leaves->count ? i + NEIGHBORS : leaves->count - 1;
	int j;

	for (j = i > NEIGHBORS ? i - NEIGHBORS : 0; j <= last; j++)
	{
		const YamlKey *key = leaves->leaves[j].key;

		if (j != i && key->parent == leaf->key->parent && is_key_of_value(key->name))
			sensitive_keys_add_name(keys, key->name);
	}
	if (leaf->value[0] == '-' && next != NULL && next->key == leaf->key && next->value[0] != '-')
		sensitive_keys_add_name(keys, leaf->key->name);
}

/* Keys whose values show that they hold a secret become sensitive. */
static void
learn_names(const YamlLeaves *leaves, SensitiveKeys *keys)
{
	int i;

	for (i = 0; i < leaves->count; i++)
	{
		const YamlLeaf *leaf = &leaves->leaves[i];

		/* What a Secret of Kubernetes holds is secret whatever its names are. */
		if (leaf->key->parent == NULL && strcmp(leaf->key->name, "kind") == 0 &&
			strcmp(leaf->value, "Secret") == 0)
		{
			sensitive_keys_add_name(keys, "data");
			sensitive_keys_add_name(keys, "stringData");
		}
		if (leaf->style != YAML_ALIAS && !under_sensitive_key(keys, leaf) &&
			sensitive_text(keys, leaf->value, leaf->length))
			sensitive_keys_add_name(keys, leaf->key->name);
		else if (leaf->style != YAML_ALIAS && sensitive_name(keys, leaf->value))
			learn_neighbors(leaves, i, keys);
	}
}

/* Does a comment in this stretch between two values look as if it held a secret? */
static bool
secret_in_comment(const SensitiveKeys *keys, const char *text, size_t length)
{
	size_t i = 0;

	while (i < length)
	{
		if (text[i] == '#' && (i == 0 || strchr(" \t\r\n", text[i - 1]) != NULL))
		{
			const char *newline = memchr(text + i, '\n', length - i);
			size_t size = newline != NULL ? (size_t) (newline - (text + i)) : length - i;

			if (sensitive_text(keys, text + i, size))
				return true;
			i += size;
		}
		i++;
	}
	return false;
}

/* Why a secret value cannot be exchanged where it stands; NULL if it can. */
static const char *
leaf_problem(const YamlLeaves *leaves, const YamlLeaf *leaf)
{
	if (leaf->style == YAML_ALIAS)
		return "a secret is an alias";
	if (leaf->decorated)
		return "a secret has a tag or an anchor";
	if (leaf->anchored && leaves->has_alias)
		return "a secret stands inside an anchor that an alias repeats";
	if (leaf->type == YAML_TYPE_OTHER)
		return "a secret is a number or a date that programs understand differently";
	return NULL;
}

static const char *
look_at_all(const YamlLeaves *leaves, const char *text, size_t length, SensitiveKeys *keys,
			bool *secret)
{
	size_t before = 0;
	int i;

	learn_names(leaves, keys);
	for (i = 0; i < leaves->count; i++)
	{
		const YamlLeaf *leaf = &leaves->leaves[i];
		const char *problem;

		if (secret_in_comment(keys, text + before, leaf->start - before))
			return "a comment looks as if it held a secret";
		before = leaf->end;
		secret[i] = under_sensitive_key(keys, leaf);
		problem = secret[i] ? leaf_problem(leaves, leaf) : NULL;
		if (problem != NULL)
			return problem;
		if (leaf->type == YAML_TYPE_NULL || leaf->length == 0)
			secret[i] = false;
	}
	if (secret_in_comment(keys, text + before, length - before))
		return "a comment looks as if it held a secret";
	return NULL;
}

/* The value as SOPS encrypts it, and its type. */
static const char *
plaintext(const YamlLeaf *leaf, const char **type)
{
	switch (leaf->type)
	{
		case YAML_TYPE_INTEGER:
			*type = "int";
			return leaf->value;
		case YAML_TYPE_FLOAT:
			*type = "float";
			return leaf->value;
		case YAML_TYPE_BOOLEAN:
			*type = "bool";
			return leaf->value[0] == 't' || leaf->value[0] == 'T' ? "True" : "False";
		default:
			*type = "str";
			return leaf->value;
	}
}

/* Put the encrypted value where the value stood, in quotes like it. */
static bool
write_secret(const YamlLeaf *leaf, const uint8_t *key, SopsMac *mac, Buffer *out)
{
	const char *type;
	const char *plain = plaintext(leaf, &type);
	size_t length = leaf->type == YAML_TYPE_STRING ? leaf->length : strlen(plain);
	const char *quote = "";
	char *path = yaml_leaf_path(leaf);
	bool good;

	if (leaf->style == YAML_SINGLE_QUOTED)
		quote = "'";
	else if (leaf->style == YAML_DOUBLE_QUOTED || leaf->in_flow)
		quote = "\"";
	buffer_append_string(out, quote);
	good =
		sops_mac_add(mac, plain, length) && sops_value_encrypt(key, type, plain, length, path, out);
	buffer_append_string(out, quote);
	if (leaf->style == YAML_BLOCK)
		buffer_append_char(out, '\n');
	free(path);
	return good;
}

static bool
write_encrypted(const YamlLeaves *leaves, const bool *secret, const char *text, size_t length,
				const uint8_t *key, SopsMetadata *metadata, Buffer *out)
{
	SopsMac mac;
	size_t from = 0;
	bool good = sops_mac_start(&mac);
	int i;

	for (i = 0; i < leaves->count && good; i++)
	{
		if (!secret[i])
			continue;
		buffer_append(out, text + from, leaves->leaves[i].start - from);
		good = write_secret(&leaves->leaves[i], key, &mac, out);
		from = leaves->leaves[i].end;
	}
	buffer_append(out, text + from, length - from);
	if (out->length > 0 && out->data[out->length - 1] != '\n')
		buffer_append_char(out, '\n');
	if (good && key != NULL)
	{
		good = sops_metadata_finish(metadata, &mac, key);
		sops_metadata_write_yaml(metadata, out);
	}
	EVP_MD_CTX_free(mac.context);
	return good;
}

/* Do both documents say the same, where not encrypted, at the same places? */
static bool
same_meaning(const YamlLeaves *before, const YamlLeaves *after, const bool *secret)
{
	int i;

	if (after->count < before->count)
		return false;
	for (i = 0; i < before->count; i++)
	{
		const YamlLeaf *old = &before->leaves[i];
		const YamlLeaf *new = &after->leaves[i];
		char *old_path = yaml_leaf_path(old);
		char *new_path = yaml_leaf_path(new);
		bool same = strcmp(old_path, new_path) == 0;

		if (same && secret[i])
			same = sops_value_is_encrypted(new->value, new->length);
		else if (same)
			same = old->length == new->length &&memcmp(old->value, new->value, old->length) == 0;
		free(old_path);
		free(new_path);
		if (!same)
			return false;
	}
	return after->last_key != NULL && strcmp(after->last_key, "sops") == 0;
}

const char *
sops_yaml_encrypt(const char *text, size_t length, SensitiveKeys *keys, const uint8_t *key,
				  SopsMetadata *metadata, Buffer *out, int *nvalues)
{
	YamlLeaves leaves;
	YamlLeaves after;
	bool *secret = NULL;
	const char *problem;
	int i;

	*nvalues = 0;
	problem = yaml_leaves_read(&leaves, text, length);
	for (i = 0; i < leaves.nkeys && problem == NULL; i++)
	{
		if (leaves.keys[i]->parent == NULL && strcmp(leaves.keys[i]->name, "sops") == 0)
			problem = "it is a file of SOPS already";
	}
	if (problem == NULL && memmem(text, length, SOPS_VALUE_START, strlen(SOPS_VALUE_START)) != NULL)
		problem = "it holds values that SOPS encrypted";
	if (problem == NULL)
	{
		secret = xcalloc((size_t) leaves.count + 1, sizeof(bool));
		problem = look_at_all(&leaves, text, length, keys, secret);
	}
	if (problem == NULL)
	{
		if (key != NULL)
			metadata->regex = sensitive_keys_regex(keys);
		if (!write_encrypted(&leaves, secret, text, length, key, metadata, out))
			problem = "the cryptographic library refused it";
	}
	if (problem == NULL && key != NULL)
	{
		problem = yaml_leaves_read(&after, out->data, out->length);
		if (problem == NULL && !same_meaning(&leaves, &after, secret))
			problem = "its secrets cannot be told from the rest";
		yaml_leaves_free(&after);
	}
	for (i = 0; i < leaves.count && problem == NULL; i++)
		*nvalues += secret[i] ? 1 : 0;
	if (problem != NULL)
		buffer_reset(out);
	free(secret);
	yaml_leaves_free(&leaves);
	return problem;
}

/*
 * Does a value belong to the metadata?  Its place does not tell: an empty
 * value before them begins where they begin.
 */
static bool
is_metadata(const YamlLeaf *leaf)
{
	const YamlKey *key = leaf->key;

	while (key->parent != NULL)
		key = key->parent;
	return strcmp(key->name, "sops") == 0;
}

/* "sops:age:recipient:" is the field "age:recipient". */
static bool
read_metadata(const YamlLeaves *leaves, SopsMetadata *metadata)
{
	bool good = true;
	int i;

	for (i = 0; i < leaves->count && good; i++)
	{
		const YamlLeaf *leaf = &leaves->leaves[i];
		char *path;

		if (!is_metadata(leaf))
			continue;
		path = yaml_leaf_path(leaf);
		path[strlen(path) - 1] = '\0';
		good = strncmp(path, "sops:", 5) == 0 && leaf->style != YAML_ALIAS &&
			   sops_metadata_set(metadata, path + 5, leaf->value);
		free(path);
	}
	return good && sops_metadata_complete(metadata);
}

/* A value in the notation of the place where it stood. */
static void
write_opened(const YamlLeaf *leaf, const Buffer *plain, const char *type, Buffer *out)
{
	size_t i;

	if (leaf->style == YAML_PLAIN && strcmp(type, "bool") == 0)
		buffer_append_string(out, plain->data[0] == 'T' ? "true" : "false");
	else if (leaf->style == YAML_PLAIN)
		buffer_append(out, plain->data, plain->length);
	else if (leaf->style == YAML_SINGLE_QUOTED)
	{
		buffer_append_char(out, '\'');
		for (i = 0; i < plain->length; i++)
		{
			if (plain->data[i] == '\'')
				buffer_append_char(out, '\'');
			buffer_append_char(out, plain->data[i]);
		}
		buffer_append_char(out, '\'');
	}
	else
	{
		buffer_append_char(out, '"');
		for (i = 0; i < plain->length; i++)
		{
			char c = plain->data[i];

			if (c == '"' || c == '\\')
				buffer_append_char(out, '\\');
			if (c == '\n')
				buffer_append_string(out, "\\n");
			else
				buffer_append_char(out, c);
		}
		buffer_append_char(out, '"');
	}
}

static const char *
open_values(const YamlLeaves *leaves, const char *text, const uint8_t *key, SopsMac *mac,
			Buffer *out)
{
	size_t end = (size_t) leaves->last_key_start;
	size_t from = 0;
	int i;

	for (i = 0; i < leaves->count; i++)
	{
		const YamlLeaf *leaf = &leaves->leaves[i];
		char type[SOPS_TYPE_SIZE];
		Buffer plain;
		char *path;
		bool good;

		if (is_metadata(leaf) || !sops_value_is_encrypted(leaf->value, leaf->length))
			continue;
		buffer_init(&plain);
		path = yaml_leaf_path(leaf);
		good = sops_value_decrypt(key, leaf->value, leaf->length, path, &plain, type) &&
			   sops_mac_add(mac, plain.data, plain.length);
		free(path);
		if (good)
		{
			buffer_append(out, text + from, leaf->start - from);
			write_opened(leaf, &plain, type, out);
			from = leaf->end;
			secret_cleanse(plain.data, plain.length);
		}
		buffer_free(&plain);
		if (!good)
			return "a value was changed, or belongs to another file";
	}
	buffer_append(out, text + from, end - from);
	return NULL;
}

const char *
sops_yaml_open(const char *text, size_t length, SopsUnwrap unwrap, void *argument, Buffer *out)
{
	SopsMetadata metadata;
	YamlLeaves leaves;
	uint8_t key[SOPS_KEY_BYTES];
	const char *problem;
	SopsMac mac = {NULL};
	Buffer opened;

	memset(&metadata, 0, sizeof(metadata));
	buffer_init(&opened);
	problem = yaml_leaves_read(&leaves, text, length);
	if (problem == NULL &&
		(strcmp(leaves.last_key, "sops") != 0 || !read_metadata(&leaves, &metadata)))
		problem = "its metadata of SOPS is damaged";
	if (problem == NULL && !unwrap(argument, &metadata, key))
		problem = SOPS_NO_IDENTITY;
	if (problem == NULL && !sops_mac_start(&mac))
		problem = "the cryptographic library refused it";
	if (problem == NULL)
		problem = open_values(&leaves, text, key, &mac, &opened);
	if (problem == NULL && !sops_metadata_check(&metadata, &mac, key))
		problem = "its MAC does not fit: a value is missing or was added";
	if (problem == NULL)
		buffer_append(out, opened.data, opened.length);
	if (opened.data != NULL)
		secret_cleanse(opened.data, opened.length);
	secret_cleanse(key, sizeof(key));
	EVP_MD_CTX_free(mac.context);
	buffer_free(&opened);
	sops_metadata_free(&metadata);
	yaml_leaves_free(&leaves);
	return problem;
}
