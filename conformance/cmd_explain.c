/* explain: what a word in a report means. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cli.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/commands.h"
#include "conformance/judge.h"
#include "conformance/options.h"

/* What is behind it most often. */
static const char *const causes[CODE_NKINDS] = {
	[CODE_WRONG] =
	    "a field that is filled wrongly, frames of one lane out of\n"
	    "  order, an answer to something that was sent earlier",
	[CODE_LATE] =
	    "an answer that waits for more to send (Nagle's algorithm), a\n"
	    "  timer that is too coarse, a busy target; --time-scale gives "
	    "it more time",
	[CODE_NEVER] =
	    "what was sent got lost or is held back, the answer went to\n"
	    "  somebody else, or the target does not know the message",
	[CODE_EXTRA] =
	    "a packet delivered twice or to the wrong client, an answer\n"
	    "  that nobody asked for, an input that should have no effect",
	[CODE_CLOSED] =
	    "the target takes what came for a violation, a limit or a\n"
	    "  timeout of its own, or its process has ended",
	[CODE_RESET] =
	    "the target closes while it has unread input, its process has\n"
	    "  crashed, or something between resets",
	[CODE_DECODE] =
	    "a wrong length, a type of another dialect, text that is not\n"
	    "  UTF-8, other bytes among the frames",
	[CODE_CRASH] = "an error in the target; its log is the place to look",
	[CODE_LEAK] =
	    "a connection that was not closed or forgotten; a time that\n"
	    "  the target takes to notice and that is longer than the case's",
	[CODE_HARNESS_LATE] =
	    "a machine that is busy with other things; -j N plays fewer\n"
	    "  cases at a time",
	[CODE_CONNECT] =
	    "the target does not listen there, refuses the upgrade or the\n"
	    "  login, or has as many connections as it takes",
	[CODE_SCRIPT] = "an error in the scenario",
	[CODE_UNSUPPORTED] = "a capability that --caps or the .target lacks",
	[CODE_TIMEOUT] =
	    "a target that reads slowly or not at all, or a scenario that\n"
	    "  needs a longer timeout",
};

static bool
explain_code(const char *word)
{
	for (int c = CODE_OK + 1; c < CODE_NKINDS; c++) {
		const char *name = result_code_name((enum result_code)c);

		if (*name == '\0' || strcasecmp(word, name) != 0)
			continue;
		printf("%s  %s\n", name,
		    result_code_meaning((enum result_code)c));
		printf("%s\n",
		    code_is_targets((enum result_code)c)
			? "  The target did this: \"fail\" for a MUST, "
			  "\"nonstrict\" for a SHOULD, else \"info\"."
			: "  This is not the target's doing: no verdict "
			  "about it follows.");
		if (causes[c] != NULL)
			printf("  Usual causes: %s.\n", causes[c]);
		printf("  By hand: relay-conformance run -v TARGET CASE; what "
		       "a failing case says\n  behind \"again:\" repeats it "
		       "with the same keys.\n");
		return true;
	}
	return false;
}

static bool
explain_verdict(const char *word)
{
	for (int v = 0; v < VERDICT_NKINDS; v++)
		if (strcasecmp(word, verdict_name((enum verdict)v)) == 0) {
			printf("%s  %s\n", verdict_name((enum verdict)v),
			    verdict_meaning((enum verdict)v));
			return true;
		}
	return false;
}

static bool
explain_requirement(const struct suite *s, const char *word)
{
	const struct requirement *r = suite_requirement(s, word);

	for (size_t i = 0; r == NULL && i < s->nrequirements; i++) {
		char *full =
		    xasprintf("%s/%s", s->requirements[i]->dialect, word);

		r = suite_requirement(s, full);
		free(full);
	}
	if (r == NULL)
		return false;
	printf("%s  %s  %s\n  source: %s\n", r->id, level_name(r->level),
	    r->text, r->source);
	return true;
}

static bool
explain_scenario(const struct suite *s, const char *word)
{
	char *id = xstrndup(word, strcspn(word, "["));
	bool found = false;

	for (size_t i = 0; i < s->nscripts; i++)
		for (size_t k = 0; k < s->scripts[i]->nscenarios; k++) {
			const struct scenario *sc = s->scripts[i]->scenarios[k];

			if (strcmp(sc->id, id) != 0)
				continue;
			found = true;
			printf("%s  %s\n", sc->id, sc->title);
			for (size_t n = 0; n < sc->ncovers; n++)
				explain_requirement(s, sc->covers[n]);
			printf("  By hand: relay-conformance show %s; "
			       "relay-conformance run -v TARGET %s\n",
			    sc->id, word);
		}
	free(id);
	return found;
}

/* A code, a verdict or a scenario. */
static int
nothing_is_called(const struct suite *s, const char *word)
{
	const char **words = NULL, *near;
	size_t n = 0;

	for (size_t i = 0; i < s->nscripts; i++)
		n += s->scripts[i]->nscenarios;
	words = xcalloc(n + CODE_NKINDS + VERDICT_NKINDS + 1, sizeof(*words));
	n = 0;
	for (int c = 0; c < CODE_NKINDS; c++)
		words[n++] = result_code_name((enum result_code)c);
	for (int v = 0; v < VERDICT_NKINDS; v++)
		words[n++] = verdict_name((enum verdict)v);
	for (size_t i = 0; i < s->nscripts; i++)
		for (size_t k = 0; k < s->scripts[i]->nscenarios; k++)
			words[n++] = s->scripts[i]->scenarios[k]->id;
	near = text_nearest(word, words);
	free(words);
	if (near == NULL || *near == '\0')
		return cli_usage_error("nothing is called %s", word);
	return cli_usage_error("nothing is called %s; is %s meant?", word,
	    near);
}

static int
explain(const struct options *o)
{
	int status = 0;
	struct suite *s;

	if (o->narguments == 0)
		return cli_usage_error("explain what? an id, an E-CODE, a "
				       "requirement or a verdict");
	s = options_suite(o, &status);
	for (size_t i = 0; s != NULL && i < o->narguments; i++) {
		const char *word = o->arguments[i];

		if (!explain_code(word) && !explain_verdict(word) &&
		    !explain_requirement(s, word) && !explain_scenario(s, word))
			status = nothing_is_called(s, word);
	}
	suite_free(s);
	return status;
}

int
cmd_explain(int argc, char **argv)
{
	struct options o;
	int status =
	    options_parse(&o, FOR_EXPLAIN, EXPLAIN_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help)
		status = explain(&o);
	options_clear(&o);
	return status;
}
