#!/usr/bin/env python3
"""Captures made through relayd, and what decoding them must show.

    make.py BUILD       in this folder; needs dumpcap, and the right to use it,
                        tshark, and the openssl program

Takes relayd-talk*.pcapng anew (relayd and relay-cli of the build folder
BUILD on loopback), then writes their twins in other clothes (-same-) and the
damaged ones (-damaged-), and the expected decodings.  Those share nothing with
the decoder: the streams are put together and cut into frames here, and what
the damage takes away is known from how it was done.

    make.py --derive BUILD      the twins alone
    make.py --tls BUILD         relayd-tls*.pcapng alone

Those are talks over TLS with relayd, of clients of this file's own and of
openssl s_client; of them the expected decodings are cut from what tshark
decrypts.
"""
import hashlib
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

NAMES = {2: "ClientInfo", 4: "SendPacket", 5: "RecvPacket", 6: "KeepAlive",
         7: "NotePreferred", 8: "PeerGone", 12: "Ping", 13: "Pong"}


# ---- taking captures ----

def key_file(folder, n):
    path = os.path.join(folder, "key%d" % n)
    with open(path, "w") as f:
        f.write("%02x" % n * 32 + "\n")
    os.chmod(path, 0o600)
    return path


def start_relay(build, *args):
    """The process and the port of its only listener."""
    relay = subprocess.Popen([os.path.join(build, "relayd/relayd"), *args],
                             stdout=subprocess.PIPE, text=True)
    return relay, int(relay.stdout.readline().rsplit(":", 1)[1])


def start_dump(port, out):
    dump = subprocess.Popen(["dumpcap", "-q", "-i", "lo", "-f",
                             "tcp port %d" % port, "-w", out],
                            stderr=subprocess.PIPE, text=True)
    while "File:" not in dump.stderr.readline():
        pass
    return dump


def end(*processes):
    time.sleep(1)  # dumpcap writes once a second
    for p in processes:
        p.terminate()
        p.wait()


def take(build, out, scheme):
    """Bob receives three packets of alice's, who pings before and after."""
    with tempfile.TemporaryDirectory() as folder:
        cli = os.path.join(build, "relay-cli/relay-cli")
        relay, port = start_relay(build, "--listen", "127.0.0.1:0")
        url = "%s://127.0.0.1:%d" % (scheme, port)
        dump = start_dump(port, out)
        alice, bob = key_file(folder, 1), key_file(folder, 2)
        to = subprocess.run([cli, "pubkey", bob], check=True, text=True,
                            stdout=subprocess.PIPE).stdout.strip()
        recv = subprocess.Popen([cli, "recv", url, "--key", bob, "--count",
                                 "3"], stdout=subprocess.DEVNULL)
        run = lambda *a: subprocess.run([cli, *a, "--key", alice],
                                        check=True, stdout=subprocess.DEVNULL)
        run("ping", url, "--count", "2", "--interval", "10ms")
        run("send", url, to, "hello")
        run("send", url, to, "x" * 2000)
        run("send", url, to, "last one")
        recv.wait()
        end(dump, relay)


# ---- over TLS ----

UPGRADE = b"GET /relay HTTP/1.1\r\nHost: localhost\r\n" \
    b"Connection: Upgrade\r\nUpgrade: iroh derp http\r\n\r\n"


def raw(kind, payload):
    return struct.pack(">BI", kind, len(payload)) + payload


def logins():
    """Key and ClientInfo of bob and alice; nothing in it is of its relay."""
    found = {}
    for _, side, data in streams(read_pcapng("relayd-talk.pcapng")):
        rest = data.partition(b"\r\n\r\n")[2]
        size = 5 + struct.unpack_from(">I", rest, 1)[0]
        if side == "c2s":
            found.setdefault(rest[14:46], rest[:size])
    (bob, bobs), (alice, alices) = found.items()
    return bob, bobs, alice, alices


class Client:
    """One that has logged in."""

    def __init__(self, context, port, login, session=None):
        plain = socket.create_connection(("127.0.0.1", port))
        self.s = context.wrap_socket(plain, server_hostname="localhost",
                                     session=session)
        self.s.sendall(UPGRADE)
        while b"\r\n\r\n" not in self.s.recv(65536):
            pass
        self.s.sendall(login)

    def take(self, kind):
        head = self.exact(5)
        assert head[0] == kind, head
        return self.exact(struct.unpack(">I", head[1:])[0])

    def exact(self, n):
        got = b""
        while len(got) < n:
            got += self.s.recv(n - len(got)) or sys.exit("it has ended")
        return got

    def ping(self, data):
        self.s.sendall(raw(12, data))
        assert self.take(13) == data

    def leave(self):
        self.s.unwrap()
        self.s.close()


def talk_resumed(build, port, context):
    """Alice pings, sends bob a packet, comes back with her session."""
    bob_key, bobs, alice_key, alices = logins()
    bob = Client(context, port, bobs)
    bob.ping(b"bob is h")
    alice = Client(context, port, alices)
    alice.ping(b"12345678")
    alice.s.sendall(raw(4, bob_key + b"over TLS"))
    assert bob.take(5) == alice_key + b"over TLS"
    session = alice.s.session
    alice.leave()
    assert bob.take(8) == alice_key
    again = Client(context, port, alices, session)
    assert again.s.session_reused
    again.ping(b"resumed!")
    again.leave()
    bob.leave()


def talk_updated(port, keys, ca):
    """Keys change: once of the client, then of both, then five times."""
    alices = logins()[3]
    s = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" %
                          port, "-CAfile", ca, "-keylogfile", keys, "-tls1_3"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, bufsize=0)

    def say(data, answer):
        s.stdin.write(data)
        got = b""
        while answer not in got:
            got += s.stdout.read(1)

    def update(letter):
        s.stdin.write(letter + b"\n")  # a read of its own tells s_client
        time.sleep(0.3)

    say(UPGRADE, b"\r\n\r\n")
    say(alices + raw(12, b"first..."), raw(13, b"first..."))
    update(b"k")
    say(raw(12, b"client's"), raw(13, b"client's"))
    update(b"K")
    say(raw(12, b"of both."), raw(13, b"of both."))
    for _ in range(5):
        update(b"k")
    say(raw(12, b"the end."), raw(13, b"the end."))
    s.stdin.write(b"Q\n")
    s.wait()


def certificates(build, folder):
    subprocess.run([os.path.join(build, "tests/make_certs"), folder],
                   check=True, stdout=subprocess.DEVNULL)
    return ["--cert", folder + "/chain.pem", "--key", folder + "/key.pem"]


def take_tls(build, name, talk):
    out, keys = name + ".pcapng", name + ".keys"
    with tempfile.TemporaryDirectory() as folder:
        relay, port = start_relay(build, "--listen-tls", "127.0.0.1:0",
                                  *certificates(build, folder))
        dump = start_dump(port, out)
        if os.path.exists(keys):
            os.unlink(keys)
        talk(port, keys, folder + "/ca.pem")
        end(dump, relay)
    os.chmod(out, 0o644)
    write_expected(name + ".expected.jsonl", expected_tls(out, keys, port))


def with_python(build, version):
    def talk(port, keys, ca):
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = context.maximum_version = version
        context.keylog_filename = keys
        talk_resumed(build, port, context)
    return talk


def put_secrets_inside(name):
    """The key log becomes a block in front of the packets."""
    data = open(name + ".pcapng", "rb").read()
    lines = open(name + ".keys", "rb").read()
    at = 0
    while struct.unpack_from("<I", data, at)[0] != 6:
        at += struct.unpack_from("<I", data, at + 4)[0]
    body = struct.pack("<4sI", b"KSLT", len(lines)) + lines + \
        bytes(-len(lines) % 4)
    size = struct.pack("<I", 12 + len(body))
    with open(name + ".pcapng", "wb") as f:
        f.write(data[:at] + struct.pack("<I", 10) + size + body + size +
                data[at:])
    os.unlink(name + ".keys")


def take_own(build, name):
    """What relayd --capture writes of a client over TLS."""
    cli = os.path.join(build, "relay-cli/relay-cli")
    with tempfile.TemporaryDirectory() as folder:
        relay, port = start_relay(build, "--listen-tls", "127.0.0.1:0",
                                  "--capture", folder,
                                  *certificates(build, folder))
        subprocess.run([cli, "ping", "wss://localhost:%d" % port, "--cafile",
                        folder + "/ca.pem", "--keylog", folder + "/keys",
                        "--key", key_file(folder, 1), "--count", "2",
                        "--interval", "10ms"], check=True,
                       stdout=subprocess.DEVNULL)
        end(relay)
        file, = [f for f in os.listdir(folder) if f.endswith(".pcapng")]
        data = open(os.path.join(folder, file), "rb").read()
        with open(name + ".pcapng", "wb") as f:
            f.write(data)
        write_expected(name + ".expected.jsonl",
                       expected_tls(name + ".pcapng", folder + "/keys",
                                    port))


def expected_tls(capture, keys, port):
    """Frames of what tshark decrypts; |port| is the server's."""
    out, conn = [], 0
    while True:
        shown = subprocess.run(
            ["tshark", "-n", "-r", capture, "-o", "tls.keylog_file:" + keys,
             "-q", "-z", "follow,tls,raw,%d" % conn], check=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        data = {"c2s": b"", "s2c": b""}
        # Lines of one end are indented; which end that is varies.
        indented = "c2s" if "Node 0: 127.0.0.1:%d" % port in shown else "s2c"
        other = "s2c" if indented == "c2s" else "c2s"
        for line in shown.splitlines():
            text = line.strip()
            if text and set(text) <= set("0123456789abcdef"):
                side = indented if line[0] == "\t" else other
                data[side] += bytes.fromhex(text)
        if not data["c2s"]:
            return out
        out += [j for side in data for j in decoding(conn, side, data[side])]
        conn += 1


def take_all_tls(build):
    take_tls(build, "relayd-tls12-resumed",
             with_python(build, ssl.TLSVersion.TLSv1_2))
    take_tls(build, "relayd-tls13-resumed",
             with_python(build, ssl.TLSVersion.TLSv1_3))
    put_secrets_inside("relayd-tls13-resumed")
    take_tls(build, "relayd-tls13-updated", talk_updated)
    take_own(build, "relayd-capture-ws")


# ---- packets ----

def read_pcapng(path):
    """[(ns, bytes)] of a file that dumpcap wrote on this kind of machine."""
    data, at, packets = open(path, "rb").read(), 0, []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            high, low, size = struct.unpack_from("<4xIII", data, at + 8)
            packets.append([high << 32 | low, data[at + 28:at + 28 + size]])
        at += length
    return packets


def write_pcap(path, packets, link=1, cut=0):
    out = struct.pack("<IHHIIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, link)
    for ns, data in packets:
        out += struct.pack("<IIII", ns // 10**9, ns % 10**9, len(data),
                           len(data)) + data
    with open(path, "wb") as f:
        f.write(out[:len(out) - cut])


def tcp(data):
    """source, destination, seq, flags, payload of Ethernet, IPv4, TCP"""
    ip = data[14:]
    head = (ip[0] & 15) * 4
    total = struct.unpack_from(">H", ip, 2)[0]
    t = ip[head:total]
    src, dst, seq = struct.unpack_from(">HHI", t)
    return src, dst, seq, t[13], t[(t[12] >> 4) * 4:]


def with_payload(data, payload):
    return data[:len(data) - len(tcp(data)[4])] + payload


# ---- expected decodings, without TLS ----

def streams(packets):
    """[(conn, direction, bytes)] in order of the first packets."""
    conns, order = {}, []
    for _, data in packets:
        src, dst, seq, flags, payload = tcp(data)
        ends = (min(src, dst), max(src, dst))
        if flags & 0x12 == 2:  # SYN alone: the client
            conns[ends] = {"client": src, src: {}, dst: {}, "isn": {src: seq}}
            order.append(ends)
            continue
        c = conns[ends]
        if flags & 2:
            c["isn"][src] = seq
        for i, b in enumerate(payload):
            c[src].setdefault(seq + i - c["isn"][src] - 1, b)
    for n, ends in enumerate(order):
        c = conns[ends]
        server = ends[0] if c["client"] == ends[1] else ends[1]
        for side, who in (("c2s", c["client"]), ("s2c", server)):
            yield n, side, bytes(c[who][i] for i in sorted(c[who]))


def frame(kind, payload):
    j = {"what": NAMES[kind], "len": len(payload)}
    if kind in (4, 5):
        j.update(key=payload[:32].hex(), data_len=len(payload) - 32,
                 sha256_8=hashlib.sha256(payload[32:]).hexdigest()[:16])
    elif kind == 2:
        j.update(key=payload[9:41].hex(), message=payload[105:].hex())
    elif kind == 8:
        j.update(key=payload[:32].hex())
    elif kind in (7, 12, 13):
        j.update(data=payload.hex())
    return j


def raw_frames(rest):
    while rest:
        kind, size = struct.unpack_from(">BI", rest)
        yield frame(kind, rest[5:5 + size])
        rest = rest[5 + size:]


def ws_frames(rest):
    """Unfragmented messages of less than 64 KiB."""
    while rest:
        size, at = rest[1] & 127, 2
        if size == 126:
            size, at = struct.unpack_from(">H", rest, 2)[0], 4
        mask = rest[at:at + 4] if rest[1] & 128 else bytes(4)
        at += 4 if rest[1] & 128 else 0
        body = bytes(b ^ mask[i % 4] for i, b in
                     enumerate(rest[at:at + size]))
        if rest[0] == 0x82:
            yield frame(body[0], body[1:])
        else:
            yield {"what": "ws opcode %d" % (rest[0] & 15), "len": size,
                   "data": body.hex()}
        rest = rest[at + size:]


def decoding(conn, side, data):
    head, _, rest = data.partition(b"\r\n\r\n")
    found = [{"what": "http", "line": head.split(b"\r\n")[0].decode()}]
    ws = b"websocket" in head.lower()
    found += ws_frames(rest) if ws else raw_frames(rest)
    return [{"conn": conn, "dir": side, "n": n, **j}
            for n, j in enumerate(found)]


def expected(packets):
    return [j for conn, side, data in streams(packets)
            for j in decoding(conn, side, data)]


def write_expected(path, lines):
    with open(path, "w") as f:
        for j in lines:
            f.write(json.dumps(j) + "\n")


def without(lines, pong):
    """What is left where that Pong is lost; the numbers close up."""
    hole, out = None, []
    for j in lines:
        stream = j["conn"], j["dir"]
        if j["what"] == "Pong" and j["data"] == pong:
            hole = stream
        else:
            out.append({**j, "n": j["n"] - (hole == stream)})
    return out


# ---- twins ----

def index_of(packets, begin, which=0):
    """Of the packets whose payload begins so, the |which|-th."""
    found = [i for i, p in enumerate(packets) if tcp(p[1])[4][:1] == begin]
    return found[which]


def fragments(data, size=16):
    """The IPv4 packet in pieces of |size| bytes."""
    link, ip = data[:14], data[14:]
    head, body = ip[:20], ip[20:]
    for at in range(0, len(body), size):
        piece = body[at:at + size]
        more = 0x2000 if at + size < len(body) else 0
        yield link + head[:2] + struct.pack(">H", 20 + len(piece)) + \
            head[4:6] + struct.pack(">H", more | at // 8) + head[8:] + piece


def twins(packets):
    base = "relayd-talk-same-"
    vlan = bytes.fromhex("810000070800")
    write_pcap(base + "vlan.pcap",
               [[t, d[:12] + vlan + d[14:]] for t, d in packets])
    write_pcap(base + "doubled.pcap",
               [p for t, d in packets for p in ([t, d], [t + 7000, d])])
    late = [p[:] for p in packets]
    i = index_of(late, b"\x04")
    late[i], late[i + 1] = late[i + 1], late[i]
    write_pcap(base + "reordered.pcap", late)
    write_pcap(base + "retransmitted.pcap",
               [p for t, d in packets for p in
                ([[t, d], [t + 2000000, d]] if tcp(d)[4] else [[t, d]])])
    write_pcap(base + "fragmented.pcap",
               [[t, f] for t, d in packets for f in fragments(d, 512)])


def damaged(packets, lines):
    base = "relayd-talk-damaged-"
    pong = index_of(packets, b"\x0d", 1)
    # The second Pong never was captured.
    write_pcap(base + "gap.pcap", packets[:pong] + packets[pong + 1:])
    lost = tcp(packets[pong][1])[4][5:].hex()
    write_expected(base + "gap.expected.jsonl", without(lines, lost))
    # Of its fragments one is missing: the same is lost.
    pieces = [[packets[pong][0], f] for f in fragments(packets[pong][1])]
    write_pcap(base + "lost-fragment.pcap", packets[:pong] + pieces[:1] +
               pieces[2:] + packets[pong + 1:])
    write_expected(base + "lost-fragment.expected.jsonl",
                   without(lines, lost))
    # It is sent again with other bytes: the first ones count.
    t, d = packets[pong]
    other = with_payload(d, tcp(d)[4][:-1] + b"?")
    write_pcap(base + "conflict.pcap", packets[:pong + 1] +
               [[t + 2000000, other]] + packets[pong + 1:])
    # The same before the first copy was used: it waits for what is missing.
    ping = index_of(packets, b"\x04", 0)
    t, d = packets[ping]
    src, dst, seq, flags, payload = tcp(d)
    tail = d[:38] + struct.pack(">I", seq + 5) + d[42:]
    tail = with_payload(tail, payload)
    tail = tail[:16] + struct.pack(">H", len(tail) - 14 - 5) + tail[18:]
    tail = tail[:len(tail) - len(payload)] + payload[5:]
    wrong = tail[:-1] + b"?"
    write_pcap(base + "conflict-waiting.pcap", packets[:ping] +
               [[t, tail], [t, wrong], [t, d]] + packets[ping + 1:])
    # The file ends in its last record, an acknowledgement.
    write_pcap(base + "cut-file.pcap", packets, cut=3)
    # No handshake: what follows is all there.
    write_pcap(base + "no-handshake.pcap",
               [p for p in packets if not tcp(p[1])[3] & 2])


def main():
    build = os.path.abspath(sys.argv[-1])
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    if "--tls" in sys.argv:
        take_all_tls(build)
        return
    if "--derive" not in sys.argv:
        take(build, "relayd-talk.pcapng", "http")
        take(build, "relayd-talk-ws.pcapng", "ws")
        take_all_tls(build)
    packets = read_pcapng("relayd-talk.pcapng")
    lines = expected(packets)
    write_expected("relayd-talk.expected.jsonl", lines)
    write_expected("relayd-talk-ws.expected.jsonl",
                   expected(read_pcapng("relayd-talk-ws.pcapng")))
    twins(packets)
    damaged(packets, lines)


if __name__ == "__main__":
    main()
