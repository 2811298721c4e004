"""Fleet bundles by the command line: an operator makes a key, devices enrol, a bundle rotates them, receipts tell."""
import json
import re
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet import Device, Operator, SteadyApp, made_enrol_line
from fob import Installation, Sandbox, wait_until

KEY = re.compile(r"[A-Za-z0-9+/]{43}=\n")


@pytest.fixture
def devices(tmp_path, sandbox, operator):
    """Three devices, each with a credential of its own in force."""
    made = [Device(tmp_path / name, name, operator, sandbox, sandbox.create_credential()) for name in ("a", "b", "c")]
    yield made
    for device in made:
        device.stop()


@pytest.fixture
def device(devices):
    devices[0].start()
    assert devices[0].served_client() == devices[0].credential["clientId"]
    return devices[0]


def keygen(installation, file, *flags):
    return installation.fob("fleet", "keygen", "--out", str(file), *flags)


def secret_file(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def keys_of(line):
    enrolled = json.loads(line)
    return enrolled["device"], enrolled["box_key"], enrolled["sign_key"]


# --- the operator's key


def test_a_key_is_made_under_a_passphrase_and_signs_only_with_it(tmp_path, sandbox, operator, devices):
    passphrase = secret_file(tmp_path / "passphrase", "correct horse battery staple\n")
    wrong = secret_file(tmp_path / "wrong", "incorrect horse\n")
    key = tmp_path / "guarded.key"
    made = keygen(operator, key, "--passphrase-file", str(passphrase))
    assert made.returncode == 0 and KEY.fullmatch(made.stdout), made.stderr
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and "horse" not in key.read_text()
    assert json.loads(key.read_text())["kdf"] == "argon2id13"
    bundle = operator.seal(sandbox.create_credential(), "--passphrase-file", str(passphrase), key=key)
    assert operator.fob("fleet", "inspect", str(bundle), "--signer", made.stdout.strip()).returncode == 0
    credential = secret_file(tmp_path / "credential", json.dumps(sandbox.create_credential()))
    for flags in (["--passphrase-file", str(wrong)], []):
        done, path = operator.try_sealing("--credential", str(credential), *flags, key=key, bundle="none")
        assert done.returncode != 0 and done.stderr.startswith("fob: ") and not path.exists()
        assert "passphrase" in done.stderr


def test_a_passphrase_file_that_others_can_read_is_refused(tmp_path, operator):
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery staple\n")
    passphrase.chmod(0o644)
    made = keygen(operator, tmp_path / "new.key", "--passphrase-file", str(passphrase))
    assert made.returncode == 2 and f"chmod 600 {passphrase}" in made.stderr
    assert not (tmp_path / "new.key").exists()


def test_a_key_without_a_passphrase_is_private_and_its_maker_is_warned(tmp_path, operator):
    key = tmp_path / "plain.key"
    made = keygen(operator, key, "--no-passphrase")
    assert made.returncode == 0 and KEY.fullmatch(made.stdout)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "in clear" in made.stderr and made.stdout.strip() == json.loads(key.read_text())["public"]
    assert json.loads(key.read_text())["seed"] not in made.stdout + made.stderr


def test_a_key_is_never_overwritten(tmp_path, operator):
    before = operator.key.read_bytes()
    assert keygen(operator, operator.key, "--no-passphrase").returncode == 2
    assert operator.key.read_bytes() == before
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    assert keygen(operator, link, "--no-passphrase").returncode == 2
    assert not (tmp_path / "nowhere").exists()


def test_without_a_terminal_and_a_passphrase_file_no_key_is_made(tmp_path, operator):
    made = keygen(operator, tmp_path / "new.key")
    assert made.returncode == 2 and "--passphrase-file" in made.stderr and not (tmp_path / "new.key").exists()


def test_a_key_that_others_can_read_does_not_sign(tmp_path, sandbox, operator, devices):
    operator.key.chmod(0o644)
    credential = secret_file(tmp_path / "credential", json.dumps(sandbox.create_credential()))
    done, path = operator.try_sealing("--credential", str(credential))
    assert done.returncode == 2 and f"chmod 600 {operator.key}" in done.stderr and not path.exists()


# --- enrolling


def test_a_device_keeps_its_keys_however_often_it_is_enrolled(devices):
    device = devices[0]
    assert keys_of(device.fleet_line()) == keys_of(device.line) == keys_of(device.fleet_line("--id", "a"))
    assert not any(slot["profile"] == "fob.device" for slot in device.stored()), "it is no profile's credential"


def test_a_device_is_not_renamed_by_enrolling_it_again(devices):
    done = devices[0].fob("fleet", "enrol", "--id", "other")
    assert done.returncode == 2 and done.stdout == ""
    assert "enrolled as a;" in done.stderr and "--id" in done.stderr
    assert keys_of(devices[0].fleet_line()) == keys_of(devices[0].line)


def test_a_device_without_an_id_is_named_after_its_host_and_its_key(tmp_path, sandbox):
    names = []
    for directory in ("x", "y"):
        installation = Installation(tmp_path / directory)
        installation.directory.mkdir()
        installation.configure_for(sandbox)
        names.append(json.loads(installation.fob("fleet", "enrol").stdout)["device"])
    assert names[0] != names[1] and all(re.fullmatch(r".+-[0-9a-f]{8}", name) for name in names)


def test_a_device_that_is_not_enrolled_says_how(tmp_path, sandbox, operator, devices):
    installation = Installation(tmp_path / "new")
    installation.directory.mkdir()
    installation.configure_for(sandbox, f'\n[fleet]\nsigners = ["{operator.public}"]\n')
    done = installation.fob("fleet", "apply")
    assert done.returncode == 5 and "fob fleet enrol" in done.stderr


# --- sealing and looking


def test_a_bundle_tells_what_it_is_and_who_signed_it(sandbox, operator, devices):
    bundle = operator.seal(sandbox.create_credential(), "--valid-for", "12h", serial=7)
    shown = operator.fob("fleet", "inspect", str(bundle))
    assert shown.returncode == 0 and "--signer" in shown.stderr, "nobody was named to have signed it"
    for line in ("profile +prod-query", "serial +7", "devices +3", f"signer +{re.escape(operator.public)}"):
        assert re.search(f"^{line}$", shown.stdout, re.M), shown.stdout
    told = operator.fob("fleet", "inspect", str(bundle), "--json", "--signer", operator.public)
    facts = json.loads(told.stdout)
    assert told.returncode == 0 and told.stderr == "" and facts["signer_was_named"] is True
    assert (facts["profile"], facts["serial"], facts["devices"]) == ("prod-query", 7, 3)


def test_a_bundle_of_another_signer_or_an_altered_one_is_not_vouched_for(tmp_path, sandbox, operator, devices):
    bundle = operator.seal(sandbox.create_credential())
    stranger = Operator(tmp_path / "stranger")
    done = operator.fob("fleet", "inspect", str(bundle), "--signer", stranger.public)
    assert done.returncode != 0 and done.stdout == "" and operator.public in done.stderr
    damaged = bundle.with_name("damaged")
    whole = bundle.read_bytes()
    damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    for flags in ([], ["--signer", operator.public]):
        done = operator.fob("fleet", "inspect", str(damaged), *flags)
        assert done.returncode != 0 and done.stdout == "" and "altered" in done.stderr


def test_a_table_that_leaves_a_device_out_seals_nothing(tmp_path, sandbox, operator, devices):
    table = secret_file(tmp_path / "table.csv", "a,some-id,some-secret\nb,some-id,some-secret\n")
    done, path = operator.try_sealing("--credentials", str(table))
    assert done.returncode != 0 and not path.exists() and "some-secret" not in done.stderr
    assert re.search(r"\bc\b", done.stderr), "the device is named"


@pytest.mark.parametrize("flags,words", [
    (["--waves", "10,50"], "the last wave must have 100 percent"),
    (["--waves", "50,10,100"], "percents must ascend"),
    (["--waves", "10,100", "--wave-every", "30d"], "a wave would begin after"),
    (["--not-after", "2020-01-01T00:00:00Z"], "over before it begins"),
    (["--not-before", "2026-01-01"], "UTC like 2026-01-31T12:00:00Z"),
    (["--valid-for", "30"], "--valid-for"),
    (["--serial", "0"], "serial"),
    (["--profile", "../x"], "profile"),
], ids=range(8))
def test_what_cannot_be_sealed_is_said_and_leaves_no_file(tmp_path, sandbox, operator, devices, flags, words):
    credential = secret_file(tmp_path / "credential", json.dumps(sandbox.create_credential()))
    order = {flags[0][2:]: flags[1]} if flags[0] in ("--serial", "--profile") else {}
    done, path = operator.try_sealing("--credential", str(credential), *([] if order else flags), **order)
    assert done.returncode == 2 and words in done.stderr and done.stdout == ""
    assert not list(path.parent.glob("bundle*"))


# --- applying


def test_a_bundle_puts_its_credential_in_force_within_5_seconds_and_apps_see_no_gap(sandbox, operator, device):
    new = sandbox.create_credential()
    bundle = operator.seal(new)
    with SteadyApp(device.app) as app:
        start = time.monotonic()
        done = device.apply(bundle)
        wait_until(lambda: device.served_client() == new["clientId"], "the new credential's token is served", 5)
        assert time.monotonic() - start < 5
    assert done.returncode == 0 and app.failures == [] and app.answers > 1
    receipt = device.receipt("applied")
    assert (receipt["profile"], receipt["serial"], receipt["version"]) == ("prod-query", 1, 2)
    assert (receipt["reason"], receipt["bundle"]) == ("", "bundle")
    assert bundle.exists(), "a named file stays where it is"
    assert [(s["slot"], s["version"], s["bundle_serial"]) for s in device.stored()] == [
        ("current", 2, 1), ("previous", 1, None)]


def test_a_table_gives_each_device_its_own(sandbox, operator, devices):
    own = {device.name: sandbox.create_credential() for device in devices}
    bundle = operator.seal(list(own.items()))
    for device in devices:
        assert device.apply(bundle).returncode == 0
        device.start()
        assert device.served_client() == own[device.name]["clientId"]


def test_a_device_takes_one_bundle_after_the_other(sandbox, operator, device):
    for serial in (1, 2, 9):
        new = sandbox.create_credential()
        assert device.apply(operator.seal(new, serial=serial)).returncode == 0
        assert device.served_client() == new["clientId"]
    assert [receipt["serial"] for receipt in device.receipts()] == [1, 2, 9]


def test_a_first_credential_may_come_by_bundle(tmp_path, sandbox, operator):
    bare = Device(tmp_path / "bare", "bare", operator, sandbox, sandbox.create_credential())
    assert bare.fob("credential", "remove", "prod-query").returncode == 0
    new = sandbox.create_credential()
    assert bare.apply(operator.seal(new)).returncode == 0
    bare.start()
    assert bare.served_client() == new["clientId"]
    bare.stop()


def test_a_credential_that_the_authority_rejects_changes_nothing_and_its_serial_stays_free(sandbox, operator, device):
    new = sandbox.create_credential()
    sandbox.deactivate(new)
    bundle = operator.seal(new)
    before = device.stored()
    assert device.apply(bundle).returncode == 6
    receipt = device.receipt("rejected")
    assert (receipt["reason"], receipt["version"], receipt["serial"]) == ("credential-rejected", 0, 1)
    assert device.stored() == before and device.fob("refresh").returncode == 0
    assert device.served_client() == device.credential["clientId"]
    sandbox.admin("POST", f"/credentials/{new['clientId']}/activate")
    assert device.apply(bundle).returncode == 0
    assert device.served_client() == new["clientId"]


def test_while_the_authority_is_away_it_is_staged_and_fobd_promotes_it_later(sandbox, operator, device):
    new = sandbox.create_credential()
    bundle = operator.seal(new)
    sandbox.fault("status", status=503)
    assert device.apply(bundle).returncode == 0
    assert device.receipt("staged")["reason"] == ""
    assert device.served_client() == device.credential["clientId"], "the token at hand is served on"
    assert ("next", True, 1) in [(s["slot"], s["untested"], s["bundle_serial"]) for s in device.stored()]
    assert device.apply(bundle).returncode == 1 and device.receipt("refused")["reason"] == "replayed"
    sandbox.mend()
    wait_until(lambda: device.served_client() == new["clientId"], "fobd promotes it")
    assert [(s["slot"], s["untested"], s["bundle_serial"]) for s in device.stored()] == [
        ("current", False, 1), ("previous", False, None)]
    assert device.apply().returncode == 0 and device.receipt("applied")["serial"] == 1


def test_what_was_promoted_by_hand_is_applied_only_once_fobd_has_a_token_of_it(sandbox, operator, device):
    new = sandbox.create_credential()
    bundle = operator.seal(new)
    sandbox.fault("status", status=503)
    assert device.apply(bundle).returncode == 0
    assert device.fob("credential", "promote", "prod-query").returncode != 0
    assert ("current", False, 1) in [(s["slot"], s["untested"], s["bundle_serial"]) for s in device.stored()]
    assert device.apply().returncode == 0
    assert "applied" not in [receipt["outcome"] for receipt in device.receipts()]
    sandbox.mend()
    assert device.fob("refresh").returncode == 0
    assert device.apply().returncode == 0 and device.receipt("applied")["serial"] == 1


def test_an_authority_that_is_not_there_at_all_is_like_one_that_is_away(tmp_path, operator):
    sandbox = Sandbox(tmp_path / "brief", "--tls")
    device = Device(tmp_path / "d", "d", operator, sandbox, sandbox.create_credential())
    device.start()
    new = sandbox.create_credential()
    sandbox.stop()
    assert device.apply(operator.seal(new)).returncode == 0
    assert device.receipt("staged")["serial"] == 1
    again = Sandbox(tmp_path / "brief", "--tls", port=sandbox.port)
    wait_until(lambda: device.served_client() == new["clientId"], "fobd promotes it")
    device.stop()
    again.stop()


def test_a_store_that_is_open_to_others_is_told_and_nothing_is_lost(sandbox, operator, device):
    new = sandbox.create_credential()
    arrived = device.drop(operator.seal(new))
    vault = device.state / "vault"
    vault.chmod(0o755)
    done = device.apply()
    assert done.returncode == 8 and f"chmod 700 {vault}" in done.stderr
    assert arrived.exists() and device.served_client() == device.credential["clientId"]
    vault.chmod(0o700)
    assert device.apply().returncode == 0 and not arrived.exists()
    assert device.served_client() == new["clientId"]


def test_a_profile_that_cannot_be_read_fails_with_a_receipt_and_the_bundle_stays(sandbox, operator, device):
    new = sandbox.create_credential()
    arrived = device.drop(operator.seal(new))
    vault = device.state / "vault" / "prod-query.vault"
    vault.chmod(0o644)
    assert device.apply().returncode == 8
    receipt = device.receipt("failed")
    assert receipt["reason"] == "store-locked" and f"chmod 600 {vault}" in receipt["detail"] and receipt["version"] == 0
    assert arrived.exists()
    vault.chmod(0o600)
    assert device.apply().returncode == 0 and not arrived.exists()
    assert device.served_client() == new["clientId"]


# --- reports


def test_a_report_tells_how_far_it_is_who_is_in_trouble_and_who_is_silent(sandbox, operator, devices):
    a, b, _ = devices
    good, bad = sandbox.create_credential(), sandbox.create_credential()
    sandbox.deactivate(bad)
    bundle = operator.seal([("a", good), ("b", bad), ("c", good)], serial=4)
    assert (a.apply(bundle).returncode, b.apply(bundle).returncode) == (0, 6)
    boxes = [device.outbox for device in (a, b)]
    report = operator.report(*boxes)
    assert report["receipts"] == 2 and len(report["bundles"]) == 1
    counts = report["bundles"][0]
    assert (counts["serial"], counts["applied"], counts["rejected"], counts["silent"]) == (4, 1, 1, ["c"])
    assert [(r["device"], r["reason"]) for r in report["attention"]] == [("b", "credential-rejected")]
    assert operator.report(*boxes, with_devices=False)["bundles"][0]["silent"] is None
    table = operator.fob("fleet", "report", "--devices", str(operator.devices), *map(str, boxes))
    assert table.returncode == 0
    assert re.search(r"^prod-query +4 +1 +0 +0 +0 +1 +0 +1$", table.stdout, re.M), table.stdout
    assert re.search(r"needs attention: 1\n +b +prod-query 4 +rejected", table.stdout), table.stdout
    assert "silent on prod-query 4: 1\n  c\n" in table.stdout
    for one in (good, bad):
        assert one["clientSecret"] not in table.stdout + json.dumps(report)


def test_a_file_that_is_no_receipt_is_named_and_the_rest_is_counted(sandbox, operator, devices):
    assert devices[0].apply(operator.seal(sandbox.create_credential())).returncode == 0
    junk = devices[0].outbox / "junk.json"
    junk.write_text('{"fob_receipt":1}')
    done = operator.fob("fleet", "report", "--json", str(devices[0].outbox))
    assert done.returncode != 0 and "junk.json" in done.stderr
    assert json.loads(done.stdout)["bundles"][0]["applied"] == 1


# --- many


@pytest.fixture
def hundred(tmp_path, sandbox, operator):
    """Enrolled devices without a credential yet, that share their configuration; and two hands to work on them."""
    template = Installation(tmp_path)
    template.configure_for(sandbox, f'\n[fleet]\nsigners = ["{operator.public}"]\n')
    fleet = [Installation(tmp_path / "fleet" / f"device-{n:03}") for n in range(100)]
    for device in fleet:
        device.config = template.config
    with ThreadPoolExecutor(2) as pool:
        operator.enrol(*pool.map(lambda d: d.fob("fleet", "enrol", "--id", d.directory.name).stdout, fleet))
        yield fleet, pool


def apply_from_inbox(device, bundle):
    inbox = device.state / "fleet" / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / bundle.name).write_bytes(bundle.read_bytes())
    return device.fob("fleet", "apply").returncode


def test_of_100_devices_10_are_in_the_first_wave_and_the_others_wait(sandbox, operator, hundred):
    fleet, pool = hundred
    bundle = operator.seal(sandbox.create_credential(), "--waves", "10,50,100", "--wave-every", "1h")
    facts = json.loads(operator.fob("fleet", "inspect", "--json", str(bundle)).stdout)
    assert [wave["devices"] for wave in facts["waves"]] == [10, 50, 100]
    assert set(pool.map(lambda device: apply_from_inbox(device, bundle), fleet)) == {0}
    boxes = [device.state / "fleet" / "outbox" for device in fleet]
    report = operator.report(*boxes)
    counts = report["bundles"][0]
    assert (counts["applied"], counts["waiting"], counts["silent"]) == (10, 90, []) and report["attention"] == []
    receipts = [json.loads(file.read_text()) for box in boxes for file in box.iterdir()]
    assert [r["reason"] for r in receipts].count("later-wave") == 90
    assert sum((device.state / "fleet" / "inbox" / bundle.name).exists() for device in fleet) == 90
    assert sandbox.exchanges() == 10, "who waits asks nobody"


def test_who_is_in_which_wave_is_drawn_anew_for_each_bundle(sandbox, operator, hundred):
    fleet, pool = hundred
    firsts = []
    for serial in (1, 2):
        bundle = operator.seal(sandbox.create_credential(), "--waves", "10,100", serial=serial)
        taken = pool.map(lambda device: device.fob("fleet", "apply", str(bundle)).returncode == 0, fleet)
        firsts.append([device.directory.name for device, first in zip(fleet, taken) if first])
    assert [len(first) for first in firsts] == [10, 10]
    assert firsts[0] != firsts[1], "one in 17 million million times this fails by chance"


def test_a_bundle_for_2000_devices_is_taken_by_the_three_that_are_here(sandbox, operator, devices):
    operator.enrol(*(made_enrol_line(f"other-{n:04}") for n in range(2000)))
    new = sandbox.create_credential()
    bundle = operator.seal(new)
    facts = json.loads(operator.fob("fleet", "inspect", "--json", str(bundle)).stdout)
    assert facts["devices"] == 2003
    for device in devices:
        assert device.apply(bundle).returncode == 0
        device.start()
        assert device.served_client() == new["clientId"]
    counts = operator.report(*(device.outbox for device in devices))["bundles"][0]
    assert counts["applied"] == 3 and len(counts["silent"]) == 2000

