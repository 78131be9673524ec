/*
 * The table of what is allowed.  Anything else fails with EPERM; starting or
 * tracing programs, which only an intruder does, kills the process.
 */
#include "config.h"

#include "relayd/sandbox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if !defined(HAVE_SECCOMP)

bool
sandbox_enter(int new_files, const char **why)
{
	*why = "built without libseccomp";
	return false;
}

#elif defined(SANITIZED)

bool
sandbox_enter(int new_files, const char **why)
{
	*why = "built with a sanitizer";
	return false;
}

#else

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <unistd.h>

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* clang-format off */
static const char *const allowed[] = {
	/* input and output */
	"read", "readv", "pread64", "write", "writev", "close", "lseek",
	"fcntl", "fcntl64", "_llseek", "dup", "pipe", "pipe2",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
	"poll", "ppoll", "select", "pselect6", "eventfd2",
	"timerfd_create", "timerfd_settime",
	/* looking at files */
	"stat", "lstat", "fstat", "stat64", "lstat64", "fstat64", "fstatat64",
	"newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
	"faccessat2", "readlink", "readlinkat", "getcwd", "getdents64",
	/* sockets; which ones, below */
	"connect", "bind", "accept", "accept4", "shutdown",
	"getsockname", "getpeername", "getsockopt", "setsockopt",
	"sendto", "sendmsg", "sendmmsg", "send",
	"recvfrom", "recvmsg", "recvmmsg", "recv",
	/* memory; libraries of name services are loaded when they are needed */
	"mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "brk",
	"mlock", "munlock",
	/* time and chance */
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep",
	"clock_gettime64", "gettimeofday", "time", "getrandom",
	/* signals */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
	"rt_sigpending", "sigaltstack", "sigreturn", "restart_syscall",
	/* threads */
	"futex", "set_robust_list", "get_robust_list", "rseq", "sched_yield",
	"sched_getaffinity", "set_tid_address", "membarrier",
	"exit", "exit_group",
	/* who and where */
	"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid",
	"getegid", "getuid32", "geteuid32", "getgid32", "getegid32",
	"uname", "sysinfo", "getrlimit", "ugetrlimit", "getrusage", "times",
};

static const char *const deadly[] = {
	"execve", "execveat", "ptrace", "process_vm_readv",
	"process_vm_writev", "init_module", "finit_module", "bpf",
	"userfaultfd", "keyctl", "add_key", "mount", "pivot_root",
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Names that this architecture does not have are passed over. */
static int
add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names,
    size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		if (nr >= 0)
			err = seccomp_rule_add(ctx, action, nr, 0);
	}
	return err;
}

/* |nr| where argument |arg|, under |mask|, is |value|. */
static int
add_if(scmp_filter_ctx ctx, int nr, unsigned arg, scmp_datum_t mask,
    scmp_datum_t value)
{
	struct scmp_arg_cmp cmp =
	    SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value);

	return nr < 0
	    ? 0
	    : seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, 1, &cmp);
}

#define WHOLE 0xffffffff /* int arguments: the upper half may be anything */

static int
add_conditions(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6,
		AF_NETLINK };
	static const unsigned long ioctls[] = { FIONREAD, FIONBIO, SIOCOUTQ,
		TCGETS };
	static const int prctls[] = { PR_SET_NAME, PR_GET_NAME };
	const scmp_datum_t writes =
	    O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
	int err = add_if(ctx, SCMP_SYS(openat), 2, writes, O_RDONLY);

	if (err == 0)
		err = add_if(ctx, SCMP_SYS(open), 1, writes, O_RDONLY);
	for (size_t i = 0; i < COUNT(families) && err == 0; i++)
		err = add_if(ctx, SCMP_SYS(socket), 0, WHOLE,
		    (scmp_datum_t)families[i]);
	for (size_t i = 0; i < COUNT(ioctls) && err == 0; i++)
		err = add_if(ctx, SCMP_SYS(ioctl), 1, WHOLE, ioctls[i]);
	for (size_t i = 0; i < COUNT(prctls) && err == 0; i++)
		err = add_if(ctx, SCMP_SYS(prctl), 0, WHOLE,
		    (scmp_datum_t)prctls[i]);
	if (err == 0) /* a thread, no process */
		err =
		    add_if(ctx, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	if (err == 0) /* to itself: abort() */
		err = add_if(ctx, SCMP_SYS(tgkill), 0, WHOLE,
		    (scmp_datum_t)getpid());
	if (err == 0) /* limits are read, not set */
		err = add_if(ctx, SCMP_SYS(prlimit64), 2, UINT64_MAX, 0);
	return err;
}

/* Made there by their name, never opened: with O_EXCL, without O_TRUNC. */
static int
add_new_files(scmp_filter_ctx ctx, scmp_datum_t dir)
{
	const scmp_datum_t flags =
	    O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
	const struct scmp_arg_cmp cmp[] = {
		SCMP_CMP(0, SCMP_CMP_MASKED_EQ, WHOLE, dir),
		SCMP_CMP(2, SCMP_CMP_MASKED_EQ, flags,
		    O_WRONLY | O_CREAT | O_EXCL),
	};

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat),
	    COUNT(cmp), cmp);
}

static int
add_rules(scmp_filter_ctx ctx, int new_files)
{
	int err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);

	if (err == 0)
		err = add_names(ctx, SCMP_ACT_ALLOW, allowed, COUNT(allowed));
	if (err == 0)
		err = add_names(ctx, SCMP_ACT_KILL_PROCESS, deadly,
		    COUNT(deadly));
	if (err == 0)
		err = add_conditions(ctx);
	if (err == 0 && new_files >= 0)
		err = add_new_files(ctx, (scmp_datum_t)new_files);
	/* Its flags cannot be looked at; the C library then uses clone. */
	if (err == 0)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
		    SCMP_SYS(clone3), 0);
	return err;
}

bool
sandbox_enter(int new_files, const char **why)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = ctx != NULL ? add_rules(ctx, new_files) : -ENOMEM;

	*why = "the rules were not accepted";
	if (err == 0) {
		*why = "the kernel does not take it";
		err = seccomp_load(ctx);
	}
	if (ctx != NULL)
		seccomp_release(ctx);
	return err == 0;
}

#endif
