"""A device that sleeps: CLOCK_BOOTTIME jumps while the daemon runs, as over a suspend, and no dead token is served.

The jump is real to the daemon's process (a time namespace of its own, see jump.c) and to nobody else. In one respect
the daemon is told less than by a suspend: its timers do not fire. So whatever call comes next is its first sign of it.
"""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fob import BIN, PATIENCE, Installation, wait_until

LIFETIME = 300
# More than a token's whole life: what was at hand is dead.
LONG_SLEEP = 400
# Past any time at which a refresh of such a token is due (85 % of its life), and within its life.
NAP_PAST_REFRESH = 270
# How soon after waking an exchange must have begun (design.md §6: at once), with what a busy machine adds.
AT_ONCE = 2


def reason_to_skip():
    if shutil.which("cc") is None:
        return "there is no C compiler for jump.c"
    if subprocess.run(["unshare", "--time", "true"], capture_output=True, check=False).returncode != 0:
        return "no time namespace can be made here: that takes root (CAP_SYS_ADMIN) and a kernel with CONFIG_TIME_NS"
    return None


skipped_because = reason_to_skip()
pytestmark = pytest.mark.skipif(skipped_because is not None, reason=str(skipped_because))


@pytest.fixture(scope="session")
def jump_library(tmp_path_factory):
    library = tmp_path_factory.mktemp("jump") / "jump.so"
    source = Path(__file__).with_name("jump.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source], check=True)
    return library


class SleepyInstallation(Installation):
    """An installation whose daemon can be put to sleep for any time, which passes in an instant."""

    def __init__(self, directory, library):
        super().__init__(directory)
        self.library = library

    def start(self):
        # A sanitizer's runtime insists on being the first library, unless told.
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        environment = {**os.environ, "LD_PRELOAD": str(self.library), "ASAN_OPTIONS": sanitizer}
        with open(self.log, "ab") as log:
            self.daemon = subprocess.Popen([BIN / "fobd", *self.flags()], stderr=log, stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, env=environment)
        wait_until(lambda: self.answers() or self.daemon.poll() is not None, "fobd starts")
        assert self.daemon.poll() is None, self.log.read_text()

    def asleep_together(self):
        """The daemon, and the process that starts its programs for it."""
        return [self.daemon.pid, *self.children("fobd-launcher")]

    def offset(self, pid=None):
        """How far the daemon's CLOCK_BOOTTIME is ahead of the machine's, in seconds."""
        pid = pid or self.daemon.pid
        # These are of the namespace for children. Until both are one, the jump is prepared and not yet done; looked at in this order,
        # for it may happen in between.
        lines = Path(f"/proc/{pid}/timens_offsets").read_text().splitlines()
        if os.readlink(f"/proc/{pid}/ns/time") != os.readlink(f"/proc/{pid}/ns/time_for_children"):
            return None
        return next(int(line.split()[1]) for line in lines if line.startswith("boottime"))

    def sleep(self, seconds):
        """Returns when the daemon's clock has jumped; the daemon itself has not been spoken to."""
        goal = self.offset() + seconds
        libc = ctypes.CDLL(None, use_errno=True)
        for pid in reversed(self.asleep_together()):
            sent = libc.sigqueue(pid, signal.SIGUSR2, ctypes.c_void_p(seconds))
            assert sent == 0, os.strerror(ctypes.get_errno())
            wait_until(lambda p=pid: self.offset(p) == goal, f"the clock jumps: {self.log.read_text()}", 10)

    def exchanger(self):
        """The process id of the exchange under way, if any."""
        return next(iter(self.children("fob-exchange")), None)


@pytest.fixture
def device(tmp_path, sandbox, jump_library):
    """A device that is enrolled and has its first token: `device.first`."""
    sandbox.settings(lifetime_s=LIFETIME)
    made = SleepyInstallation(tmp_path, jump_library)
    made.configure_for(sandbox)
    made.enrol(sandbox.create_credential())
    sandbox.admin("POST", "/stats/reset")
    made.start()
    try:
        made.first = fresh_token(made)
        yield made
    finally:
        made.stop()


def fresh_token(device, *not_these, query="?wait=30"):
    """The token that is served now, which must be new."""
    status, answer = device.app.token(query)
    assert status == 200, answer
    assert answer["fingerprint"] not in not_these, "the token from before the sleep was served"
    assert LIFETIME - 5 <= answer["expires_in"] <= LIFETIME
    return answer["fingerprint"]


def assert_exchange_within(sandbox, seconds, more_than):
    wait_until(lambda: sandbox.exchanges() > more_than, "an exchange after waking", seconds)


def test_after_each_of_several_sleeps_the_very_next_request_gets_a_new_token(sandbox, device):
    seen = [device.first]
    for night in (LONG_SLEEP, LONG_SLEEP, 8 * 3600, 90 * 86400):
        device.sleep(night)
        began = time.monotonic()
        seen.append(fresh_token(device, *seen))
        assert time.monotonic() - began < 10
    assert sandbox.exchanges() == 5, "one for the first token, and one for each night"
    assert "counts time otherwise" not in device.log.read_text(), "the exchanger must share its daemon's time"


def ask_in_text(device):
    status, _, text = device.app.request("GET", "/v1/token", headers={"Accept": "text/plain"})
    return text if status == 200 else None


def ask_for_any_life(device):
    status, answer = device.app.token("?min_ttl=0")
    return answer["access_token"] if status == 200 else None


def report_the_old_one(device):
    body = {"profile": "prod-query", "fingerprint": device.first}
    status, _, text = device.app.request("POST", "/v1/token/rejected", body)
    return json.loads(text)["access_token"] if status == 200 else None


def ask_by_command_line(device):
    return device.fob("token").stdout.strip()


@pytest.mark.parametrize("ask", [ask_in_text, ask_for_any_life, report_the_old_one, ask_by_command_line])
def test_in_whichever_way_the_next_request_asks_it_gets_a_new_token(device, ask):
    old = device.app.token()[1]["access_token"]
    device.sleep(LONG_SLEEP)
    new = ask(device)
    assert new and new != old
    assert new == device.app.token()[1]["access_token"]


def test_a_request_that_will_not_wait_gets_an_honest_503_and_the_next_one_a_new_token(device):
    device.sleep(LONG_SLEEP)
    status, answer = device.app.token("?wait=0")
    assert status == 503 and answer["type"].startswith("urn:fob:") and answer["detail"]
    fresh_token(device, device.first)


def test_while_the_authority_fails_after_a_sleep_apps_hear_why_and_then_get_a_new_token(sandbox, device):
    sandbox.fault("status", status=503)
    device.sleep(LONG_SLEEP)
    device.await_failure()
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        status, answer = device.app.token("?wait=1")
        assert status == 503, "a dead token was served"
        assert answer["type"] == "urn:fob:authority-error" and answer["detail"]
        assert device.status()["state"] == "expired"
    sandbox.mend()
    fresh_token(device, device.first)


def test_while_the_authority_hangs_after_a_sleep_apps_hear_so_in_time_and_waking_again_ends_it(sandbox, device):
    sandbox.fault("hang")
    device.sleep(LONG_SLEEP)
    for _ in range(2):
        began = time.monotonic()
        status, answer = device.app.token("?wait=2")
        assert status == 503, "a dead token was served"
        assert answer["type"] == "urn:fob:authority-unreachable" and answer["detail"]
        assert time.monotonic() - began < 6
    sandbox.mend()
    device.sleep(LONG_SLEEP)
    # The exchange that hangs would hang on for half a minute; it began before the sleep, and is given up.
    began = time.monotonic()
    fresh_token(device, device.first)
    assert time.monotonic() - began < 2 * AT_ONCE


@pytest.mark.parametrize("interface, path", [("control", "/v1/status"), ("app", "/healthz"), ("app", "/v1/profiles")])
def test_a_call_that_wants_no_token_lets_an_exchange_begin_at_once(sandbox, device, interface, path):
    before = sandbox.exchanges()
    device.sleep(LONG_SLEEP)
    text = getattr(device, interface).request("GET", path)[2]
    assert device.first not in text and '"valid"' not in text, "it tells of the dead token as if it lived"
    assert_exchange_within(sandbox, AT_ONCE, before)
    # The answer is still on its way, perhaps, but nobody had to ask for it.
    fresh_token(device, device.first)
    assert sandbox.exchanges() == before + 1


def test_a_nap_past_the_time_of_refresh_leads_to_a_refresh_and_the_old_token_serves_meanwhile(sandbox, device):
    sandbox.fault("slow", delay_ms=1000)
    device.sleep(NAP_PAST_REFRESH)
    status, answer = device.app.token()
    assert status == 200 and answer["fingerprint"] == device.first, "it lives still"
    assert LIFETIME - NAP_PAST_REFRESH - 5 <= answer["expires_in"] <= LIFETIME - NAP_PAST_REFRESH
    wait_until(lambda: device.app.token()[1]["fingerprint"] != device.first, "the refresh")
    fresh_token(device, device.first)
    assert sandbox.exchanges() == 2


def test_a_nap_past_the_time_of_refresh_is_noticed_by_a_call_that_wants_no_token(sandbox, device):
    device.sleep(NAP_PAST_REFRESH)
    assert device.status()["state"] == "valid"
    assert_exchange_within(sandbox, AT_ONCE, 1)


def test_a_short_nap_costs_nothing_but_the_time_it_took(sandbox, device):
    device.sleep(100)
    status, answer = device.app.token()
    assert status == 200 and answer["fingerprint"] == device.first
    assert LIFETIME - 105 <= answer["expires_in"] <= LIFETIME - 100
    device.sleep(100)
    assert LIFETIME - 205 <= device.app.token()[1]["expires_in"] <= LIFETIME - 200
    assert sandbox.exchanges() == 1


def test_a_token_that_the_sleep_outlived_on_its_way_is_never_served(sandbox, device):
    sandbox.fault("slow", delay_ms=3000)
    device.sleep(LONG_SLEEP)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(device.app.token, "?wait=30")
        wait_until(device.exchanger, "an exchange is under way", 10)
        # The request lies with the authority, and the device sleeps until the token that comes of it is dead.
        time.sleep(1)
        device.sleep(LONG_SLEEP)
        sandbox.mend()
        status, answer = waiting.result(PATIENCE)
    assert status in (200, 503)
    assert status == 503 or answer["expires_in"] >= LIFETIME - 15, "a token was served that died on its way"
    fresh_token(device, device.first)


def test_whoever_waits_while_the_device_sleeps_gets_the_token_that_the_waking_brings(sandbox, device):
    sandbox.fault("hang")
    device.sleep(LONG_SLEEP)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(device.app.token, "?wait=60")
        wait_until(lambda: sandbox.admin("GET", "/stats")["token"]["in_flight"] == 1, "an exchange hangs", 10)
        sandbox.mend()
        device.sleep(LONG_SLEEP)
        began = time.monotonic()
        assert device.app.request("GET", "/healthz")[0] == 503
        status, answer = waiting.result(PATIENCE)
    assert status == 200 and answer["fingerprint"] != device.first
    assert answer["expires_in"] >= LIFETIME - 5
    assert time.monotonic() - began < 2 * AT_ONCE


def test_after_a_sleep_the_timers_keep_the_new_time(sandbox, device):
    device.sleep(LONG_SLEEP)
    sandbox.settings(lifetime_s=4)
    end = time.monotonic() + 8
    while time.monotonic() < end:
        assert device.app.living_token(sandbox, "?min_ttl=0")[0] == 200
        time.sleep(0.05)
    assert 3 <= sandbox.exchanges() <= 8


def test_the_exchanger_lives_in_the_time_of_its_daemon(sandbox, device):
    sandbox.fault("slow", delay_ms=1000)
    for _ in range(2):
        device.sleep(LONG_SLEEP)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(device.app.token, "?wait=30")
            exchanger = wait_until(device.exchanger, "an exchange is under way", 10)
            assert device.offset(exchanger) == device.offset()
            assert waiting.result(PATIENCE)[0] == 200


def test_an_on_demand_profile_sleeps_on_until_an_app_asks(tmp_path, sandbox, jump_library):
    sandbox.settings(lifetime_s=LIFETIME)
    device = SleepyInstallation(tmp_path, jump_library)
    device.configure_for(sandbox, 'refresh = "on-demand"\n')
    device.enrol(sandbox.create_credential())
    sandbox.admin("POST", "/stats/reset")
    device.start()
    try:
        first = fresh_token(device)
        device.sleep(LONG_SLEEP)
        assert device.status()["state"] == "idle"
        time.sleep(AT_ONCE)
        assert sandbox.exchanges() == 1, "nobody has asked"
        fresh_token(device, first)
    finally:
        device.stop()
