/* The faults of tests/faulty_client: what each is, as data. */
#ifndef TESTS_FAULTY_CLIENT_H
#define TESTS_FAULTY_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

/* Where in the client it sits; |arg| of a fault is one of the words below
 * its kind. */
enum fault_kind {
	FAULT_REQUEST,
	FAULT_ANSWER,
	FAULT_LOGIN,
	FAULT_CHATTER,
	FAULT_STAYS,  /* where it should leave */
	FAULT_LEAVES, /* where it should stay */
	FAULT_PONG,
	FAULT_RETURN,
	FAULT_CONNECT,
	FAULT_SILENCE,
	FAULT_TLS,
	FAULT_SEND
};

enum {
	REQUEST_POST,
	REQUEST_DERP,
	REQUEST_OWN_PATH,
	REQUEST_HTTP_1_0,
	REQUEST_TOKEN,
	REQUEST_NO_HOST,
	REQUEST_NO_PORT,
	REQUEST_OTHER_HOST,
	REQUEST_HOST_DOT,
	REQUEST_TWO_HOSTS,
	REQUEST_WS_NO_CONNECTION,
	REQUEST_WS_NO_VERSION,
	REQUEST_WS_VERSION_8
};

enum {
	ANSWER_NOT_AWAITED,
	ANSWER_HALF_AWAITED,
	ANSWER_WANTS_UPGRADE,
	ANSWER_WANTS_CONNECTION,
	ANSWER_ANY_STATUS,
	ANSWER_STATUS,  /* that of |type| is welcome */
	ANSWER_INTERIM, /* that of |type| is taken for the last word */
	ANSWER_DROPS_REST,
	ANSWER_NO_HTTP /* what cannot be read is welcome */
};

enum {
	LOGIN_NONE,
	LOGIN_TWICE,
	LOGIN_PING_FIRST,
	LOGIN_BAD_MAGIC,
	LOGIN_VERSION_2,
	LOGIN_LONG_MESSAGE,
	LOGIN_BAD_SIGNATURE,
	LOGIN_OTHER_KEY
};

enum {
	CHATTER_PINGS,
	CHATTER_KEEP_ALIVE,
	CHATTER_PREFERRED,
	CHATTER_PACKETS
};

enum {
	STAYS_AT_TOO_LONG,
	STAYS_AT_UNKNOWN,
	STAYS_AT_LENGTH, /* of the frame |type| */
	STAYS_AT_CLIENT_FRAME,
	STAYS_AT_UTF8
};

enum {
	LEAVES_AT_TYPE,
	LEAVES_AT_EMPTY, /* a frame of |type| without text or data */
	LEAVES_AT_BIGGEST
};

enum {
	PONG_NONE,
	PONG_ONCE,
	PONG_ZEROS,
	PONG_REVERSED,
	PONG_LAST_BYTE,
	PONG_AS_PING
};

enum {
	RETURN_NEVER,
	RETURN_ONCE
};

enum {
	CONNECT_PATIENT,
	CONNECT_FOR_GOOD
};

enum {
	SILENCE_FOR_EVER,
	SILENCE_HASTY
};

enum {
	TLS_TRUSTS_ALL,
	TLS_NO_NAME,
	TLS_NAME_DOT,
	TLS_OTHER_NAME
};

enum {
	SEND_ANY,     /* whatever its length */
	SEND_ONE_OVER /* one byte too many is fine */
};

struct fault {
	const char *name;
	const char *level;
	const char *requirement; /* "R-043" */
	const char *text;
	enum fault_kind kind;
	int arg;
	uint32_t type; /* of a frame, or an HTTP status */
};

const struct fault *fault_by_name(const char *name); /* NULL: none */
/* The list on stdout, as relayd --fault help prints its own; 0. */
int faults_print(bool json);

#endif
