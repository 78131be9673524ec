/* target …: the process under test, signalled, awaited and looked at. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "scenario/metrics.h"
#include "scenario/oracle.h"
#include "scenario/steps.h"

#define LOOK_EVERY     (20 * NS_PER_MS)
#define FETCH_TIMEOUT  (2 * NS_PER_S)
#define RESTART_MAX    (60 * NS_PER_S)
#define LONGEST_TIMES  4
/* Of a file: more than a configuration needs. */
#define FILE_MAX_BYTES 16384

struct target_state {
	int64_t within_ns;
	int64_t low, high;    /* what is asked for */
	struct value content; /* … of a file */
	bool restarting;
	/* metrics */
	struct metrics_fetch *fetch;
	bool fetched;
	struct metrics *metrics;
	char *why;
	int64_t next_ns; /* when to look again */
};

/* ---- what cannot be seen ---- */

static bool
is_needed(const struct play *p, const char *cap)
{
	const struct scenario *sc = p->instance->scenario;

	return text_is_among(cap, sc->needs, sc->nneeds);
}

/* A case that is about nothing else must not pass by it. */
static enum step_status
skip(struct play *p, const struct step *s, const char *what, const char *why)
{
	const char *need = s->target == TARGET_METRIC ? "metrics"
	    : s->target == TARGET_FILE                ? "writes"
						      : "process";

	if (is_needed(p, need))
		return play_fail(p, CODE_UNSUPPORTED, "not observable: %s%s%s",
		    what, why != NULL ? ": " : "", why != NULL ? why : "");
	text_addf(&p->not_observable, "%s%s",
	    p->not_observable.len > 0 ? ", " : "", what);
	play_oracle(p, s, "not observable: %s%s%s", what,
	    why != NULL ? ": " : "", why != NULL ? why : "");
	return STEP_OVER;
}

/* ---- begin ---- */

static bool
eval_limits(struct play *p, const struct step *s, struct target_state *st)
{
	struct text err = { 0 };
	bool ok = true;

	st->within_ns = DEFAULT_WITHIN;
	if (s->within != NULL)
		ok = values_eval_duration(&p->values, s->within, &st->within_ns,
		    &err);
	if (ok && s->target == TARGET_FILE)
		ok = values_eval(&p->values, s->value, &st->content, &err);
	else if (ok && s->value != NULL)
		ok = values_eval_range(&p->values, s->value, &st->low,
		    &st->high, &err);
	st->within_ns = play_scaled(p, st->within_ns);
	if (!ok)
		play_fail_script(p, &err);
	return ok;
}

static bool
send_signal(const struct play *p, int signo)
{
	if (p->own != NULL)
		return p->host->signal(p->own, signo);
	return p->target->signals && p->target->pid > 0 &&
	    kill((pid_t)p->target->pid, signo) == 0;
}

static enum step_status
begin_signal(struct play *p, const struct step *s)
{
	play_remark(p, NULL, s->at.line, "signal %s", s->name);
	if (!send_signal(p, oracle_signal(s->name)))
		return play_fail(p, CODE_UNSUPPORTED,
		    "the target cannot be signalled");
	p->own_may_end = true;
	return STEP_OVER;
}

static enum step_status
begin_restart(struct play *p, struct target_state *st)
{
	char err[512];

	if (p->own == NULL)
		return play_fail(p, CODE_UNSUPPORTED,
		    "the target cannot be restarted");
	if (!p->host->restart(p->own, err, sizeof(err)))
		return play_fail(p, CODE_UNSUPPORTED,
		    "the target did not start again: %s", err);
	st->restarting = true;
	return STEP_WAITS;
}

enum step_status
target_begin(struct play *p, const struct step *s)
{
	struct target_state *st = p->state = xcalloc(1, sizeof(*st));

	if (!eval_limits(p, s, st))
		return STEP_FAILED;
	if (s->target == TARGET_SIGNAL)
		return begin_signal(p, s);
	if (s->target == TARGET_RESTART)
		return begin_restart(p, st);
	if (s->target == TARGET_EXIT && p->own == NULL)
		return play_fail(p, CODE_UNSUPPORTED,
		    "the end of the target's process cannot be seen");
	return STEP_WAITS;
}

void
target_end(struct play *p)
{
	struct target_state *st = p->state;

	metrics_fetch_cancel(st->fetch);
	metrics_free(st->metrics);
	free(st->why);
	value_clear(&st->content);
}

/* ---- waiting ---- */

static bool
were_late(struct play *p, const struct target_state *st)
{
	return play_was_late(p, p->begun_ns, st->within_ns) &&
	    !play_watched_enough(p, p->begun_ns, st->within_ns);
}

/* Not yet: until the time is over, look again; longer where this machine took
 * some of it away. */
static bool
may_wait(struct play *p, const struct target_state *st)
{
	int64_t deadline = p->begun_ns + st->within_ns, now = play_now(p);

	if (now >= deadline) {
		deadline = p->begun_ns + LONGEST_TIMES * st->within_ns;
		if (now >= deadline || !were_late(p, st))
			return false;
	}
	play_wake_at(p,
	    now + LOOK_EVERY < deadline ? now + LOOK_EVERY : deadline);
	return true;
}

static enum step_status
too_late_ourselves(struct play *p)
{
	return play_fail(p, CODE_HARNESS_LATE,
	    "this machine was late itself: %.3g ms",
	    (double)p->result->late_ns / (double)NS_PER_MS);
}

/* ---- restart, exit ---- */

static enum step_status
poll_restart(struct play *p)
{
	char err[512];

	switch (p->host->state(p->own, err, sizeof(err))) {
	case OWN_READY:
		p->target = p->host->target(p->own);
		p->own_may_end = false;
		return STEP_OVER;
	case OWN_LOST:
		return play_fail(p, CODE_UNSUPPORTED,
		    "the target did not start again: %s", err);
	case OWN_STARTING:
		break;
	}
	if (play_now(p) - p->begun_ns > RESTART_MAX)
		return play_fail(p, CODE_UNSUPPORTED,
		    "the target did not start again in a minute");
	play_wake_at(p, play_now(p) + LOOK_EVERY);
	return STEP_WAITS;
}

static enum step_status
poll_exit(struct play *p, const struct step *s, const struct target_state *st)
{
	const char *want =
	    s->value->source != NULL ? s->value->source : "another";
	struct own_exit e;

	if (!p->host->has_exited(p->own, &e)) {
		if (may_wait(p, st))
			return STEP_WAITS;
		return were_late(p, st)
		    ? too_late_ourselves(p)
		    : play_fail(p, CODE_NEVER,
			  "the target's process did not end within %.3g s",
			  (double)st->within_ns / (double)NS_PER_S);
	}
	p->own_may_end = true;
	play_oracle(p, s,
	    e.signo != 0 ? "ended by signal %d" : "exit status %d",
	    e.signo != 0 ? e.signo : e.status);
	if (e.signo != 0)
		return play_fail(p, CODE_CRASH,
		    "the target's process was ended by signal %d, expected "
		    "exit status %s",
		    e.signo, want);
	if (e.status < st->low || e.status > st->high)
		return play_fail(p, CODE_WRONG, "exit status %d, expected %s",
		    e.status, want);
	play_margin(p, st->within_ns, play_now(p) - p->begun_ns);
	return STEP_OVER;
}

/* ---- alive, fds, rss ---- */

static enum step_status
look_alive(struct play *p, const struct step *s)
{
	struct own_exit e;
	int alive;

	alive = oracle_alive(p->target->pid);
	if (p->own != NULL)
		alive = alive != 0 && !p->host->has_exited(p->own, &e);
	if (alive < 0)
		return skip(p, s, "alive", NULL);
	play_oracle(p, s, alive ? "alive" : "not alive");
	if (alive)
		return STEP_OVER;
	return play_fail(p, CODE_CRASH, "the target's process is gone");
}

/* ---- what it writes ---- */

/* The beginning of the file; absent if there is none, false if it cannot be
 * read. */
static bool
read_written(const char *path, struct value *out)
{
	uint8_t buf[FILE_MAX_BYTES];
	FILE *f = fopen(path, "re");
	bool ok = f != NULL;

	*out = (struct value){ .kind = VALUE_ABSENT };
	if (f == NULL)
		return errno == ENOENT;
	*out = value_bytes(buf, fread(buf, 1, sizeof(buf), f));
	ok = !ferror(f);
	fclose(f);
	return ok;
}

static enum step_status
file_is_wrong(struct play *p, const struct target_state *st,
    const struct value *now)
{
	struct text is, want;
	enum step_status status;

	text_init(&is);
	text_init(&want);
	value_to_text(now, &is);
	value_to_text(&st->content, &want);
	if (now->kind == VALUE_ABSENT)
		status = play_fail(p, CODE_NEVER, "%s is not there",
		    p->target->writes);
	else
		status = play_fail(p, CODE_WRONG,
		    "the file holds %.400s, expected %.400s", text_str(&is),
		    text_str(&want));
	text_clear(&is);
	text_clear(&want);
	return status;
}

static enum step_status
look_file(struct play *p, const struct step *s, const struct target_state *st)
{
	const char *path = p->target->writes;
	struct value now = { .kind = VALUE_ABSENT };
	enum step_status status = STEP_OVER;

	if (path == NULL || !read_written(path, &now))
		status = skip(p, s, "file", NULL);
	else if (value_compare(&now, s->op, &st->content))
		play_oracle(p, s, "%zu bytes", now.len);
	else if (may_wait(p, st))
		status = STEP_WAITS;
	else if (were_late(p, st))
		status = too_late_ourselves(p);
	else
		status = file_is_wrong(p, st, &now);
	value_clear(&now);
	return status;
}

static void
remark_size(struct play *p, const struct step *s, const char *what, long now,
    long baseline)
{
	if (baseline < 0)
		play_oracle(p, s, "%ld %s", now, what);
	else
		play_oracle(p, s, "%ld %s, before the case %ld", now, what,
		    baseline);
}

/* Descriptors and memory: may come down for a while. */
static enum step_status
look_size(struct play *p, const struct step *s, const struct target_state *st)
{
	bool fds = s->target == TARGET_FDS;
	const char *what = fds ? "descriptors" : "kB of memory";
	long now =
	    fds ? oracle_fds(p->target->pid) : oracle_rss_kb(p->target->pid);
	long baseline =
	    fds ? p->oracle->baseline.fds : p->oracle->baseline.rss_kb;
	int64_t limit = s->value_sign * st->low;
	bool holds;

	if (now < 0 || (s->from_baseline && baseline < 0))
		return skip(p, s, fds ? "fds" : "rss", NULL);
	if (s->from_baseline)
		limit += baseline;
	holds = s->op == OP_LT ? now < limit : now <= limit;
	if (!holds && may_wait(p, st))
		return STEP_WAITS;
	remark_size(p, s, what, now, baseline);
	if (holds)
		return STEP_OVER;
	if (were_late(p, st))
		return too_late_ourselves(p);
	if (!s->from_baseline)
		return play_fail(p, CODE_LEAK, "%ld %s, at most %lld expected",
		    now, what, (long long)limit);
	return play_fail(p, CODE_LEAK,
	    "%ld %s, before the case it was %ld, at most %lld expected", now,
	    what, baseline, (long long)limit);
}

/* ---- metrics ---- */

static void
on_fetched(void *arg, struct metrics *m, const char *err)
{
	struct play *p = arg;
	struct target_state *st = p->state;

	st->fetch = NULL;
	st->fetched = true;
	metrics_free(st->metrics);
	st->metrics = m;
	free(st->why);
	st->why = err != NULL ? xstrdup(err) : NULL;
	play_wake(p);
}

static enum step_status
fetch(struct play *p, struct target_state *st)
{
	char err[512];

	if (play_now(p) < st->next_ns) {
		play_wake_at(p, st->next_ns);
		return STEP_WAITS;
	}
	st->fetch =
	    metrics_fetch(engine_loop(p->engine), p->target->metrics_url,
		FETCH_TIMEOUT, on_fetched, p, err, sizeof(err));
	if (st->fetch == NULL)
		return play_fail(p, CODE_SCRIPT, "%s", err);
	return STEP_WAITS;
}

/* It is what it has to be, or may become so. */
static enum step_status
judge_metric(struct play *p, const struct step *s, struct target_state *st)
{
	double before = 0, now = 0;

	if (st->metrics == NULL)
		return play_fail(p, CODE_NEVER, "the metrics are gone: %s",
		    st->why);
	if (!metrics_get(p->oracle->baseline.metrics, s->name, &before) &&
	    !metrics_get(st->metrics, s->name, &now))
		return play_fail(p, CODE_NEVER, "the target has no metric %s",
		    s->name);
	metrics_get(st->metrics, s->name, &now);
	now -= before;
	if (now < (double)st->low && may_wait(p, st)) {
		st->next_ns = play_now(p) + LOOK_EVERY;
		return STEP_WAITS;
	}
	play_oracle(p, s, "%s rose by %.15g, from %.15g", s->name, now, before);
	if (now >= (double)st->low && now <= (double)st->high)
		return STEP_OVER;
	if (now < (double)st->low && were_late(p, st))
		return too_late_ourselves(p);
	return play_fail(p, now < (double)st->low ? CODE_NEVER : CODE_EXTRA,
	    "%s rose by %.15g, not by %s", s->name, now,
	    s->value->source != NULL ? s->value->source : "what is expected");
}

static enum step_status
look_metric(struct play *p, const struct step *s, struct target_state *st)
{
	char what[128];

	if (p->oracle->baseline.metrics == NULL) {
		snprintf(what, sizeof(what), "metric %s", s->name);
		return skip(p, s, what, p->oracle->no_metrics);
	}
	if (st->fetch != NULL)
		return STEP_WAITS;
	if (!st->fetched)
		return fetch(p, st);
	st->fetched = false;
	return judge_metric(p, s, st);
}

/* ---- the whole ---- */

/* Who only observes goes on. */
static enum step_status
or_observe(struct play *p, const struct step *s, enum step_status status)
{
	if (status != STEP_FAILED || !engine_observes(p->engine) ||
	    p->result->code == CODE_UNSUPPORTED)
		return status;
	play_remark(p, NULL, s->at.line, "%s", p->result->message);
	p->result->code = CODE_OK;
	return STEP_OVER;
}

enum step_status
target_poll(struct play *p, const struct step *s)
{
	struct target_state *st = p->state;

	switch (s->target) {
	case TARGET_SIGNAL:
		return STEP_OVER;
	case TARGET_RESTART:
		return poll_restart(p);
	case TARGET_EXIT:
		return or_observe(p, s, poll_exit(p, s, st));
	case TARGET_ALIVE:
		return or_observe(p, s, look_alive(p, s));
	case TARGET_FDS:
	case TARGET_RSS:
		return or_observe(p, s, look_size(p, s, st));
	case TARGET_METRIC:
		return or_observe(p, s, look_metric(p, s, st));
	case TARGET_FILE:
		return or_observe(p, s, look_file(p, s, st));
	}
	return STEP_OVER;
}
