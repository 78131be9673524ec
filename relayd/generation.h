/*
 * The two generations of the dialect iroh-v3 differ in what their relays
 * serve and count (specification, section 10).
 */
#ifndef RELAYD_GENERATION_H
#define RELAYD_GENERATION_H

enum generation {
	GENERATION_028 = 1,
	GENERATION_035 = 2,
	GENERATION_OWN = 4, /* what neither has */
	GENERATION_BOTH = 7 /* 0.28, and what 0.35's clients need */
};

#endif
