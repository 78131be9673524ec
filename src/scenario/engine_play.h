/* A running case, as the engine's own files see it. */
#ifndef SCENARIO_ENGINE_PLAY_H
#define SCENARIO_ENGINE_PLAY_H

#include "base/clock.h"
#include "scenario/engine.h"
#include "scenario/fence.h"
#include "scenario/party.h"
#include "scenario/value.h"

#define PLAY_MAX_DEPTH   32
#define PLAY_MAX_CLIENTS 64

#define DEFAULT_WITHIN  (2 * NS_PER_S)
#define DEFAULT_WATCH   (500 * NS_PER_MS)
#define DEFAULT_TIMEOUT (10 * NS_PER_S)
#define DEFAULT_SETUP   (5 * NS_PER_S)

/* Steps being played: a scenario's, a block's, a procedure's. */
struct level {
	const struct step *owner; /* NULL: the scenario */
	struct step *const *steps;
	size_t n, at;
	int64_t turn, turns; /* REPEAT */
	int64_t until_ns;    /* DURING */
	bool played;         /* some step, in this turn */
};

/* What a step has come to. */
enum step_status {
	STEP_OVER,
	STEP_WAITS,
	STEP_FAILED /* play_fail() has been told why */
};

struct play {
	struct play *next;
	struct engine *engine;
	const struct engine_target *target;
	const struct instance *instance;
	const struct rk_dialect *dialect;
	bool control;
	enum turn {
		TURN_BESIDE, /* on an instance, its own or a lent one */
		TURN_CROWD,
		TURN_CALM,  /* when the crowd is done */
		TURN_ALONE, /* when everything is done */
		NTURNS
	} playing_in;
	int64_t patience_ns;
	uint64_t number; /* of those that waited, see waiting.h */
	int64_t begin_by_ns;
	bool missed; /* it is over, and was never begun */
	void (*on_done)(void *arg, struct case_result *r);
	void *arg;

	struct values values;
	struct party *parties;
	struct fence_mark *marks; /* what fences wait for */
	struct fence_pair *pairs; /* who has sent to whom */
	struct transcript *transcript;
	struct tape *tape;      /* the result's; NULL: nobody wants it */
	size_t recorded, taped; /* bytes that are held */
	bool record_full;
	size_t left_events, left_bytes; /* … not, once it is */
	unsigned remarks_behind;        /* kept nevertheless */
	uint64_t seq;
	double scale;

	int64_t started_ns;
	int64_t deadline_ns;
	int64_t timeout_ns;
	struct timer *timer;
	int64_t wake_ns; /* what the step waits for; INT64_MAX: events only */
	struct deferred turn;
	bool started, prepared, ending, done;

	struct level stack[PLAY_MAX_DEPTH];
	size_t depth;
	const struct step *step; /* being played; NULL: none */
	const struct step_ops *ops;
	void *state;      /* the step's own */
	int64_t begun_ns; /* when the step before was over */
	int64_t over_ns;  /* set by a step that knows better than "now" */
	struct fence_run **closing; /* the fences at the end */
	size_t nclosing;

	struct prepare *prepare;        /* what comes before the steps */
	const struct engine_host *host; /* of |own| */
	struct engine_own *own;         /* the target is the case's own */
	struct listener *listener;      /* where clients come to */
	int clients[PLAY_MAX_CLIENTS];  /* that have come and wait */
	size_t nclients;
	struct engine_own *client;
	long client_pid;
	const struct step *client_step; /* the first that waits for it */
	struct tls_ctx *client_tls;     /* what it meets; NULL: no TLS */
	bool own_may_end;               /* by what the script did to it */
	bool went_well;                 /* the result is CODE_OK */
	struct oracle *oracle;          /* NULL: nothing is measured */

	struct case_result *result;
	struct text named;
	struct text not_observable;
};

/* Something happened: look again at the end of this turn. */
void play_wake(struct play *p);
/* … and at that time at the latest. */
void play_wake_at(struct play *p, int64_t ns);
/* A duration of the script in real time. */
int64_t play_scaled(const struct play *p, int64_t ns);
int64_t play_now(const struct play *p);

/* The case fails with the step that is being played. */
enum step_status play_fail(struct play *p, enum result_code code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The step asks for the impossible: |err| says why. */
enum step_status play_fail_script(struct play *p, struct text *err);
/* Behind play_fail: what of the step's line was missed. */
void play_missed(struct play *p, const struct place *at);
/* Several lines beside the message; the text becomes the result's. */
void play_detail_take(struct play *p, char *detail);
/* The verdict that the script gives itself, the worst of all that it gave. */
void play_judge(struct play *p, const struct outcome *o);
/* A time bound was kept. */
void play_margin(struct play *p, int64_t bound_ns, int64_t took_ns);
/* Was the loop late since then, at worst by more than a tenth of the bound?
 * Then nothing can be said. */
bool play_was_late(struct play *p, int64_t since_ns, int64_t bound_ns);
/* What this machine took away of the time since then, ours and the target's. */
int64_t play_lost_since(const struct play *p, int64_t since_ns);
/* It has ended unasked: as what does that count?  CODE_HARNESS_LATE where this
 * machine was late by so much that the peer may have had to give it up. */
enum result_code play_code_of_ending(struct play *p, const struct party *s);
/* Words to go behind the message: "" unless it was late. */
const char *play_excuse(enum result_code code);
/* What was looked for since then, and has not come: was that long enough to say
 * that it never will, whatever time this machine took away meanwhile? */
bool play_watched_enough(const struct play *p, int64_t since_ns,
    int64_t bound_ns);

struct party *play_party(const struct play *p, const char *name);
/* The same, or a failure of the script. */
struct party *play_need_party(struct play *p, const char *name);
/* Add an event; index, or SIZE_MAX where the transcript is full. */
size_t play_record(struct play *p, struct event *e);
void play_remark(struct play *p, const struct party *s, int line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* What an assertion on the target found. */
void play_oracle(struct play *p, const struct step *s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The step is of the other run: a defect's in the control, or the reverse. */
bool play_leaves_out(const struct play *p, const struct step *s);
/* What may come at any time, and came before something that was awaited: it
 * has to do with neither what is awaited now nor its absence. */
bool play_is_bygone(const struct party *s, const struct item *it);
/* Frames that are skipped unless a step names them. */
bool play_is_background(const struct play *p, const struct party *s,
    const struct item *it);

/* A descriptor of a client that has come, which is the caller's; -1: none. */
int play_next_client(struct play *p);
/* Of prepare.c: an instance of its own, the baseline.  STEP_FAILED with the
 * case's code. */
enum step_status play_prepare(struct play *p);
void play_prepare_free(struct play *p);
/* Of prepare.c too: start the client under test, where the script waits for
 * one.  False with the case's code. */
bool play_start_client(struct play *p);
/* ", and it ended with status 1", in |how|; "" while the client runs. */
const char *play_client_ending(struct play *p, char *how, size_t size);
/* The case's own instance has ended, and not by the script. */
bool play_own_crashed(struct play *p, char *how, size_t how_size);

/* Of engine_end.c: what is left when the script is over. */
void play_end_begin(struct play *p);
void play_end_free(struct play *p);
/* False while a fence is still out; then the case has its code. */
bool play_end_poll(struct play *p);
/* "A eof, B clean". */
char *play_teardown(const struct play *p);
/* "$chop = 1, $p = x"00"": what the step's line uses. */
char *play_vars(const struct play *p, const struct step *s);

/* Of engine.c. */
struct tls_ctx *engine_tls(struct engine *e, const struct engine_target *t,
    const struct party_config *c, char *err, size_t err_size);
struct loop *engine_loop(const struct engine *e);
bool engine_observes(const struct engine *e);
int64_t engine_lateness(const struct engine *e, int64_t since_ns);
/* How long a process under test waited for a CPU; from engine_watch on. */
void engine_watch(struct engine *e, long pid);
void engine_unwatch(struct engine *e, long pid);
int64_t engine_starved(const struct engine *e, long pid, int64_t since_ns);
/* Memory that plays hold for what came in and what was recorded. */
void engine_hold(struct engine *e, int64_t bytes);
bool engine_has_room(const struct engine *e);
void engine_play_done(struct engine *e, struct play *p);
/* Instances beside the target; see beside.h. */
struct beside *engine_beside(struct engine *e);
/* One did not start: there shall be none. */
void engine_give_up_beside(struct engine *e);

/* Of engine_play.c. */
struct play *play_new(struct engine *e, const struct engine_target *t,
    const struct instance *i, bool control, const char *key_name,
    const struct engine_options *o);
void play_free(struct play *p);
void play_start(struct play *p);
void play_stop(struct play *p);
/* What the case came to; the caller's. */
struct case_result *play_result_take(struct play *p);

#endif
