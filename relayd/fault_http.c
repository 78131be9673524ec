/* Faults of the HTTP surface and of the upgrade. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"
#include "relayd/http_routes.h"
#include "relayd/worker.h"

static const char raw_token[] = "iroh derp http";

/* ---- the request, changed before it is looked at ---- */

static struct rk_span
span_of(const char *s)
{
	return (struct rk_span){ .p = (const uint8_t *)s, .len = strlen(s) };
}

/* Views of a request that is ours to change. */
static struct rk_http_field *
find_field(struct rk_http_head *h, const char *name)
{
	return (struct rk_http_field *)(uintptr_t)rk_http_find(h, name);
}

static void
hide_field(struct rk_http_field *f)
{
	f->name = span_of("x-hidden");
}

static bool
asks_for(struct rk_http_head *h, const char *token)
{
	const struct rk_http_field *f = find_field(h, "Upgrade");

	return f != NULL && rk_http_span_is_nocase(f->value, token);
}

static bool
is_relay(const struct fault_event *e)
{
	return rk_upgrade_path(e->c->worker->conf->dialect, e->head->path);
}

static bool
map_path(const struct fault *f, struct fault_event *e)
{
	if (rk_http_span_is(e->head->path, f->s))
		e->head->path = span_of(f->t);
	return false;
}

static bool
map_path_nocase(const struct fault *f, struct fault_event *e)
{
	if (rk_http_span_is_nocase(e->head->path, f->s))
		e->head->path = span_of(f->t);
	return false;
}

static bool
query_counts(const struct fault *f, struct fault_event *e)
{
	if (e->head->query.len > 0)
		e->head->path = span_of("/absent");
	return false;
}

static bool
any_method(const struct fault *f, struct fault_event *e)
{
	if (is_relay(e))
		e->head->method = span_of("GET");
	return false;
}

static bool
method_nocase(const struct fault *f, struct fault_event *e)
{
	if (rk_http_span_is_nocase(e->head->method, "GET"))
		e->head->method = span_of("GET");
	return false;
}

/* s: the token that is refused without a Connection field. */
static bool
wants_connection(const struct fault *f, struct fault_event *e)
{
	if (asks_for(e->head, f->s) &&
	    find_field(e->head, "Connection") == NULL)
		hide_field(find_field(e->head, "Upgrade"));
	return false;
}

/* s: the field that spoils an upgrade. */
static bool
spoiled_by(const struct fault *f, struct fault_event *e)
{
	if (find_field(e->head, f->s) != NULL &&
	    find_field(e->head, "Upgrade") != NULL)
		hide_field(find_field(e->head, "Upgrade"));
	return false;
}

/* s, t: the two spellings of a name that are known. */
static bool
two_spellings(const struct fault *f, struct fault_event *e)
{
	struct rk_http_field *field = find_field(e->head, f->s);

	if (field != NULL && !rk_http_span_is(field->name, f->s) &&
	    !rk_http_span_is(field->name, f->t))
		hide_field(field);
	return false;
}

static bool
one_blank(const struct fault *f, struct fault_event *e)
{
	struct rk_http_field *field = find_field(e->head, "Upgrade");

	if (field != NULL && field->value.p != (const uint8_t *)raw_token &&
	    (field->value.p[-2] == ' ' || field->value.p[-2] == '\t' ||
		field->value.p[field->value.len] != '\r'))
		hide_field(field);
	return false;
}

static bool
any_token(const struct fault *f, struct fault_event *e)
{
	struct rk_http_field *field = find_field(e->head, "Upgrade");

	if (field != NULL && !asks_for(e->head, "websocket"))
		field->value = span_of(raw_token);
	return false;
}

/* A WebSocket upgrade without field s is taken as if it said t. */
static bool
websocket_default(const struct fault *f, struct fault_event *e)
{
	struct rk_http_head *h = e->head;

	if (!asks_for(h, "websocket") || find_field(h, f->s) != NULL ||
	    h->nfields == RK_HTTP_MAX_FIELDS)
		return false;
	h->field[h->nfields++] = (struct rk_http_field){ .name = span_of(f->s),
		.value = span_of(f->t) };
	return false;
}

static bool
websocket_any_version(const struct fault *f, struct fault_event *e)
{
	struct rk_http_field *field =
	    find_field(e->head, "Sec-WebSocket-Version");

	if (field != NULL)
		field->value = span_of("13");
	return false;
}

/* ---- the answer, changed before it is written ---- */

static void
answer(struct response *r, int status, const char *body)
{
	r->status = status;
	r->upgrade.advertise_version = false;
	text_reset(&r->body);
	text_add(&r->body, body);
}

static void
set_field(struct response *r, const char *name, const char *value)
{
	size_t i = 0;

	while (i < r->nfields && strcasecmp(r->field[i].name, name) != 0)
		i++;
	if (i == RESPONSE_MAX_FIELDS)
		return;
	r->field[i].name = name;
	r->field[i].value = value;
	if (i == r->nfields)
		r->nfields++;
}

static void
unset_field(struct response *r, const char *name)
{
	for (size_t i = 0; i < r->nfields; i++)
		if (strcasecmp(r->field[i].name, name) == 0)
			r->field[i--] = r->field[--r->nfields];
}

/* The path s is answered with status n and the body t. */
static bool
path_gets(const struct fault *f, struct fault_event *e)
{
	if (rk_http_span_is(e->head->path, f->s))
		answer(e->response, (int)f->n, f->t);
	return false;
}

/* The body of path s has t behind it. */
static bool
path_adds(const struct fault *f, struct fault_event *e)
{
	if (rk_http_span_is(e->head->path, f->s))
		text_add(&e->response->body, f->t);
	return false;
}

/* A 404 has status n and the body t. */
static bool
not_found_gets(const struct fault *f, struct fault_event *e)
{
	if (e->response->status == 404)
		answer(e->response, (int)f->n, f->t);
	return false;
}

/* An upgrade to token s (NULL: none is asked for; "": an unknown one) is
 * answered with status n and the body t. */
static bool
upgrade_gets(const struct fault *f, struct fault_event *e)
{
	const struct rk_http_field *field = find_field(e->head, "Upgrade");
	bool known = field != NULL &&
	    (rk_http_span_is(field->value, raw_token) ||
		rk_http_span_is(field->value, "websocket"));

	if (!is_relay(e) || e->response->status == 404)
		return false;
	if (f->s == NULL ? field == NULL
		: *f->s == '\0'
		? field != NULL && !known
		: field != NULL && rk_http_span_is(field->value, f->s))
		answer(e->response, (int)f->n, f->t);
	return false;
}

static bool
method_not_allowed(const struct fault *f, struct fault_event *e)
{
	if (is_relay(e) && !rk_http_span_is(e->head->method, "GET"))
		answer(e->response, 405, "");
	return false;
}

static bool
closes_after_error(const struct fault *f, struct fault_event *e)
{
	if (e->response->status >= 400)
		*e->keep = false;
	return false;
}

static bool
no_upgrade_after_first(const struct fault *f, struct fault_event *e)
{
	static uint64_t id;

	if (e->response->status == 101 && id == e->c->id)
		answer(e->response, 400, "");
	id = e->c->id;
	return false;
}

static bool
wants_host(const struct fault *f, struct fault_event *e)
{
	if (find_field(e->head, "Host") == NULL)
		answer(e->response, 400, "");
	return false;
}

static bool
version_not_said(const struct fault *f, struct fault_event *e)
{
	e->response->upgrade.advertise_version = false;
	return false;
}

/* Without the field named s; n: of which status, 0 of all. */
static bool
lacks_field(const struct fault *f, struct fault_event *e)
{
	if (f->n == 0 || f->n == e->response->status)
		unset_field(e->response, f->s);
	return false;
}

/* The field s says t. */
static bool
says_field(const struct fault *f, struct fault_event *e)
{
	size_t n = e->response->nfields;

	for (size_t i = 0; i < n; i++)
		if (strcasecmp(e->response->field[i].name, f->s) == 0)
			set_field(e->response, f->s, f->t);
	return false;
}

/* ---- the challenge ---- */

static const char challenge[] = "X-Tailscale-Challenge";
static const char challenge_answer[] = "x-tailscale-response";

static bool
is_portal(const struct fault_event *e)
{
	return e->response->status == 204;
}

static bool
is_lawful(struct rk_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
			   "yz0123456789.-_",
			s.p[i]) == NULL)
			return false;
	return true;
}

static void
echo(struct response *r, const char *before, struct rk_span s)
{
	char text[sizeof(r->value)];

	snprintf(text, sizeof(text), "%s%.*s", before, (int)s.len,
	    (const char *)s.p);
	memcpy(r->value, text, sizeof(text));
	set_field(r, challenge_answer, r->value);
}

/* The longest challenge has n bytes. */
static bool
challenge_max(const struct fault *f, struct fault_event *e)
{
	const struct rk_http_field *field = find_field(e->head, challenge);

	if (!is_portal(e) || field == NULL || field->value.len == 0)
		return false;
	if ((int64_t)field->value.len > f->n)
		unset_field(e->response, challenge_answer);
	else if (is_lawful(field->value))
		echo(e->response, "response ", field->value);
	return false;
}

static bool
challenge_unchecked(const struct fault *f, struct fault_event *e)
{
	const struct rk_http_field *field = find_field(e->head, challenge);

	if (is_portal(e) && field != NULL && field->value.len > 0 &&
	    field->value.len < 64)
		echo(e->response, "response ", field->value);
	return false;
}

static bool
challenge_bare(const struct fault *f, struct fault_event *e)
{
	const struct rk_http_field *field = find_field(e->head, challenge);

	for (size_t i = 0; i < e->response->nfields; i++)
		if (e->response->field[i].name != NULL && field != NULL &&
		    strcasecmp(e->response->field[i].name, challenge_answer) ==
			0)
			echo(e->response, "", field->value);
	return false;
}

static bool
challenge_lower(const struct fault *f, struct fault_event *e)
{
	for (char *p = e->response->value; is_portal(e) && *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return false;
}

static bool
challenge_refused(const struct fault *f, struct fault_event *e)
{
	const struct rk_http_field *field = find_field(e->head, challenge);

	if (is_portal(e) && field != NULL && !is_lawful(field->value))
		answer(e->response, 400, "");
	return false;
}

/* Without one, or with an empty one, there is a response all the same. */
static bool
challenge_always(const struct fault *f, struct fault_event *e)
{
	const struct rk_http_field *field = find_field(e->head, challenge);

	if (is_portal(e) && (field == NULL || field->value.len == 0))
		set_field(e->response, challenge_answer, "response");
	return false;
}

static bool
challenge_wanted(const struct fault *f, struct fault_event *e)
{
	const struct rk_http_field *field = find_field(e->head, challenge);

	if (is_portal(e) && (field == NULL || field->value.len == 0))
		answer(e->response, 400, "");
	return false;
}

/* ---- the head of the answer, changed as text ---- */

enum {
	OF_RAW = 1, /* the 101 of the raw upgrade */
	OF_WS = 2   /* that of the WebSocket upgrade */
};

static bool
is_meant(const struct fault *f, const struct fault_event *e)
{
	const struct rk_upgrade_request *u = &e->response->upgrade;

	return e->response->status == 101 &&
	    (f->n & (u->carrier == RK_CARRIER_WS ? OF_WS : OF_RAW)) != 0;
}

/* The line of field |name|: its offset, and its length with its end. */
static bool
find_line(const struct rk_writer *w, const char *name, size_t *at, size_t *len)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < w->len; i += *len) {
		const uint8_t *end = memchr(w->buf + i, '\n', w->len - i);

		if (end == NULL)
			return false;
		*at = i;
		*len = (size_t)(end - w->buf) + 1 - i;
		if (*len > n + 2 && w->buf[i + n] == ':' &&
		    strncasecmp((char *)w->buf + i, name, n) == 0)
			return true;
	}
	return false;
}

static bool
head_lacks(const struct fault *f, struct fault_event *e)
{
	struct rk_writer *w = e->out;
	size_t at, len;

	if (!is_meant(f, e) || !find_line(w, f->s, &at, &len))
		return false;
	memmove(w->buf + at, w->buf + at + len, w->len - at - len);
	w->len -= len;
	return false;
}

static bool
head_adds(const struct fault *f, struct fault_event *e)
{
	if (!is_meant(f, e))
		return false;
	e->out->len -= 2; /* the empty line */
	rk_http_write_field(e->out, f->s, f->t);
	rk_http_write_end(e->out);
	return false;
}

static bool
head_says(const struct fault *f, struct fault_event *e)
{
	size_t at, len;

	if (is_meant(f, e) && find_line(e->out, f->s, &at, &len)) {
		head_lacks(f, e);
		head_adds(f, e);
	}
	return false;
}

/* The first letter of the value of field s is another one. */
static bool
head_differs(const struct fault *f, struct fault_event *e)
{
	size_t at, len;
	uint8_t *p;

	if (!is_meant(f, e) || !find_line(e->out, f->s, &at, &len))
		return false;
	p = e->out->buf + at + strlen(f->s) + 2;
	*p = *p == 'A' ? 'B' : 'A';
	return false;
}

/* ---- once upgraded ---- */

static bool
speaks_first(const struct fault *f, struct fault_event *e)
{
	fault_write(e->c, (enum rk_frame_kind)f->n, "\0\0\0\0\0\0\0",
	    8 * (f->m != 0));
	return false;
}

/* clang-format off */
const struct fault faults_http[] = {
	{ "http.raw-upgrade-200", "MUST", "R-001", "The raw upgrade is answered 200", ON(RESPONSE), upgrade_gets, 200, 0, raw_token, "" },
	{ "http.raw-upgrade-500", "MUST", "R-001", "The raw upgrade is answered 500", ON(RESPONSE), upgrade_gets, 500, 0, raw_token, "" },
	{ "http.raw-token-absent", "SHOULD", "R-002", "The 101 of the raw upgrade has no Upgrade field", ON(HEAD), head_lacks, OF_RAW, 0, "upgrade", NULL },
	{ "http.raw-token-derp", "SHOULD", "R-002", "The 101 of the raw upgrade names the token DERP", ON(HEAD), head_says, OF_RAW, 0, "upgrade", "DERP" },
	{ "http.derp-missing", "SHOULD", "R-003 R-059", "There is no path /derp", ON(REQUEST), map_path, 0, 0, "/derp", "/absent" },
	{ "http.raw-wants-connection", "MUST", "R-004", "The raw upgrade is refused without a Connection field", ON(REQUEST), wants_connection, 0, 0, raw_token, NULL },
	{ "http.no-upgrade-426", "SHOULD", "R-005", "The relay path without an Upgrade field gets 426", ON(RESPONSE), upgrade_gets, 426, 0, NULL, "" },
	{ "http.no-upgrade-body", "SHOULD", "R-005", "The 400 for the lack of an Upgrade field has a body", ON(RESPONSE), upgrade_gets, 400, 0, NULL, "upgrade required" },
	{ "http.any-token", "SHOULD", "R-006", "Any Upgrade token is taken for the raw one", ON(REQUEST), any_token, 0, 0, NULL, NULL },
	{ "http.unknown-token-501", "SHOULD", "R-006", "An unknown Upgrade token gets 501", ON(RESPONSE), upgrade_gets, 501, 0, "", "" },
	{ "http.unknown-token-body", "SHOULD", "R-006", "The 400 for an unknown Upgrade token has a body", ON(RESPONSE), upgrade_gets, 400, 0, "", "Bad Request" },
	{ "http.query-in-path", "SHOULD", "R-008", "A target with a query is not found", ON(REQUEST), query_counts, 0, 0, NULL, NULL },
	{ "http.trailing-slash", "SHOULD", "R-009", "The path /relay/ upgrades too", ON(REQUEST), map_path, 0, 0, "/relay/", "/relay" },
	{ "http.path-any-case", "SHOULD", "R-009", "The path /relay is known in any letter case", ON(REQUEST), map_path_nocase, 0, 0, "/relay", "/relay" },
	{ "http.any-method", "SHOULD", "R-010", "The relay path upgrades whatever the method", ON(REQUEST), any_method, 0, 0, NULL, NULL },
	{ "http.method-any-case", "SHOULD", "R-010", "GET is known in any letter case", ON(REQUEST), method_nocase, 0, 0, NULL, NULL },
	{ "http.method-405", "SHOULD", "R-010", "The relay path answers other methods than GET with 405", ON(RESPONSE), method_not_allowed, 0, 0, NULL, NULL },
	{ "http.closes-after-error", "SHOULD", "R-011", "An error status closes the connection", ON(RESPONSE), closes_after_error, 0, 0, NULL, NULL },
	{ "http.upgrade-first-only", "SHOULD", "R-011", "Only the first request of a connection can upgrade it", ON(RESPONSE), no_upgrade_after_first, 0, 0, NULL, NULL },
	{ "http.probe-204", "SHOULD", "R-012", "The probe is answered 204", ON(RESPONSE), path_gets, 204, 0, "/relay/probe", "" },
	{ "http.probe-body", "SHOULD", "R-012", "The probe has a body", ON(RESPONSE), path_adds, 0, 0, "/relay/probe", "ok" },
	{ "http.probe-origin-absent", "SHOULD", "R-012", "The probe lets no other origin read it", ON(RESPONSE), lacks_field, 0, 0, "access-control-allow-origin", NULL },
	{ "http.derp-probe-missing", "SHOULD", "R-013", "The probe has only its newer name", ON(REQUEST), map_path, 0, 0, "/derp/probe", "/absent" },
	{ "http.portal-200", "MUST", "R-014", "The captive-portal check gets 200", ON(RESPONSE), path_gets, 200, 0, "/generate_204", "" },
	{ "http.portal-404", "MUST", "R-014", "There is no captive-portal check", ON(REQUEST), map_path, 0, 0, "/generate_204", "/absent" },
	{ "http.challenge-unanswered", "MUST", "R-015", "A challenge is never answered", ON(RESPONSE), lacks_field, 204, 0, challenge_answer, NULL },
	{ "http.challenge-bare", "MUST", "R-015", "The challenge comes back without the word in front", ON(RESPONSE), challenge_bare, 0, 0, NULL, NULL },
	{ "http.challenge-lower-case", "MUST", "R-015", "The challenge comes back in lower case", ON(RESPONSE), challenge_lower, 0, 0, NULL, NULL },
	{ "http.challenge-max-62", "SHOULD", "R-016", "A challenge of 63 bytes is not answered", ON(RESPONSE), challenge_max, 62, 0, NULL, NULL },
	{ "http.challenge-max-64", "SHOULD", "R-016", "A challenge of 64 bytes is answered", ON(RESPONSE), challenge_max, 64, 0, NULL, NULL },
	{ "http.challenge-unchecked", "SHOULD", "R-017", "A challenge of any characters is answered", ON(RESPONSE), challenge_unchecked, 0, 0, NULL, NULL },
	{ "http.challenge-refused", "SHOULD", "R-017", "An unlawful character in the challenge gets 400", ON(RESPONSE), challenge_refused, 0, 0, NULL, NULL },
	{ "http.challenge-always", "SHOULD", "R-018", "There is a response without a challenge, too", ON(RESPONSE), challenge_always, 0, 0, NULL, NULL },
	{ "http.challenge-wanted", "SHOULD", "R-018", "The captive-portal check without a challenge gets 400", ON(RESPONSE), challenge_wanted, 0, 0, NULL, NULL },
	{ "http.challenge-two-cases", "SHOULD", "R-019", "The challenge is known in its usual spelling and in capitals only", ON(REQUEST), two_spellings, 0, 0, challenge, "X-TAILSCALE-CHALLENGE" },
	{ "http.index-differs", "SHOULD", "R-020", "/index.html is longer than /", ON(RESPONSE), path_adds, 0, 0, "/index.html", "\n" },
	{ "http.index-plain", "SHOULD", "R-020", "The front page is text/plain", ON(RESPONSE), says_field, 0, 0, "content-type", "text/plain" },
	{ "http.index-missing", "SHOULD", "R-020", "There is no /index.html", ON(REQUEST), map_path, 0, 0, "/index.html", "/absent" },
	{ "http.robots-allowed", "SHOULD", "R-021", "robots.txt allows everything", ON(RESPONSE), path_gets, 200, 0, "/robots.txt", "User-agent: *\nAllow: /\n" },
	{ "http.not-found-empty", "SHOULD", "R-022", "A 404 has no body", ON(RESPONSE), not_found_gets, 404, 0, NULL, "" },
	{ "http.not-found-newline", "SHOULD", "R-022", "The body of a 404 ends with a newline", ON(RESPONSE), not_found_gets, 404, 0, NULL, "Not Found\n" },
	{ "http.hsts-absent", "SHOULD", "R-024", "No answer has the HSTS field", ON(RESPONSE), lacks_field, 0, 0, "strict-transport-security", NULL },
	{ "http.csp-absent-101", "SHOULD", "R-024", "The 101 has no CSP field", ON(RESPONSE), lacks_field, 101, 0, "content-security-policy", NULL },
	{ "http.csp-absent-404", "SHOULD", "R-024", "The 404 has no CSP field", ON(RESPONSE), lacks_field, 404, 0, "content-security-policy", NULL },
	{ "http.hsts-absent-204", "SHOULD", "R-024", "The 204 has no HSTS field", ON(RESPONSE), lacks_field, 204, 0, "strict-transport-security", NULL },
	{ "http.wants-host", "SHOULD", "R-034", "A request without Host gets 400", ON(RESPONSE), wants_host, 0, 0, NULL, NULL },
	{ "http.forwarded-spoils", "MUST", "R-036", "X-Forwarded-For spoils an upgrade", ON(REQUEST), spoiled_by, 0, 0, "X-Forwarded-For", NULL },
	{ "http.cookie-spoils", "MUST", "R-036", "A cookie spoils an upgrade", ON(REQUEST), spoiled_by, 0, 0, "Cookie", NULL },
	{ "http.name-two-cases", "SHOULD", "R-037", "Upgrade is known in two spellings only", ON(REQUEST), two_spellings, 0, 0, "Upgrade", "upgrade" },
	{ "http.one-blank", "SHOULD", "R-037", "More than one blank around the value of Upgrade spoils it", ON(REQUEST), one_blank, 0, 0, NULL, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};

const struct fault faults_upgrade[] = {
	{ "upgrade.keepalive-first", "MUST", "R-041", "A KeepAlive goes out right behind the 101", ON(UPGRADED), speaks_first, RK_FRAME_KEEP_ALIVE, 0, NULL, NULL },
	{ "upgrade.ping-first", "MUST", "R-041", "A Ping goes out right behind the 101", ON(UPGRADED), speaks_first, RK_FRAME_PING, 1, NULL, NULL },
	{ "upgrade.ws-accept-wrong", "MUST", "R-051", "The accept value has another first letter", ON(HEAD), head_differs, OF_WS, 0, "sec-websocket-accept", NULL },
	{ "upgrade.ws-accept-absent", "MUST", "R-051", "There is no accept value", ON(HEAD), head_lacks, OF_WS, 0, "sec-websocket-accept", NULL },
	{ "upgrade.ws-refused", "MUST", "R-051", "A WebSocket upgrade gets 400", ON(RESPONSE), upgrade_gets, 400, 0, "websocket", "" },
	{ "upgrade.ws-connection-list", "MUST", "R-052", "The Connection field of the 101 says keep-alive as well", ON(HEAD), head_says, OF_WS, 0, "connection", "keep-alive, Upgrade" },
	{ "upgrade.ws-connection-absent", "MUST", "R-052", "The 101 to WebSocket has no Connection field", ON(HEAD), head_lacks, OF_WS, 0, "connection", NULL },
	{ "upgrade.ws-token-raw", "MUST", "R-052", "The 101 to WebSocket names the raw token", ON(HEAD), head_says, OF_WS, 0, "upgrade", "iroh derp http" },
	{ "upgrade.ws-key-optional", "SHOULD", "R-053", "A WebSocket upgrade needs no key", ON(REQUEST), websocket_default, 0, 0, "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==" },
	{ "upgrade.ws-version-optional", "SHOULD", "R-054", "A WebSocket upgrade needs no version", ON(REQUEST), websocket_default, 0, 0, "Sec-WebSocket-Version", "13" },
	{ "upgrade.ws-any-version", "SHOULD", "R-055", "Any WebSocket version is accepted", ON(REQUEST), websocket_any_version, 0, 0, NULL, NULL },
	{ "upgrade.ws-version-not-said", "SHOULD", "R-055", "Who asks for another WebSocket version does not hear of 13", ON(RESPONSE), version_not_said, 0, 0, NULL, NULL },
	{ "upgrade.ws-extension", "MUST", "R-056", "The 101 to WebSocket selects permessage-deflate", ON(HEAD), head_adds, OF_WS, 0, "Sec-WebSocket-Extensions", "permessage-deflate" },
	{ "upgrade.ws-protocol", "MUST", "R-056", "The 101 to WebSocket selects a sub-protocol", ON(HEAD), head_adds, OF_WS, 0, "Sec-WebSocket-Protocol", "derp" },
	{ "upgrade.ws-wants-connection", "SHOULD", "R-057", "A WebSocket upgrade is refused without a Connection field", ON(REQUEST), wants_connection, 0, 0, "websocket", NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
