/* A relay under test: a URL, or a process that a .target file starts. */
#ifndef CONFORMANCE_TARGET_H
#define CONFORMANCE_TARGET_H

#include "conformance/process.h"
#include "conformance/target_file.h"
#include "net/loop.h"
#include "scenario/engine.h"

/* What the command line says about targets, for all of them. */
struct target_options {
	const struct rk_dialect *dialect; /* NULL: the target's */
	const char *carrier;              /* "raw", "ws"; NULL: each */
	const char *caps;                 /* "raw,ws"; NULL: found out */
	const char *plain_url;
	const char *metrics_url;
	const char *stun;
	const char *cafile;
	const char *resolve;
	const char *sni;
	const char *keylog;
	const char *client; /* command of a client under test; NULL: none */
	const char *client_send; /* one by which it sends a packet; or NULL */
	const char *peers;
	bool insecure;
	bool signals;
	long pid;
	uint64_t seed;
};

struct target {
	char *name; /* as it was given: a URL, or the file's target name */
	char *said; /* the word on the command line, for repeating it */
	struct engine_target engine;
	char **caps;
	size_t ncaps;
	struct target_file *file; /* NULL: a URL */
	bool inside;              /* the file is inside the program */
	const struct target_options *options; /* it was made with */
	struct engine_host host;
	struct loop *loop; /* for the host, once it is started */
	/* of a spawned one */
	char *dir;
	char *log;
	struct process *process;
	struct target_places places;
};

/* Is the word a target: a URL, or the name or path of a .target file? */
bool target_is_word(const char *word);
/* The target that a word which is none probably means, heap; NULL: none. */
char *target_meant(const char *word);

/*
 * Read what the word says; nothing is started.  |o| must stay.  NULL with lines
 * in |errors|, and *status set to the exit status: 2, or 6 for a damaged file.
 */
struct target *target_new(const char *word, const struct target_options *o,
    struct text *errors, int *status);
/* The client of |o|, which is no relay: the engine plays one for it. */
struct target *target_new_client(const struct target_options *o);
/* Start its process and do not wait until it is ready; 0, or -1 with one line
 * in |err|. */
int target_spawn(struct target *t, char *err, size_t err_size);
/*
 * Start its process, if it has one, and wait until it is ready or *stop is
 * set.  0, or -1 with lines in |errors|, the end of its log among them.
 */
int target_start(struct target *t, struct loop *l, const bool *stop,
    struct text *errors);
/* End the process; false if it had to be killed. */
bool target_stop(struct target *t);
void target_free(struct target *t); /* stops it first; NULL is fine */

/* ---- what was said about it, before it is asked ---- */

/* 0, or the exit status of what was said on stderr. */
int target_options_check(const struct target_options *o);
/* Of services beside the URL, each of which may be NULL; false with |err|. */
bool target_check_places(const char *plain, const char *metrics,
    const char *stun, char *err, size_t err_size);
/* A word of "needs"; false with |err|. */
bool target_check_cap(const char *cap, char *err, size_t err_size);

bool target_has(const struct target *t, const char *cap);
/* How many of its file's probes count: --caps says it all without them. */
size_t target_nprobes(const struct target *t);
/* A probe passed, or it is yet to; the one that it has is no matter. */
void target_give_cap(struct target *t, const char *cap);
void target_take_cap(struct target *t, const char *cap);
/* Of a spawned one that has ended by itself: how; else NULL. */
const char *target_death(struct target *t);

#endif
