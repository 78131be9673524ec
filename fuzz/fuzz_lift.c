/*
 * A capture that becomes a scenario: whatever was captured, what is written
 * parses, passes the checks, and is laid out as fmt would.  The file's length
 * chooses the options.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/lift.h"
#include "file_of.h"
#include "require.h"
#include "scenario/fmt.h"
#include "scenario/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_script(const struct lift *l)
{
	struct text errors;
	struct script *s;
	char *laid_out;

	text_init(&errors);
	s = script_parse("lifted", l->script, strlen(l->script), NULL, &errors);
	if (s == NULL)
		fprintf(stderr, "%s%s", l->script, text_str(&errors));
	REQUIRE(s != NULL);
	REQUIRE(s->nscenarios == 1);
	laid_out =
	    script_format("lifted", l->script, strlen(l->script), &errors);
	REQUIRE(laid_out != NULL && strcmp(laid_out, l->script) == 0);
	free(laid_out);
	script_free(s);
	text_clear(&errors);
}

/* Every event that has a line has one of the script's. */
static void
check_lines(const struct lift *l)
{
	int lines = 0;

	for (const char *p = l->script; *p != '\0'; p++)
		lines += *p == '\n';
	for (size_t i = 0; i < l->t->nevents; i++)
		REQUIRE(l->line[i] >= 0 && l->line[i] <= lines);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = file_of(data, size);
	struct lift_options o;
	struct lift *l;
	char err[512] = "";

	lift_options_default(&o);
	o.expect = (enum lift_expect)(size % 4);
	o.scrub = size / 4 % 2 == 1;
	o.pace = size / 8 % 2 == 1 ? 10 : 0;
	o.source = "a\nname \xff";
	l = lift_file(path, &o, err, sizeof(err));
	if (l == NULL) {
		REQUIRE(err[0] != '\0');
		return 0;
	}
	check_script(l);
	check_lines(l);
	lift_free(l);
	return 0;
}
