/* Certificates for tests; see tls_certs.h. */
#include "config.h"

#include "tls_certs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define DAY 86400L

static void *
need(void *p, const char *what)
{
	if (p == NULL) {
		fprintf(stderr, "cannot make test certificates: %s\n", what);
		exit(EXIT_FAILURE);
	}
	return p;
}

static void
add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = need(X509V3_EXT_conf_nid(NULL, &ctx, nid, value), value);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
}

struct subject {
	const char *name;
	const char *alt_names; /* NULL: it is a CA */
	long from_days, to_days;
};

/* |issuer| NULL: self-signed. */
static X509 *
make_certificate(const struct subject *subject, EVP_PKEY *key, X509 *issuer,
    EVP_PKEY *issuer_key)
{
	static long serial;
	X509 *x = need(X509_new(), "X509_new");
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), subject->from_days * DAY);
	X509_gmtime_adj(X509_getm_notAfter(x), subject->to_days * DAY);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)subject->name, -1, -1, 0);
	X509_set_issuer_name(x,
	    issuer != NULL ? X509_get_subject_name(issuer) : name);
	X509_set_pubkey(x, key);
	if (subject->alt_names == NULL) {
		add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE");
		add_extension(x, x, NID_key_usage, "critical,keyCertSign");
	} else {
		add_extension(x, issuer, NID_subject_alt_name,
		    subject->alt_names);
	}
	if (X509_sign(x, issuer != NULL ? issuer_key : key, EVP_sha256()) == 0)
		need(NULL, "X509_sign");
	return x;
}

static FILE *
open_file(const char *path, bool secret)
{
	FILE *f;

	unlink(path);
	f = need(fopen(path, "w"), path);
	if (fchmod(fileno(f), secret ? 0600 : 0644) < 0)
		need(NULL, path);
	return f;
}

/* Any of them may be NULL. */
static void
write_pem(const char *path, X509 *first, X509 *second, EVP_PKEY *key)
{
	FILE *f = open_file(path, key != NULL);

	if ((first != NULL && PEM_write_X509(f, first) != 1) ||
	    (second != NULL && PEM_write_X509(f, second) != 1) ||
	    (key != NULL &&
		PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1))
		need(NULL, path);
	if (fclose(f) != 0)
		need(NULL, path);
}

static void
set_paths(struct tls_certs *c)
{
	const struct {
		char *path;
		const char *name;
	} files[] = {
		{ c->ca, "ca" },
		{ c->chain, "chain" },
		{ c->key, "key" },
		{ c->both, "both" },
		{ c->expired, "expired" },
		{ c->other_ca, "other_ca" },
		{ c->other_key, "other_key" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		snprintf(files[i].path, sizeof(c->ca), "%s/%s.pem", c->dir,
		    files[i].name);
}

static void
make_all(struct tls_certs *c)
{
	static const char alt_names[] =
	    "DNS:localhost,DNS:*.relay.test,IP:127.0.0.1,IP:::1";
	const struct subject root = { "relaykit test root", NULL, -400, 400 };
	const struct subject middle = { "relaykit test CA", NULL, -400, 400 };
	const struct subject leaf = { "relay", alt_names, -1, 30 };
	const struct subject old = { "relay", alt_names, -365, -1 };
	EVP_PKEY *root_key = need(EVP_EC_gen("P-256"), "key");
	EVP_PKEY *middle_key = need(EVP_EC_gen("P-256"), "key");
	EVP_PKEY *leaf_key = need(EVP_EC_gen("P-256"), "key");
	EVP_PKEY *other_key = need(EVP_EC_gen("P-256"), "key");
	X509 *root_x = make_certificate(&root, root_key, NULL, NULL);
	X509 *other_x = make_certificate(&root, other_key, NULL, NULL);
	X509 *middle_x =
	    make_certificate(&middle, middle_key, root_x, root_key);
	X509 *leaf_x = make_certificate(&leaf, leaf_key, middle_x, middle_key);
	X509 *old_x = make_certificate(&old, leaf_key, middle_x, middle_key);

	write_pem(c->ca, root_x, NULL, NULL);
	write_pem(c->chain, leaf_x, middle_x, NULL);
	write_pem(c->key, NULL, NULL, leaf_key);
	write_pem(c->both, leaf_x, middle_x, leaf_key);
	write_pem(c->expired, old_x, middle_x, NULL);
	write_pem(c->other_ca, other_x, NULL, NULL);
	write_pem(c->other_key, NULL, NULL, other_key);
	X509_free(root_x);
	X509_free(other_x);
	X509_free(middle_x);
	X509_free(leaf_x);
	X509_free(old_x);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(middle_key);
	EVP_PKEY_free(leaf_key);
	EVP_PKEY_free(other_key);
}

void
tls_certs_make_in(struct tls_certs *c, const char *dir)
{
	snprintf(c->dir, sizeof(c->dir), "%s", dir);
	set_paths(c);
	make_all(c);
}

void
tls_certs_make(struct tls_certs *c)
{
	const char *tmp = getenv("TMPDIR");
	char dir[256];

	snprintf(dir, sizeof(dir), "%s/relaykit-certs-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	need(mkdtemp(dir), dir);
	tls_certs_make_in(c, dir);
}

void
tls_certs_remove(struct tls_certs *c)
{
	const char *const paths[] = { c->ca, c->chain, c->key, c->both,
		c->expired, c->other_ca, c->other_key };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		unlink(paths[i]);
	rmdir(c->dir);
}
