/* What a packet of relay-cli bench carries. */
#ifndef CLI_BENCH_PACKETS_H
#define CLI_BENCH_PACKETS_H

/* Its number in the pair and the time it was to be sent (or was, without
 * --rate), ns of the monotonic clock; each u64 of this machine.  The rest is
 * padding, or with --verify a piece of a random pool. */
#define BENCH_SIZE_MIN 16

#endif
