/* A sorted list of keys. */
#include "config.h"

#include "relayd/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/xalloc.h"
#include "codec/keys.h"
#include "relayd/access_http.h"
#include "relayd/conf.h"

struct access {
	enum access_rule rule;
	struct rk_key *keys; /* sorted */
	size_t n;
	size_t cap;
	struct access_service *service; /* ACCESS_ASKED */
};

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct rk_key));
}

static void
add(struct access *a, const struct rk_key *key)
{
	if (a->n == a->cap) {
		a->cap = a->cap * 2 + 16;
		a->keys = xreallocarray(a->keys, a->cap, sizeof(*a->keys));
	}
	a->keys[a->n++] = *key;
}

/* A key, or nothing but blanks and a remark. */
static bool
add_line(struct access *a, char *line)
{
	struct rk_key key;
	size_t len;

	line[strcspn(line, "#\r\n")] = '\0';
	line += strspn(line, " \t");
	len = strcspn(line, " \t");
	if (len == 0)
		return true;
	if (line[len + strspn(line + len, " \t")] != '\0' ||
	    rk_key_parse(line, len, &key) != RK_OK)
		return false;
	add(a, &key);
	return true;
}

static bool
add_file(struct access *a, const char *path, char *err, size_t err_size)
{
	const char *why = file_trouble(path);
	FILE *f = why == NULL ? fopen(path, "re") : NULL;
	char *line = NULL;
	size_t size = 0, number = 0;
	bool ok = f != NULL;

	if (!ok)
		snprintf(err, err_size, "list of keys %s: %s", path,
		    why != NULL ? why : strerror(errno));
	while (ok && getline(&line, &size, f) >= 0) {
		ok = add_line(a, line);
		number++;
		if (!ok)
			snprintf(err, err_size,
			    "%s:%zu: not a key, in hex or base32", path,
			    number);
	}
	if (ok && ferror(f)) {
		snprintf(err, err_size, "list of keys %s: %s", path,
		    strerror(errno));
		ok = false;
	}
	free(line);
	if (f != NULL)
		fclose(f);
	return ok;
}

struct access *
access_new(const struct conf *conf, char *err, size_t err_size)
{
	struct access *a = xcalloc(1, sizeof(*a));

	a->rule = conf->access;
	for (size_t i = 0; i < conf->nkeys; i++)
		add(a, &conf->keys[i]);
	for (size_t i = 0; i < conf->nkey_files; i++) {
		if (!add_file(a, conf->key_files[i], err, err_size)) {
			access_free(a);
			return NULL;
		}
	}
	if (a->rule == ACCESS_ASKED) {
		a->service = access_service_new(conf, err, err_size);
		if (a->service == NULL) {
			access_free(a);
			return NULL;
		}
	}
	if (a->n > 0)
		qsort(a->keys, a->n, sizeof(*a->keys), compare);
	return a;
}

void
access_free(struct access *a)
{
	if (a == NULL)
		return;
	access_service_unref(a->service);
	free(a->keys);
	free(a);
}

struct access_service *
access_service_of(const struct access *a)
{
	return a->service;
}

bool
access_allows(const struct access *a, const struct rk_key *key)
{
	bool listed;

	if (a->rule == ACCESS_EVERYONE)
		return true;
	if (a->rule == ACCESS_ASKED) /* now; not when the login began */
		return false;
	listed = a->n > 0 &&
	    bsearch(key, a->keys, a->n, sizeof(*a->keys), compare) != NULL;
	return listed == (a->rule == ACCESS_LISTED);
}
