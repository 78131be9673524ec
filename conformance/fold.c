/* Which events become one line; see fold.h. */
#include "config.h"

#include "conformance/fold.h"

#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"

/* ---- logins ---- */

struct login {
	const struct event *opened;
	const struct event *ping; /* that asks whether it went well; or NULL */
	size_t frames;
};

enum part {
	PART_OF_IT,
	PART_LAST,
	PART_STRANGE
};

/* What only a login has, or the end of it; anything else shows more than that
 * it went well. */
static enum part
part_of_login(struct login *l, const struct event *e)
{
	struct rk_frame f;

	if (e->kind == EVENT_TLS)
		return PART_OF_IT;
	if (e->error != RK_OK ||
	    (e->kind != EVENT_HTTP && e->kind != EVENT_FRAME))
		return PART_STRANGE;
	/* What the script sends itself has another line. */
	if (e->dir == DIR_C2S && e->line != 0 && e->line != l->opened->line)
		return PART_STRANGE;
	if (e->kind == EVENT_HTTP)
		return PART_OF_IT;
	l->frames++;
	event_frame(e, &f);
	if (e->dir == DIR_C2S) {
		if (f.kind == RK_FRAME_PING)
			l->ping = e;
		return PART_OF_IT;
	}
	return f.kind == RK_FRAME_PONG && l->ping != NULL && e->len > 0 &&
		e->len == l->ping->len &&
		memcmp(e->bytes, l->ping->bytes, e->len) == 0
	    ? PART_LAST
	    : PART_STRANGE;
}

/* The event that ends the login that begins with |first|; 0: it did not go
 * well, or not in the usual way. */
static size_t
login_end(const struct transcript *t, size_t first, struct login *l)
{
	*l = (struct login){ .opened = &t->events[first] };
	for (size_t i = first + 1; i < t->nevents; i++) {
		if (t->events[i].conn != l->opened->conn)
			continue;
		switch (part_of_login(l, &t->events[i])) {
		case PART_OF_IT:
			break;
		case PART_LAST:
			return i;
		case PART_STRANGE:
			return 0;
		}
	}
	return 0;
}

static void
fold_login(const struct transcript *t, size_t first, struct fold *folds)
{
	struct login l;
	size_t last = login_end(t, first, &l);

	if (last == 0)
		return;
	folds[first] = (struct fold){ FOLD_LOGIN, last, l.frames, 0 };
	for (size_t i = first + 1; i <= last; i++)
		if (t->events[i].conn == t->events[first].conn)
			folds[i].how = FOLD_INTO;
}

/* ---- sends in several writes ---- */

/* The remark behind a send says how many there were. */
static void
fold_chopped(const struct transcript *t, size_t last, struct fold *folds)
{
	const struct event *remark = &t->events[last];
	size_t writes;

	if (remark->text == NULL ||
	    sscanf(remark->text, EVENT_IN_WRITES, &writes) != 1)
		return;
	for (size_t i = last; i-- > 0;) {
		const struct event *e = &t->events[i];

		if (e->conn != remark->conn || e->line != remark->line)
			continue;
		if (e->kind != EVENT_FRAME || e->dir != DIR_C2S)
			return;
		folds[i] = (struct fold){ FOLD_CHOPPED, last, 0, writes };
		folds[last].how = FOLD_INTO;
		return;
	}
}

struct fold *
fold_transcript(const struct transcript *t, int line)
{
	struct fold *folds = xcalloc(t->nevents + 1, sizeof(*folds));

	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		if (e->kind == EVENT_OPENED && e->line != 0 && e->line != line)
			fold_login(t, i, folds);
		else if (e->kind == EVENT_REMARK && e->line != 0)
			fold_chopped(t, i, folds);
	}
	return folds;
}
