"""A device in which fob may crash at any instant, what must hold of it afterwards, and the operator of its fleet."""
import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from fob import BIN, PATIENCE, Installation, wait_until

PROFILE = "prod-query"
REQUEST = json.dumps({"v": 1, "profile": PROFILE, "slot": "current"}) + "\n"

ADD = ("credential", "add", PROFILE, "--file", "-")
ROTATE = ("credential", "rotate", PROFILE, "--file", "-")
STAGE = (*ROTATE, "--no-trial")
PROMOTE = ("credential", "promote", PROFILE)
ROLLBACK = ("credential", "rollback", PROFILE)
REMOVE = ("credential", "remove", PROFILE)
TO_KEYRING = ("credential", "migrate", PROFILE, "--to", "secret-service")
TO_FILE = ("credential", "migrate", PROFILE, "--to", "file")
APPLY = ("fleet", "apply")


@dataclass(frozen=True)
class Kept:
    """What `credential list` says of a slot."""
    version: int
    client: str
    untested: bool = False
    serial: int = 0
    store: str = "file"

    def __str__(self):
        said_of = [str(self.version), "untested" if self.untested else "", f"of bundle {self.serial}" if self.serial else "",
                   f"in {self.store}" if self.store != "file" else ""]
        return " ".join(word for word in said_of if word)


def said(slots):
    """A state of the store in words: "current 2, previous 1"."""
    return ", ".join(f"{slot} {kept}" for slot, kept in sorted(slots.items()))


def committed(slots):
    """The state once `next` is put in force."""
    return {"current": replace(slots["next"], untested=False), "previous": slots["current"]}


def rolled_back(slots):
    """The state once `previous` is in force again. What waited for its first success to be put in force is forgotten."""
    waits = {slot: kept for slot, kept in slots.items() if slot == "next" and not kept.untested}
    return {"current": slots["previous"], "previous": slots["current"], **waits}


def fingerprint(client_id):
    return hashlib.sha256(client_id.encode()).hexdigest()[:8]


def subject_of(token):
    """Whose token it is, by its own word."""
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]


def forms_of(secret):
    """In clear, each half of it too, in hexadecimal, and in base64 wherever in a longer text it begins."""
    plain, half = secret.encode(), len(secret) // 2
    forms = [plain[:half], plain[half:], plain.hex().encode(), plain.hex().upper().encode()]
    for before in range(3):
        # The first and the last four characters depend on what is beside it.
        inside = base64.b64encode(b"x" * before + plain)[4:-4]
        forms += [inside, inside.translate(bytes.maketrans(b"+/", b"-_"))]
    return forms


class Device(Installation):
    """An installation in a fleet, with credentials to rotate through. `keyring`: a Keyring, or none."""

    def __init__(self, directory, sandbox, operator, keyring=None):
        super().__init__(directory)
        self.directory.mkdir()
        self.sandbox, self.operator, self.keyring = sandbox, operator, keyring
        self.environment = keyring.environment if keyring else {}
        self.credentials = [sandbox.create_credential() for _ in range(8)]
        self.needles = [form for c in self.credentials for form in forms_of(c["clientSecret"])]
        self.serial = 0
        self.inbox = self.state / "fleet" / "inbox"
        # Not in the directory, where all files are looked through.
        self.log_of_calls = self.directory.with_name(self.directory.name + ".calls")
        self.configure_for(sandbox, extra=f'\n[fleet]\nsigners = ["{operator.public}"]\n')

    def fob(self, *arguments, stdin="", env=None):
        return super().fob(*arguments, stdin=stdin, env={**self.environment, **(env or {})})

    def run(self, *arguments, stdin=""):
        done = self.fob(*arguments, stdin=stdin)
        assert done.returncode == 0, (arguments, done.returncode, done.stderr)
        return done

    def enrol_in_fleet(self):
        self.enrol_line = self.run("fleet", "enrol", "--id", "device").stdout

    def credential(self, number):
        return json.dumps(self.credentials[number])

    def put_bundle(self, number):
        """A bundle with that credential and the next serial, in the inbox."""
        self.serial += 1
        bundle = self.directory / "bundle"
        self.operator.seal(self, self.credential(number), self.serial, bundle)
        self.inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        bundle.rename(self.inbox / f"{self.serial}.bundle")

    def bundles(self):
        return list(self.inbox.iterdir()) if self.inbox.exists() else []

    def slots(self):
        listed = self.fob("credential", "list", "--json")
        # A move that was cut short is told of, and is for the next step to finish.
        others = [line for line in listed.stderr.splitlines() if not (self.keyring and "old copy" in line)]
        assert not others and (listed.returncode == 0 or listed.stderr), listed.stderr
        rows = json.loads(listed.stdout)
        slots = {s["slot"]: Kept(s["version"], s["client_id_fingerprint"], s["untested"], s["bundle_serial"] or 0, s["store"])
                 for s in rows}
        assert len(slots) == len(rows), "a slot is there twice"
        assert len({kept.version for kept in slots.values()}) == len(slots), "a version is in two slots"
        assert len({kept.store for kept in slots.values()}) <= 1, "it is in two stores"
        return slots

    def assert_a_token_comes(self, *in_force):
        """A real exchange with the credential in force, one of these; or, where there is none, an answer that says so."""
        done = subprocess.run([BIN / "fob-exchange", *self.flags()], input=REQUEST, capture_output=True, text=True,
                              timeout=PATIENCE, check=False, env={"PATH": os.environ["PATH"], **self.environment})
        answer = json.loads(done.stdout)
        if in_force == (None,):
            assert not answer["ok"] and "no-credential" in done.stdout, answer
            return
        assert answer["ok"], answer
        used = (answer["credential_version"], fingerprint(subject_of(answer["access_token"])))
        assert used in [(kept.version, kept.client) for kept in in_force]
        assert self.sandbox.call_api(answer["access_token"]) == 200

    def files(self):
        places = [self.directory, *([self.keyring.directory] if self.keyring else [])]
        found = [Path(folder, name) for place in places for folder, _, names in os.walk(place) for name in names]
        return [file for file in found if file.is_file()]

    def assert_no_file_holds_a_secret(self):
        for file in self.files():
            try:
                content = file.read_bytes()
            except FileNotFoundError:  # a running program's, and replaced meanwhile
                continue
            assert not any(needle in content for needle in self.needles), file

    def assert_nothing_is_unfinished(self):
        assert not [f for f in self.files() if ".tmp" in f.name], "left behind by a crash"

    def receipts(self):
        """What lies in the outbox, each of it whole."""
        return [json.loads(f.read_text()) for f in (self.state / "fleet" / "outbox").glob("*.json")]


class Operator:
    """Who signs the fleet's bundles."""

    def __init__(self, directory):
        self.key = directory / "operator.key"
        self.public = subprocess.run([BIN / "fob", "fleet", "keygen", "--out", self.key, "--no-passphrase"], check=True,
                                     capture_output=True, text=True).stdout.strip()

    def seal(self, device, credential, serial, out):
        devices = device.directory / "devices"
        devices.write_text(device.enrol_line)
        device.run("fleet", "seal", "--key", str(self.key), "--devices", str(devices), "--profile", PROFILE, "--serial",
                   str(serial), "--credential", "-", "--out", str(out), stdin=credential)


# Without directories of services: the bus starts nothing by itself, such as a second keyring, locked.
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><auth>EXTERNAL</auth><listen>unix:path={}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>"""


class Keyring:
    """gnome-keyring, unlocked, on a session bus of its own."""

    PROGRAMS = ("dbus-daemon", "dbus-send", "gnome-keyring-daemon")

    def __init__(self, directory):
        self.directory = directory
        self.environment = {"HOME": str(directory)}
        for name in ("XDG_RUNTIME_DIR", "XDG_DATA_HOME"):
            folder = directory / name
            folder.mkdir(mode=0o700)
            self.environment[name] = str(folder)
        configuration = directory / "bus.conf"
        configuration.write_text(BUS.format(directory / "bus"))
        self.bus = subprocess.Popen(["dbus-daemon", "--nofork", "--nosyslog", "--print-address=1",
                                     f"--config-file={configuration}"], text=True, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, env=self.surroundings())
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self.bus.stdout.readline().strip()
        self.daemon = subprocess.Popen(["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=self.surroundings())
        self.daemon.stdin.write("a login's password\n")
        self.daemon.stdin.close()
        try:
            wait_until(lambda: "/collection/" in self.ask("ReadAlias", "string:default"), "the keyring and its collection")
        except AssertionError:
            self.stop()
            raise

    def surroundings(self):
        return {"PATH": os.environ["PATH"], **self.environment}

    def ask(self, method, *arguments):
        return subprocess.run(["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets",
                               "/org/freedesktop/secrets", f"org.freedesktop.Secret.Service.{method}", *arguments],
                              capture_output=True, text=True, check=False, env=self.surroundings()).stdout

    def items_of(self, device):
        return self.ask("SearchItems", f"dict:string:string:state,{device.state}").count("object path")

    def stop(self):
        for process in (self.daemon, self.bus):
            process.terminate()
            process.wait(PATIENCE)
        self.bus.stdout.close()


def missing(*programs):
    return [program for program in programs if shutil.which(program) is None]


def processes_with(word):
    """The ids of those that have it in their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found += [process.name] if word.encode() in (process / "cmdline").read_bytes() else []
    return found


# What strace is to look at, and what of it changes a file

ON_PATHS = {"rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "mknod", "mknodat", "link",
            "linkat", "symlink", "symlinkat", "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "truncate",
            "utimensat", "setxattr", "lsetxattr", "creat"}
ON_DESCRIPTORS = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "fsync", "fdatasync", "fchmod", "fchown", "ftruncate",
                  "fallocate", "fsetxattr", "sync_file_range", "syncfs"}
# However they are called, they would have to be thought about.
UNUSUAL = {"copy_file_range", "sendfile", "splice", "sync", "io_uring_setup"}
OPENING = {"open", "openat", "openat2"}
TRACE_LINE = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)$")


def changes_a_file(name, arguments):
    if name in OPENING:
        return "O_CREAT" in arguments or "O_TRUNC" in arguments
    if name == "mmap":
        return "PROT_WRITE" in arguments and "MAP_SHARED" in arguments and "MAP_ANONYMOUS" not in arguments
    if name in ON_DESCRIPTORS:
        return re.match(r"\d+</(?!dev/|proc/)", arguments) is not None
    return name in ON_PATHS | UNUSUAL


def file_changed(arguments):
    found = re.match(r'(?:AT_FDCWD(?:<.*?>)?, )?"(?P<path>.*?)"|\d+<(?P<open>.*?)>', arguments)
    return found and (found["path"] or found["open"])


CHANGING = ",".join(f"?{name}" for name in sorted(ON_PATHS | ON_DESCRIPTORS | UNUSUAL | OPENING | {"mmap"}))


def changes_in(trace):
    """Of the lines of `strace -f -y`, the calls that change a file, as (name, file); "openat" is "open"."""
    calls = [call for call in map(TRACE_LINE.match, trace) if call and changes_a_file(call["name"], call["arguments"])]
    return [(re.sub(r"at2?$", "", call["name"]), file_changed(call["arguments"])) for call in calls]
