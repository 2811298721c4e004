"""A daemon with nothing to do does nothing: no wakeup between two refreshes, none at all for a profile that sleeps. And it has little."""
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fob import BIN, wait_until
from test_hostile_apps import memory_kb

pytestmark = pytest.mark.native  # a sanitizer's runtime has threads of its own


def switches(pid):
    """How often the process has run, by its voluntary and involuntary context switches, over all threads."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if "ctxt_switches" in line:
                total += int(line.split()[1])
    return total


def sockets_off_unix(pid):
    """How many sockets of another family the process has: what is in no line of /proc/net/unix."""
    unix = {line.split()[6] for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]}
    held = [link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if "socket:" in str(link.readlink())]
    return sum(1 for name in held if name.removeprefix("socket:[").removesuffix("]") not in unix)


def rest(daemon, seconds):
    """Wakeups within so many seconds, once all that was under way has come to its end."""
    time.sleep(3)
    before = switches(daemon.pid)
    time.sleep(seconds)
    return switches(daemon.pid) - before


def test_nothing_happens_for_a_minute_between_two_refreshes(sandbox, enrolled):
    sandbox.settings(lifetime_s=600)
    enrolled.start()
    assert enrolled.app.token("?wait=10")[0] == 200
    assert rest(enrolled.daemon, 60) == 0
    assert sockets_off_unix(enrolled.daemon.pid) == 0, "while all is well, the network is not listened to"


def test_a_profile_that_nobody_asks_for_costs_nothing(sandbox, installation):
    sandbox.settings(lifetime_s=3)
    installation.configure_for(sandbox, 'refresh = "on-demand"\n')
    installation.enrol(sandbox.create_credential())
    sandbox.admin("POST", "/stats/reset")
    installation.start()
    assert rest(installation.daemon, 10) == 0
    assert sandbox.exchanges() == 0
    assert installation.app.token("?wait=10")[0] == 200
    # Its token dies, and nobody minds.
    assert rest(installation.daemon, 10) == 0
    assert sandbox.exchanges() == 1
    assert installation.status()["state"] == "idle"


def test_a_profile_falls_asleep_when_nobody_has_asked_for_long_and_wakes_for_who_asks(sandbox, installation):
    sandbox.settings(lifetime_s=3)
    installation.configure_for(sandbox, 'idle_after = "4s"\n')
    installation.enrol(sandbox.create_credential())
    installation.start()
    wait_until(lambda: installation.status()["state"] == "idle", "nobody asks")
    exchanges = sandbox.exchanges()
    assert rest(installation.daemon, 5) == 0
    assert sandbox.exchanges() == exchanges
    assert installation.app.token("?wait=10")[0] == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="to ask as many users takes root")
def test_what_a_long_answer_took_is_given_back(enrolled):
    """The whole audit is hundreds of kilobytes of text, and an operator looks at it once a month."""
    enrolled.start()
    assert enrolled.app.token("?wait=10")[0] == 200
    time.sleep(3)  # what the start took is given back by itself
    strangers = Path(__file__).resolve().parents[1] / "soak" / "strangers.py"
    subprocess.run([sys.executable, strangers, enrolled.app.path], check=True)
    assert enrolled.fob("refresh").returncode == 0
    time.sleep(7)  # as does each token, but no more often than every five seconds
    before = memory_kb(enrolled.daemon.pid)
    assert len(enrolled.control.request("GET", "/v1/audit?follow=0")[2]) > 200_000
    wait_until(lambda: memory_kb(enrolled.daemon.pid) < before + 50, "the memory is given back")
    with subprocess.Popen([BIN / "fob", *enrolled.flags(), "audit", "--follow", "--json"], stdout=subprocess.PIPE, text=True) as following:
        for _ in range(1000):
            assert following.stdout.readline()
        wait_until(lambda: memory_kb(enrolled.daemon.pid) < before + 50, "and that of a stream which began with all of it")
        following.terminate()
