"""GET /v1/events and fob watch: the state at once, each change, and an end that is told."""
import json
import os
import socket
import subprocess
import threading
import time

from fob import BIN, wait_until


class Stream:
    """An app that follows a profile, as a browser's EventSource would."""

    def __init__(self, installation, query=""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(installation.runtime / "fob.sock"))
        self.socket.sendall(f"GET /v1/events{query} HTTP/1.1\r\nHost: fob\r\n\r\n".encode())
        self.events = []
        self.ended = False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        with self.socket.makefile("r") as lines:
            self.head = [line.strip() for line in iter(lines.readline, "\n")]
            name = None
            for line in lines:
                if line.startswith("event: "):
                    name = line[7:].strip()
                elif line.startswith("data: "):
                    self.events.append((name, json.loads(line[6:])))
        self.ended = True

    def names(self):
        return [name for name, _ in self.events]

    def told(self, name, **what):
        return [data for n, data in self.events if n == name and what.items() <= data.items()]

    def await_event(self, name, count=1):
        wait_until(lambda: self.names().count(name) >= count, f"{count} × {name}, but {self.events}")
        return [data for n, data in self.events if n == name][count - 1]

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


def test_a_stream_tells_the_state_at_once_and_each_new_token(sandbox, enrolled):
    sandbox.settings(lifetime_s=4)
    enrolled.start()
    assert enrolled.app.token("?wait=10")[0] == 200
    stream = Stream(enrolled)
    stream.await_event("token")
    assert stream.head[0] == "HTTP/1.1 200 OK" and "Content-Type: text/event-stream" in stream.head
    answer = enrolled.app.token()[1]
    same = wait_until(lambda: stream.told("token", fingerprint=answer["fingerprint"]), "the token that a request gets")[0]
    assert same == {**answer, "expires_in": same["expires_in"], "expires_at": same["expires_at"]}
    third = stream.await_event("token", 3)
    assert sandbox.call_api(third["access_token"]) == 200
    stream.close()


def test_a_stream_tells_when_there_is_no_token_any_more_and_when_there_is_one_again(sandbox, enrolled):
    sandbox.settings(lifetime_s=6)
    enrolled.start()
    stream = Stream(enrolled)
    stream.await_event("token")
    sandbox.fault("status", status=503)
    # The reason is known long before the token dies, however slow an exchange is.
    assert "503" in enrolled.fob("refresh").stderr
    died = stream.await_event("unavailable", 1 + stream.names().count("unavailable"))
    assert died["type"] == "urn:fob:authority-error" and died["profile"] == "prod-query" and died["retry_after"] >= 1
    # To the instant: a token that is dead is not what the last event said.
    assert enrolled.app.token("?wait=0")[0] == 503
    tokens = stream.names().count("token")
    sandbox.mend()
    assert sandbox.call_api(stream.await_event("token", tokens + 1)["access_token"]) == 200
    stream.close()


def test_a_stream_ends_with_revoked_when_the_grant_is_taken_away(enrolled):
    enrolled.start()
    stream = Stream(enrolled)
    stream.await_event("token")
    enrolled.configure(enrolled.config.read_text() + '\n[[grant]]\nprofiles = ["prod-query"]\nuser = "nobody"\n')
    assert enrolled.fob("reload").returncode == 0
    assert stream.await_event("revoked") == {"profile": "prod-query"}
    wait_until(lambda: stream.ended, "the stream ends")


def test_readers_that_do_not_read_are_no_burden_to_the_others(sandbox, enrolled):
    sandbox.settings(lifetime_s=2)
    enrolled.start()
    deaf = []
    for _ in range(50):
        reader = socket.socket(socket.AF_UNIX)
        reader.connect(str(enrolled.runtime / "fob.sock"))
        reader.sendall(b"GET /v1/events HTTP/1.1\r\nHost: fob\r\n\r\n")
        deaf.append(reader)
    stream = Stream(enrolled)
    stream.await_event("token", 3)
    began = time.monotonic()
    assert enrolled.app.token("?wait=10")[0] == 200
    assert time.monotonic() - began < 5
    for reader in deaf:
        reader.close()
    stream.close()


class Watch:
    def __init__(self, installation, *arguments):
        self.process = subprocess.Popen([BIN / "fob", *installation.flags(), "watch", *arguments], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"]})
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")), daemon=True).start()
        self.said = []
        threading.Thread(target=lambda: self.said.extend(iter(self.process.stderr.readline, "")), daemon=True).start()

    def await_line(self, text):
        return wait_until(lambda: next((line for line in list(self.lines) if text in line), None),
                          f"{text} in {self.lines}")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def test_fob_watch_shows_tokens_by_fingerprint_and_outlives_the_daemon(enrolled):
    enrolled.start()
    status, token = enrolled.app.token("?wait=10")
    assert status == 200
    watch = Watch(enrolled)
    line = watch.await_line(f"token {token['fingerprint']}, valid for ")
    assert "prod-query" in line and token["access_token"] not in line
    enrolled.stop()
    wait_until(lambda: any("waiting for fobd to come back" in said for said in watch.said), "fob watch says so")
    enrolled.start()
    fresh = enrolled.app.token("?wait=10")[1]["fingerprint"]
    watch.await_line(f"token {fresh}, valid for ")
    watch.stop()


def test_fob_watch_in_json_is_one_object_a_line_without_a_token(enrolled):
    enrolled.start()
    assert enrolled.app.token("?wait=10")[0] == 200
    watch = Watch(enrolled, "prod-query", "--json")
    event = json.loads(watch.await_line('"event":"token"'))
    assert event["profile"] == "prod-query" and len(event["fingerprint"]) == 8 and "access_token" not in event
    watch.stop()


def test_fob_watch_without_a_daemon_or_a_grant_says_so(enrolled):
    done = enrolled.fob("watch")
    assert done.returncode == 3 and "fobd is not running" in done.stderr
    enrolled.configure(enrolled.config.read_text() + '\n[[grant]]\nprofiles = ["prod-query"]\nuser = "nobody"\n')
    enrolled.start()
    done = enrolled.fob("watch")
    assert done.returncode == 4 and "is not granted" in done.stderr
