/* What can be wrong with a client, each derived from a requirement. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "faulty_client.h"

/* clang-format off */
static const struct fault faults[] = {
	{ "upgrade.login-at-once", "MUST", "R-043", "ClientInfo goes out with the request", FAULT_ANSWER, ANSWER_NOT_AWAITED, 0 },
	{ "upgrade.login-half-way", "MUST", "R-043", "ClientInfo goes out at the first byte of the answer", FAULT_ANSWER, ANSWER_HALF_AWAITED, 0 },
	{ "request.post", "MUST", "R-044", "The method is POST", FAULT_REQUEST, REQUEST_POST, 0 },
	{ "request.derp", "MUST", "R-044", "The path is /derp", FAULT_REQUEST, REQUEST_DERP, 0 },
	{ "request.http-1.0", "MUST", "R-044", "The version is HTTP/1.0", FAULT_REQUEST, REQUEST_HTTP_1_0, 0 },
	{ "request.token", "MUST", "R-044", "The token of the raw upgrade is DERP", FAULT_REQUEST, REQUEST_TOKEN, 0 },
	{ "request.no-host", "MUST", "R-044", "There is no Host", FAULT_REQUEST, REQUEST_NO_HOST, 0 },
	{ "request.no-port", "MUST", "R-044", "Host lacks the port", FAULT_REQUEST, REQUEST_NO_PORT, 0 },
	{ "request.other-host", "MUST", "R-044", "Host names somebody else", FAULT_REQUEST, REQUEST_OTHER_HOST, 0 },
	{ "request.two-hosts", "MUST", "R-044", "Host comes twice", FAULT_REQUEST, REQUEST_TWO_HOSTS, 0 },
	{ "request.ws-no-connection", "MUST", "R-044", "On WebSocket there is no Connection", FAULT_REQUEST, REQUEST_WS_NO_CONNECTION, 0 },
	{ "request.ws-no-version", "MUST", "R-044", "There is no Sec-WebSocket-Version", FAULT_REQUEST, REQUEST_WS_NO_VERSION, 0 },
	{ "request.ws-version-8", "MUST", "R-044", "Sec-WebSocket-Version is 8", FAULT_REQUEST, REQUEST_WS_VERSION_8, 0 },
	{ "request.own-path", "MUST", "R-045", "The path of the URL is asked for", FAULT_REQUEST, REQUEST_OWN_PATH, 0 },
	{ "request.host-dot", "SHOULD", "R-046", "Host has the name's final dot", FAULT_REQUEST, REQUEST_HOST_DOT, 0 },
	{ "answer.wants-upgrade", "MUST", "R-047", "A 101 without Upgrade is refused", FAULT_ANSWER, ANSWER_WANTS_UPGRADE, 0 },
	{ "answer.wants-connection", "MUST", "R-047", "A 101 without Connection is refused", FAULT_ANSWER, ANSWER_WANTS_CONNECTION, 0 },
	{ "answer.any-status", "MUST", "R-048", "Whatever the status, ClientInfo follows", FAULT_ANSWER, ANSWER_ANY_STATUS, 0 },
	{ "answer.200", "MUST", "R-048", "200 is as good as 101", FAULT_ANSWER, ANSWER_STATUS, 200 },
	{ "answer.302", "MUST", "R-048", "302 is as good as 101", FAULT_ANSWER, ANSWER_STATUS, 302 },
	{ "answer.503", "MUST", "R-048", "503 is as good as 101", FAULT_ANSWER, ANSWER_STATUS, 503 },
	{ "answer.no-http", "MUST", "R-048", "What is no HTTP is as good as a 101", FAULT_ANSWER, ANSWER_NO_HTTP, 0 },
	{ "answer.final-100", "SHOULD", "R-049", "100 is taken for a refusal", FAULT_ANSWER, ANSWER_INTERIM, 100 },
	{ "answer.final-103", "SHOULD", "R-049", "103 is taken for a refusal", FAULT_ANSWER, ANSWER_INTERIM, 103 },
	{ "answer.drops-rest", "MUST", "R-050", "What came with the 101 is lost", FAULT_ANSWER, ANSWER_DROPS_REST, 0 },
	{ "frame.too-long", "MUST", "R-079", "A length over the limit is put up with", FAULT_STAYS, STAYS_AT_TOO_LONG, 0 },
	{ "frame.unknown", "MUST", "R-079", "Unknown types are passed over", FAULT_STAYS, STAYS_AT_UNKNOWN, 0 },
	{ "frame.recv-length", "MUST", "R-079", "Short and long RecvPackets are passed over", FAULT_STAYS, STAYS_AT_LENGTH, 0x05 },
	{ "frame.keepalive-length", "MUST", "R-079", "A KeepAlive with content is passed over", FAULT_STAYS, STAYS_AT_LENGTH, 0x06 },
	{ "frame.gone-length", "MUST", "R-079", "A short PeerGone is passed over", FAULT_STAYS, STAYS_AT_LENGTH, 0x08 },
	{ "frame.ping-length", "MUST", "R-079", "Pings of 7 and 9 bytes are passed over", FAULT_STAYS, STAYS_AT_LENGTH, 0x0c },
	{ "frame.pong-length", "MUST", "R-079", "A Pong of 7 bytes is passed over", FAULT_STAYS, STAYS_AT_LENGTH, 0x0d },
	{ "frame.restarting-length", "MUST", "R-079", "A short Restarting is passed over", FAULT_STAYS, STAYS_AT_LENGTH, 0x0f },
	{ "frame.biggest", "MUST", "R-079", "The longest packet drives it away", FAULT_LEAVES, LEAVES_AT_BIGGEST, 0 },
	{ "frame.client-info", "MUST", "R-080", "A ClientInfo is passed over", FAULT_STAYS, STAYS_AT_CLIENT_FRAME, 0x02 },
	{ "frame.send-packet", "MUST", "R-080", "A SendPacket is passed over", FAULT_STAYS, STAYS_AT_CLIENT_FRAME, 0x04 },
	{ "frame.note-preferred", "MUST", "R-080", "A NotePreferred is passed over", FAULT_STAYS, STAYS_AT_CLIENT_FRAME, 0x07 },
	{ "health.utf8", "SHOULD", "R-081", "A text that is no UTF-8 is passed over", FAULT_STAYS, STAYS_AT_UTF8, 0 },
	{ "login.none", "MUST", "R-108", "There is no ClientInfo", FAULT_LOGIN, LOGIN_NONE, 0 },
	{ "login.ping-first", "MUST", "R-108", "A Ping comes first", FAULT_LOGIN, LOGIN_PING_FIRST, 0 },
	{ "login.magic", "MUST", "R-108", "The magic is wrong", FAULT_LOGIN, LOGIN_BAD_MAGIC, 0 },
	{ "login.version-2", "MUST", "R-108", "The version is 2", FAULT_LOGIN, LOGIN_VERSION_2, 0 },
	{ "login.long-message", "MUST", "R-108", "A byte follows the version", FAULT_LOGIN, LOGIN_LONG_MESSAGE, 0 },
	{ "login.signature", "MUST", "R-108", "The signature is wrong", FAULT_LOGIN, LOGIN_BAD_SIGNATURE, 0 },
	{ "login.other-key", "MUST", "R-108", "Another key has signed", FAULT_LOGIN, LOGIN_OTHER_KEY, 0 },
	{ "login.twice", "SHOULD", "R-110", "ClientInfo comes twice", FAULT_LOGIN, LOGIN_TWICE, 0 },
	{ "chatter.pings", "SHOULD", "R-110", "A Ping each 200 ms", FAULT_CHATTER, CHATTER_PINGS, 0 },
	{ "chatter.keepalives", "SHOULD", "R-110", "A KeepAlive each 200 ms", FAULT_CHATTER, CHATTER_KEEP_ALIVE, 0 },
	{ "chatter.preferred", "SHOULD", "R-110", "A NotePreferred each 200 ms", FAULT_CHATTER, CHATTER_PREFERRED, 0 },
	{ "chatter.packets", "SHOULD", "R-110", "A packet each 200 ms", FAULT_CHATTER, CHATTER_PACKETS, 0 },
	{ "connect.patient", "SHOULD", "R-190", "Connecting may take for ever", FAULT_CONNECT, CONNECT_PATIENT, 0 },
	{ "connect.for-good", "SHOULD", "R-190", "Giving up is for good", FAULT_CONNECT, CONNECT_FOR_GOOD, 0 },
	{ "return.never", "MUST", "R-191", "It does not come back", FAULT_RETURN, RETURN_NEVER, 0 },
	{ "return.once", "MUST", "R-191", "It comes back once", FAULT_RETURN, RETURN_ONCE, 0 },
	{ "tls.trusts-all", "SHOULD", "R-197", "Every certificate is trusted", FAULT_TLS, TLS_TRUSTS_ALL, 0 },
	{ "tls.no-name", "SHOULD", "R-197", "The hello of TLS names nobody", FAULT_TLS, TLS_NO_NAME, 0 },
	{ "tls.name-dot", "SHOULD", "R-197", "The name in the hello of TLS has a final dot", FAULT_TLS, TLS_NAME_DOT, 0 },
	{ "tls.other-name", "SHOULD", "R-197", "The hello of TLS names somebody else", FAULT_TLS, TLS_OTHER_NAME, 0 },
	{ "silence.patient", "SHOULD", "R-192", "Silence is not noticed", FAULT_SILENCE, SILENCE_FOR_EVER, 0 },
	{ "silence.hasty", "MUST", "R-193", "60 seconds of silence drive it away", FAULT_SILENCE, SILENCE_HASTY, 0 },
	{ "pong.none", "MUST", "R-194", "No Ping is answered", FAULT_PONG, PONG_NONE, 0 },
	{ "pong.once", "MUST", "R-194", "Only the first Ping is answered", FAULT_PONG, PONG_ONCE, 0 },
	{ "pong.zeros", "MUST", "R-194", "Pongs hold zeros", FAULT_PONG, PONG_ZEROS, 0 },
	{ "pong.reversed", "MUST", "R-194", "Pongs hold the bytes in reverse", FAULT_PONG, PONG_REVERSED, 0 },
	{ "pong.last-byte", "MUST", "R-194", "The last byte of a Pong is 0", FAULT_PONG, PONG_LAST_BYTE, 0 },
	{ "pong.as-ping", "MUST", "R-194", "Pings are answered by Pings", FAULT_PONG, PONG_AS_PING, 0 },
	{ "send.any", "MUST", "R-196", "Packets of any length are sent", FAULT_SEND, SEND_ANY, 0 },
	{ "send.one-over", "MUST", "R-196", "Packets of 65537 bytes are sent", FAULT_SEND, SEND_ONE_OVER, 0 },
	{ "leaves.recv-empty", "MUST", "R-195", "An empty packet drives it away", FAULT_LEAVES, LEAVES_AT_EMPTY, 0x05 },
	{ "leaves.keepalive", "MUST", "R-195", "A KeepAlive drives it away", FAULT_LEAVES, LEAVES_AT_TYPE, 0x06 },
	{ "leaves.gone", "MUST", "R-195", "A PeerGone drives it away", FAULT_LEAVES, LEAVES_AT_TYPE, 0x08 },
	{ "leaves.pong", "MUST", "R-195", "A stray Pong drives it away", FAULT_LEAVES, LEAVES_AT_TYPE, 0x0d },
	{ "leaves.health", "MUST", "R-195", "A Health drives it away", FAULT_LEAVES, LEAVES_AT_TYPE, 0x0e },
	{ "leaves.health-empty", "MUST", "R-195", "An empty Health drives it away", FAULT_LEAVES, LEAVES_AT_EMPTY, 0x0e },
	{ "leaves.restarting", "MUST", "R-195", "A Restarting drives it away", FAULT_LEAVES, LEAVES_AT_TYPE, 0x0f },
};
/* clang-format on */
#define NFAULTS (sizeof(faults) / sizeof(faults[0]))

const struct fault *
fault_by_name(const char *name)
{
	for (size_t i = 0; i < NFAULTS; i++)
		if (strcmp(faults[i].name, name) == 0)
			return &faults[i];
	return NULL;
}

int
faults_print(bool json)
{
	for (size_t i = 0; i < NFAULTS; i++) {
		const struct fault *f = &faults[i];

		if (json)
			printf("%s{\"name\":\"%s\",\"requirements\":"
			       "[\"iroh-v3/%s\"],\"level\":\"%s\","
			       "\"description\":\"%s\"}",
			    i == 0 ? "[\n" : ",\n", f->name, f->requirement,
			    f->level, f->text);
		else
			printf("%-24s %-6s %s  %s\n", f->name, f->level,
			    f->requirement, f->text);
	}
	if (json)
		printf("\n]\n");
	return 0;
}
