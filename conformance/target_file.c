/* .target files: lines of words -> struct target_file. */
#include "config.h"

#include "conformance/target_file.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/keyword_file.h"
#include "conformance/target.h"
#include "conformance/words.h"

/* ---- lines ---- */

static struct target_file *
file_of(struct keyword_reader *r)
{
	return r->out;
}

static void
on_target(struct keyword_reader *r)
{
	keyword_set_once(r, &file_of(r)->name);
	if (strpbrk(r->word[1], "/: \t") != NULL)
		keyword_complain(r, "\"%s\" cannot be a target's name",
		    r->word[1]);
}

static void
on_dialect(struct keyword_reader *r)
{
	file_of(r)->dialect = rk_dialect_by_id(r->word[1]);
	if (file_of(r)->dialect == NULL)
		keyword_complain(r, "there is no dialect \"%s\"", r->word[1]);
}

static void
on_file(struct keyword_reader *r)
{
	struct target_file *f = r->out;
	const char *name = r->word[1];

	if (name[0] == '\0' || strchr(name, '/') != NULL || name[0] == '.')
		keyword_complain(r, "\"%s\" is not the plain name of a file",
		    name);
	for (size_t i = 0; i < f->nfiles; i++)
		if (strcmp(f->files[i].name, name) == 0)
			keyword_complain(r, "the file %s was there before",
			    name);
	f->files = xreallocarray(f->files, f->nfiles + 1, sizeof(*f->files));
	f->files[f->nfiles++] = (struct target_text){
		.name = xstrdup(name),
		.text = xstrdup(r->word[2]),
	};
}

static void
on_spawn(struct keyword_reader *r)
{
	char **words = words_split(r->word[1]);

	if (words == NULL)
		keyword_complain(r,
		    "the command has a quote that is not closed");
	else if (words[0] == NULL)
		keyword_complain(r, "the command is empty");
	words_free(words);
	keyword_set_once(r, &file_of(r)->spawn);
}

static void
on_url(struct keyword_reader *r)
{
	keyword_set_once(r, &file_of(r)->url);
}

static void
on_plain(struct keyword_reader *r)
{
	keyword_set_once(r, &file_of(r)->plain);
}

static void
on_metrics(struct keyword_reader *r)
{
	keyword_set_once(r, &file_of(r)->metrics);
}

static void
on_stun(struct keyword_reader *r)
{
	keyword_set_once(r, &file_of(r)->stun);
}

static void
on_cafile(struct keyword_reader *r)
{
	keyword_set_once(r, &file_of(r)->cafile);
}

static void
on_writes(struct keyword_reader *r)
{
	keyword_set_once(r, &file_of(r)->writes);
}

static void
on_deviations(struct keyword_reader *r)
{
	keyword_set_once(r, &file_of(r)->deviations);
}

static void
on_logs(struct keyword_reader *r)
{
	keyword_set_once(r, &file_of(r)->logs);
}

/* Words |i| and |i + 1| are "within D": nanoseconds, or |otherwise|. */
static int64_t
read_within(struct keyword_reader *r, size_t i, int64_t otherwise)
{
	int64_t ns;

	if (r->nwords <= i)
		return otherwise;
	if (strcmp(r->word[i], "within") != 0 || r->nwords != i + 2) {
		keyword_complain(r, "expected \"within 10s\", not \"%s\"",
		    r->word[i]);
		return otherwise;
	}
	ns = duration_parse(r->word[i + 1]);
	if (ns <= 0) {
		keyword_complain(r, "\"%s\" is no duration", r->word[i + 1]);
		return otherwise;
	}
	return ns;
}

/* ready http GET PATH STATUS [within D] */
static void
on_ready(struct keyword_reader *r)
{
	int64_t status = 0;

	if (strcmp(r->word[1], "http") != 0 || strcmp(r->word[2], "GET") != 0) {
		keyword_complain(r,
		    "expected \"ready http GET PATH STATUS within D\"");
		return;
	}
	if (r->word[3][0] != '/')
		keyword_complain(r, "\"%s\" is no path", r->word[3]);
	if (!number_parse(r->word[4], 100, 599, &status))
		keyword_complain(r, "\"%s\" is no HTTP status", r->word[4]);
	free(file_of(r)->ready_path);
	file_of(r)->ready_path = xstrdup(r->word[3]);
	file_of(r)->ready_status = (int)status;
	file_of(r)->ready_ns = read_within(r, 5, file_of(r)->ready_ns);
}

static void
check_cap(struct keyword_reader *r, const char *cap)
{
	char err[256];

	if (!target_check_cap(cap, err, sizeof(err)))
		keyword_complain(r, "%s", err);
}

static void
on_caps(struct keyword_reader *r)
{
	struct target_file *f = r->out;

	f->caps = xreallocarray(f->caps, f->ncaps + r->nwords, sizeof(char *));
	for (size_t i = 1; i < r->nwords; i++) {
		check_cap(r, r->word[i]);
		if (text_is_among(r->word[i], f->caps, f->ncaps))
			keyword_complain(r, "%s was there before", r->word[i]);
		f->caps[f->ncaps++] = xstrdup(r->word[i]);
	}
}

/* What the runner knows by itself needs no proof. */
static bool
is_known(const char *cap)
{
	static const char *const known[] = { "own", "process", "signals", "tls",
		"plain-beside-tls", "client", "writes", "told" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(cap, known[i]) == 0)
			return true;
	return rk_dialect_by_id(cap) != NULL;
}

static void
on_probe(struct keyword_reader *r)
{
	struct target_file *f = r->out;

	if (strcmp(r->word[2], "=") != 0)
		keyword_complain(r, "expected \"probe CAP = SCENARIO\"");
	else if (r->word[1][0] == '\0' || r->word[3][0] == '\0')
		keyword_complain(r, "probe with an empty word");
	else if (is_known(r->word[1]))
		keyword_complain(r, "%s needs no probe: the runner knows",
		    r->word[1]);
	else
		check_cap(r, r->word[1]);
	for (size_t i = 0; i < f->nprobes; i++)
		if (strcmp(f->probes[i].cap, r->word[1]) == 0)
			keyword_complain(r, "%s is probed in line %d already",
			    r->word[1], f->probes[i].line);
	f->probes =
	    xreallocarray(f->probes, f->nprobes + 1, sizeof(*f->probes));
	f->probes[f->nprobes++] = (struct target_probe){
		.cap = xstrdup(r->word[1]),
		.select = xstrdup(r->word[3]),
		.line = r->line,
		.column = line_word_column(r->said, 3),
	};
}

/* Proven or declared, not both. */
static void
check_probes(struct keyword_reader *r)
{
	const struct target_file *f = r->out;

	for (size_t i = 0; i < f->nprobes; i++)
		if (text_is_among(f->probes[i].cap, f->caps, f->ncaps)) {
			r->line = f->probes[i].line;
			keyword_complain(r,
			    "%s is probed, and among the caps, too",
			    f->probes[i].cap);
		}
}

static void
on_scale(struct keyword_reader *r)
{
	char *end;

	file_of(r)->scale = strtod(r->word[1], &end);
	if (*end != '\0' ||
	    !(file_of(r)->scale >= 0.01 && file_of(r)->scale <= 1000.0))
		keyword_complain(r, "\"%s\" is no scale from 0.01 to 1000",
		    r->word[1]);
}

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "TERM", SIGTERM },
	{ "INT", SIGINT },
	{ "HUP", SIGHUP },
	{ "QUIT", SIGQUIT },
	{ "KILL", SIGKILL },
};

static void
on_stop(struct keyword_reader *r)
{
	file_of(r)->stop_signal = 0;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcmp(r->word[1], signals[i].name) == 0)
			file_of(r)->stop_signal = signals[i].number;
	if (file_of(r)->stop_signal == 0)
		keyword_complain(r,
		    "\"%s\" is none of TERM, INT, HUP, QUIT, KILL", r->word[1]);
	file_of(r)->stop_ns = read_within(r, 2, file_of(r)->stop_ns);
}

static const struct keyword keywords[] = {
	{ "target", 1, 1, on_target, false },
	{ "dialect", 1, 1, on_dialect, true },
	{ "file", 2, 2, on_file, false },
	{ "spawn", 1, 1, on_spawn, false },
	{ "url", 1, 1, on_url, false },
	{ "plain", 1, 1, on_plain, false },
	{ "metrics", 1, 1, on_metrics, false },
	{ "stun", 1, 1, on_stun, false },
	{ "cafile", 1, 1, on_cafile, false },
	{ "writes", 1, 1, on_writes, false },
	{ "ready", 4, 6, on_ready, true },
	{ "caps", 1, KEYWORD_MAX_WORDS, on_caps, false },
	{ "probe", 3, 3, on_probe, false },
	{ "scale", 1, 1, on_scale, true },
	{ "logs", 1, 1, on_logs, false },
	{ "deviations", 1, 1, on_deviations, false },
	{ "stop", 1, 3, on_stop, true },
};
struct target_file *
target_file_parse(const char *path, const char *text, size_t len,
    struct text *errors)
{
	struct target_file *f = xcalloc(1, sizeof(*f));
	struct keyword_reader r = {
		.keywords = keywords,
		.nkeywords = sizeof(keywords) / sizeof(keywords[0]),
		.first = "target NAME",
		.out = f,
		.path = path,
		.errors = errors,
	};

	f->path = xstrdup(path);
	f->dialect = rk_dialects()[0];
	f->scale = 1;
	f->stop_signal = SIGTERM;
	f->stop_ns = 5 * NS_PER_S;
	f->ready_ns = 10 * NS_PER_S;
	keyword_file_read(&r, text, len);
	check_probes(&r);
	if (!r.failed && f->name == NULL)
		keyword_complain(&r, "there is no target");
	else if (!r.failed && f->url == NULL)
		keyword_complain(&r, "the target has no url");
	if (!r.failed)
		return f;
	target_file_free(f);
	return NULL;
}

void
target_file_free(struct target_file *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->nfiles; i++) {
		free(f->files[i].name);
		free(f->files[i].text);
	}
	for (size_t i = 0; i < f->ncaps; i++)
		free(f->caps[i]);
	for (size_t i = 0; i < f->nprobes; i++) {
		free(f->probes[i].cap);
		free(f->probes[i].select);
	}
	free(f->files);
	free(f->caps);
	free(f->probes);
	free(f->path);
	free(f->name);
	free(f->spawn);
	free(f->url);
	free(f->plain);
	free(f->metrics);
	free(f->stun);
	free(f->cafile);
	free(f->writes);
	free(f->logs);
	free(f->deviations);
	free(f->ready_path);
	free(f);
}

/* ---- placeholders ---- */

/* The value of the placeholder |name|; false if there is none. */
static bool
add_place(const char *name, const struct target_places *p, struct text *out,
    char *err, size_t err_size)
{
	if (strcmp(name, "dir") == 0) {
		text_add(out, p->dir);
	} else if (strcmp(name, "seed") == 0) {
		text_addf(out, "%" PRIx64, p->seed);
	} else if (strcmp(name, "port") == 0) {
		text_addf(out, "%u", p->port[0]);
	} else if (strncmp(name, "port", 4) == 0 && name[4] >= '2' &&
	    name[4] <= '9' && name[5] == '\0') {
		text_addf(out, "%u", p->port[name[4] - '1']);
	} else if (strcmp(name, "peers") != 0) {
		snprintf(err, err_size, "unknown placeholder {%s}", name);
		return false;
	} else if (p->peers == NULL) {
		snprintf(err, err_size,
		    "needs {peers}: --peers DIR or RELAYKIT_PEERS says where");
		return false;
	} else {
		text_add(out, p->peers);
	}
	return true;
}

char *
target_fill(const char *text, const struct target_places *p, char *err,
    size_t err_size)
{
	struct text out;

	text_init(&out);
	while (*text != '\0') {
		size_t n = 0;
		char *name;
		bool known;

		if (*text == '{')
			while (islower((unsigned char)text[1 + n]) ||
			    isdigit((unsigned char)text[1 + n]))
				n++;
		if (n == 0 || text[1 + n] != '}') {
			text_add_n(&out, text++, 1);
			continue;
		}
		name = xstrndup(text + 1, n);
		known = add_place(name, p, &out, err, err_size);
		free(name);
		if (!known) {
			text_clear(&out);
			return NULL;
		}
		text += n + 2;
	}
	return text_take(&out);
}

/* ---- command lines ---- */

/* One word at |p|; where it ends, NULL for an open quote. */
static const char *
take_word(const char *p, struct text *out)
{
	char quote = '\0';

	for (; *p != '\0'; p++) {
		if (quote != '\0' && *p == quote)
			quote = '\0';
		else if (quote == '\0' && (*p == '\'' || *p == '"'))
			quote = *p;
		else if (quote == '\0' && (*p == ' ' || *p == '\t'))
			break;
		else
			text_add_n(out, p, 1);
	}
	return quote == '\0' ? p : NULL;
}

char **
words_split(const char *text)
{
	char **words = xcalloc(strlen(text) / 2 + 2, sizeof(char *));
	size_t n = 0;

	for (;;) {
		struct text word;

		text += strspn(text, " \t\n");
		if (*text == '\0')
			return words;
		text_init(&word);
		text = take_word(text, &word);
		words[n++] = text_take(&word);
		if (text == NULL) {
			words_free(words);
			return NULL;
		}
	}
}

void
words_free(char **words)
{
	for (size_t i = 0; words != NULL && words[i] != NULL; i++)
		free(words[i]);
	free(words);
}
