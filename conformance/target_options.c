/* What the command line says about targets, before one of them is asked:
 * what would end every connection is no fault of the target's. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/judge.h"
#include "conformance/target.h"
#include "net/dial.h"
#include "net/tls.h"
#include "scenario/parse.h"

/* ---- capabilities ---- */

bool
target_check_cap(const char *cap, char *err, size_t err_size)
{
	const char *const *words = capability_words();
	const char *near;

	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], cap) == 0)
			return true;
	near = text_nearest(cap, words);
	snprintf(err, err_size, "there is no capability \"%s\"%s%s%s", cap,
	    near != NULL ? "; is \"" : "", near != NULL ? near : "",
	    near != NULL ? "\" meant?" : "");
	return false;
}

/* Words between commas or blanks. */
static bool
check_caps(const char *list, char *err, size_t err_size)
{
	bool ok = true;

	for (const char *p = list; ok && p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ", ");
		char *cap = xstrndup(p, n);

		ok = n == 0 || target_check_cap(cap, err, err_size);
		free(cap);
		p += n + (p[n] != '\0');
	}
	return ok;
}

/* ---- places ---- */

static bool
is_url(const char *what, const char *url, char *err, size_t err_size)
{
	struct relay_url u;
	char why[400];

	if (url == NULL || relay_url_parse(url, &u, why, sizeof(why)) == 0)
		return true;
	snprintf(err, err_size, "%s: %s", what, why);
	return false;
}

bool
target_check_places(const char *plain, const char *metrics, const char *stun,
    char *err, size_t err_size)
{
	struct relay_url u;
	char *url;
	bool ok;

	if (!is_url("plain", plain, err, err_size) ||
	    !is_url("metrics", metrics, err, err_size))
		return false;
	if (stun == NULL)
		return true;
	url = xasprintf("http://%s", stun);
	ok = relay_url_parse(url, &u, err, err_size) == 0 && !u.default_port &&
	    u.path[0] == '\0';
	free(url);
	if (!ok)
		snprintf(err, err_size, "stun: '%s' is not HOST:PORT", stun);
	return ok;
}

/* ---- all of it ---- */

static bool
check_files(const struct target_options *o, bool keylog, char *err,
    size_t err_size)
{
	const struct tls_client_config c = {
		.cafile = o->cafile,
		.insecure = o->cafile == NULL,
		.keylog = keylog ? o->keylog : NULL,
	};
	struct tls_ctx *ctx;

	if (c.cafile == NULL && c.keylog == NULL)
		return true;
	ctx = tls_client_ctx_new(&c, err, err_size);
	tls_ctx_free(ctx);
	return ctx != NULL;
}

int
target_options_check(const struct target_options *o)
{
	char err[512];
	int status = EXIT_USAGE;

	if (o->resolve != NULL && !dial_resolve_is_valid(o->resolve))
		snprintf(err, sizeof(err),
		    "--resolve: '%s' is not "
		    "HOST:PORT:ADDR",
		    o->resolve);
	else if (o->sni != NULL && o->sni[0] == '\0')
		snprintf(err, sizeof(err), "--sni: an empty name");
	else if (check_caps(o->caps, err, sizeof(err)) &&
	    target_check_places(o->plain_url, o->metrics_url, o->stun, err,
		sizeof(err)) &&
	    check_files(o, false, err, sizeof(err)))
		status = check_files(o, true, err, sizeof(err))
		    ? EXIT_GOOD
		    : EXIT_INFRASTRUCTURE;
	if (status != EXIT_GOOD)
		cli_error("%s", err);
	return status;
}
