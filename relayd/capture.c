/* One pcapng a connection; see capture.h. */
#include "config.h"

#include "relayd/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "capture/recorder.h"
#include "net/stream.h"
#include "relayd/conf.h"

struct capture {
	int dir;
	uint64_t max_bytes; /* of a file */
	uint64_t max_files;
	uint64_t nfiles; /* begun; atomic */
};

struct capture_file {
	uint64_t id;
	struct recorder *recorder;
	struct recorder_flow *flow;
};

struct capture *
capture_open(const struct conf *conf, char *err, size_t err_size)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		snprintf(err, err_size, "no memory");
		return NULL;
	}
	c->max_bytes = (uint64_t)conf->capture_max_bytes;
	c->max_files = (uint64_t)conf->capture_max_files;
	c->dir = open(conf->capture, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir >= 0)
		return c;
	snprintf(err, err_size, "capture directory %s: %s", conf->capture,
	    strerror(errno));
	free(c);
	return NULL;
}

void
capture_close(struct capture *c)
{
	if (c == NULL)
		return;
	close(c->dir);
	free(c);
}

int
capture_directory(const struct capture *c)
{
	return c->dir;
}

bool
capture_may_write(const struct capture *c, const char *path, char *err,
    size_t err_size)
{
	if (faccessat(c->dir, ".", W_OK | X_OK, 0) == 0)
		return true;
	snprintf(err, err_size, "capture directory %s: %s", path,
	    strerror(errno));
	return false;
}

/* "20261126T031500Z-conn12-127.0.0.1_41382.pcapng" */
static void
name_file(char *out, size_t size, const struct stream *s, uint64_t id)
{
	time_t now = (time_t)(clock_real_ns() / NS_PER_S);
	struct tm tm;
	size_t n;

	gmtime_r(&now, &tm);
	n = strftime(out, size, "%Y%m%dT%H%M%SZ", &tm);
	snprintf(out + n, size - n, "-conn%" PRIu64 "-%s.pcapng", id,
	    stream_peer(s));
	for (; *out != '\0'; out++)
		if (strchr("[]:%/", *out) != NULL)
			*out = '_';
}

/* How sandbox.c lets files be made, and not otherwise. */
static FILE *
make_file(const struct capture *c, const char *name)
{
	static struct log_limit limit = { .burst = 1 };
	int fd = openat(c->dir, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (f == NULL) {
		log_limited(&limit, LOG_ERROR,
		    "capture-failed file=%s reason=\"%s\"", name,
		    strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	return f;
}

/* Who comes first behind the bound says so. */
static bool
has_enough(struct capture *c)
{
	uint64_t n = __atomic_add_fetch(&c->nfiles, 1, __ATOMIC_RELAXED);

	if (n == c->max_files + 1)
		log_warn("capture-ended files=%" PRIu64, c->max_files);
	return n > c->max_files;
}

struct capture_file *
capture_begin(struct capture *c, struct stream *s, uint64_t id, bool tls)
{
	struct capture_file *f;
	char name[160], comment[64];
	FILE *out;

	if (c == NULL || has_enough(c))
		return NULL;
	name_file(name, sizeof(name), s, id);
	f = calloc(1, sizeof(*f));
	out = f != NULL ? make_file(c, name) : NULL;
	if (out == NULL) {
		free(f);
		return NULL;
	}
	f->id = id;
	snprintf(comment, sizeof(comment), "Connection %" PRIu64 " of relayd.",
	    id);
	f->recorder =
	    recorder_new(out, "relayd " PACKAGE_VERSION, comment, c->max_bytes);
	if (f->recorder != NULL)
		f->flow = recorder_flow_new(f->recorder, stream_fd(s), true,
		    tls, NULL);
	if (f->flow == NULL) {
		capture_end(f);
		return NULL;
	}
	stream_set_tap(s, recorder_tap, f->flow);
	return f;
}

void
capture_end(struct capture_file *f)
{
	if (f == NULL)
		return;
	recorder_flow_free(f->flow);
	if (f->recorder != NULL && !recorder_close(f->recorder))
		log_error("conn=%" PRIu64 " capture-incomplete", f->id);
	free(f);
}
