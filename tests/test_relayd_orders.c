/*
 * The letters of the router's loops, in every order in which they can arrive:
 * those of one loop to another keep theirs, all else is free.  What a key sees
 * of another must look as if there were one loop: packets of a visit, then one
 * notice that it is over, then those of the next.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "relayd/router.h"
#include "support.h"

#define LOOPS      3
#define KEYS       3 /* A B C */
#define LOGINS     24
#define LETTERS    16
#define CHOICES    64
#define HISTORY    512
#define STEPS      5 /* of whatever may happen */
#define DATA_LEN   5 /* key, its login, visit, number; login it is for */
#define PACKET_LEN (RK_KEY_LEN + DATA_LEN)

static char history[HISTORY];

/* What led to it goes with it. */
static void
must(bool so, const char *what)
{
	if (!so)
		ck_abort_msg("%s:%s", what, history);
}

/* ---- every choice of every choice ---- */

static struct choice {
	unsigned picked, of;
} choices[CHOICES];
static unsigned nchoices, at_choice;

/* Of |of| possibilities one; which, next_run() decides. */
static unsigned
choose(unsigned of)
{
	if (at_choice == nchoices) {
		must(nchoices < CHOICES, "too many choices");
		choices[nchoices++] = (struct choice){ .of = of };
	}
	must(choices[at_choice].of == of, "not the same run");
	return choices[at_choice++].picked;
}

/* Back to the start; false: all has been tried. */
static bool
next_run(void)
{
	at_choice = 0;
	while (nchoices > 0) {
		struct choice *c = &choices[nchoices - 1];

		if (++c->picked < c->of)
			return true;
		nchoices--;
	}
	return false;
}

/* ---- what one key sees of another ---- */

enum sight {
	NOTHING_DUE, /* no packet since the last notice */
	NOTICE_DUE,
	NOTICE_MAY_COME /* it was away in between */
};

static struct view {
	enum sight sight;
	unsigned visit; /* of the last packet */
	unsigned packets, refused;
} views[KEYS][KEYS]; /* by who sees, whom */

static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
	size_t len = strlen(history);

	FORMAT_ARGS(history + len, sizeof(history) - len, format);
}

static void
see_packet(struct view *v, unsigned visit)
{
	must(visit > v->visit || (visit == v->visit && v->sight != NOTHING_DUE),
	    "a packet behind the notice");
	must(visit == v->visit || v->sight != NOTICE_DUE,
	    "no notice before the next visit");
	v->visit = visit;
	v->sight = NOTICE_DUE;
	v->packets++;
}

static void
see_gone(struct view *v)
{
	must(v->sight != NOTHING_DUE, "a notice without a packet");
	v->sight = NOTHING_DUE;
}

/* ---- logins ---- */

struct login {
	struct endpoint ep; /* first member */
	unsigned key;
	unsigned number; /* of its key */
};

static struct router *router;
static struct rk_key keys[KEYS];
static struct login logins[LOGINS];
static unsigned nlogins;
static struct login *current[KEYS], *older[KEYS];
static unsigned last_login[KEYS], last_visit[KEYS], npackets[KEYS][KEYS];
static bool full[KEYS];

static unsigned
key_of(const struct endpoint *ep)
{
	return ((const struct login *)(const void *)ep)->key;
}

static unsigned
number_of(const struct rk_key *key)
{
	unsigned n = 0;

	while (!rk_key_equal(&keys[n], key))
		n++;
	return n;
}

static bool
on_packet(struct endpoint *to, const struct rk_key *from,
    const struct lent_packet *p)
{
	const uint8_t *data = p->body + RK_KEY_LEN;
	unsigned k = key_of(to);

	must(number_of(from) == data[0], "of somebody else");
	if (full[k]) {
		views[k][data[0]].refused++;
		return false;
	}
	tell(" %c:%c%u", 'A' + k, 'A' + data[0], data[3]);
	see_packet(&views[k][data[0]], data[2]);
	return true;
}

static void
on_gone(struct endpoint *to, const struct rk_key *who)
{
	unsigned k = key_of(to), w = number_of(who);

	tell(" %c:-%c", 'A' + k, 'A' + w);
	must(k != w, "a notice to oneself");
	see_gone(&views[k][w]);
}

static void
on_replaced(struct endpoint *old)
{
	const struct login *l = (const struct login *)(void *)old;

	must(l != current[l->key], "replaced by nobody");
}

static const struct endpoint_ops ops = { on_packet, on_gone, on_replaced };

/* ---- letters ---- */

struct post {
	struct letter letter;
	struct lent_packet packet;
	uint8_t body[PACKET_LEN];
};

static struct channel {
	struct post post[LETTERS];
	unsigned written, read;
} channels[LOOPS][LOOPS];

static bool
send_letter(void *arg, unsigned from, unsigned to, const struct letter *l)
{
	struct channel *c = &channels[from][to];
	struct post *p = &c->post[c->written];

	must(from != to && c->written++ < LETTERS, "too many letters");
	p->letter = *l;
	if (l->kind != LETTER_PACKET)
		return true;
	must(l->packet->len == PACKET_LEN, "not all of the packet");
	memcpy(p->body, l->packet->body, PACKET_LEN);
	p->packet = *l->packet;
	p->packet.body = p->body;
	p->letter.packet = &p->packet;
	return true;
}

/* It is lost only if one of the two has logged in again. */
static void
check_result(const struct post *p, enum route_result result)
{
	const uint8_t *data = p->body + RK_KEY_LEN;
	unsigned to = number_of(&p->letter.to);

	must(result != ROUTE_REPLACED || last_login[data[0]] != data[1] ||
		last_login[to] != data[4],
	    "lost for no reason");
}

static void
read_letter(struct channel *c, unsigned to)
{
	static const char *const names[] = { "packet", "gone", "replaced" };
	struct post *p = &c->post[c->read++];

	tell(" %s>%u", names[p->letter.kind], to);
	switch (p->letter.kind) {
	case LETTER_PACKET:
		check_result(p, router_deliver(router, to, &p->letter, true));
		break;
	case LETTER_GONE:
		router_tell(router, to, &p->letter);
		break;
	case LETTER_REPLACED:
		router_put_out(router, to, &p->letter);
		break;
	}
}

static unsigned
count_mail(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LOOPS * LOOPS; i++)
		n += channels[i / LOOPS][i % LOOPS].read <
		    channels[i / LOOPS][i % LOOPS].written;
	return n;
}

/* The next letter of the nth channel that has one. */
static void
read_nth(unsigned n)
{
	for (unsigned i = 0; i < LOOPS * LOOPS; i++) {
		struct channel *c = &channels[i / LOOPS][i % LOOPS];

		if (c->read < c->written && n-- == 0) {
			read_letter(c, i % LOOPS);
			return;
		}
	}
}

/* ---- steps of a history ---- */

static void
log_in(unsigned k, unsigned home)
{
	struct login *l = &logins[nlogins++];

	must(nlogins <= LOGINS, "too many logins");
	*l = (struct login){ .ep.ops = &ops,
		.ep.home = home,
		.key = k,
		.number = ++last_login[k] };
	last_visit[k] += current[k] == NULL;
	older[k] = current[k];
	current[k] = l;
	must(router_enter(router, &l->ep, &keys[k]), "no login");
}

/* As others see it, who is away may miss a notice. */
static void
log_out(struct login *l)
{
	unsigned k = l->key;

	if (current[k] == l) {
		current[k] = NULL;
		for (unsigned i = 0; i < KEYS; i++)
			if (views[k][i].sight == NOTICE_DUE)
				views[k][i].sight = NOTICE_MAY_COME;
	}
	router_leave(router, &l->ep, true);
}

static void
send_to(struct login *l, unsigned to)
{
	uint8_t body[PACKET_LEN] = { 0 };
	struct lent_packet p = { .body = body, .len = sizeof(body) };
	uint8_t *data = body + RK_KEY_LEN;
	enum route_result result;

	if (l->ep.peer == NULL)
		return; /* an older login that has heard of the newer one */
	data[0] = (uint8_t)l->key;
	data[1] = (uint8_t)l->number;
	data[2] = (uint8_t)last_visit[l->key];
	data[3] = (uint8_t)npackets[l->key][to] + 1;
	data[4] = (uint8_t)last_login[to];
	result = router_route(router, &l->ep, &keys[to], &p);
	must((result == ROUTE_REPLACED) == (l != current[l->key]),
	    "who has the key");
	npackets[l->key][to] += result == ROUTE_QUEUED || result == ROUTE_SENT;
}

/*
 * "A@1" logs in on loop 1, "A>B" sends, "A-" leaves; "a" is the login before
 * A's current one.  "A#" takes no packets until "A.".
 */
static void
take_step(const char *step)
{
	unsigned k = (step[0] | 0x20) - 'a';
	struct login *l = step[0] & 0x20 ? older[k] : current[k];

	tell(" %.3s", step);
	switch (step[1]) {
	case '@':
		log_in(k, step[2] - '0');
		break;
	case '>':
		send_to(l, step[2] - 'A');
		break;
	case '-':
		log_out(l);
		break;
	default:
		full[k] = step[1] == '#';
	}
}

static void
begin_run(void)
{
	memset(channels, 0, sizeof(channels));
	memset(views, 0, sizeof(views));
	memset(current, 0, sizeof(current));
	memset(older, 0, sizeof(older));
	memset(last_login, 0, sizeof(last_login));
	memset(last_visit, 0, sizeof(last_visit));
	memset(npackets, 0, sizeof(npackets));
	memset(full, 0, sizeof(full));
	nlogins = 0;
	history[0] = '\0';
}

/* Nothing was lost where nobody came twice; nobody is owed a notice. */
static void
check_views(void)
{
	for (unsigned i = 0; i < KEYS; i++)
		for (unsigned j = 0; j < KEYS; j++) {
			const struct view *v = &views[i][j];

			must(i == j || v->sight != NOTICE_DUE ||
				current[j] != NULL,
			    "no notice");
			must(last_login[i] > 1 || last_login[j] > 1 ||
				current[i] == NULL ||
				v->packets + v->refused == npackets[j][i],
			    "lost");
		}
}

/* All letters have arrived; when all have gone, nothing is remembered. */
static void
end_run(void)
{
	check_views();
	for (unsigned i = 0; i < nlogins; i++)
		if (logins[i].ep.peer != NULL)
			log_out(&logins[i]);
	while (count_mail() > 0)
		read_nth(0);
	must(router_known(router) == 0, "not forgotten");
}

static void
start_router(void)
{
	ck_assert_int_eq(rk_keys_init(), RK_OK);
	for (unsigned i = 0; i < KEYS; i++)
		keys[i] = (struct rk_key){ { (uint8_t)(i + 1) } };
	router = router_new_shared(send_letter, NULL);
	ck_assert_ptr_nonnull(router);
}

static void
stop_router(void)
{
	router_free(router);
}

/* ---- histories ---- */

static const char *const histories[] = {
	/* many packets, one notice */
	"A@0 B@2 A>B A>B A>B A-",
	"A@0 B@2 A>B A>B A- A@0 A>B A-",
	/* an older login's packets and a newer one's end */
	"A@0 B@2 A>B A>B A@1 A-",
	"A@0 B@2 A>B A@1 A>B A-",
	"A@0 B@2 A>B A@1 a>B A- a-",
	"A@0 B@2 A>B A@1 A>B A@2 A>B A-",
	"A@2 B@2 A>B A@0 A>B A@2 A>B A-",
	/* one visit after the other, from loop to loop */
	"A@0 B@2 A>B A- A@1 A>B A-",
	"A@0 B@2 A>B A- A@1 A>B A- A@0 A>B A-",
	"A@0 B@2 A>B A@1 A- A@0 A>B A-",
	"A@2 B@2 A>B A@0 A>B A@1 A- A@2 A>B A-",
	/* the receiver moves, or goes and comes again */
	"A@0 B@2 A>B B@1 A>B A-",
	"A@0 B@2 A>B A@1 B@0 A>B A-",
	"A@0 B@2 A>B A- B@1 A@1 A>B A-",
	"A@0 B@2 A>B B@1 A>B B@2 A>B A-",
	"A@0 B@2 A>B B- B@1 A>B A-",
	"A@0 B@2 A>B B- A- B@1 A@2 A>B",
	/* it has no room */
	"A@0 B@2 B# A>B A- B.",
	"A@0 B@2 B# A>B A- A@1 B. A>B A-",
	"A@0 B@2 B# A>B B. A>B A@1 A-",
	/* to oneself */
	"A@0 B@2 A>A A>B A@1 A>A A-",
	/* three keys */
	"A@0 B@2 C@1 A>B C>B A>C A- C>B C-",
	"A@0 B@2 C@1 A>B A>C A@1 A>C A- C-",
};

/* The steps are taken one after the other; letters arrive in between. */
static void
play(const char *step)
{
	begin_run();
	while (*step != '\0') {
		unsigned pick = choose(1 + count_mail());

		if (pick > 0) {
			read_nth(pick - 1);
			continue;
		}
		take_step(step);
		step += strcspn(step, " ");
		step += strspn(step, " ");
	}
	for (unsigned n; (n = count_mail()) > 0;)
		read_nth(choose(n));
	end_run();
}

START_TEST(however_letters_arrive_it_looks_like_one_loop)
{
	unsigned long runs = 0;

	do {
		play(histories[_i]);
		runs++;
	} while (next_run());
	ck_assert_uint_gt(runs, 2);
}
END_TEST

/* ---- whatever may happen ---- */

/* The nth of the steps that A and B may take now; false: there are not so
 * many. */
static bool
possible_step(unsigned n, char step[4])
{
	static const char *const steps[] = { "A@0", "A@1", "A>B", "A-", "B@1",
		"B@2", "B-" };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct login *l = current[steps[i][0] - 'A'];
		bool comes = steps[i][1] == '@';

		if (comes
			? l != NULL && l->ep.home == (unsigned)steps[i][2] - '0'
			: l == NULL)
			continue;
		if (n-- == 0) {
			strcpy(step, steps[i]);
			return true;
		}
	}
	return false;
}

static unsigned
count_steps(void)
{
	unsigned n = 0;
	char step[4];

	while (possible_step(n, step))
		n++;
	return n;
}

static void
play_any(unsigned nsteps)
{
	char step[4];

	begin_run();
	take_step("A@0");
	take_step("B@2");
	while (nsteps > 0 || count_mail() > 0) {
		unsigned mail = count_mail();
		unsigned pick = choose(mail + (nsteps > 0 ? count_steps() : 0));

		if (pick < mail) {
			read_nth(pick);
		} else {
			must(possible_step(pick - mail, step), "no such step");
			take_step(step);
			nsteps--;
		}
	}
	end_run();
}

START_TEST(whatever_a_pair_does_it_looks_like_one_loop)
{
	unsigned long runs = 0;

	do {
		play_any(STEPS);
		runs++;
	} while (next_run());
	ck_assert_uint_gt(runs, 1000);
}
END_TEST

static Suite *
relayd_orders_suite(void)
{
	Suite *s = suite_create("relayd_orders");
	TCase *t = tcase_create("orders");

	tcase_add_checked_fixture(t, start_router, stop_router);
	tcase_set_timeout(t, 60);
	tcase_add_rows(t, however_letters_arrive_it_looks_like_one_loop,
	    histories);
	tcase_add_test(t, whatever_a_pair_does_it_looks_like_one_loop);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return run_suite(relayd_orders_suite());
}
