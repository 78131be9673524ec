/*
 * pcapng (draft-ietf-opsawg-pcapng), as pcapng_read.c reads it; always in
 * little-endian order, so that a file is the same on every machine.
 */
#include "config.h"

#include "capture/pcapng_write.h"

#include <string.h>

enum block_type {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_ENHANCED = 6,
	BLOCK_SECRETS = 10
};

enum option_code {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_SHB_USERAPPL = 4,
	OPTION_IF_NAME = 2,
	OPTION_IF_TSRESOL = 9
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define SECRETS_TLS      0x544c534b
#define LINK_ETHERNET    1
#define NANOSECONDS      9 /* of if_tsresol: 10^-9 */
#define BLOCK_FIXED      12
#define ENHANCED_FIXED   20
#define OPTION_HEAD      4

static size_t
padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* ---- bytes ---- */

static void
put(struct pcapng_out *o, const void *p, size_t len)
{
	if (len > 0 && fwrite(p, 1, len, o->f) != len)
		o->failed = true;
	o->written += len;
}

static void
put_padding(struct pcapng_out *o, size_t len)
{
	static const uint8_t zero[4];

	put(o, zero, padded(len) - len);
}

static void
put_u16(struct pcapng_out *o, unsigned v)
{
	const uint8_t b[2] = { (uint8_t)v, (uint8_t)(v >> 8) };

	put(o, b, sizeof(b));
}

static void
put_u32(struct pcapng_out *o, size_t v)
{
	put_u16(o, v & 0xffff);
	put_u16(o, (v >> 16) & 0xffff);
}

/* ---- options ---- */

/* What of |value| goes into an option: whole characters. */
static size_t
option_len(const char *value)
{
	size_t len = strlen(value);

	if (len <= PCAPNG_OPTION_MAX)
		return len;
	len = PCAPNG_OPTION_MAX;
	while (len > 0 && ((unsigned char)value[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static size_t
option_size(const char *value)
{
	return value == NULL ? 0 : OPTION_HEAD + padded(option_len(value));
}

static void
put_option(struct pcapng_out *o, enum option_code code, const void *p,
    size_t len)
{
	put_u16(o, code);
	put_u16(o, (unsigned)len);
	put(o, p, len);
	put_padding(o, len);
}

static void
put_text(struct pcapng_out *o, enum option_code code, const char *value)
{
	if (value != NULL)
		put_option(o, code, value, option_len(value));
}

static void
put_end(struct pcapng_out *o)
{
	put_option(o, OPTION_END, NULL, 0);
}

/* ---- blocks ---- */

static void
begin_block(struct pcapng_out *o, enum block_type type, size_t total)
{
	put_u32(o, type);
	put_u32(o, total);
}

/* magic u32 | version 1.0 | section length u64, unknown | options */
static void
put_section(struct pcapng_out *o, const char *comment, const char *application)
{
	size_t total = BLOCK_FIXED + 16 + option_size(comment) +
	    option_size(application) + OPTION_HEAD;

	begin_block(o, BLOCK_SECTION, total);
	put_u32(o, BYTE_ORDER_MAGIC);
	put_u16(o, 1);
	put_u16(o, 0);
	put_u32(o, UINT32_MAX);
	put_u32(o, UINT32_MAX);
	put_text(o, OPTION_COMMENT, comment);
	put_text(o, OPTION_SHB_USERAPPL, application);
	put_end(o);
	put_u32(o, total);
}

/* link u16 | reserved u16 | snaplen u32, no limit | options */
static void
put_interface(struct pcapng_out *o, const char *name)
{
	static const uint8_t resolution = NANOSECONDS;
	size_t total = BLOCK_FIXED + 8 + option_size(name) + OPTION_HEAD +
	    padded(sizeof(resolution)) + OPTION_HEAD;

	begin_block(o, BLOCK_INTERFACE, total);
	put_u16(o, LINK_ETHERNET);
	put_u16(o, 0);
	put_u32(o, 0);
	put_text(o, OPTION_IF_NAME, name);
	put_option(o, OPTION_IF_TSRESOL, &resolution, sizeof(resolution));
	put_end(o);
	put_u32(o, total);
}

void
pcapng_out_begin(struct pcapng_out *o, FILE *f, const char *comment,
    const char *application, const char *name)
{
	*o = (struct pcapng_out){ .f = f };
	put_section(o, comment, application);
	put_interface(o, name);
}

size_t
pcapng_out_size(size_t len, const char *comment)
{
	return BLOCK_FIXED + ENHANCED_FIXED + padded(len) +
	    (comment != NULL ? option_size(comment) + OPTION_HEAD : 0);
}

/* interface u32 | stamp, upper and lower u32 | captured u32 | length u32 |
 * packet | options */
void
pcapng_out_packet(struct pcapng_out *o, int64_t time_ns, const void *p,
    size_t len, const char *comment)
{
	uint64_t stamp = (uint64_t)time_ns;
	size_t total = pcapng_out_size(len, comment);

	begin_block(o, BLOCK_ENHANCED, total);
	put_u32(o, 0);
	put_u32(o, stamp >> 32);
	put_u32(o, stamp & UINT32_MAX);
	put_u32(o, len);
	put_u32(o, len);
	put(o, p, len);
	put_padding(o, len);
	if (comment != NULL) {
		put_text(o, OPTION_COMMENT, comment);
		put_end(o);
	}
	put_u32(o, total);
}

/* type u32 | length u32 | secrets */
void
pcapng_out_secrets(struct pcapng_out *o, const char *lines, size_t len)
{
	size_t total = BLOCK_FIXED + 8 + padded(len);

	if (len == 0)
		return;
	begin_block(o, BLOCK_SECRETS, total);
	put_u32(o, SECRETS_TLS);
	put_u32(o, len);
	put(o, lines, len);
	put_padding(o, len);
	put_u32(o, total);
}

bool
pcapng_out_failed(const struct pcapng_out *o)
{
	return o->failed || ferror(o->f) != 0;
}
