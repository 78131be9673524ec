/* Whole files, in and out. */
#include "config.h"

#include "conformance/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/xalloc.h"
#include "conformance/judge.h"

#define MAX_FILE ((size_t)64 << 20)

static int
fail(const char *path, char *err, size_t err_size)
{
	snprintf(err, err_size, "%s: %s", path, strerror(errno));
	return -1;
}

/* A pipe that nobody writes into would never open, or never end: it has ended
 * already.  Of any other the first byte may be taken. */
static FILE *
open_file(const char *path, char *first, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t got = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
		got = read(fd, first, 1);
		if (got == 0) {
			close(fd);
			errno = EPIPE;
			return NULL;
		}
	}
	*n = got > 0 ? 1 : 0;
	fcntl(fd, F_SETFL, O_RDONLY);
	return fdopen(fd, "rb");
}

char *
file_read(const char *path, size_t *len, char *err, size_t err_size)
{
	char first = '\0', *buf = NULL;
	size_t n = 0, cap = 0;
	FILE *f = open_file(path, &first, &n);

	if (f == NULL && errno == EPIPE) {
		snprintf(err, err_size, "%s: a pipe that nobody writes into",
		    path);
		return NULL;
	}
	if (f == NULL) {
		fail(path, err, err_size);
		return NULL;
	}
	do {
		cap = cap * 2 + 4096;
		buf = xreallocarray(buf, cap + 1, 1);
		if (n == 1)
			buf[0] = first;
		n += fread(buf + n, 1, cap - n, f);
	} while (n == cap && cap < MAX_FILE);
	if (ferror(f)) {
		fail(path, err, err_size);
		free(buf);
		buf = NULL;
	} else if (n == cap) {
		snprintf(err, err_size, "%s: larger than 64 MiB", path);
		free(buf);
		buf = NULL;
	} else {
		buf[n] = '\0';
		*len = n;
	}
	fclose(f);
	return buf;
}

int
file_write(const char *path, const void *p, size_t len, char *err,
    size_t err_size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
	bool ok;

	if (f == NULL)
		return fail(path, err, err_size);
	ok = fwrite(p, 1, len, f) == len;
	if (fclose(f) == 0 && ok)
		return 0;
	return fail(path, err, err_size);
}

int
make_directories(const char *dir, mode_t mode)
{
	char *path = xstrdup(dir);
	int status = 0;

	for (char *p = path + 1; status == 0 && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, mode) != 0 && errno != EEXIST)
			status = -1;
		*p = '/';
	}
	if (status == 0 && mkdir(path, mode) != 0 && errno != EEXIST)
		status = -1;
	free(path);
	return status;
}

void
remove_dir(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

static void
forget(struct output *o)
{
	free(o->temporary);
	free(o->path);
	memset(o, 0, sizeof(*o));
}

static int
open_failed(struct output *o, char *err, size_t err_size)
{
	fail(o->path, err, err_size);
	forget(o);
	return -1;
}

int
output_is_in_the_way(const char *path)
{
	cli_error("%s is there already; --force writes over it", path);
	return EXIT_INFRASTRUCTURE;
}

int
output_refuse(const char *path, bool force)
{
	struct stat st;

	if (force || path == NULL || strcmp(path, "-") == 0 ||
	    stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return 0;
	return output_is_in_the_way(path);
}

int
output_open(struct output *o, const char *path, char *err, size_t err_size)
{
	struct stat st;
	mode_t mask;
	int fd;

	*o = (struct output){ .path = xstrdup(path) };
	if (strcmp(path, "-") == 0) {
		o->f = stdout;
		return 0;
	}
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		/* a device or pipe is written to, not replaced */
		o->f = fopen(path, "we");
		if (o->f != NULL)
			return 0;
		return open_failed(o, err, err_size);
	}
	o->temporary = xasprintf("%s.XXXXXX", path);
	fd = mkostemp(o->temporary, O_CLOEXEC);
	if (fd < 0)
		return open_failed(o, err, err_size);
	mask = umask(0);
	umask(mask);
	fchmod(fd, 0666 & ~mask);
	o->f = fdopen(fd, "w");
	return 0;
}

static int
copy_lines(struct output *o, FILE *from, const char *last, bool *some,
    char *err, size_t err_size)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	bool whole = true;
	int status = 0;

	while ((n = getline(&line, &size, from)) > 0) {
		*some = true;
		whole = line[n - 1] == '\n' &&
		    strncmp(line, last, strlen(last)) == 0;
		fwrite(line, 1, (size_t)n, o->f);
	}
	free(line);
	if (ferror(from)) {
		status = fail(o->path, err, err_size);
	} else if (!whole) {
		snprintf(err, err_size,
		    "%s: what is there does not end as a run does", o->path);
		status = -1;
	}
	return status;
}

int
output_append(struct output *o, const char *last, bool *some, char *err,
    size_t err_size)
{
	struct stat st;
	FILE *from;
	int status;

	*some = false;
	if (o->temporary == NULL) /* stdout, a device: nothing is replaced */
		return 0;
	o->appends = true;
	from = fopen(o->path, "re");
	if (from == NULL)
		return errno == ENOENT ? 0 : fail(o->path, err, err_size);
	if (fstat(fileno(from), &st) == 0) {
		o->before = st.st_ino;
		o->size_before = st.st_size;
	}
	status = copy_lines(o, from, last, some, err, err_size);
	fclose(from);
	return status;
}

/* Is what it goes on from still what bears its name? */
static bool
is_unchanged(const struct output *o)
{
	struct stat st;

	if (!o->appends)
		return true;
	if (stat(o->path, &st) != 0)
		return o->before == 0;
	return st.st_ino == o->before && st.st_size == o->size_before;
}

int
output_commit(struct output *o, char *err, size_t err_size)
{
	int status = 0;
	bool bad;

	if (o->f == NULL)
		return 0;
	if (strcmp(o->path, "-") == 0) {
		/* whoever flushes stdout last says what went wrong */
		fflush(o->f);
		forget(o);
		return 0;
	}
	if (!is_unchanged(o)) {
		snprintf(err, err_size,
		    "%s: another run was written there meanwhile", o->path);
		output_discard(o);
		return -1;
	}
	bad = ferror(o->f) != 0;
	/* It is long ago: what would another byte meet? */
	if (!bad || o->temporary == NULL || write(fileno(o->f), "", 1) >= 0)
		errno = EIO;
	if (fclose(o->f) != 0 || bad ||
	    (o->temporary != NULL && rename(o->temporary, o->path) != 0)) {
		status = fail(o->path, err, err_size);
		if (o->temporary != NULL)
			unlink(o->temporary);
	}
	forget(o);
	return status;
}

void
output_discard(struct output *o)
{
	if (o->f != NULL && strcmp(o->path, "-") != 0)
		fclose(o->f);
	if (o->temporary != NULL)
		unlink(o->temporary);
	forget(o);
}
