"""Clocks that are wrong, the authority's and the device's: how long a token lives is right to the second all the same.

The sandbox sets its own clock as it likes. The device's is falsified by wrong_clock.c, under fobd, fob-exchange and
fob: only CLOCK_REALTIME, as when somebody sets it. That the kernel tells of a set clock cannot be had this way.
"""
import json
import os
import shutil
import subprocess
import threading
import time
from calendar import timegm
from pathlib import Path

import pytest

from expiry import expiry_of
from fob import BIN, PATIENCE, Installation, Sandbox, wait_until

LIFETIME = 300
DAY = 86400
YEARS = {year: timegm((year, 6, 1, 12, 0, 0)) for year in (1970, 2036)}
SHAPES = ("iso_z", "iso_ms", "iso_us", "iso_offset", "iso_naive", "epoch_s", "epoch_ms", "rfc1123", "expires_in")


def refreshed(installation):
    """A token had just now, and how many seconds ago its exchange began at the most."""
    began = time.monotonic()
    status, _, text = installation.control.request("POST", "/v1/refresh", {"profile": "prod-query"})
    assert status == 200, text
    status, answer = installation.app.token("?wait=0")
    assert status == 200
    return answer, time.monotonic() - began


def assert_right(answer, age):
    """A second of the lifetime may be over unseen, since Date has whole seconds; and expires_in is rounded."""
    assert LIFETIME - 1 - age - 0.5 <= answer["expires_in"] <= LIFETIME, (answer["expires_in"], age)


def assert_true(answer, server_ahead=0):
    """The same for a token of any age, which tells when it dies by the authority's clock."""
    left = expiry_of(answer["access_token"]) - server_ahead - time.time()
    assert left - 2 <= answer["expires_in"] <= left + 0.6, (answer["expires_in"], left)


# ---- the authority's clock, and the form in which it tells the time


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """An authority over plain HTTP, which needs no certificate that a clock could find invalid."""
    sandbox = Sandbox(tmp_path_factory.mktemp("plain"))
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="module")
def serving(plain, tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("serving"))
    installation.configure_for(plain)
    installation.enrol(plain.create_credential())
    installation.start()
    yield installation
    installation.stop()


@pytest.mark.parametrize("opaque", [False, True], ids=["jwt", "opaque"])
@pytest.mark.parametrize("ahead", [-DAY, 0, DAY])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_lifetime_is_right_whatever_the_authoritys_clock_and_its_form_of_expiry(
        plain, serving, shape, ahead, opaque):
    plain.settings(lifetime_s=LIFETIME, clock_offset_s=ahead, expiry_shape=shape)
    # A JWT's own exp would hide a form that was misread; an opaque token leaves only the form.
    plain.fault("slow", opaque=opaque)
    for _ in range(3):  # at different fractions of a second
        answer, age = refreshed(serving)
        assert_right(answer, age)
        assert opaque == ("." not in answer["access_token"])
        if not opaque:
            assert_true(answer, ahead)


def test_the_lifetime_is_right_at_every_fraction_of_a_second(plain, serving):
    plain.settings(lifetime_s=LIFETIME, clock_offset_s=0, expiry_shape="iso_z")
    plain.mend()
    missing = set(range(10))
    end = time.monotonic() + PATIENCE
    while missing and time.monotonic() < end:
        missing.discard(int(time.time() % 1 * 10))
        answer, age = refreshed(serving)
        assert_right(answer, age)
        assert_true(answer)
    assert not missing


# ---- the device's clock


class Device(Installation):
    """An installation whose programs all believe in a wall clock that the test turns."""

    def __init__(self, directory):
        super().__init__(directory)
        self.programs = self.directory / "bin"
        self.programs.mkdir()
        self.wrong_by = self.directory / "wrong_by"
        self.turn(0)
        shim = self.programs / "wrong_clock.so"
        subprocess.run(["gcc", "-Wall", "-Werror", "-O1", "-fPIC", "-shared", "-o", shim,
                        Path(__file__).with_name("wrong_clock.c")], check=True)
        self.environment = {"LD_PRELOAD": str(shim), "WRONG_CLOCK": str(self.wrong_by)}
        for program in ("fobd", "fob"):
            shutil.copy(BIN / program, self.programs)
        # fobd and fob start what lies beside them, and give it nothing of their environment.
        exchanger = self.programs / "fob-exchange"
        exports = "".join(f"export {name}='{value}'\n" for name, value in self.environment.items())
        exchanger.write_text(f"#!/bin/sh\n{exports}exec '{BIN.resolve()}/fob-exchange' \"$@\"\n")
        exchanger.chmod(0o755)

    def turn(self, seconds):
        """Sets the clock so far from the truth."""
        new = self.wrong_by.with_suffix(".new")
        new.write_text(str(int(seconds)))
        os.replace(new, self.wrong_by)  # nobody reads half of it
        self.ahead = int(seconds)

    def turn_to(self, moment):
        self.turn(moment - time.time())

    def fob(self, *arguments, stdin="", env=None):
        return subprocess.run([self.programs / "fob", *self.flags(), *arguments], input=stdin, capture_output=True,
                              text=True, timeout=PATIENCE * 2, env={**self.environment, **(env or {})})

    def start(self):
        self.daemon = subprocess.Popen([self.programs / "fobd", *self.flags()], stderr=open(self.log, "ab"),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=self.environment)
        wait_until(lambda: self.answers() or self.daemon.poll() is not None, "fobd starts")
        assert self.daemon.poll() is None, self.log.read_text()

    def skew(self):
        """By how many seconds fob-exchange finds its own clock ahead of the authority's."""
        done = subprocess.run([self.programs / "fob-exchange", *self.flags()], capture_output=True, text=True,
                              input='{"v":1,"profile":"prod-query","slot":"current"}\n', timeout=PATIENCE)
        return json.loads(done.stdout)["clock_skew_ms"] / 1000


@pytest.fixture
def device(plain, tmp_path):
    """A device with a credential of the plain authority, and no daemon yet."""
    plain.settings(lifetime_s=LIFETIME, clock_offset_s=0, expiry_shape="iso_z")
    plain.mend()
    made = Device(tmp_path)
    made.configure_for(plain)
    made.enrol(plain.create_credential())
    plain.admin("POST", "/stats/reset")
    yield made
    made.stop()


def seconds_of(rfc3339):
    return timegm(time.strptime(rfc3339, "%Y-%m-%dT%H:%M:%SZ"))


# Native: a sanitizer's runtime refuses to start behind another library.
@pytest.mark.native
@pytest.mark.parametrize("year", YEARS)
def test_a_device_in_another_year_enrols_and_has_tokens_of_the_right_lifetime(plain, device, year):
    device.turn_to(YEARS[year])
    assert abs(device.skew() - device.ahead) < 3, "the falsified clock works"
    credential = plain.create_credential()
    done = device.fob("credential", "rotate", "prod-query", "--file", "-", stdin=json.dumps(credential))
    assert done.returncode == 0, done.stderr
    device.start()
    for _ in range(5):
        answer, age = refreshed(device)
        assert_right(answer, age)
        assert_true(answer)
        # What is for showing goes by the device's own clock, as whoever reads it does.
        assert abs(seconds_of(answer["expires_at"]) - answer["expires_in"] - (time.time() + device.ahead)) < 2
    assert plain.call_api(answer["access_token"]) == 200


@pytest.mark.native
@pytest.mark.parametrize("year", YEARS)
def test_over_tls_a_device_in_another_year_is_told_to_set_its_clock_and_recovers(sandbox, device, year):
    device.configure_for(sandbox)
    device.enrol(sandbox.create_credential())
    sandbox.admin("POST", "/stats/reset")
    device.turn_to(YEARS[year])
    device.start()
    device.await_failure()
    status, headers, text = device.app.request("GET", "/v1/token?wait=1")
    answer = json.loads(text)
    assert (status, answer["type"]) == (503, "urn:fob:clock-wrong")
    assert f"clock reads {year}-" in answer["detail"] and "set the clock" in answer["detail"]
    assert headers["Retry-After"]
    done = device.fob("refresh")
    assert done.returncode == 5 and f"clock reads {year}-" in done.stderr
    assert sandbox.exchanges() == 0, "the credential was never sent"
    device.turn(0)
    turned = time.monotonic()
    # An attempt that was under way may yet fail.
    state = wait_until(lambda: (s := device.status()) and not s["exchanging"] and s, "its end")
    assert device.app.token("?wait=60")[0] == 200
    assert time.monotonic() - turned < (state["next_attempt_in"] if state["state"] != "valid" else 0) + 3


@pytest.mark.native
def test_a_clock_that_jumps_changes_nothing_of_the_token_at_hand(plain, device):
    device.start()
    first, age = refreshed(device)
    assert_right(first, age)
    exchanges = plain.exchanges()
    for jump in (DAY, -DAY, YEARS[1970] - time.time(), YEARS[2036] - time.time(), 1, -1, 0):
        device.turn(jump)
        status, answer = device.app.token("?wait=0")
        assert status == 200 and answer["fingerprint"] == first["fingerprint"]
        assert_true(answer)
        assert abs(seconds_of(answer["expires_at"]) - answer["expires_in"] - (time.time() + device.ahead)) < 2
    assert plain.exchanges() == exchanges


@pytest.mark.native
@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_clock_that_jumps_during_an_exchange_does_no_harm(plain, device, jump):
    device.start()
    before = refreshed(device)[0]
    plain.fault("slow", delay_ms=1500)
    turning = threading.Timer(0.7, device.turn, (jump,))
    turning.start()
    answer, age = refreshed(device)
    turning.join()
    assert age > 1.4 and answer["fingerprint"] != before["fingerprint"]
    assert_right(answer, age)
    assert answer["expires_in"] <= LIFETIME - 2, "it counts from the start of the request"
    assert plain.call_api(answer["access_token"]) == 200


@pytest.mark.native  # the seconds are the subject
def test_fifteen_seconds_of_jumps_with_five_second_tokens_serve_none_dead_and_lose_none_early(plain, device):
    plain.settings(lifetime_s=5)
    device.start()
    assert device.app.token("?wait=10")[0] == 200
    plain.admin("POST", "/stats/reset")
    jumps = [YEARS[1970] - time.time(), 0, DAY, -DAY, YEARS[2036] - time.time(), 3, -3, 3600]
    begun = time.monotonic()
    asked = 0
    while time.monotonic() < begun + 15:
        device.turn(jumps[int((time.monotonic() - begun) / 0.7) % len(jumps)])
        sent = time.time()
        status, answer = device.app.token("?wait=0")
        got = time.time()
        assert status == 200, (asked, answer)
        assert expiry_of(answer["access_token"]) > max(sent, got - 0.1), f"request {asked}: a dead token was served"
        assert_true(answer)
        asked += 1
        time.sleep(0.02)
    assert asked > 100
    # 4 s of each are counted on, and 70 to 85 % of that is lived.
    assert 3 <= plain.exchanges() <= 7
