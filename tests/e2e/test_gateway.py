"""fob-gateway: the vendor's API on loopback, with a dummy credential, against the real daemon and a real TLS upstream."""
import http.client
import json
import os
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fob import PATIENCE, wait_until
from gateway import PAGE, PAIR, QUERIES, Gateway, ScriptedUpstream, listener, serve_beside_a_listener

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="another user is for root to be")


@pytest.fixture
def installation(enrolled, sandbox):
    return serve_beside_a_listener(enrolled, sandbox)


@pytest.fixture
def gateway(installation):
    gateway = Gateway(installation, installation.port)
    yield gateway
    assert gateway.process.poll() is None, gateway.log.read_text()
    assert gateway.stop() == 0


def test_the_vendors_token_route_gives_the_current_token(gateway, installation, sandbox):
    status, headers, body = gateway.token()
    answer = json.loads(body)
    assert status == 200 and set(answer) == {"token", "expiresOn"}
    assert headers["Cache-Control"] == "no-store"
    assert answer["token"] == installation.app.token()[1]["access_token"]
    assert sandbox.call_api(answer["token"]) == 200
    left = time.mktime(time.strptime(answer["expiresOn"], "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime())
    assert 0 < left <= 300
    exchanges = sandbox.exchanges()
    for _ in range(20):
        assert gateway.token()[0] == 200
    assert sandbox.exchanges() == exchanges, "a token that is at hand costs no exchange"


def test_oauths_token_route_takes_the_pair_by_header_and_by_form(gateway):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, body = gateway.request("POST", "/oauth/token", "grant_type=client_credentials&client_id=fob&client_secret=fob", form)
    assert status == 200 and json.loads(body)["token_type"] == "Bearer" and json.loads(body)["expires_in"] > 0
    assert gateway.request("POST", "/oauth/token", "grant_type=client_credentials", {**form, "Authorization": PAIR})[0] == 200
    assert gateway.request("POST", "/oauth/token", "grant_type=client_credentials&client_id=fob&client_secret=x", form)[0] == 401
    assert gateway.request("POST", "/oauth/token", "grant_type=password", {**form, "Authorization": PAIR})[0] == 400


def test_another_pair_is_refused_with_what_to_do(gateway):
    for authorization in ("Basic Zm9vOmJhcg==", "Basic", "Bearer x", "", "Basic " + "A" * 5000):
        status, headers, body = gateway.token({"Authorization": authorization})
        assert status == 401 and headers["WWW-Authenticate"].startswith("Basic")
        assert "gateway.sdk" in json.loads(body)["error"]


def test_requests_go_to_the_upstream_with_the_token_put_in(gateway, sandbox):
    status, _, body = gateway.request("POST", "/v1/vps/map/query-form", b"\xff" * 300_000, {"Authorization": "Bearer dummy"})
    assert status == 200 and json.loads(body)["poseFound"]
    status, _, body = gateway.request("GET", "/v1/vps/map/hall-1?full=1")
    assert status == 200 and json.loads(body)["code"] == "hall-1"
    pieces = (b"x" * 1000 for _ in range(100))
    assert gateway.request("POST", "/v1/vps/map/query", pieces, {"Transfer-Encoding": "chunked"}, encode_chunked=True)[0] == 200
    assert sandbox.admin("GET", "/stats")["api"]["accepted"] == 3


def test_a_route_that_is_not_allowed_never_reaches_the_upstream(gateway, sandbox):
    for method, target in (("DELETE", "/v1/vps/map/hall-1"), ("POST", "/v2/vps/map"), ("GET", "/v1/vps/map/a/b"), ("GET", "/v1/vps/map/..%2fx"),
                           ("GET", "/v1/vps/map/../x"), ("GET", "/v1//vps/map"), ("GET", "/v1/vps/map/"), ("GET", "/sandbox/credentials")):
        status, _, body = gateway.request(method, target)
        assert status in (400, 403), target
        assert json.loads(body)["error"]
    stats = sandbox.admin("GET", "/stats")["api"]
    assert stats["total"] == 0


def test_a_token_that_upstream_refuses_is_replaced_and_the_request_sent_again(gateway, installation, sandbox):
    sandbox.settings(lifetime_s=20)
    assert installation.fob("refresh").returncode == 0
    first = json.loads(gateway.token()[2])["token"]
    sandbox.fault("status", status=401, routes="api", count=1)
    status, _, body = gateway.request("POST", "/v1/vps/map/query-form", b"\xff" * 1_000_000)
    assert status == 200 and json.loads(body)["poseFound"]
    assert json.loads(gateway.token()[2])["token"] != first
    sandbox.fault("status", status=401, routes="api")
    assert gateway.request("GET", "/v1/vps/map")[0] == 401, "once is enough"
    sandbox.mend()
    assert gateway.request("GET", "/v1/vps/map")[0] == 200


def test_a_page_of_an_allowed_origin_may_and_any_other_may_not(gateway, sandbox):
    status, headers, _ = gateway.token({"Origin": PAGE, "Sec-Fetch-Site": "cross-site"})
    assert status == 200 and headers["Access-Control-Allow-Origin"] == PAGE and headers.get_all("Vary") == ["Origin"]
    total = sandbox.admin("GET", "/stats")["api"]["total"]
    for foreign in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": PAGE + ".evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Dest": "image"}, {"User-Agent": "Mozilla/5.0"}):
        status, headers, body = gateway.token(foreign)
        assert status == 403 and "token" not in json.loads(body)
        assert headers["Access-Control-Allow-Origin"] is None
        assert gateway.request("GET", "/v1/vps/map", None, foreign)[0] == 403
    assert sandbox.admin("GET", "/stats")["api"]["total"] == total


def test_a_preflight_is_answered_for_what_would_be_allowed(gateway):
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization",
             "Access-Control-Request-Private-Network": "true"}
    status, headers, body = gateway.request("OPTIONS", "/v1/vps/map/query-form", None, asked)
    assert status == 204 and body == b""
    assert headers["Access-Control-Allow-Methods"] == "POST" and headers["Access-Control-Allow-Headers"] == "authorization"
    assert headers["Access-Control-Allow-Private-Network"] == "true" and headers["Access-Control-Allow-Origin"] == PAGE
    assert gateway.request("OPTIONS", "/v1/vps/map/query-form", None, {**asked, "Origin": "https://evil.example"})[0] == 403
    assert gateway.request("OPTIONS", "/v2/vps/map", None, asked)[0] == 403


def test_a_name_that_was_made_to_lead_here_is_refused(gateway):
    for host in ("evil.example", f"evil.example:{gateway.port}", "127.0.0.1", "localhost:1"):
        status, _, body = gateway.token({"Host": host})
        assert status == 421 and "token" not in json.loads(body)
    assert gateway.token({"Host": f"localhost:{gateway.port}"})[0] == 200


@pytest.mark.parametrize("request_text", [
    "POST /v1/m2m/token HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    "POST /v1/m2m/token HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "POST /v1/m2m/token HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "POST /v1/m2m/token HTTP/1.1\nHost: HOST\nContent-Length: 2\n\n{}",
    "POST /v1/m2m/token HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "POST http://127.0.0.1/v1/m2m/token HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{}",
    "GET /v1/vps/map HTTP/1.1\r\nHost: HOST\r\nHost: evil.example\r\n\r\n",
    "GET /v1/vps/map HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "GET /v1/vps/map HTTP/1.0\r\nHost: HOST\r\n\r\n",
    "GET /v1/vps/map HTTP/1.1\r\n\r\n",
    "CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: HOST\r\n\r\n",
])
def test_what_two_servers_could_read_differently_is_refused(gateway, sandbox, request_text):
    answer = gateway.raw(request_text.replace("\r\nContent-Length", f"\r\nAuthorization: {PAIR}\r\nContent-Length", 1))
    assert answer.startswith("HTTP/1.1 4"), answer
    assert "\r\nHTTP/1.1 " not in answer and '"token"' not in answer
    assert sandbox.admin("GET", "/stats")["api"]["total"] == 0


def test_a_dead_upstream_is_told_and_harms_nobody_else(gateway, installation, sandbox):
    assert gateway.token()[0] == 200
    sandbox.fault("reset", routes="api", count=1)
    status, headers, body = gateway.request("POST", "/v1/vps/map/query-form", b"x" * 1000)
    assert status == 502 and headers["Retry-After"] == "1" and json.loads(body)["error"].startswith("upstream: ")
    sandbox.fault("hang", routes="api", count=1)
    slow = subprocess.Popen(["curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{gateway.port}/v1/vps/map"])
    wait_until(lambda: sandbox.admin("GET", "/stats")["api"]["faulted"] == 2, "the slow one is under way")
    for _ in range(10):
        assert gateway.request("GET", "/v1/vps/map")[0] == 200
    slow.kill()
    slow.wait()


def test_slow_and_dead_clients_harm_nobody_else(gateway, sandbox):
    head = f"POST /v1/vps/map/query-form HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nContent-Length: 1000000\r\n\r\n".encode()
    clients = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(90)]
    for silent_in_the_head, silent_in_the_body, dead in zip(*[iter(clients)] * 3):
        silent_in_the_head.sendall(head[:20])
        silent_in_the_body.sendall(head + b"x" * 1000)
        dead.sendall(head + b"x" * 1000)
        dead.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, as when a program is killed
        dead.close()
    for _ in range(20):
        assert gateway.request("POST", "/v1/vps/map/query-form", b"x" * 100_000)[0] == 200
        assert gateway.token()[0] == 200
    assert sandbox.admin("GET", "/stats")["api"]["accepted"] == 20
    for client in clients:
        client.close()


def test_who_does_not_read_a_large_answer_harms_nobody_else(before):
    size = 50_000_000
    gateway, _ = before(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    request = f"GET /v1/vps/map HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode()
    silent = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(10)]
    for client in silent:
        client.sendall(request)
        assert client.recv(12) == b"HTTP/1.1 200"
    assert len(gateway.request("GET", "/v1/vps/map")[2]) == size
    for client in silent:
        client.close()


@pytest.mark.native
def test_two_hundred_large_uploads_take_little_memory(gateway, sandbox):
    image = os.urandom(10_000_000)
    with ThreadPoolExecutor(20) as apps:
        answers = list(apps.map(lambda _: gateway.request("POST", "/v1/vps/map/query-form", image)[0], range(200)))
    assert answers == [200] * 200 and sandbox.admin("GET", "/stats")["api"]["accepted"] == 200
    most = next(int(line.split()[1]) for line in Path(f"/proc/{gateway.process.pid}/status").read_text().splitlines()
                if line.startswith("VmHWM"))
    assert most * 1024 <= 16_000_000, f"{most} KiB resident"


def test_without_fobd_it_says_so(gateway, installation):
    installation.stop()
    for status, headers, body in (gateway.token(), gateway.request("GET", "/v1/vps/map")):
        assert status == 503 and headers["Retry-After"] == "1"
        assert "fobd is not running" in json.loads(body)["error"]
    installation.start()
    assert gateway.request("GET", "/v1/vps/map")[0] == 200


@pytest.fixture
def before(installation, sandbox):
    """A gateway before an upstream that answers as the test says."""
    started = []

    def start(answer):
        upstream = ScriptedUpstream(answer)
        installation.configure_for(sandbox, extra=listener(installation.port, [*QUERIES, "HEAD /v1/vps/map"], upstream=upstream.url))
        started.extend([upstream, Gateway(installation, installation.port)])
        return started[-1], upstream

    yield start
    for one in reversed(started):
        one.stop()


def test_an_answer_is_delimited_as_it_was_heard_and_no_otherwise(before):
    gateway, _ = before(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    for _ in range(3):
        connection.request("GET", "/v1/vps/map")
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read() == b"hello"


def test_another_protocol_that_nobody_asked_for_is_no_answer(before):
    gateway, _ = before(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + b"x" * 100_000)
    assert gateway.request("GET", "/v1/vps/map")[0] == 502


def test_an_answer_before_the_requests_end_comes_through(before):
    gateway, upstream = before(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n0\r\n\r\n")
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as connection:
        connection.sendall(f"POST /v1/vps/map/query HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nContent-Length: 9000000\r\n\r\n".encode())
        wait_until(lambda: upstream.heads, "upstream has heard the head, and answered")
        connection.settimeout(0.2)
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            try:
                connection.sendall(b"x" * 10_000)
                got += connection.recv(65536)
            except TimeoutError:
                pass
    assert got.startswith(b"HTTP/1.1 200") and b"early" in got and b"Connection: close" in got


def test_head_is_answered_without_a_body_and_the_connection_goes_on(before):
    gateway, upstream = before(b"")
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    for method, status in (("HEAD", 502), ("GET", 502), ("HEAD", 502)):
        connection.request(method, "/v1/vps/map")
        answer = connection.getresponse()
        assert answer.status == status and bool(answer.read()) == (method == "GET")


def test_a_post_without_a_body_has_a_length_and_the_token_for_the_upstream_alone(before):
    gateway, upstream = before(b"HTTP/1.1 204 No Content\r\nConnection: X-Private\r\nX-Private: 1\r\nSet-Cookie: a=b\r\n\r\n")
    answer = gateway.raw("POST /v1/vps/map/query HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer mine\r\nCookie: a=b\r\nX-App: yes\r\n"
                         "Connection: X-Hop\r\nX-Hop: 1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 204") and "X-Private" not in answer and "Cookie" not in answer
    head = upstream.heads[0].lower()
    assert "content-length: 0" in head and "x-app: yes" in head and "authorization: bearer ey" in head
    assert "mine" not in head and "cookie" not in head and "x-hop" not in head


def test_the_pin_of_the_profile_holds_for_its_own_server(installation, sandbox):
    def answers_with(pin):
        installation.configure_for(sandbox, extra=f'pin_sha256 = "{pin}"\n' + listener(installation.port))
        gateway = Gateway(installation, installation.port)
        status, _, body = gateway.request("GET", "/v1/vps/map")
        gateway.stop()
        return status, json.loads(body)

    assert answers_with(sandbox.pin)[0] == 200
    status, body = answers_with("A" * 43 + "=")
    assert status == 502 and "pinned" in body["error"]


def test_who_waits_for_a_token_waits_for_the_same_one(installation, sandbox):
    installation.stop()
    sandbox.fault("hang", routes="token")
    installation.start()
    gateway = Gateway(installation, installation.port)
    with ThreadPoolExecutor(20) as apps:
        answers = list(apps.map(lambda _: gateway.token()[0], range(20)))
    assert answers == [503] * 20
    gateway.stop()


@ROOT
def test_a_user_who_is_not_allowed_gets_nothing(gateway):
    code = (f"import socket; s = socket.create_connection(('127.0.0.1', {gateway.port}))\n"
            f"try: s.sendall(b'POST /v1/m2m/token HTTP/1.1\\r\\nHost: 127.0.0.1:{gateway.port}\\r\\nAuthorization: {PAIR}\\r\\nContent-Length: 0\\r\\n\\r\\n')\n"
            "except OSError: pass\n"
            "try: print(len(s.recv(100)))\nexcept ConnectionError: print(0)\n")
    done = subprocess.run([sys.executable, "-c", code], user=65534, group=65534, capture_output=True, text=True, timeout=60)
    assert done.stdout == "0\n", done.stderr
    assert "user 65534" in gateway.log.read_text()
    assert gateway.token()[0] == 200
