/* A process that the runner started, with all that it starts: a group. */
#ifndef CONFORMANCE_PROCESS_H
#define CONFORMANCE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process;

/*
 * Start |argv| in a process group of its own, with both outputs appended to
 * |log| (NULL: thrown away) and nothing to read.  A first word without a
 * slash is looked for beside this program, then on PATH.  It dies with the
 * runner.  NULL with one line in |err|; a program that cannot be executed
 * is found here.
 */
struct process *process_start(char *const *argv, const char *log, char *err,
    size_t err_size);
/* Is there a program of that first word?  False with one line in |err|. */
bool process_is_there(const char *name, char *err, size_t err_size);
pid_t process_pid(const struct process *p);
/* Has it ended by itself?  Does not wait. */
bool process_has_exited(struct process *p);
/* "exit status 3", "signal 11"; "" while it runs. */
const char *process_ending(const struct process *p);
/* The same in numbers: *signo is 0 where it exited by itself. */
void process_exit_status(const struct process *p, int *status, int *signo);
/* To the process alone; false if it is not there any more. */
bool process_signal(struct process *p, int signo);
/*
 * End it and its group: |signal|, and SIGKILL for what is still there after
 * |within_ns|.  True if it ended in time.  Nothing of the group is left.
 */
bool process_stop(struct process *p, int signal, int64_t within_ns);
void process_free(struct process *p); /* stopped before; NULL is fine */

#endif
