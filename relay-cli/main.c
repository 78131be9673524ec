/* relay-cli: the table of subcommands. */
#include "config.h"

#include "base/cli.h"
#include "codec/keys.h"
#include "relay-cli/commands.h"

/* clang-format off */
static const struct cli_command commands[] = {
	{ "ping", "log in and measure round trips to the relay", cmd_ping },
	{ "send", "send packets to the client with the public key DEST", cmd_send },
	{ "recv", "log in and print the packets that arrive", cmd_recv },
	{ "probe", "check each service of a relay; name what is dead", cmd_probe },
	{ "bench", "load, latencies, login storms, idle connections", cmd_bench },
	{ "decode", "print a capture as frames, one a line", cmd_decode },
	{ "keygen", "make a secret key; print its public key", cmd_keygen },
	{ "pubkey", "print the public key of a secret key", cmd_pubkey },
	{ NULL, NULL, NULL }
};
/* clang-format on */

static const struct cli_program program = {
	.name = "relay-cli",
	.summary = "a client for packet relays, for the shell",
	.commands = commands,
	.output_status = EXIT_USAGE,
	.epilogue =
	    "URL is http://, https:// (raw upgrade), ws:// or wss:// "
	    "(WebSocket).\n"
	    "Exit status: 0 done, 1 expectation missed, 2 usage, 3 cannot "
	    "connect,\n"
	    "4 TLS, 5 upgrade refused, 6 login refused, 7 closed by the "
	    "relay.\n"
	    "The manual is relay-cli(1).",
};

int
main(int argc, char **argv)
{
	if (rk_keys_init() != RK_OK) {
		cli_error("the crypto library did not start");
		return EXIT_USAGE;
	}
	return cli_main(&program, argc, argv);
}
