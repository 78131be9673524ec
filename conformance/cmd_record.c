/* record: a proxy that writes what passes between clients and a relay. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/files.h"
#include "conformance/judge.h"
#include "conformance/options.h"
#include "conformance/record.h"
#include "net/tls.h"

#define MIN_BYTES 4096

struct recording {
	struct options o;
	struct record_config config;
	struct loop *loop;
	bool failed;
};

static void
on_signal(void *arg, int signo)
{
	struct recording *r = arg;

	loop_stop(r->loop);
}

static void
on_line(void *arg, const char *line)
{
	cli_error("%s", line);
}

/* Also said where nothing is to be said of clients. */
static void
on_full(void *arg, bool relay_side)
{
	const struct recording *r = arg;

	cli_error("%s has its size; what comes is carried, not written",
	    relay_side ? r->o.relay_side : r->o.output);
}

static void
on_failure(void *arg)
{
	struct recording *r = arg;

	r->failed = true;
	loop_stop(r->loop);
}

/* ---- what is asked for ---- */

static int
read_words(struct recording *r)
{
	const struct options *o = &r->o;
	struct record_config *c = &r->config;
	char err[512];

	if (o->narguments != 0)
		return cli_usage_error("record takes no argument '%s'",
		    o->arguments[0]);
	if (o->listen == NULL || o->to == NULL || o->output == NULL)
		return cli_usage_error("record needs --listen ADDR:PORT, "
				       "--to URL and -o FILE");
	if (o->key != NULL && o->cert == NULL)
		return cli_usage_error("--key needs --cert");
	if (o->cert != NULL && o->save_cert != NULL)
		return cli_usage_error("--save-cert is for a certificate that "
				       "is made, not for one of --cert");
	if (o->relay_side != NULL && strcmp(o->relay_side, o->output) == 0)
		return cli_usage_error("--relay-side needs a file of its own");
	if (o->max_bytes != 0 && o->max_bytes < MIN_BYTES)
		return cli_usage_error("--max-bytes: less than %d hold nothing",
		    MIN_BYTES);
	if (relay_url_parse(o->to, &c->to, err, sizeof(err)) != 0)
		return cli_usage_error("--to: %s", err);
	c->listen = o->listen;
	c->resolve = o->target.resolve;
	c->sni = o->target.sni != NULL ? o->target.sni : c->to.host;
	c->max = (uint64_t)o->max_bytes;
	c->on_line = o->quiet ? NULL : on_line;
	c->on_full = on_full;
	c->on_failure = on_failure;
	c->arg = r;
	return 0;
}

static int
make_tls(struct recording *r)
{
	const struct options *o = &r->o;
	const struct tls_client_config client = {
		.cafile = o->target.cafile,
		.insecure = o->target.insecure,
		.alpn = "http/1.1",
	};
	char err[512];

	r->config.server = o->cert != NULL
	    ? tls_server_ctx_new(o->cert, o->key, NULL, err, sizeof(err))
	    : tls_server_ctx_new_self_signed("DNS:localhost,IP:127.0.0.1,IP:::"
					     "1",
		  o->save_cert, err, sizeof(err));
	if (r->config.server != NULL && r->config.to.tls)
		r->config.client =
		    tls_client_ctx_new(&client, err, sizeof(err));
	if (r->config.server != NULL &&
	    (r->config.client != NULL || !r->config.to.tls))
		return 0;
	cli_error("%s", err);
	return EXIT_INFRASTRUCTURE;
}

/* The file holds secrets: it is for its owner. */
static int
open_output(const struct recording *r, const char *path, FILE **out)
{
	int flags =
	    O_WRONLY | O_CREAT | O_CLOEXEC | (r->o.force ? O_TRUNC : O_EXCL);
	int fd = open(path, flags, 0600);

	if (fd < 0 && errno == EEXIST)
		return output_is_in_the_way(path);
	*out = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (*out != NULL)
		return 0;
	cli_error("cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return EXIT_INFRASTRUCTURE;
}

static void
remove_outputs(const struct recording *r)
{
	unlink(r->o.output);
	if (r->o.relay_side != NULL)
		unlink(r->o.relay_side);
}

static int
open_outputs(struct recording *r)
{
	struct record_config *c = &r->config;
	int status = open_output(r, r->o.output, &c->out);

	if (status != 0 || r->o.relay_side == NULL)
		return status;
	status = open_output(r, r->o.relay_side, &c->relay_out);
	if (status != 0) {
		fclose(c->out);
		unlink(r->o.output);
	}
	return status;
}

/* ---- the work ---- */

static int
carry(struct recording *r)
{
	struct record *record;
	char err[512];

	loop_on_signal(r->loop, SIGINT, on_signal, r);
	loop_on_signal(r->loop, SIGTERM, on_signal, r);
	loop_on_signal(r->loop, SIGHUP, on_signal, r);
	record = record_new(r->loop, &r->config, err, sizeof(err));
	if (record == NULL) {
		remove_outputs(r);
		cli_error("%s", err);
		return EXIT_INFRASTRUCTURE;
	}
	printf("listening relay %s\nready\n", record_address(record));
	fflush(stdout);
	loop_run(r->loop);
	if (record_close(record) && !r->failed)
		return EXIT_GOOD;
	cli_error("cannot write all of %s%s%s", r->o.output,
	    r->o.relay_side != NULL ? " and " : "",
	    r->o.relay_side != NULL ? r->o.relay_side : "");
	return EXIT_INFRASTRUCTURE;
}

static int
record(struct recording *r)
{
	int status = read_words(r);

	if (status == 0)
		status = make_tls(r);
	if (status == 0)
		status = open_outputs(r);
	if (status != 0)
		return status;
	r->loop = loop_new();
	if (r->loop != NULL)
		return carry(r);
	fclose(r->config.out);
	if (r->config.relay_out != NULL)
		fclose(r->config.relay_out);
	cli_error("the event loop did not start");
	return EXIT_INFRASTRUCTURE;
}

int
cmd_record(int argc, char **argv)
{
	struct recording r = { 0 };
	int status =
	    options_parse(&r.o, FOR_RECORD, RECORD_SYNOPSIS, argc, argv);

	if (status == 0 && !r.o.help)
		status = record(&r);
	tls_ctx_free(r.config.server);
	tls_ctx_free(r.config.client);
	loop_free(r.loop);
	options_clear(&r.o);
	return status;
}
