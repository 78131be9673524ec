/* A TLS server and a TLS client of ours; see tls_ends.h. */
#include "config.h"

#include "tls_ends.h"

#include "support.h"

struct tls_certs certs;
struct tls_ctx *server_ctx, *client_ctx;
struct loop *loop;
struct peer server, client;
char err[512];

void
setup_ends(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	peer_init(&server);
	peer_init(&client);
	server_ctx = client_ctx = NULL;
	err[0] = '\0';
}

void
teardown_ends(void)
{
	peer_clear(&server);
	peer_clear(&client);
	tls_ctx_free(server_ctx);
	tls_ctx_free(client_ctx);
	loop_free(loop);
}

void
use_server(const char *cert, const char *key, const char *keylog)
{
	server_ctx = tls_server_ctx_new(cert, key, keylog, err, sizeof(err));
	ck_assert_msg(server_ctx != NULL, "%s", err);
	ck_assert(tls_ctx_is_server(server_ctx));
}

void
use_client(const struct tls_client_config *c)
{
	client_ctx = tls_client_ctx_new(c, err, sizeof(err));
	ck_assert_msg(client_ctx != NULL, "%s", err);
	ck_assert(!tls_ctx_is_server(client_ctx));
}

void
connect_ends(enum pair_kind kind, const char *name)
{
	int fds[2];

	make_pair(kind, fds);
	server.stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
	    peer_on_event, &server);
	client.stream = stream_new_tls(loop, fds[1], client_ctx, name,
	    peer_on_event, &client);
	ck_assert_ptr_nonnull(server.stream);
	ck_assert_ptr_nonnull(client.stream);
}

void
establish(enum pair_kind kind, const char *name)
{
	connect_ends(kind, name);
	TURN_UNTIL(loop,
	    (server.secured || server.ended) &&
		(client.secured || client.ended));
	ck_assert_msg(client.secured && server.secured, "client: %s",
	    stream_error(client.stream));
}
