"""Reads pcapng by the letter of its draft, with nothing of ours.

    pcapng_check.py FILE      one line a block on stdout
    pcapng_check.py --tcp FILE    … and each TCP connection: bytes, ends

Whatever is not as it must be ends the program with one line on stderr:
lengths front and back, padding, option lengths, an unfinished option list,
checksums, sequence numbers that are not those that were acknowledged.
"""

import struct
import sys

SECTION, INTERFACE, ENHANCED, SECRETS = 0x0A0D0D0A, 1, 6, 10
FIN, SYN, RST, ACK = 1, 2, 4, 16


def need(condition, what):
    if not condition:
        sys.exit(f"pcapng_check: {what}")


def options(body):
    found, ended = [], not body
    while body:
        need(len(body) >= 4, "an option without its head")
        code, length = struct.unpack_from("<HH", body)
        if code == 0:
            need(length == 0, "an end of options with a length")
            need(len(body) == 4, "bytes behind the end of options")
            ended = True
            break
        padded = (length + 3) & ~3
        need(len(body) >= 4 + padded, "an option beyond its block")
        need(not any(body[4 + length : 4 + padded]), "padding that is not zero")
        found.append((code, body[4 : 4 + length]))
        body = body[4 + padded :]
    need(ended, "options without an end")
    return found


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def unwrap(packet):
    """Ethernet and IP: protocol, addresses, payload."""
    kind = struct.unpack_from(">H", packet, 12)[0]
    ip = packet[14:]
    if kind == 0x0800:
        need(ip[0] == 0x45, "an IPv4 head of another size")
        need(checksum(ip[:20]) == 0xFFFF, "the checksum of an IPv4 head")
        need(struct.unpack_from(">H", ip, 2)[0] == len(ip), "IPv4's length")
        return ip[9], ip[12:16], ip[16:20], ip[20:]
    need(kind == 0x86DD and ip[0] >> 4 == 6, "neither IPv4 nor IPv6")
    need(struct.unpack_from(">H", ip, 4)[0] == len(ip) - 40, "IPv6's length")
    return ip[6], ip[8:24], ip[24:40], ip[40:]


class Side:
    def __init__(self):
        self.next = None
        self.data = 0
        self.end = "open"


def follow(flows, source, target, segment):
    sport, dport, seq, ack, off, flags = struct.unpack_from(">HHIIBB", segment)
    data = segment[(off >> 4) * 4 :]
    key = frozenset([(source, sport), (target, dport)])
    if flags & SYN and not flags & ACK:
        need(key not in flows, "a second SYN")
        flows[key] = {(source, sport): Side(), (target, dport): Side()}
    need(key in flows, "a segment before the SYN")
    own, peer = flows[key][source, sport], flows[key][target, dport]
    need(own.next is None or seq == own.next, "a sequence number")
    if flags & ACK:
        need(ack == peer.next, "an acknowledgement of what was not sent")
    need(own.end == "open" or not data, "data behind the end")
    own.next = (seq + len(data) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
    own.data += len(data)
    if flags & FIN:
        own.end = "fin"
    if flags & RST:
        own.end = "rst"


def look_at(packet, flows):
    protocol, source, target, payload = unwrap(packet)
    pseudo = source + target + struct.pack(">II", len(payload), protocol)
    need(checksum(pseudo + payload) == 0xFFFF, "a checksum")
    if protocol == 6:
        follow(flows, source, target, payload)
        return "tcp", len(payload) - (payload[12] >> 4) * 4
    need(protocol == 17, "neither TCP nor UDP")
    need(struct.unpack_from(">H", payload, 4)[0] == len(payload), "UDP's length")
    return "udp", len(payload) - 8


def show(text):
    text = text.decode("utf-8")
    return text if len(text) <= 100 else f"{len(text.encode())} bytes"


def enhanced(body, flows, numbered):
    iface, high, low, captured, length = struct.unpack_from("<5I", body)
    need(iface == 0 and captured == length, "an interface or a length")
    need(not any(body[20 + captured : 20 + ((captured + 3) & ~3)]), "padding")
    comments = [v for c, v in options(body[20 + ((captured + 3) & ~3) :]) if c == 1]
    need(len(comments) <= 1, "two comments")
    kind, size = look_at(body[20 : 20 + captured], flows)
    said = f" | {show(comments[0])}" if comments else ""
    return f"packet {numbered} {high << 32 | low} {kind} {size}{said}"


def main():
    data = open(sys.argv[-1], "rb").read()
    flows, packets, at = {}, 0, 0
    while at < len(data):
        need(len(data) - at >= 12, "half a block")
        kind, total = struct.unpack_from("<II", data, at)
        need(total % 4 == 0 and 12 <= total <= len(data) - at, "a block's length")
        need(struct.unpack_from("<I", data, at + total - 4)[0] == total,
             "lengths front and back")
        body = data[at + 8 : at + total - 4]
        at += total
        need((kind == SECTION) == (at == total), "a section's place")
        if kind == SECTION:
            need(struct.unpack_from("<IHH", body) == (0x1A2B3C4D, 1, 0), "a head")
            said = [show(v) for c, v in options(body[16:]) if c == 1]
            print("section |", *said)
        elif kind == INTERFACE:
            need(struct.unpack_from("<H", body)[0] == 1, "a link type")
            need((9, b"\x09") in options(body[8:]), "a resolution")
            print("interface")
        elif kind == SECRETS:
            tag, length = struct.unpack_from("<II", body)
            need(tag == 0x544C534B and len(body) == 8 + ((length + 3) & ~3),
                 "secrets")
            print("secrets", length)
        else:
            need(kind == ENHANCED, f"a block of type {kind}")
            packets += 1
            print(enhanced(body, flows, packets))
    if "--tcp" in sys.argv:
        for flow in flows.values():
            print("tcp", *(f"{s.data} {s.end}" for s in flow.values()))


main()
