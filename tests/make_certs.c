/* Writes certificates for tests into a directory: make_certs DIRECTORY. */
#include "config.h"

#include <stdio.h>

#include "tls_certs.h"

int
main(int argc, char **argv)
{
	struct tls_certs c;

	if (argc != 2) {
		fprintf(stderr, "usage: make_certs DIRECTORY\n");
		return 2;
	}
	tls_certs_make_in(&c, argv[1]);
	return 0;
}
