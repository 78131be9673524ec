/*
 * What verifiers of Ed25519 take that are more lenient than the dialect
 * allows.  For the faults alone: nothing of this is in the codec library.
 */
#ifndef RELAYD_FAULT_VERIFIER_H
#define RELAYD_FAULT_VERIFIER_H

#include "codec/keys.h"

/* Does the equation hold once both sides are multiplied by the cofactor?  S
 * must be reduced, and no key of small order passes. */
bool verifies_by_cofactor(const struct rk_key *pk, const void *msg, size_t len,
    const uint8_t sig[RK_SIGNATURE_LEN]);

/* S modulo the order of the group; false if it was below already. */
bool reduce_scalar(uint8_t s[RK_SIGNATURE_LEN / 2]);

#endif
