#include "config.h"

#include "access_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/xalloc.h"
#include "relayd/access.h"
#include "support.h"

int listen_fd;
unsigned port;

struct question asked[MAX_ASKED];
int nasked;

/* ---- the service: as slow and wrong as a test wants it */

void
access_rig_start(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	rig_setup();
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(listen_fd, 0);
	ck_assert_int_eq(bind(listen_fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(listen(listen_fd, 64), 0);
	getsockname(listen_fd, (struct sockaddr *)&sin, &len);
	port = ntohs(sin.sin_port);
	nasked = 0;
}

void
hang_up(int i)
{
	if (asked[i].fd >= 0)
		close(asked[i].fd);
	asked[i].fd = -1;
}

void
access_rig_stop(void)
{
	for (int i = 0; i < nasked; i++)
		hang_up(i);
	close(listen_fd);
	rig_teardown();
}

void
configure(const char *path, const char *const *more)
{
	configure_user("", path, more);
}

void
configure_user(const char *user, const char *path, const char *const *more)
{
	char *argv[16] = { NULL }, err[256] = "";
	int argc = 0;

	argv[argc++] = xstrdup("relayd");
	argv[argc++] = xstrdup("--access-url");
	argv[argc++] = xasprintf("http://%s127.0.0.1:%u%s", user, port, path);
	for (; more != NULL && *more != NULL; more++)
		argv[argc++] = xstrdup(*more);
	ck_assert_msg(conf_parse(&rig.conf, argc, argv, err, sizeof(err)) ==
		CONF_RUN,
	    "%s", err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	rig.server->access = access_new(&rig.conf, err, sizeof(err));
	ck_assert_msg(rig.server->access != NULL, "%s", err);
}

void
take_questions(void)
{
	int fd;

	while (nasked < MAX_ASKED &&
	    (fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		asked[nasked++] = (struct question){ .fd = fd };
	for (int i = 0; i < nasked; i++) {
		struct question *q = &asked[i];
		ssize_t n = recv(q->fd, q->text + q->len,
		    sizeof(q->text) - 1 - q->len, 0);

		if (n > 0)
			q->len += (size_t)n;
	}
}

bool
is_whole(int i)
{
	return i < nasked && strstr(asked[i].text, "\r\n\r\n") != NULL;
}

void
say(int i, const char *text)
{
	ck_assert_int_eq(send(asked[i].fd, text, strlen(text), MSG_NOSIGNAL),
	    (ssize_t)strlen(text));
}

void
say_last(int i, const char *text)
{
	asked[i].len = 0;
	memset(asked[i].text, 0, sizeof(asked[i].text));
	say(i, text);
}

bool
was_hung_up(int i)
{
	char c;

	return recv(asked[i].fd, &c, 1, MSG_PEEK) == 0;
}

uint64_t
answers(const char *word)
{
	char sample[64];

	snprintf(sample, sizeof(sample),
	    "relayd_access_answers_total{answer=\"%s\"}", word);
	return rig_metric(&rig, sample);
}

/* ---- clients */

void
begin_login(struct client *c, enum rk_carrier carrier, uint8_t seed)
{
	uint8_t info[256];
	size_t len = client_info(carrier, seed, info, sizeof(info));

	client_open(c, &rig, SERVICE_RELAY);
	client_upgrade(c, carrier);
	if (carrier == RK_CARRIER_WS)
		client_send_ws(c, true, RK_WS_BINARY, info, len);
	else
		client_send(c, info, len);
}

bool
has_ended(struct client *c)
{
	client_poll(c);
	return c->ended;
}

void
expect_denied(struct client *c)
{
	UNTIL(has_ended(c));
	client_expect_frame(c, "Health", "not authenticated", 17);
	client_expect_end(c);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_login_refused_total{reason=\"denied\"}"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_accepts_total"), 0);
	client_close(c);
}

void
expect_key(int i, uint8_t seed_byte)
{
	char hex_key[RK_KEY_HEX_SIZE];
	struct rk_secret_key sk;
	struct rk_key pk;
	uint8_t seed[RK_SEED_LEN];

	memset(seed, seed_byte, sizeof(seed));
	rk_secret_key_from_seed(&sk, seed);
	rk_secret_key_public(&sk, &pk);
	rk_key_hex(&pk, hex_key);
	ck_assert_ptr_nonnull(strstr(asked[i].text, hex_key));
}
