/* Sends: the bytes go out in the writes that the script asks for. */
#include "config.h"

#include <string.h>

#include "base/xalloc.h"
#include "scenario/steps.h"

/* Writes of a chopped send in one turn of the loop. */
#define WRITES_PER_TURN 64

/* ---- the writes ---- */

struct send_state {
	struct party *party;
	struct sending out;
	size_t at;
	size_t writes;
	int64_t next_ns;
};

void
send_end(struct play *p)
{
	struct send_state *st = p->state;

	value_clear(&st->out.bytes);
}

static enum step_status
all_sent(struct play *p, const struct step *s, struct send_state *st)
{
	if (st->at < st->out.bytes.len)
		play_remark(p, st->party, s->at.line,
		    "%zu of %zu bytes were not written: it ended",
		    st->out.bytes.len - st->at, st->out.bytes.len);
	else if (st->writes > 1)
		play_remark(p, st->party, s->at.line, EVENT_IN_WRITES,
		    st->writes);
	st->party->sending = false;
	party_settle(st->party);
	return STEP_OVER;
}

static void
write_next(struct send_state *st)
{
	size_t left = st->out.bytes.len - st->at;
	size_t n =
	    st->out.chop > 0 && st->out.chop < left ? st->out.chop : left;

	party_write(st->party, st->out.bytes.bytes + st->at, n);
	st->at += n;
	st->writes++;
}

enum step_status
send_poll(struct play *p, const struct step *s)
{
	struct send_state *st = p->state;

	for (int i = 0; i < WRITES_PER_TURN; i++) {
		if (!party_can_write(st->party))
			return all_sent(p, s, st);
		if (!party_is_drained(st->party))
			return STEP_WAITS;
		if (st->at == st->out.bytes.len &&
		    (st->party->udp_fd < 0 || st->writes > 0))
			return all_sent(p, s, st);
		if (play_now(p) < st->next_ns) {
			play_wake_at(p, st->next_ns);
			return STEP_WAITS;
		}
		write_next(st);
		st->next_ns = play_now(p) + st->out.every_ns;
	}
	play_wake_at(p, play_now(p));
	return STEP_WAITS;
}

/* NULL with a failure of the play: there is no such connection. */
static struct send_state *
new_state(struct play *p, const struct step *s)
{
	struct party *c = play_need_party(p, s->conn);
	struct send_state *st;

	if (c == NULL)
		return NULL;
	st = p->state = xcalloc(1, sizeof(*st));
	st->party = c;
	c->sending = true;
	return st;
}

enum step_status
send_begin(struct play *p, const struct step *s)
{
	struct send_state *st = new_state(p, s);
	struct text err = { 0 };

	if (st == NULL)
		return STEP_FAILED;
	if (!send_build(p, st->party, s, &st->out, &err))
		return play_fail_script(p, &err);
	return STEP_WAITS;
}

static bool
add_part(struct play *p, struct party *c, const struct step *s,
    struct sending *all, struct text *err)
{
	struct sending part;
	size_t len = all->bytes.len;

	if (play_leaves_out(p, s))
		return true;
	if (s->kind == STEP_LIFE) {
		party_life(c, s->life, s->at.line);
		return true;
	}
	if (s->kind != STEP_SEND) {
		text_add(err, "only sends can stand in a write block");
		return false;
	}
	if (!send_build(p, c, s, &part, err))
		return false;
	all->bytes.bytes =
	    xreallocarray(all->bytes.bytes, len + part.bytes.len + 1, 1);
	memcpy(all->bytes.bytes + len, part.bytes.bytes, part.bytes.len);
	all->bytes.len += part.bytes.len;
	value_clear(&part.bytes);
	return true;
}

enum step_status
write_begin(struct play *p, const struct step *s)
{
	struct send_state *st = new_state(p, s);
	struct text err = { 0 };

	if (st == NULL)
		return STEP_FAILED;
	st->out.bytes = value_bytes(NULL, 0);
	for (size_t i = 0; i < s->nbody; i++)
		if (!add_part(p, st->party, s->body[i], &st->out, &err))
			return play_fail_script(p, &err);
	return STEP_WAITS;
}
