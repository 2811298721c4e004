"""Apps that attack: the daemon answers each with the right refusal, keeps serving the others, and stays small."""
import random
import re
import resource
import socket
import time

import pytest

PATIENCE = 30


def send_raw(path, data):
    """What the daemon says to these bytes, up to its close."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PATIENCE)
        s.connect(str(path))
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answer = b""
        try:
            while chunk := s.recv(65536):
                answer += chunk
        except OSError:
            pass
        return answer


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


def memory_kb(pid):
    """What the process itself has taken; pages of shared libraries depend on who else uses them."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Pss_Anon:"))


@pytest.fixture
def serving(enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    return enrolled


def test_1500_mangled_requests_get_the_right_4xx_and_harm_nobody(serving):
    draw = random.Random(20261124)
    whole = (b"POST /v1/token/rejected?profile=prod-query HTTP/1.1\r\nHost: fob\r\nContent-Type: application/json\r\n"
             b"Content-Length: 51\r\n\r\n" + b'{"profile":"prod-query","fingerprint":"0123456789"}')
    seen = {}
    for _ in range(1500):
        mangled = bytearray(whole)
        for _ in range(draw.randint(1, 8)):
            at = draw.randrange(len(mangled))
            kind = draw.randrange(4)
            if kind == 0:
                mangled[at] = draw.randrange(256)
            elif kind == 1:
                del mangled[at:at + draw.randint(1, 20)]
                mangled = mangled or bytearray(b"G")
            elif kind == 2:
                mangled[at:at] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 20)))
            else:
                mangled = mangled[:at + 1]
        status = status_of(send_raw(serving.app.path, bytes(mangled)))
        seen[status] = seen.get(status, 0) + 1
    # No answer at all is right only for a request that stops in its middle.
    assert set(seen) <= {None, 400, 403, 404, 405, 413, 431}, seen
    assert seen[400] > 500, seen
    assert serving.daemon.poll() is None
    assert serving.app.token()[0] == 200


FAULTS = [
    (b"GET /v1/token HTTP/1.1\r\n" + b"X-A: " + b"a" * 20000 + b"\r\n\r\n", 431),
    (b"GET /v1/token?" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", 431),
    (b"POST /v1/token/rejected HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200000, 413),
    (b"POST /v1/token/rejected HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n" + b"x" * 200000, 413),
    (b"POST /v1/token/rejected HTTP/1.1\r\nContent-Length: 6400\r\n\r\n" + b'{"a":[' * 800 + b"x" * 1600, 400),
    (b"POST /v1/token/rejected HTTP/1.1\r\nContent-Length: 800\r\n\r\n" + b"[" * 800, 400),
    (b"GET /v1/token?profile=..%2f..%2fetc HTTP/1.1\r\n\r\n", 400),
    (b"GET /v1/token?profile=a&profile=b HTTP/1.1\r\n\r\n", 400),
    (b"GET http://evil/v1/token HTTP/1.1\r\n\r\n", 400),
    (b"GET /v1/tokens HTTP/1.1\r\n\r\n", 404),
    (b"GET /v1/status HTTP/1.1\r\n\r\n", 404),
    (b"BREW /v1/token HTTP/1.1\r\n\r\n", 405),
    (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", 400),
    (b"\x00" * 100 + b"\r\n\r\n", 400),
]


@pytest.mark.parametrize("data,status", FAULTS, ids=range(len(FAULTS)))
def test_each_fault_has_its_status(serving, data, status):
    answer = send_raw(serving.app.path, data)
    assert status_of(answer) == status, answer[:300]
    assert b"application/problem+json" in answer and b"urn:fob:" in answer


@pytest.mark.native
def test_3000_half_open_connections_leave_others_served_and_their_memory_returned(serving):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    before = memory_kb(serving.daemon.pid)
    half_open = []
    for i in range(3000):
        s = socket.socket(socket.AF_UNIX)
        s.connect(serving.app.path)
        if i % 2:
            try:
                s.send(b"GET /v1/token HTTP/1.1\r\nX-Slow: ")
            except OSError:
                pass  # given up for a newer one already
        half_open.append(s)
    started = time.monotonic()
    assert serving.app.token()[0] == 200
    assert time.monotonic() - started < 1
    for s in half_open:
        s.close()
    end = time.monotonic() + 10
    while time.monotonic() < end and memory_kb(serving.daemon.pid) > before + 1024:
        time.sleep(0.1)
    after = memory_kb(serving.daemon.pid)
    assert after <= before + 1024, f"{before} kB before, {after} kB after"
    assert serving.app.token()[0] == 200


def test_a_slow_sender_is_ended_and_costs_nobody_else(serving):
    with socket.socket(socket.AF_UNIX) as slow:
        slow.settimeout(PATIENCE)
        slow.connect(serving.app.path)
        slow.sendall(b"GET /v1/tok")
        started = time.monotonic()
        assert serving.app.token()[0] == 200
        assert slow.recv(100) == b"", "closed without an answer"
        assert 5 < time.monotonic() - started < 20


def test_another_users_process_gets_nothing(serving):
    import subprocess
    for path in (serving.directory, *serving.directory.parents):
        if str(path).startswith("/tmp/pytest"):
            path.chmod(0o755)
    outcome = []
    for query in ("", "?profile=prod-query", "?profile=nope"):
        done = subprocess.run(
            ["curl", "-s", "-w", " %{http_code}", "--unix-socket", serving.app.path, f"http://fob/v1/token{query}"],
            capture_output=True, text=True, user=65534, group=65534, extra_groups=[])
        assert done.stdout.endswith(" 403") and "urn:fob:not-granted" in done.stdout
        outcome.append(re.sub(r"--pid \d+", "--pid N", done.stdout.split("of user")[1]))
    assert outcome[1] == outcome[2], "a profile that exists and one that does not look the same"
    done = subprocess.run(["curl", "-s", "--unix-socket", serving.control.path, "http://fob/v1/status"],
                          capture_output=True, text=True, user=65534, group=65534, extra_groups=[])
    assert done.returncode == 7, "control.sock is not even to be connected to"
