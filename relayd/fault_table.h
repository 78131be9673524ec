/* The faults, for the files that hold them. */
#ifndef RELAYD_FAULT_TABLE_H
#define RELAYD_FAULT_TABLE_H

#include "relayd/conn.h"
#include "relayd/fault.h"

struct fault;

/* Returns what its hook says; of several faults on one hook all are asked,
 * and one true is enough. */
typedef bool (*fault_fn)(const struct fault *f, struct fault_event *e);

#define ON(hook) (UINT32_C(1) << (HOOK_##hook))

struct fault {
	const char *name;
	const char *level; /* the highest of its requirements */
	const char *requirements;
	const char *text; /* what the relay does wrong, one sentence */
	uint32_t hooks;   /* ON() bits */
	fault_fn apply;
	/* the function's own parameters */
	int64_t n, m;
	const char *s, *t;
};

/* Each ends with a row without a name. */
extern const struct fault faults_http[], faults_upgrade[], faults_framing[],
    faults_login[], faults_relay[], faults_presence[], faults_liveness[],
    faults_websocket[], faults_stun[], faults_tls[], faults_metrics[],
    faults_process[];

/* ---- what several of them need ---- */

/* The client that is logged in with |key|, replaced ones not; or NULL. */
struct conn *fault_client(const struct worker *w, const struct rk_key *key);
/* True once in |n| calls for this fault, beginning with the n-th. */
bool fault_turn(const struct fault *f, int64_t n);
/* Append a frame that the dialect has to the client's output. */
void fault_write(struct conn *c, enum rk_frame_kind kind, const void *payload,
    size_t len);
/* Call |fn| in |delay_ns|, if the connection is still there, with a copy of
 * the bytes. */
void fault_later(struct conn *c, int64_t delay_ns,
    void (*fn)(struct conn *c, const uint8_t *p, size_t len), const void *p,
    size_t len);

/* A set of keys that a fault remembers; it is never emptied. */
struct fault_keys {
	struct rk_key *key;
	size_t n;
};
void fault_keys_add(struct fault_keys *k, const struct rk_key *key);
bool fault_keys_has(const struct fault_keys *k, const struct rk_key *key);

#endif
