/* Connections and variables: known before they are used, used after they
 * were set. */
#include "config.h"

#include <string.h>

#include "scenario/checker.h"

const char *
meant(struct checker *k, const char *word, const char *const *words)
{
	const char *near = text_nearest(word, words);

	if (near == NULL)
		return "";
	return arena_printf(k->arena, "; did you mean \"%s\"?", near);
}

static struct known_name *
find_name(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->list[i].name, name) == 0)
			return &names->list[i];
	return NULL;
}

static const char *
nearest_name(struct checker *k, const struct names *names, const char *name)
{
	const char **words =
	    arena_alloc(k->arena, (names->n + 1) * sizeof(*words));

	for (size_t i = 0; i < names->n; i++)
		words[i] = names->list[i].name;
	return meant(k, name, words);
}

void
define_conn(struct checker *k, const struct step *s)
{
	struct known_name *old = find_name(&k->conns, s->conn);
	struct known_name fresh = { .name = s->conn,
		.runs = k->runs,
		.used = true,
		.at = s->at,
		.conn = s };

	if (old == NULL) {
		flow_opened(k, &fresh, s);
		ARENA_PUSH(k->arena, k->conns.list, k->conns.n, fresh);
		return;
	}
	if ((old->runs & k->runs) != 0 && k->scenario != NULL && old->conn != s)
		complain(k->c, &s->at,
		    "there is a connection \"%s\" already (line %d)", s->conn,
		    old->at.line);
	old->runs |= k->runs;
	flow_opened(k, old, s);
}

void
define_var(struct checker *k, const char *name, const struct place *at)
{
	struct known_name *old = find_name(&k->vars, name);
	struct known_name fresh = { .name = name, .runs = k->runs, .at = *at };

	if (old == NULL)
		ARENA_PUSH(k->arena, k->vars.list, k->vars.n, fresh);
	else
		old->runs |= k->runs;
}

/* A procedure by itself may use what its callers have. */
struct known_name *
use_conn(struct checker *k, const char *name, const struct place *at)
{
	struct known_name *known = find_name(&k->conns, name);

	if (known != NULL && (k->runs & ~known->runs) == 0)
		return known;
	if (k->scenario == NULL)
		return NULL;
	if (known != NULL)
		complain(k->c, at,
		    "the connection \"%s\" is not there in the %s run", name,
		    (k->runs & ~known->runs) == IN_CONTROL ? "control"
							   : "defect");
	else
		complain(k->c, at, "there is no connection \"%s\" yet%s", name,
		    nearest_name(k, &k->conns, name));
	return NULL;
}

static const char *const target_vars[] = { "target.host", "target.port",
	"target.authority", "target.tls", "target.url", "target.plain",
	"target.metrics", "target.stun", "target.name", "carrier", "client.url",
	"client.authority", NULL };

void
use_var(struct checker *k, const char *name, const struct place *at)
{
	struct known_name *known = find_name(&k->vars, name);

	for (size_t i = 0; target_vars[i] != NULL; i++)
		if (strcmp(target_vars[i], name) == 0)
			return;
	if (known != NULL)
		known->used = true;
	if ((known != NULL && (k->runs & ~known->runs) == 0) ||
	    k->scenario == NULL)
		return;
	if (known != NULL)
		complain(k->c, at, "$%s is not set in the %s run", name,
		    (k->runs & ~known->runs) == IN_CONTROL ? "control"
							   : "defect");
	else if (strncmp(name, "target.", 7) == 0)
		complain(k->c, at, "there is no $%s%s", name,
		    meant(k, name, target_vars));
	else
		complain(k->c, at, "$%s is not set%s", name,
		    nearest_name(k, &k->vars, name));
}

void
check_all_used(struct checker *k, size_t from)
{
	for (size_t i = from; i < k->vars.n; i++)
		if (!k->vars.list[i].used)
			complain(k->c, &k->vars.list[i].at,
			    "$%s is set and never used", k->vars.list[i].name);
}
