/*
 * The STUN responder: one UDP socket, a Binding request in, an answer out of
 * the address that was asked.
 */
#ifndef RELAYD_STUN_SERVICE_H
#define RELAYD_STUN_SERVICE_H

#include <stddef.h>

struct loop;
struct metrics;
struct stun_service;

/*
 * Bind "ADDR:PORT"; what comes is counted in |m|, which is borrowed.  NULL
 * with one line in |err| that names the address.
 */
struct stun_service *stun_service_new(struct loop *l, const char *address,
    struct metrics *m, char *err, size_t err_size);
/* The same on a UDP socket that is bound already; |fd| is taken. */
struct stun_service *stun_service_new_fd(struct loop *l, int fd,
    struct metrics *m, char *err, size_t err_size);
void stun_service_free(struct stun_service *s); /* NULL is fine */
/* With the real port: "127.0.0.1:3478". */
const char *stun_service_address(const struct stun_service *s);

#endif
