"""The machines on which documents are followed: one for the package, one on which fob is installed by hand. Both have a
user `xr` with an app, an authority in the vendor's place, and shells to type into.
"""
import json
import shutil
from pathlib import Path

from document_shell import PAPERS, Shell
from documents import ROOT
from fob import wait_until
from machine import PROGRAMS, Disk
from package import PORT, PROFILE, build_all, next_version
from test_user_session import UID, USER, Session

VENDOR = f"http://127.0.0.1:{PORT}"
# Writes down what the document shows.
EDITOR = f'#!/bin/sh\nexec cp {PAPERS}/to-be-written "$1"\n'
APP = '#!/bin/sh\n[ -n "$FOB_TOKEN" ] && [ -S "$FOB_SOCKET" ] && echo "has a token of $FOB_PROFILE"\n'


class Place(Session):
    """`packages`: {where each file lies that is there to be installed, within `share`: the file}."""

    def __init__(self, directory, packages):
        self.directory = directory
        self.share = directory / "share"
        shutil.copytree(ROOT / "docs/monitoring", self.share / "docs/monitoring")
        (self.share / "package").mkdir()
        for name, package in packages.items():
            shutil.copy(package, self.share / name)
        self.disk = Disk(directory)
        self.machine = None
        self.shells = {}

    def boot(self):
        super().boot()
        self.must("install", "--directory", "--mode=1777", PAPERS)
        self.must("sh", "-c", 'echo "127.0.1.1 $(hostname)" >>/etc/hosts')
        self.must("useradd", "--create-home", "--uid=1001", "--groups=video", "xr")
        self.machine.write("/usr/local/bin/editor", EDITOR, "0755")
        self.must("cp", "/usr/bin/sleep", "/usr/bin/localizer")
        self.machine.write("/home/xr/app", APP, "0755")
        self.run_authority("authority", PORT, "--lifetime", "1800")
        wait_until(lambda: self.admin_run("GET", "/stats").returncode == 0, "the authority starts")

    def path(self, path):
        """A file of the machine as the tests see it."""
        return Path(f"/proc/{self.machine.init()}/root{path}")

    def furnish(self, home):
        """A directory to work in, with the build, the packages and files of the tree where the documents have them."""
        self.must("sh", "-ec", f"""mkdir --parents {home}/build/release /path/to/fob/build/demo
            ln -sfn {PROGRAMS} {home}/build/release/bin
            ln -sfn {PROGRAMS} /path/to/fob/build/demo/bin
            ln -sfn /opt/share/package {home}/build/package
            ln -sfn /opt/share/docs {home}/docs
            find /opt/share -name '*.deb' -exec ln -sf -t {home} {{}} +
            echo an image >{home}/room.jpg""")

    def shell(self, name, directory, user="root", environment=()):
        """The one that runs as the service of this name, begun with the first command for it."""
        if name not in self.shells:
            start = ["nsenter", "--target", self.machine.init(), "--all", "--root", "--wd", "systemd-run", "--pipe", "--quiet",
                     "--collect", f"--unit={name}", f"--property=User={user}", f"--property=WorkingDirectory={directory}",
                     *[f"--setenv={e}" for e in ("EDITOR=editor", *environment)]]
            self.shells[name] = self.begun(start, name)
        return self.shells[name]

    def begun(self, start, name):
        """Once more where systemd itself could not start the unit, as happens to machines that share control groups (machine.py)."""
        try:
            return Shell(start, self.path(""))
        except AssertionError as failure:
            told = f"{failure}\n{self.journal(f'--unit={name}.service', '--lines=12')}"
        # It could not enter its control group, or its predecessor's is not gone yet.
        if "status=219/CGROUP" not in told and "was already loaded" not in told:
            raise AssertionError(told)
        wait_until(lambda: "not-found" in self.machine.enter("systemctl", "show", "--property=LoadState", f"{name}.service").stdout,
                   f"the name of {name}.service is free")
        return Shell(start, self.path(""))

    def end_shells(self):
        for name, shell in self.shells.items():
            self.machine.enter("systemctl", "stop", f"{name}.service")
            shell.close()
        self.shells = {}

    def close(self):
        if self.machine:
            self.end_shells()
        super().close()

    # --- what people there do besides

    def operator(self, line, stdin=""):
        """What a line of shell prints."""
        done = self.machine.run("sh", "-c", line, stdin=stdin)
        assert done.returncode == 0, f"`{line}` exited with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def new_credential(self):
        """As the portal shows it, this once."""
        made = self.admin("POST", "/credentials", name="device", scopes=["query"])
        return {"client_id": made["clientId"], "client_secret": made["clientSecret"]}

    def download(self, path):
        self.machine.write(path, json.dumps(self.new_credential()), "0600")

    def remove_fob(self):
        """Leaves nothing of what was before, be it a package's or installed by hand."""
        self.machine.enter("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--purge", "fob")
        self.machine.enter("userdel", "fob")
        self.must("sh", "-c", "rm -rf /etc/fob /var/lib/fob /run/fob /usr/local/bin/fob* /etc/systemd/system/fob-gateway.socket.d")

    def install_fob(self, configuration):
        self.install("fob_OLDER.deb")
        self.machine.write("/etc/fob/fob.toml", configuration)
        self.must("systemctl", "reload", "fob")

    def has_token(self, configuration):
        """Whether fob is installed and has a credential that works, with this configuration."""
        if not self.path("/etc/fob/fob.toml").exists():
            return False
        self.machine.write("/etc/fob/fob.toml", configuration)
        return self.machine.enter("sh", "-c", f"systemctl restart fob && fob refresh {PROFILE}").returncode == 0

    def enrol_fob(self):
        """With one before it, so that there is something to roll back to."""
        for what in ("add", "rotate"):
            self.operator(f"fob credential {what} {PROFILE} -", json.dumps(self.new_credential()))

    def app_pid(self):
        return self.show("localizer.service", "MainPID")["MainPID"]

    def begin_user_session(self, configuration):
        if self.machine.enter("id", USER).returncode != 0:
            self.must("useradd", "--create-home", "--uid", UID, USER)
        self.begin_session()
        self.unlock_keyring()
        self.machine.write(f"{PAPERS}/to-be-written", configuration)


class World:
    """Both machines, each booted for the first document that takes it."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.places = {}
        self.done_once = set()

    def place(self, name):
        if name not in self.places:
            packages = {}
            if name == "package":
                built = build_all(self.directory / "cpack")
                packages = {f"package/{package.name}": package for package in built.values()}
                packages["fob_OLDER.deb"] = built["fob"]
                packages["fob_NEWER.deb"] = next_version(built["fob"], self.directory)
            place = Place(self.directory / name.replace(" ", "-"), packages)
            try:
                place.boot()
            except BaseException:
                place.close()
                raise
            self.places[name] = place
        return self.places[name]

    def close(self):
        for place in self.places.values():
            place.close()
