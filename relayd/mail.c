/*
 * Pieces of mail lie one behind the other on sheets.  A sheet is written by
 * one loop, read and then kept by the other, to be written on again.
 */
#include "config.h"

#include "relayd/mail.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/eventfd.h>

#include "net/loop.h"

/* Of a sheet, but for one that holds a single larger piece. */
#define SHEET_SIZE   (64 << 10)
#define SPARE_SHEETS 4
/* A loop waits for another that has so much to read. */
#define CROWDED      ((size_t)4 << 20)
/* In front of a packet: any header it may get. */
#define PACKET_ROOM  32

struct sheet {
	struct sheet *next;
	size_t used, size; /* of |bytes| */
	uint8_t bytes[] __attribute__((aligned(16)));
};

/* Sheets, and how much is on them. */
struct pile {
	struct sheet *first, *last;
	size_t bytes;
};

struct mailbox {
	struct loop *loop;
	unsigned self;
	mail_fn on_mail;
	void *arg;
	struct watch *watch;
	int wake; /* eventfd */
	/* shared */
	pthread_mutex_t lock;
	struct pile in;
	uint64_t waiting; /* bits of the loops that wait for it to be read */
	unsigned room;    /* of |waits| so many are over */
	/* the loop's own */
	struct mailbox *other[MAIL_LOOPS_MAX];
	struct pile tray[MAIL_LOOPS_MAX];
	unsigned nother;
	unsigned full;  /* trays with too much in them */
	unsigned waits; /* for so many others to read */
	struct sheet *reading;
	struct sheet *spare;
	unsigned nspare;
};

static void on_readable(void *arg, int what);

struct mailbox *
mailbox_new(struct loop *loop, unsigned self, mail_fn on_mail, void *arg)
{
	struct mailbox *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	pthread_mutex_init(&b->lock, NULL);
	b->loop = loop;
	b->self = self;
	b->on_mail = on_mail;
	b->arg = arg;
	b->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (b->wake >= 0)
		b->watch = watch_new(loop, b->wake, on_readable, b);
	if (b->watch == NULL) {
		mailbox_free(b, NULL);
		return NULL;
	}
	watch_set(b->watch, WATCH_READ);
	return b;
}

void
mailbox_connect(struct mailbox *b, unsigned to, struct mailbox *other)
{
	assert(to < MAIL_LOOPS_MAX);
	b->other[to] = other;
	if (to >= b->nother)
		b->nother = to + 1;
}

/* ---- sheets ---- */

static struct sheet *
take_sheet(struct mailbox *b, size_t size)
{
	struct sheet *s = b->spare;

	if (s != NULL && size <= s->size) {
		b->spare = s->next;
		b->nspare--;
	} else {
		if (size < SHEET_SIZE)
			size = SHEET_SIZE;
		s = malloc(sizeof(*s) + size);
		if (s == NULL)
			return NULL;
		s->size = size;
	}
	s->next = NULL;
	s->used = 0;
	return s;
}

static void
keep_sheet(struct mailbox *b, struct sheet *s)
{
	if (s->size > SHEET_SIZE || b->nspare == SPARE_SHEETS) {
		free(s);
		return;
	}
	s->next = b->spare;
	b->spare = s;
	b->nspare++;
}

static void
add_sheets(struct pile *to, struct pile *from)
{
	if (to->last != NULL)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->bytes += from->bytes;
	*from = (struct pile){ 0 };
}

static void
free_sheets(struct sheet *s)
{
	while (s != NULL) {
		struct sheet *next = s->next;

		free(s);
		s = next;
	}
}

/* ---- writing ---- */

static struct mail *
write_mail(struct mailbox *b, unsigned to, enum mail_kind kind, size_t extra)
{
	struct pile *tray = &b->tray[to];
	size_t size = (sizeof(struct mail) + extra + 15) & ~(size_t)15;
	struct sheet *s = tray->last;
	struct mail *m;

	assert(to < b->nother && b->other[to] != NULL);
	if (s == NULL || s->size - s->used < size) {
		struct pile one = { 0 };

		s = take_sheet(b, size);
		if (s == NULL)
			return NULL;
		one.first = one.last = s;
		add_sheets(tray, &one);
	}
	m = (struct mail *)(void *)(s->bytes + s->used);
	memset(m, 0, sizeof(*m));
	m->size = (uint32_t)size;
	m->kind = (uint8_t)kind;
	m->from = (uint8_t)b->self;
	s->used += size;
	b->full += tray->bytes < CROWDED && tray->bytes + size >= CROWDED;
	tray->bytes += size;
	return m;
}

struct mail *
mail_write(struct mailbox *b, unsigned to, enum mail_kind kind)
{
	return write_mail(b, to, kind, 0);
}

bool
mail_write_letter(struct mailbox *b, unsigned to, const struct letter *l)
{
	const struct lent_packet *p = l->packet;
	size_t extra = p != NULL ? PACKET_ROOM + p->len : 0;
	struct mail *m = write_mail(b, to, MAIL_LETTER, extra);

	if (m == NULL)
		return false;
	m->letter = *l;
	if (p == NULL)
		return true;
	m->packet = *p;
	m->packet.room = PACKET_ROOM;
	m->packet.framed = false;
	m->packet.body = (uint8_t *)(m + 1) + PACKET_ROOM;
	memcpy(m->packet.body, p->body, p->len);
	m->letter.packet = &m->packet;
	return true;
}

static void
wake(const struct mailbox *b)
{
	const uint64_t one = 1;

	while (write(b->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void
hand_over(struct mailbox *b, unsigned to)
{
	struct mailbox *other = b->other[to];
	bool was_empty, crowded;

	if (b->tray[to].first == NULL)
		return;
	b->full -= b->tray[to].bytes >= CROWDED;
	pthread_mutex_lock(&other->lock);
	was_empty = other->in.first == NULL;
	add_sheets(&other->in, &b->tray[to]);
	crowded =
	    other->in.bytes >= CROWDED && (other->waiting >> b->self & 1) == 0;
	if (crowded)
		other->waiting |= UINT64_C(1) << b->self;
	pthread_mutex_unlock(&other->lock);
	b->waits += crowded;
	if (was_empty)
		wake(other);
}

void
mail_hand_over(struct mailbox *b)
{
	for (unsigned i = 0; i < b->nother; i++)
		hand_over(b, i);
}

bool
mail_is_crowded(const struct mailbox *b)
{
	return b->full > 0 || b->waits > 0;
}

/* ---- reading ---- */

static void
read_sheet(struct mailbox *b, struct sheet *s, mail_fn fn)
{
	for (size_t at = 0; at < s->used;) {
		struct mail *m = (struct mail *)(void *)(s->bytes + at);

		at += m->size;
		fn(b->arg, m);
	}
}

static void
read_pile(struct mailbox *b, struct pile *pile, mail_fn fn)
{
	struct sheet *s;

	while ((s = pile->first) != NULL) {
		pile->first = s->next;
		read_sheet(b, s, fn);
		s->next = b->reading;
		b->reading = s;
	}
}

/* |other| may go on. */
static void
tell_of_room(struct mailbox *other)
{
	pthread_mutex_lock(&other->lock);
	other->room++;
	pthread_mutex_unlock(&other->lock);
	wake(other);
}

/* All that has come; returned are the bits of who waited for that. */
static uint64_t
take_in(struct mailbox *b, struct pile *pile)
{
	uint64_t waiting;

	pthread_mutex_lock(&b->lock);
	*pile = b->in;
	waiting = b->waiting;
	b->waits -= b->room;
	b->in = (struct pile){ 0 };
	b->waiting = 0;
	b->room = 0;
	pthread_mutex_unlock(&b->lock);
	return waiting;
}

static void
on_readable(void *arg, int what)
{
	struct mailbox *b = arg;
	uint64_t times, waiting;
	struct pile pile;

	(void)!read(b->wake, &times, sizeof(times));
	waiting = take_in(b, &pile);
	for (unsigned i = 0; i < b->nother; i++)
		if ((waiting >> i & 1) != 0)
			tell_of_room(b->other[i]);
	read_pile(b, &pile, b->on_mail);
	b->on_mail(b->arg, NULL);
}

void
mail_end_turn(struct mailbox *b)
{
	struct sheet *s;

	while ((s = b->reading) != NULL) {
		b->reading = s->next;
		keep_sheet(b, s);
	}
}

void
mailbox_free(struct mailbox *b, mail_fn on_drop)
{
	struct pile pile;

	if (b == NULL)
		return;
	if (on_drop != NULL) {
		take_in(b, &pile);
		read_pile(b, &pile, on_drop);
	}
	mail_end_turn(b);
	for (unsigned i = 0; i < b->nother; i++)
		free_sheets(b->tray[i].first);
	free_sheets(b->spare);
	watch_free(b->watch);
	if (b->wake >= 0)
		close(b->wake);
	pthread_mutex_destroy(&b->lock);
	free(b);
}
