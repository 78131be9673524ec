/* check: are scenario files sound, and does the suite know what they cover? */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/judge.h"
#include "conformance/options.h"

/* All cases of all dialects, for what only then comes to light. */
static int
check_cases(struct suite *s, struct text *errors, size_t *n)
{
	const struct rk_dialect *const *d = rk_dialects();
	int status = 0;

	for (*n = 0; *d != NULL; d++) {
		const struct case_list *list = suite_cases(s, *d, errors);

		if (list == NULL)
			status = -1;
		else
			*n += list->n;
	}
	return status;
}

static int
check(const struct options *o)
{
	struct suite *s;
	struct text errors;
	size_t n = 0;
	int status = 0;

	text_init(&errors);
	if (o->narguments == 0)
		s = suite_new(&errors);
	else
		s = suite_new_empty(&errors);
	for (size_t i = 0; s != NULL && i < o->narguments; i++)
		status |= suite_add_file(s, o->arguments[i], &errors);
	if (s != NULL)
		status |= check_cases(s, &errors, &n);
	if (s == NULL || status != 0) {
		fputs(text_str(&errors), stderr);
		status = EXIT_SCRIPT;
	} else {
		printf("%zu file%s, %zu case%s: no error\n", s->nscripts,
		    s->nscripts == 1 ? "" : "s", n, n == 1 ? "" : "s");
	}
	text_clear(&errors);
	suite_free(s);
	return status;
}

int
cmd_check(int argc, char **argv)
{
	struct options o;
	int status = options_parse(&o, FOR_CHECK, CHECK_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help)
		status = check(&o);
	options_clear(&o);
	return status;
}
