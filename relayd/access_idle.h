/*
 * Connections to access services that were kept for the next question.  A few
 * for each event loop, none for long; who ends one, or speaks unasked, loses
 * it.
 */
#ifndef RELAYD_ACCESS_IDLE_H
#define RELAYD_ACCESS_IDLE_H

#include <stddef.h>

struct access_service;
struct idle_link;
struct relay_url;
struct stream;

struct idle_links {
	struct idle_link *first; /* the newest */
};

/* Takes |s|, which leads to where |u| is; without memory it is closed. */
void idle_links_keep(struct idle_links *l, struct stream *s,
    struct access_service *service, const struct relay_url *u);
/* The newest to where |u| is, now the caller's; NULL: none. */
struct stream *idle_links_take(struct idle_links *l,
    const struct access_service *service, const struct relay_url *u);
void idle_links_clear(struct idle_links *l);

#endif
