/*
 * Log lines: one event a line, "event key=value …", to stderr.  Nothing that
 * a peer can trigger at will goes out unlimited: see log_limited().  Threads
 * may log at the same time; what the lines look like and where they go is set
 * before there are several.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
};

#define LOG_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Prefix of lines, e.g. the program's name; borrowed. */
void log_init(const char *program, enum log_level level);
/* A line that would have to wait for who reads stderr is lost instead, and
 * counted in the next one that is not. */
void log_never_wait(void);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* -1 for an unknown word. */
int log_level_parse(const char *word);

void log_error(const char *fmt, ...) LOG_PRINTF(1, 2);
void log_warn(const char *fmt, ...) LOG_PRINTF(1, 2);
void log_info(const char *fmt, ...) LOG_PRINTF(1, 2);
void log_debug(const char *fmt, ...) LOG_PRINTF(1, 2);

/* At most |burst| lines per second and call site; what was left out is
 * counted and said in the next line that passes. */
struct log_limit {
	unsigned burst;
	long long second;
	unsigned count;
	unsigned long suppressed;
};
void log_limited(struct log_limit *limit, enum log_level level, const char *fmt,
    ...) LOG_PRINTF(3, 4);
/*
 * The same in two steps, for lines whose words cost something: whether one
 * passes, which counts it, and the line.  |limit| may be NULL; |suppressed| is
 * for the second step.
 */
bool log_passes(struct log_limit *limit, enum log_level level,
    unsigned long *suppressed);
void log_passed(enum log_level level, unsigned long suppressed, const char *fmt,
    ...) LOG_PRINTF(3, 4);

/* A test reads the lines instead; NULL restores stderr. */
void log_capture(void (
		     *sink)(void *arg, enum log_level level, const char *line),
    void *arg);

#endif
