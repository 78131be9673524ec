/*
 * Lines, sections and keys are found by inih; values are taken apart here:
 * strings in either quotes, plain words and numbers, arrays and inline
 * tables, which may go on over several lines.
 */
#include "config.h"

#include "relayd/conf_file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "relayd/conf.h"

#define LINE_MAX_BYTES (1 << 20)
#define BLANKS         " \t\r\n"
#define TABLES_MAX     8 /* one within the other */

struct reading {
	struct conf *conf;
	const char *path;
	FILE *f;
	int line;         /* the one that inih works on */
	int joined;       /* lines that were read ahead, and come as empty */
	struct text text; /* of |line| */
	char *err;
	size_t err_size;
	bool failed;
	int error; /* errno, where the file cannot be read */
};

static void
fail(struct reading *r, int line, const char *what)
{
	if (!r->failed)
		snprintf(r->err, r->err_size, "%s:%d: %s", r->path, line, what);
	r->failed = true;
}

/* ---- lines ---- */

/* The next of |chars| in |s| that is not in quotes, or the end. */
static char *
find_bare(char *s, const char *chars)
{
	char quote = '\0';

	for (; *s != '\0'; s++) {
		if (quote != '\0' && *s == '\\' && quote == '"' && s[1] != '\0')
			s++;
		else if (quote != '\0')
			quote = *s == quote ? '\0' : quote;
		else if (strchr(chars, *s) != NULL)
			break;
		else if (*s == '"' || *s == '\'')
			quote = *s;
	}
	return s;
}

/* Append a line without its end and its remark. */
static bool
append_line(struct reading *r)
{
	char *line = NULL;
	size_t size = 0;
	bool got = getline(&line, &size, r->f) >= 0;

	if (got) {
		line[strcspn(line, "\r\n")] = '\0';
		*find_bare(line, "#") = '\0';
		text_add(&r->text, line);
		text_add(&r->text, " ");
	} else if (ferror(r->f)) {
		r->error = errno;
	}
	free(line);
	return got;
}

/* How many brackets |s| opens more than it closes. */
static int
count_open(char *s)
{
	int open = 0;

	while (*(s = find_bare(s, "[]{}")) != '\0')
		open += *s == '[' || *s == '{' ? 1 : -1, s++;
	return open;
}

/* An array or a table goes on to its bracket. */
static void
read_logical_line(struct reading *r)
{
	const char *value = strchr(text_str(&r->text), '=');
	size_t seen;
	int open;

	if (value == NULL)
		return;
	value += 1 + strspn(value + 1, BLANKS);
	if (*value != '[' && *value != '{')
		return;
	seen = (size_t)(value - r->text.s);
	open = count_open(r->text.s + seen);
	while (open > 0 && r->text.len < LINE_MAX_BYTES) {
		seen = r->text.len;
		if (!append_line(r))
			break;
		r->joined++;
		open += count_open(r->text.s + seen);
	}
	if (open > 0)
		fail(r, r->line, "the array or table has no end");
}

/* Part of a key: quotes around it and blanks beside dots are nothing. */
static void
add_key(struct text *key, const char *part, size_t len)
{
	if (key->len > 0 && len > 0)
		text_add(key, ".");
	for (size_t i = 0; i < len; i++)
		if (strchr(BLANKS "\"'", part[i]) == NULL)
			text_add_n(key, part + i, 1);
}

/* One that is empty, too, which inih says nothing of. */
static void
note_table(struct reading *r, const char *key)
{
	if (strcmp(key, "tls") == 0)
		conf_note_tls(r->conf);
}

static void
note_section(struct reading *r)
{
	const char *s = text_str(&r->text);
	struct text key;

	s += strspn(s, BLANKS);
	if (*s != '[')
		return;
	text_init(&key);
	add_key(&key, s + 1, strcspn(s + 1, "]"));
	note_table(r, text_str(&key));
	text_clear(&key);
}

/* For inih, which counts the lines that it gets. */
static char *
next_line(char *out, int size, void *stream)
{
	struct reading *r = stream;

	r->line++;
	r->conf->line = r->line;
	if (r->joined > 0) {
		r->joined--;
		return strcpy(out, "\n");
	}
	text_reset(&r->text);
	if (!append_line(r))
		return NULL;
	read_logical_line(r);
	note_section(r);
	if (r->text.len + 2 > (size_t)size) {
		fail(r, r->line, "the line is too long");
		return NULL;
	}
	memcpy(out, text_str(&r->text), r->text.len);
	strcpy(out + r->text.len, "\n");
	return out;
}

/* ---- values ---- */

/* What stands behind a backslash; NUL: nothing that may. */
static char
unescape(char c)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	const char *at = c != '\0' ? strchr(from, c) : NULL;

	return at != NULL ? to[at - from] : '\0';
}

static void
add_character(struct text *out, uint32_t c)
{
	static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	char byte = (char)(lead[more] | c >> 6 * more);

	text_add_n(out, &byte, 1);
	while (more-- > 0) {
		byte = (char)(0x80 | (c >> 6 * more & 0x3f));
		text_add_n(out, &byte, 1);
	}
}

/* \u and four digits, \U and eight: a character, but for NUL, which no value
 * here can hold. */
static bool
take_character(const char **at, struct text *out)
{
	size_t len = **at == 'u' ? 4 : 8;
	char digits[9] = "";
	unsigned long c;

	strncat(digits, *at + 1, len);
	if (strspn(digits, "0123456789abcdefABCDEF") != len)
		return false;
	c = strtoul(digits, NULL, 16);
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return false;
	add_character(out, (uint32_t)c);
	*at += len;
	return true;
}

/* What stands behind a backslash, of which |*at| then is the last byte. */
static bool
take_escape(const char **at, struct text *out)
{
	char c;

	(*at)++;
	if (**at == 'u' || **at == 'U')
		return take_character(at, out);
	c = unescape(**at);
	text_add_n(out, &c, 1);
	return c != '\0';
}

/* "text" with escapes, or 'text' as it is; false if it has no end. */
static bool
take_quoted(const char **at, struct text *out)
{
	char quote = *(*at)++, c;

	for (; (c = **at) != quote; (*at)++) {
		if (c == '\0')
			return false;
		if (c != '\\' || quote != '"')
			text_add_n(out, &c, 1);
		else if (!take_escape(at, out))
			return false;
	}
	(*at)++;
	return true;
}

/* 1_000: the lines in it are for the eye. */
static void
add_bare(struct text *out, const char *s, size_t len)
{
	bool number = strspn(s, "0123456789_.") >= len && s[0] != '_';

	for (size_t i = 0; i < len; i++)
		if (!number || s[i] != '_')
			text_add_n(out, s + i, 1);
}

static bool
take_scalar(const char **at, const char *stop, struct text *out)
{
	size_t len;

	text_reset(out);
	if (**at == '"' || **at == '\'')
		return take_quoted(at, out);
	len = strcspn(*at, stop);
	while (len > 0 && strchr(BLANKS, (*at)[len - 1]) != NULL)
		len--;
	add_bare(out, *at, len);
	*at += len;
	return len > 0;
}

static void
skip_blanks(const char **at)
{
	*at += strspn(*at, BLANKS);
}

static bool
is_at_end(const char *at)
{
	skip_blanks(&at);
	return *at == '\0';
}

/* The reference's that mean nothing here, and what may be said of them. */
static const struct {
	const char *key;
	const char *harmless; /* such a value is passed over; NULL: any */
	const char *why;
} useless_keys[] = {
	{ "access", "everyone", NULL },
	{ "key_cache_capacity", NULL, NULL },
	{ "enable_quic_addr_discovery", "false",
	    "address discovery over QUIC is not there" },
	{ "tls.quic_bind_addr", NULL, NULL },
	{ "tls.hostname", NULL, NULL },
	{ "tls.contact", NULL, NULL },
	{ "tls.prod_tls", NULL, NULL },
	{ "tls.dangerous_http_only", "false",
	    "without effect; --plain-relay relays over plain HTTP too" },
};

static enum conf_setting
set_useless(const char *key, const char *value, char *err, size_t err_size)
{
	/* The reference would not start. */
	if (strcmp(key, "key_cache_capacity") == 0 && value != NULL &&
	    value[0] == '-') {
		snprintf(err, err_size, "%s = %s: below 0", key, value);
		return CONF_UNKNOWN;
	}
	for (size_t i = 0; i < sizeof(useless_keys) / sizeof(useless_keys[0]);
	     i++) {
		const char *fine = useless_keys[i].harmless;

		if (strcmp(useless_keys[i].key, key) != 0)
			continue;
		if (fine == NULL || (value != NULL && strcmp(value, fine) == 0))
			return CONF_SET;
		/* Who is let in is nothing to guess at. */
		if (strncmp(key, "access", strlen("access")) == 0) {
			snprintf(err, err_size, "%s: %s", key,
			    useless_keys[i].why != NULL ? useless_keys[i].why
							: "not everyone");
			return CONF_BAD;
		}
		snprintf(err, err_size, "%s: %s", key, useless_keys[i].why);
		return CONF_USELESS;
	}
	snprintf(err, err_size, "unknown key %s", key);
	/* A misspelt list must not let everybody in. */
	return strncmp(key, "access.", strlen("access.")) == 0 ? CONF_BAD
							       : CONF_UNKNOWN;
}

enum conf_setting
conf_set(struct conf *c, const char *key, const char *value, char *err,
    size_t err_size)
{
	enum conf_setting setting =
	    conf_set_option(c, key, value, err, err_size);

	return setting != CONF_UNKNOWN ? setting
				       : set_useless(key, value, err, err_size);
}

static void
set(struct reading *r, const char *key, const char *value)
{
	char why[256];

	switch (conf_set(r->conf, key, value, why, sizeof(why))) {
	case CONF_SET:
		break;
	case CONF_UNKNOWN:
		if (r->conf->check)
			fail(r, r->line, why);
		else
			log_warn("config %s:%d: %s; ignored", r->path, r->line,
			    why);
		break;
	case CONF_USELESS:
		log_warn("config %s:%d: %s", r->path, r->line, why);
		break;
	case CONF_BAD:
		fail(r, r->line, why);
		break;
	}
}

/* Each element sets the key; without any it is set to nothing. */
static bool
take_array(struct reading *r, const char *key, const char **at)
{
	struct text value;
	bool ok = true;
	int n = 0;

	text_init(&value);
	(*at)++;
	for (skip_blanks(at); ok && **at != ']'; skip_blanks(at)) {
		ok = take_scalar(at, ",]", &value);
		if (!ok)
			break;
		set(r, key, text_str(&value));
		n++;
		skip_blanks(at);
		if (**at == ',')
			(*at)++;
		else
			ok = **at == ']';
	}
	text_clear(&value);
	if (ok)
		(*at)++;
	if (ok && n == 0)
		set(r, key, NULL);
	return ok;
}

static bool take_value(struct reading *r, const char *key, const char **at,
    const char *stop, int depth);

/* "name = value" within the table |key|. */
static bool
take_entry(struct reading *r, const char *key, const char **at, int depth)
{
	size_t len = strcspn(*at, "=,{}[]");
	struct text name;
	bool ok = (*at)[len] == '=';

	text_init(&name);
	text_add(&name, key);
	add_key(&name, *at, len);
	*at += len + (ok ? 1 : 0);
	ok = ok && take_value(r, text_str(&name), at, ",}", depth);
	text_clear(&name);
	return ok;
}

static bool
take_table(struct reading *r, const char *key, const char **at, int depth)
{
	if (depth >= TABLES_MAX)
		return false;
	note_table(r, key);
	(*at)++;
	for (skip_blanks(at); **at != '}'; skip_blanks(at)) {
		if (!take_entry(r, key, at, depth + 1))
			return false;
		skip_blanks(at);
		if (**at == ',')
			(*at)++;
		else if (**at != '}')
			return false;
	}
	(*at)++;
	return true;
}

/* A value that ends at one of |stop|. */
static bool
take_value(struct reading *r, const char *key, const char **at,
    const char *stop, int depth)
{
	struct text value;
	bool ok;

	skip_blanks(at);
	if (**at == '[')
		return take_array(r, key, at);
	if (**at == '{')
		return take_table(r, key, at, depth);
	text_init(&value);
	ok = take_scalar(at, stop, &value);
	skip_blanks(at);
	if (**at != '\0' && strchr(stop, **at) == NULL)
		ok = false;
	if (ok)
		set(r, key, text_str(&value));
	text_clear(&value);
	return ok;
}

static int
on_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *r = arg;
	struct text key;

	if (r->failed)
		return 0;
	text_init(&key);
	add_key(&key, section, strlen(section));
	add_key(&key, name, strlen(name));
	if (!take_value(r, text_str(&key), &value, "", 0) || !is_at_end(value))
		fail(r, r->line,
		    "not a value: a \"string\", a number, true, false, an "
		    "[array] of them, or a { key = value } of them");
	text_clear(&key);
	return !r->failed;
}

bool
conf_file_read(struct conf *c, const char *path, char *err, size_t err_size)
{
	struct reading r = { .conf = c,
		.path = path,
		.f = fopen(path, "re"),
		.err = err,
		.err_size = err_size };
	int line;

	if (r.f == NULL) {
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
		return false;
	}
	ini_use_stack = false;
	ini_max_line = LINE_MAX_BYTES;
	ini_initial_alloc = LINE_MAX_BYTES;
	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	text_init(&r.text);
	line = ini_parse_stream(next_line, &r, on_key, &r);
	c->line = 0;
	if (r.error != 0 && !r.failed) {
		snprintf(err, err_size, "%s: %s", path, strerror(r.error));
		r.failed = true;
	}
	if (line != 0)
		fail(&r, line, "neither [section] nor key = value");
	text_clear(&r.text);
	fclose(r.f);
	return !r.failed;
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
		    "%s: it is not there and cannot be "
		    "written: %s",
		    path, strerror(errno));
	return ok;
}
