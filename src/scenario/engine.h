/*
 * Plays instances: all at once, on one loop, each with its connections, its
 * inboxes and its deadlines.  The engine does not use a well-behaved client
 * session: it must be able to misbehave.  Whatever happens is recorded in a
 * transcript; the result says which step was not met and how.
 */
#ifndef SCENARIO_ENGINE_H
#define SCENARIO_ENGINE_H

#include "net/loop.h"
#include "net/url.h"
#include "scenario/instance.h"
#include "scenario/played.h"
#include "transcript/tape.h"
#include "transcript/transcript.h"

/*
 * Processes that the engine has started for a case and does not know how to
 * start: instances of a target, and clients under test.  Nothing of it waits;
 * what takes time is asked about again.
 */
struct engine_own;

enum own_state {
	OWN_STARTING,
	OWN_READY,
	OWN_LOST /* it could not be started, or ended at its start */
};

struct own_exit {
	int status; /* where |signo| is 0 */
	int signo;
};

struct engine_host {
	void *arg;
	/* Begin; |url| is where a client goes, NULL for a target.  NULL with
	 * one line in |err|. */
	struct engine_own *(
	    *start)(void *arg, const char *url, char *err, size_t err_size);
	/* A client that is to send that to somebody, in one packet; NULL:
	 * nobody knows how it is told. */
	struct engine_own *(*start_sender)(void *arg, const char *url,
	    const void *data, size_t len, char *err, size_t err_size);
	enum own_state (
	    *state)(struct engine_own *o, char *err, size_t err_size);
	/* Where an instance of a target is; its |pid| is of this moment. */
	const struct engine_target *(*target)(struct engine_own *o);
	/* Of a client. */
	long (*pid)(struct engine_own *o);
	bool (*signal)(struct engine_own *o, int signo);
	/* End it and begin to start it at the same place. */
	bool (*restart)(struct engine_own *o, char *err, size_t err_size);
	/* Of both; may be NULL of a client. */
	bool (*has_exited)(struct engine_own *o, struct own_exit *out);
	/* Its case is over and another may get it; may be NULL. */
	void (*rest)(struct engine_own *o);
	/* End it at once, with all that it started, and forget it. */
	void (*stop)(struct engine_own *o);
};

/* Where the cases go. */
struct engine_target {
	char *name;
	struct relay_url url; /* its carrier is the default only */
	const struct rk_dialect *dialect;
	char *plain_url; /* the plain listener beside a TLS one; may be NULL */
	char *metrics_url;
	char *stun;   /* HOST:PORT */
	char *writes; /* path of a file that it was told of, and writes */
	char *cafile;
	char *resolve;
	char *sni;
	char *keylog;
	bool insecure;
	long pid;     /* 0: unknown */
	bool signals; /* it may be signalled */
	double scale; /* of durations; 1 */
	/* Starts instances for cases that are "own"; NULL: there are none. */
	const struct engine_host *host;
	/* They may stand beside the target: serial cases get one, too. */
	bool beside;
	/* Starts clients: a case's own connections are then awaited. */
	const struct engine_host *client;
};

enum result_code {
	CODE_OK,
	CODE_WRONG,  /* E-WRONG: another frame, another field */
	CODE_LATE,   /* E-LATE */
	CODE_NEVER,  /* E-NEVER */
	CODE_EXTRA,  /* E-EXTRA: what must not come came */
	CODE_CLOSED, /* E-CLOSED: the connection ended meanwhile */
	CODE_RESET,  /* E-RESET */
	CODE_DECODE, /* E-DECODE: what came is no frame */
	CODE_CRASH,  /* E-CRASH */
	CODE_LEAK,   /* E-LEAK */
	/* these are not the target's doing */
	CODE_HARNESS_LATE, /* we were late ourselves */
	CODE_CONNECT,      /* a connection could not be set up */
	CODE_SCRIPT,       /* the script asks for the impossible */
	CODE_UNSUPPORTED,  /* the step needs what the target does not have */
	CODE_TIMEOUT,      /* the case's own time is over */
	CODE_NKINDS
};

/* A bound that was kept; of a window (not-before) its width, and the way from
 * the farther edge. */
struct margin {
	int line;
	int64_t bound_ns;
	int64_t took_ns;
};

/* How a case ended, and where. */
struct case_result {
	const struct instance *instance;
	bool control; /* this was the run without the defect */
	enum result_code code;
	enum verdict_word word; /* of the branch or step, if one says so */
	char *named; /* behaviours seen ("silent"), comma-separated */
	const struct step *step; /* the step that was not met; may be NULL */
	const struct step *call; /* the call it was reached by; may be NULL */
	struct place missed;     /* what of its line; len 0: all of it */
	char *message;           /* one line: expected and actual */
	char *detail;            /* several lines: decoded diff; may be NULL */
	struct transcript *transcript;
	struct played played;
	struct tape *tape;  /* NULL unless engine_options.tape */
	int64_t started_ns; /* monotonic */
	int64_t took_ns;
	int64_t late_ns;        /* the harness's own lateness at the verdict */
	int64_t overdue_ns;     /* CODE_LATE: by how much */
	struct margin tightest; /* line 0: no bound was used */
	char *teardown;         /* "A eof, B clean" */
	/* Asserted, but not to be seen here: "fds, metric x"; NULL: none. */
	char *not_observable;
	char *vars; /* values of variables used in the failing line */
};

struct engine_options {
	uint64_t seed;
	unsigned jobs;     /* cases at a time; 0: all */
	double time_scale; /* of durations; 1 */
	bool observe;      /* expectations become observations (diff) */
	bool tape;         /* keep what goes over the wire */
};

struct engine;

struct engine *engine_new(struct loop *l, const struct engine_options *o);
void engine_free(struct engine *e);

/*
 * Add a run of an instance; it starts when the loop runs and a place is
 * free.  |control| plays the control lines instead of the defect lines.
 * |on_done| gets the result, which becomes its own (case_result_free).
 * Named keys of a control run, and of a run beside another of the same
 * instance, are derived from a name of their own ("… control", "… #2"), so
 * that they may be on one relay together.  Those that wait longest begin
 * first.  A serial scenario is alone on an instance beside the target; where
 * there can be none it comes last, and no other plays meanwhile.  Calm ones
 * play together, when those on the target are done.  There are never more at a
 * time than descriptors allow.
 */
void engine_add(struct engine *e, const struct engine_target *t,
    const struct instance *i, bool control,
    void (*on_done)(void *arg, struct case_result *r), void *arg);
/* The same, but ahead of all that wait: what others wait for. */
void engine_add_ahead(struct engine *e, const struct engine_target *t,
    const struct instance *i, void (*on_done)(void *arg, struct case_result *r),
    void *arg);
/* The same, but one whose turn comes after that time (monotonic) is not begun:
 * |on_done| gets NULL then. */
void engine_add_by(struct engine *e, const struct engine_target *t,
    const struct instance *i, bool control, int64_t begin_by_ns,
    void (*on_done)(void *arg, struct case_result *r), void *arg);
/* Cases added and not done. */
size_t engine_pending(const struct engine *e);
/* An instance beside the target has ended by itself, and no case says so:
 * how; NULL: none has.  Valid until the next call. */
const char *engine_trouble(const struct engine *e);
/* End everything now; each running case is done with CODE_TIMEOUT. */
void engine_stop(struct engine *e);

void case_result_free(struct case_result *r);
/* "E-WRONG"; "" for CODE_OK. */
const char *result_code_name(enum result_code c);
/* One line: what the code means. */
const char *result_code_meaning(enum result_code c);

/* The secret key that a name stands for in an instance: derived from the
 * seed and the instance's full name, so that instances never collide. */
void engine_named_key(uint64_t seed, const char *instance, const char *name,
    struct rk_secret_key *out);

#endif
