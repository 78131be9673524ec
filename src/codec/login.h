/*
 * Login as a state machine, in both roles, without I/O and without a clock:
 * frames in, bytes to send out, and one answer: pending, done or refused.
 */
#ifndef RK_LOGIN_H
#define RK_LOGIN_H

#include "frame.h"

#ifdef __cplusplus
extern "C" {
#endif

enum rk_role {
	RK_CLIENT,
	RK_SERVER
};

enum rk_login_state {
	RK_LOGIN_PENDING,
	RK_LOGIN_DONE,
	RK_LOGIN_REFUSED,
	RK_LOGIN_ASKED /* server: waits for rk_login_access() */
};

/*
 * Keying material of the TLS session below (RFC 5705), for the dialects that
 * bind a login to it.  0, or an error where there is no TLS.
 */
typedef int (*rk_export_fn)(void *arg, const char *label, const void *context,
    size_t context_len, uint8_t *out, size_t out_len);

/* Access control: true lets the key in.  NULL lets in everyone. */
typedef bool (*rk_access_fn)(void *arg, const struct rk_key *key);

struct rk_login_params {
	const struct rk_secret_key *secret; /* the own key; borrowed */
	enum rk_carrier carrier;
	rk_export_fn export_key; /* NULL: no TLS */
	rk_access_fn access;     /* server only */
	void *arg;
	bool access_later; /* server: instead, stop there as RK_LOGIN_ASKED */
};

struct rk_login {
	const struct rk_dialect *dialect;
	enum rk_role role;
	enum rk_login_state state;
	struct rk_login_params params;
	int error;           /* why it was refused */
	struct rk_key peer;  /* server: the client's key, once proven */
	uint64_t version;    /* what the client says it speaks */
	int step;            /* the dialect's own */
	uint8_t scratch[64]; /* the dialect's own: a challenge, a nonce */
};

/* What a dialect provides; see dialect.h. */
struct rk_login_ops {
	int (*start)(struct rk_login *l, struct rk_writer *out);
	int (*input)(struct rk_login *l, const struct rk_raw_frame *raw,
	    struct rk_writer *out);
	/* Where access control has said |allowed|; NULL: never ASKED. */
	int (*access)(struct rk_login *l, bool allowed, struct rk_writer *out);
};

RK_API void rk_login_init(struct rk_login *l, const struct rk_dialect *d,
    enum rk_role role, const struct rk_login_params *params);

/*
 * Append to |out| what this side sends unasked.  In a dialect whose login
 * has no answer the client is DONE after this.  RK_ERR_SPACE if it does not
 * fit (RK_LOGIN_OUTPUT_MAX always does).
 */
RK_API int rk_login_start(struct rk_login *l, struct rk_writer *out);

/*
 * Feed one whole frame of the peer; only while PENDING.  RK_OK, or the
 * reason of the refusal, which is also in l->error.  Bytes that are to be
 * sent (also with a refusal, in dialects that say why) are appended.
 */
RK_API int rk_login_input(struct rk_login *l, const struct rk_raw_frame *raw,
    struct rk_writer *out);

/*
 * Only while ASKED: the key in l->peer is proven, may it log in?  Then as
 * rk_login_input().
 */
RK_API int rk_login_access(struct rk_login *l, bool allowed,
    struct rk_writer *out);

#define RK_LOGIN_OUTPUT_MAX 1024

#ifdef __cplusplus
}
#endif
#endif
