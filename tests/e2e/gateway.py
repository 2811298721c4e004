"""fob-gateway beside a daemon, as SDKs and pages on the device meet it."""
import base64
import http.client
import json
import os
import socket
import subprocess
import threading
from pathlib import Path

from fob import BIN, PATIENCE, wait_until

PAIR = "Basic " + base64.b64encode(b"fob:fob").decode()
QUERIES = ["POST /v1/vps/map/query-form", "POST /v1/vps/map/query", "GET /v1/vps/map", "GET /v1/vps/map/*"]
PAGE = "https://app.example"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listener(port, routes=QUERIES, users=None, upstream=None, extra="", origins=(PAGE,)):
    """[gateway.sdk] for an installation's fob.toml."""
    users = users or [str(os.geteuid())]
    return (f'\n[gateway.sdk]\nlisten = "127.0.0.1:{port}"\norigins = {json.dumps(list(origins))}\nusers = {json.dumps(users)}\n'
            f'routes = {json.dumps(list(routes))}\n' + (f'upstream = "{upstream}"\n' if upstream else "") + extra)


def serve_beside_a_listener(enrolled, sandbox):
    """Starts the daemon, with a listener configured beside it that nobody serves yet."""
    enrolled.port = free_port()
    enrolled.configure_for(sandbox, extra=listener(enrolled.port))
    enrolled.start()
    return enrolled


class Gateway:
    """A running fob-gateway, and requests to it."""

    def __init__(self, installation, port):
        self.port = port
        self.log = installation.directory / "gateway.log"
        self.process = subprocess.Popen([BIN / "fob-gateway", *installation.flags()], stderr=open(self.log, "ab"), stdin=subprocess.DEVNULL)
        wait_until(lambda: self.listens() or self.process.poll() is not None, "fob-gateway starts")
        assert self.process.poll() is None, self.log.read_text()

    def listens(self):
        """Seen from outside: a connection that is closed at once could be in the audit."""
        return f":{self.port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()

    def request(self, method, target, body=None, headers=None, encode_chunked=False):
        """(status, headers, body as bytes)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, target, body, headers or {}, encode_chunked=encode_chunked)
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        return answer.status, answer.headers, read

    def token(self, headers=None):
        return self.request("POST", "/v1/m2m/token", "{}", {"Authorization": PAIR, "Content-Type": "application/json", **(headers or {})})

    def raw(self, text):
        """What comes back until the connection ends; for requests that no client library sends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(text.replace("HOST", f"127.0.0.1:{self.port}").encode("latin-1"))
            connection.shutdown(socket.SHUT_WR)
            got = b""
            while piece := connection.recv(65536):
                got += piece
        return got.decode("latin-1")

    def stop(self):
        self.process.terminate()
        return self.process.wait(PATIENCE)


class ScriptedUpstream:
    """A server on loopback that answers each head with the bytes it was given; without any it hangs up."""

    def __init__(self, answer):
        self.answer = answer
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection):
        heard = b""
        try:
            while piece := connection.recv(4096):
                heard += piece
                while b"\r\n\r\n" in heard:
                    head, _, heard = heard.partition(b"\r\n\r\n")
                    self.heads.append(head.decode("latin-1"))
                    connection.sendall(self.answer)
                if self.heads and not self.answer:
                    break
        except OSError:
            pass
        connection.close()

    def stop(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()
