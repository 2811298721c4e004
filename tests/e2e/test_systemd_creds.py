"""systemd's encrypted credentials on a real systemd: PID 1 decrypts one profile's into one exchanger, and into nobody
else; the vault and the key stay root's.
"""
import json

import pytest

from machine import PROGRAMS, Machine, reason_to_skip

skipped_because = reason_to_skip()
without_tpm = reason_to_skip("swtpm", "swtpm_setup")
pytestmark = [pytest.mark.native, pytest.mark.skipif(skipped_because is not None, reason=str(skipped_because))]

SECRET = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
VAULT = "/var/lib/fob/vault"
# Nothing listens there, so an exchange that is told so has found its credential.
CONFIGURATION = """
[daemon]
store = "systemd-creds"

[profile.prod-query]
authority = "multiset"
endpoint = "http://127.0.0.1:9/v1/m2m/token"
scopes = ["query"]

[profile.staging]
authority = "multiset"
endpoint = "http://127.0.0.1:9/v1/m2m/token"
scopes = ["query"]
"""
EXCHANGER = [f"{PROGRAMS}/fob-exchange", "--config", "/etc/fob/fob.toml", "--state-dir", "/var/lib/fob"]
# systemd.exec(5): the credentials of a unit could not be set up.
EXIT_CREDENTIALS = 243


def record(profile):
    """A record as daemon/store/record_text.hpp has it."""
    kept = {"version": 1, "stored_at_ms": 0, "untested": False, "bundle_serial": 0,
            "client_id": "some-client-id", "client_secret": SECRET}
    return json.dumps({"fob_record": 1, "profile": profile, "counter": 1, "bundle_serial": 0, "slots": {"current": kept}})


def request(profile):
    return json.dumps({"v": 1, "profile": profile, "slot": "current"}) + "\n"


def blob(profile):
    return f"{VAULT}/{profile}.cred"


def handed(profile, file=None):
    """What a unit's file says to get a profile's credential."""
    return f"LoadCredentialEncrypted=fob-{profile}:{file or blob(profile)}"


class Device:
    """A machine with fob's configuration, and blobs that systemd-creds itself made."""

    def __init__(self, machine):
        self.machine = machine
        self.tpm = []
        for mode, directory in (("0755", "/etc/fob"), ("0755", "/var/lib/fob"), ("0700", VAULT)):
            assert machine.enter("install", "--directory", "--mode", mode, directory).returncode == 0
        machine.write("/etc/fob/fob.toml", CONFIGURATION)

    def seal(self, profile, key="host"):
        done = self.machine.run("systemd-creds", "encrypt", f"--name=fob-{profile}", f"--with-key={key}", "-", "-",
                                stdin=record(profile), environment=self.tpm)
        assert done.returncode == 0, done.stderr
        assert SECRET not in done.stdout
        self.machine.write(blob(profile), done.stdout, "0600")

    def exchange(self, profile, *properties):
        """The answer of an exchanger that nobody trusts: a user made for the unit, with no rights."""
        done = self.machine.run(*EXCHANGER, stdin=request(profile), properties=["DynamicUser=yes", *properties])
        assert SECRET not in done.stdout + done.stderr
        return done, json.loads(done.stdout) if done.stdout else None


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("machine"))
    made = Device(machine)
    for profile in ("prod-query", "staging"):
        made.seal(profile)
    yield made
    machine.close()


def test_an_exchanger_without_rights_gets_its_credential_from_pid_1(device):
    _, answer = device.exchange("prod-query", handed("prod-query"))
    assert answer["kind"] == "unreachable", answer


def test_an_exchanger_without_its_credential_is_told_that_the_store_is_closed(device):
    _, answer = device.exchange("prod-query")
    assert answer["kind"] == "store-locked" and VAULT in answer["detail"], answer


def test_an_exchanger_that_is_given_one_profile_has_no_other(device):
    _, answer = device.exchange("staging", handed("prod-query"))
    assert answer["kind"] == "store-locked", answer


def test_the_unit_itself_can_read_neither_the_vault_nor_the_key(device):
    for path in (VAULT, blob("prod-query"), "/var/lib/systemd/credential.secret"):
        tried = device.machine.run("/bin/cat", path, properties=["DynamicUser=yes", handed("prod-query")])
        assert tried.returncode != 0 and "Permission denied" in tried.stderr, (path, tried.stderr)


def test_another_unit_cannot_read_the_credential(device):
    """While a unit that has it is running, from one that runs as another user."""
    machine = device.machine
    started = machine.enter("systemd-run", "--unit=holder", "--property=DynamicUser=yes", "--property=Type=exec",
                            f"--property={handed('prod-query')}", "/bin/sleep", "infinity")
    assert started.returncode == 0, started.stderr
    try:
        file = "/run/credentials/holder.service/fob-prod-query"
        assert SECRET in machine.enter("cat", file).stdout, "the search itself must be able to find something"
        tried = machine.run("/bin/cat", file, properties=["DynamicUser=yes"])
        assert tried.returncode != 0 and SECRET not in tried.stdout
    finally:
        machine.enter("systemctl", "stop", "holder")
    assert machine.enter("ls", "/run/credentials/holder.service").returncode != 0, "it is gone with the unit"


def test_root_by_hand_needs_no_unit(device):
    done = device.machine.run(*EXCHANGER, stdin=request("prod-query"))
    assert json.loads(done.stdout)["kind"] == "unreachable", done.stdout


def test_a_blob_of_another_profile_does_not_open_under_this_name(device):
    done, _ = device.exchange("prod-query", handed("prod-query", blob("staging")))
    assert done.returncode == EXIT_CREDENTIALS, done
    copied = "/var/lib/fob/vault/copy.cred"
    assert device.machine.enter("cp", "--preserve", blob("staging"), copied).returncode == 0
    tried = device.machine.run("systemd-creds", "decrypt", "--name=fob-copy", copied, "-")
    assert tried.returncode != 0 and SECRET not in tried.stdout


def test_the_credential_of_a_unit_is_on_no_disk(device):
    """systemd keeps it on a ramfs, which does not swap."""
    done = device.machine.run("/bin/sh", "-c", 'stat --file-system --format=%T "$CREDENTIALS_DIRECTORY"',
                              properties=["DynamicUser=yes", handed("prod-query")])
    assert done.stdout.strip() == "ramfs", (done.stdout, done.stderr)


@pytest.mark.skipif(without_tpm is not None, reason=str(without_tpm))
def test_a_credential_sealed_by_the_tpm_opens_with_it_and_not_without(tmp_path):
    machine = Machine(tmp_path, tpm=tmp_path / "tpm")
    try:
        machine.start_tpm()
        device = Device(machine)
        device.tpm = [f"SYSTEMD_TPM2_DEVICE={machine.tpm_device()}"]
        device.seal("prod-query", "host+tpm2")
        _, answer = device.exchange("prod-query", handed("prod-query"))
        assert answer["kind"] == "unreachable", answer
        machine.stop_tpm()
        done, answer = device.exchange("prod-query", handed("prod-query"))
        assert done.returncode == EXIT_CREDENTIALS and answer is None, done
    finally:
        machine.close()
