"""docs/ansible for real: enrol devices, roll bundles out, fetch the receipts. Each host is a local root of its own."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet import PROFILE, Device
from fob import BIN, PATIENCE

PLAYBOOKS = Path(__file__).resolve().parents[2] / "docs" / "ansible"
pytestmark = pytest.mark.skipif(not shutil.which("ansible-playbook"),
                                reason="ansible-playbook is not installed (ansible-core)")

NAMES = ["headset-1", "headset-2", "headset-3"]


class Controller:
    """The operator's machine: an inventory of local roots, the devices file, and the receipts."""

    def __init__(self, directory, operator, devices):
        self.directory = directory
        self.operator = operator
        self.receipts = directory / "receipts"
        self.devices_file = directory / "enrolled"
        self.inventory = directory / "inventory.json"
        self.said = ""
        self.bundles = []
        directory.mkdir()
        hosts = {device.name: self.host(device) for device in devices}
        self.inventory.write_text(json.dumps({"fob_devices": {"hosts": hosts}}))

    def host(self, device):
        return {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3",
                "fob_fleet_as": [], "fob_fleet_owner": "root", "fob_fleet_program": str(BIN / "fob"),
                "fob_fleet_config": str(device.config), "fob_fleet_state_dir": str(device.state),
                "fob_fleet_runtime_dir": str(device.runtime), "fob_fleet_device": device.name}

    def play(self, playbook, **extra):
        """(exit status, host → what Ansible counted)."""
        variables = {"fob_fleet_controller_program": str(BIN / "fob"), "fob_fleet_devices_file": str(self.devices_file),
                     "fob_fleet_receipts_dir": str(self.receipts), **extra}
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "ANSIBLE_PIPELINING": "1",
                       "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0", "LC_ALL": "C.UTF-8"}
        command = ["ansible-playbook", "-v", "-i", str(self.inventory), str(PLAYBOOKS / playbook)]
        done = subprocess.run([*command, "-e", json.dumps(variables)], capture_output=True, text=True, env=environment,
                              timeout=PATIENCE * 5, cwd=self.directory)
        self.said += done.stdout + done.stderr
        recap = re.findall(r"^(\S+)\s+: (ok=.*)$", done.stdout, re.M)
        assert recap, done.stdout + done.stderr
        counted = {host: dict(count.split("=") for count in counts.split()) for host, counts in recap}
        return done.returncode, {host: {k: int(v) for k, v in counts.items()} for host, counts in counted.items()}

    def roll_out(self, bundle, **extra):
        self.bundles.append(bundle)
        return self.play("roll_out.yml", fob_fleet_bundle=str(bundle), **extra)

    def report(self):
        return self.operator.report(self.receipts)


@pytest.fixture
def devices(tmp_path, sandbox, operator):
    made = [Device(tmp_path / name, name, operator, sandbox, sandbox.create_credential()) for name in NAMES]
    for device in made:
        device.start()
    yield made
    for device in made:
        device.stop()


@pytest.fixture
def controller(tmp_path, operator, devices):
    """With the enrol lines collected by the playbook, which the operator seals for from here on."""
    made = Controller(tmp_path / "controller", operator, devices)
    status, counts = made.play("enrol.yml")
    assert status == 0 and all(counts[name]["changed"] == 1 for name in NAMES)
    operator.devices = made.devices_file
    yield made
    secrets = {*operator.sealed_secrets, *(device.credential["clientSecret"] for device in devices)}
    assert not any(secret in made.said for secret in secrets), "Ansible prints nothing secret"


def changes(counts):
    return {host: count["changed"] for host, count in counts.items() if host != "localhost"}


def test_enrolling_collects_each_devices_line_once(controller, devices):
    lines = controller.devices_file.read_text().splitlines()
    assert sorted(json.loads(line)["device"] for line in lines) == NAMES
    assert {json.loads(line)["box_key"] for line in lines} == {json.loads(device.line)["box_key"] for device in devices}
    status, counts = controller.play("enrol.yml")
    assert status == 0 and set(changes(counts).values()) == {0}
    assert controller.devices_file.read_text().splitlines() == lines


def test_a_roll_out_tells_who_took_it_who_was_rejected_and_who_was_left_out(controller, operator, devices, sandbox):
    """One takes it, one's authority rejects it, one is left out. A second run changes nothing; a third ends well."""
    good, bad = sandbox.create_credential(), sandbox.create_credential()
    sandbox.deactivate(bad)
    lines = controller.devices_file.read_text()
    controller.devices_file.write_text("".join(line for line in lines.splitlines(True) if NAMES[2] not in line))
    bundle = operator.seal([(NAMES[0], good), (NAMES[1], bad)], serial=7)
    controller.devices_file.write_text(lines)

    status, counts = controller.roll_out(bundle)
    assert status != 0 and [counts[name]["failed"] for name in NAMES] == [0, 1, 1]
    assert counts[NAMES[0]]["changed"] >= 1
    in_force = [good["clientId"], *(device.credential["clientId"] for device in devices[1:])]
    assert [device.served_client() for device in devices] == in_force
    assert "credential-rejected" in controller.said and "not-addressed" in controller.said
    report = controller.report()
    told = [(b["serial"], b["applied"], b["rejected"], b["refused"], b["silent"]) for b in report["bundles"]]
    assert told == [(7, 1, 1, 1, [])]
    assert {receipt["device"]: receipt["reason"] for receipt in report["attention"]} == {
        NAMES[1]: "credential-rejected", NAMES[2]: "not-addressed"}

    status, counts = controller.roll_out(bundle)
    assert status != 0 and set(changes(counts).values()) == {0}, counts
    assert controller.report()["bundles"] == report["bundles"]

    sandbox.admin("POST", f"/credentials/{bad['clientId']}/activate")
    status, counts = controller.roll_out(bundle)
    assert [counts[name]["failed"] for name in NAMES] == [0, 0, 1] and changes(counts) == dict(zip(NAMES, (0, 1, 0)))
    assert devices[1].served_client() == bad["clientId"]


def test_a_device_in_a_later_wave_keeps_the_bundle_and_a_second_run_changes_nothing(
        controller, operator, devices, sandbox):
    bundle = operator.seal(sandbox.create_credential(), "--waves", "34,100", serial=1)
    status, counts = controller.roll_out(bundle)
    assert status == 0, controller.said
    counted = controller.report()["bundles"][0]
    assert (counted["applied"], counted["waiting"], counted["silent"]) == (2, 1, [])
    assert sum((device.inbox / f"{PROFILE}-1.bundle").exists() for device in devices) == 1
    status, counts = controller.roll_out(bundle)
    assert status == 0 and set(changes(counts).values()) == {0}


def test_where_the_inbox_is_watched_the_bundle_is_left_to_the_watcher(controller, operator, devices, sandbox):
    new = sandbox.create_credential()
    with devices[0].watch(), devices[1].watch(), devices[2].watch():
        status, counts = controller.roll_out(operator.seal(new, serial=1), fob_fleet_watched=True)
        assert status == 0, controller.said
    assert [device.served_client() for device in devices] == [new["clientId"]] * 3
    assert controller.report()["bundles"][0]["applied"] == 3


def test_without_a_bundle_it_says_how_to_name_one(controller):
    status, _ = controller.play("roll_out.yml")
    assert status != 0 and "-e fob_fleet_bundle=FILE" in controller.said
