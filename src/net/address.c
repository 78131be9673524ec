/* Socket addresses as text, and literal ones from it. */
#include "config.h"

#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* "::1", or "fe80::1%2" with the number of an interface. */
static bool
parse_ip6(const char *host, struct sockaddr_in6 *in6)
{
	char plain[INET6_ADDRSTRLEN] = "";
	size_t len = strcspn(host, "%");
	int64_t scope = 0;

	if (len >= sizeof(plain) ||
	    (host[len] == '%' &&
		!number_parse(host + len + 1, 0, UINT32_MAX, &scope)))
		return false;
	memcpy(plain, host, len);
	in6->sin6_scope_id = (uint32_t)scope;
	return inet_pton(AF_INET6, plain, &in6->sin6_addr) == 1;
}

bool
address_from_literal(const char *host, unsigned port, struct address *a)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, host, &a->in4.sin_addr) == 1) {
		a->in4.sin_family = AF_INET;
		a->in4.sin_port = htons((uint16_t)port);
		a->len = sizeof(struct sockaddr_in);
		return true;
	}
	memset(a, 0, sizeof(*a));
	if (parse_ip6(host, &a->in6)) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons((uint16_t)port);
		a->len = sizeof(struct sockaddr_in6);
		return true;
	}
	return false;
}

bool
address_parse(const char *text, struct address *a)
{
	const char *colon = strrchr(text, ':');
	bool ip6 = text[0] == '[';
	char host[64];
	size_t len;
	int64_t port;

	if (colon == NULL || !number_parse(colon + 1, 0, 65535, &port))
		return false;
	len = (size_t)(colon - text);
	if (ip6) {
		if (len < 2 || colon[-1] != ']')
			return false;
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return (strchr(host, ':') != NULL) == ip6 &&
	    address_from_literal(host, (unsigned)port, a);
}

const char *
address_bind_hint(int error)
{
	switch (error) {
	case EADDRINUSE:
		return " (another program has it, or it is named twice; [::] "
		       "means IPv4, too)";
	case EACCES:
		return " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
	case EADDRNOTAVAIL:
		return " (no interface here has it)";
	default:
		return "";
	}
}

unsigned
address_port(const struct address *a)
{
	return ntohs(
	    a->any.sa_family == AF_INET6 ? a->in6.sin6_port : a->in4.sin_port);
}

void
address_text(const struct address *a, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (a->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->in4.sin_addr, host, sizeof(host));
		snprintf(out, size, "%s:%u", host, address_port(a));
	} else if (a->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host));
		snprintf(out, size, "[%s]:%u", host, address_port(a));
	} else {
		snprintf(out, size, "socketpair");
	}
}
