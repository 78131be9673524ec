/* Which faults there are, which are on, and what they share. */
#include "config.h"

#include "relayd/fault.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/frame.h"
#include "net/loop.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"
#include "relayd/worker.h"

#define MAX_ON 16

uint32_t fault_hooks;

static const struct fault *on[MAX_ON];
static uint64_t turns[MAX_ON];
static size_t non;

static const struct fault *const groups[] = { faults_http, faults_upgrade,
	faults_framing, faults_login, faults_relay, faults_presence,
	faults_liveness, faults_websocket, faults_stun, faults_tls,
	faults_metrics, faults_process };

#define NGROUPS (sizeof(groups) / sizeof(groups[0]))

const struct fault *
fault_at(size_t i)
{
	for (size_t g = 0; g < NGROUPS; g++)
		for (const struct fault *f = groups[g]; f->name != NULL; f++)
			if (i-- == 0)
				return f;
	return NULL;
}

const char *
fault_name(const struct fault *f)
{
	return f->name;
}

const char *
fault_level(const struct fault *f)
{
	return f->level;
}

const char *
fault_requirements(const struct fault *f)
{
	return f->requirements;
}

const char *
fault_text(const struct fault *f)
{
	return f->text;
}

static bool
say_unknown(const char *name, char *err, size_t err_size)
{
	const struct fault *f;
	const char **words = NULL, *near;
	size_t n = 0;

	while ((f = fault_at(n)) != NULL) {
		words = xreallocarray(words, n + 2, sizeof(*words));
		words[n++] = f->name;
		words[n] = NULL;
	}
	near = text_nearest(name, words);
	snprintf(err, err_size, "no such fault%s%s%s",
	    near != NULL ? "; is " : "", near != NULL ? near : "",
	    near != NULL ? " meant?" : " (--fault help lists them)");
	free(words);
	return false;
}

static bool
is_on(const struct fault *f)
{
	for (size_t i = 0; i < non; i++)
		if (on[i] == f)
			return true;
	return false;
}

bool
fault_enable(const char *name, char *err, size_t err_size)
{
	const struct fault *f;

	for (size_t i = 0; (f = fault_at(i)) != NULL; i++) {
		if (strcmp(f->name, name) != 0)
			continue;
		if (is_on(f)) /* options are read twice where there is a file */
			return true;
		if (non == MAX_ON) {
			snprintf(err, err_size, "more than %d faults", MAX_ON);
			return false;
		}
		turns[non] = 0;
		on[non++] = f;
		fault_hooks |= f->hooks;
		return true;
	}
	return say_unknown(name, err, err_size);
}

void
fault_disable_all(void)
{
	non = 0;
	fault_hooks = 0;
}

const char *
fault_names(void)
{
	static char names[512];
	size_t len = 0;

	names[0] = '\0';
	for (size_t i = 0; i < non && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len,
		    "%s%s", i > 0 ? "," : "", on[i]->name);
	return names;
}

bool
fault_run(enum fault_hook hook, struct fault_event *e)
{
	bool answer = false;

	e->hook = hook;
	for (size_t i = 0; i < non; i++)
		if ((on[i]->hooks >> hook & 1) != 0)
			answer |= on[i]->apply(on[i], e);
	return answer;
}

/* ---- the list ---- */

static void
print_json_words(FILE *out, const char *words)
{
	while (*words != '\0') {
		size_t n = strcspn(words, " ");

		fprintf(out, "\"iroh-v3/%.*s\"", (int)n, words);
		words += n + (words[n] == ' ');
		fputs(*words != '\0' ? "," : "", out);
	}
}

void
fault_print(FILE *out, bool json)
{
	const struct fault *f;

	if (json)
		fprintf(out, "[\n");
	for (size_t i = 0; (f = fault_at(i)) != NULL; i++) {
		if (!json) {
			fprintf(out, "%-32s %-6s %s  (%s)\n", f->name, f->level,
			    f->text, f->requirements);
			continue;
		}
		fprintf(out, "{\"name\":\"%s\",\"requirements\":[", f->name);
		print_json_words(out, f->requirements);
		fprintf(out, "],\"level\":\"%s\",\"description\":\"%s\"}%s\n",
		    f->level, f->text, fault_at(i + 1) != NULL ? "," : "");
	}
	if (json)
		fprintf(out, "]\n");
}

/* ---- what they share ---- */

struct conn *
fault_client(const struct worker *w, const struct rk_key *key)
{
	for (struct conn *c = w->conns; c != NULL; c = c->next)
		if (c->state == CONN_OPEN && c->ep.peer != NULL &&
		    rk_key_equal(&c->login.peer, key))
			return c;
	return NULL;
}

bool
fault_turn(const struct fault *f, int64_t n)
{
	for (size_t i = 0; i < non; i++)
		if (on[i] == f)
			return ++turns[i] % (uint64_t)n == 0;
	return false;
}

void
fault_write(struct conn *c, enum rk_frame_kind kind, const void *payload,
    size_t len)
{
	conn_write_frame(c,
	    rk_frame_spec_by_kind(c->worker->conf->dialect, kind), payload,
	    len);
}

struct later {
	struct worker *worker;
	uint64_t id;
	struct timer *timer;
	void (*fn)(struct conn *c, const uint8_t *p, size_t len);
	uint8_t *p;
	size_t len;
};

static void
on_later(void *arg)
{
	struct later *l = arg;
	struct conn *c = l->worker->conns;

	while (c != NULL && c->id != l->id)
		c = c->next;
	if (c != NULL && c->state < CONN_FLUSHING)
		l->fn(c, l->p, l->len);
	timer_free(l->timer);
	free(l->p);
	free(l);
}

void
fault_later(struct conn *c, int64_t delay_ns,
    void (*fn)(struct conn *c, const uint8_t *p, size_t len), const void *p,
    size_t len)
{
	struct later *l = xcalloc(1, sizeof(*l));

	l->worker = c->worker;
	l->id = c->id;
	l->fn = fn;
	l->p = xcalloc(1, len + 1);
	l->len = len;
	if (len > 0)
		memcpy(l->p, p, len);
	l->timer = timer_new(c->worker->loop, on_later, l);
	if (l->timer != NULL)
		timer_set(l->timer, delay_ns);
}

void
fault_keys_add(struct fault_keys *k, const struct rk_key *key)
{
	k->key = xreallocarray(k->key, k->n + 1, sizeof(*k->key));
	k->key[k->n++] = *key;
}

bool
fault_keys_has(const struct fault_keys *k, const struct rk_key *key)
{
	for (size_t i = 0; i < k->n; i++)
		if (rk_key_equal(&k->key[i], key))
			return true;
	return false;
}
