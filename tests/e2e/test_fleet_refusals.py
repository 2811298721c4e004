"""Bundles that must not be taken: each ends with an exit status, a word and a receipt; the old credential works on."""
import base64
import json
import os
from pathlib import Path

import pytest

from fleet import Device, Operator, from_now, measured
from fob import BIN

GIB = 1 << 30
# What `fob fleet apply` may need at most, whatever the file.
MOST_MEMORY_KIB = 16 * 1024


@pytest.fixture
def device(tmp_path, sandbox, operator):
    """A device whose credential must be the one in force, and its store untouched, when the test is over."""
    made = Device(tmp_path / "device", "d", operator, sandbox, sandbox.create_credential())
    made.start()
    before = made.stored()
    yield made
    assert made.stored() == before
    refreshed = made.fob("refresh")
    assert refreshed.returncode == 0, refreshed.stderr
    assert made.served_client() == made.credential["clientId"]
    made.stop()


@pytest.fixture
def bundle(sandbox, operator, device):
    return operator.seal(sandbox.create_credential())


def expect_refusal(device, done, word, serial=1):
    """One line on stderr, exit status 1, and a receipt with this word."""
    assert done.returncode == 1 and done.stdout == "", done.stderr
    assert done.stderr.startswith("fob: ") and done.stderr.count("\n") == 1 and ": refused" in done.stderr, done.stderr
    receipt = device.receipt("refused")
    assert (receipt["reason"], receipt["serial"], receipt["version"]) == (word, serial, 0)
    assert receipt["detail"] and receipt["detail"] in done.stderr
    return receipt


def refuse(device, bundle, word, serial=1):
    return expect_refusal(device, device.apply(bundle), word, serial)


def variants(directory, contents):
    """A file for each of `contents`, named by its place."""
    directory.mkdir()
    files = [directory / f"{n:05}" for n in range(len(contents))]
    for file, content in zip(files, contents):
        file.write_bytes(content)
    return files


def refusals_of(device, files):
    """Applies them all with one call; the line about each."""
    done = device.apply(*files)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == len(files)
    for file, line in zip(files, lines):
        assert line.startswith(f"fob: {file.name}: refused"), line
    assert {receipt["outcome"] for receipt in device.receipts()} == {"refused"}
    return lines


# --- bytes


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_every_single_byte_that_is_altered_is_noticed(device, bundle, tmp_path, mask):
    whole = bundle.read_bytes()
    altered = [whole[:n] + bytes([whole[n] ^ mask]) + whole[n + 1:] for n in range(len(whole))]
    refusals_of(device, variants(tmp_path / "altered", altered))
    words = {receipt["reason"] for receipt in device.receipts()}
    assert {"malformed", "bad-signature", "not-addressed"} <= words
    assert words <= {"malformed", "bad-signature", "wrong-signer", "not-addressed", "truncated", "too-large"}
    assert {receipt["serial"] for receipt in device.receipts()} >= {0, 1}


def test_every_length_but_the_right_one_is_noticed(device, bundle, tmp_path):
    whole = bundle.read_bytes()
    lengths = [whole[:n] for n in range(len(whole))] + [whole + b"\0", whole + b"\n", whole + whole]
    lines = refusals_of(device, variants(tmp_path / "cut", lengths))
    header = whole.index(b"\n") + 1
    assert all("not here in full" in line for line in lines[header:len(whole)])
    assert all("it is too long" in line for line in lines[len(whole):])


def test_a_box_of_another_device_cannot_be_put_in_this_ones_place(device, sandbox, operator, tmp_path):
    other = Device(tmp_path / "other", "o", operator, sandbox, sandbox.create_credential())
    whole = operator.seal([(d.name, sandbox.create_credential()) for d in (device, other)]).read_bytes()
    start = whole.index(b"\n") + 1 + 2 * 32
    size = json.loads(whole[:whole.index(b"\n")])["box_bytes"]
    first, second = whole[start:start + size], whole[start + size:start + 2 * size]
    swapped = variants(tmp_path / "swapped", [whole[:start] + second + first + whole[start + 2 * size:]])[0]
    refuse(device, swapped, "bad-signature")


# --- who, when, for whom


def test_an_operator_that_is_not_trusted_is_refused_by_name(device, sandbox, operator, tmp_path):
    stranger = Operator(tmp_path / "stranger")
    bundle = stranger.seal(sandbox.create_credential(), devices=operator.devices)
    receipt = refuse(device, bundle, "wrong-signer")
    assert stranger.public in receipt["detail"]


def test_a_bundle_that_only_claims_to_be_by_a_trusted_operator_is_refused(device, sandbox, operator, tmp_path):
    stranger = Operator(tmp_path / "stranger")
    forged = stranger.seal(sandbox.create_credential(), devices=operator.devices)
    forged.write_bytes(forged.read_bytes().replace(stranger.public.encode(), operator.public.encode()))
    refuse(device, forged, "bad-signature")


def test_without_a_trusted_signer_nothing_is_taken_and_the_configuration_is_to_blame(device, bundle):
    device.configure_for(device.sandbox)
    arrived = device.drop(bundle)
    for done in (device.apply(bundle), device.apply(), device.fob("fleet", "apply", "--watch")):
        assert done.returncode == 7 and "[fleet] signers" in done.stderr and "fob fleet keygen" in done.stderr
    assert arrived.exists() and device.receipts() == []


def test_a_signer_named_on_the_command_line_is_trusted_for_this_once(sandbox, operator, tmp_path):
    device = Device(tmp_path / "device", "d", operator, sandbox, sandbox.create_credential())
    device.configure_for(sandbox)
    bundle = operator.seal(sandbox.create_credential())
    assert device.fob("fleet", "apply", str(bundle), "--signer", operator.public).returncode == 0
    assert device.apply(bundle).returncode == 7


def test_a_bundle_that_is_expired_is_refused(device, sandbox, operator):
    over = ["--not-before", from_now(hours=-2), "--not-after", from_now(hours=-1)]
    refuse(device, operator.seal(sandbox.create_credential(), *over), "expired")


def test_a_bundle_whose_time_has_not_come_is_refused_as_a_file_and_waits_in_the_inbox(device, sandbox, operator):
    bundle = operator.seal(sandbox.create_credential(), "--not-before", from_now(hours=1))
    refuse(device, bundle, "not-yet-valid")
    arrived = device.drop(bundle)
    assert device.apply().returncode == 0 and arrived.exists()
    receipt = device.receipt("waiting")
    assert receipt["reason"] == "not-yet-valid" and receipt["version"] == 0


def test_a_bundle_that_does_not_address_this_device_is_refused(device, sandbox, operator, tmp_path):
    other = Device(tmp_path / "other", "o", operator, sandbox, sandbox.create_credential())
    operator.devices.write_text(other.line)
    refuse(device, operator.seal(sandbox.create_credential()), "not-addressed")


def test_a_device_that_was_enrolled_anew_is_not_addressed_by_its_old_line(tmp_path, sandbox, operator):
    device = Device(tmp_path / "device", "d", operator, sandbox, sandbox.create_credential())
    assert device.fob("credential", "remove", "fob.device").returncode == 0
    device.fleet_line("--id", "d")
    refuse(device, operator.seal(sandbox.create_credential()), "not-addressed")


def test_a_bundle_of_a_profile_that_is_not_configured_is_refused(device, sandbox, operator):
    bundle = operator.seal(sandbox.create_credential(), profile="staging-write")
    assert refuse(device, bundle, "unknown-profile")["profile"] == "staging-write"


# --- going back


@pytest.fixture
def after_serial_5(tmp_path, sandbox, operator):
    """A device that has taken serial 5, whose credential must be the one in force when the test is over."""
    made = Device(tmp_path / "after", "d", operator, sandbox, sandbox.create_credential())
    made.start()
    new = sandbox.create_credential()
    made.taken = operator.seal(new, serial=5, bundle="five")
    assert made.apply(made.taken).returncode == 0
    before = made.stored()
    yield made
    assert made.stored() == before and made.fob("refresh").returncode == 0
    assert made.served_client() == new["clientId"]
    made.stop()


def test_a_bundle_is_not_taken_twice(after_serial_5):
    refuse(after_serial_5, after_serial_5.taken, "replayed", serial=5)


def test_another_bundle_of_the_same_serial_is_not_taken(after_serial_5, sandbox, operator):
    refuse(after_serial_5, operator.seal(sandbox.create_credential(), serial=5, bundle="another"), "replayed", serial=5)


@pytest.mark.parametrize("serial", [1, 4])
def test_a_lower_serial_is_not_taken(after_serial_5, sandbox, operator, serial):
    refuse(after_serial_5, operator.seal(sandbox.create_credential(), serial=serial), "lower-serial", serial=serial)


def test_neither_a_rollback_nor_a_rotation_by_hand_reopens_a_serial(tmp_path, sandbox, operator):
    device = Device(tmp_path / "device", "d", operator, sandbox, sandbox.create_credential())
    bundle = operator.seal(sandbox.create_credential(), serial=5)
    assert device.apply(bundle).returncode == 0
    assert device.fob("credential", "rollback", "prod-query").returncode == 0
    by_hand = json.dumps(sandbox.create_credential())
    for _ in range(2):
        assert device.fob("credential", "rotate", "prod-query", "--file", "-", stdin=by_hand).returncode == 0
    refuse(device, bundle, "replayed", serial=5)
    assert device.fob("credential", "remove", "prod-query").returncode == 0
    assert device.apply(bundle).returncode == 1, "nor does forgetting the credential"


# --- files that are no bundles


def header_of(operator, **claims):
    begin, end = from_now(hours=-1), from_now(hours=1)
    fields = {"fob_bundle": 1, "profile": "prod-query", "serial": 1, "created": begin, "not_before": begin,
              "not_after": end, "devices": 1, "box_bytes": 240, "waves": [{"percent": 100, "from": begin}],
              "signer": operator.public}
    return json.dumps({**fields, **claims}).encode() + b"\n"


@pytest.mark.parametrize("claims,word,serial", [
    ({"devices": 10_000_000, "box_bytes": 1008}, "truncated", 1),
    ({"devices": 10_000_001}, "too-large", 0),
    ({"devices": 2**63}, "malformed", 0),
    ({"devices": 10**400}, "malformed", 0),
    ({"devices": -1}, "malformed", 0),
    ({"devices": 0}, "malformed", 0),
    ({"box_bytes": 48 + (1 << 40)}, "too-large", 0),
    ({"box_bytes": 47}, "malformed", 0),
    ({"serial": 2**53 + 1}, "malformed", 0),
    ({"profile": "../../etc/passwd"}, "malformed", 0),
    ({"waves": []}, "malformed", 0),
    ({"unknown": 1}, "malformed", 0),
], ids=range(12))
def test_what_a_header_claims_is_bounded_before_it_is_believed(device, operator, tmp_path, claims, word, serial):
    file = tmp_path / "claims"
    file.write_bytes(header_of(operator, **claims) + bytes(2000))
    status, said, seconds, peak = measured([BIN / "fob", *device.flags(), "fleet", "apply", file])
    assert status == 1 and seconds < 5 and said.count("\n") == 1
    receipt = device.receipt("refused")
    assert (receipt["reason"], receipt["serial"]) == (word, serial), receipt


def test_a_header_line_without_an_end_is_refused(device, operator, tmp_path):
    file = tmp_path / "endless"
    file.write_bytes(b'{"fob_bundle":1,"profile":"' + b"a" * 100_000)
    refuse(device, file, "malformed", serial=0)


def test_a_fifo_is_refused_without_waiting_for_its_writer(device, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    refuse(device, tmp_path / "fifo", "unreadable", serial=0)


def test_a_symbolic_link_is_not_followed(device, bundle, tmp_path):
    (tmp_path / "link").symlink_to(bundle)
    assert "symbolic link" in refuse(device, tmp_path / "link", "unreadable", serial=0)["detail"]


def test_a_directory_a_device_file_and_nothing_at_all_are_refused(device, tmp_path):
    for path in (tmp_path, Path("/dev/zero"), Path("/dev/tty"), tmp_path / "nothing"):
        refuse(device, path, "unreadable", serial=0)


def test_an_empty_file_is_refused(device, tmp_path):
    (tmp_path / "empty").touch()
    done = device.apply(tmp_path / "empty")
    assert done.returncode == 1
    assert device.receipt("refused")["reason"] in ("truncated", "malformed")


@pytest.mark.parametrize("kind", ["fifo", "link", "empty"])
def test_what_is_no_bundle_is_cleared_from_the_inbox(device, bundle, kind):
    path = device.drop(bundle)
    path.unlink()
    {"fifo": lambda: os.mkfifo(path), "link": lambda: path.symlink_to(bundle), "empty": path.touch}[kind]()
    assert device.apply().returncode == 1
    assert not path.is_symlink() and not path.exists() and bundle.exists()


# --- files made to exhaust a device


def sparse(path, size, start=b""):
    with open(path, "wb") as file:
        file.write(start)
        file.truncate(size)
    return path


@pytest.mark.native
def test_3_gib_of_zeros_are_refused_quickly_and_with_little_memory(device, tmp_path):
    file = sparse(tmp_path / "zeros", 3 * GIB)
    status, _, seconds, peak = measured([BIN / "fob", *device.flags(), "fleet", "apply", file])
    assert status == 1 and seconds < 2 and peak <= MOST_MEMORY_KIB, (seconds, peak)
    assert device.receipt("refused")["reason"] == "malformed"


@pytest.mark.native
def test_a_bundle_of_10_million_devices_is_searched_without_being_read(device, operator, tmp_path):
    """By its header and its size a bundle of a trusted operator; its keys are all zero."""
    header = header_of(operator, devices=10_000_000)
    file = sparse(tmp_path / "many", len(header) + 10_000_000 * (32 + 240) + 64, header)
    status, _, seconds, peak = measured([BIN / "fob", *device.flags(), "fleet", "apply", file])
    assert status == 1 and seconds < 2 and peak <= MOST_MEMORY_KIB, (seconds, peak)
    assert device.receipt("refused")["reason"] == "not-addressed"


@pytest.mark.native
def test_a_bundle_that_has_to_be_read_whole_needs_no_more_memory(device, operator, tmp_path):
    """A forgery over 256 MiB that has this device's key in its table, where a search finds it."""
    key = base64.b64decode(json.loads(device.line)["box_key"])
    count = 1_000_000
    header = header_of(operator, devices=count)
    file = sparse(tmp_path / "forged", len(header) + count * (32 + 240) + 64, header)
    with open(file, "r+b") as forged:
        forged.seek(len(header) + (count - 1) * 32)
        forged.write(key)
    status, _, seconds, peak = measured([BIN / "fob", *device.flags(), "fleet", "apply", file])
    assert status == 1 and seconds < 20 and peak <= MOST_MEMORY_KIB, (seconds, peak)
    assert device.receipt("refused")["reason"] == "bad-signature"


@pytest.mark.native
def test_a_genuine_bundle_is_opened_within_the_same_memory(tmp_path, sandbox, operator):
    device = Device(tmp_path / "device", "d", operator, sandbox, sandbox.create_credential())
    bundle = operator.seal(sandbox.create_credential(), "--not-before", from_now(hours=1))
    status, _, _, peak = measured([BIN / "fob", *device.flags(), "fleet", "apply", bundle])
    assert status == 1 and peak <= MOST_MEMORY_KIB, peak
    assert device.receipt("refused")["reason"] == "not-yet-valid"


def test_hostile_files_cannot_fill_the_outbox(device, operator, tmp_path):
    files = variants(tmp_path / "junk", [header_of(operator, serial=n + 1) for n in range(1100)])
    refusals_of(device, files)
    assert len(device.receipts()) <= 1000
