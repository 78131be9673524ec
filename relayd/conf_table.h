/* The rows of the option table, for those who read options by it. */
#ifndef RELAYD_CONF_TABLE_H
#define RELAYD_CONF_TABLE_H

#include "base/text.h"
#include "relayd/conf.h"

struct option_spec;

/* Set what |o| stands for; false with a reason in |err|. */
typedef bool (*parse_fn)(struct conf *c, const struct option_spec *o,
    const char *value, char *err, size_t err_size);

struct option_spec {
	const char *name;
	const char *arg; /* placeholder; NULL: takes none */
	parse_fn parse;
	size_t offset;    /* of the member of struct conf */
	int64_t min, max; /* numbers and durations */
	const char *help;
	const char *key; /* in a file, if the reference names it otherwise */
	bool rare;       /* in --help-all only */
};

extern const struct option_spec conf_options[];
extern const size_t conf_noptions;

/* |value|, or what stands for one that may have a password in it. */
const char *conf_shown(const struct option_spec *o, const char *value);
/* " (65s)", or nothing: what |defaults| has for it. */
void conf_add_default(struct text *t, struct conf *defaults,
    const struct option_spec *o);

#endif
