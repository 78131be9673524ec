/* relay-conformance: the table of subcommands. */
#include "config.h"

#include <locale.h>
#include <signal.h>

#include "base/cli.h"
#include "codec/keys.h"
#include "conformance/commands.h"
#include "conformance/judge.h"

/* clang-format off */
static const struct cli_command commands[] = {
	{ "run", "play scenarios against relays and judge what they do", cmd_run },
	{ "diff", "play the same steps on several relays; show where they differ", cmd_diff },
	{ "coverage", "every requirement, its scenarios, and what runs made of it", cmd_coverage },
	{ "deviations", "what is known to differ in a target; --write finds out", cmd_deviations },
	{ "judge", "the verdicts of a recorded run anew", cmd_judge },
	{ "list", "what would run, and what would not", cmd_list },
	{ "show", "a scenario: its text, requirements and cases", cmd_show },
	{ "explain", "what a code, a verdict or a scenario means", cmd_explain },
	{ "check", "read scenarios without playing them", cmd_check },
	{ "fmt", "lay scenario files out anew", cmd_fmt },
	{ "lift", "turn a capture into a scenario", cmd_lift },
	{ "replay", "play a capture against a relay; show what it does differently",
	  cmd_replay },
	{ "record", "carry clients to a relay and write what passes as a capture",
	  cmd_record },
	{ "shrink", "make a scenario as small as it can be and still show a failure",
	  cmd_shrink },
	{ "selftest", "play the suite on faulty relays: does it notice?", cmd_selftest },
	{ NULL, NULL, NULL }
};
/* clang-format on */

static const struct cli_program program = {
	.name = "relay-conformance",
	.summary = "is this packet relay correct?",
	.commands = commands,
	.output_status = EXIT_INFRASTRUCTURE,
	.epilogue =
	    "TARGET: http://, https://, ws://, wss://HOST:PORT, or a .target's "
	    "name or file.\n"
	    "Exit status: 0 all selected ran, none failed, 1 a failure, 2 "
	    "usage "
	    "or nothing\n"
	    "selected, 3 inconclusive, 4 target lost, report not writable, 5 "
	    "nothing tested,\n"
	    "6 error in a scenario, target or deviation file, 124 --timeout, "
	    "130 interrupted.",
};

int
main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	if (rk_keys_init() != RK_OK) {
		cli_error("the crypto library did not start");
		return EXIT_INFRASTRUCTURE;
	}
	return cli_main(&program, argc, argv);
}
