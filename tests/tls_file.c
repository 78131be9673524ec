/* See tls_file.h. */
#include "config.h"

#include "tls_file.h"

#include <string.h>

#include "base/clock.h"
#include "capture/ip.h"
#include "support.h"

#define SERVER 443

void
tls_file_begin(struct tls_file *f, bool pcapng, bool big_endian,
    const char *secrets)
{
	*f = (struct tls_file){ .pcapng = pcapng,
		.client_port = 40000,
		.seq = { 1000, 5000 },
		.now_ns = 1000 * NS_PER_S,
		.mss = 1448,
		.lost = -1 };
	if (!pcapng) {
		pcap_begin(&f->b, LINK_RAW, big_endian, false);
		return;
	}
	pcapng_begin(&f->b, big_endian);
	pcapng_interface(&f->b, LINK_RAW, 0, NULL);
	if (secrets != NULL)
		tls_file_secrets(f, SECRETS_TLS, secrets, strlen(secrets));
}

void
tls_file_clear(struct tls_file *f)
{
	blob_clear(&f->b);
	blob_clear(&f->held);
}

void
tls_file_secrets(struct tls_file *f, uint32_t type, const char *secrets,
    size_t claimed)
{
	struct blob body = { .big_endian = f->b.big_endian };

	blob_u32(&body, type);
	blob_u32(&body, (uint32_t)claimed);
	blob_add(&body, secrets, strlen(secrets));
	pcapng_block(&f->b, 10, &body);
	blob_clear(&body);
}

static void
write_packet(struct tls_file *f, const struct blob *p)
{
	if (f->pcapng)
		pcapng_add(&f->b, 0, (uint64_t)f->now_ns / 1000, p->p, p->len,
		    p->len);
	else
		pcap_add(&f->b, p->p, p->len, p->len, f->now_ns);
	f->now_ns += NS_PER_MS;
}

static void
flush_held(struct tls_file *f)
{
	if (f->held.len > 0)
		write_packet(f, &f->held);
	blob_clear(&f->held);
}

static void
put(struct tls_file *f, enum direction dir, unsigned flags, const void *p,
    size_t len)
{
	const struct tcp_packet t = {
		.from = dir == DIR_C2S ? f->client_port : SERVER,
		.to = dir == DIR_C2S ? SERVER : f->client_port,
		.seq = f->seq[dir],
		.ack = f->seq[!dir],
		.flags = (uint8_t)flags,
		.id = f->id++,
		.data = p,
		.len = len,
	};
	struct blob packet = { 0 };

	f->seq[dir] +=
	    (uint32_t)len + ((flags & (TCP_SYN | TCP_FIN)) != 0 ? 1 : 0);
	make_ipv4(&packet, &t);
	if (len == 0) {
		flush_held(f);
		write_packet(f, &packet);
	} else if (f->lost == f->segments++) {
		/* was never captured */
	} else if (f->swapped && f->held.len == 0) {
		f->held = packet;
		return;
	} else {
		write_packet(f, &packet);
		if (f->doubled)
			write_packet(f, &packet);
		flush_held(f);
	}
	blob_clear(&packet);
}

void
tls_file_connection(struct tls_file *f, const struct tls_tape *t, size_t from,
    size_t to)
{
	put(f, DIR_C2S, TCP_SYN, NULL, 0);
	put(f, DIR_S2C, TCP_SYN | TCP_ACK, NULL, 0);
	put(f, DIR_C2S, TCP_ACK, NULL, 0);
	for (size_t i = from; i < to; i++) {
		const struct flight *fl = &t->flight[i];

		for (size_t off = 0; off < fl->len; off += f->mss)
			put(f, fl->dir, TCP_ACK, fl->p + off,
			    fl->len - off < f->mss ? fl->len - off : f->mss);
	}
	put(f, DIR_C2S, TCP_FIN | TCP_ACK, NULL, 0);
	put(f, DIR_S2C, TCP_FIN | TCP_ACK, NULL, 0);
	/* The next one has other numbers. */
	f->seq[0] += 1 << 20;
	f->seq[1] += 1 << 20;
}
