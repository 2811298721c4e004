"""fob in a user's session on a really booted Debian: the package's user units, and the session's keyring as the store."""
import json

import pytest

from fob import wait_until
from machine import reason_to_skip
from package import PORT, PROFILE, Device

skipped_because = reason_to_skip("cpack", "dpkg-deb")
pytestmark = [pytest.mark.native, pytest.mark.skipif(skipped_because is not None, reason=str(skipped_because))]

USER, UID = "alice", "1000"
RUNTIME = f"/run/user/{UID}"
SESSION = [f"HOME=/home/{USER}", f"XDG_RUNTIME_DIR={RUNTIME}", f"DBUS_SESSION_BUS_ADDRESS=unix:path={RUNTIME}/bus"]
CONFIGURATION = f"""
[profile.{PROFILE}]
authority = "multiset"
endpoint = "http://127.0.0.1:{PORT}/v1/m2m/token"
scopes = ["query"]
"""


class Session(Device):
    """A device with a user who has a session from boot on."""

    def as_user(self, *command, stdin=""):
        return self.machine.run(*command, stdin=stdin, properties=[f"User={USER}"], environment=SESSION)

    def fob(self, *arguments, stdin=""):
        return self.as_user("/usr/bin/fob", *arguments, stdin=stdin)

    def systemctl(self, *words):
        done = self.as_user("systemctl", "--user", *words)
        assert done.returncode == 0, (words, done.stderr, self.journal())
        return done.stdout

    def boot(self):
        super().boot()
        if self.machine.enter("id", USER).returncode == 0:
            self.begin_session()

    def begin_session(self):
        self.must("loginctl", "enable-linger", USER)
        wait_until(lambda: self.machine.enter("test", "-S", f"{RUNTIME}/bus").returncode == 0, "the session begins")

    def unlock_keyring(self):
        """As a login does, with the user's password; in the place of one that D-Bus has started meanwhile, locked."""
        done = self.as_user("systemd-run", "--user", "--collect", "sh", "-c",
                            "printf password | gnome-keyring-daemon --replace --foreground --unlock --components=secrets")
        assert done.returncode == 0, done.stderr
        wait_until(lambda: "org.freedesktop.secrets" in self.as_user("busctl", "--user", "list", "--acquired").stdout, "the keyring is there")

    def status_text(self):
        return self.systemctl("show", "--property=StatusText", "fob.service")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    made = Session(tmp_path_factory.mktemp("device"))
    try:
        made.boot()
        made.install()
        made.must("useradd", "--create-home", "--uid", UID, USER)
        made.begin_session()
        made.unlock_keyring()
        made.must("install", "--directory", f"--owner={USER}", f"/home/{USER}/.config", f"/home/{USER}/.config/fob")
        made.machine.write(f"/home/{USER}/.config/fob/fob.toml", CONFIGURATION)
        made.start_authority()
        yield made
    finally:
        made.close()


def test_a_session_has_a_fob_of_its_own_with_the_keyring_as_its_store(session):
    session.systemctl("enable", "--now", "fob.service")
    credential = session.admin("POST", "/credentials", name="session", scopes=["query"])
    done = session.fob("credential", "add", PROFILE, "-", stdin=json.dumps(credential))
    assert done.returncode == 0 and 'the store "secret-service"' in done.stderr, (done.stderr, session.journal())
    assert session.fob("token", PROFILE).stdout.count(".") == 2
    assert f"{PROFILE}: valid" in session.status_text()


def test_it_is_for_that_user_alone(session):
    places = [RUNTIME, f"{RUNTIME}/fob", f"{RUNTIME}/fob/fob.sock", f"{RUNTIME}/fob/control.sock"]
    modes = session.must("stat", "--format=%a %U", *places).splitlines()
    assert modes == [f"700 {USER}", f"700 {USER}", f"600 {USER}", f"600 {USER}"]


def test_a_restart_keeps_the_token(session):
    exchanges = session.exchanges()
    session.systemctl("restart", "fob.service")
    assert session.fob("token", PROFILE).returncode == 0
    assert session.exchanges() == exchanges


def test_with_the_keyring_locked_it_is_up_says_so_and_goes_on_once_it_is_unlocked(session):
    session.power_off()
    session.boot()
    session.start_authority()
    wait_until(lambda: "store-locked" in session.status_text(), "the status says what is missing")
    assert session.fob("token", PROFILE).returncode == 5
    session.unlock_keyring()
    assert session.fob("refresh", PROFILE).returncode == 0, session.journal()
    assert session.fob("token", PROFILE).returncode == 0
