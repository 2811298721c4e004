"""Where credentials are kept, for real: a keyring of GNOME on a bus of its own, the files of the vault, moves between
the two, and everything that can be wrong with either. Whatever it is, tokens that live are served, the message names
what to mend, and once it is mended the credential works as before.

The bus can start nothing but a stand-in for the program that asks people for passwords, which leaves a trace: each test
ends with a look for it, since fob must never make a keyring ask.
"""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fob import BIN, PATIENCE, Installation, wait_until
from test_rotation import Asking

PROFILE = "prod-query"
ADDRESS = "DBUS_SESSION_BUS_ADDRESS"
PASSWORD = b"a login's password"
# The longest that one call of a keyring that hangs may take, and what a command needs beside it.
HUNG, BESIDE = 10, 5

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><auth>EXTERNAL</auth><listen>unix:path={directory}/bus</listen>
<servicedir>{directory}/services</servicedir>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>"""


class Keyring:
    """A session: a bus, a keyring on it, and nobody in front of the screen."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("", "home", "runtime", "data", "services"):
            (directory / name).mkdir(mode=0o700)
        (directory / "bus.conf").write_text(BUS_CONFIG.format(directory=directory))
        self.asked = directory / "asked"
        for name in ("SystemPrompter", "PrivatePrompter"):
            (directory / "services" / f"org.gnome.keyring.{name}.service").write_text(
                f"[D-BUS Service]\nName=org.gnome.keyring.{name}\nExec=/usr/bin/touch {self.asked}\n")
        self.address = f"unix:path={directory}/bus"
        self.bus = self.daemon = None

    def environment(self):
        return {"PATH": "/usr/bin:/bin", "HOME": f"{self.directory}/home", ADDRESS: self.address,
                "XDG_RUNTIME_DIR": f"{self.directory}/runtime", "XDG_DATA_HOME": f"{self.directory}/data"}

    def start_bus(self):
        self.bus = subprocess.Popen(
            ["dbus-daemon", "--nofork", "--nopidfile", "--nosyslog", "--print-address=1",
             f"--config-file={self.directory}/bus.conf"], stdout=subprocess.PIPE, env=self.environment())
        assert self.bus.stdout.readline(), "the bus starts"

    def start(self, unlocked=True):
        with open(self.directory / "keyring.log", "ab") as log:
            self.daemon = subprocess.Popen(
                ["gnome-keyring-daemon", "--foreground", "--components=secrets", *["--unlock"] * unlocked],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=self.environment())
        self.daemon.stdin.write(PASSWORD * unlocked)
        self.daemon.stdin.close()
        wait_until(self.runs, "the keyring")
        if unlocked:
            wait_until(lambda: self.collection() != "/", "its collection")

    def runs(self):
        return self.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", "s",
                         "org.freedesktop.secrets", service="org.freedesktop.DBus") == [True]

    def call(self, path, interface, method, *arguments, service="org.freedesktop.secrets"):
        done = subprocess.run(["busctl", f"--address={self.address}", "--json=short", "call", service, path, interface,
                               method, *arguments], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["data"]

    def ask(self, method, *arguments):
        return self.call("/org/freedesktop/secrets", "org.freedesktop.Secret.Service", method, *arguments)

    def collection(self):
        return self.ask("ReadAlias", "s", "default")[0]

    def items(self):
        """The items of fob, whether locked or not."""
        return sum(self.ask("SearchItems", "a{ss}", "1", "xdg:schema", "io.fob.Credential"), [])

    def lock(self):
        self.ask("Lock", "ao", "1", self.collection())

    def unlock(self):
        """As a login does it (pam_gnome_keyring): over the keyring's control socket."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(f"{self.directory}/runtime/keyring/control")
            control.sendall(b"\0" + struct.pack(">III", 12 + len(PASSWORD), 1, len(PASSWORD)) + PASSWORD)
            assert struct.unpack(">II", control.recv(8, socket.MSG_WAITALL)) == (8, 0)

    def end(self):
        if self.daemon:
            self.daemon.kill()
            self.daemon.wait(PATIENCE)

    def end_bus(self):
        self.bus.kill()
        self.bus.wait(PATIENCE)
        self.bus.stdout.close()


class Desktop(Installation):
    """An installation whose `fob` knows the session's bus, as `fobd` does by inheritance."""

    def fob(self, *arguments, stdin="", env=None):
        session = {ADDRESS: os.environ[ADDRESS]} if ADDRESS in os.environ else {}
        return super().fob(*arguments, stdin=stdin, env={**session, **(env or {})})

    def configure_store(self, sandbox, store, extra=""):
        """With `store` None: left out."""
        self.configure_for(sandbox, extra)
        line = f'store = "{store}"\n' if store else ""
        self.configure(self.config.read_text().replace('store = "file"\n', line))

    def credential(self, word, *flags):
        return self.fob("credential", word, PROFILE, *flags)

    def rotate(self, credential):
        return self.fob("credential", "rotate", PROFILE, "--file", "-", stdin=json.dumps(credential))

    def slots(self):
        done = self.fob("credential", "list", "--json")
        assert done.returncode == 0, done.stderr
        return {slot["slot"]: (slot["version"], slot["store"]) for slot in json.loads(done.stdout)}

    def refreshed(self):
        """A new token, by the credential in the store as it is now."""
        before = self.app.token()[1].get("fingerprint")
        done = self.fob("refresh")
        assert done.returncode == 0, done.stderr
        return self.app.token()[1]["fingerprint"] != before


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """In no session, unless the fixture `keyring` is there."""
    for name in (ADDRESS, "XDG_RUNTIME_DIR", "XDG_DATA_DIRS"):
        monkeypatch.delenv(name, raising=False)
    made = Desktop(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def start_keyring(tmp_path, installation, monkeypatch):
    """For tests in which the session begins later."""
    made = []

    def start():
        keyring = Keyring(tmp_path / "session")
        made.append(keyring)
        keyring.start_bus()
        keyring.start()
        monkeypatch.setenv(ADDRESS, keyring.address)
        return keyring

    yield start
    for keyring in made:
        keyring.end()
        keyring.end_bus()
        assert not keyring.asked.exists(), "the keyring was made to ask its user"


@pytest.fixture
def keyring(start_keyring):
    return start_keyring()


@pytest.fixture
def desktop(sandbox, keyring, installation):
    """A daemon with a token, and its credential in the keyring."""
    installation.configure_store(sandbox, "secret-service")
    installation.first, installation.second = sandbox.create_credential(), sandbox.create_credential()
    installation.enrol(installation.first)
    installation.start()
    assert installation.app.token("?wait=30")[0] == 200
    return installation


@pytest.fixture
def vault(sandbox, installation):
    """A daemon with a token, and its credential in files."""
    installation.configure_store(sandbox, "file")
    installation.first, installation.second = sandbox.create_credential(), sandbox.create_credential()
    installation.enrol(installation.first)
    installation.start()
    assert installation.app.token("?wait=30")[0] == 200
    return installation


def fails_with(done, *words):
    assert done.returncode == 8, (done.returncode, done.stderr)
    assert done.stdout in ("", "[]\n"), done.stdout
    for word in words:
        assert word in done.stderr, done.stderr
    return True


def refresh_fails(installation, *words):
    """fobd tells why, and serves the token at hand."""
    token = installation.app.token("?wait=0")[1]["fingerprint"]
    done = installation.fob("refresh")
    assert done.returncode in (5, 8), done
    status = installation.status()
    assert status["last_error"]["kind"] == "store-locked" and status["failing"] and status["state"] == "valid"
    for word in words:
        assert word in done.stderr and word in status["last_error"]["detail"]
    assert "store-locked" in installation.fob("status").stdout
    assert installation.app.token("?wait=0")[1]["fingerprint"] == token
    return True


# The keyring


def test_a_credential_in_a_keyring_is_used_replaced_and_rolled_back(sandbox, desktop, keyring):
    assert desktop.slots() == {"current": (1, "secret-service")} and len(keyring.items()) == 1
    with Asking(desktop) as app:
        done = desktop.rotate(desktop.second)
        assert done.returncode == 0 and "a new token is in force" in done.stderr
        assert desktop.status()["credential_version"] == 2
        assert desktop.credential("rollback").returncode == 0
    assert app.saw_no_gap() and desktop.status()["credential_version"] == 1
    assert desktop.slots() == {"current": (1, "secret-service"), "previous": (2, "secret-service")}
    assert len(keyring.items()) == 1 and not list((desktop.state / "vault").glob("*.vault"))
    assert sandbox.call_api(desktop.app.token()[1]["access_token"]) == 200
    assert desktop.credential("remove").returncode == 0
    wait_until(lambda: desktop.app.token("?wait=0")[0] == 503, "the token is gone")


def test_a_wrong_secret_leaves_the_keyring_as_it_was(desktop, keyring):
    assert desktop.rotate({**desktop.second, "clientSecret": "0" * 64}).returncode == 6
    assert desktop.slots() == {"current": (1, "secret-service")} and desktop.refreshed()


def test_a_secret_in_a_keyring_is_in_no_file_in_clear(desktop):
    assert desktop.rotate(desktop.second).returncode == 0
    for file in [f for f in Path(desktop.directory).rglob("*") if f.is_file() and "sandbox" not in f.parts]:
        for credential in (desktop.first, desktop.second):
            assert credential["clientSecret"].encode() not in file.read_bytes(), file


def test_a_locked_keyring_is_named_by_every_command_and_changes_nothing(desktop, keyring):
    keyring.lock()
    for done in (desktop.rotate(desktop.second), desktop.credential("rollback"), desktop.credential("promote"),
                 desktop.credential("remove"), desktop.credential("migrate", "--to", "file"),
                 desktop.fob("credential", "list"), desktop.fob("credential", "list", "--json")):
        assert fails_with(done, "keyring", "is locked", "unlock it", 'store = "file"')
    keyring.unlock()
    assert desktop.slots() == {"current": (1, "secret-service")} and desktop.refreshed()


def test_while_the_keyring_is_locked_the_token_is_served_and_after_it_all_is_well_by_itself(sandbox, desktop, keyring):
    keyring.lock()
    assert refresh_fails(desktop, "is locked", "unlock it")
    keyring.unlock()
    wait_until(lambda: not desktop.status()["failing"], "the next attempt")
    assert desktop.status()["credential_version"] == 1


def test_a_keyring_that_was_never_unlocked_holds_up_the_first_token_until_it_is(desktop, keyring):
    desktop.stop()
    keyring.end()
    keyring.start(unlocked=False)
    desktop.start()
    answer = wait_until(lambda: (a := desktop.app.token("?wait=0")[1])["type"] == "urn:fob:no-credential" and a,
                        "the reason")
    assert "is locked" in answer["detail"] and "unlock it" in answer["detail"]
    assert fails_with(desktop.fob("credential", "list"), "is locked")
    keyring.unlock()
    assert desktop.app.token("?wait=30")[0] == 200


def test_a_first_credential_for_a_locked_keyring_is_refused_before_it_is_sent(sandbox, keyring, installation):
    installation.configure_store(sandbox, "secret-service")
    keyring.lock()
    done = installation.fob("credential", "add", PROFILE, "--file", "-", stdin=json.dumps(sandbox.create_credential()))
    assert fails_with(done, "is locked", "unlock it") and sandbox.exchanges() == 0
    keyring.unlock()
    assert installation.slots() == {}


def test_a_keyring_that_ended_is_missed_only_while_it_is_away(desktop, keyring):
    keyring.end()
    assert fails_with(desktop.rotate(desktop.second), "no keyring", "start one")
    assert fails_with(desktop.fob("credential", "list"), "no keyring")
    assert refresh_fails(desktop, "no keyring", "start one")
    keyring.start()
    wait_until(lambda: not desktop.status()["failing"], "the next attempt")
    assert desktop.slots() == {"current": (1, "secret-service")}


def test_a_bus_that_ended_is_missed_only_while_it_is_away(desktop, keyring):
    keyring.end()
    keyring.end_bus()
    assert fails_with(desktop.rotate(desktop.second), "session bus", "cannot be reached", "log in")
    assert fails_with(desktop.fob("credential", "list"), "session bus")
    assert refresh_fails(desktop, "session bus", "cannot be reached")
    keyring.start_bus()
    keyring.start()
    wait_until(lambda: not desktop.status()["failing"], "the next attempt")
    assert desktop.slots() == {"current": (1, "secret-service")}


def test_without_a_session_the_missing_bus_is_named(desktop, monkeypatch):
    monkeypatch.delenv(ADDRESS)
    assert fails_with(desktop.rotate(desktop.second), "no session bus", ADDRESS, 'store = "file"')
    assert desktop.refreshed(), "fobd has its own"


def rotate_without_libsecret(installation):
    library = subprocess.run("ldconfig -p | awk '/libsecret-1.so.0/ { print $NF; exit }'", shell=True, check=True, capture_output=True,
                             text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}).stdout.strip()
    return subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null "$1" && shift && exec "$@"', "sh", library,
                           BIN / "fob", *installation.flags(), "credential", "rotate", PROFILE, "--file", "-"],
                          input=json.dumps(installation.second), capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_where_libsecret_is_missing_it_is_named(desktop):
    done = rotate_without_libsecret(desktop)
    assert fails_with(done, "libsecret-1.so.0", "cannot be loaded", "libsecret-1-0", 'store = "file"') and desktop.refreshed()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_files_need_no_libsecret(vault):
    assert rotate_without_libsecret(vault).returncode == 0 and vault.slots()["current"] == (2, "file")


@pytest.mark.parametrize("who", ["keyring", "bus"])
def test_what_hangs_is_waited_for_only_so_long(desktop, keyring, who):
    process = keyring.daemon if who == "keyring" else keyring.bus
    process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool, Asking(desktop) as app:
        commands = [pool.submit(desktop.rotate, desktop.second), pool.submit(desktop.fob, "credential", "list"),
                    pool.submit(desktop.credential, "rollback")]
        assert pool.submit(refresh_fails, desktop, "did not answer within 10 s").result()
        for command in commands:
            assert fails_with(command.result(), "did not answer within 10 s", 'store = "file"')
    assert app.saw_no_gap()
    # rotate, list and rollback ask it once each; rollback and rotate may have to wait for one another's lock.
    assert time.monotonic() - begun < 2 * HUNG + BESIDE
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: not desktop.status()["failing"], "the next attempt")
    assert desktop.slots() == {"current": (1, "secret-service")}


# From one store to another


def test_a_move_there_and_back_is_not_noticed_by_apps_and_leaves_no_copy(sandbox, keyring, vault):
    sandbox.settings(lifetime_s=10)
    assert vault.refreshed() and vault.rotate(vault.second).returncode == 0
    file = vault.state / "vault" / f"{PROFILE}.vault"
    with Asking(vault) as app:
        done = vault.credential("migrate", "--to", "secret-service")
        assert done.returncode == 0, done.stderr
        assert 'moved to the store "secret-service"' in done.stderr and "the old copy is deleted" in done.stderr
        assert '[daemon] still says store = "file"' in done.stderr and 'store = "secret-service"' in done.stderr
        assert not file.exists() and len(keyring.items()) == 1
        assert vault.slots() == {"current": (2, "secret-service"), "previous": (1, "secret-service")}
        assert vault.refreshed()
        done = vault.credential("migrate", "--to", "file")
        assert done.returncode == 0 and "[daemon]" not in done.stderr, done.stderr
        assert file.exists() and keyring.items() == []
        assert vault.slots() == {"current": (2, "file"), "previous": (1, "file")}
        assert vault.refreshed()
    assert app.saw_no_gap()


def test_what_moved_works_with_the_configuration_as_it_was_also_after_a_restart(keyring, vault):
    assert vault.credential("migrate", "--to", "secret-service").returncode == 0
    vault.stop()
    vault.start()
    assert vault.app.token("?wait=30")[0] == 200
    heading, row = vault.fob("credential", "list").stdout.splitlines()
    assert heading.split()[-1] == "STORE" and row.split()[-1] == "secret-service"
    keyring.lock()
    assert refresh_fails(vault, "is locked"), "it is in the keyring indeed"
    keyring.unlock()


def test_a_rotation_moves_it_where_the_configuration_wants_it_as_the_message_said(keyring, vault):
    done = vault.credential("migrate", "--to", "secret-service")
    assert "the next rotation would move it back" in done.stderr
    assert vault.rotate(vault.second).returncode == 0
    assert vault.slots() == {"current": (2, "file"), "previous": (1, "file")} and keyring.items() == []


def test_a_move_to_where_it_is_says_so(vault):
    done = vault.credential("migrate", "--to", "file")
    assert done.returncode == 0 and 'is in the store "file" already' in done.stderr
    assert vault.credential("migrate", "--to", "vault").returncode == 2


TROUBLES = [("locked", "unlock it"), ("ended", "no keyring"), ("no session", "no session bus")]


def befall(keyring, monkeypatch, trouble):
    {"locked": keyring.lock, "ended": keyring.end, "no session": lambda: monkeypatch.delenv(ADDRESS)}[trouble]()


@pytest.mark.parametrize("trouble,words", TROUBLES)
def test_a_move_to_a_keyring_that_cannot_take_it_changes_no_credential(keyring, vault, monkeypatch, trouble, words):
    file = vault.state / "vault" / f"{PROFILE}.vault"
    before = file.read_bytes()
    befall(keyring, monkeypatch, trouble)
    assert fails_with(vault.credential("migrate", "--to", "secret-service"), words)
    assert file.read_bytes() == before and vault.refreshed()
    rows = json.loads(vault.fob("credential", "list", "--json").stdout)
    assert [(slot["version"], slot["slot"], slot["store"]) for slot in rows] == [(1, "current", "file")]
    assert vault.rotate(vault.second).returncode == 0


@pytest.mark.parametrize("trouble,words", TROUBLES)
def test_a_move_that_failed_leaves_nothing_to_be_told(keyring, vault, monkeypatch, trouble, words):
    befall(keyring, monkeypatch, trouble)
    assert fails_with(vault.credential("migrate", "--to", "secret-service"), words)
    assert vault.slots() == {"current": (1, "file")}


@pytest.mark.parametrize("trouble,words", TROUBLES[:2])
def test_a_move_from_a_keyring_that_cannot_be_read_changes_nothing(keyring, desktop, monkeypatch, trouble, words):
    befall(keyring, monkeypatch, trouble)
    assert fails_with(desktop.credential("migrate", "--to", "file"), words)
    assert not list(desktop.state.rglob("*.vault")) and refresh_fails(desktop, words)
    keyring.unlock() if trouble == "locked" else keyring.start()
    assert desktop.slots() == {"current": (1, "secret-service")} and desktop.refreshed()


def test_a_profile_whose_keyring_is_gone_for_good_can_be_enrolled_anew_in_files(sandbox, keyring, desktop):
    keyring.end()
    desktop.configure_store(sandbox, "file")
    assert fails_with(desktop.credential("remove"), "nothing was removed", "--force")
    assert desktop.credential("remove", "--force").returncode == 0
    desktop.enrol(desktop.second)
    assert desktop.slots()["current"][1] == "file" and desktop.refreshed()


# The store that nobody chose


def test_without_a_session_files_are_chosen_and_that_is_said(sandbox, installation):
    installation.configure_store(sandbox, None)
    done = installation.enrol(sandbox.create_credential())
    assert 'in the store "file"' in done.stderr and "since there is neither" in done.stderr
    installation.start()
    assert 'the store "file"' in installation.log.read_text()
    assert installation.app.token("?wait=30")[0] == 200 and installation.slots() == {"current": (1, "file")}


def test_in_a_session_with_a_keyring_that_is_chosen_and_said(sandbox, keyring, installation):
    installation.configure_store(sandbox, None)
    done = installation.enrol(sandbox.create_credential())
    assert 'in the store "secret-service"' in done.stderr and "keyring" in done.stderr and "[daemon]" in done.stderr
    installation.start()
    assert 'the store "secret-service"' in installation.log.read_text()
    assert installation.app.token("?wait=30")[0] == 200 and installation.slots() == {"current": (1, "secret-service")}


def test_a_chosen_keyring_that_is_locked_is_no_reason_to_take_another_store_in_silence(sandbox, keyring, installation):
    installation.configure_store(sandbox, None)
    keyring.lock()
    done = installation.fob("credential", "add", PROFILE, "--file", "-", stdin=json.dumps(sandbox.create_credential()))
    assert fails_with(done, "is locked", 'store = "file"')
    assert not list(installation.state.rglob("*.vault"))


def test_a_profile_in_files_stays_there_when_a_keyring_appears_later(sandbox, installation, start_keyring):
    other = f'\n[profile.other]\nendpoint = "{sandbox.url}/v1/m2m/token"\nca_file = "{sandbox.ca_file}"\n'
    installation.configure_store(sandbox, None, extra=other)
    installation.enrol(sandbox.create_credential())
    keyring = start_keyring()
    installation.start()
    assert installation.rotate(sandbox.create_credential()).returncode == 0
    assert installation.slots() == {"current": (2, "file"), "previous": (1, "file")} and keyring.items() == []
    assert 'in the store "secret-service"' in installation.enrol(sandbox.create_credential(), "other").stderr
    rows = [line.split() for line in installation.fob("credential", "list").stdout.splitlines()]
    assert {(row[0], row[-1]) for row in rows[1:]} == {("other", "secret-service"), (PROFILE, "file")}
    assert installation.refreshed()


# The files


@pytest.fixture
def small_disk(tmp_path):
    """A state directory on a disk of 256 KiB."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", state], check=True)
    yield state
    subprocess.run(["umount", "-l", state], check=True)


def fill(directory):
    """Leaves not a byte; the file that takes them."""
    filler = directory / "filler"
    with open(filler, "wb", buffering=0) as file, pytest.raises(OSError):
        while file.write(b"x" * 4096):
            pass
    return filler


def works_as_before(installation):
    assert installation.slots() == {"current": (1, "file")} and installation.refreshed()
    assert installation.rotate(installation.second).returncode == 0 and installation.refreshed()
    return installation.status()["credential_version"] == max(version for version, _ in installation.slots().values())


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_full_disk_keeps_the_old_credential_and_is_told(small_disk, vault):
    filler = fill(small_disk)
    assert fails_with(vault.rotate(vault.second), str(small_disk / "vault"), "No space left on device")
    assert vault.slots() == {"current": (1, "file")} and vault.refreshed(), "reading takes no space"
    filler.unlink()
    assert works_as_before(vault)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_first_credential_for_a_full_disk_is_refused(sandbox, small_disk, installation):
    installation.configure_store(sandbox, "file")
    filler = fill(small_disk)
    credential = sandbox.create_credential()
    done = installation.fob("credential", "add", PROFILE, "--file", "-", stdin=json.dumps(credential))
    assert fails_with(done, str(small_disk), "No space left on device") and installation.slots() == {}
    filler.unlink()
    installation.enrol(credential)
    assert installation.slots()["current"][1] == "file"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_read_only_disk_keeps_the_old_credential_and_is_told(small_disk, vault):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for done in (vault.rotate(vault.second), vault.credential("remove")):
        assert fails_with(done, str(small_disk / "vault"), "Read-only file system")
    assert vault.slots() == {"current": (1, "file")} and vault.refreshed()
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert works_as_before(vault)


def own(path, user):
    os.chown(path, user, user)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away takes root")
@pytest.mark.parametrize("what", ["vault", "vault/prod-query.vault", "keys", "keys/vault.key"])
def test_what_belongs_to_another_user_is_refused_with_the_command_that_mends_it(vault, what):
    path = vault.state / what
    own(path, 65534)
    mend = f"chown 0 {path}"
    assert fails_with(vault.rotate(vault.second), "belongs to user 65534", mend)
    assert fails_with(vault.fob("credential", "list"), mend)
    assert refresh_fails(vault, mend)
    subprocess.run(mend.split(), check=True)
    assert works_as_before(vault)


def test_a_missing_key_is_named_and_never_replaced_by_another(vault):
    key = vault.state / "keys" / "vault.key"
    key.rename(vault.directory / "elsewhere")
    for done in (vault.rotate(vault.second), vault.credential("rollback"), vault.fob("credential", "list")):
        assert fails_with(done, str(key), "put it back", f"rm {vault.state}/vault/*.vault", "fob credential add")
    assert refresh_fails(vault, str(key)) and not key.exists()
    (vault.directory / "elsewhere").rename(key)
    assert works_as_before(vault)


def cut(content):
    return content[:len(content) // 2]


def altered(content):
    at = content.index(b'"box":"') + 12
    return content[:at] + (b"B" if content[at:at + 1] == b"A" else b"A") + content[at + 1:]


@pytest.mark.parametrize("damage", [cut, altered, lambda _: b"", lambda _: os.urandom(500)],
                         ids=["cut", "altered", "empty", "noise"])
def test_a_damaged_vault_file_is_named_and_the_right_one_put_back_works(vault, damage):
    file = vault.state / "vault" / f"{PROFILE}.vault"
    content = file.read_bytes()
    file.write_bytes(damage(content))
    for done in (vault.rotate(vault.second), vault.credential("rollback"), vault.fob("credential", "list")):
        assert fails_with(done, f"{file} cannot be used",
                          "fob credential remove prod-query && fob credential add prod-query")
    assert refresh_fails(vault, str(file))
    file.write_bytes(content)
    assert works_as_before(vault)


def test_a_damaged_vault_file_is_mended_as_the_message_says(vault):
    file = vault.state / "vault" / f"{PROFILE}.vault"
    file.write_bytes(b"?")
    assert vault.credential("remove").returncode == 0
    assert vault.enrol(vault.second).returncode == 0
    assert vault.refreshed() and vault.slots()["current"][1] == "file"


def test_a_damaged_placement_is_named_with_its_mend(vault):
    placement = vault.state / "vault" / "placement.json"
    placement.write_text("{")
    for done in (vault.rotate(vault.second), vault.fob("credential", "list")):
        assert fails_with(done, f"{placement} cannot be used", "delete the file")
    assert refresh_fails(vault, str(placement))
    placement.unlink()
    assert works_as_before(vault)


def test_a_vault_that_was_moved_away_and_back_works(vault):
    shutil.move(vault.state / "vault", vault.directory / "elsewhere")
    assert vault.slots() == {}
    assert vault.fob("refresh").returncode == 5
    shutil.move(vault.directory / "elsewhere", vault.state / "vault")
    assert vault.fob("refresh").returncode == 0
