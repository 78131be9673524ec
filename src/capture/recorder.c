/* Captures that are written as it happens; see recorder.h. */
#include "config.h"

#include "capture/recorder.h"

#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "capture/synth.h"

/* A handshake is smaller; what is more is written although it may stand
 * before its secrets. */
#define HELD_MAX ((size_t)256 << 10)

struct recorder {
	struct pcapng_out out;
	uint64_t max;
	bool full;
};

struct held {
	struct held *next;
	enum tap_kind kind;
	int64_t time_ns;
	size_t len;
	uint8_t bytes[];
};

struct recorder_flow {
	struct recorder *recorder;
	struct synth_flow synth;
	enum synth_side own;
	bool awaits_secrets;
	bool has_client, has_server; /* secrets of TLS 1.3 */
	struct text secrets;         /* not written yet */
	struct held *held, **tail;
	size_t nheld; /* bytes */
};

struct recorder *
recorder_new(FILE *f, const char *application, const char *comment,
    uint64_t max)
{
	struct recorder *r = calloc(1, sizeof(*r));
	char *said;

	if (r == NULL) {
		fclose(f);
		return NULL;
	}
	r->max = max;
	said = xasprintf("%s\n%s", SYNTH_COMMENT, comment);
	pcapng_out_begin(&r->out, f, said, application, "wire");
	free(said);
	fflush(f);
	return r;
}

bool
recorder_failed(const struct recorder *r)
{
	return pcapng_out_failed(&r->out);
}

bool
recorder_full(const struct recorder *r)
{
	return r->full;
}

bool
recorder_close(struct recorder *r)
{
	bool ok = !recorder_failed(r);

	ok &= fclose(r->out.f) == 0;
	free(r);
	return ok;
}

/* ---- flows ---- */

struct recorder_flow *
recorder_flow_new(struct recorder *r, int fd, bool server, bool tls,
    const char *comment)
{
	struct recorder_flow *f = calloc(1, sizeof(*f));
	struct sockaddr_storage own, peer;
	socklen_t own_len = sizeof(own), peer_len = sizeof(peer);
	const struct sockaddr *a = (const void *)&own, *b = (const void *)&peer;

	if (f == NULL)
		return NULL;
	if (getsockname(fd, (struct sockaddr *)&own, &own_len) != 0 ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_len) != 0)
		a = b = NULL;
	f->recorder = r;
	f->own = server ? SYNTH_SERVER : SYNTH_CLIENT;
	f->awaits_secrets = tls;
	f->tail = &f->held;
	if (!r->full)
		synth_tcp(&f->synth, &r->out, server ? b : a, server ? a : b,
		    clock_real_ns(), comment);
	return f;
}

/* Is there room for that, and for the words that there is none? */
static bool
has_room(struct recorder_flow *f, size_t len)
{
	static const char words[] = "the capture ends here: it has its size";
	struct recorder *r = f->recorder;

	if (r->full)
		return false;
	if (r->max == 0 ||
	    r->out.written + synth_size(len, NULL) + synth_size(0, words) <=
		r->max)
		return true;
	synth_note(&f->synth, f->own, clock_real_ns(), words);
	r->full = true;
	return false;
}

static void
write_secrets(struct recorder_flow *f)
{
	if (f->secrets.len == 0)
		return;
	if (has_room(f, f->secrets.len))
		pcapng_out_secrets(&f->recorder->out, text_str(&f->secrets),
		    f->secrets.len);
	explicit_bzero(f->secrets.s, f->secrets.len);
	text_clear(&f->secrets);
}

static void
release(struct recorder_flow *f)
{
	struct held *h;

	write_secrets(f);
	while ((h = f->held) != NULL) {
		f->held = h->next;
		if (has_room(f, h->len))
			synth_tap(&f->synth, f->own, h->kind, h->time_ns,
			    h->bytes, h->len, NULL);
		free(h);
	}
	f->tail = &f->held;
	f->nheld = 0;
	f->awaits_secrets = false;
	fflush(f->recorder->out.f);
}

void
recorder_flow_free(struct recorder_flow *f)
{
	if (f == NULL)
		return;
	release(f);
	free(f);
}

static bool
hold(struct recorder_flow *f, enum tap_kind kind, const void *p, size_t len)
{
	struct held *h = malloc(sizeof(*h) + len);

	if (h == NULL)
		return false;
	*h = (struct held){ .kind = kind,
		.time_ns = clock_real_ns(),
		.len = len };
	if (len > 0)
		memcpy(h->bytes, p, len);
	*f->tail = h;
	f->tail = &h->next;
	f->nheld += len;
	return f->nheld <= HELD_MAX;
}

/* A line of the key log.  With both secrets of the data, or the master secret
 * of TLS 1.2, all is known. */
static void
take_secret(struct recorder_flow *f, const char *line, size_t len)
{
	static const char client[] = "CLIENT_TRAFFIC_SECRET_0 ";
	static const char server[] = "SERVER_TRAFFIC_SECRET_0 ";
	static const char master[] = "CLIENT_RANDOM ";

	text_add_n(&f->secrets, line, len);
	text_add(&f->secrets, "\n");
	f->has_client |= strncmp(line, client, sizeof(client) - 1) == 0;
	f->has_server |= strncmp(line, server, sizeof(server) - 1) == 0;
	if ((f->has_client && f->has_server) ||
	    strncmp(line, master, sizeof(master) - 1) == 0)
		release(f);
}

void
recorder_tap(void *flow, enum tap_kind kind, const void *p, size_t len)
{
	struct recorder_flow *f = flow;

	if (kind == TAP_SECRET) {
		take_secret(f, p, len);
		return;
	}
	if (f->awaits_secrets && kind <= TAP_OUT) {
		if (!hold(f, kind, p, len))
			release(f);
		return;
	}
	if (f->held != NULL || f->secrets.len > 0)
		release(f);
	if (has_room(f, len))
		synth_tap(&f->synth, f->own, kind, clock_real_ns(), p, len,
		    NULL);
	fflush(f->recorder->out.f);
}
