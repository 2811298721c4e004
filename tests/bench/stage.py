"""What is measured, and what it is measured against, as processes: each in a fresh directory, each on a core of its own choosing."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from fob import BIN, PATIENCE, Installation, Sandbox, wait_until  # noqa: E402

REQUEST = "GET /v1/token HTTP/1.1\r\nHost: fob\r\n\r\n"
# Servers are on the last core. Their client is beside them, where the round trip is measured, or on the first.
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[-1]
CLIENT_CORE = CORES[0]
# Longer than any run: nothing is refreshed while something is measured.
LIFETIME = "86400"

NGINX = """
daemon off; worker_processes 1; user root; pid {directory}/nginx.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type application/json; keepalive_requests 1000000000; keepalive_timeout 600;
  sendfile off; open_file_cache max=16; client_body_temp_path {directory}; proxy_temp_path {directory};
  fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};
  server {{ listen unix:{socket} backlog=4096; root {directory}; }}
}}
"""


class NotMeasured(Exception):
    """Why a baseline cannot run, in words for the table."""


def program(name, spec, environment=None, around=()):
    """What one of the C++ programs of this folder measured; `spec` says what. `around`: a command that runs it."""
    if not (BIN / name).exists():
        raise NotMeasured(f"{name} is not built")
    done = subprocess.run([*around, BIN / name, json.dumps(spec)], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise NotMeasured((done.stderr.strip() or f"{name} ended with {done.returncode}").splitlines()[-1])
    return json.loads(done.stdout)


def as_server(name, socket, answer_begins="HTTP/1.1 200"):
    return {"name": name, "socket": str(socket), "request": REQUEST, "answer_begins": answer_begins}


class Stage:
    """A sandbox authority and an enrolled daemon with a token; baselines on demand. A context manager: it leaves nothing behind."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="fob-bench-"))
        self.processes = []
        self.installations = []
        self.sandbox = Sandbox(self.directory / "authority", "--tls", "--lifetime", LIFETIME)
        self.credential = self.sandbox.create_credential()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for installation in self.installations:
            installation.stop()
        for process in reversed(self.processes):
            process.terminate()
            process.wait(PATIENCE)
        self.sandbox.stop()
        shutil.rmtree(self.directory)

    def enrolled(self, name, **configuration):
        """An installation with the credential, whose daemon does not run yet."""
        directory = self.directory / name
        directory.mkdir()
        installation = Installation(directory)
        installation.configure_for(self.sandbox, **configuration)
        installation.enrol(self.credential)
        self.installations.append(installation)
        return installation

    def started(self, name="fob"):
        """An installation whose daemon has a token, on the servers' core."""
        installation = self.enrolled(name)
        installation.start()
        status, _ = installation.app.token("?wait=30")
        assert status == 200, installation.log.read_text()
        os.sched_setaffinity(installation.daemon.pid, {SERVER_CORE})
        return installation

    def serve(self, words, socket):
        """A server on the servers' core, once it is there."""
        if shutil.which(words[0]) is None:
            raise NotMeasured(f"{words[0]} is not installed")
        process = subprocess.Popen(["taskset", "-c", str(SERVER_CORE), *words], stdin=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        wait_until(lambda: socket.exists() or process.poll() is not None, f"{words[0]} starts")
        if process.poll() is not None:
            raise NotMeasured(f"{words[0]} does not start: {process.stderr.read().strip()}")
        self.processes.append(process)
        return process

    def echo(self):
        socket = self.directory / "echo.sock"
        self.serve([str(BIN / "bench_echo"), str(socket)], socket)
        return as_server("echo", socket, REQUEST)

    def nginx(self, body):
        """nginx with one file, at the same path and of the same content as fob's answer."""
        directory = self.directory / "nginx"
        (directory / "v1").mkdir(parents=True)
        (directory / "v1" / "token").write_text(body)
        socket = directory / "nginx.sock"
        configuration = directory / "nginx.conf"
        configuration.write_text(NGINX.format(directory=directory, socket=socket))
        self.serve(["nginx", "-c", str(configuration), "-p", str(directory)], socket)
        return as_server("nginx", socket)
