/* See suite_check.h. */
#include "config.h"

#include "conformance/suite_check.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "scenario/can_fail.h"
#include "scenario/patience.h"

static int __attribute__((format(printf, 3, 4)))
complain(struct text *errors, const struct place *at, const char *fmt, ...)
{
	char message[400];

	FORMAT_ARGS(message, sizeof(message), fmt);
	text_addf(errors, "%s:%d:%d: %s\n", at->file, at->line, at->col,
	    message);
	return -1;
}

/* What the steps wait for at least, whatever the target does. */
static int
check_time(const struct scenario *sc, struct text *errors)
{
	int64_t time = scenario_time(sc);
	int64_t least = scenario_least(sc);

	if (least <= time)
		return 0;
	return complain(errors, &sc->at,
	    "the steps of %s take %.3g s at least, and it has %.3g s: write "
	    "\"timeout\" and more in front of them",
	    sc->id, (double)least / NS_PER_S, (double)time / NS_PER_S);
}

/* What was made from a capture may show whatever was in it. */
static int
check_can_fail(const struct scenario *sc, struct text *errors)
{
	if (scenario_can_fail(sc) ||
	    text_is_among("lifted", sc->tags, sc->ntags))
		return 0;
	return complain(errors, &sc->at,
	    "%s cannot fail: no step asks for what could be missed", sc->id);
}

static const struct step *
find_conn(struct step *const *steps, size_t n, bool listens)
{
	const struct step *found = NULL;

	for (size_t i = 0; i < n && found == NULL; i++)
		found = steps[i]->kind == STEP_CONN &&
			(steps[i]->conn_kind == CONN_LISTEN) == listens
		    ? steps[i]
		    : find_conn(steps[i]->body, steps[i]->nbody, listens);
	return found;
}

/* Either a relay is there, or a client comes. */
static int
check_sides(const struct scenario *sc, bool client, struct text *errors)
{
	const struct step *wrong = find_conn(sc->steps, sc->nsteps, !client);

	if (wrong == NULL)
		return 0;
	return complain(errors, &wrong->at, "%s",
	    client ? "with \"needs client\" there is no relay to go to: a "
		     "connection is a listen"
		   : "only a client under test comes to a listen: say \"needs "
		     "client\" in front of the steps");
}

/* What is asked of clients no relay can show, and the other way round; what is
 * said of endpoints may be about what is between them. */
static int
check_covers(const struct suite *s, const struct scenario *sc, bool client,
    struct text *errors)
{
	const char *other = client ? "S" : "C";
	int status = 0;

	for (size_t i = 0; i < sc->ncovers; i++) {
		const struct requirement *r =
		    suite_requirement(s, sc->covers[i]);

		if (r != NULL && strcmp(r->side, other) == 0)
			status |= complain(errors, &sc->cover_at[i],
			    "%s is asked of %s, and this is about a %s", r->id,
			    client ? "relays" : "clients",
			    client ? "client" : "relay");
	}
	return status;
}

static bool
needs_client(const struct scenario *sc)
{
	return text_is_among("client", sc->needs, sc->nneeds);
}

int
suite_check_alone(const struct scenario *sc, struct text *errors)
{
	return check_sides(sc, needs_client(sc), errors) |
	    check_time(sc, errors) | check_can_fail(sc, errors);
}

int
suite_check(const struct suite *s, const struct scenario *sc,
    struct text *errors)
{
	return check_covers(s, sc, needs_client(sc), errors) |
	    suite_check_alone(sc, errors);
}
