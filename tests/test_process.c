/* Programs that the runner starts. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "conformance/files.h"
#include "conformance/process.h"
#include "support.h"

/* What a shell says before it ends by itself. */
static char *
said_by(const char *script)
{
	char log[] = "/tmp/relaykit-process-XXXXXX", err[256] = "";
	char sh[] = "sh", c[] = "-c";
	char *argv[] = { sh, c, (char *)(uintptr_t)script, NULL };
	int fd = mkostemp(log, O_CLOEXEC);
	struct process *p = process_start(argv, log, err, sizeof(err));
	siginfo_t end;
	char *text;
	size_t len;

	ck_assert_int_ge(fd, 0);
	ck_assert_msg(p != NULL, "%s", err);
	ck_assert_int_eq(waitid(P_PID, (id_t)process_pid(p), &end,
			     WEXITED | WNOWAIT),
	    0);
	process_stop(p, SIGTERM, NS_PER_S);
	process_free(p);
	text = file_read(log, &len, err, sizeof(err));
	ck_assert_msg(text != NULL, "%s", err);
	unlink(log);
	close(fd);
	return text;
}

static size_t
count_of(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		n++;
	return n;
}

/* What a relay has open is counted: nothing of it may be ours. */
START_TEST(a_program_inherits_nothing_but_its_three_descriptors)
{
	char *open_files;

	/* Those that the test itself inherited are not the runner's. */
	for (int fd = STDERR_FILENO + 1; fd < 256; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	open_files = said_by("for fd in /proc/$$/fd/*; do readlink $fd; done");
	ck_assert_uint_eq(count_of(open_files, "/dev/null"), 1);
	ck_assert_uint_eq(count_of(open_files, "/tmp/relaykit-process-"), 2);
	free(open_files);
}
END_TEST

static Suite *
process_suite(void)
{
	Suite *s = suite_create("process");
	TCase *tc = tcase_create("process");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc,
	    a_program_inherits_nothing_but_its_three_descriptors);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(process_suite());
}
