"""Where a soak plays: one authority, and devices with profiles of every kind; with all that can be done to them from outside."""
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass

from fob import PATIENCE, Sandbox
from gateway import Gateway, free_port, listener
from holder import HeldInstallation

LIFETIME_S = 2
# Kept fresh all the time: what is missing of these is missed.
KEPT = ("prod-query", "issuer")
# On demand, and granted to this program alone, which is for the witness to say; its grant comes and goes.
LAZY = "lazy"
PROFILES = (*KEPT, LAZY)
# A page each for who may have it by which grant.
MOST_PAGES = len(PROFILES)
BAD_CONFIGURATION = '[profil.x]\nauthority = "multiset"\n'


class Authority:
    """The sandbox, which may be away for a while, and what it has counted in all its lives."""

    def __init__(self, directory):
        self.directory = directory
        self.sandbox = Sandbox(directory, *self.flags())
        self.port = self.sandbox.port
        self.before = Counter()
        self.most_in_flight = 0
        # Held while it is away, and while it is asked what must not be asked then.
        self.lock = threading.RLock()

    @staticmethod
    def flags():
        return ["--tls", "--lifetime", str(LIFETIME_S)]

    def counted(self):
        """Counts of requests for tokens since the soak began; None while it is away."""
        if not self.lock.acquire(blocking=False):
            return None
        try:
            token = self.sandbox.admin("GET", "/stats")["token"]
            self.most_in_flight = max(self.most_in_flight, token["most_in_flight"])
            return self.before + Counter({name: token[name] for name in ("total", "issued", "rejected", "faulted")})
        finally:
            self.lock.release()

    def stop(self, with_signal=signal.SIGTERM):
        """To be called with the lock held."""
        self.before = self.counted()
        self.sandbox.process.send_signal(with_signal)
        self.sandbox.process.wait(PATIENCE)
        self.sandbox.process.stdout.close()

    def start(self, *flags):
        """At the place where it was, with its credentials and its keys."""
        self.sandbox = Sandbox(self.directory, *self.flags(), *flags, port=self.port)


@dataclass
class Settings:
    """What changes in a device's configuration while it runs."""
    lazy_granted: bool = True
    lazy_refresh: str = "on-demand"
    idle_after: str = "6h"
    more_scopes: bool = False
    visitor: bool = False


class Device:
    """An installation, what runs on it, and its operator's hands."""

    def __init__(self, name, directory, authority, record, spans, with_gateway=False):
        directory.mkdir()
        self.name = name
        self.authority = authority
        self.record = record
        self.spans = spans
        self.installation = HeldInstallation(directory)
        self.settings = Settings()
        self.credentials = {}
        self.may_roll_back = {}
        self.port = free_port() if with_gateway else None
        self.gateway = None

    def configuration(self):
        sandbox, settings = self.authority.sandbox, self.settings
        me = str(os.geteuid())
        scopes = '["query", "write"]' if settings.more_scopes else '["query"]'
        text = f"""[daemon]
store = "file"
default_profile = "prod-query"

[profile.prod-query]
authority = "multiset"
endpoint = "{sandbox.url}/v1/m2m/token"
scopes = ["query"]
ca_file = "{sandbox.ca_file}"
idle_after = "{settings.idle_after}"

[profile.issuer]
authority = "oauth2"
endpoint = "{sandbox.url}/oauth/token"
scopes = {scopes}
ca_file = "{sandbox.ca_file}"

[profile.lazy]
authority = "multiset"
endpoint = "{sandbox.url}/v1/m2m/token"
ca_file = "{sandbox.ca_file}"
refresh = "{settings.lazy_refresh}"

[[grant]]
profiles = ["prod-query", "issuer"]
user = "{me}"

[[grant]]
profiles = ["lazy"]
exe = "{os.path.realpath(sys.executable) if settings.lazy_granted else '/nobody/runs/this'}"
"""
        if settings.visitor:
            text += '\n[profile.visitor]\nrefresh = "on-demand"\n'
        return text + (listener(self.port, upstream=sandbox.url, extra=f'ca_file = "{sandbox.ca_file}"\n') if self.port else "")

    def configure(self):
        self.installation.configure(self.configuration())

    def begin_anew(self):
        """With the settings that it had at first."""
        self.settings = Settings()
        self.configure()
        self.operate("reload")

    def operate(self, *arguments, expected=(0,), stdin=""):
        """`fob …`, whose words are looked through, and whose status is to be one of these."""
        done = self.installation.fob(*arguments, stdin=stdin)
        self.record.count("commands")
        if self.record.leak_in(done.stdout + done.stderr):
            self.record.complain("a command prints no secret and no token", f"fob {' '.join(arguments)} on {self.name}")
        if done.returncode not in expected:
            self.record.complain("a command ends as it should",
                                 f"fob {' '.join(arguments)} on {self.name}: {done.returncode}: {done.stderr.strip()[-300:]}")
        return done

    def new_credential(self, profile):
        with self.authority.lock:
            credential = self.authority.sandbox.create_credential(("query", "write"), f"{self.name}-{profile}")
        self.record.secrets.append(credential["clientSecret"])
        return credential

    def enrol(self, profile):
        credential = self.new_credential(profile)
        self.operate("credential", "add", profile, "--file", "-", stdin=json.dumps(credential))
        self.credentials[profile] = [credential]

    def rotate(self, profile):
        """Whether another credential is in force now. While the authority has a fault it may not be."""
        before = list(self.credentials[profile])
        credential = self.new_credential(profile)
        self.credentials[profile].append(credential)
        done = self.operate("credential", "rotate", profile, "--file", "-", expected=(0, 5), stdin=json.dumps(credential))
        if done.returncode == 0:
            self.may_roll_back[profile] = bool(before)
        return done.returncode == 0

    def lose_credentials(self, profile):
        """None that this profile ever had is accepted any more."""
        self.may_roll_back[profile] = False
        with self.authority.lock:
            while self.credentials[profile]:
                self.authority.sandbox.deactivate(self.credentials[profile].pop())

    def refresh(self, profile):
        """Until there is a new token; one that was under way already may have known nothing of what was mended since."""
        for _ in range(3):
            began = time.time()
            if self.operate("refresh", profile, expected=(0, 5, 6)).returncode == 0:
                return
        if not self.spans.any("authority", began, time.time()):
            self.record.complain("`fob refresh` brings a token", f"{self.name}/{profile}")

    def start(self):
        self.configure()
        self.installation.start()  # first: `fob credential` tells whoever serves the sockets
        for profile in PROFILES:
            self.enrol(profile)
        if self.port:
            self.gateway = Gateway(self.installation, self.port)
            assert self.gateway.token()[0] == 200, self.gateway.log.read_text()

    def pid(self):
        """Of the daemon that runs now; None between two."""
        daemon = self.installation.daemon
        return daemon.pid if daemon else None

    def state_of(self, profile):
        return self.installation.status(profile)

    def logs(self):
        return [self.installation.log, *([self.gateway.log] if self.gateway else [])]

    def stop(self):
        if self.gateway and self.gateway.stop() != 0:
            self.record.complain("a program ends with status 0 when it is told to", "fob-gateway")
        status = self.installation.stop()
        if status not in (0, None):
            self.record.complain("a program ends with status 0 when it is told to", f"fobd of {self.name}: {status}")
        self.installation.holder.close()
