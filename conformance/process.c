/* Starting and ending the relays that are tested, by their process group. */
#include "config.h"

#include "conformance/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"

struct process {
	pid_t pid;
	bool exited; /* it has, but is not yet reaped: the group keeps its id */
	bool reaped;
	int status; /* where |signo| is 0 */
	int signo;
	char ending[48];
};

/* The folder of this program; false if it is not known. */
static bool
own_folder(char *out, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", out, size - 1);
	char *slash;

	if (n <= 0)
		return false;
	out[n] = '\0';
	slash = strrchr(out, '/');
	if (slash != NULL)
		*slash = '\0';
	return slash != NULL;
}

/*
 * Programs of ours lie beside the runner: in the build tree each in the
 * folder of its name, installed in bin and sbin.  Else the name itself.
 */
static char *
find_program(const char *name)
{
	char folder[PATH_MAX];
	char *path[2];

	if (strchr(name, '/') != NULL || !own_folder(folder, sizeof(folder)))
		return xstrdup(name);
	path[0] = xasprintf("%s/../%s/%s", folder, name, name);
	path[1] = xasprintf("%s/../sbin/%s", folder, name);
	for (int i = 0; i < 2; i++)
		if (access(path[i], X_OK) == 0) {
			free(path[1 - i]);
			return path[i];
		}
	free(path[0]);
	free(path[1]);
	return xstrdup(name);
}

/* The parent's handlers must not run in the child. */
static void
forget_handlers(void)
{
	struct sigaction a;

	for (int signo = 1; signo < NSIG; signo++)
		if (sigaction(signo, NULL, &a) == 0 &&
		    a.sa_handler != SIG_IGN && a.sa_handler != SIG_DFL)
			signal(signo, SIG_DFL);
}

/* In the child, which has the parent's memory and none of its own: never
 * returns.  Why it failed goes through |report|. */
static void
become(const char *program, char *const *argv, int log, int report,
    pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int reason;
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	forget_handlers();
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(log >= 0 ? log : null, STDOUT_FILENO);
	dup2(log >= 0 ? log : null, STDERR_FILENO);
	execvp(program, argv);
	reason = errno;
	if (write(report, &reason, sizeof(reason)) < 0)
		_exit(126);
	_exit(127);
}

/* 0 once the child has become the program, else its errno. */
static int
read_report(int fd)
{
	int reason = 0;
	ssize_t n;

	do
		n = read(fd, &reason, sizeof(reason));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(reason) ? reason : 0;
}

/* A copy of a runner that holds what hundreds of cases have recorded would
 * cost more than the program's start. */
static pid_t
start_child(const char *program, char *const *argv, int log, int report)
{
	pid_t parent = getpid(), pid = vfork();

	if (pid == 0)
		become(program, argv, log, report, parent);
	return pid;
}

static pid_t
fork_program(char *const *argv, int log, int *reason)
{
	char *program = find_program(argv[0]);
	sigset_t all, before;
	int pipe_fd[2];
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC) != 0) {
		*reason = errno;
		free(program);
		return -1;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = start_child(program, argv, log, pipe_fd[1]);
	*reason = pid < 0 ? errno : 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(pipe_fd[1]);
	if (pid > 0) {
		setpgid(pid, pid); /* whoever comes first */
		*reason = read_report(pipe_fd[0]);
	}
	close(pipe_fd[0]);
	free(program);
	return pid;
}

bool
process_is_there(const char *name, char *err, size_t err_size)
{
	char *program = find_program(name), *places, *place, *rest;
	const char *path = getenv("PATH");
	bool found = strchr(program, '/') != NULL && access(program, X_OK) == 0;
	int reason = errno;

	places = rest = xstrdup(path != NULL ? path : "/bin:/usr/bin");
	while (strchr(program, '/') == NULL && !found &&
	    (place = strsep(&rest, ":")) != NULL) {
		char *whole = xasprintf("%s/%s", place, program);

		found = access(whole, X_OK) == 0;
		reason = ENOENT;
		free(whole);
	}
	if (!found)
		snprintf(err, err_size, "cannot start %s: %s", name,
		    strerror(reason));
	free(places);
	free(program);
	return found;
}

struct process *
process_start(char *const *argv, const char *log, char *err, size_t err_size)
{
	struct process *p;
	int fd = -1, reason = 0;
	pid_t pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (log != NULL) {
		fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0) {
			snprintf(err, err_size, "cannot write %s: %s", log,
			    strerror(errno));
			return NULL;
		}
	}
	pid = fork_program(argv, fd, &reason);
	if (fd >= 0)
		close(fd);
	if (pid < 0 || reason != 0) {
		snprintf(err, err_size, "cannot start %s: %s", argv[0],
		    strerror(reason));
		if (pid > 0)
			waitpid(pid, NULL, 0);
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->pid = pid;
	return p;
}

pid_t
process_pid(const struct process *p)
{
	return p->pid;
}

bool
process_has_exited(struct process *p)
{
	siginfo_t info = { 0 };

	if (p->exited)
		return true;
	if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) !=
		0 ||
	    info.si_pid != p->pid)
		return false;
	p->exited = true;
	if (info.si_code == CLD_EXITED)
		p->status = info.si_status;
	else
		p->signo = info.si_status;
	snprintf(p->ending, sizeof(p->ending), "%s %d",
	    info.si_code == CLD_EXITED ? "exit status" : "signal",
	    info.si_status);
	return true;
}

const char *
process_ending(const struct process *p)
{
	return p->ending;
}

void
process_exit_status(const struct process *p, int *status, int *signo)
{
	*status = p->status;
	*signo = p->signo;
}

bool
process_signal(struct process *p, int signo)
{
	/* Not reaped, so that the id is still its own. */
	return !p->reaped && !process_has_exited(p) && kill(p->pid, signo) == 0;
}

/* A descriptor that is ready when it has ended; -1: this kernel has none. */
static int
open_pid(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Wait for the end until |deadline|; without a descriptor poll only waits. */
static bool
wait_until(struct process *p, int64_t deadline)
{
	struct pollfd end = { .fd = -1, .events = POLLIN };

	while (!process_has_exited(p)) {
		int64_t left = deadline - clock_mono_ns();

		if (left <= 0)
			break;
		if (end.fd < 0)
			end.fd = open_pid(p->pid);
		poll(&end, 1,
		    end.fd < 0 || left < 5 * NS_PER_MS
			? 5
			: (int)(left / NS_PER_MS));
	}
	if (end.fd >= 0)
		close(end.fd);
	return process_has_exited(p);
}

bool
process_stop(struct process *p, int signal, int64_t within_ns)
{
	bool in_time;

	if (p->reaped)
		return true;
	if (!process_has_exited(p))
		kill(-p->pid, signal);
	in_time = wait_until(p, clock_mono_ns() + within_ns);
	/* Not reaped yet, so that the group's id is still ours.  Its orphans
	 * have become our children. */
	kill(-p->pid, SIGKILL);
	wait_until(p, clock_mono_ns() + 10 * NS_PER_S);
	while (waitpid(-p->pid, NULL, 0) > 0 || errno == EINTR)
		;
	p->reaped = true;
	return in_time;
}

void
process_free(struct process *p)
{
	free(p);
}
