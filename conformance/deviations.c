/* .dev files: lines of words -> struct deviations. */
#include "config.h"

#include "conformance/deviations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/files.h"
#include "conformance/keyword_file.h"

static struct deviations *
all_of(struct keyword_reader *r)
{
	return r->out;
}

/* The deviation that the statement belongs to, or NULL. */
static struct deviation *
last(struct keyword_reader *r)
{
	if (all_of(r)->n > 0)
		return &all_of(r)->list[all_of(r)->n - 1];
	keyword_complain(r, "%s belongs behind a deviates or a flaky",
	    r->word[0]);
	return NULL;
}

/* ---- statements ---- */

static void
on_version(struct keyword_reader *r)
{
	if (strcmp(r->word[1], "1") != 0)
		keyword_complain(r,
		    "this program reads rly-deviations 1, not \"%s\"",
		    r->word[1]);
}

static void
on_target(struct keyword_reader *r)
{
	keyword_set_once(r, &all_of(r)->target);
	all_of(r)->target_line = r->line;
}

static void
on_made(struct keyword_reader *r)
{
	keyword_set_once(r, &all_of(r)->made);
}

/* "E-LATE 400ms..900ms": the range behind a code. */
static bool
read_range(const char *range, struct signature *s)
{
	const char *dots = strstr(range, "..");
	char *from;

	if (dots == NULL)
		return false;
	from = xstrndup(range, (size_t)(dots - range));
	s->from_ns = duration_parse(from);
	s->to_ns = duration_parse(dots + 2);
	s->has_range = true;
	free(from);
	return s->from_ns >= 0 && s->to_ns >= s->from_ns;
}

static bool
is_targets_code(const char *name)
{
	for (int c = CODE_OK + 1; c < CODE_NKINDS; c++)
		if (strcmp(name, result_code_name((enum result_code)c)) == 0)
			return code_is_targets((enum result_code)c);
	return false;
}

static void
read_signature(struct keyword_reader *r, const char *word, struct signature *s)
{
	size_t n = strcspn(word, " ");

	*s = (struct signature){ .what = xstrndup(word, n) };
	if (n == 0)
		keyword_complain(r, "what was observed is empty");
	else if (strncmp(word, "E-", 2) == 0 && !is_targets_code(s->what))
		keyword_complain(r, "%s is no code of what a target does",
		    s->what);
	if (word[n] == '\0')
		return;
	if (strcmp(s->what, "E-LATE") != 0)
		keyword_complain(r, "only E-LATE has a time behind it");
	else if (!read_range(word + n + 1, s))
		keyword_complain(r,
		    "\"%s\" is no range of times such as 400ms..900ms",
		    word + n + 1);
}

/* From word |i|: SIGNATURE [at GLOB] [or SIGNATURE [at GLOB]] … */
static void
read_observed(struct keyword_reader *r, struct deviation *d, size_t i)
{
	for (;;) {
		struct signature *s;

		if (i >= r->nwords) {
			keyword_complain(r, "what was observed is missing");
			return;
		}
		d->observed = xreallocarray(d->observed, d->nobserved + 1,
		    sizeof(*d->observed));
		s = &d->observed[d->nobserved++];
		read_signature(r, r->word[i++], s);
		if (i + 1 < r->nwords && strcmp(r->word[i], "at") == 0) {
			s->at = xstrdup(r->word[i + 1]);
			i += 2;
		}
		if (i == r->nwords)
			return;
		if (strcmp(r->word[i++], "or") != 0) {
			keyword_complain(r,
			    "expected \"at\" or \"or\", not \"%s\"",
			    r->word[i - 1]);
			return;
		}
	}
}

static struct deviation *
add(struct keyword_reader *r, bool flaky)
{
	struct deviations *all = r->out;
	struct deviation *d;
	char err[256];

	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].flaky == flaky &&
		    strcmp(all->list[i].cases.text, r->word[1]) == 0)
			keyword_complain(r, "%s was there before, in line %d",
			    r->word[1], all->list[i].line);
	all->list = xreallocarray(all->list, all->n + 1, sizeof(*all->list));
	d = &all->list[all->n++];
	*d = (struct deviation){ .line = r->line, .flaky = flaky };
	if (selector_parse(r->word[1], &d->cases, err, sizeof(err)) != 0) {
		keyword_complain(r, "%s", err);
		d->cases.text = xstrdup(r->word[1]);
	} else if (d->cases.kind != SELECT_ID) {
		keyword_complain(r, "%s is no case, scenario or glob of them",
		    r->word[1]);
	}
	return d;
}

/* deviates PATTERN observed SIGNATURE … */
static void
on_deviates(struct keyword_reader *r)
{
	struct deviation *d = add(r, false);

	if (strcmp(r->word[2], "observed") != 0)
		keyword_complain(r, "expected \"observed\", not \"%s\"",
		    r->word[2]);
	else
		read_observed(r, d, 3);
}

/* flaky PATTERN at-most 1/50 [observed SIGNATURE …] */
static void
on_flaky(struct keyword_reader *r)
{
	struct deviation *d = add(r, true);
	char *slash = strchr(r->word[3], '/');

	if (strcmp(r->word[2], "at-most") != 0) {
		keyword_complain(r, "expected \"at-most\", not \"%s\"",
		    r->word[2]);
		return;
	}
	if (slash != NULL)
		*slash++ = '\0';
	if (slash == NULL ||
	    !number_parse(r->word[3], 1, 1000000, &d->at_most) ||
	    !number_parse(slash, d->at_most, 1000000, &d->in))
		keyword_complain(r, "expected a share such as 1/50");
	if (r->nwords > 4 && strcmp(r->word[4], "observed") == 0)
		read_observed(r, d, 5);
	else if (r->nwords > 4)
		keyword_complain(r, "expected \"observed\", not \"%s\"",
		    r->word[4]);
}

static void
on_because(struct keyword_reader *r)
{
	struct deviation *d = last(r);

	if (d != NULL)
		keyword_set_once(r, &d->because);
}

static void
on_ref(struct keyword_reader *r)
{
	struct deviation *d = last(r);

	if (d != NULL)
		keyword_set_once(r, &d->ref);
}

/* "2027-01-01" as 20270101, or -1. */
static int64_t
read_day(const char *s)
{
	int64_t year, month, day;
	char part[11];

	if (strlen(s) != 10 || s[4] != '-' || s[7] != '-')
		return -1;
	memcpy(part, s, sizeof(part));
	part[4] = part[7] = '\0';
	if (!number_parse(part, 2000, 9999, &year) ||
	    !number_parse(part + 5, 1, 12, &month) ||
	    !number_parse(part + 8, 1, 31, &day))
		return -1;
	return year * 10000 + month * 100 + day;
}

static void
on_until(struct keyword_reader *r)
{
	struct deviation *d = last(r);

	if (d == NULL)
		return;
	keyword_set_once(r, &d->until);
	d->last_day = read_day(r->word[1]);
	if (d->last_day < 0)
		keyword_complain(r, "\"%s\" is no day such as 2027-01-01",
		    r->word[1]);
}

static const struct keyword keywords[] = {
	{ "rly-deviations", 1, 1, on_version, true },
	{ "target", 1, 1, on_target, false },
	{ "made", 1, 1, on_made, false },
	{ "deviates", 3, KEYWORD_MAX_WORDS, on_deviates, false },
	{ "flaky", 3, KEYWORD_MAX_WORDS, on_flaky, false },
	{ "because", 1, 1, on_because, false },
	{ "ref", 1, 1, on_ref, false },
	{ "until", 1, 1, on_until, false },
};
static void
check_reasons(struct keyword_reader *r)
{
	for (size_t i = 0; i < all_of(r)->n; i++) {
		r->line = all_of(r)->list[i].line;
		if (all_of(r)->list[i].because == NULL)
			keyword_complain(r, "%s has no because",
			    all_of(r)->list[i].cases.text);
	}
}

struct deviations *
deviations_parse(const char *path, const char *text, size_t len,
    struct text *errors)
{
	struct deviations *d = xcalloc(1, sizeof(*d));
	struct keyword_reader r = {
		.keywords = keywords,
		.nkeywords = sizeof(keywords) / sizeof(keywords[0]),
		.first = "rly-deviations 1",
		.out = d,
		.path = path,
		.errors = errors,
	};

	d->path = xstrdup(path);
	keyword_file_read(&r, text, len);
	if (!r.failed && d->target == NULL) {
		r.line++;
		keyword_complain(&r, "there is no target");
	}
	if (!r.failed)
		check_reasons(&r);
	if (!r.failed)
		return d;
	deviations_free(d);
	return NULL;
}

struct deviations *
deviations_read(const char *path, bool inside, struct text *errors)
{
	const struct embedded_file *f = inside ? embedded_find(path) : NULL;
	struct deviations *d;
	char err[512], *text;
	size_t len;

	if (f != NULL)
		return deviations_parse(path, f->text, f->len, errors);
	text = file_read(path, &len, err, sizeof(err));
	if (text == NULL) {
		text_addf(errors, "%s\n", err);
		return NULL;
	}
	d = deviations_parse(path, text, len, errors);
	free(text);
	return d;
}

void
deviations_free(struct deviations *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->n; i++) {
		struct deviation *one = &d->list[i];

		selector_clear(&one->cases);
		for (size_t k = 0; k < one->nobserved; k++) {
			free(one->observed[k].what);
			free(one->observed[k].at);
		}
		free(one->observed);
		free(one->because);
		free(one->ref);
		free(one->until);
	}
	free(d->list);
	free(d->path);
	free(d->target);
	free(d->made);
	free(d);
}
