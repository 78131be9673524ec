/* relay-cli keygen, pubkey: secret keys in files. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/options.h"
#include "codec/keys.h"
#include "relay-cli/commands.h"
#include "relay-cli/options.h"

static const struct option keygen_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};
static const struct option pubkey_options[] = {
	{ "base32", no_argument, NULL, 'b' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void
print_public(FILE *f, const struct rk_secret_key *sk, bool base32)
{
	char text[RK_KEY_HEX_SIZE];
	struct rk_key pk;

	rk_secret_key_public(sk, &pk);
	if (base32)
		rk_key_base32(&pk, text);
	else
		rk_key_hex(&pk, text);
	fprintf(f, "%s\n", text);
}

/* A new file that only the owner can read; nothing is written over. */
static int
save(const char *file, const char *line, size_t len)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return cli_usage_error("cannot make the key file %s: %s%s",
		    file, strerror(errno),
		    errno == EEXIST ? "; remove it first" : "");
	n = write(fd, line, len);
	if (close(fd) != 0 || n != (ssize_t)len) {
		unlink(file);
		return cli_usage_error("cannot write the key file %s: %s", file,
		    n < 0 ? strerror(errno) : "no space");
	}
	return EXIT_OK;
}

int
cmd_keygen(int argc, char **argv)
{
	struct rk_secret_key sk;
	char line[RK_KEY_HEX_SIZE + 1];
	int c, status = EXIT_OK;

	opterr = 0;
	while ((c = options_getopt(argc, argv, "h", keygen_options)) != -1) {
		if (c != 'h')
			return cli_usage_error("unknown option '%s'",
			    argv[optind - 1]);
		puts("usage: relay-cli keygen [FILE]\n"
		     "Make a secret key.  With FILE it goes there, readable "
		     "by you alone, and the\npublic key to stdout; without, "
		     "the secret key goes to stdout and the public\nkey to "
		     "stderr.");
		return EXIT_OK;
	}
	if (argc - optind > 1)
		return cli_usage_error("keygen takes one FILE at most");
	rk_secret_key_generate(&sk);
	rk_secret_key_hex(&sk, line);
	strcat(line, "\n");
	if (optind < argc)
		status = save(argv[optind], line, strlen(line));
	else
		fputs(line, stdout);
	if (status == EXIT_OK)
		print_public(optind < argc ? stdout : stderr, &sk, false);
	explicit_bzero(line, sizeof(line));
	rk_secret_key_wipe(&sk);
	return status;
}

int
cmd_pubkey(int argc, char **argv)
{
	struct rk_secret_key sk;
	bool base32 = false;
	int c, status;

	opterr = 0;
	while ((c = options_getopt(argc, argv, "bh", pubkey_options)) != -1) {
		if (c == 'b') {
			base32 = true;
			continue;
		}
		if (c != 'h')
			return cli_usage_error("unknown option '%s'",
			    argv[optind - 1]);
		puts("usage: relay-cli pubkey [-b, --base32] FILE | -\n"
		     "Print the public key of the secret key in FILE, as hex "
		     "or base32.");
		return EXIT_OK;
	}
	if (argc - optind != 1)
		return cli_usage_error(
		    "usage: relay-cli pubkey [--base32] FILE | -");
	status = secret_key_load(argv[optind], &sk);
	if (status == EXIT_OK)
		print_public(stdout, &sk, base32);
	rk_secret_key_wipe(&sk);
	return status;
}
