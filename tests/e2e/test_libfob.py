"""An app on libfob goes on: over restarts, suspend, and a grant that goes and comes; with no dead token and no hang."""
import ctypes
import os
import subprocess
import threading
import time

import pytest

from expiry import expiry_of
from fob import PATIENCE, Installation, wait_until
from libfob_app import APPS, C, LIBRARIES, LIBRARY, LINK, NOT_GRANTED, OK, must
from test_suspend import SleepyInstallation, jump_library, skipped_because  # noqa: F401  (a fixture)

RESTARTS = 50
LIFETIME = 20
LONG_SLEEP = 400
# An app waits for up to 5 s; with a restart of half a second in between, none of its calls comes near it.
NO_HANG = 4.0


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    to = tmp_path_factory.mktemp("libfob") / "steady"
    must("gcc", "-std=c99", *C, "-O1", APPS / "steady.c", *LINK, "-o", to)
    return to


class Steady:
    """steady.c as it runs."""

    def __init__(self, program, path, preload=None):
        environment = {"LD_LIBRARY_PATH": str(LIBRARIES)} | ({"LD_PRELOAD": str(preload)} if preload else {})
        self.process = subprocess.Popen([program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)
        self.now = None  # (status, token)
        self.runs = []  # (status, token, first, last, calls, longest), times in seconds
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        for line in self.process.stdout:
            words = line.split()
            if words[0] == "now":
                self.now = (int(words[1]), words[2])
            else:
                status, token, first, last, calls, longest = words
                self.runs.append((int(status), token, int(first) / 1e9, int(last) / 1e9, int(calls), int(longest) / 1e9))

    def becomes(self, status, token=None, patience=PATIENCE):
        wait_until(lambda: self.now and self.now[0] == status and token in (None, self.now[1]), f"{status}", patience)

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(PATIENCE)
            self.thread.join()
            self.process.stdout.close()
            assert self.process.returncode == 0
        return self.runs


@pytest.fixture
def steady(program, enrolled):
    started = []

    def start(installation=enrolled, preload=None):
        started.append(Steady(program, installation.app.path, preload))
        return started[-1]

    yield start
    for app in started:
        app.end()


def assert_went_on(runs, statuses=(OK,)):
    assert {status for status, *_ in runs} <= set(statuses), [run for run in runs if run[0] not in statuses]
    for status, token, _, last, _, longest in runs:
        assert longest < NO_HANG, "a call hung"
        assert status != OK or last < expiry_of(token), "a dead token was returned"


def test_over_fifty_restarts_of_the_daemon(sandbox, enrolled, steady):
    sandbox.settings(lifetime_s=LIFETIME)
    enrolled.start()
    app = steady()
    app.becomes(OK)
    for number in range(RESTARTS):
        if number % 2:
            enrolled.stop()
        else:
            enrolled.daemon.kill()
            enrolled.daemon.wait()
        enrolled.start()
        # It takes what this daemon has, not what the one before left.
        app.becomes(OK, enrolled.app.token("?wait=30")[1]["access_token"], 5)
    runs = app.end()
    assert_went_on(runs)
    assert len(runs) > RESTARTS and sum(run[4] for run in runs) > 1000


def test_while_the_daemon_is_away_what_it_left_is_used_until_it_dies_and_no_longer(sandbox, enrolled, steady):
    sandbox.settings(lifetime_s=6)
    enrolled.start()
    app = steady()
    app.becomes(OK)
    wait_until(lambda: enrolled.log.read_text().count("granted page"), "it has the page")
    time.sleep(0.3)
    left = app.now[1]
    enrolled.daemon.kill()
    enrolled.daemon.wait()
    app.becomes(3, patience=20)
    enrolled.start()
    app.becomes(OK)
    runs = app.end()
    assert_went_on([run for run in runs if run[0] == OK])
    away = next(run for run in runs if run[0] == 3)
    assert away[2] > expiry_of(left) - 3 and away[5] < 6, "it waits for a daemon for as long as it was told to"


@pytest.mark.skipif(skipped_because is not None, reason=str(skipped_because))
@pytest.mark.parametrize("who", ["both", "fobd", "app"])
def test_over_a_suspend(who, tmp_path, sandbox, steady, jump_library):  # noqa: F811
    sandbox.settings(lifetime_s=300)
    device = SleepyInstallation(tmp_path / "device", jump_library)
    (tmp_path / "device").mkdir(exist_ok=True)
    device.configure_for(sandbox)
    device.enrol(sandbox.create_credential())
    device.start()
    try:
        app = steady(device, jump_library)
        app.becomes(OK)
        asleep = {"both": [*device.asleep_together(), app.process.pid], "fobd": device.asleep_together(),
                  "app": [app.process.pid]}[who]
        for _ in range(3):
            before = app.now[1]
            sleep(device, asleep, LONG_SLEEP)
            if who == "fobd":
                device.app.token()  # its timers did not fire, and the app has no need to ask it
            if who != "app":  # to whom alone the token that fobd has is as good as ever
                wait_until(lambda: app.now[1] not in (before, "-"), "a new token after the night", 10)
        runs = app.end()
        assert {run[0] for run in runs} == {OK} and max(run[5] for run in runs) < NO_HANG
        assert len(runs) == len({run[1] for run in runs}), "a token from before a night came back"
    finally:
        device.stop()


def sleep(device, pids, seconds):
    device.asleep_together = lambda: pids
    goals = {pid: device.offset(pid) + seconds for pid in pids}
    libc = ctypes.CDLL(None)
    for pid in reversed(pids):
        assert libc.sigqueue(pid, 12, ctypes.c_void_p(seconds)) == 0
        wait_until(lambda p=pid: device.offset(p) == goals[p], "the clock jumps", 10)


def test_over_a_grant_that_goes_and_comes_again(sandbox, enrolled, steady):
    def grant(user):
        enrolled.configure_for(sandbox, extra=f'[[grant]]\nprofiles = ["prod-query"]\nuser = "{user}"\n')
        if enrolled.answers():
            assert enrolled.fob("reload").returncode == 0

    grant("root")
    enrolled.start()
    app = steady()
    app.becomes(OK)
    for _ in range(3):
        grant("nobody")
        app.becomes(NOT_GRANTED, patience=1)
        grant("root")
        app.becomes(OK, patience=3)
    # And soon it reads the page again, and does not ask each time.
    time.sleep(1.5)
    served = enrolled.status()["served"]
    time.sleep(1.5)
    assert enrolled.status()["served"] - served <= 20
    assert_went_on(app.end(), (OK, NOT_GRANTED))


def test_a_forked_child_goes_on_with_a_link_of_its_own(enrolled):
    enrolled.start()
    library = ctypes.CDLL(str(LIBRARY))
    source = ctypes.c_void_p()
    assert library.fob_open(None, os.fsencode(enrolled.app.path), ctypes.byref(source)) == OK
    buffer = ctypes.create_string_buffer(16385)

    def get():
        status = library.fob_get(source, ctypes.c_int64(-1), ctypes.c_int64(5000), buffer, ctypes.c_size_t(16385), None)
        return status, buffer.value.decode()

    token = get()
    assert token[0] == OK and get() == token
    child = os.fork()
    if child == 0:
        same = get() == token and get() == token
        library.fob_close(source)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert enrolled.fob("refresh").returncode == 0
    # The parent's link is as it was, though its child has closed all that was the child's.
    assert get()[0] == OK and get()[1] != token[1]
    library.fob_close(source)


def test_the_descriptor_is_readable_after_a_change_and_only_then(enrolled):
    import select
    enrolled.start()
    assert enrolled.app.token("?wait=30")[0] == 200
    library = ctypes.CDLL(str(LIBRARY))
    library.fob_change.restype = ctypes.c_uint64
    source, seen = ctypes.c_void_p(), ctypes.c_uint64()
    assert library.fob_open(None, os.fsencode(enrolled.app.path), ctypes.byref(source)) == OK
    descriptor = library.fob_descriptor(source)

    def settle():
        while select.select([descriptor], [], [], 0.3)[0]:
            library.fob_acknowledge(source, ctypes.byref(seen))
        return seen.value

    wait_until(lambda: enrolled.log.read_text().count("granted page"), "it has the page")
    first = settle()
    assert select.select([descriptor], [], [], 0.5)[0] == []
    assert enrolled.fob("refresh").returncode == 0
    assert select.select([descriptor], [], [], 5)[0] == [descriptor]
    second = settle()
    assert second != first and second == library.fob_change(source)
    enrolled.daemon.kill()
    enrolled.daemon.wait()
    assert select.select([descriptor], [], [], 5)[0] == [descriptor]
    library.fob_acknowledge(source, ctypes.byref(seen))
    assert seen.value != second
    enrolled.start()
    wait_until(lambda: settle() and Installation.answers(enrolled), "it settles with the new daemon", 10)
    third = seen.value
    assert enrolled.fob("refresh").returncode == 0
    assert library.fob_wait(source, ctypes.c_uint64(third), ctypes.c_int64(5000), ctypes.byref(seen)) == OK
    assert seen.value != third
    assert library.fob_wait(source, seen, ctypes.c_int64(300), None) == 100
    library.fob_close(source)
