/*
 * Access control by question: an HTTP service is asked about each key that
 * has been proven (specification, D-09).  POST without a body, the key in a
 * header field; status 200 with the body "true" lets it in, anything else
 * does not.  As the reference's client does, redirections are followed and
 * connections kept.
 */
#ifndef RELAYD_ACCESS_HTTP_H
#define RELAYD_ACCESS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayd/access_idle.h"

struct conf;
struct loop;
struct rk_key;

enum access_answer {
	ACCESS_ANSWER_ALLOWED,
	ACCESS_ANSWER_DENIED,      /* anything but 200 and "true" */
	ACCESS_ANSWER_TIMEOUT,     /* in the queue, or under way */
	ACCESS_ANSWER_UNREACHABLE, /* name, connection, TLS */
	ACCESS_ANSWER_BROKEN,      /* no HTTP, ended early, leads nowhere */
	ACCESS_NANSWERS
};

/* Whom to ask, and how.  Does not change; may be shared by threads. */
struct access_service;

/* Of |conf|, whose access rule it is.  NULL with one line in |err|. */
struct access_service *access_service_new(const struct conf *conf, char *err,
    size_t err_size);
struct access_service *access_service_ref(struct access_service *s);
void access_service_unref(struct access_service *s); /* NULL is fine */

/*
 * Asks for one event loop: so many questions at a time, the others wait
 * their turn.  How long is bounded for each, waiting included.
 */
struct access_query;
struct asker {
	struct loop *loop;
	size_t nactive;
	struct access_query *first;   /* all of them */
	struct access_query *waiting; /* in the order of their coming */
	struct access_query **waiting_tail;
	struct idle_links idle;
};

void asker_init(struct asker *a, struct loop *loop);
void asker_clear(struct asker *a); /* nobody hears any more */

/*
 * Called once, never from inside access_ask(), unless access_query_cancel()
 * comes first; the query is gone then.  |why| is for people, NULL with
 * ACCESS_ANSWER_ALLOWED.
 */
typedef void (
    *access_fn)(void *arg, enum access_answer answer, const char *why);

/* NULL: no memory.  Takes a reference to |s|. */
struct access_query *access_ask(struct asker *a, struct access_service *s,
    const struct rk_key *key, access_fn on_answer, void *arg);
void access_query_cancel(struct access_query *q); /* NULL is fine */

#endif
