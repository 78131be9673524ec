/* The kinds of steps: what each does when it begins, and whenever something
 * has happened.  A table from kind to functions is in steps.c. */
#ifndef SCENARIO_STEPS_H
#define SCENARIO_STEPS_H

#include "scenario/engine_play.h"

struct step_ops {
	/* Make the step's state; STEP_OVER for those that take no time. */
	enum step_status (*begin)(struct play *p, const struct step *s);
	/* Look again; NULL where begin is all. */
	enum step_status (*poll)(struct play *p, const struct step *s);
	/* The case's time is over in this step: true if that was a finding
	 * (play_fail was told).  May be NULL. */
	bool (*expire)(struct play *p, const struct step *s);
	/* Free the state; NULL: it is one block. */
	void (*end)(struct play *p);
};

const struct step_ops *step_ops_of(enum step_kind kind);

/* The block is at its end: true if it goes round once more. */
bool steps_again(struct play *p, struct level *l);

/* Of steps_build.c: one send as bytes, recorded.  False with a line in
 * |err|. */
struct sending {
	struct value bytes; /* all that goes out; the caller's */
	size_t chop;        /* bytes a write; 0: all in one */
	int64_t every_ns;   /* between them */
};
bool send_build(struct play *p, struct party *c, const struct step *s,
    struct sending *out, struct text *err);

enum step_status send_begin(struct play *p, const struct step *s);
enum step_status send_poll(struct play *p, const struct step *s);
void send_end(struct play *p);
enum step_status write_begin(struct play *p, const struct step *s);

enum step_status conn_begin(struct play *p, const struct step *s);
enum step_status conn_poll(struct play *p, const struct step *s);

enum step_status watch_begin(struct play *p, const struct step *s);
enum step_status watch_poll(struct play *p, const struct step *s);
bool watch_expire(struct play *p, const struct step *s);
void watch_end(struct play *p);

enum step_status target_begin(struct play *p, const struct step *s);
enum step_status target_poll(struct play *p, const struct step *s);
void target_end(struct play *p);

enum step_status drain_begin(struct play *p, const struct step *s);
enum step_status drain_poll(struct play *p, const struct step *s);
void drain_end(struct play *p);

#endif
