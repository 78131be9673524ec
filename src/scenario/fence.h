/*
 * Fences: markers that must arrive behind what must not.  Their own frames
 * never reach the script's inboxes.
 */
#ifndef SCENARIO_FENCE_H
#define SCENARIO_FENCE_H

#include "scenario/scenario.h"
#include "scenario/party.h"

struct fence_run;

/* A frame that a fence waits for: the Pong, the packet with these bytes, or
 * the PeerGone of this key, on that party. */
struct fence_mark {
	struct fence_mark *next;
	const struct party *party;
	enum rk_frame_kind kind;
	uint8_t bytes[64];
	size_t len;
	bool seen;
	bool many; /* it was sent several times */
};

/* Who has sent packets to whom: the script, or only a fence. */
struct fence_pair {
	struct fence_pair *next;
	struct rk_key from, to;
	bool by_script;
};

enum fence_status {
	FENCE_WAITS,
	FENCE_PASSED,
	FENCE_FAILED
};

/* |lanes|: those of the suspect (1 << RK_LANE_…), for the markers.  Begins
 * at once. */
struct fence_run *fence_new(struct play *p, enum fence_kind kind,
    struct party *a, struct party *b, unsigned lanes);
/*
 * Of kind data, where |b| may have more waiting than the relay keeps: what it
 * loses is sent again whenever something has come out, so that there was room.
 * Go on with fence_push().
 */
struct fence_run *fence_new_pushed(struct play *p, struct party *a,
    struct party *b, unsigned lanes);
/* |moved|: something has come out since the last time. */
enum fence_status fence_push(struct fence_run *f, bool moved);
void fence_free(struct fence_run *f); /* NULL is fine */
/* Go on as far as it goes; of a failure the reason. */
enum fence_status fence_poll(struct fence_run *f);
enum result_code fence_code(const struct fence_run *f);
const char *fence_reason(const struct fence_run *f);

/* Is this frame a fence's?  Asked once for each frame that arrives. */
bool fence_claims(struct play *p, const struct party *s,
    const struct rk_frame *f);
/* |from| sent a packet to |to|. */
void fence_note_packet(struct play *p, const struct rk_key *from,
    const struct rk_key *to, bool by_script);
/* Was |from| made known to |to| by fences alone? */
bool fence_made_known(const struct play *p, const struct rk_key *from,
    const struct rk_key *to);
void fence_forget_all(struct play *p);

#endif
