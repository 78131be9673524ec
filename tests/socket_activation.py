#!/usr/bin/env python3
"""Sockets that a service manager has opened, as TAP."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

BUILD = os.environ["RELAYKIT_BUILDDIR"]
RELAYD = BUILD + "/relayd/relayd"
UNITS = os.environ["RELAYKIT_SRCDIR"] + "/relayd/systemd/"
cases = []


class Skip(Exception):
    pass


def tool(name):
    if shutil.which(name) is None:
        raise Skip("no " + name)
    return name


def listening(family=socket.AF_INET, kind=socket.SOCK_STREAM):
    s = socket.socket(family, kind)
    s.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    if kind == socket.SOCK_STREAM:
        s.listen(16)
    return s


def start(sockets, names, words=(), pid=None, extra=None):
    """relayd with |sockets| as descriptors from 3 on."""

    def pass_on():
        high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
            os.close(fd)
        os.environ["LISTEN_PID"] = str(pid or os.getpid())
        os.environ["LISTEN_FDS"] = str(len(sockets))
        if names is not None:
            os.environ["LISTEN_FDNAMES"] = ":".join(names)
        os.environ.update(extra or {})
        os.execv(RELAYD, [RELAYD, *words])

    return subprocess.Popen(
        [RELAYD], preexec_fn=pass_on, close_fds=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ready(relay):
    lines = []
    for line in relay.stdout:
        if line == "ready\n":
            return lines
        lines.append(line.strip())
    raise AssertionError("not ready: " + relay.stderr.read())


def stop(relay):
    relay.terminate()
    _, errors = relay.communicate(timeout=20)
    assert relay.returncode == 0, errors
    return errors


def address(s):
    host, port = s.getsockname()[:2]
    return ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)


def get(s, path):
    c = socket.create_connection(s.getsockname()[:2], timeout=20)
    c.sendall(b"GET %s HTTP/1.1\r\nconnection: close\r\n\r\n" % path)
    data = b"".join(iter(lambda: c.recv(65536), b""))
    c.close()
    return data


def stun(s):
    c = socket.socket(s.family, socket.SOCK_DGRAM)
    c.settimeout(20)
    head = bytes.fromhex("000100002112a442") + b"transaction."
    attribute = bytes.fromhex("80220004") + b"iroh"
    request = head[:2] + bytes([0, 16]) + head[4:] + attribute
    import zlib
    crc = zlib.crc32(request) ^ 0x5354554E
    c.sendto(request + bytes.fromhex("80280004") + crc.to_bytes(4, "big"),
             s.getsockname())
    return c.recv(2048)


def case(fn):
    cases.append(fn)
    return fn


@case
def passed_sockets_are_served_by_their_names():
    http, six = listening(), listening(socket.AF_INET6)
    metrics, udp = listening(), listening(kind=socket.SOCK_DGRAM)
    relay = start([http, metrics, udp, six],
                  ["http", "metrics", "stun", "http"])
    assert sorted(ready(relay)) == sorted([
        "listening http " + address(http), "listening http " + address(six),
        "listening metrics " + address(metrics),
        "listening stun " + address(udp)])
    assert b" 200 OK" in get(http, b"/ping")
    assert b" 200 OK" in get(six, b"/ping")
    assert b"relayd_clients 0" in get(metrics, b"/metrics")
    assert stun(udp)[:2] == b"\x01\x01"
    stop(relay)


@case
def without_names_their_type_decides():
    http, udp = listening(), listening(kind=socket.SOCK_DGRAM)
    for names in None, ["relayd.socket", "relayd.socket"]:
        relay = start([http, udp], names)
        assert sorted(ready(relay)) == [
            "listening http " + address(http), "listening stun " + address(udp)]
        stop(relay)


@case
def they_take_the_place_of_addresses_of_their_kind():
    http = listening()
    with tempfile.NamedTemporaryFile("w") as f:
        f.write('http_bind_addr = "127.0.0.1:1"\nenable_stun = false\n'
                'metrics_bind_addr = "127.0.0.1:0"\n')
        f.flush()
        relay = start([http], ["http"], ["--config", f.name])
        lines = ready(relay)
        assert lines[-1] == "listening http " + address(http), lines
        assert len(lines) == 2 and "metrics" in lines[0], lines
        # A reload is no new start: the sockets stay.
        relay.send_signal(1)
        while " reloaded" not in relay.stderr.readline():
            pass
        assert b" 200 OK" in get(http, b"/ping")
        stop(relay)


@case
def what_else_the_file_opens_is_at_their_address():
    host = "127.%d.%d.%d" % tuple(os.urandom(3))
    http = socket.socket()
    http.bind((host, 0))
    http.listen(16)
    with tempfile.NamedTemporaryFile("w") as f:
        f.write("enable_stun = false\n")
        f.flush()
        relay = start([http], ["http"], ["--config", f.name])
        first = relay.stdout.readline()
        if first == "":  # somebody has that port at all addresses
            _, errors = relay.communicate(timeout=20)
            assert "cannot listen on %s:9090: " % host in errors, errors
            return
        assert sorted([first.strip(), *ready(relay)]) == [
            "listening http " + address(http),
            "listening metrics %s:9090" % host]
        stop(relay)


@case
def those_of_another_process_are_left_alone():
    http = listening()
    relay = start([http], ["http"], ["--listen", "127.0.0.1:0"], pid=1)
    lines = ready(relay)
    assert len(lines) == 1 and address(http) not in lines[0], lines
    stop(relay)


@case
def what_is_no_such_socket_is_an_error():
    unconnected = socket.socket()
    for s, name in ((listening(), "stun"), (unconnected, "http"),
                    (listening(kind=socket.SOCK_DGRAM), "http"),
                    (open("/dev/null"), "http")):
        relay = start([s], [name])
        out, errors = relay.communicate(timeout=20)
        assert relay.returncode == 1 and out == "", errors
        assert re.match(r"relayd: descriptor 3 was passed for \w+, and is no "
                        r"such socket\n$", errors), errors


@case
def readiness_and_the_stop_are_said():
    with tempfile.TemporaryDirectory() as d:
        n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        n.bind(d + "/notify")
        n.settimeout(20)
        relay = start([listening()], ["http"],
                      extra={"NOTIFY_SOCKET": d + "/notify"})
        assert n.recv(100) == b"READY=1"
        stop(relay)
        assert n.recv(100) == b"STOPPING=1"


def activated(names):
    """systemd's own activator, and where it listens.  It takes no port 0: one
    that was free is asked for, and others if somebody else was faster."""
    for _ in range(20):
        sockets = [listening() for _ in names]
        addresses = [address(s) for s in sockets]
        for s in sockets:
            s.close()
        relay = subprocess.Popen(
            [tool("systemd-socket-activate"), "--fdname=" + ":".join(names),
             *["--listen=" + a for a in addresses], RELAYD],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if all(relay.stderr.readline().startswith("Listening on ")
               for _ in names):
            return relay, addresses
        relay.communicate(timeout=20)
    raise AssertionError("no free port")


@case
def systemd_s_own_activator_is_understood():
    relay, addresses = activated(["http", "relayd.socket", "metrics"])
    host, port = addresses[0].split(":")
    first = socket.create_connection((host, int(port)), timeout=20)
    assert ready(relay) == ["listening " + kind + " " + a for kind, a in
                            zip(("http", "http", "metrics"), addresses)]
    first.close()
    relay.send_signal(signal.SIGUSR1)  # a drain, as the unit stops it
    _, errors = relay.communicate(timeout=20)
    assert relay.returncode == 0 and " draining " in errors, errors


@case
def the_units_are_valid():
    with tempfile.TemporaryDirectory() as d:
        for name in "relayd", "relayd-tls", "relayd-stun":
            shutil.copy(UNITS + name + ".socket", d)
        with open(BUILD + "/relayd/systemd/relayd.service") as f:
            unit = re.sub(r"(?m)^Documentation=.*|(?<=^ExecStart=)\S+",
                          lambda m: RELAYD if m[0][0] == "/" else "", f.read())
        with open(d + "/relayd.service", "w") as f:
            f.write(unit)
        verified = subprocess.run(
            [tool("systemd-analyze"), "verify", *[
                d + "/" + name for name in sorted(os.listdir(d))]],
            capture_output=True, text=True, timeout=60)
        said = [line for line in verified.stderr.splitlines()
                if "relayd" in line]
        assert verified.returncode == 0 and said == [], verified.stderr


failed = 0
for number, fn in enumerate(cases, 1):
    try:
        fn()
        print("ok %d - %s" % (number, fn.__name__))
    except Skip as e:
        print("ok %d - %s # SKIP %s" % (number, fn.__name__, e))
    except Exception as e:  # one case shall not hide the others
        failed += 1
        print("# %r" % e)
        print("not ok %d - %s" % (number, fn.__name__))
print("1..%d" % len(cases))
sys.exit(1 if failed else 0)
