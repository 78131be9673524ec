/*
 * Options that are not on the command line: lines "NAME [VALUE]" of a file,
 * relay-conformance.conf or what RELAY_CONFORMANCE_CONF names (nothing: no
 * file), then the variables RELAY_CONFORMANCE_NAME.
 */
#ifndef CONFORMANCE_OUTSIDE_H
#define CONFORMANCE_OUTSIDE_H

struct outside_option {
	char *origin; /* "relay-conformance.conf:3", "RELAY_CONFORMANCE_SEED" */
	char *name;   /* "seed" */
	char *value;  /* "" if there is none */
	int used;     /* the command has such an option */
};

struct outside {
	struct outside_option *options; /* later ones win */
	unsigned n;
};

/* 0, or the exit status of what was said on stderr. */
int outside_read(struct outside **out);
void outside_free(struct outside *o); /* NULL is fine */
/* Children are not to have them: out of the environment. */
void outside_forget(void);

#endif
