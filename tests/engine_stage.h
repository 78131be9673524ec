/*
 * A loop, an engine and a fake relay: plays pieces of script.  Time is faked,
 * so that bounds are met or missed by as much as the script says, however
 * busy the machine is.
 */
#ifndef TESTS_ENGINE_STAGE_H
#define TESTS_ENGINE_STAGE_H

#include <check.h>

#include "fake_relay.h"
#include "net/loop.h"
#include "scenario/engine.h"
#include "scenario/parse.h"

struct engine_stage {
	bool real_time; /* before stage_open */
	struct loop *loop;
	struct engine_options options;
	struct engine_target target;
	struct fake_relay *relay;
	struct tls_ctx *tls; /* of the relay; before stage_open */
	/* of what was played last */
	struct script *script;
	struct instance **instances;
	size_t ninstances;
	struct case_result *result;
	size_t ndone;
	enum result_code codes[CODE_NKINDS]; /* how many of each */
};

/* A piece of script and what becomes of it. */
struct stage_row {
	const char *name;
	const char *meta; /* lines before the steps */
	const char *steps;
	enum result_code code;
	const char *part; /* of the message; NULL: any */
};

void stage_open(struct engine_stage *s, const struct fake_rules *rules);
void stage_close(struct engine_stage *s);

/* A stage that each test of the case finds open. */
extern struct engine_stage stage;
void stage_fixture(TCase *tc, const struct fake_rules *rules);

/*
 * Play "scenario t.case" of these lines before and of its steps: the first
 * instance, |copies| times at once.  The last result, valid until the next
 * call.  The steps begin at line 6.
 */
struct case_result *stage_play(struct engine_stage *s, const char *meta,
    const char *steps, bool control, unsigned copies);
/* Play once; the code must be that, and the message hold |part|. */
void stage_expect(struct engine_stage *s, const char *meta, const char *steps,
    enum result_code code, const char *part);
/* Does the last transcript hold an event of that name? */
bool stage_saw(const struct engine_stage *s, const char *what);

#endif
