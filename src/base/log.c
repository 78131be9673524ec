/*
 * Log lines to stderr, each with one write, so that lines of several
 * processes do not mix.  What cannot be written is lost: a daemon outlives the
 * reader of its stderr, and does not stand still for one that has.
 */
#include "config.h"

#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

typedef void (*log_sink)(void *arg, enum log_level level, const char *line);

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static const char *program_name = "relaykit";
static enum log_level max_level = LOG_INFO;
static log_sink sink;
static void *sink_arg;
static bool never_waits;
/* From the look at stderr to the write nobody else writes. */
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
static unsigned long lost; /* lines that nobody took */
/* Threads share the limits of call sites. */
static pthread_mutex_t limits = PTHREAD_MUTEX_INITIALIZER;

void
log_init(const char *program, enum log_level level)
{
	program_name = program;
	max_level = level;
}

void
log_never_wait(void)
{
	never_waits = true;
}

void
log_set_level(enum log_level level)
{
	max_level = level;
}

enum log_level
log_get_level(void)
{
	return max_level;
}

int
log_level_parse(const char *word)
{
	for (int i = 0; i <= LOG_DEBUG; i++)
		if (strcmp(word, level_names[i]) == 0)
			return i;
	return -1;
}

/* An event is one line, whatever a peer put into it. */
static void
add_one_line(struct text *t, const char *s)
{
	for (size_t n; *s != '\0'; s += n) {
		for (n = 0; (unsigned char)s[n] >= ' ' && s[n] != 0x7f; n++)
			;
		text_add_n(t, s, n);
		if (s[n] != '\0') {
			text_add_escaped(t, s + n, 1);
			n++;
		}
	}
}

static void
add_line(struct text *t, enum log_level level, const char *message)
{
	text_addf(t, "%s: %s ", program_name, level_names[level]);
	add_one_line(t, message);
	text_add(t, "\n");
}

/* A pipe that is not full has room for any line. */
static bool
would_wait(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return never_waits && poll(&p, 1, 0) == 0;
}

/* Of lines that were lost the next one tells. */
static void
add_lost(struct text *t)
{
	char message[64];

	if (lost == 0)
		return;
	snprintf(message, sizeof(message), "log-lost lines=%lu", lost);
	add_line(t, LOG_WARN, message);
	lost = 0;
}

static void
write_text(const struct text *t)
{
	ssize_t n;

	do
		n = write(STDERR_FILENO, t->s, t->len);
	while (n < 0 && errno == EINTR);
}

static void
write_line(enum log_level level, const char *message)
{
	struct text text;

	text_init(&text);
	pthread_mutex_lock(&output);
	if (would_wait()) {
		lost++;
	} else {
		add_lost(&text);
		add_line(&text, level, message);
		write_text(&text);
	}
	pthread_mutex_unlock(&output);
	text_clear(&text);
}

static void
log_message(enum log_level level, const char *message)
{
	struct text line;

	if (sink == NULL) {
		write_line(level, message);
		return;
	}
	text_init(&line);
	add_one_line(&line, message);
	sink(sink_arg, level, text_str(&line));
	text_clear(&line);
}

static void LOG_PRINTF(2, 0)
    log_va(enum log_level level, const char *fmt, va_list ap)
{
	char *message;
	int saved = errno;

	if (level <= max_level && vasprintf(&message, fmt, ap) >= 0) {
		log_message(level, message);
		free(message);
	}
	errno = saved;
}

#define DEFINE_LEVEL(name, level)                                              \
	void log_##name(const char *fmt, ...)                                  \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, fmt);                                             \
		log_va(level, fmt, ap);                                        \
		va_end(ap);                                                    \
	}

DEFINE_LEVEL(error, LOG_ERROR)
DEFINE_LEVEL(warn, LOG_WARN)
DEFINE_LEVEL(info, LOG_INFO)
DEFINE_LEVEL(debug, LOG_DEBUG)

/* Whether a line may pass; counts it.  |suppressed|: how many did not, of
 * which none was told. */
static bool
limit_passes(struct log_limit *limit, unsigned long *suppressed)
{
	long long second = clock_mono_ns() / NS_PER_S;
	bool passes;

	pthread_mutex_lock(&limits);
	if (second != limit->second) {
		limit->second = second;
		limit->count = 0;
	}
	passes = limit->count < limit->burst;
	if (passes) {
		limit->count++;
		*suppressed = limit->suppressed;
		limit->suppressed = 0;
	} else {
		limit->suppressed++;
	}
	pthread_mutex_unlock(&limits);
	return passes;
}

bool
log_passes(struct log_limit *limit, enum log_level level,
    unsigned long *suppressed)
{
	*suppressed = 0;
	return level <= max_level &&
	    (limit == NULL || limit_passes(limit, suppressed));
}

static void LOG_PRINTF(3, 0) passed_va(enum log_level level,
    unsigned long suppressed, const char *fmt, va_list ap)
{
	struct text line;
	char *message;

	if (vasprintf(&message, fmt, ap) < 0)
		return;
	if (suppressed > 0) {
		text_init(&line);
		text_addf(&line, "%s suppressed=%lu", message, suppressed);
		log_message(level, text_str(&line));
		text_clear(&line);
	} else {
		log_message(level, message);
	}
	free(message);
}

void
log_passed(enum log_level level, unsigned long suppressed, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	passed_va(level, suppressed, fmt, ap);
	va_end(ap);
}

void
log_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
{
	unsigned long suppressed;
	va_list ap;

	if (!log_passes(limit, level, &suppressed))
		return;
	va_start(ap, fmt);
	passed_va(level, suppressed, fmt, ap);
	va_end(ap);
}

void
log_capture(log_sink to, void *arg)
{
	sink = to;
	sink_arg = arg;
}
