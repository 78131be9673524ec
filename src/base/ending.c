/* The words for how and where a connection ended. */
#include "config.h"

#include "base/ending.h"

static const char *const ending_names[ENDING_NKINDS] = {
	[ENDING_NONE] = "none",
	[ENDING_EOF] = "eof",
	[ENDING_TRUNCATED] = "truncated",
	[ENDING_RESET] = "reset",
	[ENDING_REFUSED] = "refused",
	[ENDING_TIMEOUT] = "timeout",
	[ENDING_PROTOCOL] = "protocol",
	[ENDING_REPLACED] = "replaced",
	[ENDING_SHUTDOWN] = "shutdown",
	[ENDING_LIMIT] = "limit",
};

static const char *const stage_names[STAGE_NKINDS] = {
	[STAGE_TCP] = "tcp",
	[STAGE_TLS] = "tls",
	[STAGE_HTTP] = "http",
	[STAGE_LOGIN] = "login",
	[STAGE_OPEN] = "open",
};

const char *
ending_name(enum ending e)
{
	return (unsigned)e < ENDING_NKINDS ? ending_names[e] : "unknown";
}

const char *
stage_name(enum stage s)
{
	return (unsigned)s < STAGE_NKINDS ? stage_names[s] : "unknown";
}
