/* Command lines -> struct options, by one table. */
#include "config.h"

#include "conformance/options.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/options.h"
#include "base/xalloc.h"
#include "conformance/judge.h"
#include "conformance/outside.h"
#include "conformance/report.h"

static int
set_seed(void *options, const char *arg)
{
	struct options *o = options;
	char *end;

	errno = 0;
	o->target.seed = strtoull(arg, &end, 16);
	if (errno == 0 && *end == '\0' && end != arg && arg[0] != '-')
		return 0;
	return cli_usage_error("--seed: '%s' is no hex number", arg);
}

static int
set_scale(void *options, const char *arg)
{
	struct options *o = options;
	char *end;

	o->time_scale = strtod(arg, &end);
	if (*end == '\0' && o->time_scale >= 0.01 && o->time_scale <= 1000.0)
		return 0;
	return cli_usage_error(
	    "--time-scale: '%s' is no number from 0.01 to 1000", arg);
}

static int
set_timeout(void *options, const char *arg)
{
	struct options *o = options;

	o->timeout_ns = duration_parse(arg);
	if (o->timeout_ns > 0)
		return 0;
	return cli_usage_error("--timeout: '%s' is no time; write 90s or 500ms",
	    arg);
}

static int
set_budget(void *options, const char *arg)
{
	struct options *o = options;

	o->budget_ns = duration_parse(arg);
	if (o->budget_ns > 0)
		return 0;
	return cli_usage_error("--budget: '%s' is no time; write 90s or 500ms",
	    arg);
}

static int
set_dialect(void *options, const char *arg)
{
	struct options *o = options;

	o->target.dialect = rk_dialect_by_id(arg);
	if (o->target.dialect != NULL)
		return 0;
	return cli_usage_error("--dialect: '%s' is unknown; this build speaks "
			       "%s",
	    arg, rk_dialects()[0]->id);
}

static int
set_carrier(void *options, const char *arg)
{
	struct options *o = options;

	o->target.carrier = arg;
	for (int c = 0; c < RK_NCARRIERS; c++)
		if (strcmp(arg, rk_carrier_name((enum rk_carrier)c)) == 0)
			return 0;
	return cli_usage_error("--carrier: '%s' is none of raw, ws", arg);
}

static int
set_color(void *options, const char *arg)
{
	struct options *o = options;

	o->color = arg;
	if (strcmp(arg, "auto") == 0 || strcmp(arg, "always") == 0 ||
	    strcmp(arg, "never") == 0)
		return 0;
	return cli_usage_error("--color: '%s' is none of auto, always, never",
	    arg);
}

static int
set_order(void *options, const char *arg)
{
	struct options *o = options;

	o->order = arg;
	if (strcmp(arg, "run") == 0 || strcmp(arg, "file") == 0)
		return 0;
	return cli_usage_error("--order: '%s' is none of run, file", arg);
}

/* 2/4 */
static int
set_shard(void *options, const char *arg)
{
	struct options *o = options;
	const char *of = strchr(arg, '/');
	char *first = xstrndup(arg, strcspn(arg, "/"));
	bool ok = of != NULL && number_parse(of + 1, 1, 1000, &o->shards) &&
	    number_parse(first, 1, o->shards, &o->shard);

	free(first);
	if (ok)
		return 0;
	return cli_usage_error(
	    "--shard: '%s' is no part such as 2/4, the second of four", arg);
}

static int
set_pid(void *options, const char *arg)
{
	struct options *o = options;
	int64_t pid = 0;

	if (!number_parse(arg, 1, INT32_MAX, &pid))
		return cli_usage_error("--pid: '%s' is no process id", arg);
	o->target.pid = (long)pid;
	return 0;
}

static int
add_report(void *options, const char *arg)
{
	struct options *o = options;

	o->reports =
	    xreallocarray(o->reports, o->nreports + 1, sizeof(o->reports[0]));
	o->reports[o->nreports++] = (char *)(uintptr_t)arg;
	return 0;
}

static int
add_runs(void *options, const char *arg)
{
	struct options *o = options;

	o->runs = xreallocarray(o->runs, o->nruns + 1, sizeof(o->runs[0]));
	o->runs[o->nruns++] = (char *)(uintptr_t)arg;
	return 0;
}

static int
add_skip(void *options, const char *arg)
{
	struct options *o = options;
	char err[512];

	if (selection_add_skip(&o->selection, arg, err, sizeof(err)) == 0)
		return 0;
	return cli_usage_error("--skip: %s", err);
}

static int
add_last_failed(void *options, const char *arg)
{
	struct options *o = options;
	char err[512];

	if (selection_add(&o->selection, "last-failed", err, sizeof(err)) == 0)
		return 0;
	return cli_usage_error("--rerun-failed: %s", err);
}

static int
add_select_from(void *options, const char *arg)
{
	struct options *o = options;
	char err[512];

	if (selection_add_file(&o->selection, arg, err, sizeof(err)) == 0)
		return 0;
	return cli_usage_error("--select-from: %s", err);
}

static int
set_verbose(void *options, const char *arg)
{
	struct options *o = options;

	o->bytes |= o->told;
	o->verbose = o->told = true;
	return 0;
}

static int
set_cases(void *options, const char *arg)
{
	struct options *o = options;

	o->what = LIST_CASES;
	return 0;
}

static int
set_tags(void *options, const char *arg)
{
	struct options *o = options;

	o->what = LIST_TAGS;
	return 0;
}

static int
set_reqs(void *options, const char *arg)
{
	struct options *o = options;

	o->what = LIST_REQUIREMENTS;
	return 0;
}

static int
set_expect(void *options, const char *arg)
{
	struct options *o = options;

	if (lift_parse_expect(arg, &o->lift.expect))
		return 0;
	return cli_usage_error(
	    "--expect: '%s' is none of none, types, fields, bytes", arg);
}

static int
set_pace(void *options, const char *arg)
{
	struct options *o = options;

	if (lift_parse_pace(arg, &o->lift.pace))
		return 0;
	return cli_usage_error("--pace: '%s' is none of asis, fast, xN (N from "
			       "0.01 to 1000)",
	    arg);
}

static int
set_flow(void *options, const char *arg)
{
	struct options *o = options;

	if (number_parse(arg, 0, INT32_MAX, &o->lift.flow))
		return 0;
	return cli_usage_error("--flow: '%s' is no connection's number", arg);
}

static int
add_fault(void *options, const char *arg)
{
	struct options *o = options;
	struct selftest_options *s = &o->selftest;

	s->faults =
	    xreallocarray(s->faults, s->nfaults + 1, sizeof(s->faults[0]));
	s->faults[s->nfaults++] = arg;
	return 0;
}

static int
add_scenario(void *options, const char *arg)
{
	struct options *o = options;
	struct selftest_options *s = &o->selftest;

	s->scenarios = xreallocarray(s->scenarios, s->nscenarios + 1,
	    sizeof(s->scenarios[0]));
	s->scenarios[s->nscenarios++] = arg;
	return 0;
}

#define AT(field) offsetof(struct options, field)

/* clang-format off */
static const struct option_row rows[] = {
	{ "report", 'r', FOR_PLAYING | FOR_JUDGE, OPTION_CALL, 0, add_report, "FORMAT=FILE",
	  "text, tap, junit, md, json, jsonl, verdicts" },
	{ "append-run", 0, FOR_RUN, OPTION_FLAG, AT(append_run), NULL, NULL,
	  "add to the reports' files, do not replace them" },
	{ "faults", 0, FOR_SELFTEST, OPTION_CALL, 0, add_fault, "GLOB",
	  "only these faults; repeatable" },
	{ "all", 0, FOR_SELFTEST, OPTION_FLAG, AT(selftest.all), NULL, NULL,
	  "every case on every fault: the whole matrix" },
	{ "mutate-scripts", 0, FOR_SELFTEST, OPTION_FLAG, AT(selftest.mutate), NULL, NULL,
	  "no faults: change what the scenarios expect" },
	{ "scenarios", 0, FOR_SELFTEST, OPTION_CALL, 0, add_scenario, "GLOB",
	  "of these only; repeatable" },
	{ "relayd", 0, FOR_SELFTEST, OPTION_STRING, AT(selftest.relayd), NULL, "FILE",
	  "the relay to play on (beside this program)" },
	{ "client", 0, FOR_SELFTEST, OPTION_STRING, AT(selftest.client), NULL, "FILE",
	  "a client that has faults, for client cases" },
	{ "jobs", 'j', FOR_SELFTEST, OPTION_NUMBER, AT(selftest.jobs), NULL, "N",
	  "relays at a time (three per CPU)" },
	{ "report", 'r', FOR_SELFTEST, OPTION_CALL, 0, add_report, "FORMAT=FILE",
	  "also write text, tap or jsonl; FILE - is stdout" },
	{ "slow", 0, FOR_SELECTING | FOR_SELFTEST, OPTION_FLAG, AT(selection.slow), NULL, NULL,
	  "@slow cases too" },
	{ "skip", 0, FOR_SELECTING, OPTION_CALL, 0, add_skip, "SELECT",
	  "take cases out" },
	{ "select-from", 0, FOR_SELECTING, OPTION_CALL, 0, add_select_from, "FILE",
	  "selectors, one a line; \"skip SELECT\" takes out" },
	{ "rerun-failed", 0, FOR_RUN, OPTION_CALL, 0, add_last_failed, NULL,
	  "select last-failed" },
	{ "shard", 0, FOR_PLAYING, OPTION_CALL, 0, set_shard, "I/N",
	  "only the Ith of N equal parts of the selection" },
	{ "jobs", 'j', FOR_PLAYING, OPTION_NUMBER, AT(jobs), NULL, "N",
	  "at most N cases at a time on each target (all)" },
	{ "seed", 0, FOR_PLAYING | FOR_REPLAY | FOR_SHRINK, OPTION_CALL, 0, set_seed, "HEX",
	  "repeat the random choices of an earlier run" },
	{ "repeat", 0, FOR_RUN | FOR_DEVIATIONS, OPTION_NUMBER, AT(repeat), NULL, "N",
	  "the whole run N times" },
	{ "until-fail", 0, FOR_RUN, OPTION_FLAG, AT(until_fail), NULL, NULL,
	  "again and again, till one does not end with 0" },
	{ "runs", 0, FOR_DIFF, OPTION_FLAG, AT(recorded), NULL, NULL,
	  "compare jsonl reports of run, not targets" },
	{ "calibrate", 0, FOR_DIFF, OPTION_NUMBER, AT(repeat), NULL, "N",
	  "play N times; what varies is left out (2)" },
	{ "deviations", 0, FOR_RUN | FOR_DEVIATIONS | FOR_JUDGE, OPTION_STRING, AT(deviations), NULL, "FILE",
	  "what is known to differ in the target, and why" },
	{ "no-deviations", 0, FOR_RUN | FOR_JUDGE, OPTION_FLAG, AT(no_deviations), NULL, NULL,
	  "excuse nothing, whatever is declared" },
	{ "write", 0, FOR_DEVIATIONS, OPTION_STRING, AT(write), NULL, "FILE",
	  "play, write a file that excuses what was seen" },
	{ "strict", 0, FOR_RUN | FOR_JUDGE, OPTION_FLAG, AT(strict), NULL, NULL,
	  "a nonstrict verdict fails the run" },
	{ "fail-fast", 0, FOR_RUN, OPTION_FLAG, AT(fail_fast), NULL, NULL,
	  "end at the first failure" },
	{ "keep-going", 0, FOR_RUN | FOR_DEVIATIONS, OPTION_FLAG, AT(keep_going), NULL, NULL,
	  "run all cases although the canary failed" },
	{ "no-controls", 0, FOR_RUN, OPTION_FLAG, AT(no_controls), NULL, NULL,
	  "without what proves that a case can fail" },
	{ "time-scale", 0, FOR_PLAYING | FOR_REPLAY | FOR_SHRINK, OPTION_CALL, 0, set_scale, "X",
	  "multiply every duration of the scenarios" },
	{ "timeout", 't', FOR_PLAYING | FOR_REPLAY | FOR_SHRINK, OPTION_CALL, 0, set_timeout, "TIME",
	  "end the whole run after TIME" },
	{ "budget", 0, FOR_RUN, OPTION_CALL, 0, set_budget, "TIME",
	  "begin no case that would not end within TIME" },
	{ "dialect", 0, FOR_SELECTING | FOR_COVERAGE | FOR_SHOW | FOR_LIFT | FOR_REPLAY | FOR_SHRINK, OPTION_CALL, 0, set_dialect, "NAME",
	  "the protocol of the targets" },
	{ "carrier", 0, FOR_SELECTING, OPTION_CALL, 0, set_carrier, "raw|ws",
	  "only cases over this upgrade" },
	{ "caps", 0, FOR_PLAYING, OPTION_STRING, AT(target.caps), NULL, "LIST",
	  "what the targets can, comma-separated" },
	{ "plain", 0, FOR_PLAYING | FOR_REPLAY | FOR_SHRINK, OPTION_STRING, AT(target.plain_url), NULL, "URL",
	  "the plain listener beside a TLS one" },
	{ "metrics", 0, FOR_PLAYING | FOR_SHRINK, OPTION_STRING, AT(target.metrics_url), NULL, "URL",
	  "where the counters can be read" },
	{ "stun", 0, FOR_PLAYING | FOR_SHRINK, OPTION_STRING, AT(target.stun), NULL, "HOST:PORT",
	  "where STUN is answered" },
	{ "pid", 0, FOR_PLAYING, OPTION_CALL, 0, set_pid, "N",
	  "the target's process" },
	{ "signals", 0, FOR_PLAYING, OPTION_FLAG, AT(target.signals), NULL, NULL,
	  "that process may be sent signals" },
	{ "client", 0, FOR_RUN, OPTION_STRING, AT(target.client), NULL, "COMMAND",
	  "test this client; {url} is where it goes" },
	{ "peers", 0, FOR_PLAYING | FOR_REPLAY | FOR_SHRINK, OPTION_STRING, AT(target.peers), NULL, "DIR",
	  "{peers} of .target files (RELAYKIT_PEERS)" },
	{ "cafile", 0, FOR_PLAYING | FOR_REPLAY | FOR_RECORD | FOR_SHRINK, OPTION_STRING, AT(target.cafile), NULL, "FILE",
	  "trust these certificates, not the system's" },
	{ "insecure", 0, FOR_PLAYING | FOR_REPLAY | FOR_RECORD | FOR_SHRINK, OPTION_FLAG, AT(target.insecure), NULL, NULL,
	  "do not verify the targets' certificates" },
	{ "resolve", 0, FOR_PLAYING | FOR_REPLAY | FOR_RECORD | FOR_SHRINK, OPTION_STRING, AT(target.resolve), NULL, "HOST:PORT:ADDR",
	  "connect to ADDR for HOST:PORT" },
	{ "sni", 0, FOR_PLAYING | FOR_REPLAY | FOR_RECORD | FOR_SHRINK, OPTION_STRING, AT(target.sni), NULL, "NAME",
	  "server name to send and to verify" },
	{ "keylog", 0, FOR_PLAYING, OPTION_STRING, AT(target.keylog), NULL, "FILE",
	  "append TLS secrets" },
	{ "while", 0, FOR_SHRINK, OPTION_STRING, AT(code), NULL, "E-CODE",
	  "what the target must go on to show" },
	{ "passes-on", 0, FOR_SHRINK, OPTION_STRING, AT(good), NULL, "TARGET",
	  "a relay on which it must go on to pass" },
	{ "max-runs", 0, FOR_SHRINK, OPTION_NUMBER, AT(max_runs), NULL, "N",
	  "end after so many runs (2000)" },
	{ "listen", 0, FOR_RECORD, OPTION_STRING, AT(listen), NULL, "ADDR:PORT",
	  "where clients come to; port 0 picks a free one" },
	{ "to", 0, FOR_RECORD, OPTION_STRING, AT(to), NULL, "URL",
	  "the relay" },
	{ "relay-side", 0, FOR_RECORD, OPTION_STRING, AT(relay_side), NULL, "FILE",
	  "write there what the relay got and sent" },
	{ "max-bytes", 0, FOR_RECORD, OPTION_NUMBER, AT(max_bytes), NULL, "N",
	  "each capture ends there; clients go on (any)" },
	{ "cert", 0, FOR_RECORD, OPTION_STRING, AT(cert), NULL, "FILE",
	  "certificate for clients (without: one is made)" },
	{ "key", 0, FOR_RECORD, OPTION_STRING, AT(key), NULL, "FILE",
	  "its key (without: in the certificate's file)" },
	{ "save-cert", 0, FOR_RECORD, OPTION_STRING, AT(save_cert), NULL, "FILE",
	  "write the certificate, for clients to trust" },
	{ "output", 'o', FOR_LIFT | FOR_RECORD | FOR_SHRINK, OPTION_STRING, AT(output), NULL, "FILE",
	  "where it goes (without: to stdout)" },
	{ "artifacts", 0, FOR_RUN, OPTION_STRING, AT(artifacts), NULL, "DIR",
	  "capture, transcript and log of every case" },
	{ "force", 0, FOR_LIFT | FOR_RUN | FOR_RECORD | FOR_SHRINK, OPTION_FLAG, AT(force), NULL, NULL,
	  "write over files that are there" },
	{ "expect", 0, FOR_LIFT | FOR_REPLAY, OPTION_CALL, 0, set_expect, "WHAT",
	  "none, types, fields or bytes must fit (fields)" },
	{ "pace", 0, FOR_LIFT | FOR_REPLAY, OPTION_CALL, 0, set_pace, "PACE",
	  "pauses: fast is none, asis, xN (fast)" },
	{ "flow", 0, FOR_LIFT | FOR_REPLAY, OPTION_CALL, 0, set_flow, "N",
	  "only this connection, as decode numbers it" },
	{ "scrub", 0, FOR_LIFT, OPTION_FLAG, AT(lift.scrub), NULL, NULL,
	  "replace payloads, keys, addresses" },
	{ "keylog", 0, FOR_LIFT | FOR_REPLAY, OPTION_STRING, AT(lift.keylog), NULL, "FILE",
	  "TLS secrets of the capture" },
	{ "order", 0, FOR_RUN | FOR_JUDGE, OPTION_CALL, 0, set_order, "run|file",
	  "show cases as they end, or in the suite's order" },
	{ "color", 0, FOR_RUN | FOR_DEVIATIONS | FOR_JUDGE, OPTION_CALL, 0, set_color, "WHEN",
	  "auto, always or never" },
	{ "quiet", 'q', FOR_PLAYING | FOR_JUDGE | FOR_REPLAY | FOR_RECORD | FOR_SHRINK | FOR_SELFTEST, OPTION_FLAG, AT(quiet), NULL, NULL,
	  "the summary only" },
	{ "verbose", 'v', FOR_RUN, OPTION_CALL, 0, set_verbose, NULL,
	  "the transcript of every case" },
	{ "bytes", 0, FOR_RUN, OPTION_FLAG, AT(bytes), NULL, NULL,
	  "in it every byte sent and received; as -vv" },
	{ "verbose", 'v', FOR_DIFF | FOR_DEVIATIONS | FOR_JUDGE | FOR_REPLAY, OPTION_FLAG, AT(verbose), NULL, NULL,
	  "the transcript of every case" },
	{ "check", 0, FOR_FMT, OPTION_FLAG, AT(check), NULL, NULL,
	  "name files laid out otherwise; change nothing" },
	{ "cases", 0, FOR_LIST, OPTION_CALL, 0, set_cases, NULL,
	  "every case, not only every scenario" },
	{ "tags", 0, FOR_LIST, OPTION_CALL, 0, set_tags, NULL,
	  "the tags" },
	{ "reqs", 0, FOR_LIST, OPTION_CALL, 0, set_reqs, NULL,
	  "the requirements and how many cases cover each" },
	{ "runs", 0, FOR_COVERAGE, OPTION_CALL, 0, add_runs, "FILE",
	  "a run's --report jsonl=FILE; repeatable" },
	{ "json", 0, FOR_LIST | FOR_COVERAGE, OPTION_FLAG, AT(json), NULL, NULL,
	  "one JSON object a line" },
};
/* clang-format on */
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static const struct option_table table = { rows, NROWS };

static int
read_options(struct options *o, unsigned command, const char *synopsis,
    int argc, char **argv, int *first)
{
	int status = options_read(&table, command, synopsis, o, argc, argv,
	    first, &o->help);

	if (!o->help)
		return status;
	printf("\nEach long option may also be set by RELAY_CONFORMANCE_NAME "
	       "in the environment,\nor by a line \"NAME VALUE\" of "
	       "relay-conformance.conf.\n");
	if ((command & FOR_SELECTING) != 0)
		printf("\nTARGET is a URL (http://, https://, ws://, wss://), "
		       "or the name or file of\na .target.  SELECT is an id or "
		       "glob (peer.*, login.ok[ws]), @tag, req:R-12*,\n"
		       "level:MUST, last-failed, file.rly, file.rly:88 (a "
		       "line), file.rly:ID.\n");
	return status;
}

/* ---- options from elsewhere ---- */

/* "yes", "1" and nothing say yes. */
static int
set_word(struct options *o, const struct option_row *row, const char *word)
{
	static const char *const yes[] = { "", "1", "yes", "true", "on" };
	static const char *const no[] = { "0", "no", "false", "off" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcmp(word, yes[i]) == 0)
			return options_set(row, o, NULL);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcmp(word, no[i]) == 0)
			return 0;
	return cli_usage_error("--%s: '%s' is none of yes, no", row->name,
	    word);
}

/* Whoever has no such option does without; whom nobody knows is an error. */
static int
set_outside(struct options *o, unsigned command, struct outside_option *one)
{
	const struct option_row *row = NULL;
	bool known = false;
	int status;

	for (size_t i = 0; i < NROWS; i++) {
		if (strcmp(rows[i].name, one->name) != 0)
			continue;
		known = true;
		if ((rows[i].commands & command) != 0)
			row = &rows[i];
	}
	if (!known)
		return cli_usage_error("%s: no command has an option '--%s'",
		    one->origin, one->name);
	if (row == NULL || (row->arg != NULL && one->value[0] == '\0'))
		return 0;
	one->used = true;
	status = row->arg != NULL ? options_set(row, o, one->value)
				  : set_word(o, row, one->value);
	if (status != 0)
		cli_error("so says %s", one->origin);
	return status;
}

static int
read_outside(struct options *o, unsigned command)
{
	int status = outside_read(&o->outside);

	for (unsigned i = 0; status == 0 && i < o->outside->n; i++)
		status = set_outside(o, command, &o->outside->options[i]);
	return status;
}

void
options_show_outside(const struct options *o)
{
	for (unsigned i = 0; i < o->outside->n; i++) {
		const struct outside_option *one = &o->outside->options[i];

		if (one->used)
			fprintf(stderr, "%s: --%s%s%s\n", one->origin,
			    one->name, one->value[0] != '\0' ? " " : "",
			    one->value);
	}
}

/* ---- positionals ---- */

static void
add_file(struct options *o, char *path)
{
	for (size_t i = 0; i < o->nfiles; i++)
		if (strcmp(o->files[i], path) == 0) {
			free(path);
			return;
		}
	o->files = xreallocarray(o->files, o->nfiles + 1, sizeof(char *));
	o->files[o->nfiles++] = path;
}

/* A selector whose file exists is about that one. */
static void
find_on_disk(struct options *o, struct selector *s)
{
	if (s->kind != SELECT_FILE || access(s->file, F_OK) != 0)
		return;
	s->on_disk = true;
	add_file(o, xstrdup(s->file));
}

static int
add_positional(struct options *o, unsigned command, char *word)
{
	size_t n = strlen(word);
	char err[512];

	if ((command & FOR_JUDGE) != 0 && n > 4 &&
	    strcmp(word + n - 4, ".rly") == 0) {
		add_file(o, xstrdup(word));
		return 0;
	}
	if ((command & FOR_SELECTING) == 0 || o->recorded) {
		o->arguments[o->narguments++] = word;
		return 0;
	}
	if (target_is_word(word)) {
		o->words[o->nwords++] = word;
		return 0;
	}
	if (selection_add(&o->selection, word, err, sizeof(err)) != 0)
		return cli_usage_error("%s", err);
	return 0;
}

/* A report that is a file can take another run only if its format can. */
static int
check_append(const struct options *o)
{
	size_t files = 0;

	for (size_t i = 0; i < o->nreports; i++) {
		const char *one = o->reports[i];
		const struct report_ops *ops =
		    report_find(one, strcspn(one, "="));

		if (strcmp(strchr(one, '='), "=-") == 0)
			continue;
		files++;
		if (ops->last == NULL)
			return cli_usage_error(
			    "--append-run: a %s report holds one run; those "
			    "of several are text, md, jsonl, verdicts",
			    ops->format);
	}
	if (files == 0)
		return cli_usage_error("--append-run: to which file? "
				       "--report FORMAT=FILE says");
	return 0;
}

static int
check_reports(const struct options *o)
{
	size_t onto_stdout = 0;

	for (size_t i = 0; i < o->nreports; i++) {
		const char *equals = strchr(o->reports[i], '=');

		if (equals == NULL || equals[1] == '\0')
			return cli_usage_error("--report: '%s' lacks =FILE",
			    o->reports[i]);
		if (report_find(o->reports[i],
			(size_t)(equals - o->reports[i])) == NULL)
			return cli_usage_error("--report: '%s': the "
					       "formats are %s",
			    o->reports[i], report_formats());
		onto_stdout += strcmp(equals, "=-") == 0;
	}
	if (onto_stdout > 1)
		return cli_usage_error("only one --report can go to stdout");
	return o->append_run ? check_append(o) : 0;
}

/* With --until-fail, --repeat is how often at most. */
static void
plan_rounds(struct options *o, unsigned command)
{
	if (o->until_fail) {
		o->max_rounds = o->repeat > 0 ? o->repeat : UINT_MAX;
		o->repeat = 1;
	} else if (o->repeat == 0) {
		o->repeat = (command & FOR_DIFF) != 0 ? 2
		    : (command & FOR_DEVIATIONS) != 0 ? 3
						      : 1;
	}
}

int
options_parse(struct options *o, unsigned command, const char *synopsis,
    int argc, char **argv)
{
	uint32_t seed = 0;
	int status, first = argc;

	memset(o, 0, sizeof(*o));
	o->time_scale = 1;
	lift_options_default(&o->lift);
	o->color = "auto";
	o->target.peers = getenv("RELAYKIT_PEERS");
	if (o->target.peers != NULL && o->target.peers[0] == '\0')
		o->target.peers = NULL;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = (uint32_t)clock_real_ns();
	o->target.seed = seed;
	o->words = xcalloc((size_t)argc + 1, sizeof(char *));
	o->arguments = xcalloc((size_t)argc + 1, sizeof(char *));
	status = read_outside(o, command);
	o->told = false;
	if (status == 0)
		status = read_options(o, command, synopsis, argc, argv, &first);
	o->verbose |= o->bytes;
	plan_rounds(o, command);
	for (int i = first; status == 0 && !o->help && i < argc; i++)
		status = add_positional(o, command, argv[i]);
	for (size_t i = 0; i < o->selection.nselect; i++)
		find_on_disk(o, &o->selection.select[i]);
	for (size_t i = 0; i < o->selection.nskip; i++)
		find_on_disk(o, &o->selection.skip[i]);
	if (status == 0 && (command & (FOR_PLAYING | FOR_JUDGE)) != 0)
		status = check_reports(o);
	return status;
}

void
options_clear(struct options *o)
{
	selection_clear(&o->selection);
	for (size_t i = 0; i < o->nfiles; i++)
		free(o->files[i]);
	free(o->files);
	free(o->words);
	free(o->arguments);
	free(o->reports);
	free(o->selftest.faults);
	free(o->selftest.scenarios);
	outside_free(o->outside);
	free(o->runs);
	memset(o, 0, sizeof(*o));
}

/* ---- saying it again ---- */

void
text_add_shell(struct text *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:=@%+,";

	if (*word != '\0' && word[strspn(word, plain)] == '\0') {
		text_add(out, word);
		return;
	}
	text_add(out, "'");
	for (; *word != '\0'; word++)
		if (*word == '\'')
			text_add(out, "'\\''");
		else
			text_add_n(out, word, 1);
	text_add(out, "'");
}

static void
add_string(struct text *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	text_addf(out, " --%s ", name);
	text_add_shell(out, value);
}

void
options_again(const struct options *o, struct text *out)
{
	const struct target_options *t = &o->target;

	if (t->dialect != NULL)
		add_string(out, "dialect", t->dialect->id);
	add_string(out, "carrier", t->carrier);
	add_string(out, "caps", t->caps);
	add_string(out, "plain", t->plain_url);
	add_string(out, "metrics", t->metrics_url);
	add_string(out, "stun", t->stun);
	if (t->pid != 0)
		text_addf(out, " --pid %ld", t->pid);
	if (t->signals)
		text_add(out, " --signals");
	add_string(out, "client", t->client);
	add_string(out, "cafile", t->cafile);
	if (t->insecure)
		text_add(out, " --insecure");
	add_string(out, "resolve", t->resolve);
	add_string(out, "sni", t->sni);
	if (t->peers != getenv("RELAYKIT_PEERS"))
		add_string(out, "peers", t->peers);
	if (o->time_scale != 1.0)
		text_addf(out, " --time-scale %g", o->time_scale);
	if (o->no_controls)
		text_add(out, " --no-controls");
	if (o->no_deviations)
		text_add(out, " --no-deviations");
	add_string(out, "deviations", o->deviations);
}

struct suite *
options_suite(const struct options *o, int *status)
{
	struct text errors;
	struct suite *s;
	bool bad = false;

	text_init(&errors);
	s = suite_new(&errors);
	for (size_t i = 0; s != NULL && i < o->nfiles; i++)
		bad |= suite_add_file(s, o->files[i], &errors) != 0;
	if (s == NULL || bad) {
		fputs(text_str(&errors), stderr);
		suite_free(s);
		s = NULL;
		*status = EXIT_SCRIPT;
	}
	text_clear(&errors);
	return s;
}
