/*
 * Any text as a .dev file: it is refused with places, or every line of it can
 * be asked about a case and says again what was observed.
 */
#include "config.h"

#include <string.h>

#include "conformance/deviations.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a line observed, written out, is read as the same. */
static void
check_again(const struct deviation *d)
{
	struct text text, errors;
	struct deviations *one;

	text_init(&text);
	text_init(&errors);
	text_add(&text, "rly-deviations 1\ntarget x\ndeviates a observed ");
	deviation_add_observed(d, &text);
	text_add(&text, "\nbecause b\n");
	one = deviations_parse("again.dev", text_str(&text), text.len, &errors);
	REQUIRE(one != NULL && one->n == 1);
	REQUIRE(one->list[0].nobserved == d->nobserved);
	for (size_t i = 0; i < d->nobserved; i++) {
		const struct signature *a = &d->observed[i],
				       *b = &one->list[0].observed[i];

		REQUIRE(strcmp(a->what, b->what) == 0);
		REQUIRE((a->at == NULL) == (b->at == NULL));
		REQUIRE(a->at == NULL || strcmp(a->at, b->at) == 0);
	}
	deviations_free(one);
	text_clear(&text);
	text_clear(&errors);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text errors;
	struct deviations *d;

	text_init(&errors);
	d = deviations_parse("fuzz.dev", (const char *)data, size, &errors);
	REQUIRE((d == NULL) == (errors.len > 0));
	for (size_t i = 0; d != NULL && i < d->n; i++) {
		REQUIRE(d->list[i].because != NULL);
		if (d->list[i].nobserved > 0 && d->list[i].nobserved < 4)
			check_again(&d->list[i]);
	}
	deviations_free(d);
	text_clear(&errors);
	return 0;
}
