/* Targets: from a word of the command line to a relay that can be dialled. */
#include "config.h"

#include "conformance/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/keys.h"
#include "conformance/files.h"
#include "conformance/judge.h"
#include "conformance/own.h"
#include "conformance/probe.h"
#include "conformance/suite.h"

#define TARGETS "conformance/targets/"
#define SUFFIX  ".target"

/* ---- words ---- */

static bool
has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n > k && strcmp(s + n - k, suffix) == 0;
}

/* The .target inside the program that has this name, or NULL. */
static const struct embedded_file *
find_embedded(const char *word)
{
	const struct embedded_file *f;
	char *path = xasprintf(TARGETS "%s%s", word,
	    has_suffix(word, SUFFIX) ? "" : SUFFIX);

	f = embedded_find(path);
	free(path);
	return f;
}

bool
target_is_word(const char *word)
{
	return strstr(word, "://") != NULL || has_suffix(word, SUFFIX) ||
	    find_embedded(word) != NULL;
}

#define NAMES_MAX 32

static char *
nearest_embedded(const char *word)
{
	const char *words[NAMES_MAX + 1] = { 0 }, *near;
	char *names[NAMES_MAX], *found;
	size_t n = 0;

	for (const struct embedded_file *f = embedded_files;
	     f->path != NULL && n < NAMES_MAX; f++) {
		const char *name = f->path + sizeof(TARGETS) - 1;

		if (strncmp(f->path, TARGETS, sizeof(TARGETS) - 1) != 0)
			continue;
		names[n] = xstrndup(name, strlen(name) - strlen(SUFFIX));
		words[n] = names[n];
		n++;
	}
	near = text_nearest(word, words);
	found = near != NULL ? xstrdup(near) : NULL;
	while (n > 0)
		free(names[--n]);
	return found;
}

/* HOST:PORT without its scheme, which no selector looks like, or nearly the
 * name of one inside the program. */
char *
target_meant(const char *word)
{
	const char *colon = strrchr(word, ':');

	if (colon != NULL && colon > word && colon[1] != '\0' &&
	    colon[1 + strspn(colon + 1, "0123456789")] == '\0')
		return xasprintf("http://%s", word);
	return nearest_embedded(word);
}

/* ---- capabilities ---- */

bool
target_has(const struct target *t, const char *cap)
{
	return text_is_among(cap, t->caps, t->ncaps);
}

void
target_take_cap(struct target *t, const char *cap)
{
	size_t n = 0;

	for (size_t i = 0; i < t->ncaps; i++)
		if (strcmp(t->caps[i], cap) == 0)
			free(t->caps[i]);
		else
			t->caps[n++] = t->caps[i];
	t->ncaps = n;
}

static void
add_cap(struct target *t, const char *cap, size_t len)
{
	char *copy = xstrndup(cap, len);

	if (len == 0 || target_has(t, copy)) {
		free(copy);
		return;
	}
	t->caps = xreallocarray(t->caps, t->ncaps + 1, sizeof(char *));
	t->caps[t->ncaps++] = copy;
}

void
target_give_cap(struct target *t, const char *cap)
{
	add_cap(t, cap, strlen(cap));
}

static void
add_cap_if(struct target *t, bool given, const char *cap)
{
	if (given)
		add_cap(t, cap, strlen(cap));
}

/* Words between commas or blanks. */
static void
add_caps(struct target *t, const char *declared)
{
	for (const char *p = declared; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ", ");

		add_cap(t, p, n);
		p += n + (p[n] != '\0');
	}
}

size_t
target_nprobes(const struct target *t)
{
	return t->file != NULL && t->options->caps == NULL ? t->file->nprobes
							   : 0;
}

/* What was declared; else what a relay of the dialect has to have. */
static void
find_caps(struct target *t, const char *declared)
{
	const struct engine_target *e = &t->engine;
	bool spawned = t->file != NULL && t->file->spawn != NULL, on;

	add_caps(t, declared);
	for (size_t i = 0;
	     declared == NULL && t->file != NULL && i < t->file->ncaps; i++)
		add_cap(t, t->file->caps[i], strlen(t->file->caps[i]));
	if (t->ncaps == 0) {
		for (int c = 0; c < RK_NCARRIERS; c++)
			add_cap_if(t, e->dialect->header[c] != RK_HEADER_NONE,
			    rk_carrier_name((enum rk_carrier)c));
		add_cap_if(t, !e->url.tls, "captive-portal");
	}
	add_cap_if(t, true, e->dialect->id);
	add_cap_if(t, e->url.tls, "tls");
	add_cap_if(t, e->url.tls && e->plain_url != NULL, "plain-beside-tls");
	on = !target_has(t, "services-off"); /* only where they would be */
	add_cap_if(t, on && e->metrics_url != NULL, "metrics");
	add_cap_if(t, on && e->stun != NULL, "stun");
	add_cap_if(t, e->writes != NULL, "writes");
	add_cap_if(t, e->pid != 0 || spawned, "process");
	add_cap_if(t, spawned, "own");
	add_cap_if(t, spawned || e->signals, "signals");
	for (size_t i = 0; i < target_nprobes(t); i++)
		target_take_cap(t, t->file->probes[i].cap);
}

/* ---- reading ---- */

static char *
dup_or_null(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

/* The URL and what stands beside it; placeholders are filled in. */
static int
set_places(struct target *t, const char *url, const char *plain,
    const char *metrics, const char *stun, char *err, size_t err_size)
{
	struct engine_target *e = &t->engine;

	if (relay_url_parse(url, &e->url, err, err_size) != 0 ||
	    !target_check_places(plain, metrics, stun, err, err_size))
		return -1;
	e->plain_url = dup_or_null(plain);
	e->metrics_url = dup_or_null(metrics);
	e->stun = dup_or_null(stun);
	return 0;
}

static void
set_options(struct target *t, const struct target_options *o)
{
	struct engine_target *e = &t->engine;

	if (o->cafile != NULL) {
		free(e->cafile);
		e->cafile = xstrdup(o->cafile);
	}
	e->resolve = dup_or_null(o->resolve);
	e->sni = dup_or_null(o->sni);
	e->keylog = dup_or_null(o->keylog);
	e->insecure = o->insecure;
	e->pid = o->pid;
	e->signals = o->signals && o->pid != 0;
	if (o->dialect != NULL)
		e->dialect = o->dialect;
	for (int c = 0; c < RK_NCARRIERS; c++)
		if (o->carrier != NULL &&
		    strcmp(o->carrier, rk_carrier_name((enum rk_carrier)c)) ==
			0)
			e->url.carrier = (enum rk_carrier)c;
}

static int
read_url(struct target *t, const struct target_options *o, const char *word,
    char *err, size_t err_size)
{
	t->name = xstrdup(word);
	t->engine.dialect = rk_dialects()[0];
	t->engine.scale = 1;
	return set_places(t, word, o->plain_url, o->metrics_url, o->stun, err,
	    err_size);
}

/* Ports below those that the kernel gives to connections: nobody takes one
 * between now and the start. */
#define PORT_LOW   12000
#define PORT_HIGH  32000
#define PORT_TRIES 200

/* A socket on that port, if it is free for this protocol. */
static int
hold_port(int type, unsigned port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port),
	};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Free now, for TCP and UDP: all are held until the last is found. */
static bool
find_ports(unsigned *port, size_t n)
{
	int fd[TARGET_PORTS * 2];
	size_t held = 0;

	for (int try = 0; held < n * 2 && try < PORT_TRIES; try++) {
		uint32_t random;
		unsigned p;
		int tcp, udp;

		rk_random(&random, sizeof(random));
		p = PORT_LOW + random % (PORT_HIGH - PORT_LOW);
		tcp = hold_port(SOCK_STREAM, p);
		udp = tcp >= 0 ? hold_port(SOCK_DGRAM, p) : -1;

		if (udp < 0) {
			if (tcp >= 0)
				close(tcp);
			continue;
		}
		port[held / 2] = p;
		fd[held++] = tcp;
		fd[held++] = udp;
	}
	for (size_t i = 0; i < held; i++)
		close(fd[i]);
	return held == n * 2;
}

/* Fill in a word of the file that may be NULL; false with |err| set. */
static bool
fill(const struct target *t, const char *text, char **out, char *err,
    size_t err_size)
{
	*out =
	    text != NULL ? target_fill(text, &t->places, err, err_size) : NULL;
	return text == NULL || *out != NULL;
}

static const char *
one_of(const char *said, const char *otherwise)
{
	return said != NULL ? said : otherwise;
}

/* Options say where services are, else the file. */
static int
fill_places(struct target *t, const struct target_options *o, char *err,
    size_t err_size)
{
	const struct target_file *f = t->file;
	char *url = NULL, *plain = NULL, *metrics = NULL, *stun = NULL;
	char *spawn = NULL, *text;
	int status = -1;

	for (size_t i = 0; i < f->nfiles; i++) { /* to be told now */
		if (!fill(t, f->files[i].text, &text, err, err_size))
			return -1;
		free(text);
	}

	if (fill(t, f->url, &url, err, err_size) &&
	    fill(t, one_of(o->plain_url, f->plain), &plain, err, err_size) &&
	    fill(t, one_of(o->metrics_url, f->metrics), &metrics, err,
		err_size) &&
	    fill(t, one_of(o->stun, f->stun), &stun, err, err_size) &&
	    fill(t, f->cafile, &t->engine.cafile, err, err_size) &&
	    fill(t, f->writes, &t->engine.writes, err, err_size) &&
	    fill(t, f->logs, &t->log, err, err_size) &&
	    fill(t, f->spawn, &spawn, err, err_size)) /* to be told now */
		status =
		    set_places(t, url, plain, metrics, stun, err, err_size);
	free(url);
	free(plain);
	free(metrics);
	free(stun);
	free(spawn);
	return status;
}

/* A folder of its own, which goes with it. */
static bool
make_dir(struct target *t, char *err, size_t err_size)
{
	const char *tmp = getenv("TMPDIR");

	t->dir = xasprintf("%s/relay-conformance.XXXXXX",
	    tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
	if (mkdtemp(t->dir) != NULL)
		return true;
	snprintf(err, err_size, "cannot make a folder like %s: %s", t->dir,
	    strerror(errno));
	free(t->dir);
	t->dir = NULL;
	return false;
}

static int
make_places(struct target *t, const struct target_options *o, char *err,
    size_t err_size)
{
	if (!make_dir(t, err, err_size))
		return -1;
	t->places.dir = t->dir;
	t->places.seed = o->seed;
	t->places.peers = o->peers;
	if (find_ports(t->places.port, TARGET_PORTS))
		return 0;
	snprintf(err, err_size, "no free ports: %s", strerror(errno));
	return -1;
}

static int
read_file(struct target *t, const struct target_options *o, const char *word,
    struct text *errors)
{
	const struct embedded_file *inside = NULL;
	char err[512], *text = NULL;
	size_t len = 0;

	if (!has_suffix(word, SUFFIX) || access(word, F_OK) != 0)
		inside = find_embedded(word);
	if (inside != NULL) {
		t->inside = true;
		t->file = target_file_parse(inside->path, inside->text,
		    inside->len, errors);
		return t->file != NULL ? 0 : EXIT_SCRIPT;
	}
	text = file_read(word, &len, err, sizeof(err));
	if (text == NULL) {
		text_addf(errors, "%s\n", err);
		return EXIT_USAGE;
	}
	t->file = target_file_parse(word, text, len, errors);
	free(text);
	return t->file != NULL ? 0 : EXIT_SCRIPT;
}

/* 0, or the exit status; that {peers} is not known is no fault of the file. */
static int
use_file(struct target *t, const struct target_options *o, char *err,
    size_t err_size)
{
	t->name = xstrdup(t->file->name);
	t->engine.dialect = t->file->dialect;
	t->engine.scale = t->file->scale;
	if (make_places(t, o, err, err_size) != 0)
		return EXIT_INFRASTRUCTURE;
	if (fill_places(t, o, err, err_size) == 0)
		return 0;
	return o->peers == NULL && strstr(err, "{peers}") != NULL ? EXIT_USAGE
								  : EXIT_SCRIPT;
}

struct target *
target_new_client(const struct target_options *o)
{
	struct target *t = xcalloc(1, sizeof(*t));
	char err[512];

	t->said = xstrdup(o->client);
	t->name = xstrdup(o->client);
	t->engine.dialect = rk_dialects()[0];
	t->engine.scale = 1;
	set_options(t, o);
	for (int c = 0; c < RK_NCARRIERS; c++)
		add_cap_if(t, t->engine.dialect->header[c] != RK_HEADER_NONE,
		    rk_carrier_name((enum rk_carrier)c));
	add_cap_if(t, true, t->engine.dialect->id);
	add_cap_if(t, true, "client");
	add_cap_if(t, o->client_send != NULL, "told");
	add_caps(t, o->caps);
	t->options = o;
	t->engine.name = xstrdup(t->name);
	if (make_dir(t, err, sizeof(err))) /* else nothing is kept */
		t->log = xasprintf("%s/client.log", t->dir);
	t->host = client_host(t);
	t->engine.client = &t->host;
	return t;
}

/* May there be two at a time?  Not where both would take one place. */
static bool
has_room_beside(const struct target_file *f, const struct target_options *o)
{
	const char *const places[] = { f->url, one_of(o->plain_url, f->plain),
		one_of(o->metrics_url, f->metrics), one_of(o->stun, f->stun) };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i] != NULL && strstr(places[i], "{port") == NULL)
			return false;
	return true;
}

struct target *
target_new(const char *word, const struct target_options *o,
    struct text *errors, int *status)
{
	struct target *t = xcalloc(1, sizeof(*t));
	char err[512];

	t->said = xstrdup(word);
	*status = 0;
	if (strstr(word, "://") != NULL) {
		if (read_url(t, o, word, err, sizeof(err)) != 0)
			*status = EXIT_USAGE;
	} else {
		*status = read_file(t, o, word, errors);
		if (*status != 0) {
			target_free(t);
			return NULL;
		}
		*status = use_file(t, o, err, sizeof(err));
	}
	if (*status != 0) {
		text_addf(errors, "%s: %s\n", word, err);
		target_free(t);
		return NULL;
	}
	set_options(t, o);
	t->options = o;
	find_caps(t, o->caps);
	t->engine.name = xstrdup(t->name);
	if (target_has(t, "own")) {
		t->host = own_host(t);
		t->engine.host = &t->host;
		t->engine.beside =
		    t->file != NULL && has_room_beside(t->file, o);
	}
	return t;
}

/* ---- starting ---- */

static int
write_files(struct target *t, char *err, size_t err_size)
{
	for (size_t i = 0; i < t->file->nfiles; i++) {
		const struct target_text *one = &t->file->files[i];
		char *path = xasprintf("%s/%s", t->dir, one->name);
		char *text = target_fill(one->text, &t->places, err, err_size);
		int status = text != NULL
		    ? file_write(path, text, strlen(text), err, err_size)
		    : -1;

		free(path);
		free(text);
		if (status != 0)
			return -1;
	}
	return 0;
}

/* The words are parted before they are filled in: folders may have blanks in
 * their names.  NULL with |err| set. */
static char **
command_of(const struct target *t, char *err, size_t err_size)
{
	char **words = words_split(t->file->spawn);

	for (char **w = words; *w != NULL; w++) {
		char *filled = target_fill(*w, &t->places, err, err_size);

		if (filled == NULL) {
			words_free(words);
			return NULL;
		}
		free(*w);
		*w = filled;
	}
	return words;
}

int
target_spawn(struct target *t, char *err, size_t err_size)
{
	char **argv;

	if (write_files(t, err, err_size) != 0)
		return -1;
	argv = command_of(t, err, err_size);
	if (argv == NULL)
		return -1;
	t->process = process_start(argv, t->log, err, err_size);
	words_free(argv);
	if (t->process == NULL)
		return -1;
	t->engine.pid = process_pid(t->process);
	return 0;
}

/* Ask until the wanted status comes, the process ends or time is over. */
static int
wait_ready(struct target *t, struct loop *l, const bool *stop, char *err,
    size_t err_size)
{
	int64_t deadline = clock_mono_ns() + t->file->ready_ns;
	char why[256] = "";
	int status;

	while (!*stop) {
		int64_t left = deadline - clock_mono_ns();

		if (process_has_exited(t->process)) {
			snprintf(err, err_size, "ended at its start: %s",
			    process_ending(t->process));
			return -1;
		}
		if (left <= 0) {
			snprintf(err, err_size, "not ready within %g s: %s",
			    (double)t->file->ready_ns / 1e9, why);
			return -1;
		}
		status = probe_http(l, &t->engine.url, t->file->ready_path,
		    left, stop, why, sizeof(why));
		if (status == t->file->ready_status)
			return 0;
		if (status >= 0)
			snprintf(why, sizeof(why), "GET %s gave %d, not %d",
			    t->file->ready_path, status, t->file->ready_status);
		loop_turn(l, 20 * NS_PER_MS);
	}
	snprintf(err, err_size, "interrupted");
	return -1;
}

/* The last lines of its log, indented. */
static void
add_log_end(const struct target *t, struct text *out)
{
	char err[256];
	size_t len, at, lines = 0;
	char *text;

	if (t->log == NULL)
		return;
	text = file_read(t->log, &len, err, sizeof(err));
	if (text == NULL)
		return;
	for (at = len; at > 0 && len - at < 2000; at--)
		if (text[at - 1] == '\n' && ++lines == 11)
			break;
	while (at < len) {
		size_t n = strcspn(text + at, "\n");

		text_add(out, "  log: ");
		text_add_escaped(out, text + at, n);
		text_add(out, "\n");
		at += n + 1;
	}
	free(text);
}

int
target_start(struct target *t, struct loop *l, const bool *stop,
    struct text *errors)
{
	char err[512];

	t->loop = l;
	if (t->engine.client != NULL &&
	    (!client_is_there(t->options->client, err, sizeof(err)) ||
		(t->options->client_send != NULL &&
		    !client_is_there(t->options->client_send, err,
			sizeof(err))))) {
		text_addf(errors, "the client did not start: %s\n", err);
		return -1;
	}
	if (t->file == NULL || t->file->spawn == NULL || t->process != NULL)
		return 0;
	if (target_spawn(t, err, sizeof(err)) == 0 &&
	    (t->file->ready_path == NULL ||
		wait_ready(t, l, stop, err, sizeof(err)) == 0))
		return 0;
	text_addf(errors, "target %s did not start: %s\n", t->name, err);
	add_log_end(t, errors);
	return -1;
}

const char *
target_death(struct target *t)
{
	if (t->process == NULL || !process_has_exited(t->process))
		return NULL;
	return process_ending(t->process);
}

bool
target_stop(struct target *t)
{
	if (t->process == NULL)
		return true;
	return process_stop(t->process, t->file->stop_signal, t->file->stop_ns);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void
target_free(struct target *t)
{
	struct engine_target *e;

	if (t == NULL)
		return;
	e = &t->engine;
	target_stop(t);
	process_free(t->process);
	if (t->dir != NULL)
		nftw(t->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(e->name);
	free(e->plain_url);
	free(e->metrics_url);
	free(e->stun);
	free(e->writes);
	free(e->cafile);
	free(e->resolve);
	free(e->sni);
	free(e->keylog);
	for (size_t i = 0; i < t->ncaps; i++)
		free(t->caps[i]);
	free(t->caps);
	target_file_free(t->file);
	free(t->dir);
	free(t->log);
	free(t->name);
	free(t->said);
	free(t);
}
