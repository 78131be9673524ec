/* A fake relay that obeys: a Ping of eight equal bytes is an order. */
#ifndef TESTS_ENGINE_ORDERS_H
#define TESTS_ENGINE_ORDERS_H

#include "fake_relay.h"

enum order {
	ORDER_OTHER = 0x01,      /* a Pong with other bytes */
	ORDER_LATE = 0x02,       /* the Pong after 150 ms */
	ORDER_NONE = 0x03,       /* nothing */
	ORDER_CLOSE = 0x04,      /* close */
	ORDER_RESET = 0x05,      /* close with RST */
	ORDER_TWICE = 0x06,      /* two Pongs */
	ORDER_HEALTH = 0x07,     /* Health, then the Pong */
	ORDER_LAWFUL = 0x08,     /* all that may come at any time, the Pong */
	ORDER_UNKNOWN = 0x09,    /* a frame of type 0x3f, the Pong */
	ORDER_HALF = 0x0a,       /* half a frame, close */
	ORDER_LONG = 0x0b,       /* a header with a length of 2 GiB */
	ORDER_NINE = 0x0e,       /* a Pong of nine bytes */
	ORDER_RESTARTING = 0x0f, /* in 1 s, for 2 s */
	ORDER_NUMBERS = 0x10,    /* packets with data 1, 2, 3, 4, 5 */
	ORDER_DISORDER = 0x11,   /* … 1, 2, 4, 3, 5 */
	ORDER_GONE = 0x12,       /* PeerGone of the client's own key */
	ORDER_PACKET = 0x13,     /* a packet "abc" of its own key */
	ORDER_BOTH = 0x14,       /* a disco-like packet, then a plain one */
	ORDER_FAREWELL = 0x15,   /* Health, close */
	ORDER_PING = 0x16,       /* a Ping: answered, its bytes are a Health */
	ORDER_LATE_CLOSE = 0x17, /* close after 150 ms */
	ORDER_WS_TEXT = 0x18,    /* a text message "hello", the Pong */
	ORDER_WS_PING = 0x19,    /* a WebSocket Ping, the Pong */
	ORDER_WS_CLOSE = 0x1a,   /* Close 1001 "bye" */
	ORDER_WS_MASKED = 0x1b,  /* a masked frame */
	ORDER_DEAF = 0x1c,       /* no Ping is answered any more */
	ORDER_WS_GOODBYE = 0x1d, /* Close 1001 "bye", close */
	ORDER_HALF_RESET = 0x1e  /* half a frame, close with RST */
};

/* Of A, in a script: the order (two hex digits), and one that is none. */
#define ORDER(n) "A -> Ping data=x\"" n "*8\"\n"
#define ALIVE    ORDER("a1") "A <- Pong data==x\"a1*8\"\n"

bool obey_orders(struct fake_client *c, const struct rk_frame *f);

#endif
