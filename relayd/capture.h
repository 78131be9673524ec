/*
 * --capture: what each client's connection carries, as a pcapng file of its
 * own.  For finding a fault: files are written from the event loop.
 */
#ifndef RELAYD_CAPTURE_H
#define RELAYD_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture;
struct capture_file;
struct conf;
struct stream;

/* Where |conf| says; fit for several threads.  NULL with one line in |err|. */
struct capture *capture_open(const struct conf *conf, char *err,
    size_t err_size);
void capture_close(struct capture *c); /* NULL is fine */
/* Asked once we are who we stay.  |path| is for the line in |err|. */
bool capture_may_write(const struct capture *c, const char *path, char *err,
    size_t err_size);
/* The directory's descriptor, which new files are made in. */
int capture_directory(const struct capture *c);

/*
 * Begin a file for a stream that was just made: connection |id|.  NULL: |c|
 * is NULL, there are enough files, or it cannot be made, which is logged.
 */
struct capture_file *capture_begin(struct capture *c, struct stream *s,
    uint64_t id, bool tls);
/* Behind stream_free(); NULL is fine. */
void capture_end(struct capture_file *f);

#endif
