"""The built programs as a user runs them: a sandbox authority, a daemon, the command line, and an app's connection.

Each Installation lives in a fresh directory and leaves no process behind. FOB_BIN names the folder of the programs.
"""
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

from expiry import expiry_of

BIN = Path(os.environ["FOB_BIN"])
# Long enough for a sanitizer's build on a busy machine; nothing waits this long when all is well.
PATIENCE = 60


def wait_until(condition, what, patience=PATIENCE):
    """Polls until `condition()` is true. For what has no event of its own, such as another process's start."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {patience} s in vain: {what}")


class Sandbox:
    """fob-authority, with its admin routes."""

    def __init__(self, directory, *flags, port=0):
        self.directory = Path(directory)
        self.flags = flags
        self.process = subprocess.Popen(
            [BIN / "fob-authority", "--port", str(port), "--dir", str(directory), *flags],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = json.loads(self.process.stdout.readline())
        self.url = line["url"]
        self.ca_file = line["ca_file"]
        self.pin = line.get("pin_sha256")
        self.port = int(self.url.rsplit(":", 1)[1])

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body as text); certificates are not this client's subject."""
        if self.url.startswith("https"):
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=PATIENCE)
        else:
            connection = http.client.HTTPConnection("localhost", self.port, timeout=PATIENCE)
        data = json.dumps(body) if isinstance(body, (dict, list)) else body
        connection.request(method, path, data, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def admin(self, method, path, body=None):
        status, _, text = self.request(method, "/sandbox" + path, body, {"Fob-Sandbox-Admin": "1"})
        assert 200 <= status < 300, (status, text)
        return json.loads(text) if text else None

    def create_credential(self, scopes=("query",), name="device"):
        return self.admin("POST", "/credentials", {"name": name, "scopes": list(scopes)})

    def deactivate(self, credential):
        self.admin("POST", f"/credentials/{credential['clientId']}/deactivate")

    def settings(self, **settings):
        self.admin("PUT", "/settings", settings)

    def fault(self, kind, **details):
        self.admin("PUT", "/fault", {"kind": kind, **details})

    def mend(self):
        self.admin("DELETE", "/fault")

    def exchanges(self):
        return self.admin("GET", "/stats")["token"]["total"]

    def call_api(self, token, method="POST", path="/v1/vps/map/query-form"):
        """The status of an API call with this token."""
        return self.request(method, path, "", {"Authorization": f"Bearer {token}"})[0]

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def name_of(pid):
    """What a process calls itself; nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


class App:
    """A local app: plain HTTP/1.1 over the daemon's socket."""

    def __init__(self, path):
        self.path = str(path)

    def request(self, method, target, body=None, headers=None):
        connection = http.client.HTTPConnection("fob", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE)
        connection.sock.connect(self.path)
        data = json.dumps(body) if isinstance(body, (dict, list)) else body
        connection.request(method, target, data, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def token(self, query=""):
        """(status, decoded body) of GET /v1/token."""
        status, _, text = self.request("GET", "/v1/token" + query)
        return status, json.loads(text)

    def living_token(self, sandbox, query="?wait=0"):
        """token(), having made sure that it was alive when asked for, and that the API accepts it or it died on the way there."""
        sent = time.time()
        status, answer = self.token(query)
        if status == 200:
            dies = expiry_of(answer["access_token"])
            assert dies > sent, "a dead token was served"
            refused = sandbox.call_api(answer["access_token"]) != 200
            assert not refused or dies <= time.time(), "the API refuses a living token"
        return status, answer


class Installation:
    """A configuration, a state directory, a runtime directory, and at most one daemon on them."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.config = self.directory / "fob.toml"
        self.runtime = self.directory / "run"
        self.state = self.directory / "state"
        self.log = self.directory / "fobd.log"
        self.daemon = None
        self.app = App(self.runtime / "fob.sock")
        self.control = App(self.runtime / "control.sock")

    def configure(self, text):
        """In one step, as an exchange may be reading it."""
        new = self.config.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o600)
        new.rename(self.config)

    def configure_for(self, sandbox, extra="", profile="prod-query", scopes='["query"]', ca_file=None):
        ca = ca_file or sandbox.ca_file
        self.configure(
            f'[daemon]\nstore = "file"\ndefault_profile = "{profile}"\n\n[profile.{profile}]\nauthority = "multiset"\n'
            f'endpoint = "{sandbox.url}/v1/m2m/token"\nscopes = {scopes}\n'
            + (f'ca_file = "{ca}"\n' if ca else "") + extra)

    def flags(self):
        return ["--config", str(self.config), "--runtime-dir", str(self.runtime), "--state-dir", str(self.state)]

    def fob(self, *arguments, stdin="", env=None):
        """Runs `fob …` and returns the finished process; its streams are text."""
        environment = {"PATH": os.environ["PATH"], **(env or {})}
        return subprocess.run([BIN / "fob", *self.flags(), *arguments], input=stdin, capture_output=True, text=True,
                              timeout=PATIENCE * 2, env=environment)

    def enrol(self, credential, profile="prod-query", *flags):
        done = self.fob("credential", "add", profile, "--file", "-", *flags, stdin=json.dumps(credential))
        assert done.returncode == 0, done.stderr
        return done

    def start(self):
        self.daemon = subprocess.Popen([BIN / "fobd", *self.flags()], stderr=open(self.log, "ab"),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: self.answers() or self.daemon.poll() is not None, "fobd starts")
        assert self.daemon.poll() is None, self.log.read_text()

    def children(self, name):
        """The processes of this name that the daemon is the parent of."""
        pids = Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").read_text().split()
        return [int(pid) for pid in pids if name_of(pid) == name]

    def answers(self):
        try:
            self.app.request("GET", "/healthz")
            return True
        except OSError:
            return False

    def stop(self, with_signal=signal.SIGTERM):
        """Ends the daemon, if it runs; its exit status."""
        if self.daemon is None:
            return None
        self.daemon.send_signal(with_signal)
        status = self.daemon.wait(PATIENCE)
        self.daemon = None
        return status

    def status(self, profile="prod-query"):
        report = json.loads(self.control.request("GET", "/v1/status")[2])
        return next(p for p in report["profiles"] if p["name"] == profile)

    def await_failure(self):
        """Until an exchange has failed; before, an app that does not wait for it is told that there is no answer yet."""
        wait_until(lambda: self.status()["failing"], "an exchange fails")
