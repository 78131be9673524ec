/* Steps about the target's process: what may be done to whose. */
#include "config.h"

#include <string.h>

#include "scenario/checker.h"
#include "scenario/oracle.h"

/* Those that a relay may live through. */
static bool
is_harmless(const char *name)
{
	return strcmp(name, "HUP") == 0 || strncmp(name, "USR", 3) == 0;
}

static void
check_signal(struct checker *k, const struct step *s)
{
	const struct scenario *sc = k->scenario;
	/* As in SIGTERM. */
	const char *bare =
	    strncmp(s->name, "SIG", 3) == 0 ? s->name + 3 : s->name;

	if (oracle_signal(s->name) == 0)
		complain(k->c, &s->name_at, "there is no signal \"%s\"%s",
		    s->name, meant(k, bare, oracle_signal_names()));
	else if (sc != NULL && !sc->own &&
	    !(sc->serial && is_harmless(s->name)))
		complain(k->c, &s->at,
		    "other cases play on this target: say \"own\" in front of "
		    "the steps");
}

/* All cases run at once: what one of them does to the numbers cannot be told
 * apart. */
static void
check_alone(struct checker *k, const struct step *s)
{
	if (k->scenario != NULL && !k->scenario->own && !k->scenario->serial)
		complain(k->c, &s->at,
		    "other cases change that, too: say \"serial\" or \"own\" "
		    "in front of the steps");
}

static void
check_own(struct checker *k, const struct step *s)
{
	if (k->scenario != NULL && !k->scenario->own)
		complain(k->c, &s->at,
		    "other cases play on this target: say \"own\" in front of "
		    "the steps");
}

static void
check_limit(struct checker *k, const struct step *s)
{
	if (s->op != OP_LE && s->op != OP_LT)
		complain(k->c, &s->at,
		    "a limit is written <= or <: less is never wrong");
	check_expr(k, s->value, USE_NUMBER);
	check_alone(k, s);
}

void
check_target(struct checker *k, struct step *s)
{
	check_expr(k, s->within, USE_TIME);
	switch (s->target) {
	case TARGET_SIGNAL:
		if (s->within != NULL)
			complain(k->c, &s->within->at,
			    "a signal is sent at once: what comes of it has "
			    "the time, such as target wait exit==0");
		check_signal(k, s);
		break;
	case TARGET_RESTART:
		if (s->within != NULL)
			complain(k->c, &s->within->at,
			    "a restart goes on when the target is ready: how "
			    "long that takes is said by its file");
		check_own(k, s);
		break;
	case TARGET_EXIT:
		check_expr(k, s->value, USE_RANGE);
		check_own(k, s);
		break;
	case TARGET_ALIVE:
		if (s->within != NULL)
			complain(k->c, &s->within->at,
			    "it is alive now or it is not: there is nothing to "
			    "wait for");
		break;
	case TARGET_FDS:
	case TARGET_RSS:
		check_limit(k, s);
		break;
	case TARGET_METRIC:
		check_expr(k, s->value, USE_RANGE);
		check_alone(k, s);
		break;
	case TARGET_FILE:
		check_expr(k, s->value, USE_VALUE);
		break;
	}
}
