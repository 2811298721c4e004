"""Secrets are in no argv, environment, log, core or temporary file: a whole life is traced and scanned.

The life: a credential is added, rotated, rolled back, moved to a real keyring and back; the device is enrolled in a
fleet; an operator makes a key, seals, and the device takes bundles, while fobd runs and is restarted. Every process is
under strace. What must not be found comes from the files that were typed in, and, for keys that fob drew itself, from
the trace: the random bytes whose public keys are the ones that fob printed.
"""
import base64
import ctypes
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet import client_of
from fob import BIN, PATIENCE, Installation, Sandbox, wait_until
from test_secret import memory_of

PASSPHRASE = "correct horse battery staple"
NEEDED = [tool for tool in ("strace", "dbus-daemon", "gnome-keyring-daemon") if not shutil.which(tool)]
pytestmark = [pytest.mark.native, pytest.mark.skipif(bool(NEEDED), reason=f"not installed: {', '.join(NEEDED)}")]

WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg"}
STARTS = {"execve", "execveat"}
OTHERS = {"open", "openat", "creat", "memfd_create", "splice", "sendfile", "prctl", "prlimit64", "getrandom"}
# With -xx every string is \x41\x42…, so that nothing hides behind an escape. A call that another thread interrupts
# comes in two lines; both have the name, and one of them the strings.
STRACE = ["strace", "-f", "-v", "-xx", "-s", "10000000", "-y", "--seccomp-bpf",
          "-e", f"trace={','.join(WRITES | STARTS | OTHERS)}"]
CALL = re.compile(r"^(?P<pid>\d+) +(?:<\.\.\. )?(?P<name>\w+)(?P<rest>.*)$")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><auth>EXTERNAL</auth><listen>unix:path={path}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy>
</busconfig>"""


def bytes_of(text):
    return bytes.fromhex(text.replace("\\x", ""))


class Call:
    """One line of a trace."""

    def __init__(self, match):
        self.pid, self.name, self.rest = match["pid"], match["name"], match["rest"]

    def strings(self):
        assert '"...' not in self.rest, "nothing was cut off"
        return [bytes_of(text) for text in STRING.findall(self.rest)]

    def program(self):
        """What an execve starts; nothing in the second line of one that was interrupted."""
        strings = self.strings()
        return Path(os.fsdecode(strings[0])) if strings else None


class Keyring:
    """A real gnome-keyring, unlocked, on a bus of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(directory / "home"),
                            "TMPDIR": str(directory / "tmp"),
                            "XDG_RUNTIME_DIR": str(directory / "runtime"), "XDG_DATA_HOME": str(directory / "data"),
                            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={directory / 'bus'}"}
        for name in ("home", "tmp", "runtime", "data"):
            (directory / name).mkdir(mode=0o700)
        config = directory / "bus.conf"
        config.write_text(BUS.format(path=directory / "bus"))
        self.bus = self.start("dbus-daemon", "--nofork", "--nopidfile", "--nosyslog", f"--config-file={config}")
        wait_until((directory / "bus").exists, "the bus")
        self.daemon = self.start("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
        self.daemon.stdin.write(b"a login's password\n")
        self.daemon.stdin.close()
        wait_until(lambda: list((directory / "data").rglob("login.keyring")), "the keyring")

    def start(self, *command):
        log = open(self.directory / f"{command[0]}.log", "wb")
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=self.environment)

    def stop(self):
        for process in (self.daemon, self.bus):
            process.terminate()
            process.wait(PATIENCE)


class Traced(Installation):
    """An installation whose every process runs under strace, and what the processes said."""

    def __init__(self, directory, environment):
        super().__init__(directory)
        self.environment = environment
        self.tracer = None
        self.traces = []
        self.said = []

    def traced(self, program):
        self.traces.append(self.directory / f"trace-{len(self.traces)}")
        return [*STRACE, "-o", str(self.traces[-1]), str(BIN / program), *self.flags()]

    def run(self, *arguments, status=0):
        done = subprocess.run([*self.traced("fob"), *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE, env=self.environment)
        assert done.returncode == status, (arguments, done.stderr)
        self.said.append(done.stdout + done.stderr)
        return done

    def start(self):
        self.tracer = subprocess.Popen(self.traced("fobd"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=open(self.log, "ab"), env=self.environment)
        wait_until(lambda: self.answers() or self.tracer.poll() is not None, "fobd starts")
        assert self.tracer.poll() is None, self.log.read_text()
        self.pid = int((self.runtime / "fobd.lock").read_text())

    def stop(self):
        os.kill(self.pid, 15)
        assert self.tracer.wait(PATIENCE) == 0
        self.tracer = None

    def restart(self):
        self.stop()
        self.start()

    def calls(self, *names):
        for trace in self.traces:
            with open(trace) as lines:
                for match in map(CALL.match, lines):
                    if match and match["name"] in names:
                        yield Call(match)

    def created(self):
        """Every path that was opened to be made; where a directory's descriptor went with it, only the name."""
        opened = (call.strings() for call in self.calls("open", "openat", "creat") if "O_CREAT" in call.rest)
        return {Path(os.fsdecode(strings[-1])) for strings in opened if strings}


class Life:
    """What happened, told in `live`; then what there is to search for, and where."""

    def __init__(self, directory):
        self.directory = directory
        self.typed = directory / "typed"
        self.typed.mkdir(mode=0o700)
        self.credentials = []
        self.sandbox = Sandbox(directory / "sandbox", "--tls")
        (directory / "keyring").mkdir(mode=0o700)
        self.keyring = Keyring(directory / "keyring")
        (directory / "device").mkdir()
        self.device = Traced(directory / "device", self.keyring.environment)

    def configure(self, store):
        fleet = f'\n[fleet]\nsigners = ["{self.operator_public}"]\n'
        self.device.configure_for(self.sandbox, fleet)
        self.device.configure(self.device.config.read_text().replace('"file"', f'"{store}"'))

    def credential(self):
        self.credentials.append(self.sandbox.create_credential())
        return self.credentials[-1]

    def typed_file(self, text):
        file = self.typed / f"{len(list(self.typed.iterdir()))}"
        file.write_text(text)
        file.chmod(0o600)
        return file

    def credential_file(self):
        return self.typed_file(json.dumps(self.credential()))

    def seal(self, serial, *source):
        bundle = self.directory / f"bundle-{serial}"
        self.device.run("fleet", "seal", "--key", self.key, "--passphrase-file", self.passphrase, "--devices",
                        self.devices, "--profile", "prod-query", "--serial", serial, "--out", bundle, *source)
        return bundle

    def live(self):
        self.by_hand()
        self.by_bundle()
        self.by_keyring()
        # The last of fobd, before it ends.
        self.token = self.device.app.token()[1]["access_token"]
        self.memory = memory_of(self.device.pid)
        self.limits = Path(f"/proc/{self.device.pid}/limits").read_text()
        self.device.stop()

    def by_hand(self):
        self.key, self.passphrase = self.directory / "operator.key", self.typed_file(PASSPHRASE + "\n")
        made = self.device.run("fleet", "keygen", "--out", self.key, "--passphrase-file", self.passphrase)
        self.operator_public = made.stdout.strip()
        self.configure("file")
        run = self.device.run
        run("credential", "add", "prod-query", "--file", self.credential_file())
        self.device.start()
        run("credential", "rotate", "prod-query", "--file", self.credential_file())
        run("credential", "rotate", "prod-query", "--no-trial", "--file", self.credential_file())
        wait_until(lambda: self.device.status()["credential_version"] == 3, "what was not tried is promoted")
        run("credential", "rollback", "prod-query")
        refused = self.credential_file()
        self.sandbox.deactivate(self.credentials[-1])
        run("credential", "rotate", "prod-query", "--file", refused, status=6)
        run("status")
        run("credential", "list", "--json")

    def by_bundle(self):
        run = self.device.run
        self.devices = self.directory / "devices"
        self.enrol_line = run("fleet", "enrol", "--id", "d").stdout
        self.devices.write_text(self.enrol_line)
        run("fleet", "apply", self.seal(1, "--credential", self.credential_file()))
        table = self.credential()
        csv = self.typed_file(f"device,client_id,client_secret\nd,{table['clientId']},{table['clientSecret']}\n")
        bundle = self.seal(2, "--credentials", csv)
        inbox = self.device.state / "fleet" / "inbox"
        inbox.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(bundle, inbox / "bundle")
        run("fleet", "apply")
        run("fleet", "apply", bundle, status=1)
        rejected = self.seal(3, "--credential", self.credential_file())
        self.sandbox.deactivate(self.credentials[-1])
        run("fleet", "apply", rejected, status=6)
        run("fleet", "inspect", bundle)
        run("fleet", "report", self.device.state / "fleet" / "outbox")

    def by_keyring(self):
        run = self.device.run
        self.configure("secret-service")
        run("credential", "migrate", "prod-query", "--to", "secret-service")
        self.device.restart()
        run("refresh")
        run("credential", "rotate", "prod-query", "--file", self.credential_file())
        run("fleet", "apply", self.seal(4, "--credential", self.credential_file()))
        run("credential", "rollback", "prod-query")
        self.configure("file")
        run("credential", "migrate", "prod-query", "--to", "file")
        self.device.restart()
        run("fleet", "apply", self.seal(5, "--credential", self.credential_file()))
        run("credential", "list")
        run("fleet", "enrol")

    def end(self):
        if self.device.tracer:
            self.device.stop()
        self.keyring.stop()
        self.sandbox.stop()


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    lived = Life(tmp_path_factory.mktemp("life"))
    try:
        lived.live()
        yield lived
    finally:
        lived.end()


# --- what is searched for


def public_of(seed):
    sodium = ctypes.CDLL("libsodium.so.23")
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    sodium.crypto_sign_seed_keypair(public, secret, seed)
    return base64.b64encode(public.raw).decode()


def drawn(life, size, public):
    """The random bytes that fob drew for the key whose public half it printed."""
    for call in life.device.calls("getrandom"):
        for bytes_drawn in call.strings():
            if len(bytes_drawn) == size and public_of(bytes_drawn[:32]) == public:
                return bytes_drawn
    raise AssertionError("the trace does not show where the key comes from")


def forms_of(secret):
    """The secret as it is, and in the shapes in which it could leak."""
    return {secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"="),
            base64.urlsafe_b64encode(secret).rstrip(b"=")}


@pytest.fixture(scope="module")
def secrets(life):
    """name → the byte strings of which none may be found."""
    found = {}
    for credential in life.credentials:
        pair = f"{credential['clientId']}:{credential['clientSecret']}".encode()
        secret = credential["clientSecret"].encode()
        found[credential["clientId"]] = forms_of(secret) | {secret[:24], secret[-24:], base64.b64encode(pair)}
    identity = drawn(life, 64, json.loads(life.enrol_line)["sign_key"])
    found["identity"] = forms_of(identity) | forms_of(identity[:32]) | forms_of(identity[32:])
    found["operator"] = forms_of(drawn(life, 32, life.operator_public))
    found["passphrase"] = forms_of(PASSPHRASE.encode())
    return found


def expect_none_of(secrets, content, where):
    for name, forms in secrets.items():
        assert not any(form in content for form in forms), (name, where)


# --- where it is searched for


def test_the_search_would_find_what_there_is(life, secrets):
    """Each part of the life left its trace, and the secrets are what was typed in."""
    programs = {call.program().name for call in life.device.calls(*STARTS) if call.program()}
    assert {"fob", "fobd", "fob-exchange"} <= programs
    written = [text for call in life.device.calls(*WRITES) for text in call.strings()]
    for expected in (b'"slot":"current"', b'"slot":"next"', b'"access_token"', life.token.encode(), b'"fob_receipt"',
                     b'"fob_bundle"', b"org.freedesktop.Secret.Item"):
        assert any(expected in text for text in written), expected
    typed = b"".join(file.read_bytes() for file in life.typed.iterdir())
    for name in secrets.keys() - {"identity", "operator"}:
        assert any(form in typed for form in secrets[name]), name
    assert len(life.credentials) == 10 and life.sandbox.exchanges() >= 10


def test_no_argument_and_no_environment_of_a_process_holds_a_secret(life, secrets):
    for call in life.device.calls(*STARTS):
        expect_none_of(secrets, b"\0".join(call.strings()), call.rest[:200])


def test_nothing_that_is_written_or_sent_anywhere_holds_a_secret(life, secrets):
    """To files, terminals, pipes, sockets; so neither the exchange line, nor the keyring's bus, nor the network."""
    for call in life.device.calls(*WRITES):
        expect_none_of(secrets, b"".join(call.strings()), (call.name, call.rest[:200]))


def test_nothing_that_was_said_holds_a_secret(life, secrets):
    for text in (*life.device.said, life.device.log.read_text()):
        expect_none_of(secrets, text.encode(), text[:200])


def test_no_file_that_any_of_it_left_holds_a_secret(life, secrets):
    """Installation, keyring, sandbox, bundles, receipts, logs, temporary files; and whatever else was written."""
    files = {file for file in [*life.directory.rglob("*"), *life.device.created()] if file.is_file()}
    files -= {*life.typed.iterdir(), *life.device.traces}
    names = {file.name for file in files}
    assert {"prod-query.vault", "login.keyring", "bundle-2", "operator.key", "state.json", "fobd.log"} <= names
    assert any(name.endswith(".applied.json") for name in names)
    for file in files:
        expect_none_of(secrets, file.read_bytes(), file)


def test_every_file_was_written_below_the_installation(life):
    created = {path for path in life.device.created() if path.is_absolute() and path.parts[1] != "dev"}
    assert created and all(path.is_relative_to(life.directory) for path in created), created


def test_fobds_memory_holds_no_secret(life, secrets):
    assert life.token.encode() in life.memory, "the search itself must be able to find something"
    assert client_of(life.token) == life.credentials[-1]["clientId"]
    expect_none_of(secrets, life.memory, "fobd")


def test_no_process_can_leave_a_core(life):
    """Each of fob's programs says so itself, whatever limits it was born with."""
    core = next(line for line in life.limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    calls = life.device.calls
    started = {call.pid for call in calls(*STARTS) if call.program() and call.program().parent == BIN}
    limited = {call.pid for call in calls("prlimit64") if "RLIMIT_CORE, {rlim_cur=0, rlim_max=0}" in call.rest}
    undumpable = {call.pid for call in calls("prctl") if "PR_SET_DUMPABLE, SUID_DUMP_DISABLE" in call.rest}
    assert started and started <= limited and started <= undumpable
    assert not [file for file in life.directory.rglob("core*") if file.is_file()]
