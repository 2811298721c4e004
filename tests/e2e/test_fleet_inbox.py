"""A device's inbox: bundles are dropped into it in whatever way, taken once, cleared away; what has to wait stays."""
import os
import signal
import threading

import pytest

from fleet import Device, from_now
from fob import PATIENCE, wait_until


@pytest.fixture
def device(tmp_path, sandbox, operator):
    made = Device(tmp_path / "device", "d", operator, sandbox, sandbox.create_credential())
    made.start()
    yield made
    made.stop()


def bundle_of(sandbox, operator, serial, *flags, name=None):
    """(a sealed bundle, the client id that it brings)."""
    new = sandbox.create_credential()
    return operator.seal(new, *flags, serial=serial, bundle=name or f"bundle-{serial}"), new["clientId"]


def names_in(directory):
    return sorted(file.name for file in directory.iterdir())


def serials(device, outcome):
    return sorted(receipt["serial"] for receipt in device.receipts() if receipt["outcome"] == outcome)


# --- once


def test_an_empty_inbox_is_made_and_is_no_failure(device):
    done = device.apply()
    assert done.returncode == 0 and done.stdout == "" and names_in(device.inbox) == []
    assert device.inbox.stat().st_mode & 0o777 == 0o700


def test_what_was_taken_is_cleared_away_and_another_look_does_nothing(device, sandbox, operator):
    bundle, client = bundle_of(sandbox, operator, 1)
    device.drop(bundle)
    assert device.apply().returncode == 0 and names_in(device.inbox) == []
    assert device.served_client() == client
    before = device.stored(), device.receipts()
    assert device.apply().returncode == 0 and (device.stored(), device.receipts()) == before


def test_what_was_refused_is_cleared_away_and_what_waits_stays(device, sandbox, operator):
    over = ["--not-before", from_now(hours=-2), "--not-after", from_now(hours=-1)]
    device.drop(bundle_of(sandbox, operator, 1, *over)[0])
    device.drop(bundle_of(sandbox, operator, 2, "--not-before", from_now(hours=1))[0])
    good, client = bundle_of(sandbox, operator, 3)
    device.drop(good)
    assert device.apply().returncode == 1, "the worst outcome counts"
    assert names_in(device.inbox) == ["bundle-2"] and device.served_client() == client
    assert (serials(device, "refused"), serials(device, "waiting"), serials(device, "applied")) == ([1], [2], [3])
    # Serial 2 waits on, though 3 has overtaken it; by the next look that is known.
    assert device.apply().returncode == 1 and names_in(device.inbox) == []
    assert serials(device, "refused") == [1, 2]


def test_several_are_taken_in_the_order_of_their_names(device, sandbox, operator):
    for serial in (1, 2, 3):
        bundle, client = bundle_of(sandbox, operator, serial)
        device.drop(bundle)
    assert device.apply().returncode == 0 and names_in(device.inbox) == []
    assert serials(device, "applied") == [1, 2, 3] and device.served_client() == client


def test_hidden_files_and_directories_are_left_alone(device, sandbox, operator):
    bundle, _ = bundle_of(sandbox, operator, 1)
    device.inbox.mkdir(parents=True, exist_ok=True)
    (device.inbox / ".bundle.Xy12").write_bytes(bundle.read_bytes())
    (device.inbox / "lost+found").mkdir()
    assert device.apply().returncode == 0 and names_in(device.inbox) == [".bundle.Xy12", "lost+found"]
    assert device.receipts() == []


def test_inbox_and_outbox_may_be_elsewhere(tmp_path, device, sandbox, operator):
    inbox, outbox = tmp_path / "in", tmp_path / "out"
    fleet = f'\n[fleet]\nsigners = ["{operator.public}"]\ninbox = "{inbox}"\noutbox = "{outbox}"\n'
    device.configure_for(sandbox, fleet)
    device.inbox, device.outbox = inbox, outbox
    bundle, client = bundle_of(sandbox, operator, 1)
    device.drop(bundle)
    assert device.apply().returncode == 0 and device.served_client() == client
    assert serials(device, "applied") == [1]


def test_two_that_look_at_once_take_a_bundle_once(device, sandbox, operator):
    bundle, client = bundle_of(sandbox, operator, 1)
    device.drop(bundle)
    done = []
    threads = [threading.Thread(target=lambda: done.append(device.apply())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names_in(device.inbox) == [] and device.served_client() == client
    assert serials(device, "applied") == [1]
    assert [slot["version"] for slot in device.stored() if slot["bundle_serial"] == 1] != []


# --- watched


def test_the_watcher_takes_what_is_renamed_into_the_inbox(device, sandbox, operator):
    with device.watch():
        for serial in (1, 2):
            bundle, client = bundle_of(sandbox, operator, serial)
            device.drop(bundle)
            wait_until(lambda: device.served_client() == client, "it is taken", 5)
            wait_until(lambda: names_in(device.inbox) == [], "it is cleared away")
    assert serials(device, "applied") == [1, 2]


def test_the_watcher_takes_what_lay_there_before_it_came(device, sandbox, operator):
    bundle, client = bundle_of(sandbox, operator, 1)
    device.drop(bundle)
    with device.watch():
        wait_until(lambda: device.served_client() == client, "it is taken", 5)


def test_a_bundle_that_is_still_being_written_is_left_until_it_is_whole(device, sandbox, operator):
    slow, slow_client = bundle_of(sandbox, operator, 2)
    quick, quick_client = bundle_of(sandbox, operator, 1)
    content = slow.read_bytes()
    with device.watch() as watcher:
        with open(device.inbox / "slow", "wb", 0) as copying:
            copying.write(content[:100])
            device.drop(quick)  # has the watcher look
            wait_until(lambda: device.served_client() == quick_client, "the quick one is taken", 5)
            watcher.wait_for("slow is still being written")
            wait_until(lambda: names_in(device.inbox) == ["slow"], "the quick one is cleared away")
            copying.write(content[100:])
        wait_until(lambda: device.served_client() == slow_client, "the slow one is taken", 5)
        wait_until(lambda: names_in(device.inbox) == [], "it is cleared away")
    assert serials(device, "refused") == [] and serials(device, "applied") == [1, 2]


def test_the_watcher_takes_several_at_once(device, sandbox, operator):
    bundles = [bundle_of(sandbox, operator, serial) for serial in range(1, 6)]
    with device.watch():
        for bundle, _ in bundles:
            device.drop(bundle)
        wait_until(lambda: names_in(device.inbox) == [] and device.served_client() == bundles[-1][1], "all are taken")
    assert serials(device, "applied")[-1] == 5 and len(device.receipts()) == 5


def test_the_watcher_survives_what_is_no_bundle(device, sandbox, operator):
    bundle, client = bundle_of(sandbox, operator, 1)
    with device.watch():
        (device.inbox / "junk").write_bytes(os.urandom(5000))
        os.mkfifo(device.inbox / "fifo")
        (device.inbox / "link").symlink_to("/etc/passwd")
        device.drop(bundle)
        wait_until(lambda: device.served_client() == client, "the bundle among them is taken", 5)
        wait_until(lambda: names_in(device.inbox) == [], "all are cleared away")
    assert {r["reason"] for r in device.receipts() if r["outcome"] == "refused"} <= {"malformed", "unreadable"}


def test_a_bundle_that_waits_is_taken_when_its_time_comes(device, sandbox, operator):
    bundle, client = bundle_of(sandbox, operator, 1, "--not-before", from_now(seconds=10))
    with device.watch() as watcher:
        device.drop(bundle)
        watcher.wait_for("waiting")
        assert device.served_client() == device.credential["clientId"] and names_in(device.inbox) == ["bundle-1"]
        wait_until(lambda: device.served_client() == client, "its time comes", 17)
        wait_until(lambda: names_in(device.inbox) == [], "it is cleared away")
    assert serials(device, "applied") == [1]


def test_a_later_wave_is_taken_by_itself(device, sandbox, operator, tmp_path):
    """Two devices, two waves ten seconds apart: one takes it at once, one when its wave has come."""
    other = Device(tmp_path / "other", "o", operator, sandbox, sandbox.create_credential())
    bundle, _ = bundle_of(sandbox, operator, 1, "--waves", "50,100", "--wave-every", "10s")
    with device.watch(), other.watch():
        for one in (device, other):
            one.drop(bundle)
        wait_until(lambda: all(serials(d, "applied") == [1] for d in (device, other)), "both have taken it", 22)
    waited = [d for d in (device, other) if serials(d, "waiting") == [1]]
    assert len(waited) == 1 and waited[0].receipt("waiting")["reason"] == "later-wave"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_watcher_ends_with_0_when_it_is_told_to_and_leaves_what_waits(device, sandbox, operator, end):
    bundle, _ = bundle_of(sandbox, operator, 1, "--not-before", from_now(hours=1))
    with device.watch() as watcher:
        device.drop(bundle)
        watcher.wait_for("waiting")
        watcher.process.send_signal(end)
        assert watcher.process.wait(PATIENCE) == 0
    assert names_in(device.inbox) == ["bundle-1"] and serials(device, "waiting") == [1]
