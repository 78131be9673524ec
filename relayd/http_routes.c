/*
 * The HTTP surface of a relay of the dialect iroh-v3 (specification, section
 * 1, and D-01 for what the generations serve), and of the metrics listener.
 */
#include "config.h"

#include "relayd/http_routes.h"

#include <string.h>

#include "relayd/conf.h"
#include "relayd/server.h"
#include "relayd/worker.h"

/* Section 1.4. */
#define CHALLENGE_MAX 63

static const char index_page[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\"><head><title>relayd</title></head>\n"
    "<body><p>A packet relay, as spoken to by "
    "iroh.computer endpoints.</p></body></html>\n";

static const char robots_text[] = "User-agent: *\nDisallow: /\n";

void
response_init(struct response *r)
{
	memset(r, 0, sizeof(*r));
	r->status = 200;
	text_init(&r->body);
}

void
response_clear(struct response *r)
{
	text_clear(&r->body);
}

static void
add_field(struct response *r, const char *name, const char *value)
{
	r->field[r->nfields].name = name;
	r->field[r->nfields].value = value;
	r->nfields++;
}

/* Section 1.3; on plain HTTP as well.  Once each, where the reference has
 * them twice on a 404. */
static void
add_default_fields(struct response *r)
{
	add_field(r, "strict-transport-security",
	    "max-age=63072000; includeSubDomains");
	add_field(r, "content-security-policy",
	    "default-src 'none'; frame-ancestors 'none'; form-action 'none'; "
	    "base-uri 'self'; block-all-mixed-content; plugin-types 'none'");
}

typedef void (*answer_fn)(const struct conn *c, const struct rk_http_head *h,
    struct response *r);

static void
answer_not_found(const struct conn *c, const struct rk_http_head *h,
    struct response *r)
{
	r->status = 404;
	text_add(&r->body, "Not Found");
}

static void
answer_upgrade(const struct conn *c, const struct rk_http_head *h,
    struct response *r)
{
	rk_upgrade_judge(c->worker->conf->dialect, h, &r->upgrade);
	r->status = r->upgrade.status;
}

static void
answer_probe(const struct conn *c, const struct rk_http_head *h,
    struct response *r)
{
	add_field(r, "access-control-allow-origin", "*");
}

static void
answer_index(const struct conn *c, const struct rk_http_head *h,
    struct response *r)
{
	add_field(r, "content-type", "text/html; charset=utf-8");
	text_add(&r->body, index_page);
}

static void
answer_robots(const struct conn *c, const struct rk_http_head *h,
    struct response *r)
{
	text_add(&r->body, robots_text);
}

static bool
is_challenge(struct rk_span s)
{
	if (s.len < 1 || s.len > CHALLENGE_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t ch = s.p[i];

		if (!(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z') &&
		    !(ch >= '0' && ch <= '9') && ch != '.' && ch != '-' &&
		    ch != '_')
			return false;
	}
	return true;
}

static void
answer_captive(const struct conn *c, const struct rk_http_head *h,
    struct response *r)
{
	const struct rk_http_field *f =
	    rk_http_find(h, "X-Tailscale-Challenge");

	r->status = 204;
	if (f == NULL || !is_challenge(f->value))
		return;
	snprintf(r->value, sizeof(r->value), "response %.*s", (int)f->value.len,
	    (const char *)f->value.p);
	add_field(r, "x-tailscale-response", r->value);
}

/* As later generations of the reference have it. */
static void
answer_health(const struct conn *c, const struct rk_http_head *h,
    struct response *r)
{
	add_field(r, "content-type", "application/json");
	text_add(&r->body,
	    "{\"status\":\"ok\",\"version\":\"" PACKAGE_VERSION "\"}");
}

static void
answer_metrics(const struct conn *c, const struct rk_http_head *h,
    struct response *r)
{
	add_field(r, "content-type", "text/plain; charset=utf-8");
	server_write_metrics(c->worker->server, &r->body);
}

struct route {
	const char *path;
	enum generation generations;
	bool beside_tls; /* on the plain listener of a relay with TLS */
	bool with_tls;   /* on the TLS listener */
	answer_fn answer;
};

/* All by GET.  The paths of the upgrade are the dialect's. */
static const struct route routes[] = {
	{ "/", GENERATION_BOTH, false, true, answer_index },
	{ "/index.html", GENERATION_BOTH, false, true, answer_index },
	{ "/robots.txt", GENERATION_BOTH, false, true, answer_robots },
	{ "/generate_204", GENERATION_BOTH, true, false, answer_captive },
	{ "/relay/probe", GENERATION_028, false, true, answer_probe },
	{ "/derp/probe", GENERATION_028, false, true, answer_probe },
	{ "/ping", GENERATION_035, false, true, answer_probe },
	{ "/healthz", GENERATION_OWN, false, true, answer_health },
};

static answer_fn
find_route(const struct conn *c, const struct rk_http_head *h)
{
	const struct conf *conf = c->worker->conf;
	bool tls = conn_is_tls(c), captive = c->service == SERVICE_CAPTIVE;

	if (c->service == SERVICE_METRICS)
		return answer_metrics;
	if (!rk_http_span_is(h->method, "GET"))
		return answer_not_found;
	if (!captive && rk_upgrade_path(conf->dialect, h->path))
		return answer_upgrade;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct route *r = &routes[i];

		if ((r->generations & conf->generation) != 0 &&
		    (!captive || r->beside_tls) && (!tls || r->with_tls) &&
		    rk_http_span_is(h->path, r->path))
			return r->answer;
	}
	return answer_not_found;
}

void
http_route(const struct conn *c, const struct rk_http_head *h,
    struct response *r)
{
	if (c->service == SERVICE_RELAY)
		add_default_fields(r);
	find_route(c, h)(c, h, r);
}
