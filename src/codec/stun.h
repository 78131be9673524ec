/*
 * STUN (RFC 8489) as far as relays and their clients speak it: one Binding
 * request in a datagram, and the success response that tells the sender its
 * address.
 */
#ifndef RK_STUN_H
#define RK_STUN_H

#include "cursor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RK_STUN_ID_LEN       12 /* RFC 8489 section 5 */
#define RK_STUN_REQUEST_LEN  28 /* header and FINGERPRINT */
#define RK_STUN_RESPONSE_MAX 44 /* the IPv6 form; IPv4 takes 32 */

struct rk_stun_request {
	uint8_t id[RK_STUN_ID_LEN]; /* of the transaction */
};

/* An address and port, by the family's number: RFC 8489 section 14.1. */
enum rk_stun_family {
	RK_STUN_IPV4 = 1,
	RK_STUN_IPV6 = 2
};

struct rk_stun_address {
	enum rk_stun_family family;
	uint16_t port;  /* host order */
	uint8_t ip[16]; /* network order; IPv4 in the first four */
};

/*
 * Read one datagram.  RK_OK only for what is to be answered, else the reason
 * for silence: RK_ERR_STUN_SHAPE (no STUN at all), _LENGTH, _ATTRIBUTE,
 * _INTEGRITY (no key is configured, so it cannot be checked), _FINGERPRINT
 * (wrong, or not last) or _METHOD (another message than a Binding request).
 */
RK_API int rk_stun_parse_request(const void *buf, size_t len,
    struct rk_stun_request *out);

/* Append the Binding request that clients send: a FINGERPRINT, nothing else.
 * RK_ERR_SPACE. */
RK_API int rk_stun_write_request(const struct rk_stun_request *request,
    struct rk_writer *w);

/*
 * Read the answer to |request|.  RK_OK with the address that it names (of
 * XOR-MAPPED-ADDRESS, else of MAPPED-ADDRESS; an IPv4 address in IPv6 form is
 * IPv4), RK_ERR_UNEXPECTED for the answer to another request,
 * RK_ERR_STUN_METHOD for what is no success response, _ATTRIBUTE also where
 * there is no address; else as above.
 */
RK_API int rk_stun_parse_response(const void *buf, size_t len,
    const struct rk_stun_request *request, struct rk_stun_address *out);

/* The value of the FINGERPRINT that ends a message of which the |len| bytes
 * before it, at least 20, are these; their length field does not matter. */
RK_API uint32_t rk_stun_fingerprint(const void *message, size_t len);

/*
 * Append the success response with XOR-MAPPED-ADDRESS and nothing else.  An
 * IPv4 address in IPv6 form (::ffff:a.b.c.d) is written as IPv4.
 * RK_ERR_SPACE.
 */
RK_API int rk_stun_write_response(const struct rk_stun_request *request,
    const struct rk_stun_address *peer, struct rk_writer *w);

#ifdef __cplusplus
}
#endif
#endif
