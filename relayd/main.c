/* relayd: options, start, loop, stop. */
#include "config.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/cli.h"
#include "base/log.h"
#include "codec/dialect.h"
#include "codec/keys.h"
#include "net/loop.h"
#include "relayd/capture.h"
#include "relayd/conf.h"
#include "relayd/drain.h"
#include "relayd/fault.h"
#include "relayd/privileges.h"
#include "relayd/sandbox.h"
#include "relayd/server.h"
#include "relayd/service_manager.h"

enum {
	STATUS_FAILED = 1,
	STATUS_USAGE = 2
};

/* The first signal stops in good order, the next one kills. */
static void
on_stop_signal(void *arg, int signo)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	service_notify("STOPPING=1");
	server_stop(arg);
}

/* Each client is a descriptor: take as many as we may. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn("descriptors limit=unchanged");
}

/*
 * Receive buffers live for one turn: they shall come from memory that is
 * there, not from pages that the kernel has to clear each time.
 */
static void
keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 512 << 10);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

/* The command line, for reading everything again. */
struct reload {
	struct server *server;
	int argc;
	char **argv;
	struct timer *timer;
	int64_t every; /* 0: at SIGHUP only */
};

/* A bad reading changes nothing. */
static void
reload(const struct reload *r)
{
	struct conf conf;
	char err[512];

	conf_init(&conf, rk_dialects()[0]);
	conf.again = true;
	if (conf_parse(&conf, r->argc, r->argv, err, sizeof(err)) == CONF_RUN &&
	    server_reload(r->server, &conf, err, sizeof(err)))
		log_info("reloaded");
	else
		log_error("reload-failed reason=\"%s\"", err);
	conf_clear(&conf);
}

static void
on_reload_signal(void *arg, int signo)
{
	reload(arg);
}

static void
on_reload_time(void *arg)
{
	struct reload *r = arg;

	reload(r);
	timer_set(r->timer, r->every);
}

static bool
start_reloading(struct reload *r, struct loop *loop)
{
	if (r->every == 0)
		return true;
	r->timer = timer_new(loop, on_reload_time, r);
	if (r->timer != NULL)
		timer_set(r->timer, r->every);
	return r->timer != NULL;
}

static int
check_config(const struct conf *conf)
{
	char err[512];

	if (!server_check(conf, err, sizeof(err))) {
		cli_error("%s", err);
		return STATUS_FAILED;
	}
	printf("%s: nothing is wrong with it\n", conf->file);
	return cli_finish_stdout(STATUS_FAILED);
}

static void
on_drain_signal(void *arg, int signo)
{
	service_notify("STOPPING=1");
	drain_start(arg);
}

/* All is open: give up what is needed no more. */
static bool
give_up_rights(const struct server *s, char *err, size_t err_size)
{
	const struct conf *conf = s->conf;
	const struct capture *capture = server_capture(s);
	const char *why = "--no-sandbox";
	int new_files = capture != NULL ? capture_directory(capture) : -1;

	if (conf->user != NULL && !privileges_drop(conf->user, err, err_size))
		return false;
	if (conf->user != NULL)
		privileges_check_files(conf);
	if (capture != NULL &&
	    !capture_may_write(capture, conf->capture, err, err_size))
		return false;
	if (conf->no_sandbox || !sandbox_enter(new_files, &why))
		log_info("sandbox=none reason=\"%s\"", why);
	return true;
}

static int
serve(const struct conf *conf, int argc, char **argv)
{
	struct loop *loop = loop_new();
	struct server *s = loop != NULL ? server_new(conf, loop) : NULL;
	struct reload again = { s, argc, argv, NULL, conf->reload_every };
	char err[512] = "no memory";
	int status = STATUS_FAILED;

	if (s == NULL || server_listen(s, err, sizeof(err)) != 0) {
		cli_error("%s", err);
		goto out;
	}
	if (!loop_on_signal(loop, SIGINT, on_stop_signal, s) ||
	    !loop_on_signal(loop, SIGTERM, on_stop_signal, s) ||
	    !loop_on_signal(loop, SIGUSR1, on_drain_signal, s) ||
	    !loop_on_signal(loop, SIGHUP, on_reload_signal, &again) ||
	    !start_reloading(&again, loop)) {
		cli_error("cannot handle signals");
		goto out;
	}
	if (!give_up_rights(s, err, sizeof(err)) ||
	    server_start(s, err, sizeof(err)) != 0) {
		cli_error("%s", err);
		goto out;
	}
	server_print_ready(s, stdout);
	(void)cli_finish_stdout(STATUS_FAILED); /* who waits for it is told */
	service_notify("READY=1");
	log_info("started version=%s threads=%lld", PACKAGE_VERSION,
	    (long long)conf->threads);
	server_run(s);
	log_info("stopped");
	status = EXIT_SUCCESS;
out:
	timer_free(again.timer);
	server_free(s);
	loop_free(loop);
	return status;
}

int
main(int argc, char **argv)
{
	struct conf conf;
	enum conf_action action;
	char err[512];
	int status = EXIT_SUCCESS;

	cli_start("relayd");
	signal(SIGPIPE, SIG_IGN);
	if (rk_keys_init() != RK_OK) {
		cli_error("libsodium does not start");
		return STATUS_FAILED;
	}
	log_init("relayd", LOG_INFO);
	log_never_wait();
	if (!service_take_sockets(err, sizeof(err))) {
		cli_error("%s", err);
		return STATUS_FAILED;
	}
	conf_init(&conf, rk_dialects()[0]);
	action = conf_parse(&conf, argc, argv, err, sizeof(err));
	switch (action) {
	case CONF_HELP:
	case CONF_HELP_ALL:
		conf_print_help(stdout, action == CONF_HELP_ALL);
		status = cli_finish_stdout(STATUS_FAILED);
		break;
	case CONF_VERSION:
		cli_print_version("relayd");
		status = cli_finish_stdout(STATUS_FAILED);
		break;
	case CONF_FAULTS:
#ifdef HAVE_FAULTS
		fault_print(stdout, conf.json);
#endif
		status = cli_finish_stdout(STATUS_FAILED);
		break;
	case CONF_CHECKED:
		status = check_config(&conf);
		break;
	case CONF_ERROR:
		status = cli_usage_error("%s", err);
		break;
	case CONF_RUN:
		log_set_level(conf.log_level);
		raise_descriptor_limit();
		keep_memory();
#ifdef HAVE_FAULTS
		if (*fault_names() != '\0') {
			conf.threads = 1; /* faults are of one loop */
			log_warn("faulty on-purpose=%s", fault_names());
		}
#endif
		FAULT(HOOK_CONF, .conf = &conf);
		status = serve(&conf, argc, argv);
		break;
	}
	conf_clear(&conf);
	return status;
}
