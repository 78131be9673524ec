/* Captures, transcripts and logs of cases as files; see artifacts.h. */
#include "config.h"

#include "conformance/artifacts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/xalloc.h"
#include "capture/synth.h"
#include "codec/digest.h"
#include "conformance/files.h"
#include "conformance/judge.h"
#include "conformance/report.h"
#include "scenario/namesakes.h"
#include "transcript/transcript_text.h"

#define COMPONENT_MAX 120       /* bytes */
#define LOG_MAX       (1 << 20) /* of a target's log, the end */
#define SNAP          4096      /* bytes of a packet in a transcript */
#define DIGEST_SHOWN  6         /* bytes */

static const char capture_name[] = "case.pcapng";
static const char control_name[] = "control.pcapng";
static const char transcript_name[] = "transcript.txt";
static const char log_name[] = "target.log";

/* ---- names ---- */

static void
add_digest(struct text *out, const char *name)
{
	uint8_t digest[RK_SHA256_LEN];

	rk_sha256(name, strlen(name), digest);
	text_add(out, "-");
	text_add_hex(out, digest, DIGEST_SHOWN);
}

/*
 * "framing.half[raw,chop=1]" -> "framing.half.raw.chop=1": a component of a
 * path, which needs no quotes in a shell or a URL; what is too long or loses a
 * character gets a digest.
 */
static char *
path_component(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._=+";
	struct text out;
	bool exact = name[0] != '.' && name[0] != '\0';

	text_init(&out);
	for (const char *p = name; *p != '\0'; p++) {
		if (strchr(plain, *p) != NULL) {
			text_add_n(&out, p, 1);
		} else if (*p == '[' || *p == ',') {
			text_add(&out, ".");
		} else if (*p == '#') { /* a URL would end there */
			text_add(&out, "@");
		} else if (*p != ']') {
			exact = false;
			text_add(&out, "_");
		}
	}
	if (out.len > COMPONENT_MAX) {
		char *all = text_take(&out);

		exact = false;
		text_add_n(&out, all, COMPONENT_MAX - 2 * DIGEST_SHOWN - 1);
		free(all);
	}
	if (!exact) {
		char *all = text_take(&out);

		text_add(&out, all[0] == '.' ? "_" : "");
		text_add(&out, all);
		add_digest(&out, name);
		free(all);
	}
	return text_take(&out);
}

static char *
directory_named(const struct run_case *c, const char *name)
{
	const struct run *r = c->target->run;
	char *target = path_component(c->target->target->name);
	char *dir;

	if (run_has_rounds(r))
		dir = xasprintf("%s/%s/%s.round-%u", r->o->artifacts, target,
		    name, c->round);
	else
		dir = xasprintf("%s/%s/%s", r->o->artifacts, target, name);
	free(target);
	return dir;
}

static char *
directory_of(const struct run_case *c)
{
	char *name = path_component(c->c->instance->name);
	char *dir = directory_named(c, name);

	free(name);
	return dir;
}

static char *
path_of(const struct run_case *c, const char *name)
{
	return xasprintf("%s/%s", c->artifacts, name);
}

/* ---- before ---- */

static bool
is_there(const struct run_case *c)
{
	const char *const names[] = { capture_name, control_name,
		transcript_name, log_name };
	bool found = false;

	for (size_t i = 0; !found && i < sizeof(names) / sizeof(*names); i++) {
		char *path = path_of(c, names[i]);

		found = access(path, F_OK) == 0;
		free(path);
	}
	return found;
}

/* Two targets of one name, and names that differ in a bracket only. */
static void
tell_apart(struct run_case *c, struct namesakes *taken)
{
	char *dir = c->artifacts;

	if (namesakes_add(taken, dir, false) == 0)
		return;
	c->artifacts = xasprintf("%s.%zu", dir, c->number);
	free(dir);
	namesakes_add(taken, c->artifacts, false);
}

static bool
is_same_directory(const struct run_target *a, const struct run_target *b)
{
	char *one = path_component(a->target->name);
	char *other = path_component(b->target->name);
	bool same = strcmp(one, other) == 0;

	free(one);
	free(other);
	return same;
}

/* "@canary.before", with a number where that is there already.  A scenario's
 * name cannot begin with the sign, so no case lies there. */
static char *
canary_directory(const struct run_case *c, const char *when, size_t number)
{
	struct text name;
	char *dir;

	text_init(&name);
	text_addf(&name, "@canary.%s", when);
	if (number > 1)
		text_addf(&name, ".%zu", number);
	dir = directory_named(c, text_str(&name));
	text_clear(&name);
	return dir;
}

void
artifacts_canary(struct run_case *c, const char *when)
{
	const struct run *r = c->target->run;
	size_t number = 1;

	if (r->o->artifacts == NULL || c->artifacts != NULL)
		return;
	for (const struct run_target *t = r->targets; t < c->target; t++)
		number += is_same_directory(t, c->target);
	c->artifacts = canary_directory(c, when, number);
	while (!r->o->force && access(c->artifacts, F_OK) == 0) {
		free(c->artifacts);
		c->artifacts = canary_directory(c, when, ++number);
	}
	/* So that the next one of the name finds it. */
	make_directories(c->artifacts, 0777);
}

/* Give it a directory that no other has, if it |is_new|. */
static int
prepare(struct run_case *c, bool is_new, struct namesakes *taken)
{
	if (!is_new) {
		namesakes_add(taken, c->artifacts, false);
		return 0;
	}
	c->artifacts = directory_of(c);
	tell_apart(c, taken);
	if (!c->target->run->o->force && is_there(c))
		return output_is_in_the_way(c->artifacts);
	return 0;
}

int
artifacts_prepare(struct run *r, size_t first)
{
	const char *dir = r->o->artifacts;
	struct namesakes *taken;
	int status = 0;

	if (dir == NULL)
		return 0;
	if (make_directories(dir, 0777) != 0 || access(dir, W_OK | X_OK) != 0) {
		cli_error("cannot write into %s: %s", dir, strerror(errno));
		return EXIT_INFRASTRUCTURE;
	}
	taken = namesakes_new();
	for (size_t i = 0; i < r->nplan && status == 0; i++)
		status = prepare(&r->plan[i], i >= first, taken);
	namesakes_free(taken);
	return status;
}

void
artifacts_begin(struct run_case *c)
{
	struct stat st;
	const char *log = c->target->target->log;

	c->log_begins = 0;
	if (c->artifacts != NULL && log != NULL && stat(log, &st) == 0)
		c->log_begins = st.st_size;
}

/* ---- the capture ---- */

static void
write_entry(struct synth_flow *flows, const struct tape *t,
    const struct tape_entry *e)
{
	synth_tap(&flows[e->conn],
	    t->conns[e->conn].server ? SYNTH_SERVER : SYNTH_CLIENT, e->kind,
	    e->time_ns, e->bytes, e->len, e->comment);
}

static void
open_flow(struct synth_flow *f, struct pcapng_out *out,
    const struct tape_conn *c)
{
	const struct sockaddr *own = (const void *)&c->own;
	const struct sockaddr *peer = (const void *)&c->peer;
	const struct sockaddr *client = c->server ? peer : own;
	const struct sockaddr *server = c->server ? own : peer;
	char *said = xasprintf("connection %s", c->name);

	if (c->udp)
		synth_udp(f, out, client, server);
	else
		synth_tcp(f, out, client, server, c->opened_ns, said);
	free(said);
}

/* Packets in the order of time, so that a connection begins where it did. */
static void
write_packets(struct pcapng_out *out, const struct tape *t)
{
	struct synth_flow *flows = xcalloc(t->nconns + 1, sizeof(*flows));
	size_t opened = 0;

	for (size_t i = 0; i < t->nentries; i++) {
		const struct tape_entry *e = &t->entries[i];

		while (opened < t->nconns &&
		    ((int)opened <= e->conn ||
			t->conns[opened].opened_ns <= e->time_ns)) {
			open_flow(&flows[opened], out, &t->conns[opened]);
			opened++;
		}
		write_entry(flows, t, e);
	}
	for (; opened < t->nconns; opened++)
		open_flow(&flows[opened], out, &t->conns[opened]);
	free(flows);
}

static void
write_capture(const struct run_case *c, const struct case_result *result,
    FILE *f)
{
	const struct tape *t = result->tape;
	struct pcapng_out out;
	struct text comment;
	char *name = run_case_name(c->target->run, c);

	text_init(&comment);
	text_addf(&comment, "%s\n%s%s on %s, seed %llx", SYNTH_COMMENT, name,
	    result->control ? " (control)" : "", c->target->target->name,
	    (unsigned long long)c->target->run->o->target.seed);
	if (t->left_out > 0)
		text_addf(&comment, "\nThe last %llu bytes are left out.",
		    (unsigned long long)t->left_out);
	pcapng_out_begin(&out, f, text_str(&comment),
	    "relay-conformance " PACKAGE_VERSION, "runner");
	pcapng_out_secrets(&out, text_str(&t->secrets), t->secrets.len);
	write_packets(&out, t);
	text_clear(&comment);
	free(name);
}

/* ---- the transcript ---- */

static void
add_result(struct text *out, const struct case_result *d)
{
	const struct transcript_text_options o = { .snap = SNAP,
		.indent = "  " };

	if (d == NULL)
		return;
	text_addf(out, "\n%s: %s", d->control ? "control" : "run",
	    d->code == CODE_OK ? "ok" : result_code_name(d->code));
	if (d->step != NULL)
		text_addf(out, " at %s:%d", d->step->at.file, d->step->at.line);
	text_add(out, "\n");
	if (d->message != NULL)
		text_addf(out, "  %s\n", d->message);
	if (d->detail != NULL)
		text_addf(out, "%s", d->detail);
	if (d->transcript != NULL)
		transcript_to_text(d->transcript, &o, out);
	if (d->teardown != NULL)
		text_addf(out, "  teardown: %s\n", d->teardown);
}

static void
write_transcript(const struct run_case *c, const struct case_result *result,
    FILE *f)
{
	const struct run *r = c->target->run;
	struct text out;
	char *name = run_case_name(r, c);

	text_init(&out);
	text_addf(&out, "%s on %s: %s", name, c->target->target->name,
	    verdict_name(c->verdict));
	if (*report_why(c) != '\0')
		text_addf(&out, ", %s", report_why(c));
	text_add(&out, "\nagain: ");
	report_again(r, c, &out);
	text_add(&out, "\n");
	add_result(&out, c->control);
	add_result(&out, c->result);
	fwrite(text_str(&out), 1, out.len, f);
	text_clear(&out);
	free(name);
}

/* ---- the log ---- */

/* What the target has said since the case began, other cases' lines among
 * it. */
static void
write_log(const struct run_case *c, const struct case_result *result, FILE *f)
{
	int fd = open(c->target->target->log, O_RDONLY | O_CLOEXEC);
	off_t from = c->log_begins, end;
	char buf[16384];
	ssize_t n;

	if (fd < 0)
		return;
	end = lseek(fd, 0, SEEK_END);
	if (end - from > LOG_MAX) {
		from = end - LOG_MAX;
		fprintf(f, "(the beginning is left out)\n");
	}
	lseek(fd, from, SEEK_SET);
	while (from < end && (n = read(fd, buf, sizeof(buf))) > 0) {
		if (n > end - from)
			n = end - from;
		fwrite(buf, 1, (size_t)n, f);
		from += n;
	}
	close(fd);
}

/* ---- all of them ---- */

static bool
write_file(const struct run_case *c, const char *name,
    const struct case_result *result,
    void (*fill)(const struct run_case *c, const struct case_result *result,
	FILE *f))
{
	char *path = path_of(c, name), err[512];
	struct output out;
	bool ok = output_open(&out, path, err, sizeof(err)) == 0;

	if (ok) {
		fill(c, result, out.f);
		ok = output_commit(&out, err, sizeof(err)) == 0;
	}
	if (!ok)
		cli_error("cannot write %s", err);
	free(path);
	return ok;
}

static bool
has_tape(const struct case_result *r)
{
	return r != NULL && r->tape != NULL;
}

static void
drop_tape(struct case_result *r)
{
	if (r == NULL)
		return;
	tape_free(r->tape);
	r->tape = NULL;
}

bool
artifacts_write(struct run_case *c)
{
	bool ok = true;

	if (c->artifacts == NULL || (c->result == NULL && c->control == NULL))
		return true;
	if (make_directories(c->artifacts, 0777) != 0) {
		cli_error("cannot make %s: %s", c->artifacts, strerror(errno));
		return false;
	}
	if (has_tape(c->result))
		ok &= write_file(c, capture_name, c->result, write_capture);
	if (has_tape(c->control))
		ok &= write_file(c,
		    has_tape(c->result) ? control_name : capture_name,
		    c->control, write_capture);
	ok &= write_file(c, transcript_name, NULL, write_transcript);
	if (c->target->target->log != NULL)
		ok &= write_file(c, log_name, NULL, write_log);
	drop_tape(c->result);
	drop_tape(c->control);
	return ok;
}

#define NAMES_MAX 4

/* Those of what was played: the control alone is the case. */
static size_t
list_names(const struct run_case *c, const char *names[NAMES_MAX])
{
	size_t n = 0;

	if (c->artifacts == NULL || (c->result == NULL && c->control == NULL))
		return 0;
	names[n++] = capture_name;
	if (c->result != NULL && c->control != NULL)
		names[n++] = control_name;
	names[n++] = transcript_name;
	if (c->target->target->log != NULL)
		names[n++] = log_name;
	return n;
}

char *
artifacts_path(const struct run_case *c, size_t i)
{
	const char *names[NAMES_MAX];

	return i < list_names(c, names) ? path_of(c, names[i]) : NULL;
}

void
artifacts_list(const struct run_case *c, struct text *out)
{
	const char *names[NAMES_MAX];
	size_t n = list_names(c, names);

	for (size_t i = 0; i < n; i++)
		text_addf(out, "%s%s", i > 0 ? "," : "", names[i]);
}
