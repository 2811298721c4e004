"""A crash at any instant leaves a credential that works. fob is killed after, before and in each call by which it
changes something; the disk is full or broken from each such call on; and it is killed a thousand times at random.

After each of them the store is in one of the states that the command passes through, a token comes, no file holds a
secret, and the next rotation succeeds and leaves nothing unfinished behind. What is killed is fob: it alone writes
credentials. crash_after.c does the aimed part; CRASH_SEED repeats the choices of a random one.
"""
import contextlib
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import pytest

from crash import (ADD, APPLY, CHANGING, PROMOTE, REMOVE, ROLLBACK, ROTATE, STAGE, TO_FILE, TO_KEYRING, Device, Keyring, Kept,
                   Operator, changes_in, committed, fingerprint, missing, processes_with, rolled_back, said)
from fob import BIN, PATIENCE, Sandbox, wait_until

absent = missing("cc", "strace")
without_keyring = missing(*Keyring.PROGRAMS)
pytestmark = [pytest.mark.native, pytest.mark.skipif(bool(absent), reason=f"there is no {', '.join(absent)}")]

WORKERS = 4
KILLS = 1000
# Of the kills that are aimed at a command's usual duration, how many must find it running.
LEAST_HITS = 0.7
# How many kills in a row a device has fobd, and then has none.
WITH_AND_WITHOUT = 25
# crash_after.c's log.
LOG_ENTRY, LOG_BYTES = 256, 256 * 1024


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    made = tmp_path_factory.mktemp("crash") / "crash_after.so"
    source = Path(__file__).with_name("crash_after.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", made, source, "-ldl"], check=True)
    return made


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Without TLS, which would be most of each exchange's time."""
    started = Sandbox(tmp_path_factory.mktemp("authority"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    return Operator(tmp_path_factory.mktemp("operator"))


@pytest.fixture(scope="module")
def keyrings(tmp_path_factory):
    """One for each worker: of many who ask it at once, gnome-keyring answers one in a thousand with nonsense."""
    with contextlib.ExitStack() as running:
        started = []
        for _ in range(WORKERS):
            started.append(Keyring(tmp_path_factory.mktemp("keyring")))
            running.callback(started[-1].stop)
        yield started


@contextlib.contextmanager
def authority_away(device):
    """For this one device: nobody answers where it looks for it."""
    right = device.config.read_text()
    device.configure(re.sub(r"http://[^/]*", "http://127.0.0.1:9", right))
    yield
    device.configure(right)


@contextlib.contextmanager
def credential_deactivated(device):
    client = f"/credentials/{device.credentials[2]['clientId']}/"
    device.sandbox.admin("POST", client + "deactivate")
    yield
    device.sandbox.admin("POST", client + "activate")


@dataclass
class Operation:
    """A command to crash in: what comes before it, the states that it passes through, and how it ends."""
    command: tuple
    states: list
    before: list = field(default_factory=list)
    status: int = 0
    meanwhile: callable = contextlib.nullcontext  # a context, given the device: what is wrong in its world

    def prepare(self, device):
        if self.command == APPLY:
            device.enrol_in_fleet()
        for command, credential in self.before:
            device.run(*command, stdin=device.credential(credential))
        if self.command == APPLY:
            device.put_bundle(2)


ENROLLED = [(ADD, 0)]
ROTATED = [*ENROLLED, (ROTATE, 1)]
OPERATIONS = {
    "add": Operation(ADD, ["", "next 1", "current 1"]),
    "rotate": Operation(ROTATE, ["current 1", "current 1, next 2", "current 2, previous 1"], ENROLLED),
    "rotate-rejected": Operation(ROTATE, ["current 1", "current 1, next 2", "current 1"], ENROLLED, 6, credential_deactivated),
    "rotate-away": Operation(ROTATE, ["current 1", "current 1, next 2", "current 1"], ENROLLED, 5, authority_away),
    "rotate-untried": Operation(STAGE, ["current 1", "current 1, next 2 untested"], ENROLLED),
    "promote": Operation(PROMOTE, ["current 1, next 2 untested", "current 2, previous 1"], [*ENROLLED, (STAGE, 1)]),
    "rollback": Operation(ROLLBACK, ["current 2, previous 1", "current 1, previous 2"], ROTATED),
    "rollback-staged": Operation(ROLLBACK, ["current 2, next 3 untested, previous 1", "current 1, previous 2"],
                                 [*ROTATED, (STAGE, 3)]),
    "remove": Operation(REMOVE, ["current 2, previous 1", ""], ROTATED),
    "apply": Operation(APPLY, ["current 1", "current 1, next 2 of bundle 1", "current 2 of bundle 1, previous 1"], ENROLLED),
    "apply-first": Operation(APPLY, ["", "next 1 of bundle 1", "current 1 of bundle 1"]),
    "apply-rejected": Operation(APPLY, ["current 1", "current 1, next 2 of bundle 1", "current 1"], ENROLLED, 6,
                                credential_deactivated),
    "apply-away": Operation(APPLY, ["current 1", "current 1, next 2 of bundle 1", "current 1",
                                    "current 1, next 3 untested of bundle 1"], ENROLLED, meanwhile=authority_away),
}
IN_FILE = "current 2, previous 1"
IN_KEYRING = "current 2 in secret-service, previous 1 in secret-service"
MOVES = {
    "to-keyring": Operation(TO_KEYRING, [IN_FILE, IN_KEYRING], ROTATED),
    "to-file": Operation(TO_FILE, [IN_KEYRING, IN_FILE], ROTATED),
}
ON_FILES = ("open", "write", "fsync", "fchmod", "rename", "mkdir", "unlink")


class Rehearsal:
    """A device in which one command is run again and again from the same state on, each time with another mishap."""

    def __init__(self, device, operation, library):
        self.device, self.operation, self.library = device, operation, library
        operation.prepare(device)
        self.saved = device.directory.with_name(device.directory.name + ".saved")
        device.state.mkdir(exist_ok=True)
        shutil.copytree(device.state, self.saved)

    def restore(self):
        """What is in a keyring is not in the directory, and moves by itself."""
        if self.device.keyring:
            self.device.run(*TO_FILE)
        shutil.rmtree(self.device.state)
        shutil.copytree(self.saved, self.device.state)
        if self.operation.command == TO_FILE:
            self.device.run(*TO_KEYRING)

    def environment(self, at="", how="after"):
        self.device.log_of_calls.write_bytes(b"\0" * LOG_BYTES)
        return {"LD_PRELOAD": str(self.library), "CRASH_LOG": str(self.device.log_of_calls), "CRASH_AT": at,
                "CRASH_HOW": how}

    def play(self, at="", how="after"):
        """Runs the command from the saved state on; the finished process."""
        self.restore()
        with self.operation.meanwhile(self.device):
            return self.device.fob(*self.operation.command, stdin=self.device.credential(2), env=self.environment(at, how))

    def calls(self):
        """What the last run called, as (name, subject)."""
        log = self.device.log_of_calls.read_bytes()
        entries = [log[at:at + LOG_ENTRY].split(b"\0")[0].decode() for at in range(0, LOG_BYTES, LOG_ENTRY)]
        return [tuple(entry.split(" ", 1)) for entry in entries if entry]

    def assert_all_is_well(self):
        """Returns the state of the store in words, once everything promised is seen to hold in it."""
        device, slots = self.device, self.device.slots()
        device.assert_a_token_comes(slots.get("current"))
        device.assert_no_file_holds_a_secret()
        self.assert_life_goes_on(slots)
        return said(slots)

    def assert_life_goes_on(self, slots):
        """A bundle that was cut short is dealt with, then the credential is rotated, and nothing remains to be done."""
        device = self.device
        if self.operation.command == APPLY:
            device.fob(*APPLY)
            assert not device.bundles() and device.receipts(), "nobody hears of the bundle"
            slots = device.slots()
            assert self.is_dealt_with(slots), f"the bundle is gone, and its credential with it: {said(slots)}"
        device.run(*(ROTATE if "current" in slots else ADD), stdin=device.credential(4))
        current = device.slots()["current"]
        assert current.version > max([kept.version for kept in slots.values()], default=0)
        assert current.client == fingerprint(device.credentials[4]["clientId"])
        device.assert_a_token_comes(current)
        device.assert_no_file_holds_a_secret()
        device.assert_nothing_is_unfinished()
        assert not device.keyring or device.keyring.items_of(device) == 0, "fob.toml says: in the file"

    def is_dealt_with(self, slots):
        """The bundle's credential is in force, or will be by its first success, or the authority did not want it."""
        brought = {slot: kept for slot, kept in slots.items() if kept.serial == 1}
        waits = "next" in brought and brought["next"].untested
        return "current" in brought or waits or any(r["outcome"] == "rejected" for r in self.device.receipts())


def numbered(calls):
    """CRASH_AT for each of them."""
    kinds = ["file" if name in ON_FILES else "sent" for name, _ in calls]
    return [f"{kind} {kinds[:at].count(kind)}" for at, kind in enumerate(kinds, 1)]


class Rehearsals:
    """One for each worker, and what they do one after the other."""

    def __init__(self, make_device, operation, library):
        self.operation = operation
        self.free = SimpleQueue()
        for number in range(WORKERS):
            self.free.put(Rehearsal(make_device(number), operation, library))

    def lend(self, use, mishap=None):
        rehearsal = self.free.get()
        try:
            return use(rehearsal, mishap)
        except Exception as error:
            raise AssertionError(f"{' '.join(self.operation.command)}, {mishap}: {error}") from error
        finally:
            self.free.put(rehearsal)

    def calls_of_a_whole_run(self):
        def whole(rehearsal, _):
            done = rehearsal.play()
            assert done.returncode == self.operation.status, done.stderr
            calls = rehearsal.calls()
            assert rehearsal.assert_all_is_well() == self.operation.states[-1]
            return calls

        return self.lend(whole)

    def for_each(self, mishaps, use):
        """use(rehearsal, mishap) for all, a few at a time; what they return, in order."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(lambda mishap: self.lend(use, mishap), mishaps))

    def crash_at_each_call(self):
        calls = self.calls_of_a_whole_run()
        print(len(calls), "calls:", " ".join(name for name, _ in calls))

        def crash(rehearsal, mishap):
            killed = rehearsal.play(*mishap).returncode == -signal.SIGKILL
            # How much is sent to the keyring's bus differs by a message or two.
            assert killed or (mishap[0].startswith("sent") and rehearsal.device.keyring)
            state = rehearsal.assert_all_is_well()
            assert state in self.operation.states, state
            return state

        sent, on_files = ([at for at in numbered(calls) if at.startswith(kind)] for kind in ("sent", "file"))
        self.for_each([(at, "after") for at in sent], crash)
        for how in ("before", "after"):
            self.assert_in_order(self.for_each([(at, how) for at in on_files], crash))

    def assert_in_order(self, seen):
        """None comes after a later one, and the first is there."""
        assert seen[0] == self.operation.states[0]
        at = 0
        for number, state in enumerate(seen, 1):
            left = self.operation.states[at:]
            assert state in left, f"call {number}: {state!r} is none of {left}"
            at += left.index(state)

    def break_the_disk_at_each_call(self, how, words):
        calls = self.calls_of_a_whole_run()
        # On a full disk, to delete is still possible.
        failing = [at for at, (name, _) in zip(numbered(calls), calls)
                   if name in ON_FILES and not (how == "ENOSPC" and name == "unlink")]

        def broken(rehearsal, mishap):
            done = rehearsal.play(mishap, how)
            rehearsal.device.assert_nothing_is_unfinished()
            state = rehearsal.assert_all_is_well()
            assert state in self.operation.states, state
            # What came to its end all the same is done, with a word of what was left over.
            done_all_the_same = state == self.operation.states[-1] and self.operation.command in (APPLY, TO_KEYRING, TO_FILE)
            warned = "warning" in done.stderr and done_all_the_same
            assert words in done.stderr or warned, done.stderr
            assert done.returncode > 0 or done_all_the_same, (state, done.stderr)

        self.for_each(failing, broken)


@pytest.fixture(params=OPERATIONS)
def operation(request):
    return OPERATIONS[request.param]


@pytest.fixture
def rehearsals(tmp_path, authority, operator, library, operation):
    return Rehearsals(lambda number: Device(tmp_path / str(number), authority, operator), operation, library)


@pytest.fixture(params=MOVES)
def moves(request, tmp_path, authority, operator, library):
    if without_keyring:
        pytest.skip(f"there is no {', '.join(without_keyring)}")
    own = request.getfixturevalue("keyrings")
    return Rehearsals(lambda number: Device(tmp_path / str(number), authority, operator, own[number]), MOVES[request.param],
                      library)


def test_a_crash_at_any_call_leaves_a_working_credential(rehearsals):
    rehearsals.crash_at_each_call()


def test_a_crash_at_any_call_of_a_move_leaves_a_working_credential(moves):
    moves.crash_at_each_call()


DISK_FAULTS = pytest.mark.parametrize("how, words", [("ENOSPC", "No space left on device"), ("EIO", "Input/output error")])


@DISK_FAULTS
def test_a_disk_that_fails_at_any_call_costs_no_credential(rehearsals, how, words):
    rehearsals.break_the_disk_at_each_call(how, words)


@DISK_FAULTS
def test_a_disk_that_fails_at_any_call_of_a_move_costs_no_credential(moves, how, words):
    moves.break_the_disk_at_each_call(how, words)


# That crash_after.c knows of every call

def traced_calls(rehearsal):
    """What strace sees of a whole run, children and all, in crash_after.c's words."""
    device, trace = rehearsal.device, rehearsal.device.directory / "trace"
    rehearsal.restore()
    preload = [word for name, value in rehearsal.environment().items() for word in ("-E", f"{name}={value}")]
    with rehearsal.operation.meanwhile(device):
        subprocess.run(["strace", "-f", "-y", "-qq", "-o", trace, "-e", "trace=" + CHANGING, *preload, BIN / "fob",
                        *device.flags(), *rehearsal.operation.command], input=device.credential(2), capture_output=True,
                       text=True, timeout=PATIENCE, check=False, env={"PATH": os.environ["PATH"], **device.environment})
    return changes_in([line for line in trace.read_text().splitlines() if str(device.log_of_calls) not in line])


def assert_every_call_is_counted(rehearsal, _):
    traced = traced_calls(rehearsal)
    counted = [call for call in rehearsal.calls() if call[0] in ON_FILES]
    assert counted and traced == counted
    assert all(file.startswith(str(rehearsal.device.state)) for _, file in counted), "it writes elsewhere"


def test_no_call_that_changes_a_file_slips_through(rehearsals):
    rehearsals.lend(assert_every_call_is_counted)


def test_no_call_of_a_move_that_changes_a_file_slips_through(moves):
    moves.lend(assert_every_call_is_counted)


# A thousand times at random

# When a kill came, as seen by what is stored: before anything was, with the new credential staged, with it in force.
INSTANTS = {"before", "between", "after"}


class Victim:
    """A device whose commands are killed, and what it may have come to each time."""

    COMMANDS = {"rotate": ROTATE, "apply": APPLY, "rollback": ROLLBACK, "stage": STAGE, "promote": PROMOTE}
    SHARES = {"rotate": 4, "apply": 3, "rollback": 3, "stage": 1, "promote": 1}

    def __init__(self, device, seed):
        self.device, self.random = device, random.Random(seed)
        self.tally = Counter()
        device.enrol_in_fleet()
        device.run(*ADD, stdin=device.credential(0))
        self.slots = device.slots()
        self.newest, self.since_newest = 1, 0  # the highest version seen, and how many kills ago
        self.bundle_credential = 0
        self.promoted = set()  # the serials of bundles whose credential an operator put in force, without a trial
        self.durations = {name: statistics.median(self.duration(name) for _ in range(3)) for name in self.COMMANDS}

    def duration(self, name):
        """Of a whole run, here and now, with all that other workers do."""
        self.device.run(*STAGE, stdin=self.device.credential(1))
        credential = self.ready_for(name)
        began = time.monotonic()
        self.device.run(*self.COMMANDS[name], stdin=self.device.credential(credential))
        took = time.monotonic() - began
        self.slots = self.device.slots()
        self.newest = self.highest(self.slots)
        return took

    def highest(self, slots):
        return max(self.newest, *(kept.version for kept in slots.values()))

    def choose(self):
        name = self.random.choices(list(self.SHARES), self.SHARES.values())[0]
        impossible = (name == "promote" and "next" not in self.slots) or (name == "rollback" and "previous" not in self.slots)
        return "rotate" if impossible else name

    def ready_for(self, name):
        """Which credential the command brings; a bundle that still lies in the inbox is taken up again."""
        credential = self.random.randrange(len(self.device.credentials))
        if name != "apply":
            return credential
        if not self.device.bundles():
            self.device.put_bundle(credential)
            self.bundle_credential = credential
        return self.bundle_credential

    def possible(self, name, credential, version):
        """The states in which a crash of the command may leave the store, whatever fobd does at the same time."""
        client = fingerprint(self.device.credentials[credential]["clientId"])
        kept = Kept(version, client, name == "stage", self.device.serial if name == "apply" else 0)
        before = self.with_fobds_doing([self.slots])
        after = []
        for slots in before:
            if name in ("rotate", "apply", "stage"):
                after.append({**slots, "next": kept})
            if name in ("rotate", "apply"):
                after.append(committed({**slots, "next": kept}))
            if name == "promote" and "next" in slots:
                after.append(committed(slots))
            if name == "rollback" and "previous" in slots:
                after.append(rolled_back(slots))
        return self.with_fobds_doing(before + after)

    def with_fobds_doing(self, states):
        """fobd puts in force what was staged untried, once a token came with it."""
        untried = [slots for slots in states if "next" in slots and slots["next"].untested]
        return states + [committed(slots) for slots in untried if self.device.daemon]

    def run_and_kill(self, name, credential, delay):
        """Whether the command still ran."""
        reading, writing = os.pipe()
        os.write(writing, self.device.credential(credential).encode())
        os.close(writing)
        fob = subprocess.Popen([BIN / "fob", *self.device.flags(), *self.COMMANDS[name]], stdin=reading,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]})
        os.close(reading)
        time.sleep(delay)
        fob.kill()
        return fob.wait(PATIENCE) == -signal.SIGKILL

    def kill_once(self):
        name = self.choose()
        credential = self.ready_for(name)
        delay = self.random.uniform(0, self.durations[name])
        before = self.slots
        if name == "promote":
            self.promoted.add(before["next"].serial)
        hit = self.run_and_kill(name, credential, delay)
        try:
            self.assert_all_is_well(name, credential)
        except Exception as error:
            raise AssertionError(f"{name} killed after {delay:.4f} s, fobd {self.device.daemon is not None}, before it "
                                 f"{said(before)!r}: {error}") from error
        risen = self.slots["current"] != before["current"]
        self.tally["all"] += 1
        self.tally["hit"] += hit
        if hit:
            self.tally[name, "after" if risen else "between" if self.slots != before else "before"] += 1

    def assert_all_is_well(self, name, credential):
        device, slots = self.device, self.device.slots()
        highest = self.highest(slots)
        # A version that was given out just before a kill is never used again.
        assert highest <= self.newest + 1 + self.since_newest
        possible = self.possible(name, credential, max(highest, self.newest + 1))
        assert slots in possible, f"{said(slots)!r} is none of {[said(state) for state in possible]}"
        self.since_newest = 0 if highest > self.newest else self.since_newest + 1
        self.slots, self.newest = slots, highest
        device.assert_a_token_comes(*(slots["current"] for slots in self.with_fobds_doing([self.slots])))
        device.assert_no_file_holds_a_secret()
        if device.daemon:
            status, answer = device.app.token()
            assert status == 200 and device.sandbox.call_api(answer["access_token"]) == 200
        for receipt in device.receipts():
            untried = receipt["serial"] in self.promoted and (receipt["outcome"] == "staged" or receipt["reason"] == "replaced")
            assert receipt["outcome"] == "applied" or receipt["reason"] == "replayed" or untried, (receipt, said(slots))

    def be_killed(self, hits):
        """So many times while a command runs, in turns with fobd and without."""
        while self.tally["hit"] < hits:
            self.kill_once()
            if self.tally["all"] % WITH_AND_WITHOUT == 0 and self.device.daemon:
                self.stop_fobd()
            elif self.tally["all"] % WITH_AND_WITHOUT == 0:
                self.device.start()
        self.stop_fobd()

    def stop_fobd(self):
        """And awaits the fob that puts a credential in force for it."""
        self.device.stop()
        wait_until(lambda: not processes_with(str(self.device.state)), "fobd's children end")
        self.slots = self.device.slots()

    def assert_life_goes_on(self):
        device = self.device
        device.fob(*APPLY)
        device.run(*ROTATE, stdin=device.credential(0))
        device.assert_a_token_comes(device.slots()["current"])
        device.assert_no_file_holds_a_secret()
        device.assert_nothing_is_unfinished()
        assert not device.bundles()


def seed():
    chosen = int(os.environ.get("CRASH_SEED", random.SystemRandom().randrange(2**32)))
    print(f"CRASH_SEED={chosen}")
    return chosen


def test_a_thousand_kills_at_random_instants_leave_a_working_credential(tmp_path, authority, operator):
    first = seed()

    def ordeal(number):
        victim = Victim(Device(tmp_path / str(number), authority, operator), first + number)
        try:
            victim.be_killed(KILLS // WORKERS)
            victim.assert_life_goes_on()
        finally:
            victim.device.stop()
        return victim.tally

    with ThreadPoolExecutor(WORKERS) as pool:
        tally = sum(pool.map(ordeal, range(WORKERS)), Counter())
    print(tally)
    assert tally["hit"] >= KILLS and tally["hit"] / tally["all"] > LEAST_HITS
    for name, instants in {"rotate": INSTANTS, "apply": INSTANTS, "rollback": INSTANTS - {"between"}}.items():
        assert instants <= {key[1] for key in tally if key[0] == name}, f"{name} was not hit all over"


# Several at once

AT_ONCE = 8


def start_rotation(device, number, command):
    fob = subprocess.Popen([BIN / "fob", *device.flags(), *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]})
    fob.stdin.write(device.credential(number))
    fob.stdin.flush()
    return fob


def versions_in(outputs, words):
    return [int(version) for output in outputs for version in re.findall(words + r" version (\d+)", output)]


@pytest.fixture
def device(tmp_path, authority, operator):
    made = Device(tmp_path / "device", authority, operator)
    made.run(*ADD, stdin=made.credential(0))
    return made


def rotate_at_once(device, chance, spread):
    """Eight rotations, three of them killed; the versions of those that say they succeeded."""
    rotations = [start_rotation(device, number, ROTATE) for number in range(AT_ONCE)]
    for killed in chance.sample(rotations, 3):
        time.sleep(chance.uniform(0, spread))
        killed.kill()
    ended = [(rotation.communicate()[1], rotation.returncode) for rotation in rotations]
    assert all(status in (0, -signal.SIGKILL) or "another rotation" in text for text, status in ended), ended
    return versions_in([text for text, _ in ended], "stored as")


def test_of_rotations_at_once_some_of_them_killed_one_credential_is_in_force_and_works(device):
    chance = random.Random(seed())
    began = time.monotonic()
    device.run(*ROTATE, stdin=device.credential(0))
    spread = AT_ONCE * (time.monotonic() - began) / 6
    succeeded = []
    for _ in range(12):
        before = device.slots()
        stored = rotate_at_once(device, chance, spread)
        slots = device.slots()
        assert min(stored, default=slots["current"].version) >= before["current"].version
        assert slots["current"].version >= max([before["current"].version, *stored])
        device.assert_a_token_comes(slots["current"])
        succeeded += stored
    assert succeeded and len(set(succeeded)) == len(succeeded), "each has a version of its own"
    device.run(*ROTATE, stdin=device.credential(0))
    device.assert_nothing_is_unfinished()


def test_stagings_at_once_take_turns(device):
    """Without a trial nothing lies between reading and writing, so each of them has its own version."""
    rotations = [start_rotation(device, number, STAGE) for number in range(AT_ONCE)]
    outputs = [rotation.communicate()[1] for rotation in rotations]
    assert [rotation.returncode for rotation in rotations] == [0] * AT_ONCE, outputs
    assert sorted(versions_in(outputs, "staged as")) == list(range(2, 2 + AT_ONCE))
    assert said(device.slots()) == f"current 1, next {1 + AT_ONCE} untested"
    device.run(*PROMOTE)
    assert said(device.slots()) == f"current {1 + AT_ONCE}, previous 1"
    device.assert_a_token_comes(device.slots()["current"])
