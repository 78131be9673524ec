/* Which .dev file goes with which target of a run. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/xalloc.h"
#include "conformance/run.h"

/* |name| as seen from the folder of |file|; for free(). */
static char *
path_beside(const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	size_t n = slash != NULL ? (size_t)(slash - file) : 0;

	if (name[0] == '/' || slash == NULL)
		return xstrdup(name);
	/* Files inside the program have no "..": fold it. */
	while (n > 0 && strncmp(name, "../", 3) == 0) {
		size_t up = n;

		while (up > 0 && file[up - 1] != '/')
			up--;
		if (up == 0 || strncmp(file + up, "..", n - up) == 0)
			break;
		n = up - 1;
		name += 3;
	}
	return xasprintf("%.*s/%s", (int)n, file, name);
}

/* The file that goes with the target, for free(); NULL: none does. */
static char *
file_of(const struct run *r, const struct run_target *rt)
{
	const struct target *t = rt->target;

	if (r->o->no_deviations || r->observe)
		return NULL;
	if (r->o->deviations != NULL)
		return xstrdup(r->o->deviations);
	if (rt->declared != NULL)
		return xstrdup(rt->declared);
	if (t->file == NULL || t->file->deviations == NULL)
		return NULL;
	return path_beside(t->file->path, t->file->deviations);
}

static int
read_one(struct run *r, struct run_target *t, struct text *errors)
{
	const struct target *target = t->target;
	char *path = file_of(r, t);
	bool inside = target->inside && r->o->deviations == NULL;
	int status = 0;

	if (path == NULL)
		return 0;
	t->deviations = deviations_read(path, inside, errors);
	if (t->deviations == NULL) {
		status = -1;
	} else if (target->file != NULL &&
	    strcmp(t->deviations->target, target->name) != 0) {
		text_addf(errors, "%s:%d: it is about target %s, not %s\n",
		    path, t->deviations->target_line, t->deviations->target,
		    target->name);
		status = -1;
	} else {
		status =
		    deviations_begin(t->deviations, t->list, r->date, errors);
	}
	free(path);
	return status;
}

int
run_read_deviations(struct run *r)
{
	struct text errors;
	int status = 0;

	text_init(&errors);
	for (size_t i = 0; i < r->ntargets; i++)
		if (read_one(r, &r->targets[i], &errors) != 0)
			status = EXIT_SCRIPT;
	if (errors.len > 0) {
		fflush(stdout);
		fputs(text_str(&errors), stderr);
	}
	text_clear(&errors);
	return status;
}
