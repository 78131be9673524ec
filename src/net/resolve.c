/*
 * getaddrinfo() on worker threads.  A job is shared by its worker and its
 * loop, and the last to let go frees it; so a lookup can be given up while
 * its worker still waits for a name server.
 */
#include "config.h"

#include "net/resolve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <sys/eventfd.h>

#include "net/loop.h"

#define WORKERS_MAX  16
/* name service modules need more than the smallest stack */
#define WORKER_STACK 1048576

/* What the worker and the loop share. */
struct job {
	struct job *next;
	atomic_int users;
	atomic_bool done; /* what is below is complete */
	int wake_fd;      /* eventfd: readable when done */
	char port[8];
	char host[256]; /* the worker's, from the beginning on */
	struct addrinfo *list;
	int status; /* of getaddrinfo() */
	int error;  /* errno, for EAI_SYSTEM */
};

struct lookup {
	struct job *job;
	struct watch *watch;
	void (*on_done)(void *arg, const struct addrinfo *list,
	    const char *error);
	void *arg;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct job *queue_head, **queue_tail = &queue_head;
static unsigned nworkers;

static void
job_release(struct job *j)
{
	if (atomic_fetch_sub(&j->users, 1) != 1)
		return;
	if (j->list != NULL)
		freeaddrinfo(j->list);
	if (j->wake_fd >= 0)
		close(j->wake_fd);
	free(j);
}

/* ---- the worker's side */

static bool
remove_final_dot(char *host)
{
	size_t len = strlen(host);

	if (len < 2 || host[len - 1] != '.')
		return false;
	host[len - 1] = '\0';
	return true;
}

static bool
is_localhost(const char *host)
{
	return strcasecmp(host, "localhost.") == 0;
}

static void
job_run(struct job *j)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };

	/* the hosts file knows names without the dot only */
	if (is_localhost(j->host))
		remove_final_dot(j->host);
	j->status = getaddrinfo(j->host, j->port, &hints, &j->list);
	if (j->status != 0 && remove_final_dot(j->host))
		j->status = getaddrinfo(j->host, j->port, &hints, &j->list);
	j->error = errno;
	if (j->status != 0)
		j->list = NULL;
}

/* The next job, or NULL: the worker is done then. */
static struct job *
next_job(void)
{
	struct job *j;

	pthread_mutex_lock(&lock);
	j = queue_head;
	if (j == NULL) {
		nworkers--;
	} else {
		queue_head = j->next;
		if (queue_head == NULL)
			queue_tail = &queue_head;
	}
	pthread_mutex_unlock(&lock);
	return j;
}

static void *
worker(void *arg)
{
	struct job *j;

	while ((j = next_job()) != NULL) {
		uint64_t one = 1;

		job_run(j);
		atomic_store(&j->done, true);
		(void)!write(j->wake_fd, &one, sizeof(one));
		job_release(j);
	}
	return NULL;
}

/* ---- the loop's side */

/* Signals are for the thread of the loop. */
static int
start_worker(void)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t thread;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attr, worker, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

/* Hand the job to a worker; false, with errno, if there is none and none can be
 * made. */
static bool
enqueue(struct job *j)
{
	int error = 0;

	pthread_mutex_lock(&lock);
	if (nworkers < WORKERS_MAX) {
		error = start_worker();
		if (error == 0)
			nworkers++;
	}
	if (nworkers > 0) {
		*queue_tail = j;
		queue_tail = &j->next;
		error = 0;
	}
	pthread_mutex_unlock(&lock);
	errno = error;
	return error == 0;
}

static void
on_job_done(void *arg, int what)
{
	struct lookup *lk = arg;
	struct job *j = lk->job;

	if (!atomic_load(&j->done))
		return;
	watch_set(lk->watch, 0);
	lk->on_done(lk->arg, j->list,
	    j->status == 0                ? NULL
		: j->status == EAI_SYSTEM ? strerror(j->error)
					  : gai_strerror(j->status));
}

static struct job *
job_new(const char *host, unsigned port)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	atomic_init(&j->users, 2);
	snprintf(j->port, sizeof(j->port), "%u", port);
	snprintf(j->host, sizeof(j->host), "%s", host);
	j->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (j->wake_fd < 0) {
		free(j);
		return NULL;
	}
	return j;
}

struct lookup *
lookup_start(struct loop *l, const char *host, unsigned port,
    void (*on_done)(void *arg, const struct addrinfo *list, const char *error),
    void *arg)
{
	struct lookup *lk = calloc(1, sizeof(*lk));
	struct job *j = job_new(host, port);

	if (lk == NULL || j == NULL)
		goto failed;
	lk->job = j;
	lk->on_done = on_done;
	lk->arg = arg;
	lk->watch = watch_new(l, j->wake_fd, on_job_done, lk);
	if (lk->watch == NULL)
		goto failed;
	watch_set(lk->watch, WATCH_READ);
	if (enqueue(j))
		return lk;
	watch_free(lk->watch);
failed:
	if (j != NULL) {
		atomic_store(&j->users, 1);
		job_release(j);
	}
	free(lk);
	return NULL;
}

void
lookup_free(struct lookup *lk)
{
	if (lk == NULL)
		return;
	watch_free(lk->watch);
	job_release(lk->job);
	free(lk);
}

bool
lookups_are_under_way(void)
{
	bool some;

	pthread_mutex_lock(&lock);
	some = nworkers > 0;
	pthread_mutex_unlock(&lock);
	return some;
}
