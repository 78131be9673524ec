/*
 * HTTP/1.1 heads: bounded, incremental, views into the caller's buffer.  As
 * tolerant as a client or proxy may need, or strict; either way it says what
 * was wrong and where.
 */
#ifndef RK_HTTP_H
#define RK_HTTP_H

#include "cursor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RK_HTTP_MAX_FIELDS 100   /* iroh-v3 section 1.5: 101 give 431 */
#define RK_HTTP_MAX_TARGET 65534 /* section 1.5 too: longer gives 414 */

struct rk_http_field {
	struct rk_span name;
	struct rk_span value; /* blanks around it removed */
};

enum rk_http_flags {
	/* Accept bare LF and empty lines in front; in responses also folded
	 * fields (a value then holds its line ends) and no reason. */
	RK_HTTP_TOLERANT = 1
};

struct rk_http_limits {
	size_t head;   /* bytes of the whole head, inclusive */
	size_t target; /* bytes of the request target, inclusive */
	size_t fields; /* at most RK_HTTP_MAX_FIELDS */
	unsigned flags;
};

struct rk_http_head {
	struct rk_span method; /* requests */
	struct rk_span target; /* as sent */
	struct rk_span path;   /* target without scheme, host and query; "/"
				* if that is nothing, empty for a host alone */
	struct rk_span query;  /* behind '?', or empty */
	int minor;             /* HTTP/1.x */
	int status;            /* responses */
	struct rk_span reason; /* responses; may be empty */
	struct rk_http_field field[RK_HTTP_MAX_FIELDS];
	size_t nfields;
	size_t len; /* of the head, blank line included */
	/* On error: where it is and what, for a message. */
	size_t error_at;
	const char *error_what;
};

/* Tolerant, and as much as iroh-v3 section 1.5 takes. */
RK_API void rk_http_limits_default(struct rk_http_limits *l);

/*
 * Parse a head from the front of |buf|.  RK_OK: complete, h->len bytes.
 * RK_ERR_AGAIN: a valid beginning, within limits; call again with the same
 * bytes and more.  Else what is wrong, as early as it shows, with
 * h->error_at (offset) and h->error_what.  Never reads behind |len|.
 */
RK_API int rk_http_parse_request(const void *buf, size_t len,
    const struct rk_http_limits *limits, struct rk_http_head *h);
RK_API int rk_http_parse_response(const void *buf, size_t len,
    const struct rk_http_limits *limits, struct rk_http_head *h);

/* The status a server answers a request with that failed as |err|; 0 for
 * the HTTP/2 preface, which is closed without an answer. */
RK_API int rk_http_error_status(int err);

/* First field of that name, any case; NULL if there is none. */
RK_API const struct rk_http_field *rk_http_find(const struct rk_http_head *h,
    const char *name);
RK_API size_t rk_http_count(const struct rk_http_head *h, const char *name);
/* Does a comma-separated list, over all fields of that name, hold |token|
 * (any case)? */
RK_API bool rk_http_has_token(const struct rk_http_head *h, const char *name,
    const char *token);
/* Take the next element off a comma-separated list, blanks around it removed;
 * false at the end.  Empty elements come out as such. */
RK_API bool rk_http_list_next(struct rk_span *rest, struct rk_span *element);
RK_API bool rk_http_span_is(struct rk_span s, const char *text);
RK_API bool rk_http_span_is_nocase(struct rk_span s, const char *text);
/* Would the sender keep the connection open behind this message? */
RK_API bool rk_http_keeps_alive(const struct rk_http_head *h);

/*
 * The body behind a head, read off piece by piece.  |request_method| of the
 * request that a response answers (HEAD and 1xx, 204, 304 have no body,
 * whatever their fields say).  RK_ERR_HTTP_BODY if the fields contradict
 * each other; what could be read in two ways is refused.
 */
enum rk_http_body_kind {
	RK_HTTP_BODY_NONE,
	RK_HTTP_BODY_LENGTH,
	RK_HTTP_BODY_CHUNKED,
	RK_HTTP_BODY_UNTIL_EOF
};

struct rk_http_body {
	enum rk_http_body_kind kind;
	uint64_t left; /* of the length or of the chunk */
	int step;      /* of the chunked coding */
	size_t extra;  /* bytes of chunk extensions and trailers */
	bool done;
};

RK_API int rk_http_body_request(struct rk_http_body *b,
    const struct rk_http_head *h);
RK_API int rk_http_body_response(struct rk_http_body *b,
    const struct rk_http_head *h, const char *request_method);
/*
 * Take body bytes from the front of |buf|: |*used| bytes are done with, of
 * them |data| is payload.  RK_OK (b->done tells the end), RK_ERR_AGAIN if
 * nothing can be taken yet, RK_ERR_HTTP_BODY with |*used| where.
 */
RK_API int rk_http_body_take(struct rk_http_body *b, const void *buf,
    size_t len, size_t *used, struct rk_span *data);

/* Writing: line, fields, end; sticky failure of the writer, also for text
 * that would not stay in its place (a line end in a value), and for a status
 * that has not three digits. */
RK_API void rk_http_write_request(struct rk_writer *w, const char *method,
    const char *target);
RK_API void rk_http_write_status(struct rk_writer *w, int minor, int status);
RK_API void rk_http_write_field(struct rk_writer *w, const char *name,
    const char *value);
RK_API void rk_http_write_end(struct rk_writer *w);
/* "Date: <IMF-fixdate>" of |seconds| since 1970. */
RK_API void rk_http_write_date(struct rk_writer *w, int64_t seconds);
/* "Switching Protocols"; "" for a status without a known phrase. */
RK_API const char *rk_http_reason(int status);

#ifdef __cplusplus
}
#endif
#endif
