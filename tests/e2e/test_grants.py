"""Who may have what, asked by real processes of real users: their program, what they became since, and who they passed
their connection to.
"""
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fob import wait_until

pytestmark = [pytest.mark.native, pytest.mark.skipif(os.geteuid() != 0, reason="to be another user takes root")]

PROFILE = "prod-query"
APP, OTHER = 65533, 65532
# Asks once for each line on stdin, on one connection; "exec PROGRAM" becomes that program, which goes on in its place.
CLIENT = """
import os, socket, sys
path = sys.argv[1]
if sys.argv[2] == "-":
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
else:
    connection = socket.socket(fileno=int(sys.argv[2]))
def ask():
    connection.sendall(b"GET /v1/token?profile=prod-query HTTP/1.1\\r\\nHost: fob\\r\\n\\r\\n")
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        part = connection.recv(65536)
        if not part:
            return "closed"
        head += part
    return head.split()[1].decode()
commands = open(0, "rb", buffering=0)  # whoever it becomes reads on where it stopped
while line := commands.readline().decode().split():
    if line[0] == "ask":
        print(ask(), flush=True)
    elif line[0] == "exec":
        os.set_inheritable(connection.fileno(), True)
        os.execv(line[1], [line[1], "-u", sys.argv[3], path, str(connection.fileno()), sys.argv[3]])
    elif line[0] == "leave":
        if os.fork():
            os._exit(0)
"""


class App:
    """A process that keeps a connection open and asks when told to."""

    def __init__(self, installation, script, program=sys.executable, user=APP):
        self.process = subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", program, "-u", script,
             str(installation.runtime / "fob.sock"), "-", script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self):
        return self.say("ask")

    def say(self, line, answered=True):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip() if answered else None

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture
def script(tmp_path):
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/pytest"):
            parent.chmod(0o755)
    file = tmp_path / "client.py"
    file.write_text(CLIENT)
    file.chmod(0o644)
    return str(file)


@pytest.fixture
def copy(tmp_path, script):
    """The same program under another name."""
    program = tmp_path / "copied"
    shutil.copy(os.path.realpath(sys.executable), program)
    program.chmod(0o755)
    return str(program)


def grant(sandbox, installation, **selectors):
    installation.configure_for(sandbox)
    lines = "\n".join(f'{name} = "{value}"' for name, value in selectors.items())
    installation.configure(installation.config.read_text() + f'\n[[grant]]\nprofiles = ["{PROFILE}"]\n{lines}\n')


def started(installation):
    installation.start()
    for place in (installation.runtime, *installation.runtime.parents):
        if str(place).startswith("/tmp/pytest"):
            place.chmod(0o755)
    return installation


def answers(installation, script, **how):
    app = App(installation, script, **how)
    try:
        return app.ask()
    finally:
        app.end()


PYTHON = os.path.realpath(sys.executable)


def records(installation, what="token"):
    """The audit's, of this kind."""
    lines = installation.fob("audit", "--json").stdout.splitlines()
    return [record for record in map(json.loads, lines) if record["what"] == what]


def last_record(installation):
    return records(installation)[-1]


def test_a_grant_by_program_is_for_that_program_and_not_for_a_copy(sandbox, enrolled, script, copy):
    grant(sandbox, enrolled, user=APP, exe=PYTHON)
    started(enrolled)
    assert answers(enrolled, script) == "200"
    record = last_record(enrolled)
    assert (record["decision"], record["grant"], record["peer_uid"], record["peer_exe"]) == ("granted", 1, APP, PYTHON)
    assert len(record["fingerprint"]) == 8
    assert answers(enrolled, script, program=copy) == "403"
    record = last_record(enrolled)
    assert (record["decision"], record["outcome"], record["peer_exe"]) == ("refused", "urn:fob:not-granted", copy)
    assert f"exe is {copy}, not {PYTHON}" in record["why"]
    assert answers(enrolled, script, user=OTHER) == "403"
    assert f"user is {OTHER}, not {APP}" in last_record(enrolled)["why"]


def test_a_grant_by_hash_is_for_a_copy_too_and_not_for_another_program(sandbox, enrolled, script, copy, tmp_path):
    grant(sandbox, enrolled, user=APP, exe_sha256=hashlib.sha256(Path(PYTHON).read_bytes()).hexdigest())
    started(enrolled)
    assert answers(enrolled, script) == "200"
    assert answers(enrolled, script, program=copy) == "200"
    with open(copy, "ab") as file:
        file.write(b"more")
    assert answers(enrolled, script, program=copy) == "403"


def test_a_program_that_was_replaced_since_it_started_is_not_the_one_that_is_installed(sandbox, enrolled, script, copy):
    grant(sandbox, enrolled, user=APP, exe=copy)
    started(enrolled)
    app = App(enrolled, script, program=copy)
    assert app.ask() == "200"
    shutil.copy(PYTHON, copy + ".new")
    os.rename(copy + ".new", copy)
    assert app.ask() == "403"
    app.end()


def test_a_process_that_becomes_another_program_must_connect_anew(sandbox, enrolled, script, copy):
    """In either direction: what it was does not count any more, and what it became was not there when it first asked."""
    grant(sandbox, enrolled, user=APP, exe=PYTHON)
    started(enrolled)
    app = App(enrolled, script)
    assert app.ask() == "200"
    app.say(f"exec {copy}", answered=False)
    assert app.ask() == "403"
    assert "become another program since it connected" in last_record(enrolled)["why"]
    app.say(f"exec {PYTHON}", answered=False)
    assert app.ask() == "403", "once another, for good"
    app.end()

    became = App(enrolled, script, program=copy)
    assert became.ask() == "403"
    became.say(f"exec {PYTHON}", answered=False)
    assert became.ask() == "403"
    became.end()


def test_of_a_process_that_has_ended_the_program_counts_no_more_and_its_user_still_does(sandbox, enrolled, script):
    """A child that inherited the connection goes on with it."""
    for selectors, expected in (({"user": APP, "exe": PYTHON}, "403"), ({"user": APP}, "200")):
        grant(sandbox, enrolled, **selectors)
        started(enrolled)
        app = App(enrolled, script)
        assert app.ask() == "200"
        app.say("leave", answered=False)
        app.process.wait(10)
        assert app.ask() == expected
        if expected == "403":
            assert "the process has ended" in last_record(enrolled)["why"]
        app.end()
        enrolled.stop()


def test_a_reload_that_takes_a_grant_away_ends_a_stream(sandbox, enrolled, script):
    grant(sandbox, enrolled, user="root", exe=PYTHON)
    started(enrolled)
    with socket.socket(socket.AF_UNIX) as connection:  # of this very process, which is root's python
        connection.settimeout(20)
        connection.connect(str(enrolled.runtime / "fob.sock"))
        connection.sendall(f"GET /v1/events?profile={PROFILE} HTTP/1.1\r\nHost: fob\r\n\r\n".encode())
        told_until_the_end(enrolled, sandbox, connection.makefile("rb"))


def told_until_the_end(enrolled, sandbox, stream):
    assert b" 200 " in stream.readline()
    wait_until(lambda: stream.readline().startswith(b"event: token"), "the first event")
    grant(sandbox, enrolled, user="root", exe="/usr/bin/other")
    assert enrolled.fob("reload").returncode == 0
    rest = stream.read()
    assert b"event: revoked" in rest, rest
    decisions = [record["decision"] for record in records(enrolled, "events")]
    assert set(decisions[:-1]) == {"granted"} and decisions[-1] == "refused"


def test_a_witness_that_is_gone_costs_its_facts_and_nothing_else(sandbox, enrolled, script):
    grant(sandbox, enrolled, user=APP, exe=PYTHON)
    started(enrolled)
    assert answers(enrolled, script) == "200"
    subprocess.run(["pkill", "-KILL", "-P", str(enrolled.daemon.pid), "fob-witness"], check=True)
    time.sleep(1.1)
    wait_until(lambda: answers(enrolled, script) == "200", "the next witness")
