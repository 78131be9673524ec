/* Options: one table says name, type, bounds, default and help of each. */
#ifndef RELAYD_CONF_H
#define RELAYD_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "codec/keys.h"
#include "relayd/generation.h"

struct rk_dialect;
struct toml_item;

enum listen_kind {
	LISTEN_HTTP,
	LISTEN_HTTPS,
	LISTEN_METRICS,
	LISTEN_STUN,
	LISTEN_NKINDS
};

struct conf_listen {
	enum listen_kind kind;
	char *address; /* "127.0.0.1:0" */
	bool from_file;
	int fd; /* passed to us, open; 0: none was */
};

enum access_rule {
	ACCESS_EVERYONE,
	ACCESS_LISTED,   /* who is on the list */
	ACCESS_UNLISTED, /* all others */
	ACCESS_ASKED     /* whom an HTTP service lets in */
};

#define CONF_OPTIONS_MAX 64
#define CONF_NO_LINE     (-1) /* on the command line */

struct conf {
	const struct rk_dialect *dialect;
	enum generation generation;
	enum log_level log_level;
	struct conf_listen *listen;
	size_t nlisten;
	char *cert; /* PEM files; the key may be in the first */
	char *key;
	char *cert_dir; /* where they are if not named: default.crt and .key */
	char *file;     /* that was read; NULL: none */
	bool may_lack;  /* it is written if it is not there */
	bool check;     /* be strict, and do not run */
	bool again;     /* this is a reload: nothing is written */
	int line;       /* of the file that is read; 0: it is not */
	int tls_line;   /* of what the file says of TLS first; 0: nothing */
	/* where each option was set in the file; 0: nowhere */
	int lines[CONF_OPTIONS_MAX];
	bool enable_relay; /* without effect, as in the reference */
	bool enable_stun;
	bool enable_metrics;
	bool reloading; /* --cert-mode Reloading */
	bool has_cert_mode;
	bool dev;
	bool plain_relay;
	char *user; /* to become; NULL: stay */
	bool no_sandbox;
	char *capture;             /* directory; NULL: nothing is captured */
	int64_t capture_max_bytes; /* of a file */
	int64_t capture_max_files;
	bool list_faults; /* --fault help */
	bool json;        /* what is listed, as JSON */
	enum access_rule access;
	bool says_everyone;  /* the file, of access */
	struct rk_key *keys; /* the list, and files with more of it */
	size_t nkeys;
	char **key_files;
	size_t nkey_files;
	char *access_url;
	char *access_token; /* secret; NULL: none */
	char *access_ca;    /* PEM file; NULL: the system's roots */
	int64_t access_max; /* questions at a time */
	/* nanoseconds */
	int64_t keepalive;
	int64_t ping_after; /* 0.35: of silence; 1 to 5 s are added */
	int64_t pong_timeout;
	int64_t login_timeout;
	int64_t access_timeout;
	int64_t drain_time;
	int64_t write_timeout;
	int64_t head_timeout;
	int64_t tls_timeout;
	int64_t reload_every; /* 0: not settled, never */
	/* per receiver and class */
	int64_t queue_packets;
	int64_t queue_bytes;
	int64_t max_head; /* bytes of a request head */
	int64_t threads;  /* event loops; 0: not settled, one */
	/* limits; 0: none */
	int64_t rx_rate;      /* bytes a second of each client */
	int64_t rx_burst;     /* bytes at once; 0: those of one second */
	int64_t accept_rate;  /* thousandths of a connection a second */
	int64_t accept_burst; /* connections at once; -1: those of a second */
};

/* The defaults, of |dialect| where it has them. */
void conf_init(struct conf *c, const struct rk_dialect *dialect);
void conf_clear(struct conf *c);

enum conf_action {
	CONF_RUN,
	CONF_HELP,
	CONF_HELP_ALL,
	CONF_VERSION,
	CONF_CHECKED, /* nothing is wrong with it */
	CONF_FAULTS,  /* --fault help */
	CONF_ERROR    /* one line is in |err| */
};

/* Read the command line into an initialised |c| and check the whole. */
enum conf_action conf_parse(struct conf *c, int argc, char **argv, char *err,
    size_t err_size);

enum conf_setting {
	CONF_SET,
	CONF_UNKNOWN, /* no such key */
	CONF_USELESS, /* known, but nothing comes of it */
	CONF_BAD
};

/*
 * Set what |item| of a configuration file stands for.  Its key is the
 * reference's name, with its section and a dot in front, or the option's with
 * _ for -.  A reason in |err| unless CONF_SET.
 */
enum conf_setting conf_set(struct conf *c, const struct toml_item *item,
    char *err, size_t err_size);
/* Only keys that an option has; no reason for CONF_UNKNOWN. */
enum conf_setting conf_set_option(struct conf *c, const struct toml_item *item,
    char *err, size_t err_size);

/* The |i|th option's key in a file, "" if it has none; NULL: no more.  Static,
 * until the next call. */
const char *conf_key(size_t i);

/* Whether |key| is one of an option, by either name. */
bool conf_is_key(const char *key);

/* Begin |err|, what is wrong with |option|, with the place in the file that
 * sets it, if one does.  Returns false. */
bool conf_blame(const struct conf *c, const char *option, char *err,
    size_t err_size);
/* The same of the certificate. */
bool conf_blame_tls(const struct conf *c, char *err, size_t err_size);

/* ---- for the files of the configuration among themselves ---- */

/* Section 7 of the specification, and ours. */
#define CONF_DEV_ADDRESS     "[::]:3340"
#define CONF_DEFAULT_ADDRESS "127.0.0.1:3340"

void conf_add_listener(struct conf *c, enum listen_kind kind,
    const char *address);
void conf_drop_listeners(struct conf *c, enum listen_kind kind);
/* Fill in what follows from all options together; false with what is wrong. */
bool conf_settle(struct conf *c, char *err, size_t err_size);
size_t conf_index(const char *option); /* of one that there is */
/* The file says something of TLS here. */
void conf_note_tls(struct conf *c);

void conf_print_help(FILE *out, bool all);

#endif
