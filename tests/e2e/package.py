"""The Debian package, made of the programs under test, and a device on which it is installed."""
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

from fob import BIN, PATIENCE, wait_until
from machine import PROGRAMS, Disk, Machine

PROFILE = "prod-query"
APP_USER = "games"
PORT = 8080
CONFIGURATION = f"""
[profile.{PROFILE}]
authority = "multiset"
endpoint = "http://127.0.0.1:{PORT}/v1/m2m/token"
scopes = ["query"]

[[grant]]
profiles = ["{PROFILE}"]
user = "{APP_USER}"

[[grant]]
profiles = ["{PROFILE}"]
user = "root"

[[grant]]
profiles = ["{PROFILE}"]
user = "daemon"
unit = "localizer.service"

[[grant]]
profiles = ["{PROFILE}"]
user = "www-data"
exe = "/usr/bin/fob"
"""


def build_all(directory):
    """{name: file} of the packages of the build under test, as `cpack -G DEB` makes them."""
    build_directory = BIN.parent
    subprocess.run(["cmake", "--build", build_directory, "--target", "package-files"], check=True, capture_output=True)
    directory.mkdir(parents=True)
    done = subprocess.run(["cpack", "-G", "DEB", "--config", build_directory / "CPackConfig.cmake", "-B", directory],
                          cwd=directory, capture_output=True, text=True, check=False,
                          env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600"})
    assert done.returncode == 0, done.stdout + done.stderr
    return {package.name.split("_")[0]: package for package in directory.glob("*.deb")}


def build(directory):
    """The daemon's package."""
    return build_all(directory)["fob"]


def next_version(package, directory):
    """The same package as a later version of it."""
    tree = directory / "tree"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*$", "Version: 99.0", control.read_text(), flags=re.M))
    later = directory / "fob_99.0_amd64.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, later], check=True, capture_output=True)
    shutil.rmtree(tree)
    return later


class Device:
    """A machine that forgets nothing, with the package on it once install() is through."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.share = self.directory / "share"
        self.share.mkdir()
        self.package = shutil.copy(build(self.directory / "cpack"), self.share / "fob.deb")
        self.disk = Disk(self.directory)
        self.machine = None

    def boot(self):
        self.machine = Machine(self.directory, disk=self.disk, share=self.share)

    def power_off(self):
        if self.machine:
            self.machine.close()
            self.machine = None

    def close(self):
        self.power_off()
        self.disk.close()

    def must(self, *command, **how):
        done = self.machine.enter(*command, **how)
        assert done.returncode == 0, (command, done.stdout, done.stderr, self.journal())
        return done.stdout

    def journal(self, *flags):
        return self.machine.enter("journalctl", "--no-pager", "--lines=80", *flags).stdout

    def install(self, name="fob.deb"):
        """As apt does, once the dependencies are there."""
        return self.must("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "-i", f"/opt/share/{name}")

    def run_authority(self, unit, port, *flags):
        """Its files are in /var/lib/UNIT."""
        self.must("systemd-run", f"--unit={unit}", "--property=Type=exec", f"--property=StateDirectory={unit}",
                  f"{PROGRAMS}/fob-authority", "--port", port, "--dir", f"/var/lib/{unit}", *flags)

    def start_authority(self):
        self.run_authority("authority", PORT)
        wait_until(lambda: self.admin_run("GET", "/stats").returncode == 0, "the authority starts")

    def admin_run(self, method, path, body=""):
        return self.machine.ask_authority(PORT, method, path, body)

    def admin(self, method, path, **body):
        done = self.admin_run(method, path, json.dumps(body) if body else "")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def exchanges(self):
        return self.admin("GET", "/stats")["token"]["total"]

    def enrol(self):
        credential = self.admin("POST", "/credentials", name="device", scopes=["query"])
        return self.machine.run("/usr/bin/fob", "credential", "add", PROFILE, "-", stdin=json.dumps(credential))

    def app(self, *command, user=APP_USER, properties=()):
        """An app in a unit of its own."""
        return self.machine.run(*command, properties=[f"User={user}", *properties])

    def asked_in(self, unit, user, program="/usr/bin/fob"):
        """The exit status of an app that asks for a token in a unit of this name."""
        return self.machine.enter("systemd-run", f"--unit={unit}", "--wait", "--pipe", "--quiet", "--collect",
                                  f"--property=User={user}", program, "token", PROFILE).returncode

    def gives_user_namespaces(self):
        """Not where the machine's own root is a chroot, as in some build systems."""
        return self.machine.run("unshare", "--user", "true").returncode == 0

    def show(self, unit, *names):
        lines = self.must("systemctl", "show", *[f"--property={name}" for name in names], unit).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def main_pid(self):
        return self.show("fob.service", "MainPID")["MainPID"]

    def socket(self):
        return f"/proc/{self.machine.init()}/root/run/fob/fob.sock"


class Asking(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("fob", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Load:
    """A hundred requests a second, each on a connection of its own, until it is stopped."""

    def __init__(self, path):
        self.path = path
        self.asked, self.asked_again, self.answers, self.failures = 0, 0, [], []
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()

    def run(self):
        due = time.monotonic()
        while not self.ends.is_set():
            due += 0.01
            self.asked += 1
            try:
                self.answers.append(self.ask_until_answered())
            except (OSError, http.client.HTTPException) as failure:
                self.failures.append((time.time(), repr(failure)))
            time.sleep(max(0, due - time.monotonic()))

    def ask_until_answered(self):
        try:
            return self.ask()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):  # the last where fobd died before it was asked
            self.asked_again += 1
            return self.ask()

    def ask(self):
        connection = Asking(self.path)
        try:
            connection.request("GET", f"/v1/token?profile={PROFILE}")
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), time.time()
        finally:
            connection.close()
