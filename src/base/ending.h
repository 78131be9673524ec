/*
 * How a connection ended: one vocabulary for logs, counters, transcripts,
 * scenarios and messages.
 */
#ifndef BASE_ENDING_H
#define BASE_ENDING_H

enum ending {
	ENDING_NONE,      /* it has not */
	ENDING_EOF,       /* the peer's FIN, at a frame boundary */
	ENDING_TRUNCATED, /* FIN inside a frame, or TLS without close_notify */
	ENDING_RESET,     /* RST, or a write into a closed connection */
	ENDING_REFUSED,   /* anything wrong before the login is complete */
	ENDING_TIMEOUT,   /* ours: login, write, liveness */
	ENDING_PROTOCOL,  /* it broke a rule after login */
	ENDING_REPLACED,  /* a newer login with the same key */
	ENDING_SHUTDOWN,  /* orderly stop */
	ENDING_LIMIT,     /* a limit of ours */
	ENDING_NKINDS
};

/* How far the connection had come. */
enum stage {
	STAGE_TCP,
	STAGE_TLS,
	STAGE_HTTP,
	STAGE_LOGIN,
	STAGE_OPEN,
	STAGE_NKINDS
};

/* "eof", "truncated", …; "none". */
const char *ending_name(enum ending e);
/* "tcp", "tls", "http", "login", "open". */
const char *stage_name(enum stage s);

#endif
