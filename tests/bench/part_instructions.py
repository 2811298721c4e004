"""How many instructions of fobd's own a request for a token takes. Counted by valgrind: a processor's own counters are not
to be had in a virtual machine."""
import os
import re
import shutil
import signal
import socket
import subprocess

from figures import Figure, Goal, missing
from stage import BIN, PATIENCE, REQUEST, wait_until

WHAT = "instructions a request"
MEANING = ("User-space instructions of fobd for a token at hand on a kept connection: the difference between a run with twice as many "
           "requests and one with as many, under valgrind.")
GOAL = Goal(5000)
COLLECTED = re.compile(r"^==(\d+)== Collected : (\d+)$", re.MULTILINE)


def ask(path, times):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        for _ in range(times):
            connection.sendall(REQUEST.encode())
            if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
                raise AssertionError("no token")


def instructions_of(installation, requests):
    """All that a daemon executes that answers so many requests."""
    log = installation.directory / f"callgrind-{requests}.log"
    with open(log, "wb") as stderr:
        installation.daemon = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(BIN / "fobd"), *installation.flags()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, env={**os.environ, "LC_ALL": "C"})
    pid = installation.daemon.pid
    wait_until(lambda: installation.answers() or installation.daemon.poll() is not None, "fobd starts under valgrind", PATIENCE)
    installation.app.token("?wait=30")
    ask(installation.runtime / "fob.sock", requests)
    installation.stop(signal.SIGTERM)
    return next(int(count) for of, count in COLLECTED.findall(log.read_text()) if int(of) == pid)


def measure(stage, quick):
    if shutil.which("valgrind") is None:
        yield missing(WHAT, MEANING, "valgrind is not installed", GOAL)
        return
    requests = 500 if quick else 5000
    installation = stage.enrolled("valgrind")
    once = instructions_of(installation, requests)
    twice = instructions_of(installation, 2 * requests)
    each = (twice - once) / requests
    yield Figure(WHAT, MEANING, {"fob": each}, "", each, "", GOAL)
