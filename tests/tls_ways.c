#include "config.h"

#include "tls_ways.h"

#include "support.h"

const struct way ways[NWAYS] = {
	{ true, TLS1_2_VERSION },
	{ true, TLS1_3_VERSION },
	{ false, TLS1_2_VERSION },
	{ false, TLS1_3_VERSION },
};

struct tls_certs certs;
struct tls_ctx *server_ctx, *client_ctx;
struct loop *loop;
struct peer a;
struct oracle o;

void
tls_ways_setup(void)
{
	struct tls_client_config config = { .cafile = certs.ca };
	char err[256] = "";

	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	server_ctx =
	    tls_server_ctx_new(certs.chain, certs.key, NULL, err, sizeof(err));
	ck_assert_msg(server_ctx != NULL, "%s", err);
	client_ctx = tls_client_ctx_new(&config, err, sizeof(err));
	ck_assert_msg(client_ctx != NULL, "%s", err);
	peer_init(&a);
	o.fd = -1;
}

void
tls_ways_teardown(void)
{
	peer_clear(&a);
	if (o.ssl != NULL)
		oracle_clear(&o);
	tls_ctx_free(server_ctx);
	tls_ctx_free(client_ctx);
	loop_free(loop);
}

struct stream *
new_stream(int fd, bool we_serve, struct peer *p)
{
	return stream_new_tls(loop, fd, we_serve ? server_ctx : client_ctx,
	    we_serve ? NULL : "localhost", peer_on_event, p);
}

void
connect_ends(const struct way *w)
{
	int fds[2];

	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], w->we_serve ? NULL : &certs, w->version);
	a.stream = new_stream(fds[0], w->we_serve, &a);
	ck_assert_ptr_nonnull(a.stream);
}

void
establish(const struct way *w)
{
	connect_ends(w);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop, a.secured);
	/* tickets and the like are out of the way */
	ck_assert(stream_write(a.stream, "hello", 5));
	while (o.got.len < 5) {
		loop_turn(loop, 0);
		oracle_read(&o, loop);
	}
	text_reset(&o.got);
}
