/* See relayd_process.h. */
#include "config.h"

#include "relayd_process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "support.h"

#define MAX_WORDS 32

/* ---- the relay ---- */

static void
run_relay(const char *options, int out, int err, unsigned max_fds)
{
	char *words = xstrdup(options), *argv[MAX_WORDS], *save = NULL;
	int n = 0;
	struct rlimit limit = { max_fds, max_fds };

	argv[n++] = xstrdup(build_path("relayd/relayd"));
	for (char *w = strtok_r(words, " ", &save);
	     w != NULL && n < MAX_WORDS - 1; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	argv[n] = NULL;
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	if (max_fds > 0)
		setrlimit(RLIMIT_NOFILE, &limit);
	execv(argv[0], argv);
	_exit(127);
}

static void
read_lines(struct relay *r)
{
	char buf[512];
	ssize_t n;

	while (strstr(text_str(&r->lines), "ready\n") == NULL) {
		n = read(r->out, buf, sizeof(buf));
		ck_assert_msg(n > 0, "relayd did not get ready: %s",
		    relay_log(r));
		text_add_n(&r->lines, buf, (size_t)n);
	}
}

static void
spawn(struct relay *r, const char *options, bool piped, unsigned max_fds)
{
	int fd[2], log;

	memset(r, 0, sizeof(*r));
	text_init(&r->lines);
	snprintf(r->log, sizeof(r->log), "/tmp/test_relayd.XXXXXX");
	log = mkstemp(r->log);
	ck_assert_int_ge(log, 0);
	ck_assert_int_eq(pipe(fd), 0);
	r->pid = fork();
	ck_assert_int_ge(r->pid, 0);
	if (r->pid == 0)
		run_relay(options, fd[1], piped ? fd[1] : log, max_fds);
	close(log);
	close(fd[1]);
	r->out = fd[0];
	read_lines(r);
}

void
relay_start(struct relay *r, const char *options, unsigned max_fds)
{
	spawn(r, options, false, max_fds);
}

void
relay_start_piped(struct relay *r, const char *options)
{
	spawn(r, options, true, 0);
	close(r->out);
	r->out = -1;
}

const char *
relay_address(const struct relay *r, const char *kind, int n)
{
	static char address[8][64];
	static unsigned turn;
	char *out = address[turn++ % 8], prefix[32];
	const char *at = r->lines.s;

	snprintf(prefix, sizeof(prefix), "listening %s ", kind);
	while ((at = strstr(at, prefix)) != NULL) {
		at += strlen(prefix);
		if (n-- == 0) {
			snprintf(out, sizeof(address[0]), "%.*s",
			    (int)strcspn(at, "\n"), at);
			return out;
		}
	}
	ck_abort_msg("no %s listener in: %s", kind, r->lines.s);
	return NULL;
}

const char *
relay_log(const struct relay *r)
{
	static char text[1 << 18];
	int fd = open(r->log, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

int
relay_stop(struct relay *r, int signo)
{
	int status = -1;

	kill(r->pid, signo);
	ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
	if (r->out >= 0)
		close(r->out);
	unlink(r->log);
	text_clear(&r->lines);
	return status;
}

long
relay_metric(const struct relay *r, const char *sample)
{
	struct link l;
	const char *text;
	char line[128];
	long value = -1;

	link_open(&l, relay_address(r, "metrics", 0));
	text = link_request(&l, "GET /metrics");
	snprintf(line, sizeof(line), "\n%s ", sample);
	text = strstr(text, line);
	if (text != NULL)
		value = strtol(text + strlen(line), NULL, 10);
	link_close(&l);
	return value;
}

bool
relay_metric_becomes(const struct relay *r, const char *sample, long value)
{
	int64_t until = clock_mono_ns() + 10 * NS_PER_S;

	while (relay_metric(r, sample) != value)
		if (clock_mono_ns() > until)
			return false;
	return true;
}

/* ---- a client ---- */

void
link_open(struct link *l, const char *address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	bool is_v6 = address[0] == '[';
	const char *colon = strrchr(address, ':');
	struct timeval limit = { .tv_sec = 20 };
	char host[64];
	int one = 1, err;

	memset(l, 0, sizeof(*l));
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	if (is_v6)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - address - 2),
		    address + 1);
	v4.sin_port = v6.sin6_port = htons((uint16_t)atoi(colon + 1));
	inet_pton(is_v6 ? AF_INET6 : AF_INET, host,
	    is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr);
	l->fd =
	    socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(l->fd, 0);
	setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(l->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (is_v6)
		err = connect(l->fd, (struct sockaddr *)&v6, sizeof(v6));
	else
		err = connect(l->fd, (struct sockaddr *)&v4, sizeof(v4));
	ck_assert_msg(err == 0, "connect %s: %s", address, strerror(errno));
}

bool
link_tls(struct link *l, int min, int max, const char *alpn, size_t alpn_len)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;

	ck_assert_ptr_nonnull(ctx);
	SSL_CTX_set_min_proto_version(ctx,
	    min == 12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_max_proto_version(ctx,
	    max == 12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	if (alpn != NULL)
		SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)alpn,
		    (unsigned)alpn_len);
	ssl = SSL_new(ctx);
	ck_assert_ptr_nonnull(ssl);
	SSL_set_fd(ssl, l->fd);
	l->ssl = ssl;
	l->ctx = ctx;
	return SSL_connect(ssl) == 1;
}

void
link_close(struct link *l)
{
	if (l->ssl != NULL)
		SSL_free(l->ssl);
	if (l->ctx != NULL)
		SSL_CTX_free(l->ctx);
	close(l->fd);
}

void
link_reset(struct link *l)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	link_close(l);
}

void
link_write(struct link *l, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = l->ssl != NULL ? SSL_write(l->ssl, at, (int)len)
					   : send(l->fd, at, len, MSG_NOSIGNAL);

		ck_assert_msg(n > 0, "write: %s", strerror(errno));
		at += n;
		len -= (size_t)n;
	}
}

static ssize_t
read_some(struct link *l, void *p, size_t len)
{
	return l->ssl != NULL ? SSL_read(l->ssl, p, (int)len)
			      : recv(l->fd, p, len, 0);
}

bool
link_read(struct link *l, void *p, size_t len)
{
	uint8_t *at = p;

	while (len > 0) {
		ssize_t n = read_some(l, at, len);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

bool
link_ends(struct link *l)
{
	char byte;
	ssize_t n = read_some(l, &byte, 1);

	return n <= 0 && errno != EAGAIN;
}

const char *
link_request(struct link *l, const char *line)
{
	static char text[1 << 17];
	struct rk_http_limits limits;
	const struct rk_http_field *f;
	struct rk_http_head h;
	size_t len = 0, body;

	snprintf(text, sizeof(text), "%s HTTP/1.1\r\n\r\n", line);
	link_write(l, text, strlen(text));
	rk_http_limits_default(&limits);
	do
		ck_assert(link_read(l, text + len++, 1));
	while (rk_http_parse_response(text, len, &limits, &h) == RK_ERR_AGAIN);
	f = rk_http_find(&h, "content-length");
	body = f != NULL ? strtoul((const char *)f->value.p, NULL, 10) : 0;
	ck_assert_uint_lt(len + body, sizeof(text));
	ck_assert(link_read(l, text + len, body));
	text[len + body] = '\0';
	return text;
}

struct rk_key
seed_key(unsigned seed)
{
	uint8_t seeds[RK_SEED_LEN] = { 0 };
	struct rk_secret_key secret;
	struct rk_key key;

	memcpy(seeds, &seed, sizeof(seed));
	rk_secret_key_from_seed(&secret, seeds);
	rk_secret_key_public(&secret, &key);
	return key;
}

static void
write_carried(struct link *l, const uint8_t *p, size_t len)
{
	struct rk_ws_header h = { .fin = true,
		.opcode = RK_WS_BINARY,
		.masked = true, /* with zeros */
		.payload_len = len };
	struct rk_writer w;
	uint8_t *buf;

	if (l->carrier == RK_CARRIER_RAW) {
		link_write(l, p, len);
		return;
	}
	buf = xmalloc(RK_WS_HEADER_MAX + len);
	rk_writer_init(&w, buf, RK_WS_HEADER_MAX + len);
	rk_ws_write_header(&h, &w);
	rk_write_bytes(&w, p, len);
	link_write(l, buf, w.len);
	free(buf);
}

void
link_login(struct link *l, enum rk_carrier carrier, unsigned seed)
{
	struct rk_login_params params = { .carrier = carrier };
	uint8_t seeds[RK_SEED_LEN] = { 0 }, buf[512];
	char key[RK_WS_KEY_SIZE];
	struct rk_secret_key secret;
	struct rk_login login;
	struct rk_writer w;
	size_t len = 0;

	ck_assert_int_eq(rk_keys_init(), RK_OK);
	rk_ws_make_key(key);
	rk_writer_init(&w, buf, sizeof(buf));
	rk_upgrade_write_request(rk_dialects()[0], carrier, NULL, "t", key, &w);
	link_write(l, buf, w.len);
	do
		ck_assert(link_read(l, buf + len++, 1));
	while (len < 4 || memcmp(buf + len - 4, "\r\n\r\n", 4) != 0);
	ck_assert_int_eq(memcmp(buf, "HTTP/1.1 101 ", 13), 0);

	l->carrier = carrier;
	memcpy(seeds, &seed, sizeof(seed));
	rk_secret_key_from_seed(&secret, seeds);
	params.secret = &secret;
	rk_login_init(&login, rk_dialects()[0], RK_CLIENT, &params);
	rk_writer_init(&w, buf, sizeof(buf));
	ck_assert_int_eq(rk_login_start(&login, &w), RK_OK);
	write_carried(l, buf, w.len);
}

void
link_send(struct link *l, unsigned type, const void *p, size_t len)
{
	uint8_t *buf = xmalloc(RK_FRAME_HEADER_MAX + len);
	struct rk_writer w;

	rk_writer_init(&w, buf, RK_FRAME_HEADER_MAX + len);
	rk_frame_header(rk_dialects()[0]->header[l->carrier], type, len, &w);
	rk_write_bytes(&w, p, len);
	write_carried(l, buf, w.len);
	free(buf);
}

static bool
recv_ws(struct link *l, unsigned *type, void *p, size_t cap, size_t *len)
{
	uint8_t head[RK_WS_HEADER_MAX], byte;
	struct rk_ws_header h;
	size_t n = 0;

	do
		if (!link_read(l, head + n++, 1))
			return false;
	while (rk_ws_parse_header(head, n, &h) == RK_ERR_AGAIN);
	ck_assert_int_eq(h.opcode, RK_WS_BINARY);
	ck_assert(h.fin && !h.masked && h.payload_len > 0);
	*len = (size_t)h.payload_len - 1;
	ck_assert_uint_le(*len, cap);
	if (!link_read(l, &byte, 1))
		return false;
	*type = byte;
	return link_read(l, p, *len);
}

bool
link_recv(struct link *l, unsigned *type, void *p, size_t cap, size_t *len)
{
	uint8_t head[RK_TLV32_LEN];

	if (l->carrier == RK_CARRIER_WS)
		return recv_ws(l, type, p, cap, len);
	if (!link_read(l, head, sizeof(head)))
		return false;
	*type = head[0];
	*len = (size_t)head[1] << 24 | (size_t)head[2] << 16 |
	    (size_t)head[3] << 8 | head[4];
	ck_assert_uint_le(*len, cap);
	return link_read(l, p, *len);
}

void
link_ping(struct link *l)
{
	uint8_t data[8], got[8];
	unsigned type;
	size_t len;

	rk_random(data, sizeof(data));
	link_send(l, 0x0c, data, sizeof(data));
	ck_assert(link_recv(l, &type, got, sizeof(got), &len));
	ck_assert_uint_eq(type, 0x0d);
	ck_assert_bytes(got, len, data, sizeof(data));
}

/* ---- one relay ---- */

struct tls_certs certs;
struct relay relay;

void
process_setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(rk_keys_init(), RK_OK);
	tls_certs_make(&certs);
}

void
process_teardown(void)
{
	tls_certs_remove(&certs);
}

void
start(const char *options)
{
	relay_start(&relay, options, 0);
}

void
start_tls(const char *more)
{
	char options[1024];

	snprintf(options, sizeof(options), "--cert %s --key %s %s", certs.chain,
	    certs.key, more);
	start(options);
}

void
stop(void)
{
	int status = relay_stop(&relay, SIGTERM);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "status %#x", status);
}

static const struct {
	const char *kind;
	int n;        /* 0: IPv4, 1: IPv6 */
	int min, max; /* of TLS */
} ways[NWAYS] = {
	{ "http", 0, 0, 0 },
	{ "http", 1, 0, 0 },
	{ "https", 0, 12, 12 },
	{ "https", 0, 13, 13 },
	{ "https", 1, 12, 13 },
};

void
open_way(struct link *l, int way)
{
	link_open(l, relay_address(&relay, ways[way].kind, ways[way].n));
	if (ways[way].max != 0)
		ck_assert(link_tls(l, ways[way].min, ways[way].max, NULL, 0));
}
