#include "config.h"

#include "serve.h"

#include <stdio.h>

#include "net/loop.h"

int
serve(struct loop *l, const char *address, listener_fn on_accept, void *arg)
{
	char err[256];
	struct listener *li =
	    listener_new(l, address, on_accept, arg, err, sizeof(err));

	if (li == NULL) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	printf("listening http %s\nready\n", listener_address(li));
	fflush(stdout);
	loop_run(l);
	return 0;
}
