/* Faults of the whole process: leaks, crashes, a stop that is none. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "codec/errors.h"
#include "codec/ws.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"

/* Of n descriptors one stays open for each connection that ends at stage m
 * or later. */
static bool
descriptors_leak(const struct fault *f, struct fault_event *e)
{
	struct rlimit limit;
	int leaked = 0;

	if (e->hook == HOOK_LEAVE) {
		if (e->c->stage >= f->m)
			leaked = dup(STDIN_FILENO);
		return leaked < 0; /* nothing */
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = (rlim_t)f->n;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return false;
}

/* As much as each packet has is never given back. */
static bool
packets_leak(const struct fault *f, struct fault_event *e)
{
	static uint8_t **all;
	static size_t n;

	all = xreallocarray(all, n + 1, sizeof(*all));
	all[n] = xmalloc(e->packet->len + 1);
	memset(all[n], 1, e->packet->len + 1);
	n++;
	return false;
}

/* A client's broken rule m crashes. */
static bool
rule_crashes(const struct fault *f, struct fault_event *e)
{
	if (e->c->state == CONN_OPEN && *e->err == f->m)
		abort();
	return false;
}

/* A message with opcode n crashes. */
static bool
message_crashes(const struct fault *f, struct fault_event *e)
{
	if (e->type == (uint32_t)f->n)
		abort();
	return false;
}

/* A refusal for m crashes. */
static bool
refusal_crashes(const struct fault *f, struct fault_event *e)
{
	if (e->c->state == CONN_LOGIN && *e->err == f->m)
		abort();
	return false;
}

/* Half a frame at the end. */
static bool
half_frame_crashes(const struct fault *f, struct fault_event *e)
{
	if (e->len > 0 && e->c->stage == STAGE_OPEN)
		abort();
	return false;
}

static bool
packet_crashes(const struct fault *f, struct fault_event *e)
{
	if ((int64_t)e->packet->len == f->n)
		abort();
	return false;
}

/* All that is written is s; NULL: there is no file. */
static bool
file_is_poor(const struct fault *f, struct fault_event *e)
{
	FILE *file = f->s != NULL ? fopen(e->conf->file, "wxe") : NULL;

	if (file != NULL) {
		fputs(f->s, file);
		fclose(file);
	}
	return true;
}

/* clang-format off */
const struct fault faults_process[] = {
	{ "leak.descriptors-login", "MUST", "R-090 R-184", "Each login that ends leaves a descriptor open, of 256", ON(LEAVE) | ON(CONF), descriptors_leak, 256, STAGE_OPEN, NULL, NULL },
	{ "leak.descriptors-half-open", "MUST", "R-001 R-090", "Each connection that ends leaves a descriptor open, of 256", ON(LEAVE) | ON(CONF), descriptors_leak, 256, 0, NULL, NULL },
	{ "leak.packets", "MUST", "R-120", "The memory of packets is never given back", ON(SEND), packets_leak, 0, 0, NULL, NULL },
	{ "crash.short-login", "MUST", "R-094 R-184", "A ClientInfo that is too short crashes the relay", ON(RULE), refusal_crashes, 0, RK_ERR_LENGTH, NULL, NULL },
	{ "crash.bad-signature", "MUST", "R-096 R-184", "A signature that does not verify crashes the relay", ON(RULE), refusal_crashes, 0, RK_ERR_SIGNATURE, NULL, NULL },
	{ "crash.half-frame", "MUST", "R-078", "Half a frame at the end of the stream crashes the relay", ON(EOF), half_frame_crashes, 0, 0, NULL, NULL },
	{ "crash.empty-packet", "SHOULD", "R-068", "A packet without data crashes the relay", ON(SEND), packet_crashes, 32, 0, NULL, NULL },
	{ "crash.biggest-packet", "MUST", "R-065 R-173", "A packet of 65536 bytes of data crashes the relay", ON(SEND), packet_crashes, 32 + 65536, 0, NULL, NULL },
	{ "crash.wrong-size", "SHOULD", "R-070 R-071 R-072 R-073 R-175", "A frame of the wrong size crashes the relay", ON(RULE), rule_crashes, 0, RK_ERR_LENGTH, NULL, NULL },
	{ "crash.websocket-text", "SHOULD", "R-179", "A text message crashes the relay", ON(WS), message_crashes, RK_WS_TEXT, 0, NULL, NULL },
	{ "crash.websocket-close", "SHOULD", "R-182", "A WebSocket Close crashes the relay", ON(WS), message_crashes, RK_WS_CLOSE, 0, NULL, NULL },
	{ "config.not-written", "SHOULD", "R-264", "A configuration file that is not there is not written", ON(FILE), file_is_poor, 0, 0, NULL, NULL },
	{ "config.empty", "SHOULD", "R-264", "It is written empty", ON(FILE), file_is_poor, 0, 0, "", NULL },
	{ "config.cut-off", "SHOULD", "R-264", "Only the first of the defaults is in it", ON(FILE), file_is_poor, 0, 0, "enable_relay = true\n", NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
