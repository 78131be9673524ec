/*
 * Lines -> a tree of connections by client random.  (A tree and not a hash:
 * its cost does not depend on what the peers choose.)
 */
#include "config.h"

#include "capture/tls_keylog.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

#include "base/text.h"
#include "base/xalloc.h"

/* "CLIENT_HANDSHAKE_TRAFFIC_SECRET", and both numbers, are 193 bytes; only
 * labels that are none of ours have longer lines. */
#define LINE_MAX_LEN 512
#define RANDOMS_MAX  (128u << 10) /* 35 MiB of secrets */
#define REMARKS_MAX  8            /* of one kind of source */

struct label {
	const char *name;
	uint8_t len[2]; /* of the secret, either */
};

static const struct label labels[TLS_NLABELS] = {
	[TLS_MASTER] = { "CLIENT_RANDOM", { 48, 48 } },
	[TLS_CLIENT_HANDSHAKE] = { "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
	    { 32, 48 } },
	[TLS_SERVER_HANDSHAKE] = { "SERVER_HANDSHAKE_TRAFFIC_SECRET",
	    { 32, 48 } },
	[TLS_CLIENT_TRAFFIC] = { "CLIENT_TRAFFIC_SECRET_0", { 32, 48 } },
	[TLS_SERVER_TRAFFIC] = { "SERVER_TRAFFIC_SECRET_0", { 32, 48 } },
};

struct connection {
	uint8_t random[TLS_RANDOM_LEN]; /* first: what is compared */
	struct tls_secret secret[TLS_NLABELS];
};

/* Text that comes in pieces. */
struct source {
	char name[32]; /* "key log", "secrets block 2" */
	uint64_t lines;
	char line[LINE_MAX_LEN];
	size_t len;
	bool too_long;
	unsigned remarks;
};

struct tls_keylog {
	void (*remark)(void *arg, const char *text);
	void *arg;
	void *tree;
	size_t nentries;
	uint64_t count; /* of secrets that were stored */
	bool full;
	FILE *f; /* NULL: none, or it cannot grow */
	bool has_file;
	struct source file;
	/* What a last line without its newline was taken for: if the line
	 * goes on later, it was not that. */
	struct tls_secret *guess;
	unsigned nblocks;
};

const char *
tls_label_name(enum tls_label label)
{
	return labels[label].name;
}

void
tls_secret_wipe(struct tls_secret *s)
{
	OPENSSL_cleanse(s, sizeof(*s));
}

struct tls_keylog *
tls_keylog_new(void (*remark)(void *arg, const char *text), void *arg)
{
	struct tls_keylog *k = xcalloc(1, sizeof(*k));

	k->remark = remark;
	k->arg = arg;
	snprintf(k->file.name, sizeof(k->file.name), "key log");
	return k;
}

static void
entry_free(void *e)
{
	OPENSSL_cleanse(e, sizeof(struct connection));
	free(e);
}

static void
source_clear(struct source *s)
{
	OPENSSL_cleanse(s->line, sizeof(s->line));
	s->len = 0;
}

void
tls_keylog_free(struct tls_keylog *k)
{
	if (k == NULL)
		return;
	tdestroy(k->tree, entry_free);
	source_clear(&k->file);
	if (k->f != NULL)
		fclose(k->f);
	free(k);
}

static void remark(struct tls_keylog *k, struct source *s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
remark(struct tls_keylog *k, struct source *s, const char *fmt, ...)
{
	char what[160], text[256];

	if (s->remarks > REMARKS_MAX)
		return;
	FORMAT_ARGS(what, sizeof(what), fmt);
	if (s->remarks++ == REMARKS_MAX)
		snprintf(what, sizeof(what),
		    "more is wrong here and behind it, which is not told");
	snprintf(text, sizeof(text), "%s, line %" PRIu64 ": %s", s->name,
	    s->lines, what);
	k->remark(k->arg, text);
}

/* ---- what is known ---- */

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, TLS_RANDOM_LEN);
}

static struct connection *
find(const struct tls_keylog *k, const uint8_t random[TLS_RANDOM_LEN])
{
	struct connection *const *at = tfind(random, &k->tree, compare);

	return at == NULL ? NULL : *at;
}

static struct connection *
find_or_add(struct tls_keylog *k, struct source *s,
    const uint8_t random[TLS_RANDOM_LEN])
{
	struct connection *e = find(k, random);

	if (e != NULL)
		return e;
	if (k->nentries == RANDOMS_MAX) {
		if (!k->full)
			remark(k, s,
			    "more than %u connections: the further ones are "
			    "left out",
			    RANDOMS_MAX);
		k->full = true;
		return NULL;
	}
	e = xcalloc(1, sizeof(*e));
	memcpy(e->random, random, sizeof(e->random));
	if (tsearch(e, &k->tree, compare) == NULL) {
		entry_free(e);
		return NULL;
	}
	k->nentries++;
	return e;
}

static struct tls_secret *
store(struct tls_keylog *k, struct source *s, enum tls_label label,
    const uint8_t random[TLS_RANDOM_LEN], const struct tls_secret *secret)
{
	struct connection *e = find_or_add(k, s, random);
	struct tls_secret *old;

	if (e == NULL)
		return NULL;
	old = &e->secret[label];
	if (old->len == 0) {
		*old = *secret;
		k->count++;
		return old;
	}
	if (old->len != secret->len || memcmp(old->b, secret->b, old->len) != 0)
		remark(k, s,
		    "another %s for the same client random; the first one "
		    "stays",
		    labels[label].name);
	return NULL;
}

bool
tls_keylog_given(const struct tls_keylog *k)
{
	return k->has_file || k->nblocks > 0;
}

uint64_t
tls_keylog_count(const struct tls_keylog *k)
{
	return k->count;
}

bool
tls_keylog_has(const struct tls_keylog *k, const uint8_t random[TLS_RANDOM_LEN])
{
	const struct connection *c = find(k, random);

	for (int i = 0; c != NULL && i < TLS_NLABELS; i++)
		if (c->secret[i].len > 0)
			return true;
	return false;
}

const struct tls_secret *
tls_keylog_find(const struct tls_keylog *k, enum tls_label label,
    const uint8_t random[TLS_RANDOM_LEN])
{
	const struct connection *e = find(k, random);

	return e == NULL || e->secret[label].len == 0 ? NULL
						      : &e->secret[label];
}

/* ---- lines ---- */

struct word {
	const char *p;
	size_t len;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of |*p| up to |end|; empty if there is none. */
static struct word
next_word(const char **p, const char *end)
{
	struct word w;

	while (*p < end && is_blank(**p))
		++*p;
	w.p = *p;
	while (*p < end && !is_blank(**p))
		++*p;
	w.len = (size_t)(*p - w.p);
	return w;
}

static int
label_of(struct word w)
{
	for (int i = 0; i < TLS_NLABELS; i++)
		if (strlen(labels[i].name) == w.len &&
		    memcmp(labels[i].name, w.p, w.len) == 0)
			return i;
	return -1;
}

static bool
looks_like_label(struct word w)
{
	for (size_t i = 0; i < w.len; i++) {
		char c = w.p[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '_')
			return false;
	}
	return true;
}

/* Whole bytes of hex, |len[0]| or |len[1]| of them; their number, or 0. */
static size_t
read_hex(struct word w, uint8_t *out, const uint8_t len[2])
{
	size_t bad_at;

	if (w.len != 2u * len[0] && w.len != 2u * len[1])
		return 0;
	return hex_decode(w.p, w.len, out, w.len / 2, &bad_at) ==
		(long)(w.len / 2)
	    ? w.len / 2
	    : 0;
}

/* What it stored, if it is something new.  |final|: the line is whole, so
 * that what is wrong with it can be told. */
static struct tls_secret *
take_line(struct tls_keylog *k, struct source *s, bool final)
{
	static const uint8_t random_len[2] = { TLS_RANDOM_LEN, TLS_RANDOM_LEN };
	const char *p = s->line, *end = p + s->len;
	struct word w = next_word(&p, end), a = next_word(&p, end),
		    b = next_word(&p, end);
	uint8_t random[TLS_RANDOM_LEN];
	struct tls_secret secret = { 0 }, *stored = NULL;
	int label = label_of(w);

	if (w.len == 0 || w.p[0] == '#')
		return NULL;
	if (label < 0) {
		if (final && !looks_like_label(w))
			remark(k, s, "not a line of a key log");
		return NULL;
	}
	if (!s->too_long && next_word(&p, end).len == 0 &&
	    read_hex(a, random, random_len) > 0)
		secret.len = (uint8_t)read_hex(b, secret.b, labels[label].len);
	if (secret.len > 0)
		stored = store(k, s, (enum tls_label)label, random, &secret);
	else if (final)
		remark(k, s, "%s without a whole client random and secret",
		    labels[label].name);
	tls_secret_wipe(&secret);
	return stored;
}

static void
begin_line(struct source *s)
{
	source_clear(s);
	s->too_long = false;
}

static void
add_to_line(struct source *s, const char *p, size_t len)
{
	size_t room = sizeof(s->line) - s->len;

	if (len > room) {
		s->too_long = true;
		len = room;
	}
	if (len > 0)
		memcpy(s->line + s->len, p, len);
	s->len += len;
}

/* Editors of some systems put a byte order mark before the first line. */
static void
skip_bom(struct source *s)
{
	if (s->lines == 1 && s->len >= 3 &&
	    memcmp(s->line, "\xef\xbb\xbf", 3) == 0) {
		s->len -= 3;
		memmove(s->line, s->line + 3, s->len);
	}
}

static void
feed(struct tls_keylog *k, struct source *s, const char *p, size_t len)
{
	while (len > 0) {
		const char *newline = memchr(p, '\n', len);
		size_t n = newline != NULL ? (size_t)(newline - p) : len;

		add_to_line(s, p, n);
		if (newline == NULL)
			return;
		s->lines++;
		skip_bom(s);
		take_line(k, s, true);
		begin_line(s);
		p += n + 1;
		len -= n + 1;
	}
}

void
tls_keylog_block(struct tls_keylog *k, const void *p, size_t len)
{
	struct source s = { .lines = 0 };

	snprintf(s.name, sizeof(s.name), "secrets block %u", ++k->nblocks);
	feed(k, &s, p, len);
	if (s.len > 0) {
		s.lines++;
		skip_bom(&s);
		take_line(k, &s, true);
	}
	source_clear(&s);
}

/* ---- the file ---- */

static bool
read_on(struct tls_keylog *k, FILE *f)
{
	char buf[4096];
	bool any = false;
	size_t n;

	clearerr(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
		if (k->guess != NULL)
			tls_secret_wipe(k->guess);
		k->guess = NULL;
		feed(k, &k->file, buf, n);
		any = true;
	}
	OPENSSL_cleanse(buf, sizeof(buf));
	return any;
}

/* The last line may lack its newline, for good or for the moment. */
static void
take_rest(struct tls_keylog *k, bool final)
{
	struct source *s = &k->file;

	if (s->len == 0)
		return;
	s->lines++;
	skip_bom(s);
	k->guess = take_line(k, s, final);
	s->lines--;
}

int
tls_keylog_open(struct tls_keylog *k, const char *path, char *err,
    size_t err_size)
{
	FILE *f = fopen(path, "rb");
	struct stat st;

	if (f == NULL || fstat(fileno(f), &st) != 0) {
		snprintf(err, err_size, "key log %s: %s", path,
		    strerror(errno));
		if (f != NULL)
			fclose(f);
		return -1;
	}
	setvbuf(f, NULL, _IONBF, 0); /* no copy of the secrets */
	read_on(k, f);
	if (ferror(f)) {
		snprintf(err, err_size, "key log %s: %s", path,
		    strerror(errno));
		fclose(f);
		return -1;
	}
	take_rest(k, true);
	k->has_file = true;
	if (k->nentries == 0)
		k->remark(k->arg, "key log: there is no TLS secret in it");
	if (S_ISREG(st.st_mode))
		k->f = f;
	else
		fclose(f);
	return 0;
}

void
tls_keylog_refresh(struct tls_keylog *k)
{
	if (k->f != NULL && read_on(k, k->f))
		take_rest(k, false);
}

bool
tls_keylog_may_grow(const struct tls_keylog *k)
{
	return k->f != NULL;
}
