/* Time: monotonic for all deadlines, real only for dates.  Fakeable. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

int64_t clock_mono_ns(void);
int64_t clock_real_ns(void);

/* From here on both clocks stand at |ns| and move only by clock_advance. */
void clock_fake(int64_t ns);
void clock_advance(int64_t ns);
void clock_unfake(void);
bool clock_is_fake(void);

#endif
