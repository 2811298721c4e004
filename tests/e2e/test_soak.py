"""The soak (tests/soak), for half a minute: whether it still runs, and finds nothing. And whether it would find something: one that cannot
complain shows nothing.
"""
import base64
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

SOAK = Path(__file__).resolve().parents[1] / "soak"
sys.path.insert(0, str(SOAK))
from apps import DIED_ON_THE_WAY, Visitor, judge_gateway  # noqa: E402
from judge import Asked, Judge  # noqa: E402
from record import Record, Spans, fingerprint  # noqa: E402
from watcher import judge_growth, left_over  # noqa: E402

DEVICE = SimpleNamespace(name="steady")
PROFILE = "prod-query"


@pytest.mark.native  # it looks into the programs' memory, and measures seconds
@pytest.mark.skipif(os.geteuid() != 0, reason="to look into the programs' /proc takes root")
def test_half_a_minute_of_it_finds_nothing(tmp_path):
    figures = tmp_path / "figures.json"
    done = subprocess.run([sys.executable, SOAK / "soak.py", "--minutes", "0.5", "--seed", "1", "--json", figures],
                          capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    told = json.loads(figures.read_text())
    counts = told["counts"]
    assert not told["complaints"]
    assert counts["requests"] > 300 and counts["tokens that the API took"] > 300 and counts["calls of libfob"] > 50
    assert counts["events token"] > 20 and counts["answers of the gateway 200"] > 10
    assert told["exchanges"]["issued"] > 40 and told["lives_of_fobd"]["steady"] == 1
    assert sum(number for what, number in counts.items() if what.startswith("fault: ")) >= 2
    assert sum(number for what, number in counts.items() if what.startswith("done to a device: ")) >= 3


def token_that_dies(when):
    part = base64.urlsafe_b64encode(json.dumps({"exp": when}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{part}.c2lnbmF0dXJlc2lnbmF0dXJl"


def answer_with(token, sent=0.0, wait=0.0, got=0.0, status=200, **changes):
    """What fobd would answer, sent and got so many seconds before now."""
    now = time.time()
    told = {"access_token": token, "token_type": "Bearer", "expires_in": 1, "profile": PROFILE, "fingerprint": fingerprint(token), **changes}
    return Asked("GET /v1/token", now - sent, wait, now - got, status, {"Content-Type": "application/json", "Cache-Control": "no-store"}, json.dumps(told))


def problem(name, status, content_type="application/problem+json"):
    now = time.time()
    return Asked("GET /v1/token", now, 0, now, status, {"Content-Type": content_type},
                 json.dumps({"type": "urn:fob:" + name, "status": status, "detail": "why"}))


class Court:
    """A judge, and an API that answers as it is told."""

    def __init__(self):
        self.api_says = 200
        self.record, self.spans = Record(), Spans()
        self.stalls = SimpleNamespace(within=lambda *_: 0)
        self.judge = Judge(self)

    def try_answer(self, asked):
        self.judge.answer(DEVICE, PROFILE, asked, SimpleNamespace(status_with=lambda _: self.api_says))
        return set(self.record.kinds)


@pytest.fixture
def court():
    return Court()


def test_a_living_token_earns_no_complaint(court):
    assert not court.try_answer(answer_with(token_that_dies(time.time() + 1.5), sent=0.1))


def test_one_that_died_on_the_way_earns_none_either(court):
    court.api_says = 401
    assert not court.try_answer(answer_with(token_that_dies(time.time() - 0.5), sent=10, wait=10, got=0.4))


@pytest.mark.parametrize("dead_for,sent", [(0.2, 0.1), (2, 5)], ids=["when it was asked for", "while it was waited for"])
def test_a_dead_token_does(court, dead_for, sent):
    court.api_says = 401
    assert court.try_answer(answer_with(token_that_dies(time.time() - dead_for), sent=sent, wait=5)) == {"no dead token is served"}


def test_an_api_that_refuses_a_living_token_does(court):
    court.api_says = 401
    assert court.try_answer(answer_with(token_that_dies(time.time() + 5))) == {"the API takes a token that lives"}


@pytest.mark.parametrize("changes", [{"profile": "another"}, {"fingerprint": "00000000"}, {"expires_in": 0}, {"expires_in": 300}])
def test_an_answer_that_contradicts_itself_does(court, changes):
    complaints = court.try_answer(answer_with(token_that_dies(time.time() + 1), **changes))
    assert complaints == {"an answer is a token or one of the problems that are told"}


@pytest.mark.parametrize("asked,complaint", [
    (problem("internal", 500), "an answer is a token or one of the problems that are told"),
    (problem("authority-error", 503, "text/html"), "an answer is a token or one of the problems that are told"),
    (problem("too-many-requests", 429), "an answer is a token or one of the problems that are told"),
    (problem("not-granted", 403), "a problem has its reason"),
    (problem("credential-rejected", 503), "a problem has its reason"),
    (problem("no-credential", 503), "a problem has its reason"),
], ids=["500", "no problem document", "429", "403", "rejected", "no credential"])
def test_a_problem_that_is_none_or_has_no_reason_does(court, asked, complaint):
    assert court.try_answer(asked) == {complaint}


def test_a_problem_with_its_reason_does_not(court):
    with court.spans.during("rejected"), court.spans.during(("ungranted", DEVICE.name)):
        assert not court.try_answer(problem("credential-rejected", 503))
        assert not court.try_answer(problem("not-granted", 403))
    assert not court.try_answer(problem("authority-unreachable", 503))


def test_a_late_answer_does_unless_fobd_was_restarted_meanwhile(court):
    late = answer_with(token_that_dies(time.time() + 1.5), sent=9, wait=5)
    assert court.try_answer(late) == {"no request waits longer than it asked to"}
    court.record.kinds.clear()
    with court.spans.during(("restart", DEVICE.name)):
        court.spans.spans["restart", DEVICE.name][0].begin -= 4
        assert not court.try_answer(late)


def test_a_long_time_without_a_token_does_unless_the_authority_was_away(court):
    living = answer_with(token_that_dies(time.time() + 1.5))
    court.judge.supplied[DEVICE.name, PROFILE] = time.time() - 20
    with court.spans.during("authority"):
        assert not court.try_answer(living)
    court.spans.spans.clear()
    court.judge.supplied[DEVICE.name, PROFILE] = time.time() - 20
    assert court.try_answer(living) == {"there is a token while the authority is well"}


def samples(**growing):
    steady = {"memory_kb": 900, "descriptors": 40, "sockets": 30, "memfds": 3, "pidfds": 5, "threads": 1, "children": 2}
    return [{"at": at, **steady, **{what: steady[what] + by * at for what, by in growing.items()}} for at in range(0, 1800, 2)]


def test_what_stays_as_it_is_earns_no_complaint(court):
    report = judge_growth(court.record, "steady", samples(), True)
    assert not court.record.kinds and report["memory_kb"]["slope_an_hour"] == 0


@pytest.mark.parametrize("what,by", [("memory_kb", 2), ("descriptors", 0.05), ("memfds", 0.002), ("threads", 0.001), ("children", 0.002)])
def test_what_grows_does(court, what, by):
    report = judge_growth(court.record, "steady", samples(**{what: by}), True)
    assert court.record.kinds == {"nothing leaks": 1} and report[what]["slope_an_hour"] == pytest.approx(3600 * by, rel=0.01)


def look(memory_kb=900, threads=1, **kinds):
    return {"memory_kb": memory_kb, "threads": threads}, {"timerfd": 3, "memfd": 0, "socket": 2, **kinds}


@pytest.mark.parametrize("after,words", [(look(), ""), (look(1412, memfd=3, socket=4), ""), (look(100), ""),
                                         (look(1413), "513 kB of memory"), (look(timerfd=4), "1 × timerfd"), (look(memfd=4), "4 × memfd"),
                                         (look(threads=2), "threads"), (look(eventfd=1), "1 × eventfd")])
def test_what_is_left_over_is_told(after, words):
    assert left_over((look()[0], Counter(look()[1])), (after[0], Counter(after[1]))) == words


def refused_at_the_gateway(court, error="Token expired"):
    """After half a second."""
    now = time.time()
    visitor = SimpleNamespace(field=court, record=court.record, device=DEVICE)
    Visitor.refused(visitor, Asked("the gateway", now - 0.5, 0, now, 401, {}, json.dumps({"error": error})), {"error": error})
    return set(court.record.kinds)


@pytest.mark.parametrize("since,dies,is_told", [(1, 0.2, True), (1, -0.2, False), (0.3, 1.5, False)],
                         ids=["one that lived", "one that died meanwhile", "one that came only then"])
def test_two_tokens_refused_in_turn_do_where_others_had(court, since, dies, is_told):
    court.judge.note_latest(DEVICE, PROFILE, time.time() + dies, time.time() - since)
    assert refused_at_the_gateway(court) == ({"the gateway sends again with a token that lives"} if is_told else set())


def test_two_tokens_refused_for_another_reason_do(court):
    assert refused_at_the_gateway(court, "No such account") == {"the gateway sends again with a token that lives"}


@pytest.mark.parametrize("died,complaints", [(8, 0), (9, 1)])
def test_and_so_do_many_of_them(court, died, complaints):
    court.record.counts.update({DIED_ON_THE_WAY: died, "answers of the gateway 200": 900, "answers of the gateway 401": 100})
    judge_gateway(court.record)
    assert sum(court.record.kinds.values()) == complaints


def test_a_secret_or_a_token_is_found_wherever_it_stands_and_never_shown(court, capsys):
    court.record.secrets.append("s3cret-of-a-device")
    token = token_that_dies(1)
    assert court.record.leak_in(f"x {token} y") and court.record.leak_in("a s3cret-of-a-device b") and not court.record.leak_in("prod-query")
    court.record.complain("nothing", f"{token} s3cret-of-a-device")
    assert fingerprint(token) in capsys.readouterr().out
    assert not any(court.record.leak_in(told) for told in court.record.complaints)
