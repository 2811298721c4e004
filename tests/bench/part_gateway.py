"""Camera images through fob-gateway to an upstream that speaks TLS, beside nginx as a proxy of the same requests."""
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

from figures import Figure, Goal, compared, missing
from gateway import Gateway, free_port, listener
from stage import CLIENT_CORE, SERVER_CORE, NotMeasured, wait_until

WHAT = "uploads of 10 MB, {} at once"
MEANING = ("200 requests to `POST /v1/vps/map/query-form` in turns of 20, by a client that keeps its connections; the sandbox over TLS is upstream. "
           "nginx passes on with `proxy_pass` as fob does: without buffering the request, checking the certificate, and over kept "
           "connections. Both are on one core, upstream and client on the other.")
MEMORY = "memory, after 200 uploads"
OF_MEMORY = "The most resident memory (VmHWM) that fob-gateway had since its start: its own and what it shares with others, all of libcurl's libraries."
IMAGE = os.urandom(10_000_000)
TURN = 20
NGINX = """
daemon off; worker_processes 1; user root; pid {directory}/nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {directory}; proxy_temp_path {directory};
  fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};
  upstream authority {{ server {authority}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass https://authority; proxy_http_version 1.1; proxy_request_buffering off;
      proxy_set_header Connection ""; proxy_set_header Host {authority}; proxy_set_header Authorization "Bearer {token}";
      proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca_file}; proxy_ssl_name localhost;
    }}
  }}
}}
"""


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def nginx(stage, token):
    """The port of nginx, on the servers' core."""
    if shutil.which("nginx") is None:
        raise NotMeasured("nginx is not installed")
    directory = stage.directory / "proxy"
    directory.mkdir()
    port = free_port()
    (directory / "nginx.conf").write_text(NGINX.format(directory=directory, authority=stage.sandbox.url.split("//")[1], port=port, token=token,
                                                       ca_file=stage.sandbox.ca_file))
    stage.processes.append(subprocess.Popen(["taskset", "-c", str(SERVER_CORE), "nginx", "-c", directory / "nginx.conf", "-p", directory],
                                            stdin=subprocess.DEVNULL))
    wait_until(lambda: listens(port), "nginx listens")
    return port


def upload(port, count):
    """On one connection, one after the other."""
    head = f"POST /v1/vps/map/query-form HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(IMAGE)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(count):
            connection.sendall(head)
            connection.sendall(IMAGE)
            answer = b""
            while b"poseFound" not in answer or not answer.endswith(b"}"):
                piece = connection.recv(65536)
                assert piece and re.match(rb"HTTP/1.1 200|$", answer), answer
                answer += piece


def rate(port, at_once):
    """Bytes a second of one turn."""
    threads = [threading.Thread(target=upload, args=(port, TURN // at_once)) for _ in range(at_once)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return TURN * len(IMAGE) / (time.monotonic() - began)


def most_memory(pid):
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")) * 1024


def measure(stage, quick):
    fob = stage.enrolled("gateway")
    port = free_port()
    fob.configure_for(stage.sandbox, extra=listener(port))
    fob.start()
    token = fob.app.token("?wait=30")[1]["access_token"]
    os.sched_setaffinity(stage.sandbox.process.pid, {CLIENT_CORE})
    os.sched_setaffinity(0, {CLIENT_CORE})
    gateway = Gateway(fob, port)
    os.sched_setaffinity(gateway.process.pid, {SERVER_CORE})
    try:
        ports = {"fob": port, "nginx": nginx(stage, token)}
        for at_once in (1, 20):
            rounds = {name: [] for name in ports}
            for _ in range(2 if quick else 10):
                for name, where in ports.items():
                    rounds[name].append(rate(where, at_once))
            yield compared(WHAT.format(at_once), MEANING, rounds, "nginx", Goal(0.7, at_least=True), "B/s")
        memory = most_memory(gateway.process.pid)
        yield Figure(MEMORY, OF_MEMORY, {"fob": memory}, "B", memory, "B", Goal(16e6))
    except NotMeasured as reason:
        yield missing(WHAT.format(20), MEANING, reason)
    finally:
        gateway.stop()
