"""Every way in which the token endpoint can fail, with tokens of three seconds and apps that ask all the time: no dead
token is served, the last good one is served to its end, then the reason is told, and soon after the fault all is well.

Many faults are tried at once, each with an authority and a daemon of its own, since nearly all of the time is waiting.
What happened is recorded; the tests judge the records.
"""
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import NamedTuple

import pytest

from expiry import expiry_of
from fob import App, Installation, Sandbox, wait_until

LIFETIME = 3
# Date has whole seconds, so up to one of the lifetime may be over by the time it is read: fob does not count on it.
GRAIN = 1
# Between the start of an exchange, from where a token's life is counted, and the first app that sees the token; or
# between its end and the first app that notices. A third of a second on two cores, with nineteen trials at once.
LATENCY = 0.5
# Long enough for the last token to die and for some attempts, while the waits between them are still short.
HOLD = 8
# For the authority that says when to come back: later than the fault is over, so that only one attempt sees it.
BACK = 9
# An exchange takes that long at most.
GIVEN_UP = 30
# The first wait after a failure is no longer.
FIRST_WAIT = 3
# How much later than promised is still soon, on a busy machine.
SLACK = 3
# As many at once as two cores carry: half of the faults, or with sanitizers a quarter.
AT_ONCE = 5 if os.environ.get("FOB_SANITIZED") else 10

REJECTED, ERROR, UNREACHABLE = ("urn:fob:" + name for name in (
    "credential-rejected", "authority-error", "authority-unreachable"))
NOT_YET = "the authority has not answered yet"


class Fault(NamedTuple):
    name: str
    details: dict  # of the sandbox's fault; what can be called is called when the fault begins
    kind: str  # what an operator is told
    urn: str  # what apps are told
    remedy: str  # in the detail
    most_attempts: int = 1 + HOLD  # the waits between them are a second at least


def in_a_while():
    return formatdate(time.time() + BACK, usegmt=True)


FAULTS = [
    # Where only a person can mend it, or where the authority says when to come back, there is one attempt; another may
    # have been under way when the fault began.
    Fault("401", {"kind": "status", "status": 401}, "rejected", REJECTED, "fob credential rotate prod-query", 2),
    Fault("403", {"kind": "status", "status": 403}, "forbidden", REJECTED, "check its scopes", 2),
    Fault("400", {"kind": "status", "status": 400}, "bad-answer", ERROR, "check authority, scopes and endpoint"),
    Fault("429", {"kind": "status", "status": 429, "retry_after": str(BACK)}, "rate-limited", ERROR, "wait", 2),
    Fault("500", {"kind": "status", "status": 500}, "bad-answer", ERROR, "wait, or ask whoever runs it"),
    Fault("503", {"kind": "status", "status": 503}, "bad-answer", ERROR, "wait, or ask whoever runs it"),
    Fault("503-until", {"kind": "status", "status": 503, "retry_after": in_a_while}, "bad-answer", ERROR,
          "wait, or ask whoever runs it", 2),
    Fault("hang", {"kind": "hang"}, "timeout", UNREACHABLE, "check the network", 2),
    Fault("reset", {"kind": "reset"}, "unreachable", UNREACHABLE, "check the port of endpoint"),
    Fault("empty", {"kind": "empty"}, "unreachable", UNREACHABLE, "check the port of endpoint"),
    Fault("truncated", {"kind": "truncated"}, "bad-answer", ERROR, "check the network"),
    Fault("garbage", {"kind": "garbage"}, "bad-answer", ERROR, "check the port of endpoint"),
    Fault("json_garbage", {"kind": "json_garbage"}, "bad-answer", ERROR, "check endpoint"),
    Fault("html", {"kind": "html"}, "bad-answer", ERROR, "sign in to this network's portal"),
    Fault("huge", {"kind": "huge"}, "bad-answer", ERROR, "check endpoint"),
    Fault("redirect", {"kind": "redirect"}, "bad-answer", ERROR, "sign in to this network's portal"),
    Fault("error_200", {"kind": "error_200"}, "bad-answer", ERROR, "check the credential"),
    Fault("no_expiry", {"kind": "no_expiry", "opaque": True}, "bad-answer", ERROR, "ask whoever runs the authority"),
    Fault("past_expiry", {"kind": "past_expiry"}, "bad-answer", ERROR, "ask whoever runs the authority"),
]


class Asked(NamedTuple):
    """An app's request: when it was sent, how long it would wait, when the answer was there, and what that was."""
    sent: float
    wait: int
    got: float
    status: int
    headers: dict
    answer: dict


class Trial:
    """One fault, from before it began until all is well again."""

    def __init__(self, fault, directory):
        self.fault = fault
        self.asked = []
        self.broken_by = None
        directory.mkdir()
        self.installation = Installation(directory)
        self.sandbox = Sandbox(directory / "sandbox", "--tls")

    def begin(self):
        self.sandbox.settings(lifetime_s=LIFETIME)
        self.installation.configure_for(self.sandbox)
        self.credential = self.sandbox.create_credential()
        self.installation.enrol(self.credential)
        self.installation.start()
        assert self.installation.app.token("?wait=30")[0] == 200

    def close(self):
        self.installation.stop()
        self.sandbox.stop()

    def live(self):
        try:
            self.begin()
            self.run()
        except Exception as reason:  # for the tests to tell
            self.broken_by = reason
        finally:
            self.close()

    def run(self):
        over = threading.Event()
        apps = [threading.Thread(target=self.ask, args=(wait, over)) for wait in (0, 0, 1)]
        try:
            for app in apps:
                app.start()
                time.sleep(0.03)
            time.sleep(2)  # all is well at first
            self.suffer()
            self.recover()
        finally:
            over.set()
            for app in apps:
                app.join()

    def ask(self, wait, over):
        app = App(self.installation.app.path)
        while not over.wait(0.1):
            sent = time.time()
            status, headers, text = app.request("GET", f"/v1/token?wait={wait}")
            self.asked.append(Asked(sent, wait, time.time(), status, headers, json.loads(text)))

    def suffer(self):
        before = self.sandbox.exchanges()
        begun = time.monotonic()
        self.sandbox.fault(**{name: detail() if callable(detail) else detail
                              for name, detail in self.fault.details.items()})
        time.sleep(HOLD)
        self.attempts = self.sandbox.exchanges() - before
        self.suffering = self.installation.status()
        self.mended = time.time()
        self.sandbox.mend()
        counting = threading.Timer(15 - (time.monotonic() - begun), lambda: self.count(before))
        counting.start()
        self.counting = counting

    def count(self, before):
        self.attempts_in_15_s = self.sandbox.exchanges() - before

    def recover(self):
        if self.fault.name == "401":
            second = self.sandbox.create_credential()
            done = self.installation.fob("credential", "rotate", "prod-query", "--file", "-", stdin=json.dumps(second))
            assert done.returncode == 0, done.stderr
        if self.fault.name == "403":
            told = self.installation.control.request("POST", "/v1/credentials/changed", {"profile": "prod-query"})
            assert told[0] == 200, told
        self.bound = self.time_to_recover()
        self.well = wait_until(lambda: next((a for a in self.asked if a.sent > self.mended and a.status == 200), None),
                               "a token after the fault")
        self.counting.join()
        self.after = self.installation.status()
        self.stats = self.sandbox.admin("GET", "/stats")
        self.accepted = self.sandbox.call_api(wait_until(self.fresh_token, "a token with a second left"))

    def fresh_token(self):
        """Not one at its last instant, which may die on the way to the API."""
        status, answer = self.installation.app.token("?wait=5")
        return status == 200 and answer["expires_in"] >= 1 and answer["access_token"]

    def time_to_recover(self):
        """Within how many seconds of the mend there must be a token, by what the daemon says of itself."""
        if self.fault.kind == "timeout":  # what hangs must be given up first
            return GIVEN_UP + FIRST_WAIT
        # An attempt that was under way at the mend may yet fail.
        status = wait_until(lambda: (s := self.installation.status()) and not s["exchanging"] and s, "its end")
        return 0 if status["state"] == "valid" else min(60, status["next_attempt_in"])

    def served(self):
        return [a for a in self.asked if a.status == 200]

    def refused(self):
        """What apps got instead of a token while the fault lasted and the last token was dead."""
        last = self.last_served()
        return [a for a in self.asked if last.sent < a.sent and a.got < self.mended and a.status != 200]

    def last_served(self):
        return max((a for a in self.served() if a.got < self.mended), key=lambda a: a.sent)


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    directory = tmp_path_factory.mktemp("faults")
    made = {fault.name: Trial(fault, directory / fault.name) for fault in FAULTS}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for trial in made.values():
            pool.submit(trial.live)
            time.sleep(0.1)  # so that not all of them exchange in step
    return made


@pytest.fixture(params=[fault.name for fault in FAULTS])
def trial(request, trials):
    chosen = trials[request.param]
    assert chosen.broken_by is None, repr(chosen.broken_by)
    return chosen


def test_no_dead_token_is_served(trial):
    assert len(trial.served()) > 50
    for asked in trial.served():
        # What counts is when the daemon chose it: after the request, and at most a little before the answer.
        chosen = max(asked.sent, asked.got - 0.1)
        assert expiry_of(asked.answer["access_token"]) > chosen, asked
    assert trial.accepted == 200


@pytest.mark.native  # the seconds are the subject
def test_the_last_good_token_is_served_to_its_end(trial):
    last = trial.last_served()
    same = [a for a in trial.served() if a.answer["fingerprint"] == last.answer["fingerprint"]]
    seen = min(a.got for a in same)
    ended = min(a.got for a in trial.refused())
    assert ended > expiry_of(last.answer["access_token"]) - GRAIN - LATENCY
    assert ended > seen + LIFETIME - GRAIN - LATENCY
    meanwhile = [a for a in trial.asked if seen < a.sent and a.got < last.sent and a.status != 200]
    assert not meanwhile, "a token at hand was withheld"


def test_then_the_reason_is_told_with_its_mend(trial):
    reasons = trial.refused()
    assert len(reasons) > 20
    assert {(a.status, a.headers["Content-Type"], a.headers["Cache-Control"]) for a in reasons} == {
        (503, "application/problem+json", "no-store")}
    # An attempt may be under way when the token dies. It is the rule for the one that hangs.
    early = [a for a in reasons if a.answer["detail"].startswith(NOT_YET)]
    assert all(a.answer["type"] == UNREACHABLE and "wait=S" in a.answer["detail"] for a in early)
    told = {(a.answer["type"], a.answer["detail"]) for a in reasons if a not in early}
    if trial.fault.kind == "timeout":
        assert not told
        told = {(trial.fault.urn, trial.after["last_error"]["detail"])}
    assert told
    for urn, detail in told:
        assert urn == trial.fault.urn
        assert trial.fault.remedy in detail and "localhost" in detail
        assert trial.credential["clientSecret"] not in detail
    assert trial.after["last_error"]["kind"] == trial.fault.kind


def test_retry_after_is_told_where_waiting_helps_and_nowhere_else(trial):
    for asked in trial.refused():
        if asked.answer["type"] == REJECTED:
            assert "Retry-After" not in asked.headers, asked
        else:
            assert asked.headers["Retry-After"], asked
            assert 1 <= int(asked.headers["Retry-After"]) <= 60


def test_nobody_waits_longer_than_asked(trial):
    for asked in trial.asked:
        assert asked.got - asked.sent < asked.wait + 1.5, asked


def test_a_fault_makes_no_storm_of_attempts(trial):
    assert 1 <= trial.attempts <= trial.fault.most_attempts
    assert trial.attempts_in_15_s < 25
    assert trial.stats["token"]["most_in_flight"] == 1
    assert trial.stats["redirects_followed"] == 0
    if trial.fault.urn == REJECTED:
        assert trial.suffering["next_attempt_why"] == "probe" and trial.suffering["next_attempt_in"] > 240


@pytest.mark.native  # the seconds are the subject
def test_all_is_well_soon_after_the_fault(trial):
    assert trial.well.got - trial.mended < trial.bound + SLACK
    assert trial.after["state"] == "valid" and not trial.after["failing"]


def test_retry_after_is_told_while_the_next_attempt_is_under_way_too(sandbox, enrolled):
    sandbox.fault("status", status=500)
    enrolled.start()
    wait_until(lambda: enrolled.app.token("?wait=0")[1]["type"] == ERROR, "the first attempt fails")
    sandbox.fault("hang")
    wait_until(lambda: sandbox.admin("GET", "/stats")["token"]["in_flight"] == 1, "the next one hangs")
    status, headers, text = enrolled.app.request("GET", "/v1/token?wait=0")
    assert status == 503 and json.loads(text)["type"] == ERROR
    assert headers["Retry-After"], "waiting helps now as before"
