/* The rules of TOML 1.0 for defining a thing twice, as the reference has
 * them. */
#include "config.h"

#include "relayd/toml_paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define PATHS_MAX 10000

enum how {
	HOW_VALUE,  /* = something, which is closed */
	HOW_HEADER, /* [it] */
	HOW_ABOVE,  /* [it.more] only */
	HOW_DOTTED, /* it.more = */
	HOW_ARRAY   /* [[it]] */
};

struct toml_path {
	char *key;
	enum how how;
	int line;
};

void
toml_paths_clear(struct toml_paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->all[i].key);
	free(p->all);
	*p = (struct toml_paths){ 0 };
}

static struct toml_path *
find(const struct toml_paths *p, const char *key, size_t len)
{
	for (size_t i = 0; i < p->n; i++)
		if (strncmp(p->all[i].key, key, len) == 0 &&
		    p->all[i].key[len] == '\0')
			return &p->all[i];
	return NULL;
}

static bool
add(struct toml_paths *p, const char *key, size_t len, enum how how, int line)
{
	if (p->n >= PATHS_MAX)
		return false;
	p->all = xreallocarray(p->all, p->n + 1, sizeof(*p->all));
	p->all[p->n++] = (struct toml_path){ .key = xstrndup(key, len),
		.how = how,
		.line = line };
	return true;
}

/* The next dot that is not in quotes, from |at| on; the end if there is none.
 */
static size_t
next_dot(const char *key, size_t at)
{
	bool quoted = false;

	for (; key[at] != '\0' && (quoted || key[at] != '.'); at++)
		if (key[at] == '"')
			quoted = !quoted;
	return at;
}

/* What lies above |key|, and below its first |from| bytes; |dotted|: a key
 * with dots opens no table of a header. */
static bool
define_above(struct toml_paths *p, const char *key, size_t from, bool dotted,
    int line)
{
	size_t len = next_dot(key, from);

	for (; key[len] != '\0'; len = next_dot(key, len + 1)) {
		const struct toml_path *above = find(p, key, len);

		if (above == NULL) {
			if (!add(p, key, len, dotted ? HOW_DOTTED : HOW_ABOVE,
				line))
				return false;
			continue;
		}
		if (above->how == HOW_VALUE ||
		    (dotted && above->how != HOW_DOTTED))
			return false;
	}
	return true;
}

/* Each [[key]] begins anew. */
static void
forget_below(struct toml_paths *p, const char *key)
{
	size_t len = strlen(key), kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (strncmp(p->all[i].key, key, len) == 0 &&
		    p->all[i].key[len] == '.')
			free(p->all[i].key);
		else
			p->all[kept++] = p->all[i];
	}
	p->n = kept;
}

bool
toml_paths_table(struct toml_paths *p, const char *key, bool array, int line)
{
	enum how how = array ? HOW_ARRAY : HOW_HEADER;
	struct toml_path *was;

	if (!define_above(p, key, 0, false, line))
		return false;
	was = find(p, key, strlen(key));
	if (was == NULL)
		return add(p, key, strlen(key), how, line);
	if (array && was->how == HOW_ARRAY) {
		forget_below(p, key);
		return true;
	}
	if (array || was->how != HOW_ABOVE)
		return false;
	was->how = how;
	return true;
}

bool
toml_paths_value(struct toml_paths *p, const char *table, const char *key,
    int line)
{
	size_t from = strlen(table);

	from += from > 0;
	return define_above(p, key, from, true, line) &&
	    find(p, key, strlen(key)) == NULL &&
	    add(p, key, strlen(key), HOW_VALUE, line);
}

int
toml_paths_line(const struct toml_paths *p, const char *key)
{
	const struct toml_path *path = find(p, key, strlen(key));

	return path != NULL ? path->line : 0;
}
