/* What runs saw -> the smallest .dev file that excuses it. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/run.h"

/* One case over all rounds. */
struct history {
	const struct suite_case *c;
	size_t plays; /* that had a verdict about the target */
	size_t missed;
	char *observed; /* "E-NEVER at "A <- Pong*"", each once; "" : none */
	bool written;
};

struct writer {
	const struct run *run;
	const struct deviations *old;
	struct history *cases;
	size_t n;
	struct text *out;
};

/* Who, which way, what; or "target assert metric" and the metric's name. */
static char *
step_glob(const struct step *step)
{
	const char *p = step->source;
	int words = strncmp(p, "target ", 7) == 0 ? 4 : 3;

	for (int i = 0; i < words; i++) {
		p += strspn(p, " \t");
		p += strcspn(p, " \t");
	}
	return xasprintf("%.*s*", (int)(p - step->source), step->source);
}

static char *
signature_of(const struct case_result *r)
{
	struct text out;
	char *glob;

	text_init(&out);
	if (r->code == CODE_OK) {
		const char *named = r->named != NULL ? r->named : "";
		char *first = xstrndup(named, strcspn(named, ","));

		text_add_word(&out, first);
		free(first);
		return text_take(&out);
	}
	text_add_word(&out, result_code_name(r->code));
	if (r->step != NULL && r->step->source != NULL) {
		glob = step_glob(r->step);
		text_add(&out, " at ");
		text_add_word(&out, glob);
		free(glob);
	}
	return text_take(&out);
}

/* Is |one| an alternative of |all|, which "or" joins? */
static bool
is_in(const char *one, const char *all)
{
	size_t n = strlen(one);

	for (const char *p = all; (p = strstr(p, one)) != NULL; p++)
		if ((p == all || strncmp(p - 4, " or ", 4) == 0) &&
		    (p[n] == '\0' || strncmp(p + n, " or ", 4) == 0))
			return true;
	return false;
}

/* Is each alternative of |some| one of |all|? */
static bool
are_in(const char *some, const char *all)
{
	char *copy = xstrdup(some), *next;
	bool ok = true;

	for (char *one = copy; ok && one != NULL; one = next) {
		next = strstr(one, " or ");
		if (next != NULL) {
			*next = '\0';
			next += 4;
		}
		ok = is_in(one, all);
	}
	free(copy);
	return ok;
}

static void
note(struct history *h, const struct run_case *c)
{
	char *one, *both;

	if (c->verdict != VERDICT_PASS && c->verdict != VERDICT_INFO &&
	    c->verdict != VERDICT_NONSTRICT && c->verdict != VERDICT_FAIL)
		return;
	h->plays++;
	if (c->verdict == VERDICT_PASS || c->verdict == VERDICT_INFO)
		return;
	h->missed++;
	one = signature_of(c->decided);
	if (!is_in(one, h->observed)) {
		both = xasprintf("%s%s%s", h->observed,
		    h->observed[0] != '\0' ? " or " : "", one);
		free(h->observed);
		h->observed = both;
	}
	free(one);
}

static void
collect(struct writer *w)
{
	for (size_t i = 0; i < w->run->nplan; i++) {
		const struct run_case *c = &w->run->plan[i];
		size_t k = 0;

		while (k < w->n && w->cases[k].c != c->c)
			k++;
		if (k == w->n) {
			w->cases = xreallocarray(w->cases, w->n + 1,
			    sizeof(*w->cases));
			w->cases[w->n++] = (struct history){
				.c = c->c,
				.observed = xstrdup(""),
			};
		}
		note(&w->cases[k], c);
	}
}

/* Do all cases of the scenario that could be played do the same, every time? */
static bool
is_whole_scenario(const struct writer *w, const struct history *h)
{
	const struct case_list *list = w->run->targets[0].list;
	size_t in_list = 0, in_run = 0;

	for (size_t i = 0; i < list->n; i++)
		in_list += list->cases[i].scenario == h->c->scenario;
	for (size_t i = 0; i < w->n; i++) {
		const struct history *other = &w->cases[i];

		if (other->c->scenario != h->c->scenario)
			continue;
		in_run++;
		if (other->plays > 0 &&
		    (other->missed != other->plays ||
			strcmp(other->observed, h->observed) != 0))
			return false;
	}
	return in_list > 1 && in_run == in_list;
}

/* Is it about all that |pattern|, a case or its scenario, stands for? */
static bool
is_about(const struct deviation *d, const struct writer *w,
    const struct history *h, const char *pattern)
{
	const struct case_list *list = w->run->targets[0].list;

	if (strcmp(pattern, h->c->instance->name) == 0)
		return selector_matches(&d->cases, h->c);
	for (size_t i = 0; i < list->n; i++)
		if (list->cases[i].scenario == h->c->scenario &&
		    !selector_matches(&d->cases, &list->cases[i]))
			return false;
	return true;
}

/* What was said of it before, if that may have been observed. */
static const struct deviation *
find_old(const struct writer *w, const struct history *h, const char *pattern,
    bool flaky)
{
	const struct deviation *found = NULL;

	for (size_t i = 0; w->old != NULL && found == NULL && i < w->old->n;
	     i++) {
		const struct deviation *d = &w->old->list[i];
		struct text line;

		text_init(&line);
		deviation_add_observed(d, &line);
		if (d->flaky == flaky && is_about(d, w, h, pattern) &&
		    are_in(h->observed, text_str(&line)))
			found = d;
		text_clear(&line);
	}
	return found;
}

static void
write_statement(const char *name, const char *value, struct text *out)
{
	if (value == NULL)
		return;
	text_addf(out, "  %s ", name);
	text_add_word(out, value);
	text_add(out, "\n");
}

static void
write_one(struct writer *w, const struct history *h, const char *pattern)
{
	bool flaky = h->missed != h->plays;
	const struct deviation *old = find_old(w, h, pattern, flaky);

	text_addf(w->out, "\n%s ", flaky ? "flaky" : "deviates");
	text_add_word(w->out, pattern);
	if (flaky)
		text_addf(w->out, " at-most %zu/%zu", h->missed, h->plays);
	text_addf(w->out, " observed %s\n  because ", h->observed);
	if (old != NULL)
		text_add_word(w->out, old->because);
	else
		text_add(w->out, "\"\"");
	text_add(w->out, "\n");
	if (old != NULL) {
		write_statement("ref", old->ref, w->out);
		write_statement("until", old->until, w->out);
	}
}

static void
write_case(struct writer *w, struct history *h)
{
	if (h->missed == 0 || h->written)
		return;
	if (!is_whole_scenario(w, h)) {
		write_one(w, h, h->c->instance->name);
		return;
	}
	write_one(w, h, h->c->scenario->id);
	for (size_t i = 0; i < w->n; i++)
		if (w->cases[i].c->scenario == h->c->scenario)
			w->cases[i].written = true;
}

void
deviations_write(const struct run *run, const struct deviations *old,
    struct text *out)
{
	struct writer w = { .run = run, .old = old, .out = out };

	text_add(out, "rly-deviations 1\ntarget ");
	text_add_word(out, run->targets[0].target->name);
	text_addf(out,
	    "\nmade \"relay-conformance %s deviations --write --repeat %" PRId64
	    " --seed %" PRIx64 "\"\n",
	    PACKAGE_VERSION, run->o->repeat, run_seed(run, 1));
	collect(&w);
	for (size_t i = 0; i < w.n; i++)
		write_case(&w, &w.cases[i]);
	for (size_t i = 0; i < w.n; i++)
		free(w.cases[i].observed);
	free(w.cases);
}
