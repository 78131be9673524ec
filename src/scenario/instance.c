/* Scenario -> its instances: every carrier with every choice of values. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "scenario/instance.h"

/* A value longer than this is named by its position. */
#define VALUE_NAME_MAX 16

/* Does any step open a connection whose carrier the instance decides? */
static bool
needs_carrier(struct step *const *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct step *s = steps[i];

		if (s->kind == STEP_CONN &&
		    step_setting(s, "carrier") == NULL &&
		    (s->conn_kind == CONN_UPGRADE ||
			s->conn_kind == CONN_LOGIN))
			return true;
		if (needs_carrier(s->body, s->nbody))
			return true;
	}
	return false;
}

static bool
is_short_word(const char *s, size_t len)
{
	static const char legal[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-+";

	if (len == 0 || len > VALUE_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] == '\0' || strchr(legal, s[i]) == NULL)
			return false;
	return true;
}

/* |n|: its position, from 0. */
static void
add_value_name(struct text *t, const struct expr *e, size_t n)
{
	const char *s = e->source;
	size_t len = strlen(s);

	if (e->kind == EXPR_BYTES && s[0] == '"') {
		s = (const char *)e->bytes;
		len = e->len;
	}
	if (e->kind != EXPR_CALL && e->kind != EXPR_VAR &&
	    is_short_word(s, len))
		text_add_n(t, s, len);
	else
		text_addf(t, "#%zu", n + 1);
}

static char *
name_of(const struct scenario *sc, const char *carrier, const size_t *choice)
{
	struct text t;
	const char *separator = "[";

	text_init(&t);
	text_add(&t, sc->id);
	if (carrier != NULL) {
		text_addf(&t, "%s%s", separator, carrier);
		separator = ",";
	}
	for (size_t i = 0; i < sc->nparams; i++) {
		text_addf(&t, "%s%s=", separator, sc->params[i].name);
		add_value_name(&t, sc->params[i].values[choice[i]], choice[i]);
		separator = ",";
	}
	if (separator[0] == ',')
		text_add(&t, "]");
	return text_take(&t);
}

struct listing {
	struct instance **list;
	size_t n;
};

static void
add_instance(struct listing *out, const struct script *s,
    const struct scenario *sc, enum rk_carrier carrier, bool named,
    const size_t *choice)
{
	struct instance *i = xcalloc(1, sizeof(*i));

	i->script = s;
	i->scenario = sc;
	i->carrier = carrier;
	i->values = xcalloc(sc->nparams + 1, sizeof(*i->values));
	for (size_t p = 0; p < sc->nparams; p++)
		i->values[p] = sc->params[p].values[choice[p]];
	i->name = name_of(sc, named ? rk_carrier_name(carrier) : NULL, choice);
	out->list = xreallocarray(out->list, out->n + 1, sizeof(*out->list));
	out->list[out->n++] = i;
}

/* The next choice of values, the last parameter fastest; false behind the
 * last one. */
static bool
next_choice(const struct scenario *sc, size_t *choice)
{
	for (size_t i = sc->nparams; i-- > 0;) {
		if (++choice[i] < sc->params[i].nvalues)
			return true;
		choice[i] = 0;
	}
	return false;
}

struct instance **
instances_of(const struct script *s, const struct scenario *sc,
    const struct rk_dialect *dialect, size_t *n)
{
	struct listing out = { NULL, 0 };
	bool named = sc->carriers != 0 || needs_carrier(sc->steps, sc->nsteps);
	size_t *choice = xcalloc(sc->nparams + 1, sizeof(*choice));

	for (int c = 0; c < RK_NCARRIERS; c++) {
		if (dialect->header[c] == RK_HEADER_NONE ||
		    (sc->carriers != 0 && (sc->carriers & 1U << c) == 0))
			continue;
		do
			add_instance(&out, s, sc, (enum rk_carrier)c, named,
			    choice);
		while (next_choice(sc, choice));
		if (!named)
			break;
	}
	free(choice);
	*n = out.n;
	return out.list;
}

void
instance_free(struct instance *i)
{
	if (i == NULL)
		return;
	free(i->values);
	free(i->name);
	free(i);
}
