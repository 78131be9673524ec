/* A certificate of one's own, for whoever has none: made anew each time. */
#include "config.h"

#include "net/tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/tls_internal.h"

#define VALID_DAYS 30
#define DAY_S      86400L

static bool
add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool
fill(X509 *x, EVP_PKEY *key, const char *names)
{
	X509_NAME *subject = X509_get_subject_name(x);
	static const unsigned char name[] = "relaykit";
	BIGNUM *serial = BN_new();
	bool ok = serial != NULL &&
	    BN_rand(serial, 64, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
	    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) != NULL;

	BN_free(serial);
	return ok && X509_set_version(x, X509_VERSION_3) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x), VALID_DAYS * DAY_S) !=
	    NULL &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1,
		-1, 0) == 1 &&
	    X509_set_issuer_name(x, subject) == 1 &&
	    X509_set_pubkey(x, key) == 1 &&
	    add_extension(x, NID_basic_constraints, "critical,CA:TRUE") &&
	    add_extension(x, NID_subject_alt_name, names) &&
	    X509_sign(x, key, EVP_sha256()) > 0;
}

static bool
save(X509 *x, const char *file)
{
	FILE *f = fopen(file, "wxe");
	bool ok;

	if (f == NULL)
		return false;
	ok = PEM_write_X509(f, x) == 1;
	return fclose(f) == 0 && ok;
}

struct tls_ctx *
tls_server_ctx_new_self_signed(const char *names, const char *save_as,
    char *err, size_t err_size)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	struct tls_ctx *ctx = NULL;

	if (key == NULL || x == NULL || !fill(x, key, names))
		snprintf(err, err_size, "cannot make a certificate for %s",
		    names);
	else if (save_as != NULL && !save(x, save_as))
		snprintf(err, err_size, "certificate %s: %s", save_as,
		    strerror(errno));
	else
		ctx = tls_server_ctx_new_of(x, key, err, err_size);
	X509_free(x);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ctx;
}
