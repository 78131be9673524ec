/* target …: what is done to the relay's process, and asked about it. */
#include "config.h"

#include <string.h>

#include "scenario/parser.h"

static bool
target_signal(struct parser *p, struct step *s)
{
	s->target = TARGET_SIGNAL;
	s->name_at = place_here(p);
	s->name = need_word(p, "a signal such as TERM");
	return s->name != NULL;
}

static bool
target_restart(struct parser *p, struct step *s)
{
	s->target = TARGET_RESTART;
	return true;
}

/* wait exit==0 */
static bool
target_wait(struct parser *p, struct step *s)
{
	s->target = TARGET_EXIT;
	if (!accept_word(p, "exit") || !accept_punct(p, PUNCT_EQ))
		return expected(p, "\"exit==\" and a status");
	s->value = parse_value(p);
	return s->value != NULL;
}

/* <= 20, <= baseline, <= baseline + 2 */
static bool
target_limit(struct parser *p, struct step *s)
{
	if (!accept_comparison(p, &s->op))
		return expected(p, "\"<=\" and a limit");
	s->value_sign = 1;
	s->from_baseline = accept_word(p, "baseline");
	if (s->from_baseline) {
		if (accept_punct(p, PUNCT_MINUS))
			s->value_sign = -1;
		else if (!accept_punct(p, PUNCT_PLUS))
			return true;
	}
	s->value = parse_value(p);
	return s->value != NULL;
}

static bool
target_metric(struct parser *p, struct step *s)
{
	s->name_at = place_here(p);
	s->name = need_word(p, "a metric's name");
	if (s->name == NULL)
		return false;
	if (!accept_word(p, "increments"))
		return expected(p, "\"increments\" and a number or a range");
	s->value = parse_expr(p);
	return s->value != NULL;
}

/* ~ "*key = 1*" */
static bool
target_file(struct parser *p, struct step *s)
{
	if (!accept_comparison(p, &s->op))
		return expected(p, "a comparison and what is in the file");
	s->value = parse_expr(p);
	return s->value != NULL;
}

static bool
target_alive(struct parser *p, struct step *s)
{
	return true;
}

struct keyword {
	const char *word;
	enum target_word target;
	bool (*parse)(struct parser *p, struct step *s);
};

static bool
one_of(struct parser *p, struct step *s, const struct keyword *table, size_t n,
    const char *what)
{
	const char *words[8] = { 0 };

	for (size_t i = 0; i < n; i++) {
		words[i] = table[i].word;
		if (accept_word(p, table[i].word)) {
			s->target = table[i].target;
			return table[i].parse(p, s);
		}
	}
	return expected_one_of(p, what, words);
}
#define ONE_OF(p, s, table, what)                                              \
	one_of((p), (s), (table), sizeof(table) / sizeof((table)[0]), (what))

static bool
target_assert(struct parser *p, struct step *s)
{
	static const struct keyword table[] = {
		{ "alive", TARGET_ALIVE, target_alive },
		{ "fds", TARGET_FDS, target_limit },
		{ "rss", TARGET_RSS, target_limit },
		{ "metric", TARGET_METRIC, target_metric },
		{ "file", TARGET_FILE, target_file },
	};

	return ONE_OF(p, s, table, "alive, fds, rss, metric or file");
}

bool
step_target(struct parser *p, struct step *s)
{
	static const struct keyword table[] = {
		{ "signal", TARGET_SIGNAL, target_signal },
		{ "restart", TARGET_RESTART, target_restart },
		{ "wait", TARGET_EXIT, target_wait },
		{ "assert", TARGET_ALIVE, target_assert },
	};
	static const char *const more[] = { "within", NULL };

	if (!ONE_OF(p, s, table, "signal, restart, wait or assert"))
		return false;
	if (accept_word(p, "within")) {
		s->within = need_duration(p);
		if (s->within == NULL)
			return false;
	} else if (!at_end(p)) {
		return expected_one_of(p, "within or the end of the line",
		    more);
	}
	return need_end(p);
}
