/*
 * librelaykit: bytes to frames and back, for packet relays.  No descriptor,
 * no clock, no log, no global state.  This header includes all others.
 */
#ifndef RK_RELAYKIT_H
#define RK_RELAYKIT_H

#include "cursor.h"
#include "dialect.h"
#include "digest.h"
#include "errors.h"
#include "frame.h"
#include "http.h"
#include "keys.h"
#include "login.h"
#include "stun.h"
#include "upgrade.h"
#include "ws.h"

#endif
