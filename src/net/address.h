/* Socket addresses as text: "127.0.0.1:3340", "[::1]:3340". */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_MAX 72

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	};
	socklen_t len;
};

/* A literal IPv4 or IPv6 address (without brackets) and a port; false if
 * |host| is a name. */
bool address_from_literal(const char *host, unsigned port, struct address *a);
/* "127.0.0.1:0", "[::1]:3340"; false for anything else. */
bool address_parse(const char *text, struct address *a);
/* "socketpair" for a local one. */
void address_text(const struct address *a, char *out, size_t size);
unsigned address_port(const struct address *a);
/* What to do about an |error| of bind(), in brackets behind a blank; or "". */
const char *address_bind_hint(int error);

#endif
