/*
 * What is known about keys: a hash table of peers in shards, each with its
 * lock.  A peer stays while it has a connection or is pinned: by other peers'
 * visits, so that their sets can hold plain pointers, by its own that are over,
 * and by the endpoints that point at it.
 *
 * The router's; one lock at a time is held, for a few loads and stores.
 */
#ifndef RELAYD_PEERS_H
#define RELAYD_PEERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/keys.h"
#include "relayd/visit.h"

#define PEERS_MAX_SHARDS  64
/* The buckets use the low bits of a hash. */
#define PEERS_SHARD_SHIFT 48

struct endpoint;

/* The lock of its shard guards what may change here. */
struct peer {
	struct rk_key key; /* never changes, as the hash */
	uint64_t hash;
	struct peer *next; /* in its bucket */
	struct endpoint *current;
	struct endpoint *replaced; /* on other loops, not told yet */
	struct visits visits;      /* their receivers are peers, as numbers */
	size_t pins;
};

struct shard {
	pthread_mutex_t lock;
	struct peer **bucket;
	size_t nbuckets; /* a power of two */
	size_t npeers;
	size_t nconnected;
} __attribute__((aligned(64)));

struct peers {
	struct shard shard[PEERS_MAX_SHARDS];
	size_t nshards; /* a power of two; 1: nothing is locked */
	uint64_t seed[4];
};

/* For one loop, or |shared| by several.  False: no memory; peers_clear() is
 * due all the same. */
bool peers_init(struct peers *t, bool shared);
void peers_clear(struct peers *t);

/* Clients choose their keys, so the hash is seeded. */
uint64_t peers_hash(const struct peers *t, const struct rk_key *key);

static inline struct shard *
peers_lock(struct peers *t, uint64_t hash)
{
	struct shard *s =
	    &t->shard[hash >> PEERS_SHARD_SHIFT & (t->nshards - 1)];

	if (t->nshards > 1)
		pthread_mutex_lock(&s->lock);
	return s;
}

static inline void
peers_unlock(const struct peers *t, struct shard *s)
{
	if (t->nshards > 1)
		pthread_mutex_unlock(&s->lock);
}

/* Those with a connection now; those that are remembered. */
size_t peers_connected(struct peers *t);
size_t peers_known(struct peers *t);

/* ---- under the lock of the shard ---- */

/* NULL: there is none. */
struct peer *peer_find(const struct shard *s, uint64_t hash,
    const struct rk_key *key);
/* A new one, without a pin.  NULL: no memory. */
struct peer *peer_insert(struct shard *s, uint64_t hash,
    const struct rk_key *key);

/* ---- these lock it ---- */

/* The peer of |key|, pinned; NULL: there is none. */
struct peer *peer_pin(struct peers *t, const struct rk_key *key);
/* |p| may be NULL. */
void peer_unpin(struct peers *t, struct peer *p);

#endif
