/* The subcommands, one file each. */
#ifndef CONFORMANCE_COMMANDS_H
#define CONFORMANCE_COMMANDS_H

#define RUN_SYNOPSIS      "[options] TARGET… [SELECT…]"
#define DIFF_SYNOPSIS     "TARGET TARGET… [SELECT…] | --runs FILE FILE…"
#define LIST_SYNOPSIS     "[options] [TARGET] [SELECT…]"
#define SHOW_SYNOPSIS     "ID… | FILE.rly…"
#define EXPLAIN_SYNOPSIS  "ID | E-CODE | VERDICT…"
#define CHECK_SYNOPSIS    "[FILE…]"
#define FMT_SYNOPSIS      "[--check] FILE…"
#define LIFT_SYNOPSIS     "[options] FILE"
#define REPLAY_SYNOPSIS   "[options] FILE TARGET"
#define RECORD_SYNOPSIS   "--listen ADDR:PORT --to URL -o FILE"
#define SHRINK_SYNOPSIS   "[options] --while E-CODE FILE TARGET [ID]"
#define SELFTEST_SYNOPSIS "[options] [--mutate-scripts [FILE…]]"

#define DEVIATIONS_SYNOPSIS "[--write FILE] [options] TARGET [SELECT…]"
#define JUDGE_SYNOPSIS      "[options] RUN.JSONL… [FILE.RLY…]"
#define COVERAGE_SYNOPSIS   "[--runs FILE] [--json]"

int cmd_run(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_coverage(int argc, char **argv);
int cmd_deviations(int argc, char **argv);
int cmd_judge(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_fmt(int argc, char **argv);
int cmd_lift(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_shrink(int argc, char **argv);
int cmd_selftest(int argc, char **argv);

#endif
