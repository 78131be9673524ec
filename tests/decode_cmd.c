/* The subcommand decode as a program of its own. */
#include "config.h"

#include "base/cli.h"
#include "codec/keys.h"
#include "relay-cli/commands.h"

int
main(int argc, char **argv)
{
	int status, output;

	cli_start("relay-cli");
	if (rk_keys_init() != RK_OK)
		return EXIT_USAGE;
	status = cmd_decode(argc, argv);
	output = cli_finish_stdout(1);
	return status != 0 ? status : output;
}
