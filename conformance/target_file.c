/* .target files: lines of words -> struct target_file. */
#include "config.h"

#include "conformance/target_file.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/words.h"

#define MAX_WORDS 32

struct reader {
	struct target_file *out;
	const char *path;
	int line;
	char *word[MAX_WORDS];
	size_t nwords;
	bool failed;
	struct text *errors;
};

static void complain(struct reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
complain(struct reader *r, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	text_addf(r->errors, "%s:%d: %s\n", r->path, r->line, line);
	r->failed = true;
}

/* ---- lines ---- */

static void
set_once(struct reader *r, char **slot)
{
	if (*slot != NULL)
		complain(r, "%s was said before", r->word[0]);
	free(*slot);
	*slot = xstrdup(r->word[1]);
}

static void
on_target(struct reader *r)
{
	set_once(r, &r->out->name);
	if (strpbrk(r->word[1], "/: \t") != NULL || r->word[1][0] == '\0')
		complain(r, "\"%s\" cannot be a target's name", r->word[1]);
}

static void
on_dialect(struct reader *r)
{
	r->out->dialect = rk_dialect_by_id(r->word[1]);
	if (r->out->dialect == NULL)
		complain(r, "there is no dialect \"%s\"", r->word[1]);
}

static void
on_file(struct reader *r)
{
	struct target_file *f = r->out;
	const char *name = r->word[1];

	if (name[0] == '\0' || strchr(name, '/') != NULL || name[0] == '.')
		complain(r, "\"%s\" is not the plain name of a file", name);
	f->files = xreallocarray(f->files, f->nfiles + 1, sizeof(*f->files));
	f->files[f->nfiles++] = (struct target_text){
		.name = xstrdup(name),
		.text = xstrdup(r->word[2]),
	};
}

static void
on_spawn(struct reader *r)
{
	char **words = words_split(r->word[1]);

	if (words == NULL)
		complain(r, "the command has a quote that is not closed");
	else if (words[0] == NULL)
		complain(r, "the command is empty");
	words_free(words);
	set_once(r, &r->out->spawn);
}

static void
on_url(struct reader *r)
{
	set_once(r, &r->out->url);
}

static void
on_plain(struct reader *r)
{
	set_once(r, &r->out->plain);
}

static void
on_metrics(struct reader *r)
{
	set_once(r, &r->out->metrics);
}

static void
on_stun(struct reader *r)
{
	set_once(r, &r->out->stun);
}

static void
on_cafile(struct reader *r)
{
	set_once(r, &r->out->cafile);
}

static void
on_deviations(struct reader *r)
{
	set_once(r, &r->out->deviations);
	if (r->word[1][0] == '\0')
		complain(r, "the file's name is empty");
}

static void
on_logs(struct reader *r)
{
	set_once(r, &r->out->logs);
}

/* Words |i| and |i + 1| are "within D": nanoseconds, or |otherwise|. */
static int64_t
read_within(struct reader *r, size_t i, int64_t otherwise)
{
	int64_t ns;

	if (r->nwords <= i)
		return otherwise;
	if (strcmp(r->word[i], "within") != 0 || r->nwords != i + 2) {
		complain(r, "expected \"within 10s\", not \"%s\"", r->word[i]);
		return otherwise;
	}
	ns = duration_parse(r->word[i + 1]);
	if (ns <= 0) {
		complain(r, "\"%s\" is no duration", r->word[i + 1]);
		return otherwise;
	}
	return ns;
}

/* ready http GET PATH STATUS [within D] */
static void
on_ready(struct reader *r)
{
	int64_t status = 0;

	if (strcmp(r->word[1], "http") != 0 || strcmp(r->word[2], "GET") != 0) {
		complain(r, "expected \"ready http GET PATH STATUS within D\"");
		return;
	}
	if (r->word[3][0] != '/')
		complain(r, "\"%s\" is no path", r->word[3]);
	if (!number_parse(r->word[4], 100, 599, &status))
		complain(r, "\"%s\" is no HTTP status", r->word[4]);
	free(r->out->ready_path);
	r->out->ready_path = xstrdup(r->word[3]);
	r->out->ready_status = (int)status;
	r->out->ready_ns = read_within(r, 5, r->out->ready_ns);
}

static void
on_caps(struct reader *r)
{
	struct target_file *f = r->out;

	f->caps = xreallocarray(f->caps, f->ncaps + r->nwords, sizeof(char *));
	for (size_t i = 1; i < r->nwords; i++)
		f->caps[f->ncaps++] = xstrdup(r->word[i]);
}

static void
on_scale(struct reader *r)
{
	char *end;

	r->out->scale = strtod(r->word[1], &end);
	if (*end != '\0' || !(r->out->scale >= 0.01 && r->out->scale <= 1000.0))
		complain(r, "\"%s\" is no scale from 0.01 to 1000", r->word[1]);
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
on_stop(struct reader *r)
{
	r->out->stop_signal = 0;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcmp(r->word[1], signals[i].name) == 0)
			r->out->stop_signal = signals[i].number;
	if (r->out->stop_signal == 0)
		complain(r, "\"%s\" is none of TERM, INT, HUP, QUIT, KILL",
		    r->word[1]);
	r->out->stop_ns = read_within(r, 2, r->out->stop_ns);
}

static const struct {
	const char *name;
	size_t min; /* words behind it */
	size_t max;
	void (*read)(struct reader *r);
} keywords[] = {
	{ "target", 1, 1, on_target },
	{ "dialect", 1, 1, on_dialect },
	{ "file", 2, 2, on_file },
	{ "spawn", 1, 1, on_spawn },
	{ "url", 1, 1, on_url },
	{ "plain", 1, 1, on_plain },
	{ "metrics", 1, 1, on_metrics },
	{ "stun", 1, 1, on_stun },
	{ "cafile", 1, 1, on_cafile },
	{ "ready", 4, 6, on_ready },
	{ "caps", 1, MAX_WORDS, on_caps },
	{ "scale", 1, 1, on_scale },
	{ "logs", 1, 1, on_logs },
	{ "deviations", 1, 1, on_deviations },
	{ "stop", 1, 3, on_stop },
};
#define NKEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

static void
unknown_word(struct reader *r)
{
	const char *names[NKEYWORDS + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < NKEYWORDS; i++)
		names[i] = keywords[i].name;
	near = text_nearest(r->word[0], names);
	if (near != NULL)
		complain(r, "unknown word \"%s\"; is \"%s\" meant?", r->word[0],
		    near);
	else
		complain(r, "unknown word \"%s\"", r->word[0]);
}

static void
read_statement(struct reader *r)
{
	for (size_t i = 0; i < NKEYWORDS; i++) {
		if (strcmp(r->word[0], keywords[i].name) != 0)
			continue;
		if (r->out->name == NULL && keywords[i].read != on_target)
			complain(r, "the first word must be \"target\"");
		if (r->nwords - 1 < keywords[i].min ||
		    r->nwords - 1 > keywords[i].max)
			complain(r, "%s takes %zu to %zu words",
			    keywords[i].name, keywords[i].min, keywords[i].max);
		else
			keywords[i].read(r);
		return;
	}
	unknown_word(r);
}

static void
read_line(void *arg, int number, const char *line)
{
	struct reader *r = arg;
	bool failed = r->failed;
	char err[128];

	r->line = number;
	r->failed = false;
	if (line == NULL)
		complain(r, "the line holds a NUL byte");
	else if (line_words(line, r->word, MAX_WORDS, &r->nwords, err,
		     sizeof(err)) != 0)
		complain(r, "%s", err);
	if (r->nwords > 0 && !r->failed)
		read_statement(r);
	for (; r->nwords > 0; r->nwords--)
		free(r->word[r->nwords - 1]);
	r->failed |= failed;
}

struct target_file *
target_file_parse(const char *path, const char *text, size_t len,
    struct text *errors)
{
	struct target_file *f = xcalloc(1, sizeof(*f));
	struct reader r = { .out = f, .path = path, .errors = errors };

	f->path = xstrdup(path);
	f->dialect = rk_dialects()[0];
	f->scale = 1;
	f->stop_signal = SIGTERM;
	f->stop_ns = 5 * NS_PER_S;
	f->ready_ns = 10 * NS_PER_S;
	each_line(text, len, read_line, &r);
	if (!r.failed && f->name == NULL)
		complain(&r, "there is no target");
	else if (!r.failed && f->url == NULL)
		complain(&r, "the target has no url");
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
	free(f->files);
	free(f->caps);
	free(f->path);
	free(f->name);
	free(f->spawn);
	free(f->url);
	free(f->plain);
	free(f->metrics);
	free(f->stun);
	free(f->cafile);
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
