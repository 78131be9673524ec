/* What the files of the checker share. */
#ifndef SCENARIO_CHECKER_H
#define SCENARIO_CHECKER_H

#include "scenario/check.h"

/* In which runs a line is played. */
enum {
	IN_DEFECT = 1,
	IN_CONTROL = 2,
	IN_BOTH = 3
};

struct known_name {
	const char *name;
	unsigned runs; /* in which it is known */
	bool used;
	struct place at;
	const struct step *conn; /* a connection: its conn step */
	/* In which runs frames go over it, and the script has ended it. */
	unsigned framed, shut, closed;
	int left_line; /* where that was */
};

struct names {
	struct known_name *list;
	size_t n;
};

struct checker {
	struct arena *arena;
	struct complaints *c;
	struct script *script;
	struct scenario *scenario; /* NULL: a procedure by itself */
	bool lifted; /* made from a capture, of whatever happened there */
	const struct rk_dialect *dialect; /* NULL: any */
	unsigned runs;                    /* of the step at hand */
	struct names conns;
	struct names vars;
	size_t constants; /* the first so many vars are the file's own */
};

/* ---- names: check_names.c ---- */

void define_conn(struct checker *k, const struct step *s);
void define_var(struct checker *k, const char *name, const struct place *at);
/* Complains unless it is known in all runs of this step. */
struct known_name *use_conn(struct checker *k, const char *name,
    const struct place *at);
void use_var(struct checker *k, const char *name, const struct place *at);
/* Complain about what was set and never used, from the nth on. */
void check_all_used(struct checker *k, size_t from);
/* "; did you mean …", from a list that ends with NULL. */
const char *meant(struct checker *k, const char *word,
    const char *const *words);

/* ---- values: check_expr.c ---- */

/* What a value is for. */
enum expr_use {
	USE_VALUE,  /* bytes, a number, a range, a time: no bare word */
	USE_DATA,   /* what can be sent: bytes or a number */
	USE_KEY,    /* a key's name, or seed(…) */
	USE_WORD,   /* a bare word is fine */
	USE_COUNT,  /* a number from 1 */
	USE_TIMES,  /* the same, or a range */
	USE_NUMBER, /* any number */
	USE_RANGE,  /* the same, or a range */
	USE_TIME,   /* how long */
	USE_CONN    /* a connection's name */
};

void check_expr(struct checker *k, const struct expr *e, enum expr_use use);

/* ---- frames, predicates, settings: check_frame.c ---- */

void check_conn_settings(struct checker *k, const struct step *s);
void check_send(struct checker *k, struct step *s);
void check_watch(struct checker *k, const struct step *s, struct watch_for *w);
/* Does the step's fence prove what its never says? */
void check_fence(struct checker *k, const struct step *s);

/* ---- what can still happen on a connection: check_flow.c ---- */

/* Where |conn| is NULL nothing is known of it, and nothing is said. */
void flow_opened(struct checker *k, struct known_name *conn,
    const struct step *s);
void flow_life(struct checker *k, struct known_name *conn,
    const struct step *s);
void flow_send(struct checker *k, const struct known_name *conn,
    const struct step *s);
void flow_watch(struct checker *k, const struct known_name *conn,
    const struct watch_for *w);
void flow_fence(struct checker *k, const struct known_name *conn,
    const struct place *at);

/* ---- the target's process: check_target.c ---- */

void check_target(struct checker *k, struct step *s);

/* ---- a silence must not be an absence: check_silence.c ---- */

void check_silence(struct checker *k);

#endif
