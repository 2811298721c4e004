"""A fleet as its people see it: an operator with a signing key, and devices that trust it, each with a local root.

Nothing here looks into fob: bundles are made by `fob fleet seal` and taken by `fob fleet apply`.
"""
import base64
import ctypes
import json
import os
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone

from fob import BIN, PATIENCE, Installation, wait_until

PROFILE = "prod-query"


def from_now(**span):
    """A time as the command line takes it: from_now(hours=1)."""
    return (datetime.now(timezone.utc) + timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def client_of(token):
    """The client id in a token of the sandbox."""
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"]


class Operator(Installation):
    """Who signs: a directory with the key, the devices file and the bundles. No store, no daemon, no configuration."""

    def __init__(self, directory):
        super().__init__(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.key = self.directory / "operator.key"
        self.devices = self.directory / "devices"
        self.sealed_secrets = set()
        made = self.fob("fleet", "keygen", "--out", str(self.key), "--no-passphrase")
        assert made.returncode == 0, made.stderr
        self.public = made.stdout.strip()

    def enrol(self, *lines):
        with open(self.devices, "a") as devices:
            devices.writelines(lines)

    def try_sealing(self, *flags, bundle="bundle", serial=1, profile=PROFILE, devices=None, key=None):
        """(what came of it, the bundle's path)."""
        path = self.directory / bundle
        done = self.fob("fleet", "seal", "--key", str(key or self.key), "--devices", str(devices or self.devices),
                        "--profile", profile, "--serial", str(serial), "--out", str(path), *flags)
        return done, path

    def seal(self, credential, *flags, **order):
        """A bundle with one credential for all, or, of a list of (device, credential), one for each."""
        secret = self.directory / "credential"
        each = [one for _, one in credential] if isinstance(credential, list) else [credential]
        self.sealed_secrets.update(one["clientSecret"] for one in each)
        if isinstance(credential, list):
            rows = [f"{device},{one['clientId']},{one['clientSecret']}\n" for device, one in credential]
            secret.write_text("device,client_id,client_secret\n" + "".join(rows))
            source = "--credentials"
        else:
            secret.write_text(json.dumps(credential))
            source = "--credential"
        secret.chmod(0o600)
        done, path = self.try_sealing(source, str(secret), *flags, **order)
        secret.unlink()
        assert done.returncode == 0, done.stderr
        return path

    def report(self, *receipts, with_devices=True):
        """The report as JSON, decoded."""
        named = ["--devices", str(self.devices)] if with_devices else []
        done = self.fob("fleet", "report", "--json", *named, *map(str, receipts))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Device(Installation):
    """A device with a first credential that trusts `operator` and is in its devices file."""

    def __init__(self, directory, name, operator, sandbox, credential):
        super().__init__(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.operator = operator
        self.sandbox = sandbox
        self.credential = credential
        self.inbox = self.state / "fleet" / "inbox"
        self.outbox = self.state / "fleet" / "outbox"
        self.trust(operator.public)
        Installation.enrol(self, credential)
        self.line = self.fleet_line("--id", name)
        operator.enrol(self.line)

    def trust(self, *signers):
        self.configure_for(self.sandbox, f"\n[fleet]\nsigners = {json.dumps(signers)}\n")

    def fleet_line(self, *flags):
        done = self.fob("fleet", "enrol", *flags)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, *bundles):
        return self.fob("fleet", "apply", *map(str, bundles))

    def drop(self, bundle, name=None):
        """Puts a bundle into the inbox as it should be done: under another name, then renamed."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        hidden = self.inbox / ".arriving"
        hidden.write_bytes(bundle.read_bytes())
        arrived = self.inbox / (name or bundle.name)
        hidden.rename(arrived)
        return arrived

    def receipts(self):
        """All receipts in the outbox, by file name, each held to its form and to having no secret."""
        secrets = {self.credential["clientSecret"], *self.operator.sealed_secrets}
        found = []
        for file in sorted(self.outbox.glob("*")):
            text = file.read_text()
            assert text.endswith("}\n") and text.count("\n") == 1 and len(text) <= 4096, text
            assert not any(secret in text for secret in secrets), file
            receipt = json.loads(text)
            assert set(receipt) == {"fob_receipt", "device", "profile", "serial", "outcome", "reason", "detail", "time",
                                    "version", "bundle"}
            assert (receipt["fob_receipt"], receipt["device"]) == (1, self.name)
            found.append(receipt)
        return found

    def receipt(self, outcome, serial=None):
        """The one receipt of this outcome (and serial)."""
        matching = [r for r in self.receipts() if r["outcome"] == outcome and serial in (None, r["serial"])]
        assert len(matching) == 1, self.receipts()
        return matching[0]

    def stored(self):
        """`credential list`, without what time changes by itself."""
        done = self.fob("credential", "list", "--json")
        assert done.returncode == 0, done.stderr
        return [{k: v for k, v in slot.items() if k != "age_s"} for slot in json.loads(done.stdout)]

    def served_client(self):
        """Whose token an app gets at this moment."""
        status, answer = self.app.token()
        return client_of(answer["access_token"]) if status == 200 else f"{status}: {answer}"

    def watch(self):
        return Watcher(self)


class Watcher:
    """`fob fleet apply --watch`, as a context; what it says is in `said()`."""

    def __init__(self, device):
        self.log = device.directory / "watch.log"
        self.command = [BIN / "fob", *device.flags(), "fleet", "apply", "--watch"]
        self.inbox = device.inbox

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.log, "wb"), env={"PATH": os.environ["PATH"]})
        wait_until(self.is_watching, "the inbox is watched")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)

    def is_watching(self):
        assert self.process.poll() is None, self.said()
        infos = f"/proc/{self.process.pid}/fdinfo"
        try:
            return any("inotify wd:" in open(f"{infos}/{fd}").read() for fd in os.listdir(infos))
        except FileNotFoundError:
            return False

    def said(self):
        return self.log.read_text()

    def wait_for(self, words):
        wait_until(lambda: words in self.said(), f"the watcher says {words!r}")


class SteadyApp:
    """An app that asks for a token again and again, as a context; `failures` is what it got instead of one."""

    def __init__(self, app):
        self.app = app
        self.answers = 0
        self.failures = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        while not self.done.is_set():
            status, answer = self.app.token()
            self.answers += 1
            if status != 200:
                self.failures.append((status, answer))

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.answers > 0, "the app has its first answer")
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


# A process's peak memory is inherited from whoever starts it, so that one is kept small: less than fob itself.
MEASURE = """
import json, resource, subprocess, sys, time
start = time.monotonic()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([done.returncode, done.stderr, time.monotonic() - start, peak]))
"""


def measured(command):
    """(exit status, stderr, seconds, peak resident KiB) of a command that starts no other."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", MEASURE, *map(str, command)], capture_output=True,
                          text=True, check=True, timeout=PATIENCE * 2)
    return json.loads(done.stdout)


def made_enrol_line(name):
    """An enrol line as docs/fleet-bundle.md describes it, made without fob: a second reading of the specification."""
    sodium = ctypes.CDLL("libsodium.so.23")
    sizes = (32, 64, 32, 32, 64)
    sign_key, sign_secret, box_key, box_secret, signature = map(ctypes.create_string_buffer, sizes)
    sodium.crypto_sign_seed_keypair(sign_key, sign_secret, os.urandom(32))
    sodium.crypto_box_seed_keypair(box_key, box_secret, os.urandom(32))
    enrolled = "2026-01-31T12:00:00Z"
    text = b"fob-fleet-device-1\0" + name.encode() + b"\0" + box_key.raw + sign_key.raw + enrolled.encode()
    sodium.crypto_sign_detached(signature, None, text, ctypes.c_ulonglong(len(text)), sign_secret)
    key = {"box_key": box_key.raw, "sign_key": sign_key.raw, "signature": signature.raw}
    texts = {member: base64.b64encode(raw).decode() for member, raw in key.items()}
    return json.dumps({"fob_device": 1, "device": name, "enrolled": enrolled, **texts}) + "\n"
