"""What an answer is held to, whoever got it: no dead token, nothing that is neither a token nor a problem, nothing late. A token is put to
the API at once.
"""
import http.client
import json
import ssl
import threading
import time
from collections import deque
from typing import NamedTuple

from expiry import expiry_of
from record import fingerprint
from scene import KEPT, LIFETIME_S

# An answer takes a millisecond. What is beyond its wait and this, and was not the machine's own doing, is late.
MARGIN_S = 2.5
# Between the choice of a token and the moment at which an app has it.
ON_THE_WAY_S = 1
# Two failures in a row, which kill -9 of two exchanges makes, are followed by a wait of 9 s at most.
LONGEST_GAP_S = 15
# An operation's consequences: what it made fail is tried again within that time, mostly.
AFTERMATH_S = 10
# Of the tokens of a profile: more than are needed to judge the slowest answer.
LATEST_KEPT = 50
PROBLEMS = {503: {"no-credential", "credential-rejected", "authority-unreachable", "authority-error"}, 403: {"not-granted"},
            429: {"too-many-requests"}}


class Asked(NamedTuple):
    """A request, when it was sent, for how long it would wait, and what came back when."""
    what: str
    sent: float
    wait: float
    got: float
    status: int
    headers: dict
    text: str


class Api:
    """The vendor's API behind a connection that is kept; each thread has its own."""

    def __init__(self, field):
        self.field = field
        self.connection = None
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def status_with(self, token):
        """What it answers to a request with this token; None where it cannot be asked now."""
        for _ in range(2):
            began = time.time()
            try:
                return self.ask(token)
            except (OSError, http.client.HTTPException):
                self.close()
                if self.field.spans.any("away", began - 1, time.time()):
                    return None
        self.field.record.count("times the API did not answer")
        return None

    def ask(self, token):
        if self.connection is None:
            self.connection = http.client.HTTPSConnection("localhost", self.field.authority.port, context=self.context, timeout=5)
        self.connection.request("GET", "/v1/vps/map", headers={"Authorization": f"Bearer {token}"})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Judge:
    """Holds answers to what was promised. One for all threads."""

    def __init__(self, field):
        self.field = field
        self.record = field.record
        self.spans = field.spans
        self.supplied = {}
        self.latest = {}  # of each profile on each device: the longest-lived token that an app has, and since when
        self.lock = threading.Lock()

    def token(self, device, profile, asked, token, api):
        """An app got this token."""
        dies = expiry_of(token)
        self.record.count("tokens served")
        self.record.tokens.add(fingerprint(token))
        self.record.most("longest life left of a token, s", round(dies - asked.got, 2))
        self.note_latest(device, profile, dies, asked.got)
        late = asked.got - dies - ON_THE_WAY_S - self.field.stalls.within(asked.sent, asked.got)
        if dies <= asked.sent or late > 0:
            self.record.complain("no dead token is served", f"{asked.what} of {device.name}/{profile}: dead for {asked.got - dies:.3f} s when it came, "
                                 f"{asked.got - asked.sent:.3f} s after it was asked for")
        self.put_to_the_api(device, profile, asked, token, dies, api)
        self.note_supply(device, profile, asked.got)

    def put_to_the_api(self, device, profile, asked, token, dies, api):
        if self.spans.any("away", time.time(), time.time()):
            return self.record.count("tokens that could not be put to the API, which was away")
        status = api.status_with(token)
        if status is None:
            return self.record.count("tokens that could not be put to the API, which was away")
        if status == 200:
            return self.record.count("tokens that the API took")
        if dies > time.time():
            return self.record.complain("the API takes a token that lives", f"{asked.what} of {device.name}/{profile}: {status}")
        return self.record.count("tokens that died on the way from app to API")

    def note_latest(self, device, profile, dies, now):
        with self.lock:
            known = self.latest.setdefault((device.name, profile), deque(maxlen=LATEST_KEPT))
            if not known or dies > known[-1][1]:
                known.append((now, dies))

    def had_one_that_outlived(self, device, profile, asked):
        """Whether some app, before this was asked, had a token that still lived when it was answered."""
        with self.lock:
            return any(since < asked.sent and dies > asked.got for since, dies in self.latest.get((device.name, profile), ()))

    def note_supply(self, device, profile, now):
        """How long this profile's apps had no token, as far as neither authority nor operator withheld it."""
        if profile not in KEPT:
            return
        with self.lock:
            last = self.supplied.get((device.name, profile), now)
            self.supplied[device.name, profile] = max(last, now)
        ends = [self.spans.last_end(what) for what in ("authority", ("misconfigured", device.name))]
        if None in ends:
            return
        begin = max(last, *ends)
        gap = now - begin
        self.record.most("longest time without a token while the authority was well, s", round(gap, 3))
        if not self.spans.any(("hands", device.name), begin - AFTERMATH_S, now):
            self.record.most("the same, where nobody laid hands on the device either, s", round(gap, 3))
        if gap > LONGEST_GAP_S + self.field.stalls.within(begin, now):
            self.record.complain("there is a token while the authority is well", f"none of {device.name}/{profile} for {gap:.1f} s")

    def time(self, device, asked, more=0):
        """`more`: what else it may take."""
        late = asked.got - asked.sent - asked.wait
        self.record.most(f"latest answer beyond its wait, s: {'the gateway' if more else 'fobd'}", round(late, 3))
        allowed = MARGIN_S + more + self.field.stalls.within(asked.sent, asked.got) + self.spans.overlap(("restart", device.name), asked.sent, asked.got)
        if late > allowed:
            self.record.complain("no request waits longer than it asked to", f"{asked.what} of {device.name}: {late:.2f} s late")

    def problem(self, device, asked, allowed=(503, 403)):
        """An answer that is no token."""
        name = self.name_of_problem(asked)
        self.record.count(f"answers {asked.status} {name}")
        if name is None or asked.status not in allowed or name not in PROBLEMS.get(asked.status, ()):
            self.record.complain("an answer is a token or one of the problems that are told", self.shown(device, asked))
        elif not self.has_its_reason(device, name, asked.sent, asked.got):
            self.record.complain("a problem has its reason", self.shown(device, asked))

    @staticmethod
    def name_of_problem(asked):
        try:
            told = json.loads(asked.text)
            sound = told["status"] == asked.status and asked.headers["Content-Type"] == "application/problem+json" and told["detail"]
            return told["type"].removeprefix("urn:fob:") if sound else None
        except (ValueError, KeyError, TypeError):
            return None

    def has_its_reason(self, device, name, begin, end):
        """Whether something was done that explains it."""
        reasons = {"not-granted": [("ungranted", device.name)], "no-credential": [("misconfigured", device.name)], "credential-rejected": ["rejected"]}
        return name not in reasons or any(self.spans.any(what, begin, end) for what in reasons[name])

    def shown(self, device, asked):
        """Whole tokens are recognised and replaced, parts of one are not."""
        return f"{asked.what} of {device.name}: {asked.status} {self.record.without_secrets(asked.text)[:300]}"

    def answer(self, device, profile, asked, api):
        """To GET /v1/token, or to a report of a rejected one."""
        self.record.count("requests")
        self.time(device, asked)
        if asked.status != 200:
            allowed = (503, 403, 429) if "rejected" in asked.what else (503, 403)
            return self.problem(device, asked, allowed)
        token = self.token_in(asked, profile)
        if token is None:
            return self.record.complain("an answer is a token or one of the problems that are told", self.shown(device, asked))
        self.token(device, profile, asked, token, api)
        return token

    @staticmethod
    def token_in(asked, profile):
        """The token in an answer that is as it should be."""
        if asked.headers["Content-Type"].startswith("text/plain"):
            return asked.text if asked.text.count(".") == 2 else None
        told = json.loads(asked.text)
        token = told["access_token"]
        sound = (told["profile"] == profile and told["fingerprint"] == fingerprint(token) and 1 <= told["expires_in"] <= LIFETIME_S
                 and asked.headers["Cache-Control"] == "no-store")
        return token if sound else None
