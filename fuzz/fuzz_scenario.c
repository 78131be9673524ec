/*
 * Any text as a script: it is refused with reasons, or it becomes structs
 * whose instances can be listed and whose layout, formatted, is stable and
 * means the same.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "require.h"
#include "scenario/fmt.h"
#include "scenario/instance.h"
#include "scenario/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
list_instances(const struct script *s)
{
	for (size_t i = 0; i < s->nscenarios; i++) {
		size_t n;
		struct instance **list =
		    instances_of(s, s->scenarios[i], rk_dialects()[0], &n);

		for (size_t j = 0; j < n; j++)
			instance_free(list[j]);
		free(list);
	}
}

/* The same numbers of everything, whatever the layout. */
static bool
same_shape(const struct script *a, const struct script *b)
{
	if (a->nscenarios != b->nscenarios || a->nprocs != b->nprocs ||
	    a->nlets != b->nlets || a->nframes != b->nframes)
		return false;
	for (size_t i = 0; i < a->nscenarios; i++)
		if (a->scenarios[i]->nsteps != b->scenarios[i]->nsteps ||
		    a->scenarios[i]->ncovers != b->scenarios[i]->ncovers ||
		    strcmp(a->scenarios[i]->id, b->scenarios[i]->id) != 0)
			return false;
	return true;
}

static void
check_format(const struct script *s, const char *text, size_t len)
{
	struct text errors;
	char *once, *twice;
	struct script *again;

	text_init(&errors);
	once = script_format("fuzz.rly", text, len, &errors);
	REQUIRE(once != NULL);
	twice = script_format("fuzz.rly", once, strlen(once), &errors);
	REQUIRE(twice != NULL && strcmp(once, twice) == 0);
	again = script_parse("fuzz.rly", once, strlen(once), NULL, &errors);
	REQUIRE(again != NULL && same_shape(s, again));
	script_free(again);
	free(once);
	free(twice);
	text_clear(&errors);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct text errors;
	struct script *s;

	text_init(&errors);
	s = script_parse("/nowhere/fuzz.rly", text, size, NULL, &errors);
	REQUIRE((s == NULL) == (errors.len > 0));
	if (s != NULL) {
		list_instances(s);
		check_format(s, text, size);
	}
	script_free(s);
	text_clear(&errors);
	return 0;
}
