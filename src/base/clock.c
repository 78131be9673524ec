/* The two clocks, and the one that tests move by hand. */
#include "config.h"

#include "base/clock.h"

#include <time.h>

static bool fake;
static int64_t fake_ns;

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	if (fake)
		return fake_ns;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t
clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t
clock_real_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

void
clock_fake(int64_t ns)
{
	fake = true;
	fake_ns = ns;
}

void
clock_advance(int64_t ns)
{
	fake_ns += ns;
}

void
clock_unfake(void)
{
	fake = false;
}

bool
clock_is_fake(void)
{
	return fake;
}
