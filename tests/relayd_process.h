/* The real program, and clients with real sockets that block. */
#ifndef TESTS_RELAYD_PROCESS_H
#define TESTS_RELAYD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"
#include "codec/relaykit.h"
#include "tls_certs.h"

struct relay {
	pid_t pid;
	int out; /* its stdout */
	char log[64];
	struct text lines; /* what stdout said up to "ready" */
};

/* Start build/relayd/relayd with the words of |options|; its stderr goes
 * into a file.  Fails the test unless it gets ready.  |max_fds| 0: as it is. */
void relay_start(struct relay *r, const char *options, unsigned max_fds);
/* The same, but stdout and stderr are one pipe, which nobody reads any more
 * once it is ready. */
void relay_start_piped(struct relay *r, const char *options);
/* "127.0.0.1:43211" of the |n|th listener of that kind, from 0; static. */
const char *relay_address(const struct relay *r, const char *kind, int n);
/* What it has logged so far; static. */
const char *relay_log(const struct relay *r);
/* Send the signal and wait; the status as waitpid() has it. */
int relay_stop(struct relay *r, int signo);
/* The value of a sample on the first metrics listener; -1: no such. */
long relay_metric(const struct relay *r, const char *sample);
/* Wait until that sample has the value, at most a few seconds. */
bool relay_metric_becomes(const struct relay *r, const char *sample,
    long value);

struct link {
	int fd;
	void *ssl; /* NULL: plain */
	void *ctx;
	enum rk_carrier carrier;
};

/* Connect to "ADDR:PORT". */
void link_open(struct link *l, const char *address);
/* TLS with a version from |min| to |max| (12, 13); |alpn| as on the wire or
 * NULL.  False if the handshake fails. */
bool link_tls(struct link *l, int min, int max, const char *alpn,
    size_t alpn_len);
void link_close(struct link *l);
void link_reset(struct link *l); /* RST */
void link_write(struct link *l, const void *p, size_t len);
/* Exactly |len| bytes; false: it ended before. */
bool link_read(struct link *l, void *p, size_t len);
/* Nothing but the end comes. */
bool link_ends(struct link *l);
/* A request, "GET /x", and the head and body of the answer; static. */
const char *link_request(struct link *l, const char *line);
/* Upgrade and log in with the key of seed 32 times |seed|. */
void link_login(struct link *l, enum rk_carrier carrier, unsigned seed);
void link_send(struct link *l, unsigned type, const void *p, size_t len);
/* The next frame: type, payload length (in |p|, at most |cap|). */
bool link_recv(struct link *l, unsigned *type, void *p, size_t cap,
    size_t *len);
void link_ping(struct link *l);
struct rk_key seed_key(unsigned seed);

/* ---- what the tests with one relay and certificates share ---- */

#define SEND 0x04
#define RECV 0x05

#define ALL_LISTENERS                                                          \
	"--listen 127.0.0.1:0 --listen [::1]:0 --listen-tls 127.0.0.1:0 "      \
	"--listen-tls [::1]:0 --metrics 127.0.0.1:0 --plain-relay"

extern struct tls_certs certs;
extern struct relay relay;

void process_setup(void); /* fixtures: the certificates */
void process_teardown(void);
void start(const char *options);
void start_tls(const char *more); /* with the certificate */
void stop(void);                  /* by SIGTERM; the exit status must be 0 */

/* Plain and TLS, over IPv4 and IPv6, both versions. */
#define NWAYS 5
void open_way(struct link *l, int way);

#endif
