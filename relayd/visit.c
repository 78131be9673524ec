#include "config.h"

#include "relayd/visit.h"

#include <stdlib.h>

void
visit_free(struct visit *v)
{
	if (v == NULL)
		return;
	idset_clear(&v->sent_to);
	free(v);
}

void
visits_clear(struct visits *v)
{
	struct visit *over;

	while ((over = v->over) != NULL) {
		v->over = over->next;
		visit_free(over);
	}
	visit_free(v->sent);
	v->sent = NULL;
}

void
visits_begin(struct visits *v, uint64_t number)
{
	v->number = number;
	v->lasts = true;
}

struct visit *
visits_end(struct visits *v)
{
	struct visit *over = v->sent;

	v->lasts = false;
	v->sent = NULL;
	if (over == NULL)
		return NULL;
	over->untold = over->sent_to.count + 1;
	over->next = v->over;
	v->over = over;
	return over;
}

int
visits_add(struct visits *v, uint64_t to)
{
	if (v->sent == NULL) {
		v->sent = calloc(1, sizeof(*v->sent));
		if (v->sent == NULL)
			return -1;
		v->sent->number = v->number;
	}
	return idset_add(&v->sent->sent_to, to);
}

static struct visit *
find(const struct visits *v, uint64_t number)
{
	struct visit *at = v->sent;

	if (at != NULL && at->number == number)
		return at;
	for (at = v->over; at != NULL && at->number != number;)
		at = at->next;
	return at;
}

uint8_t *
visits_mark(const struct visits *v, uint64_t number, uint64_t to)
{
	struct visit *at = find(v, number);

	return at != NULL ? idset_mark(&at->sent_to, to) : NULL;
}

static bool
settle(struct visit *v, uint64_t to)
{
	uint8_t *mark = idset_mark(&v->sent_to, to);
	bool due = mark != NULL && *mark == THROUGH;

	if (mark != NULL && *mark != TOLD) {
		*mark = TOLD;
		v->untold--;
	}
	return due;
}

bool
visits_settle(struct visits *v, uint64_t number, uint64_t to)
{
	struct visit *at = find(v, number);

	return at != NULL && settle(at, to);
}

struct admission
visits_admit(struct visits *v, uint64_t number, uint64_t to)
{
	const uint8_t *mark = visits_mark(v, number, to);
	bool lasts = v->lasts && v->number == number;
	struct admission a = { 0 };

	a.late = !lasts && (mark == NULL || *mark == TOLD);
	for (struct visit *at = v->over; !a.late && at != NULL; at = at->next)
		if (at->number < number && settle(at, to))
			a.gone = true;
	return a;
}

uint64_t
visit_next_untold(const struct visit *v, size_t *at)
{
	uint64_t id;

	do
		id = idset_next(&v->sent_to, at);
	while (id != 0 && *idset_mark(&v->sent_to, id) == TOLD);
	return id;
}

void
visit_end_walk(struct visit *v)
{
	v->untold--;
}

struct visit *
visits_take_settled(struct visits *v)
{
	struct visit **at = &v->over, *out = NULL, *over;

	while ((over = *at) != NULL) {
		if (over->untold > 0) {
			at = &over->next;
			continue;
		}
		*at = over->next;
		over->next = out;
		out = over;
	}
	return out;
}
