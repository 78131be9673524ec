/* Faults of TLS, and of the plain listener beside it. */
#include "config.h"

#include <string.h>

#include <sys/socket.h>

#include "net/stream.h"
#include "net/tls.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"
#include "relayd/http_routes.h"

/* ---- the TLS listener ---- */

static bool
version_refused(const struct fault *f, struct fault_event *e)
{
	return strcmp(tls_version(stream_tls(e->c->stream)), f->s) == 0;
}

/* n: with a protocol chosen by ALPN; else without. */
static bool
alpn_refused(const struct fault *f, struct fault_event *e)
{
	size_t len;

	return (tls_alpn(stream_tls(e->c->stream), &len) != NULL) ==
	    (f->n != 0);
}

/* s: the answer.  What was not read would turn the end into a reset, which
 * takes the answer away. */
static bool
plain_answered(const struct fault *f, struct fault_event *e)
{
	int fd = stream_fd(e->c->stream);
	char rest[4096];

	while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		;
	return send(fd, f->s, strlen(f->s), MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
}

/* ---- the plain listener beside it ---- */

static bool
is_beside(const struct fault_event *e)
{
	return e->c->service == SERVICE_CAPTIVE;
}

/* What has status n gets status m and the body t. */
static bool
beside_gets(const struct fault *f, struct fault_event *e)
{
	if (!is_beside(e) || e->response->status != f->n)
		return false;
	e->response->status = (int)f->m;
	text_reset(&e->response->body);
	text_add(&e->response->body, f->t);
	return false;
}

/* No field is left; there is none but that of the challenge. */
static bool
beside_unanswered(const struct fault *f, struct fault_event *e)
{
	if (is_beside(e))
		e->response->nfields = 0;
	return false;
}

static bool
beside_head(const struct fault *f, struct fault_event *e)
{
	if (is_beside(e) && rk_http_span_is(e->head->method, "HEAD"))
		e->head->method =
		    (struct rk_span){ .p = (const uint8_t *)"GET", .len = 3 };
	return false;
}

static bool
beside_serves(const struct fault *f, struct fault_event *e)
{
	e->conf->plain_relay = true;
	return false;
}

/* clang-format off */
#define GOES_ELSEWHERE "HTTP/1.1 301 Moved Permanently\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"
#define BAD_REQUEST "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

const struct fault faults_tls[] = {
	{ "tls.alpn-wanted", "MUST", "R-030", "Who offers no protocol by ALPN is put out", ON(SECURED), alpn_refused, 0, 0, NULL, NULL },
	{ "tls.alpn-refused", "MUST", "R-030", "Who offers protocols by ALPN is put out", ON(SECURED), alpn_refused, 1, 0, NULL, NULL },
	{ "tls.no-1.2", "SHOULD", "R-031", "TLS 1.2 is not spoken", ON(SECURED), version_refused, 0, 0, "TLSv1.2", NULL },
	{ "tls.no-1.3", "SHOULD", "R-031", "TLS 1.3 is not spoken", ON(SECURED), version_refused, 0, 0, "TLSv1.3", NULL },
	{ "tls.plain-bad-request", "SHOULD", "R-035", "Plain HTTP on the TLS port gets 400", ON(TLS_FAILED), plain_answered, 0, 0, BAD_REQUEST, NULL },
	{ "tls.plain-redirected", "SHOULD", "R-035", "Plain HTTP on the TLS port gets 301", ON(TLS_FAILED), plain_answered, 0, 0, GOES_ELSEWHERE, NULL },
	{ "beside.portal-404", "SHOULD", "R-026", "Beside TLS there is no captive-portal check", ON(RESPONSE), beside_gets, 204, 404, NULL, "Not Found" },
	{ "beside.portal-200", "SHOULD", "R-026", "Beside TLS the captive-portal check gets 200", ON(RESPONSE), beside_gets, 204, 200, NULL, "" },
	{ "beside.challenge-unanswered", "SHOULD", "R-026", "Beside TLS a challenge is not answered", ON(RESPONSE), beside_unanswered, 0, 0, NULL, NULL },
	{ "beside.relay-served", "SHOULD", "R-027", "Beside TLS the plain port serves everything", ON(CONF), beside_serves, 0, 0, NULL, NULL },
	{ "beside.redirects", "SHOULD", "R-027", "Beside TLS the plain port says 301 for what it has not", ON(RESPONSE), beside_gets, 404, 301, NULL, "Not Found" },
	{ "beside.not-found-empty", "SHOULD", "R-027", "Beside TLS the 404 of the plain port has no body", ON(RESPONSE), beside_gets, 404, 404, NULL, "" },
	{ "beside.head-answered", "SHOULD", "R-027", "Beside TLS a HEAD of the captive-portal check is answered like a GET", ON(REQUEST), beside_head, 0, 0, NULL, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
