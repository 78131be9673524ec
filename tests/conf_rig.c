#include "config.h"

#include "conf_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "codec/relaykit.h"
#include "support.h"

char path[40];
struct conf conf;
struct text log_lines;
char err[512];

static void
on_line(void *arg, enum log_level level, const char *line)
{
	text_addf(&log_lines, "%s\n", line);
}

void
conf_rig_setup(void)
{
	int fd;

	strcpy(path, "/tmp/test_relayd_conf.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	text_init(&log_lines);
	log_capture(on_line, NULL);
	conf_init(&conf, rk_dialects()[0]);
}

void
conf_rig_teardown(void)
{
	conf_clear(&conf);
	log_capture(NULL, NULL);
	text_clear(&log_lines);
	unlink(path);
}

enum conf_action
read_file(const char *text, const char *more)
{
	char *argv[20] = { xstrdup("relayd"), xstrdup("--config"),
		xstrdup(path) },
	     *words = xstrdup(more), *save = NULL;
	enum conf_action action;
	FILE *f = fopen(path, "w");
	int argc = 3;

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
	for (char *w = strtok_r(words, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = xstrdup(w);
	err[0] = '\0';
	action = conf_parse(&conf, argc, argv, err, sizeof(err));
	for (int i = 0; i < 20; i++) /* getopt may have moved them */
		free(argv[i]);
	free(words);
	return action;
}

void
read_fine(const char *text, const char *more)
{
	enum conf_action action = read_file(text, more);

	ck_assert_msg(action == CONF_RUN, "%d %s", action, err);
}

void
expect_listeners(const char *want)
{
	static const char *const names[LISTEN_NKINDS] = { "http", "https",
		"metrics", "stun" };
	struct text t;

	text_init(&t);
	for (int kind = 0; kind < LISTEN_NKINDS; kind++)
		for (size_t i = 0; i < conf.nlisten; i++)
			if ((int)conf.listen[i].kind == kind)
				text_addf(&t, "%s %s\n", names[kind],
				    conf.listen[i].address);
	ck_assert_str_eq(text_str(&t), want);
	text_clear(&t);
}
