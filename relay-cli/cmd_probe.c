/*
 * relay-cli probe: each service of a relay by itself, all at once, so that
 * one that is well does not vouch for the others.
 */
#include "config.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "net/tls.h"
#include "relay-cli/commands.h"
#include "relay-cli/fetch.h"
#include "relay-cli/options.h"
#include "relay-cli/stun_query.h"

#define SYNOPSIS        "[options] URL"
#define STUN_TIMEOUT_NS (3 * NS_PER_S)
#define PONG_TIMEOUT_NS (5 * NS_PER_S) /* as real clients have it */
#define STUN_PORT       3478           /* iroh-v3 section 6; RFC 8489 18.6 */

enum service {
	SERVICE_HTTP,
	SERVICE_RAW,
	SERVICE_WS,
	SERVICE_LOGIN,
	SERVICE_PING,
	SERVICE_STUN,
	SERVICE_CAPTIVE,
	SERVICE_METRICS,
	NSERVICES
};

static const char *const service_names[] = { "http", "raw", "ws", "login",
	"ping", "stun", "captive", "metrics", NULL };

enum state {
	STATE_UNTESTED, /* what it stands on is dead */
	STATE_OK,
	STATE_DEAD,
	STATE_NO,     /* not there, and not asked for */
	STATE_SKIPPED /* not even tried */
};

static const char *const state_names[] = { "untested", "ok", "dead", "no",
	"skipped" };

struct finding {
	enum state state;
	bool wanted;
	char *detail;
};

/* Where clients and monitors of all generations ask whether a relay lives. */
static const struct path {
	const char *method;
	const char *path;
} paths[] = {
	{ "GET", "/relay/probe" },
	{ "GET", "/derp/probe" },
	{ "GET", "/ping" },
	{ "GET", "/derp/latency-check" },
	{ "GET", "/generate_204" },
	{ "GET", "/healthz" },
	{ "HEAD", "/relay/probe" },
	{ "HEAD", "/derp/probe" },
	{ "HEAD", "/ping" },
	{ "HEAD", "/derp/latency-check" },
	{ "HEAD", "/generate_204" },
	{ "HEAD", "/healthz" },
};
#define NPATHS (sizeof(paths) / sizeof(paths[0]))

struct probe;

/* One path that was asked for. */
struct asking {
	struct probe *probe;
	struct fetch *fetch;
	int status; /* of HTTP; 0: no answer */
};

/* A login over one carrier. */
struct visit {
	struct probe *probe;
	enum rk_carrier carrier;
	struct session *session;
	struct rk_secret_key secret;
	int64_t began_at;
};

struct probe {
	struct loop *loop;
	struct options options;
	struct finding findings[NSERVICES];
	struct asking paths[NPATHS];
	char *no_answer; /* why the last path that has none has none */
	size_t paths_left;
	struct visit visits[RK_NCARRIERS];
	struct timer *pong_limit;
	int64_t pinged_at;
	struct fetch *captive;
	struct fetch *metrics;
	struct stun_query *stun;
	struct proxy captive_proxy;
	struct proxy metrics_proxy;
	int left; /* that have not answered yet */
	int status;
};

static void __attribute__((format(printf, 4, 5)))
found(struct probe *p, enum service s, enum state state, const char *fmt, ...)
{
	struct finding *f = &p->findings[s];
	char line[800];

	if (f->state == STATE_SKIPPED)
		return;
	FORMAT_ARGS(line, sizeof(line), fmt);
	f->state = state == STATE_DEAD && !f->wanted ? STATE_NO : state;
	free(f->detail);
	f->detail = xstrdup(line);
}

static void
one_less(struct probe *p)
{
	if (--p->left == 0)
		loop_stop(p->loop);
}

static int64_t
patience(const struct probe *p, int64_t otherwise)
{
	return p->options.timeout_ns > 0 ? p->options.timeout_ns : otherwise;
}

/* ---- HTTP ---- */

static bool
is_there(const struct probe *p, const char *method, const char *path)
{
	for (size_t i = 0; i < NPATHS; i++)
		if (strcmp(paths[i].method, method) == 0 &&
		    strcmp(paths[i].path, path) == 0)
			return p->paths[i].status >= 200 &&
			    p->paths[i].status < 300;
	return false;
}

/* Section 10, D-01 and D-02: what the paths say about who answers. */
static void
judge_paths(struct probe *p)
{
	bool old = is_there(p, "GET", "/relay/probe");
	bool new = is_there(p, "GET", "/ping");

	if (p->no_answer != NULL)
		found(p, SERVICE_HTTP, STATE_DEAD, "%s", p->no_answer);
	else if (old && new)
		found(p, SERVICE_HTTP, STATE_OK,
		    "the latency paths of both generations, 0.28 and 0.35");
	else if (new)
		found(p, SERVICE_HTTP, STATE_OK,
		    "/ping is there, /relay/probe is not: as iroh-relay 0.35 "
		    "and later");
	else if (old)
		found(p, SERVICE_HTTP, STATE_OK,
		    "/relay/probe is there, /ping is not: as iroh-relay 0.28");
	else if (is_there(p, "GET", "/derp/latency-check"))
		found(p, SERVICE_HTTP, STATE_DEAD,
		    "only /derp/latency-check is there: a DERP server?");
	else
		found(p, SERVICE_HTTP, STATE_DEAD,
		    "neither /relay/probe nor /ping is there: clients take it "
		    "for dead");
}

static void
on_path(void *arg, const struct fetch_result *r)
{
	struct asking *a = arg;
	struct probe *p = a->probe;

	a->status = r->status;
	if (r->status == 0) {
		free(p->no_answer);
		p->no_answer = xstrdup(r->why);
	}
	if (--p->paths_left == 0) {
		judge_paths(p);
		one_less(p);
	}
}

static void
ask_paths(struct probe *p, const struct connect_config *to)
{
	if (p->findings[SERVICE_HTTP].state == STATE_SKIPPED)
		return;
	p->left++;
	for (size_t i = 0; i < NPATHS; i++) {
		const struct fetch_request r = { .method = paths[i].method,
			.target = paths[i].path };

		p->paths[i].probe = p;
		p->paths_left++;
		p->paths[i].fetch =
		    fetch_start(p->loop, to, &r, on_path, &p->paths[i]);
	}
}

/* ---- upgrade, login, Ping ---- */

static enum service
service_of(enum rk_carrier c)
{
	return c == RK_CARRIER_WS ? SERVICE_WS : SERVICE_RAW;
}

static bool
is_wanted_carrier(const struct visit *v)
{
	return v->carrier == v->probe->options.session.to.url.carrier;
}

static void
leave(struct visit *v)
{
	session_free(v->session);
	v->session = NULL;
	one_less(v->probe);
}

static void
on_open(void *arg, struct session *s)
{
	static const uint8_t data[8] = "probing";
	struct visit *v = arg;
	struct probe *p = v->probe;

	found(p, service_of(v->carrier), STATE_OK, "upgraded");
	if (!is_wanted_carrier(v)) {
		leave(v);
		return;
	}
	found(p, SERVICE_LOGIN, STATE_OK, "logged in after %.3f ms",
	    (double)(clock_mono_ns() - v->began_at) / 1e6);
	p->pinged_at = clock_mono_ns();
	timer_set(p->pong_limit, patience(p, PONG_TIMEOUT_NS));
	session_send_ping(s, data);
}

static void
on_frame(void *arg, struct session *s, const struct rk_frame *f)
{
	struct visit *v = arg;
	struct probe *p = v->probe;

	if (f->kind != RK_FRAME_PONG)
		return;
	timer_cancel(p->pong_limit);
	found(p, SERVICE_PING, STATE_OK, "round trip %.3f ms",
	    (double)(clock_mono_ns() - p->pinged_at) / 1e6);
	leave(v);
}

static void
on_end(void *arg, struct session *s, const struct session_end *e)
{
	struct visit *v = arg;
	struct probe *p = v->probe;

	if (e->was_open)
		found(p, SERVICE_PING, STATE_DEAD, "%s", e->message);
	else if (e->stage < STAGE_LOGIN)
		found(p, service_of(v->carrier), STATE_DEAD, "%s", e->message);
	else
		found(p, service_of(v->carrier), STATE_OK, "upgraded");
	if (!e->was_open && e->stage >= STAGE_LOGIN && is_wanted_carrier(v))
		found(p, SERVICE_LOGIN, STATE_DEAD, "%s", e->message);
	timer_cancel(p->pong_limit);
	leave(v);
}

static void
on_pong_limit(void *arg)
{
	struct probe *p = arg;

	found(p, SERVICE_PING, STATE_DEAD, "no Pong within %.3g s",
	    (double)patience(p, PONG_TIMEOUT_NS) / 1e9);
	for (int c = 0; c < RK_NCARRIERS; c++)
		if (p->visits[c].session != NULL &&
		    is_wanted_carrier(&p->visits[c]))
			leave(&p->visits[c]);
}

/* The other carrier logs in under another key: the same would put the first
 * one out. */
static void
begin_visit(struct probe *p, enum rk_carrier carrier)
{
	static const struct session_events events = { .on_open = on_open,
		.on_frame = on_frame,
		.on_end = on_end };
	struct session_config c = p->options.session;
	struct visit *v = &p->visits[carrier];

	if (p->findings[service_of(carrier)].state == STATE_SKIPPED)
		return;
	v->probe = p;
	v->carrier = carrier;
	if (!is_wanted_carrier(v)) {
		rk_secret_key_generate(&v->secret);
		c.secret = &v->secret;
	}
	c.to.url.carrier = carrier;
	v->began_at = clock_mono_ns();
	v->session = session_start(p->loop, &c, &events, v);
	p->left++;
}

/* ---- STUN, captive portal, metrics ---- */

static void
on_stun(void *arg, const struct stun_result *r)
{
	struct probe *p = arg;

	if (r->address == NULL)
		found(p, SERVICE_STUN, STATE_DEAD, "%s", r->why);
	else
		found(p, SERVICE_STUN, STATE_OK, "we are %s, after %.3f ms",
		    r->address, (double)r->took_ns / 1e6);
	one_less(p);
}

static int
begin_stun(struct probe *p, const struct connect_config *to)
{
	char text[URL_HOST_MAX + 32], err[256];
	struct relay_url u = to->url;

	u.port = STUN_PORT;
	if (p->options.stun != NULL) {
		snprintf(text, sizeof(text), "http://%s", p->options.stun);
		if (relay_url_parse(text, &u, err, sizeof(err)) != 0)
			return cli_usage_error("--stun: '%s' is not HOST:PORT",
			    p->options.stun);
		if (u.default_port && strrchr(p->options.stun, ':') == NULL)
			u.port = STUN_PORT;
	}
	if (p->findings[SERVICE_STUN].state == STATE_SKIPPED)
		return EXIT_OK;
	p->left++;
	p->stun = stun_query_start(p->loop, u.host, u.port,
	    patience(p, STUN_TIMEOUT_NS), on_stun, p);
	return EXIT_OK;
}

static void
on_captive(void *arg, const struct fetch_result *r)
{
	struct probe *p = arg;
	const struct rk_http_field *f = r->head != NULL
	    ? rk_http_find(r->head, "X-Tailscale-Response")
	    : NULL;

	if (r->status == 0)
		found(p, SERVICE_CAPTIVE, STATE_DEAD, "%s", r->why);
	else if (r->status != 204)
		found(p, SERVICE_CAPTIVE, STATE_DEAD,
		    "GET /generate_204 is answered by HTTP status %d",
		    r->status);
	else if (f == NULL || !rk_http_span_is(f->value, "response ts_probe"))
		found(p, SERVICE_CAPTIVE, STATE_DEAD,
		    "204, but the challenge is not answered");
	else
		found(p, SERVICE_CAPTIVE, STATE_OK,
		    "204, and the challenge is answered");
	one_less(p);
}

static void
on_metrics(void *arg, const struct fetch_result *r)
{
	static const char last[] = "# EOF\n";
	struct probe *p = arg;

	if (r->status == 0)
		found(p, SERVICE_METRICS, STATE_DEAD, "%s", r->why);
	else if (r->status != 200)
		found(p, SERVICE_METRICS, STATE_DEAD, "HTTP status %d",
		    r->status);
	else if (r->body_len < strlen(last) ||
	    strcmp(r->body + r->body_len - strlen(last), last) != 0)
		found(p, SERVICE_METRICS, STATE_DEAD,
		    "what comes is no OpenMetrics: it does not end in # EOF");
	else
		found(p, SERVICE_METRICS, STATE_OK, "%zu bytes", r->body_len);
	one_less(p);
}

/* The way to another listener of the relay: to the URL of an option, if it
 * was given. */
static int
other_url(const char *option, const char *text, struct connect_config *to,
    struct proxy *proxy)
{
	char err[256];
	int found;

	if (text != NULL &&
	    relay_url_parse(text, &to->url, err, sizeof(err)) != 0)
		return cli_usage_error("--%s: %s", option, err);
	found = proxy_from_environment(&to->url, proxy, err, sizeof(err));
	if (found < 0)
		return cli_usage_error("%s", err);
	to->proxy = found > 0 ? proxy : NULL;
	return EXIT_OK;
}

static int
begin_captive(struct probe *p, struct connect_config to)
{
	const struct fetch_request r = { .method = "GET",
		.target = "/generate_204",
		.field = "X-Tailscale-Challenge",
		.value = "ts_probe" };
	int status;

	if (to.url.tls) { /* clients ask port 80 of the host then */
		to.url.tls = false;
		to.url.port = 80;
		to.url.default_port = true;
	}
	status = other_url("plain", p->options.plain, &to, &p->captive_proxy);
	if (status != EXIT_OK ||
	    p->findings[SERVICE_CAPTIVE].state == STATE_SKIPPED)
		return status;
	p->left++;
	p->captive = fetch_start(p->loop, &to, &r, on_captive, p);
	return EXIT_OK;
}

static int
begin_metrics(struct probe *p, struct connect_config to)
{
	int status;
	struct fetch_request r = { .method = "GET" };

	if (p->options.metrics == NULL)
		return EXIT_OK;
	status =
	    other_url("metrics", p->options.metrics, &to, &p->metrics_proxy);
	if (status != EXIT_OK ||
	    p->findings[SERVICE_METRICS].state == STATE_SKIPPED)
		return status;
	r.target = to.url.path[0] != '\0' ? to.url.path : "/metrics";
	p->left++;
	p->metrics = fetch_start(p->loop, &to, &r, on_metrics, p);
	return EXIT_OK;
}

/* ---- the report ---- */

static void
print_json(json_t *o)
{
	char *line = json_dumps(o, JSON_COMPACT);

	printf("%s\n", line);
	free(line);
	json_decref(o);
}

static void
print_paths(const struct probe *p)
{
	for (size_t i = 0; i < NPATHS; i++) {
		if (p->options.json)
			print_json(json_pack("{s:s, s:s, s:s, s:i}", "what",
			    "path", "method", paths[i].method, "path",
			    paths[i].path, "status", p->paths[i].status));
		else if (p->paths[i].status > 0)
			printf("%s%s %d",
			    i == 0 || paths[i].method != paths[i - 1].method
				? i == 0 ? "                 GET  "
					 : "\n                 HEAD "
				: "  ",
			    paths[i].path, p->paths[i].status);
	}
	if (!p->options.json)
		putchar('\n');
}

static void
print_finding(const struct probe *p, enum service s)
{
	const struct finding *f = &p->findings[s];
	const char *detail = f->detail != NULL ? f->detail : "";

	if (f->state == STATE_SKIPPED)
		return;
	if (p->options.json)
		print_json(json_pack("{s:s, s:s, s:s, s:b, s:s}", "what",
		    "service", "service", service_names[s], "state",
		    state_names[f->state], "wanted", f->wanted, "detail",
		    detail));
	else
		printf("%-8s %-7s  %s\n", state_names[f->state],
		    service_names[s], detail);
	if (s == SERVICE_HTTP && p->no_answer == NULL)
		print_paths(p);
}

/* Name the dead; the exit status. */
static int
report(const struct probe *p)
{
	json_t *dead = json_array();
	struct text names;
	int n = 0;

	text_init(&names);
	for (int s = 0; s < NSERVICES; s++) {
		print_finding(p, s);
		if (p->findings[s].state != STATE_DEAD)
			continue;
		n++;
		json_array_append_new(dead, json_string(service_names[s]));
		text_addf(&names, "%s%s", names.len > 0 ? ", " : "",
		    service_names[s]);
	}
	if (p->options.json)
		print_json(
		    json_pack("{s:s, s:o}", "what", "summary", "dead", dead));
	else
		json_decref(dead);
	if (n > 0)
		cli_error("dead: %s", text_str(&names));
	text_clear(&names);
	return n > 0 ? EXIT_MISSED : EXIT_OK;
}

/* ---- the command ---- */

/* What is to be tried and what must be there, before anything begins. */
static int
choose(struct probe *p)
{
	const enum rk_carrier wanted = p->options.session.to.url.carrier;
	const char *rest = p->options.skip != NULL ? p->options.skip : "";

	for (int s = 0; s < NSERVICES; s++)
		p->findings[s].wanted = true;
	p->findings[service_of(wanted == RK_CARRIER_WS ? RK_CARRIER_RAW
						       : RK_CARRIER_WS)]
	    .wanted = false;
	if (p->options.metrics == NULL)
		p->findings[SERVICE_METRICS].state = STATE_SKIPPED;
	while (*rest != '\0') {
		size_t len = strcspn(rest, ",");
		int s = 0;

		while (s < NSERVICES &&
		    (strlen(service_names[s]) != len ||
			strncmp(service_names[s], rest, len) != 0))
			s++;
		if (s == NSERVICES)
			return cli_usage_error("--skip: '%.*s' is none of "
					       "http, raw, ws, login, ping, "
					       "stun, captive, metrics",
			    (int)len, rest);
		p->findings[s].state = STATE_SKIPPED;
		rest += len + (rest[len] == ',');
	}
	return EXIT_OK;
}

static void
on_signal(void *arg, int signo)
{
	struct probe *p = arg;

	p->status = 128 + signo;
	loop_stop(p->loop);
}

static int
begin(struct probe *p)
{
	struct connect_config to = p->options.session.to;
	int status;

	to.timeout_ns = p->options.session.timeout_ns;
	if ((status = begin_stun(p, &to)) != EXIT_OK ||
	    (status = begin_captive(p, to)) != EXIT_OK ||
	    (status = begin_metrics(p, to)) != EXIT_OK)
		return status;
	ask_paths(p, &to);
	for (int c = 0; c < RK_NCARRIERS; c++)
		begin_visit(p, c);
	return EXIT_OK;
}

static void
clear(struct probe *p)
{
	for (size_t i = 0; i < NPATHS; i++)
		fetch_free(p->paths[i].fetch);
	for (int c = 0; c < RK_NCARRIERS; c++) {
		session_free(p->visits[c].session);
		rk_secret_key_wipe(&p->visits[c].secret);
	}
	for (int s = 0; s < NSERVICES; s++)
		free(p->findings[s].detail);
	fetch_free(p->captive);
	fetch_free(p->metrics);
	stun_query_free(p->stun);
	timer_free(p->pong_limit);
	free(p->no_answer);
}

int
cmd_probe(int argc, char **argv)
{
	struct probe p = { .status = EXIT_OK };
	int first;
	int status =
	    options_parse(&p.options, FOR_PROBE, SYNOPSIS, argc, argv, &first);

	if (status == EXIT_OK && !p.options.help && first < argc)
		status =
		    cli_usage_error("'%s' is one word too many", argv[first]);
	if (status == EXIT_OK && !p.options.help)
		status = choose(&p);
	if (status == EXIT_OK && !p.options.help)
		status = connect_make_tls(&p.options.session.to);
	if (status != EXIT_OK || p.options.help)
		goto out;
	p.loop = loop_new();
	loop_on_signal(p.loop, SIGINT, on_signal, &p);
	loop_on_signal(p.loop, SIGTERM, on_signal, &p);
	p.pong_limit = timer_new(p.loop, on_pong_limit, &p);
	status = begin(&p);
	if (status == EXIT_OK && p.left > 0)
		loop_run(p.loop);
	if (status == EXIT_OK)
		status = p.status != EXIT_OK ? p.status : report(&p);
	clear(&p);
	loop_turn(p.loop, 0); /* reaps */
	loop_free(p.loop);
	tls_ctx_free(p.options.session.to.tls_ctx);
out:
	options_clear(&p.options);
	return status;
}
