/* Options of the commands that speak to a relay: one table for all. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay-cli/proxy.h"
#include "relay-cli/session.h"

/* Which commands take an option. */
enum {
	FOR_PING = 1,
	FOR_SEND = 2,
	FOR_RECV = 4,
	FOR_BENCH = 8,
	FOR_PROBE = 16,
	/* they have one key */
	FOR_KEYED = FOR_PING | FOR_SEND | FOR_RECV | FOR_PROBE,
	FOR_ALL = FOR_KEYED | FOR_BENCH
};

/* What relay-cli bench is to do; numbers that were not given are 0. */
struct bench_options {
	int64_t pairs;
	int64_t size;
	int64_t window;
	int64_t rate;    /* packets a second, all pairs together */
	int64_t time_ns; /* -1: not given */
	int64_t ping_ns; /* -1: not given */
	int64_t idle;
	int64_t pid;
	bool verify;
	bool logins;
	bool stall;
};

struct options {
	struct session_config session; /* filled but for the URL's owner */
	struct rk_secret_key secret;
	struct proxy proxy; /* of the session, where it has one */
	const char *key_file;
	const char *carrier;
	const char *dialect;
	int64_t timeout_ns; /* 0: the command's default */
	int64_t interval_ns;
	int64_t linger_ns;
	int64_t count;  /* -1: not given */
	int64_t expect; /* -1: not given */
	struct bench_options bench;
	const char *stun; /* HOST:PORT */
	const char *plain;
	const char *metrics;
	const char *skip;
	bool json;
	bool lines;
	bool force;
	bool reconnect;
	bool help; /* was printed; nothing else to do */
};

/*
 * Parse the options of |command| and the URL behind them; find the proxy that
 * leads there; load or make the key (a fresh one's public half is said on
 * stderr).  |*first| is the index
 * of the first word behind the URL.  0, or an exit status after a message.
 */
int options_parse(struct options *o, unsigned command, const char *synopsis,
    int argc, char **argv, int *first);

/* Wipe the secret. */
void options_clear(struct options *o);

/*
 * Read a secret key from |file| ("-": stdin): one line, hex or base32.
 * Refuses a file that "others" can read.  0, or EXIT_USAGE after a message.
 */
int secret_key_load(const char *file, struct rk_secret_key *sk);

#endif
