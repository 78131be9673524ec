/* Batches go round: the thread fills the free ones, the caller empties the
 * full ones. */
#include "config.h"

#include "capture/pcap_ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define BATCHES       4
#define BATCH_PACKETS 256
#define BATCH_BYTES   (256u << 10) /* it ends with the packet that reaches it */
#define WORTH_IT      (1u << 20)   /* bytes of a file */

struct item {
	enum packet_result result;
	struct packet packet;
	size_t at; /* of its bytes in the batch */
};

struct batch {
	struct item item[BATCH_PACKETS];
	size_t n;
	uint8_t *bytes;
	size_t len, cap;
	char err[256]; /* of the last item */
};

struct pcap_ahead {
	struct pcap_file *f;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop;
	uint64_t filled, emptied; /* batches so far; under the lock */
	struct batch batch[BATCHES];
	/* the caller's place */
	uint64_t current; /* batch */
	size_t next;      /* item */
	bool have;        /* the batch is full, and ours */
};

/* ---- the thread ---- */

static void
add(struct batch *b, enum packet_result result, const struct packet *p)
{
	struct item *i = &b->item[b->n++];

	*i = (struct item){ result, *p, b->len };
	if (p->p == NULL)
		return;
	if (b->cap - b->len < p->len) {
		b->cap = 2 * (b->len + p->len);
		b->bytes = xreallocarray(b->bytes, b->cap, 1);
	}
	memcpy(b->bytes + b->len, p->p, p->len);
	b->len += p->len;
}

/* False behind the last one. */
static bool
fill(struct pcap_ahead *a, struct batch *b)
{
	struct packet p;

	b->n = b->len = 0;
	while (b->n < BATCH_PACKETS && b->len < BATCH_BYTES) {
		enum packet_result r =
		    pcap_file_next(a->f, &p, b->err, sizeof(b->err));

		if (r != PACKET_OK && r != PACKET_SECRETS)
			p.p = NULL;
		add(b, r, &p);
		if (r == PACKET_END || r == PACKET_DAMAGED)
			return false;
		if (r == PACKET_BAD) /* one message a batch */
			return true;
	}
	return true;
}

static void *
read_ahead(void *arg)
{
	struct pcap_ahead *a = arg;
	bool more = true;

	while (more) {
		bool stop;

		pthread_mutex_lock(&a->lock);
		while (!a->stop && a->filled - a->emptied == BATCHES)
			pthread_cond_wait(&a->changed, &a->lock);
		stop = a->stop;
		pthread_mutex_unlock(&a->lock);
		if (stop)
			return NULL;
		more = fill(a, &a->batch[a->filled % BATCHES]);
		pthread_mutex_lock(&a->lock);
		a->filled++;
		pthread_cond_signal(&a->changed);
		pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

/* ---- the caller ---- */

/* Signals are for the thread that was there first. */
static bool
start(struct pcap_ahead *a)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&a->thread, NULL, read_ahead, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err == 0;
}

struct pcap_ahead *
pcap_ahead_new(struct pcap_file *f)
{
	struct pcap_ahead *a;

	if (pcap_file_size(f) < WORTH_IT)
		return NULL;
	a = xcalloc(1, sizeof(*a));
	a->f = f;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	if (start(a))
		return a;
	free(a);
	return NULL;
}

static void
give_back(struct pcap_ahead *a)
{
	pthread_mutex_lock(&a->lock);
	a->emptied++;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	a->current++;
	a->next = 0;
	a->have = false;
}

static void
await(struct pcap_ahead *a)
{
	pthread_mutex_lock(&a->lock);
	while (a->filled == a->current)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
	a->have = true;
}

enum packet_result
pcap_ahead_next(struct pcap_ahead *a, struct packet *out, char *err,
    size_t err_size)
{
	struct batch *b;
	struct item *i;

	/* What was given last is valid until now. */
	if (a->have && a->next == a->batch[a->current % BATCHES].n)
		give_back(a);
	if (!a->have)
		await(a);
	b = &a->batch[a->current % BATCHES];
	i = &b->item[a->next];
	/* Behind the last one there is nothing but the last one. */
	if (i->result != PACKET_END && i->result != PACKET_DAMAGED)
		a->next++;
	*out = i->packet;
	if (out->p != NULL)
		out->p = b->bytes + i->at;
	if (i->result == PACKET_BAD || i->result == PACKET_DAMAGED)
		snprintf(err, err_size, "%s", b->err);
	return i->result;
}

void
pcap_ahead_free(struct pcap_ahead *a)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	for (size_t i = 0; i < BATCHES; i++)
		free(a->batch[i].bytes);
	free(a);
}
