/* A ring: the newest sessions stay. */
#include "config.h"

#include "capture/tls_resume.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/xalloc.h"
#include "codec/digest.h"

#define SESSIONS_MAX 1024

struct session {
	uint8_t name[RK_SHA256_LEN]; /* tickets are long */
	struct tls_secret master;    /* len 0: unused */
};

struct tls_resume {
	struct session session[SESSIONS_MAX];
	size_t next;
};

struct tls_resume *
tls_resume_new(void)
{
	return xcalloc(1, sizeof(struct tls_resume));
}

void
tls_resume_free(struct tls_resume *r)
{
	if (r == NULL)
		return;
	OPENSSL_cleanse(r, sizeof(*r));
	free(r);
}

static const struct session *
find(const struct tls_resume *r, const uint8_t name[RK_SHA256_LEN])
{
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (r->session[i].master.len > 0 &&
		    memcmp(r->session[i].name, name, RK_SHA256_LEN) == 0)
			return &r->session[i];
	return NULL;
}

void
tls_resume_store(struct tls_resume *r, struct rk_span name,
    const struct tls_secret *master)
{
	uint8_t hash[RK_SHA256_LEN];
	struct session *s;

	if (name.len == 0 || rk_sha256(name.p, name.len, hash) != RK_OK ||
	    find(r, hash) != NULL)
		return;
	s = &r->session[r->next];
	r->next = (r->next + 1) % SESSIONS_MAX;
	memcpy(s->name, hash, sizeof(s->name));
	s->master = *master;
}

const struct tls_secret *
tls_resume_find(const struct tls_resume *r, struct rk_span name)
{
	uint8_t hash[RK_SHA256_LEN];
	const struct session *s;

	if (name.len == 0 || rk_sha256(name.p, name.len, hash) != RK_OK)
		return NULL;
	s = find(r, hash);
	return s == NULL ? NULL : &s->master;
}
