/* The options of all subcommands, a row each, and what sets those that are
 * more than a word or a number. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/options.h"

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

/* More than none. */
static int
set_time(int64_t *out, const char *name, const char *arg)
{
	*out = duration_parse(arg);
	if (*out > 0)
		return 0;
	return cli_usage_error("--%s: '%s' is no time; write 90s or 500ms",
	    name, arg);
}

static int
set_timeout(void *options, const char *arg)
{
	struct options *o = options;

	return set_time(&o->timeout_ns, "timeout", arg);
}

static int
set_budget(void *options, const char *arg)
{
	struct options *o = options;

	return set_time(&o->budget_ns, "budget", arg);
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
	{ "report", 'r', FOR_RUN | FOR_DEVIATIONS | FOR_JUDGE, OPTION_CALL, 0, add_report, "FORMAT=FILE",
	  "text, tap, junit, md, json, jsonl, verdicts" },
	{ "report", 'r', FOR_DIFF, OPTION_CALL, 0, add_report, "jsonl=FILE",
	  "also write what was seen as JSON lines" },
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
	{ "client-send", 0, FOR_RUN, OPTION_STRING, AT(target.client_send), NULL, "COMMAND",
	  "how it sends {file} as a packet to somebody" },
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

const struct option_table options_table = { rows,
	sizeof(rows) / sizeof(rows[0]) };
