/* See peers.h. */
#include "config.h"

#include "relayd/peers.h"

#include <stdlib.h>
#include <string.h>

#define MIN_BUCKETS 64

uint64_t
peers_hash(const struct peers *t, const struct rk_key *key)
{
	uint64_t w[4];
	unsigned __int128 a, b;

	memcpy(w, key->b, sizeof(w));
	a = (unsigned __int128)(w[0] ^ t->seed[0]) * (w[1] ^ t->seed[1]);
	b = (unsigned __int128)(w[2] ^ t->seed[2]) * (w[3] ^ t->seed[3]);
	return (uint64_t)a ^ (uint64_t)(a >> 64) ^ (uint64_t)b ^
	    (uint64_t)(b >> 64);
}

/* ---- life ---- */

static bool
shard_init(struct shard *s)
{
	s->nbuckets = MIN_BUCKETS;
	s->bucket = calloc(s->nbuckets, sizeof(struct peer *));
	pthread_mutex_init(&s->lock, NULL);
	return s->bucket != NULL;
}

bool
peers_init(struct peers *t, bool shared)
{
	size_t nshards = shared ? PEERS_MAX_SHARDS : 1;

	rk_random(t->seed, sizeof(t->seed));
	while (t->nshards < nshards) {
		if (!shard_init(&t->shard[t->nshards++]))
			return false;
	}
	return true;
}

static void
peer_free(struct peer *p)
{
	visits_clear(&p->visits);
	free(p);
}

static void
shard_clear(struct shard *s)
{
	for (size_t i = 0; s->bucket != NULL && i < s->nbuckets; i++) {
		struct peer *p, *next;

		for (p = s->bucket[i]; p != NULL; p = next) {
			next = p->next;
			peer_free(p);
		}
	}
	free(s->bucket);
	pthread_mutex_destroy(&s->lock);
}

void
peers_clear(struct peers *t)
{
	for (size_t i = 0; i < t->nshards; i++)
		shard_clear(&t->shard[i]);
}

/* ---- how many there are ---- */

static size_t
count(struct peers *t, size_t (*in_shard)(const struct shard *s))
{
	size_t n = 0;

	for (size_t i = 0; i < t->nshards; i++) {
		struct shard *s =
		    peers_lock(t, (uint64_t)i << PEERS_SHARD_SHIFT);

		n += in_shard(s);
		peers_unlock(t, s);
	}
	return n;
}

static size_t
connected_in(const struct shard *s)
{
	return s->nconnected;
}

static size_t
known_in(const struct shard *s)
{
	return s->npeers;
}

size_t
peers_connected(struct peers *t)
{
	return count(t, connected_in);
}

size_t
peers_known(struct peers *t)
{
	return count(t, known_in);
}

/* ---- the table: all of this under the shard's lock ---- */

static struct peer **
bucket_of(const struct shard *s, uint64_t hash)
{
	return &s->bucket[hash & (s->nbuckets - 1)];
}

struct peer *
peer_find(const struct shard *s, uint64_t hash, const struct rk_key *key)
{
	struct peer *p = *bucket_of(s, hash);

	while (p != NULL && (p->hash != hash || !rk_key_equal(&p->key, key)))
		p = p->next;
	return p;
}

/* Without memory for it the table stays as it is, only slower. */
static void
grow(struct shard *s)
{
	size_t old = s->nbuckets;
	struct peer **bucket = calloc(old * 2, sizeof(struct peer *));
	struct peer **from = s->bucket;

	if (bucket == NULL)
		return;
	s->bucket = bucket;
	s->nbuckets = old * 2;
	for (size_t i = 0; i < old; i++) {
		struct peer *p, *next;

		for (p = from[i]; p != NULL; p = next) {
			struct peer **to = bucket_of(s, p->hash);

			next = p->next;
			p->next = *to;
			*to = p;
		}
	}
	free(from);
}

struct peer *
peer_insert(struct shard *s, uint64_t hash, const struct rk_key *key)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct peer **at;

	if (p == NULL)
		return NULL;
	if (s->npeers >= s->nbuckets)
		grow(s);
	p->key = *key;
	p->hash = hash;
	at = bucket_of(s, p->hash);
	p->next = *at;
	*at = p;
	s->npeers++;
	return p;
}

static void
release(struct shard *s, struct peer *p)
{
	struct peer **at = bucket_of(s, p->hash);

	if (--p->pins > 0 || p->current != NULL)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	s->npeers--;
	peer_free(p);
}

/* ---- pins ---- */

struct peer *
peer_pin(struct peers *t, const struct rk_key *key)
{
	uint64_t hash = peers_hash(t, key);
	struct shard *s = peers_lock(t, hash);
	struct peer *p = peer_find(s, hash, key);

	if (p != NULL)
		p->pins++;
	peers_unlock(t, s);
	return p;
}

void
peer_unpin(struct peers *t, struct peer *p)
{
	struct shard *s;

	if (p == NULL)
		return;
	s = peers_lock(t, p->hash);
	release(s, p);
	peers_unlock(t, s);
}
