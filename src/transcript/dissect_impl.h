/* The inside of a dissector, shared by dissect*.c only. */
#ifndef TRANSCRIPT_DISSECT_IMPL_H
#define TRANSCRIPT_DISSECT_IMPL_H

#include "codec/http.h"
#include "codec/ws.h"
#include "transcript/dissect.h"

/* Bounds, per direction. */
#define HOLD_MAX     (2u << 20)  /* bytes waiting to become something */
#define CHUNK_MAX    (64u << 10) /* of a body or rest shown as one event */
#define MARKS_MAX    64          /* segments told apart in what is held */
#define REQUESTS_MAX 256         /* without an answer yet */

enum mode {
	MODE_HEAD,    /* an HTTP head comes next */
	MODE_BODY,    /* of an HTTP message */
	MODE_UPGRADE, /* client: what follows waits for the answer */
	MODE_RAW,     /* frames */
	MODE_WS,      /* WebSocket frames */
	MODE_SEEK,    /* frames may begin anywhere: look for them */
	MODE_LOST     /* nothing more can be told */
};

/* Where a segment ends within its direction's stream. */
struct mark {
	uint64_t end;
	int64_t time_ns;
	uint64_t packet;
};

struct bytes {
	uint8_t *p;
	size_t len;
	size_t cap;
};

struct side {
	enum direction dir;
	enum mode mode;
	struct bytes in;  /* what is held; the front part is done with */
	struct bytes own; /* while |in| is borrowed: not in use */
	bool borrowed;    /* |in| is the caller's: read only */
	size_t off;       /* so much of it */
	uint64_t fed;     /* stream offset of the end of |in| */
	struct mark mark[MARKS_MAX];
	size_t nmarks;
	uint64_t skip;      /* bytes to come of a unit that is not whole */
	struct event chunk; /* body or rest being collected */
	size_t chunk_cap;
	size_t searched;  /* so much of what is held was looked at */
	size_t tried;     /* HEAD: length at the last attempt to parse */
	uint64_t missing; /* SEEK: length of the gap that comes next */
	struct rk_http_body body;
	struct rk_ws_reader ws;
	uint64_t nframes;
	bool gapped; /* something is missing before this place */
	bool over;   /* dissector_end was called */
	bool over_shown;
	enum ending ending;
	struct mark over_at;
};

struct request {
	char method[16]; /* cut; only HEAD and CONNECT matter */
	bool upgrade;
	int carrier; /* of the upgrade, -1 if it cannot be told */
	char ws_key[64];
	char offered[128]; /* WebSocket subprotocols, cut */
};

struct dissector {
	struct transcript *t;
	int conn;
	const struct rk_dialect *dialect;
	struct side side[2];
	struct request *request; /* unanswered, the oldest first */
	size_t nrequests, requests_cap;
	int carrier;  /* -1: not known yet */
	bool foreign; /* both agreed on frames that are not the dialect's */
};

static inline struct side *
other_side(struct dissector *d, const struct side *s)
{
	return &d->side[s->dir == DIR_C2S ? DIR_S2C : DIR_C2S];
}

/* What is held; NULL if nothing ever was. */
static inline uint8_t *
side_bytes(struct side *s)
{
	return s->in.p == NULL ? NULL : s->in.p + s->off;
}

static inline size_t
side_len(const struct side *s)
{
	return s->in.len - s->off;
}

/* ---- dissect.c: bytes, marks, events ---- */

void side_set_mode(struct side *s, enum mode mode);
/* Drop |n| bytes at the front. */
void side_consume(struct side *s, size_t n);
/* Is the place |off| bytes into what is held one where a segment begins? */
bool side_segment_begins(const struct side *s, size_t off);
/* Emit |e|, which ends |end| bytes into what is held: connection, direction,
 * time and packet are filled in. */
void side_emit(struct dissector *d, struct side *s, struct event *e,
    size_t end);
/*
 * Add the |n| bytes at |p| (in what is held) to the body or rest that is
 * being collected; it goes out in chunks.  |error| and |text| (may be NULL)
 * go with the first chunk.
 */
void side_collect(struct dissector *d, struct side *s, enum event_kind kind,
    const uint8_t *p, size_t n, int error, const char *text);
/* Send out what was collected. */
void side_flush(struct dissector *d, struct side *s);
/* All that is held becomes rest. */
void side_reject(struct dissector *d, struct side *s, int error,
    const char *text);
/* A remark on what comes first in what is held. */
void side_remark(struct dissector *d, struct side *s, const char *text);

/*
 * Each step takes one thing from the front of what is held; false: it needs
 * more.
 */

/* ---- dissect_http.c ---- */

bool step_head(struct dissector *d, struct side *s);
bool step_body(struct dissector *d, struct side *s);
/* |len| bytes of a body are missing; false if the place is lost. */
bool body_gap(struct dissector *d, struct side *s, uint64_t len);
/* This side has lost its place in HTTP: who waits for it must not. */
void http_lost(struct dissector *d, struct side *s);
/* "incomplete head: GET /relay HTTP/1.1"; to be freed. */
char *describe_head(struct side *s);
/* Does a head begin |off| bytes into what is held? */
bool looks_like_head(struct side *s, size_t off);

/* ---- dissect_frames.c ---- */

bool step_raw(struct dissector *d, struct side *s);
bool step_ws(struct dissector *d, struct side *s);
/* From here on this side carries frames. */
void start_frames(struct dissector *d, struct side *s, enum rk_carrier c);
/* Length of the unit in progress at the front, 0 if that is not known. */
uint64_t unit_len(struct dissector *d, struct side *s);
/* What is in progress at the front, "SendPacket, 37 of 1237 bytes"; to be
 * freed. */
char *describe_partial(struct dissector *d, struct side *s);

/* ---- dissect_seek.c ---- */

/* |final|: what is held is followed by a gap or the end. */
bool step_seek(struct dissector *d, struct side *s, bool final);

#endif
