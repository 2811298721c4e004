"""The load: apps of every kind, well-behaved and not, each a thread that acts now and then. What they get, the judge looks at."""
import http.client
import json
import random
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

from expiry import expiry_of
from fob import BIN
from gateway import PAIR
from judge import MARGIN_S, Api, Asked
from record import fingerprint
from scene import KEPT, LAZY, PROFILES
from test_hostile_apps import FAULTS as RUDE, send_raw, status_of

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "ipc/client/python"))
import libfob  # noqa: E402

LIBRARY = BIN.parent / "lib/libfob.so.0"
# Longer than anything may take: who waits so long waits in vain.
IN_VAIN_S = 60
HEARTBEAT_S = 20
# An image, as the gateway gets it.
UPLOAD = 20_000
DIED_ON_THE_WAY = "requests at the gateway whose tokens died on their way, when nobody had one that lived"
# More than this share of them have another reason.
MOST_DIED = 0.005


class NoAnswer(Exception):
    """The connection ended, or nothing came."""


class Connection:
    """To a local socket; kept, and made anew where it was closed meanwhile: once and at once, as PROTOCOL.md says."""

    def __init__(self, path, record):
        self.path = str(path)
        self.record = record
        self.http = None
        self.sent = 0.0  # when the last request was sent, for the last time

    def request(self, method, target, body=None, headers=None):
        """(status, headers, text)"""
        try:
            return self.try_once(method, target, body, headers)
        except (http.client.HTTPException, ConnectionError):
            self.close()
            self.record.count("requests sent again on a fresh connection")
        try:
            return self.try_once(method, target, body, headers)
        except (http.client.HTTPException, ConnectionError) as reason:
            self.close()
            raise NoAnswer(repr(reason)) from reason

    def try_once(self, method, target, body, headers):
        self.sent = time.time()
        if self.http is None:
            self.http = http.client.HTTPConnection("fob", timeout=IN_VAIN_S)
            self.http.sock = socket.socket(socket.AF_UNIX)
            self.http.sock.settimeout(IN_VAIN_S)
            self.http.sock.connect(self.path)
        self.http.request(method, target, json.dumps(body) if isinstance(body, dict) else body, headers or {})
        answer = self.http.getresponse()
        text = answer.read().decode()
        if answer.will_close:
            self.close()
        return answer.status, answer.headers, text

    def close(self):
        if self.http:
            self.http.close()
        self.http = None


class App(threading.Thread):
    """One that acts about every `PAUSE_S` seconds until it is over."""
    PAUSE_S = 0.2

    def __init__(self, field, device, profile, seed):
        super().__init__(daemon=True)
        self.field = field
        self.record = field.record
        self.device = device
        self.profile = profile
        self.draw = random.Random(seed)
        self.api = Api(field)
        self.connection = Connection(device.installation.app.path, field.record)

    def run(self):
        while not self.field.over.wait(self.draw.expovariate(1 / self.PAUSE_S)):
            try:
                self.act()
            except (NoAnswer, TimeoutError) as reason:
                self.unanswered(reason)
            except Exception:  # whatever it is, it is to be told and not to end the load
                self.record.complain("nothing surprises an app", traceback.format_exc()[-1500:])
        self.end()

    def unanswered(self, reason):
        now = time.time()
        if self.field.spans.any(("crash", self.device.name), now - MARGIN_S, now):
            return self.record.count("requests that a kill -9 of fobd left unanswered")
        return self.record.complain("each request is answered", f"{type(self).__name__} of {self.device.name}/{self.profile}: {reason!r}")

    def ask(self, what, wait, method, target, body=None, headers=None):
        status, told, text = self.connection.request(method, target, body, headers)
        return Asked(f"{what} for {self.profile}", self.connection.sent, wait, time.time(), status, told, text)

    def ask_for_token(self, what="GET /v1/token"):
        wait = self.draw.choice((0, 0, 0, 0.2, 1, 5, 20))
        min_ttl = self.draw.choice(("", "", "", "&min_ttl=0", "&min_ttl=0.4", "&min_ttl=1.5", "&min_ttl=3600"))
        headers = {"Accept": "text/plain"} if self.draw.random() < 0.2 else {}
        asked = self.ask(what, wait, "GET", f"/v1/token?profile={self.profile}&wait={wait}{min_ttl}", headers=headers)
        return self.field.judge.answer(self.device, self.profile, asked, self.api)

    def act(self):
        raise NotImplementedError

    def end(self):
        self.connection.close()
        self.api.close()


class Keeper(App):
    """Asks on one connection as long as that lives."""

    def act(self):
        self.ask_for_token("GET /v1/token on a kept connection")


class Newcomer(App):
    """Connects for each request."""
    PAUSE_S = 0.3

    def act(self):
        self.ask_for_token("GET /v1/token on a new connection")
        self.connection.close()


class Rejecter(App):
    """Says that its token was rejected, by one name or the other, or an old one, or nonsense."""
    PAUSE_S = 1.5

    def __init__(self, *what):
        super().__init__(*what)
        self.old = "0" * 8

    def act(self):
        token = self.ask_for_token()
        if not token:
            return
        name = self.draw.choice(("fingerprint", "access_token", "old", "nonsense"))
        body = {"profile": self.profile, **{"fingerprint": {"fingerprint": fingerprint(token)}, "access_token": {"access_token": token},
                                            "old": {"fingerprint": self.old}, "nonsense": {"fingerprint": 7}}[name]}
        asked = self.ask(f"POST /v1/token/rejected ({name})", 5, "POST", "/v1/token/rejected", body)
        if name == "nonsense":
            if asked.status != 400:
                self.record.complain("a bad request is told so", self.field.judge.shown(self.device, asked))
            return
        new = self.field.judge.answer(self.device, self.profile, asked, self.api)
        if new and name in ("fingerprint", "access_token") and new == token:
            self.record.complain("a rejected token is not given again", f"{self.device.name}/{self.profile}")
        self.old = fingerprint(token)


class Follower(App):
    """Follows the events for a while, and may go without a word."""
    PAUSE_S = 0.5

    def act(self):
        self.leaves = time.time() + self.draw.uniform(2, 40)
        self.heard = time.time()
        self.refused = False
        self.dies = None
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(0.5)
            stream.connect(str(self.device.installation.app.path))
            sent = time.time()
            try:
                stream.sendall(f"GET /v1/events?profile={self.profile} HTTP/1.1\r\nHost: fob\r\n\r\n".encode())
            except ConnectionError as reason:
                if not self.field.spans.any(("restart", self.device.name), sent - 1, time.time()):
                    raise NoAnswer(repr(reason)) from reason
                return self.record.count("event streams that a restart cut off")
            self.follow(stream, sent)
        return self.record.count("event streams")

    def follow(self, stream, sent):
        rest = b""
        while time.time() < self.leaves and not self.refused and not self.field.over.is_set():
            try:
                piece = stream.recv(65536)
            except TimeoutError:
                piece = None
            except ConnectionError:
                return
            if piece == b"":
                return
            rest = (rest + piece).replace(b"\r", b"") if piece else rest
            self.heard = time.time() if piece else self.heard
            *blocks, rest = rest.split(b"\n\n")
            for block in blocks:
                self.take(block.decode(), sent)
                sent = time.time() - MARGIN_S
            self.look_at_what_it_has()

    def take(self, block, asked_at):
        if block.startswith("HTTP/1.1 "):
            status = int(block.split()[1])
            self.refused = status != 200
            allowed = not self.refused or (status == 403 and self.field.spans.any(("ungranted", self.device.name), asked_at, time.time()))
            if not allowed:
                self.record.complain("an answer is a token or one of the problems that are told", f"GET /v1/events of {self.device.name}/{self.profile}: {block[:200]}")
            return
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "event" not in fields:
            return
        self.record.count(f"events {fields['event']}")
        told = json.loads(fields["data"])
        self.dies = None
        if fields["event"] == "token":
            self.dies = expiry_of(told["access_token"])
            asked = Asked("an event", min(asked_at, time.time() - 1), 0, time.time(), 200, {}, "")
            self.field.judge.token(self.device, self.profile, asked, told["access_token"], self.api)
        elif fields["event"] == "revoked" and not self.field.spans.any(("hands", self.device.name), time.time() - MARGIN_S, time.time()):
            self.record.complain("a problem has its reason", f"revoked on {self.device.name}/{self.profile}")

    def look_at_what_it_has(self):
        now = time.time()
        if self.dies and now > self.dies + MARGIN_S + self.field.stalls.within(self.dies, now) + self.field.spans.overlap(("restart", self.device.name), self.dies, now):
            self.record.complain("a follower hears at once that its token is dead", f"{self.device.name}/{self.profile}: {now - self.dies:.1f} s after its end")
            self.dies = None
        silent = now - self.heard
        if silent > HEARTBEAT_S + MARGIN_S + self.field.stalls.within(self.heard, now):
            self.record.complain("a stream shows every 20 s that it lives", f"{self.device.name}/{self.profile}: silent for {silent:.1f} s")
            self.heard = now


class PageReader(App):
    """An app on libfob, which reads the token page; it asks often."""
    PAUSE_S = 0.15

    def __init__(self, *what):
        super().__init__(*what)
        self.source = None

    def act(self):
        if self.source is None:
            self.source = libfob.TokenSource(self.profile, self.device.installation.app.path, library=LIBRARY)
        doing = self.draw.random()
        try:
            if doing < 0.85:
                self.get()
            elif doing < 0.95:
                self.source.wait(self.source.change(), self.draw.uniform(0, 2))
            elif doing < 0.98:
                self.reject()
            else:
                self.let_go()
        except libfob.FobError as reason:
            self.failed(reason)

    def get(self):
        wait = self.draw.choice((0, 0.5, 2))
        self.sent = time.time()
        self.record.count("calls of libfob")
        token = self.source.get(self.draw.choice((None, None, 0, 0.4, 3)), wait)
        asked = Asked("fob_get_token", self.sent, wait, time.time(), 200, {}, "")
        self.field.judge.time(self.device, asked)
        self.field.judge.token(self.device, self.profile, asked, token.text, self.api)

    def reject(self):
        self.sent = time.time()
        token = self.source.get(wait=0.5)
        self.source.report_rejected(token)

    def let_go(self):
        if self.source:
            self.source.close()
        self.source = None

    def failed(self, reason):
        """That there is no token has many reasons; others have one each."""
        began = getattr(self, "sent", time.time())
        self.record.count(f"calls of libfob that failed: {type(reason).__name__}")
        spans, device = self.field.spans, self.device.name
        excuse = {libfob.NoToken: True, libfob.NotGranted: spans.any(("ungranted", device), began, time.time()),
                  libfob.NotRunning: spans.any(("restart", device), began - 1, time.time()),
                  libfob.CredentialRejected: spans.any("rejected", began, time.time())}.get(type(reason), False)
        if not excuse:
            self.record.complain("a problem has its reason", f"libfob on {device}/{self.profile}: {type(reason).__name__}: {reason}")

    def end(self):
        self.let_go()
        super().end()


class Rude(App):
    """Sends what no server should have to hear."""
    PAUSE_S = 0.5

    def act(self):
        data, status = self.draw.choice(RUDE)
        sent = time.time()
        answer = send_raw(self.device.installation.app.path, data)
        self.record.count("bad requests")
        if status_of(answer) == status or (not answer and self.field.spans.any(("restart", self.device.name), sent - 1, time.time())):
            return
        self.record.complain("a bad request is told so", f"{data[:60]!r}: {answer[:100]!r} and not {status}")


class Dying(App):
    """Connects, and is gone in the midst of it."""
    PAUSE_S = 0.25
    TOKEN = b"GET /v1/token?profile=%s&wait=5&min_ttl=1.5 HTTP/1.1\r\nHost: fob\r\n\r\n"
    EVENTS = b"GET /v1/events?profile=%s HTTP/1.1\r\nHost: fob\r\n\r\n"
    PAGE = b"GET /v1/token/page?profile=%s HTTP/1.1\r\nHost: fob\r\nConnection: Upgrade\r\nUpgrade: fob-page/1\r\n\r\n"
    BODY = b"POST /v1/token/rejected HTTP/1.1\r\nHost: fob\r\nContent-Length: 500\r\n\r\n{\"profile\":\"%s"

    def act(self):
        request = self.draw.choice((self.TOKEN, self.TOKEN * 20, self.EVENTS, self.PAGE, self.BODY, self.TOKEN + self.EVENTS))
        data = request.replace(b"%s", self.profile.encode())
        if self.draw.random() < 0.3:
            data = data[:self.draw.randrange(len(data))]
        self.record.count("clients that died in the midst")
        with socket.socket(socket.AF_UNIX) as dying:
            dying.settimeout(IN_VAIN_S)
            dying.connect(str(self.device.installation.app.path))
            try:
                dying.sendall(data)
                if self.draw.random() < 0.3 and data.endswith(b"\r\n\r\n"):
                    dying.recv(100)  # and a descriptor that comes along is never fetched
                if self.draw.random() < 0.3:
                    dying.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass
            self.field.over.wait(self.draw.choice((0, 0, 0.01, 0.3)))


class Overseer(App):
    """Looks at what operators look at."""
    PAUSE_S = 1
    LOOKS = ("/v1/status", "/metrics", "/v1/audit?follow=0", "/v1/explain?pid=1", "/v1/explain?as=user%3D12345")

    def __init__(self, *what):
        super().__init__(*what)
        self.control = Connection(self.device.installation.control.path, self.record)

    def act(self):
        look = self.draw.choice(self.LOOKS)
        status, headers, text = self.control.request("GET", look)
        self.record.count("looks of operators")
        self.field.judge.time(self.device, Asked(look, self.control.sent, 0, time.time(), status, headers, text))
        if status != 200 or self.record.leak_in(text):
            self.record.complain("an operator sees what there is, and no token", f"{look} of {self.device.name}: {status} {text[:300]}")
        status, _, text = self.connection.request("GET", "/healthz")
        if status not in (200, 503):
            self.record.complain("an operator sees what there is, and no token", f"/healthz of {self.device.name}: {status} {text[:300]}")

    def end(self):
        self.control.close()
        super().end()


class Commander(App):
    """Runs the command line, and sometimes kills it."""
    PAUSE_S = 2

    def act(self):
        arguments = self.draw.choice((["token", self.profile, "--json"], ["exec", self.profile, "--", "true"], ["status", "--json"], ["watch", self.profile]))
        sent = time.time()
        run = subprocess.Popen([BIN / "fob", *self.device.installation.flags(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin"})
        self.record.count("commands of apps")
        killed = arguments[0] == "watch" or self.draw.random() < 0.3
        if killed:
            self.field.over.wait(self.draw.uniform(0, 2 if arguments[0] == "watch" else 0.02))
            run.kill()
        out, err = run.communicate(timeout=2 * IN_VAIN_S)
        if not killed:
            self.look_at(arguments, sent, run.returncode, out, err)

    def look_at(self, arguments, sent, status, out, err):
        if status not in (0, 5, 6) and not (status == 3 and self.field.spans.any(("crash", self.device.name), sent - 1, time.time())):
            self.record.complain("a command ends as it should", f"fob {' '.join(arguments)} on {self.device.name}: {status} {err[-300:]}")
        if arguments[0] == "token" and status == 0:
            asked = Asked("fob token", sent, 5, time.time(), 200, {}, "")
            self.field.judge.token(self.device, self.profile, asked, json.loads(out)["access_token"], self.api)


class Visitor(App):
    """An SDK at the gateway."""
    PAUSE_S = 0.4
    # The gateway has its own patience with fobd, and with an upstream that is away.
    GATEWAY_S = 15

    def __init__(self, *what):
        super().__init__(*what)
        self.http = None

    def act(self):
        if self.http is None:
            self.http = http.client.HTTPConnection("127.0.0.1", self.device.port, timeout=IN_VAIN_S + 30)
        try:
            self.visit()
        except (http.client.HTTPException, ConnectionError) as reason:
            self.http.close()
            self.http = None
            raise NoAnswer(repr(reason)) from reason

    def visit(self):
        wants_token = self.draw.random() < 0.5
        sent = time.time()
        if wants_token:
            self.http.request("POST", "/v1/m2m/token", "{}", {"Authorization": PAIR, "Content-Type": "application/json"})
        else:
            self.http.request("POST", "/v1/vps/map/query-form", b"\xff" * UPLOAD)
        answer = self.http.getresponse()
        asked = Asked("the gateway", sent, 0, time.time(), answer.status, answer.headers, answer.read().decode())
        if answer.will_close:
            self.http.close()
            self.http = None
        self.record.count(f"answers of the gateway {asked.status}")
        self.field.judge.time(self.device, asked, self.GATEWAY_S + self.field.spans.overlap("away", sent, asked.got))
        self.look_at(asked, wants_token)

    def look_at(self, asked, wants_token):
        told = json.loads(asked.text)
        if asked.status == 200 and wants_token:
            self.field.judge.token(self.device, "prod-query", asked, told["token"], self.api)
        elif asked.status == 401:
            self.refused(asked, told)
        elif asked.status != 200 and not (asked.status in (502, 503, 504) and "error" in told):
            self.record.complain("an answer is a token or one of the problems that are told", self.field.judge.shown(self.device, asked))

    def refused(self, asked, told):
        """The API refused two tokens in turn. Both may have been about to die, but not where others had one that outlived the answer."""
        outlived = self.field.judge.had_one_that_outlived(self.device, "prod-query", asked)
        if told == {"error": "Token expired"} and not outlived:
            return self.record.count(DIED_ON_THE_WAY)
        return self.record.complain("the gateway sends again with a token that lives", f"{self.field.judge.shown(self.device, asked)}, "
                                    f"{asked.got - asked.sent:.2f} s after it was asked for")

    def end(self):
        if self.http:
            self.http.close()
        super().end()


def judge_gateway(record):
    """That a token dies on its way is rare also where none is there that lives."""
    died = record.counts[DIED_ON_THE_WAY]
    visits = sum(number for what, number in record.counts.items() if what.startswith("answers of the gateway"))
    if died > 3 + MOST_DIED * visits:
        record.complain("the gateway sends again with a token that lives", f"{died} of {visits} requests were refused at last")


# How many of each on a device. The second number is of the one that is restarted.
CROWD = {Keeper: (8, 4), Newcomer: (6, 3), PageReader: (5, 3), Follower: (9, 5), Rejecter: (3, 2), Rude: (2, 1), Dying: (4, 2), Overseer: (1, 1),
         Commander: (1, 1), Visitor: (3, 0)}


def crowd(field, device, place, seed):
    """The apps of one device: most of them want what is kept fresh, some what is fetched on demand."""
    draw = random.Random(seed)
    made = []
    for kind, numbers in CROWD.items():
        for number in range(numbers[place]):
            profile = LAZY if number % 4 == 3 else KEPT[number % len(KEPT)]
            assert profile in PROFILES
            made.append(kind(field, device, profile, draw.getrandbits(64)))
    return made
