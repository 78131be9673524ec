/* Whole frames of iroh-v3: those of the specification's appendix A and of
 * sections 2.3 and 3.3, with the line of text for each. */
#ifndef TESTS_FRAME_VECTORS_H
#define TESTS_FRAME_VECTORS_H

#include "codec/frame.h"
#include "vectors.h"

struct frame_vector {
	const char *raw; /* hex; the WebSocket form lacks bytes 1 to 4 */
	const char *name;
	/* expected fields: name, hex; ends with NULL */
	const char *field[RK_FRAME_MAX_FIELDS][2];
	const char *text;
};

static const struct frame_vector frame_vectors[] = {
	{ "02 0000006a" MAGIC KEY_A SIGNATURE_A "03", "ClientInfo",
	    { { "magic", MAGIC }, { "key", KEY_A },
		{ "signature", SIGNATURE_A }, { "message", "03" } },
	    "ClientInfo 8a88e3dd7409… signature 756408beeea4… message 03" },
	{ "04 00000022" KEY_B "6869", "SendPacket",
	    { { "key", KEY_B }, { "data", "6869" } },
	    "SendPacket to 8139770ea87d… 2 bytes 6869" },
	{ "04 00000020" KEY_B, "SendPacket",
	    { { "key", KEY_B }, { "data", "" } },
	    "SendPacket to 8139770ea87d… 0 bytes" },
	{ "05 00000022" KEY_A "6869", "RecvPacket",
	    { { "key", KEY_A }, { "data", "6869" } },
	    "RecvPacket from 8a88e3dd7409… 2 bytes 6869" },
	{ "05 00000021" KEY_A "00", "RecvPacket",
	    { { "key", KEY_A }, { "data", "00" } },
	    "RecvPacket from 8a88e3dd7409… 1 byte 00" },
	{ "06 00000000", "KeepAlive", { { NULL } }, "KeepAlive" },
	{ "07 00000001 01", "NotePreferred", { { "data", "01" } },
	    "NotePreferred 1" },
	{ "07 00000001 00", "NotePreferred", { { "data", "00" } },
	    "NotePreferred 0" },
	{ "08 00000020" KEY_A, "PeerGone", { { "key", KEY_A } },
	    "PeerGone 8a88e3dd7409…" },
	{ "0c 00000008 0102030405060708", "Ping",
	    { { "data", "0102030405060708" } }, "Ping 0102030405060708" },
	{ "0d 00000008 0102030405060708", "Pong",
	    { { "data", "0102030405060708" } }, "Pong 0102030405060708" },
	{ "0e 00000004 6f6f7073", "Health", { { "text", "6f6f7073" } },
	    "Health \"oops\"" },
	{ "0e 00000000", "Health", { { "text", "" } }, "Health \"\"" },
	{ "0f 00000008 0000000a 00000014", "Restarting",
	    { { "reconnect_in_ms", "0000000a" }, { "try_for_ms", "00000014" } },
	    "Restarting reconnect_in_ms 10 try_for_ms 20" },
	/* two datagrams of an endpoint, opaque here */
	{ "04 0000002e" KEY_B "0500 48656c6c6f 0500 576f726c64", "SendPacket",
	    { { "key", KEY_B }, { "data", "050048656c6c6f0500576f726c64" } },
	    "SendPacket to 8139770ea87d… 14 bytes "
	    "050048656c6c6f0500576f726c64" },
};

#endif
