"""A client of each SDK's shape (sdk/) beside fob-gateway, with nothing but the dummy pair: tokens die and are refused under it, and it
does not notice.
"""
import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from expiry import expiry_of
from fob import PATIENCE, wait_until
from gateway import PAGE, Gateway, serve_beside_a_listener

SDK = Path(__file__).parent / "sdk"
NAMES = ["webxr", "base_url", "robot"]


@pytest.fixture(scope="module")
def base_url_client(tmp_path_factory):
    program = tmp_path_factory.mktemp("sdk") / "BaseUrlClient.exe"
    done = subprocess.run(["mcs", "-warnaserror", "-r:System.Runtime.Serialization", f"-out:{program}", SDK / "BaseUrlClient.cs"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return program


@pytest.fixture
def installation(enrolled, sandbox):
    return serve_beside_a_listener(enrolled, sandbox)


@pytest.fixture
def gateway(installation):
    gateway = Gateway(installation, installation.port)
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def start(base_url_client, tmp_path):
    """start(NAME, BASE, COUNT): a client that is at work until it is told to end, and in any case for COUNT rounds."""
    started = []

    def start_client(name, base, count=0):
        node = ["node", SDK / "webxr_client.mjs", f"{base}/v1/m2m/token", f"{base}/v1/vps/map/query-form", f"{base}/v1/vps/map", str(count)]
        command = {"webxr": [*node, PAGE],
                   "node": node,
                   "base_url": ["mono", base_url_client, base, str(count)],
                   "robot": [sys.executable, "-B", SDK / "robot_client.py", base, str(count)]}[name]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NODE_NO_WARNINGS": "1"}))
        return started[-1]

    yield start_client
    for client in started:
        client.kill()
        client.communicate()


def report_of(client):
    """Tells the client to end: what it has to say."""
    out, errors = client.communicate(timeout=PATIENCE)
    assert client.returncode == 0 and errors == "", errors
    return json.loads(out)


def api(sandbox):
    return sandbox.admin("GET", "/stats")["api"]


@pytest.mark.parametrize("name", [*NAMES, "node"])
def test_a_client_works_unmodified_with_the_dummy_pair(start, gateway, sandbox, name):
    report = report_of(start(name, f"http://127.0.0.1:{gateway.port}", count=5))
    assert report == {"calls": {"authorize": 1, "query": 5, "map": 5}, "successes": 10, "failures": []}
    assert api(sandbox)["accepted"] == 10


@pytest.mark.parametrize("name", NAMES)
def test_what_the_vendor_refuses_a_client_for_good_reason_it_does_hear(start, gateway, sandbox, name):
    """And so the clients of the test below would have told."""
    sandbox.fault("status", status=403, routes="api", count=1, body='{"error":"Insufficient scope permissions for this endpoint"}')
    report = report_of(start(name, f"http://127.0.0.1:{gateway.port}", count=2))
    assert report["successes"] == 3
    assert report["failures"] == [{"status": 403, "text": '{"error":"Insufficient scope permissions for this endpoint"}'}]


def test_tokens_that_expire_and_are_refused_in_the_middle_are_noticed_by_no_client(start, gateway, installation, sandbox):
    sandbox.settings(lifetime_s=4)
    assert installation.fob("refresh").returncode == 0
    clients = {name: start(name, f"http://127.0.0.1:{gateway.port}") for name in NAMES}
    for client in clients.values():
        refuse_once(client, clients.values(), installation, sandbox)

    # The robot has one token for ever. Here it is long dead, and so have been some after it.
    exchanges = sandbox.exchanges()
    wait_until(lambda: sandbox.exchanges() >= exchanges + 3, "three more tokens live and end")
    accepted = api(sandbox)["accepted"]
    wait_until(lambda: api(sandbox)["accepted"] > accepted + 10, "the traffic goes on")

    reports = {name: report_of(client) for name, client in clients.items()}
    for name, report in reports.items():
        assert report["failures"] == [], name
        assert report["successes"] == report["calls"]["query"] + report["calls"]["map"] > 20
    # Who goes by `expiresOn` asks again and again; the others have not seen one 401 that would have let them ask.
    assert reports["webxr"]["calls"]["authorize"] == reports["robot"]["calls"]["authorize"] == 1
    assert reports["base_url"]["calls"]["authorize"] >= 3
    assert api(sandbox)["faulted"] == len(NAMES)


def refuse_once(client, clients, installation, sandbox):
    """Lets the vendor refuse one token of this client's; the others hold still meanwhile, so that it is surely this one's."""
    others = [other for other in clients if other is not client]
    for other in others:
        other.send_signal(signal.SIGSTOP)
    # Two refusals on each other's heels are answered with no second exchange; so each token is let live for a while first.
    refused = wait_until(lambda: token_older_than(1.3, installation), "the token at hand is no new one")
    sandbox.fault("status", status=401, routes="api", count=1)
    wait_until(lambda: sandbox.admin("GET", "/fault")["fault"] is None, "a call of this client is refused")
    wait_until(lambda: installation.app.token()[1]["access_token"] != refused, "the refused token is replaced")
    for other in others:
        other.send_signal(signal.SIGCONT)


def token_older_than(seconds, installation):
    token = installation.app.token()[1]["access_token"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    # Refusals are no part of a token's end.
    return token if claims["iat"] + seconds <= time.time() < expiry_of(token) - 1 else None
