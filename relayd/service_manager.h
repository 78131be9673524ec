/*
 * What systemd and its like do for a service: open its sockets, and hear
 * when it is ready.  Without their library: sd_listen_fds(3) and
 * sd_notify(3) say how.
 */
#ifndef RELAYD_SERVICE_MANAGER_H
#define RELAYD_SERVICE_MANAGER_H

#include <stdbool.h>
#include <stddef.h>

struct conf;

/*
 * Take the sockets that were passed to this process, if any, and forget the
 * variables that say so; once, at the start.  False with one line in |err|.
 */
bool service_take_sockets(char *err, size_t err_size);

/* What was passed takes the place of all that |c| names for that kind. */
void service_add_sockets(struct conf *c);

/* "READY=1", "STOPPING=1"; nothing where nobody listens. */
void service_notify(const char *state);

#endif
