/*
 * TOML as the reference reads it: toml.c takes expressions apart, inih is
 * told of them in plain lines and keeps the sections; what a key means is
 * conf.c's.
 */
#include "config.h"

#include "relayd/conf_file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/ws.h"
#include "net/address.h"
#include "relayd/conf.h"
#include "relayd/toml.h"
#include "relayd/toml_paths.h"

#define FILE_MAX_BYTES (16 << 20)
#define LINE_MAX_BYTES (1 << 20)

struct reading {
	struct conf *conf;
	const char *path;
	struct text file;
	struct toml toml;
	const char *counted; /* lines up to here are in |line| */
	int line;            /* of the expression that is read */
	struct text section;
	struct toml_paths paths;
	char *err;
	size_t err_size;
	bool failed;
};

static bool
fail(struct reading *r, int line, const char *what)
{
	if (!r->failed)
		snprintf(r->err, r->err_size, "%s:%d: %s", r->path, line, what);
	r->failed = true;
	return false;
}

static bool
fail_key(struct reading *r, const char *key, const char *what)
{
	char why[256];

	snprintf(why, sizeof(why), "%s%s", key, what);
	return fail(r, r->line, why);
}

/* ---- keys that mean nothing here ---- */

/* The reference's, and what may be said of them. */
static const struct {
	const char *key;
	enum toml_kind kind;
	const char *harmless; /* such a value is passed over; NULL: any */
	const char *why;
} useless_keys[] = {
	{ "access", TOML_STRING, "everyone", "not everyone" },
	{ "key_cache_capacity", TOML_INTEGER, NULL, NULL },
	{ "enable_quic_addr_discovery", TOML_BOOL, "false",
	    "address discovery over QUIC is not there" },
	{ "tls.quic_bind_addr", TOML_STRING, NULL, NULL },
	{ "tls.hostname", TOML_STRING, NULL, NULL },
	{ "tls.contact", TOML_STRING, NULL, NULL },
	{ "tls.prod_tls", TOML_BOOL, NULL, NULL },
	{ "tls.dangerous_http_only", TOML_BOOL, "false",
	    "without effect; --plain-relay relays over plain HTTP too" },
};

#define NUSELESS (sizeof(useless_keys) / sizeof(useless_keys[0]))

/* A reason why the reference of 0.35 does not start with it. */
static const char *
find_fault(size_t i, const struct toml_item *item)
{
	struct address a;

	if (item->kind != useless_keys[i].kind || item->in_array)
		return "not such a value as the reference wants";
	if (item->kind == TOML_INTEGER && item->value[0] == '-')
		return "below 0";
	if (strcmp(item->key, "tls.quic_bind_addr") == 0 &&
	    !address_parse(item->value, &a))
		return "not ADDR:PORT";
	return NULL;
}

static enum conf_setting
set_useless(struct conf *c, const struct toml_item *item, char *err,
    size_t err_size)
{
	const char *key = item->key, *fine, *fault;
	size_t i = 0;
	/* Who is let in is nothing to guess at. */
	bool grave = strcmp(key, "access") == 0 ||
	    (strncmp(key, "access.", strlen("access.")) == 0 &&
		strncmp(key, "access.http.", strlen("access.http.")) != 0);

	while (i < NUSELESS && strcmp(useless_keys[i].key, key) != 0)
		i++;
	snprintf(err, err_size, "unknown key %s", key);
	if (i == NUSELESS)
		return grave ? CONF_BAD : CONF_UNKNOWN;
	fine = useless_keys[i].harmless;
	fault = find_fault(i, item);
	if (fault != NULL) {
		snprintf(err, err_size, "%s: %s", key, fault);
		return grave ? CONF_BAD : CONF_UNKNOWN;
	}
	c->says_everyone |= grave;
	if (fine == NULL || strcmp(item->value, fine) == 0)
		return CONF_SET;
	snprintf(err, err_size, "%s: %s", key, useless_keys[i].why);
	return grave ? CONF_BAD : CONF_USELESS;
}

enum conf_setting
conf_set(struct conf *c, const struct toml_item *item, char *err,
    size_t err_size)
{
	enum conf_setting setting = conf_set_option(c, item, err, err_size);

	return setting != CONF_UNKNOWN ? setting
				       : set_useless(c, item, err, err_size);
}

/* ---- names ---- */

enum {
	CONF_IS_KEY = 1,
	CONF_IS_TABLE = 2
};

/* What |name| is to |key|: the same, a table above it, or neither. */
static int
compare(const char *name, const char *key)
{
	size_t len = strlen(name);

	if (strncmp(name, key, len) != 0)
		return 0;
	return key[len] == '\0' ? CONF_IS_KEY
	    : key[len] == '.'   ? CONF_IS_TABLE
				: 0;
}

/* Of the reference's names and ours: CONF_IS_KEY, CONF_IS_TABLE, or both. */
static int
look_up(const char *name)
{
	const char *key;
	int is = conf_is_key(name) ? CONF_IS_KEY : 0;

	for (size_t i = 0; (key = conf_key(i)) != NULL; i++)
		is |= compare(name, key);
	for (size_t i = 0; i < NUSELESS; i++)
		is |= compare(name, useless_keys[i].key);
	return is;
}

/* What a table says by being there. */
static void
note_table(struct conf *c, const char *key)
{
	if (strcmp(key, "tls") == 0)
		conf_note_tls(c);
	else if (strcmp(key, "access.everyone") == 0) /* = {}; a string, too */
		c->says_everyone = true;
}

/* ---- values ---- */

static void
warn(const struct reading *r, const char *why, const char *more)
{
	log_warn("config %s:%d: %s%s", r->path, r->line, why, more);
}

/*
 * The reference reads any number for these two, and does nothing: what is too
 * high for us is no limit either, and what is no limit is said.
 */
static enum conf_setting
set_limit(struct conf *c, struct toml_item item, char *err, size_t err_size)
{
	bool rate = strcmp(item.key, "limits.accept_conn_limit") == 0;
	double v = item.value != NULL ? strtod(item.value, NULL) : 0;
	char fit[40];

	if ((item.kind & (TOML_INTEGER | TOML_FLOAT)) == 0)
		return conf_set(c, &item, err, err_size);
	if (rate && !(v >= 0.0005)) {
		snprintf(err, err_size, "%s = %s: no limit", item.key,
		    item.value);
		return CONF_UNKNOWN;
	}
	snprintf(fit, sizeof(fit), rate ? "%.3f" : "%.0f", v < 1e6 ? v : 1e6);
	item.value = fit;
	return conf_set(c, &item, err, err_size);
}

static enum conf_setting
set_one(struct conf *c, const struct toml_item *item, char *err,
    size_t err_size)
{
	if (strncmp(item->key, "limits.accept_conn_", 19) == 0)
		return set_limit(c, *item, err, err_size);
	return conf_set(c, item, err, err_size);
}

static void
set(struct reading *r, const struct toml_item *item)
{
	char why[256];

	switch (set_one(r->conf, item, why, sizeof(why))) {
	case CONF_SET:
		break;
	case CONF_UNKNOWN:
		if (r->conf->check)
			fail(r, r->line, why);
		else if (!item->in_array || item->first)
			warn(r, why, "; ignored");
		break;
	case CONF_USELESS:
		warn(r, why, "");
		break;
	case CONF_BAD:
		fail(r, r->line, why);
		break;
	}
}

static bool
set_item(void *arg, const struct toml_item *item)
{
	struct reading *r = arg;
	int is = look_up(item->key);

	if (strchr(item->key, '[') !=
	    NULL) /* all of |item->table| is unknown */
		return true;
	if (item->kind == TOML_TABLE && !item->in_array) {
		if (is == CONF_IS_KEY)
			return fail_key(r, item->key, " is no table");
		note_table(r->conf, item->key);
		return true;
	}
	if (is == CONF_IS_TABLE)
		return fail_key(r, item->key, " is a table");
	if (is != 0 && item->has_nul)
		return fail_key(r, item->key, " cannot have a NUL");
	set(r, item);
	return !r->failed;
}

static int
on_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *r = arg;
	struct toml toml = { .at = value, .on_item = set_item, .arg = r };
	struct text key;

	text_init(&key);
	text_add(&key, section);
	if (key.len > 0)
		text_add(&key, ".");
	text_add(&key, name);
	if (!toml_value(&toml, section, text_str(&key)))
		fail(r, r->line, toml.wrong);
	text_clear(&key);
	return !r->failed;
}

/* ---- expressions ---- */

static bool
define(void *arg, const struct toml_item *item)
{
	struct reading *r = arg;

	if ((item->in_array && !item->first) ||
	    toml_paths_value(&r->paths, item->table, item->key, r->line))
		return true;
	return fail_key(r, item->key, " is there twice");
}

static bool
check_table(struct reading *r, const char *key, bool array)
{
	int is = look_up(key);

	if (is == CONF_IS_KEY)
		return fail_key(r, key, " is no table");
	if (is != 0 && array)
		return fail_key(r, key, " is no array of tables");
	if (!toml_paths_table(&r->paths, key, array, r->line))
		return fail_key(r, key, " is there twice");
	note_table(r->conf, key);
	return true;
}

/* [section], or [[section]] */
static bool
take_header(struct reading *r, struct text *line)
{
	struct toml *t = &r->toml;
	bool array = t->at[1] == '[';

	t->at += array ? 2 : 1;
	text_reset(&r->section);
	if (!toml_key(t, &r->section))
		return false;
	if (strncmp(t->at, "]]", array ? 2 : 1) != 0)
		return fail(r, r->line, "neither [section] nor key = value");
	t->at += array ? 2 : 1;
	text_addf(line, "[%s]\n", text_str(&r->section));
	return toml_line_end(t) && check_table(r, text_str(&r->section), array);
}

static bool
take_pair(struct reading *r, struct text *line)
{
	const char *table = text_str(&r->section), *value;
	struct toml *t = &r->toml;
	struct text key;
	bool ok;

	text_init(&key);
	text_add(&key, table);
	ok = toml_key(t, &key) &&
	    (*t->at == '=' ||
		fail(r, r->line, "neither [section] nor key = value"));
	if (ok) {
		t->at++;
		toml_skip_blanks(t);
		value = t->at;
		ok = toml_value(t, table, text_str(&key));
		text_addf(line, "%s=",
		    text_str(&key) + r->section.len + (r->section.len > 0));
		text_add_n(line, value, (size_t)(t->at - value));
		text_add(line, "\n");
	}
	text_clear(&key);
	return ok && toml_line_end(t);
}

/* To the next expression; false: there is none. */
static bool
skip_empty(struct reading *r)
{
	for (;;) {
		toml_skip_blanks(&r->toml);
		for (; r->counted < r->toml.at; r->counted++)
			r->line += *r->counted == '\n';
		r->conf->line = r->line;
		if (*r->toml.at == '\0')
			return false;
		if (strchr("#\r\n", *r->toml.at) == NULL)
			return true;
		if (!toml_line_end(&r->toml))
			return fail(r, r->line, r->toml.wrong);
	}
}

/* For inih. */
static char *
next_line(char *out, int size, void *stream)
{
	struct reading *r = stream;
	struct text line;
	bool ok;

	if (r->failed || !skip_empty(r))
		return NULL;
	text_init(&line);
	ok = *r->toml.at == '[' ? take_header(r, &line) : take_pair(r, &line);
	if (!ok)
		fail(r, r->line, r->toml.wrong);
	else if (line.len >= (size_t)size)
		ok = fail(r, r->line, "the line is too long");
	else
		memcpy(out, text_str(&line), line.len + 1);
	text_clear(&line);
	return ok ? out : NULL;
}

/* ---- the file ---- */

static bool
load(struct reading *r)
{
	const char *what = file_trouble(r->path);
	FILE *f = what == NULL ? fopen(r->path, "re") : NULL;
	size_t n = 1;

	while (f != NULL && n > 0 && r->file.len < FILE_MAX_BYTES) {
		n = fread(text_room(&r->file, 65536), 1, 65536, f);
		text_grew(&r->file, n);
	}
	if (what == NULL && (f == NULL || ferror(f)))
		what = strerror(errno);
	else if (what == NULL && n > 0)
		what = "the file is too large";
	else if (memchr(text_str(&r->file), '\0', r->file.len) != NULL ||
	    !rk_utf8_ok(text_str(&r->file), r->file.len))
		what = "not UTF-8 text";
	if (f != NULL)
		fclose(f);
	if (what != NULL)
		snprintf(r->err, r->err_size, "configuration file %s: %s",
		    r->path, what);
	r->toml.at = text_skip_mark(text_str(&r->file), r->file.len);
	r->counted = r->toml.at;
	return what == NULL;
}

/* Whoever writes of access means that not all are let in. */
static void
check_access(struct reading *r)
{
	int line = toml_paths_line(&r->paths, "access.http");

	if (line > 0 && r->conf->access_url == NULL)
		fail(r, line, "access.http.url is missing");
	line = toml_paths_line(&r->paths, "access");
	if (line > 0 && r->conf->access != ACCESS_EVERYONE &&
	    r->conf->says_everyone)
		fail(r, line, "access names everyone and others");
	if (line > 0 && r->conf->access == ACCESS_EVERYONE &&
	    !r->conf->says_everyone)
		fail(r, line, "access says nothing of who is let in");
}

static void
read_expressions(struct reading *r)
{
	ini_use_stack = false;
	ini_max_line = LINE_MAX_BYTES;
	ini_initial_alloc = LINE_MAX_BYTES;
	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	if (ini_parse_stream(next_line, r, on_key, r) != 0)
		fail(r, r->line, "neither [section] nor key = value");
	if (!r->failed)
		check_access(r);
	r->conf->line = 0;
}

bool
conf_file_read(struct conf *c, const char *path, char *err, size_t err_size)
{
	struct reading r = { .conf = c,
		.path = path,
		.line = 1,
		.toml = { .on_item = define },
		.err = err,
		.err_size = err_size };
	bool ok;

	r.toml.arg = &r;
	text_init(&r.file);
	text_init(&r.section);
	ok = load(&r);
	if (ok)
		read_expressions(&r);
	text_clear(&r.file);
	text_clear(&r.section);
	toml_paths_clear(&r.paths);
	return ok && !r.failed;
}

/* ---- one of our own ---- */

/* The folders above |path|. */
static bool
make_folders(const char *path)
{
	char *folder = xstrdup(path);
	bool ok = true;

	for (char *s = strchr(folder + 1, '/'); ok && s != NULL;
	     s = strchr(s + 1, '/')) {
		*s = '\0';
		ok = mkdir(folder, 0777) == 0 || errno == EEXIST;
		*s = '/';
	}
	free(folder);
	return ok;
}

/* As the reference does (section 7.2). */
bool
conf_file_write(const char *path, char *err, size_t err_size)
{
	static const char defaults[] = "enable_relay = true\n"
				       "enable_stun = true\n"
				       "enable_metrics = true\n";
	FILE *f = make_folders(path) ? fopen(path, "wxe") : NULL;
	bool ok = f != NULL && fputs(defaults, f) >= 0;

	if (f != NULL)
		ok = fclose(f) == 0 && ok;
	if (ok)
		log_info("config-written file=%s", path);
	else
		snprintf(err, err_size,
		    "configuration file %s: it is not there and cannot be "
		    "written: %s",
		    path, strerror(errno));
	return ok;
}
