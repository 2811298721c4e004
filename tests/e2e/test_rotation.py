"""Credentials are replaced, go back, are refused and are typed in wrong, for real: no app notices, or an operator is
told in time.

What a wrong pair and an authority that fails are told as is test_messages.py's subject; here it is what becomes of the
credentials, and of the tokens that apps get meanwhile.
"""
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from expiry import expiry_of
from fob import BIN, PATIENCE, App, Sandbox, wait_until

PROFILE = "prod-query"
# Date has whole seconds; test_faults.py says more.
GRAIN, LATENCY = 1, 0.5
# Seconds. What a refresh leaves of it (15 % and more) is enough for two exchanges where the machine is busy.
NO_GAP_LIFETIME = 14


def rotate(installation, credential, *flags):
    return installation.fob("credential", "rotate", PROFILE, "--file", "-", *flags, stdin=json.dumps(credential))


def command(installation, word):
    return installation.fob("credential", word, PROFILE)


def listed(installation):
    """`fob credential list`, as the slots' names with what is told of each."""
    done = installation.fob("credential", "list", "--json")
    assert done.returncode == 0, done.stderr
    slots = {slot["slot"]: slot for slot in json.loads(done.stdout)}
    assert len(slots) == len(json.loads(done.stdout)), "a slot is listed twice"
    return slots


def versions(installation):
    return {name: slot["version"] for name, slot in listed(installation).items()}


def metric(installation, name):
    text = installation.control.request("GET", "/metrics")[2]
    return int(re.search(rf'^{name}{{profile="{PROFILE}"}} (\d+)$', text, re.M)[1])


def health(installation):
    """(status, detail) of /healthz; a healthy one has no detail."""
    status, _, text = installation.app.request("GET", "/healthz")
    return status, json.loads(text).get("detail", "") if status != 200 else ""


def issued_to(sandbox, credential):
    return sandbox.admin("GET", "/stats")["issued_by_client"].get(credential["clientId"], 0)


class Asking:
    """An app that asks all the time, and what it got."""

    def __init__(self, installation):
        self.app = App(installation.app.path)
        self.over = threading.Event()
        self.answers = []  # (sent, got, status, answer)
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        while not self.over.wait(0.02):
            sent = time.time()
            status, answer = self.app.token("?wait=0")
            self.answers.append((sent, time.time(), status, answer))

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.answers, "the first answer")
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def saw_no_gap(self):
        for sent, got, status, answer in self.answers:
            assert status == 200, answer
            assert expiry_of(answer["access_token"]) > max(sent, got - 0.1), "a dead token was served"
        return True


@pytest.fixture
def rotated(sandbox, enrolled):
    """A daemon whose credential was replaced once: version 2 is in force, version 1 is kept."""
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    enrolled.second = sandbox.create_credential()
    assert rotate(enrolled, enrolled.second).returncode == 0
    return enrolled


@pytest.fixture
def away(sandbox, enrolled):
    """A daemon with a token, whose authority then ends; `sandbox.back()` starts it again at its port."""
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    enrolled.second = sandbox.create_credential()
    sandbox.stop()
    return enrolled


def back(sandbox):
    """The same authority at the same place. The fixture that made it ends it."""
    sandbox.__init__(sandbox.directory, *sandbox.flags, port=sandbox.port)


# Rotation and rollback


def test_a_wrong_secret_changes_nothing_and_the_old_one_refreshes(sandbox, enrolled):
    enrolled.start()
    before, token = listed(enrolled), enrolled.app.token()[1]
    done = rotate(enrolled, {**sandbox.create_credential(), "clientSecret": "0" * 64})
    assert done.returncode == 6 and "nothing was changed" in done.stderr
    after = listed(enrolled)
    assert [{**slot, "age_s": 0} for slot in after.values()] == [{**slot, "age_s": 0} for slot in before.values()]
    assert enrolled.app.token()[1]["fingerprint"] == token["fingerprint"]
    assert enrolled.fob("refresh").returncode == 0
    assert enrolled.app.token()[1]["fingerprint"] != token["fingerprint"]
    assert enrolled.status()["alarm"] is None


@pytest.mark.native  # the seconds are the subject
def test_a_right_secret_brings_a_new_token_within_five_seconds(sandbox, enrolled):
    enrolled.start()
    old = enrolled.app.token()[1]["fingerprint"]
    second = sandbox.create_credential()
    begun = time.monotonic()
    with Asking(enrolled) as app, ThreadPoolExecutor(1) as pool:
        done = pool.submit(rotate, enrolled, second)
        wait_until(lambda: app.answers[-1][3].get("fingerprint") != old, "the new token")
        assert time.monotonic() - begun < 5
        assert done.result().returncode == 0 and app.saw_no_gap()
    assert enrolled.status()["credential_version"] == 2
    assert sandbox.call_api(enrolled.fob("token").stdout.strip()) == 200


def test_a_rollback_puts_the_previous_one_in_force_and_a_second_one_undoes_it(sandbox, rotated):
    seen = {rotated.app.token()[1]["fingerprint"]}
    for version, other, credential in ((1, 2, rotated.credential), (2, 1, rotated.second)):
        before = issued_to(sandbox, credential)
        done = command(rotated, "rollback")
        assert done.returncode == 0 and "a new token is in force" in done.stderr
        assert versions(rotated) == {"current": version, "previous": other}
        assert rotated.status()["credential_version"] == version and issued_to(sandbox, credential) == before + 1
        seen.add(rotated.app.token()[1]["fingerprint"])
    assert len(seen) == 3, "each brought a token of its own"


def test_a_rollback_without_a_previous_one_says_so(enrolled):
    done = command(enrolled, "rollback")
    assert done.returncode == 5 and "no previous credential" in done.stderr
    assert versions(enrolled) == {"current": 1}


def test_apps_see_no_gap_while_the_credential_is_replaced_and_the_old_one_deactivated(sandbox, enrolled):
    sandbox.settings(lifetime_s=NO_GAP_LIFETIME)
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    second = sandbox.create_credential()
    with Asking(enrolled) as app:
        assert rotate(enrolled, second).returncode == 0
        sandbox.deactivate(enrolled.credential)
        wait_until(lambda: len({answer.get("fingerprint") for *_, answer in list(app.answers)}) >= 4,
                   "two refreshes beyond the first tokens of each")
    assert app.saw_no_gap() and issued_to(sandbox, second) >= 4
    assert enrolled.app.living_token(sandbox)[0] == 200
    assert sandbox.admin("GET", "/stats")["token"]["rejected"] == 0


def test_concurrent_rotations_take_turns(sandbox, enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    credentials = [sandbox.create_credential() for _ in range(4)]
    seen = []
    with Asking(enrolled) as app, ThreadPoolExecutor(4) as pool:
        rotations = [pool.submit(rotate, enrolled, credential) for credential in credentials]
        while not all(rotation.done() for rotation in rotations):
            seen.append(versions(enrolled)["current"])
    ended = [rotation.result() for rotation in rotations]
    assert all(done.returncode == 0 or "another rotation" in done.stderr for done in ended), ended
    assert [done.returncode for done in ended].count(0) >= 1
    after = versions(enrolled)
    assert seen == sorted(seen) and 2 <= after["current"] <= 5
    assert "next" not in after and len(set(after.values())) == len(after)
    assert app.saw_no_gap() and enrolled.status()["credential_version"] == after["current"]


# A credential that is refused


def test_a_credential_refused_while_its_token_lives_is_an_alarm_everywhere(sandbox, enrolled):
    enrolled.start()
    token = enrolled.app.token()[1]
    assert health(enrolled)[0] == 200 and metric(enrolled, "fob_credential_refused") == 0
    sandbox.deactivate(enrolled.credential)
    assert enrolled.fob("refresh").returncode == 6
    status, detail = health(enrolled)
    assert status == 503 and detail.startswith("ALARM: ") and "fob status" in detail
    alarm = enrolled.status()["alarm"]
    assert alarm["kind"] == "rejected" and alarm["offer"] is None and "fob credential rotate" in alarm["detail"]
    assert abs(alarm["token_ends_in"] - enrolled.status()["expires_in"]) <= 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", alarm["since"])
    assert re.search(rf"ALARM since {alarm['since']}: .*; apps go without a token in \d+ (min|s)",
                     enrolled.fob("status").stdout)
    assert metric(enrolled, "fob_credential_refused") == 1 and metric(enrolled, "fob_token_valid") == 1
    assert re.search(r"^error: prod-query: ALARM: .*fob credential rotate prod-query", enrolled.log.read_text(), re.M)
    assert enrolled.app.token()[1]["fingerprint"] == token["fingerprint"]


def test_the_alarm_is_over_once_a_valid_credential_is_there(sandbox, enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    sandbox.deactivate(enrolled.credential)
    assert enrolled.fob("refresh").returncode == 6
    with Asking(enrolled) as app:
        assert rotate(enrolled, sandbox.create_credential()).returncode == 0
    assert app.saw_no_gap()
    assert health(enrolled) == (200, "")
    assert enrolled.status()["alarm"] is None and not enrolled.status()["failing"]
    assert "ALARM" not in enrolled.fob("status").stdout and metric(enrolled, "fob_credential_refused") == 0
    assert "the alarm is over" in enrolled.log.read_text()


def test_the_alarm_comes_before_apps_lose_the_token_and_they_have_it_to_its_end(sandbox, enrolled):
    sandbox.settings(lifetime_s=10)
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    with Asking(enrolled) as app:
        sandbox.deactivate(enrolled.credential)
        wait_until(lambda: health(enrolled)[1].startswith("ALARM"), "the alarm")
        assert app.answers[-1][2] == 200, "while apps still have a token"
        wait_until(lambda: app.answers[-1][2] == 503, "the token's end")
    served = [a for a in app.answers if a[2] == 200]
    dies = expiry_of(served[-1][3]["access_token"])
    assert dies - GRAIN - LATENCY < served[-1][1] and max(served[-1][0], served[-1][1] - 0.1) < dies
    answer = app.answers[-1][3]
    assert answer["type"] == "urn:fob:credential-rejected" and "fob credential rotate prod-query" in answer["detail"]
    assert "apps have no token" in enrolled.fob("status").stdout and health(enrolled)[0] == 503


# Another credential that works


def cut_off_a_rotation(sandbox, installation, credential):
    """`fob credential rotate`, killed while its trial is under way."""
    sandbox.fault("hang")
    process = subprocess.Popen([BIN / "fob", *installation.flags(), "credential", "rotate", PROFILE, "--file", "-"],
                               stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    process.stdin.write(json.dumps(credential))
    process.stdin.close()
    wait_until(lambda: sandbox.admin("GET", "/stats")["token"]["in_flight"] == 1, "the trial")
    process.kill()
    process.wait(PATIENCE)
    sandbox.mend()
    assert versions(installation) == {"current": 1, "next": 2}


def with_fallback(sandbox, installation, where):
    if where == "daemon":
        installation.configure_for(sandbox)
        text = installation.config.read_text()
        installation.configure(text.replace("[daemon]\n", "[daemon]\nauto_fallback = true\n"))
    else:
        installation.configure_for(sandbox, extra="auto_fallback = true\n")


def offered_everywhere(installation, words):
    """What an operator reads, and what apps read once their token is dead."""
    refused = installation.fob("refresh")
    assert refused.returncode == 6 and words in refused.stderr
    assert words in installation.fob("status").stdout
    assert words in installation.status()["alarm"]["detail"] and words in installation.log.read_text()
    status, answer = wait_until(lambda: (a := installation.app.token("?wait=0"))[0] == 503 and a, "the token's end")
    assert answer["type"] == "urn:fob:credential-rejected" and words in answer["detail"]
    return True


def test_a_previous_credential_that_works_is_offered_and_taken_by_a_rollback(sandbox, rotated):
    sandbox.settings(lifetime_s=3)
    assert rotated.fob("refresh").returncode == 0
    sandbox.deactivate(rotated.second)
    assert offered_everywhere(rotated, "fob credential rollback prod-query")
    assert rotated.status()["alarm"]["offer"] == "rollback" and rotated.status()["fallback"] is None
    assert versions(rotated) == {"current": 2, "previous": 1}
    done = command(rotated, "rollback")
    assert done.returncode == 0, done.stderr
    assert rotated.app.token()[0] == 200 and rotated.status()["credential_version"] == 1
    assert rotated.status()["alarm"] is None and health(rotated)[0] == 200


def test_a_staged_credential_that_works_is_offered_and_taken_by_a_promotion(sandbox, enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    cut_off_a_rotation(sandbox, enrolled, sandbox.create_credential())
    sandbox.settings(lifetime_s=3)
    assert enrolled.fob("refresh").returncode == 0 and enrolled.status()["credential_version"] == 1
    sandbox.deactivate(enrolled.credential)
    assert offered_everywhere(enrolled, "fob credential promote prod-query")
    assert enrolled.status()["alarm"]["offer"] == "promote"
    done = command(enrolled, "promote")
    assert done.returncode == 0, done.stderr
    assert versions(enrolled) == {"current": 2, "previous": 1}
    assert enrolled.app.token()[0] == 200 and enrolled.status()["credential_version"] == 2
    assert enrolled.status()["alarm"] is None and health(enrolled)[0] == 200


def told_of_fallback(installation, slot, version, in_words):
    status = installation.status()
    assert (status["fallback"], status["credential_version"], status["alarm"]) == (slot, version, None)
    assert f"FALLBACK: the credential in force is refused; the {in_words} one" in installation.fob("status").stdout
    assert metric(installation, "fob_fallback") == 1
    assert re.search(r"^error: prod-query: FALLBACK: .*fob credential (rollback|promote) ",
                     installation.log.read_text(), re.M)
    return True


@pytest.mark.parametrize("where", ["daemon", "profile"])
def test_with_auto_fallback_apps_get_tokens_of_the_previous_credential(sandbox, rotated, where):
    with_fallback(sandbox, rotated, where)
    assert rotated.fob("reload").returncode == 0
    sandbox.settings(lifetime_s=NO_GAP_LIFETIME)
    assert rotated.fob("refresh").returncode == 0
    with Asking(rotated) as app:
        sandbox.deactivate(rotated.second)
        before = issued_to(sandbox, rotated.credential)
        wait_until(lambda: issued_to(sandbox, rotated.credential) >= before + 2, "tokens of the previous one")
    assert app.saw_no_gap() and told_of_fallback(rotated, "previous", 1, "previous")
    assert versions(rotated) == {"current": 2, "previous": 1}, "it changes no slot"
    sandbox.settings(lifetime_s=300)
    assert command(rotated, "rollback").returncode == 0
    assert rotated.status()["fallback"] is None and "FALLBACK" not in rotated.fob("status").stdout
    assert "the fallback to the previous credential is over" in rotated.log.read_text()


@pytest.mark.parametrize("where", ["daemon", "profile"])
def test_with_auto_fallback_apps_get_tokens_of_the_staged_credential(sandbox, enrolled, where):
    with_fallback(sandbox, enrolled, where)
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    second = sandbox.create_credential()
    cut_off_a_rotation(sandbox, enrolled, second)
    sandbox.deactivate(enrolled.credential)
    with Asking(enrolled) as app:
        assert enrolled.fob("refresh").returncode == 0
        assert enrolled.fob("refresh").returncode == 0, "time and again"
    assert app.saw_no_gap() and told_of_fallback(enrolled, "next", 2, "staged")
    assert issued_to(sandbox, second) == 2 and versions(enrolled) == {"current": 1, "next": 2}
    assert command(enrolled, "promote").returncode == 0
    assert enrolled.status()["fallback"] is None and enrolled.status()["credential_version"] == 2


def test_a_fallback_ends_once_the_credential_in_force_is_accepted_again(sandbox, rotated):
    with_fallback(sandbox, rotated, "profile")
    assert rotated.fob("reload").returncode == 0
    sandbox.deactivate(rotated.second)
    assert rotated.fob("refresh").returncode == 0 and rotated.status()["fallback"] == "previous"
    sandbox.admin("POST", f"/credentials/{rotated.second['clientId']}/activate")
    assert rotated.control.request("POST", "/v1/credentials/changed", {"profile": PROFILE})[0] == 200
    assert rotated.status()["fallback"] is None and rotated.status()["credential_version"] == 2


# Without a trial


def test_a_first_credential_enrolled_offline_brings_a_token_once_the_authority_is_there(sandbox, installation):
    installation.configure_for(sandbox)
    credential = sandbox.create_credential()
    sandbox.stop()
    done = installation.enrol(credential, PROFILE, "--no-trial")
    assert "without a trial as you asked" in done.stderr and "fobd" in done.stderr
    assert versions(installation) == {"current": 1}
    installation.start()
    assert installation.app.token("?wait=0")[1]["type"] == "urn:fob:authority-unreachable"
    back(sandbox)
    assert installation.app.token("?wait=30")[0] == 200
    assert installation.status()["credential_version"] == 1


def test_a_first_credential_enrolled_offline_beside_a_daemon_says_why_there_is_no_token(sandbox, installation):
    installation.configure_for(sandbox)
    credential = sandbox.create_credential()
    sandbox.stop()
    installation.start()
    done = installation.enrol(credential, PROFILE, "--no-trial")
    assert "no token yet" in done.stderr and "fob status" in done.stderr
    back(sandbox)
    assert installation.fob("refresh").returncode == 0 and installation.app.token()[0] == 200


def test_an_untried_rotation_is_in_force_at_once_where_the_authority_is_there(sandbox, enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    with Asking(enrolled) as app:
        done = rotate(enrolled, sandbox.create_credential(), "--no-trial")
    assert done.returncode == 0 and "a new token is in force" in done.stderr and app.saw_no_gap()
    assert versions(enrolled) == {"current": 2, "previous": 1} and enrolled.status()["credential_version"] == 2
    assert not listed(enrolled)["current"]["untested"]


def test_an_untried_rotation_offline_stays_staged_and_its_first_success_puts_it_in_force(sandbox, away):
    done = rotate(away, away.second, "--no-trial")
    assert done.returncode == 5 and "it stays staged" in done.stderr and "fob status" in done.stderr
    assert versions(away) == {"current": 1, "next": 2} and listed(away)["next"]["untested"]
    assert re.search(r"^prod-query +next \(untested\) +2 ", away.fob("credential", "list").stdout, re.M)
    with Asking(away) as app:
        back(sandbox)
        assert away.fob("refresh").returncode == 0
    assert app.saw_no_gap() and away.status()["credential_version"] == 2
    after = listed(away)
    assert {name: slot["version"] for name, slot in after.items()} == {"current": 2, "previous": 1}
    assert not after["current"]["untested"], "it has been tried now"
    assert "the staged credential works and is in force now" in away.log.read_text()


def test_an_untried_rotation_that_is_refused_is_told_and_the_old_one_stays_in_force(sandbox, enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    wrong = {**sandbox.create_credential(), "clientSecret": "0" * 64}
    with Asking(enrolled) as app:
        done = rotate(enrolled, wrong, "--no-trial")
        assert done.returncode == 6 and "version 1 stays in force" in done.stderr and "fob status" in done.stderr
        assert enrolled.fob("refresh").returncode == 0, "the old one refreshes"
    assert app.saw_no_gap() and enrolled.status()["credential_version"] == 1
    assert versions(enrolled) == {"current": 1, "next": 2}
    assert "rejects" in enrolled.status()["staged_refused"]["detail"]
    assert "the staged credential was refused" in enrolled.fob("status").stdout
    assert re.search(r"^warning: prod-query: the staged credential is refused", enrolled.log.read_text(), re.M)
    assert health(enrolled)[0] == 200, "apps miss nothing"
    assert rotate(enrolled, sandbox.create_credential()).returncode == 0
    assert versions(enrolled) == {"current": 3, "previous": 1} and enrolled.status()["staged_refused"] is None


@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_a_rotation_without_a_daemon_is_judged_by_the_one_that_starts_later(sandbox, enrolled, right):
    second = sandbox.create_credential()
    done = rotate(enrolled, second if right else {**second, "clientSecret": "0" * 64}, "--no-trial")
    assert done.returncode == 0 and "staged as version 2, untried" in done.stderr and "fobd" in done.stderr
    assert listed(enrolled)["next"]["untested"]
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    assert versions(enrolled) == ({"current": 2, "previous": 1} if right else {"current": 1, "next": 2})
    assert enrolled.status()["credential_version"] == (2 if right else 1)
    assert (enrolled.status()["staged_refused"] is None) == right


def test_a_rollback_forgets_what_was_staged_untried(sandbox, rotated):
    sandbox.stop()
    third = {"clientId": "third", "clientSecret": "3" * 64}
    assert rotate(rotated, third, "--no-trial").returncode == 5
    assert versions(rotated) == {"current": 2, "next": 3, "previous": 1}
    assert command(rotated, "rollback").returncode == 5, "no token with it yet"
    assert versions(rotated) == {"current": 1, "previous": 2}
    back(sandbox)
    assert rotated.fob("refresh").returncode == 0 and rotated.status()["credential_version"] == 1


# What is listed


def test_the_list_tells_of_every_slot_and_of_no_secret(sandbox, rotated):
    texts = [rotated.fob("credential", "list", *flags).stdout for flags in ([], ["--json"])]
    for credential in (rotated.credential, rotated.second):
        for text in texts:
            assert credential["clientSecret"] not in text and credential["clientId"] not in text
    current, previous = json.loads(texts[1])
    for slot, name, version in ((current, "current", 2), (previous, "previous", 1)):
        assert set(slot) == {"profile", "slot", "version", "client_id_fingerprint", "stored_at", "age_s", "untested",
                             "bundle_serial", "store"}
        assert (slot["profile"], slot["slot"], slot["version"], slot["store"]) == (PROFILE, name, version, "file")
        assert slot["untested"] is False and slot["bundle_serial"] is None and 0 <= slot["age_s"] < PATIENCE
        assert re.fullmatch("[0-9a-f]{8}", slot["client_id_fingerprint"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", slot["stored_at"])
    heading, *rows = texts[0].splitlines()
    assert heading.split() == ["PROFILE", "SLOT", "VERSION", "CLIENT-ID", "AGE", "STORE"]
    assert [row.split()[:4] for row in rows] == [[PROFILE, "current", "2", current["client_id_fingerprint"]],
                                                 [PROFILE, "previous", "1", previous["client_id_fingerprint"]]]
    assert all(row.split()[-1] == "file" for row in rows)


# What is given


def forms(id, secret):
    return {
        "json": json.dumps({"clientId": id, "clientSecret": secret}),
        "json below others": json.dumps({"name": "x", "m2m": {"client_id": id, "client_secret": secret}}, indent=2),
        "env lines": f"# from the portal\nexport MULTISET_CLIENT_ID={id}\nMULTISET_CLIENT_SECRET={secret}\nOTHER=1\n",
        "crlf and bom": f"\ufeffCLIENT_ID={id}\r\nCLIENT_SECRET={secret}\r\n",
        "quoted": f"CLIENT_ID=\"{id}\"\nCLIENT_SECRET='{secret}'  # mine\n",
        "url": f"https://portal.example/device?clientId={id}&clientSecret={secret}\n",
        "pair": f"{id}:{secret}",
    }


@pytest.mark.parametrize("form", forms("", ""))
def test_a_download_is_taken_in_each_form(sandbox, installation, form):
    installation.configure_for(sandbox)
    credential = sandbox.create_credential()
    file = installation.directory / "download"
    file.write_bytes(forms(credential["clientId"], credential["clientSecret"])[form].encode())
    file.chmod(0o600)
    done = installation.fob("credential", "add", PROFILE, "--file", str(file))
    assert done.returncode == 0, done.stderr
    assert "the authority accepts it" in done.stderr and "warning" not in done.stderr


JUNK = {
    "empty": (b"", "this is empty"),
    "one word": (b"hello\n", "one value only"),
    "cut off": (b'{"clientId":"a","clientSec', "not whole"),
    "half": (b'{"clientId":"a"}', "no client secret"),
    "another file": (b'{"name":"x","version":"1"}', "neither a client id nor a client secret"),
    "2 MB": (b'{"clientId":"a","clientSecret":"' + b"b" * 2_000_000 + b'"}', "larger than 64 KiB"),
    "binary": (None, "not text in UTF-8"),
    "key twice": (b'{"clientId":"a","clientId":"b","clientSecret":"c"}', "twice"),
    "line twice": (b"CLIENT_ID=a\nCLIENT_SECRET=b\nCLIENT_SECRET=c\n", "twice"),
    "a table": (b"id,secret\na,b\nc,d\n", "more than two values"),
    "a blank inside": (b"CLIENT_ID=a\nCLIENT_SECRET=b c\n", "blanks"),
}


def test_what_is_no_credential_is_named_with_its_problem_and_the_old_one_stays(sandbox, enrolled):
    enrolled.start()
    for name, (content, problem) in JUNK.items():
        file = enrolled.directory / "download"
        file.write_bytes(os.urandom(10_240) if content is None else content)
        file.chmod(0o600)
        done = enrolled.fob("credential", "rotate", PROFILE, "--file", str(file))
        assert (done.returncode, done.stdout) == (2, ""), (name, done)
        assert str(file) in done.stderr and problem in done.stderr and "expected is" in done.stderr, (name, done.stderr)
        assert len(done.stderr.splitlines()) == 1, (name, done.stderr)
    assert versions(enrolled) == {"current": 1}
    assert enrolled.fob("refresh").returncode == 0 and sandbox.admin("GET", "/stats")["token"]["rejected"] == 0


def test_a_file_that_is_not_there_is_named(enrolled):
    done = enrolled.fob("credential", "rotate", PROFILE, "--file", "/no/such/file")
    assert done.returncode == 2 and "/no/such/file" in done.stderr


# The file that others can read


@pytest.fixture
def download(sandbox, enrolled):
    """A credential in a file that every user can read, as browsers leave it."""
    enrolled.second = sandbox.create_credential()
    file = enrolled.directory / "download.json"
    file.write_text(json.dumps(enrolled.second))
    file.chmod(0o644)
    return file


def on_a_terminal(installation, arguments, answer="", term="xterm"):
    """Runs `fob …` at a terminal of its own and types `answer` at its question: (exit status, what was shown)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(BIN / "fob", ["fob", *installation.flags(), *arguments], {"PATH": os.environ["PATH"], "TERM": term})
    shown, answered = b"", False
    while select.select([terminal], [], [], PATIENCE)[0]:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # it has ended
            break
        if b"[y/N] " in shown and not answered:
            os.write(terminal, answer.encode())
            answered = True
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@pytest.mark.parametrize("answer,deleted", [("y\n", True), ("n\n", False), ("\n", False)], ids=["y", "n", "Enter"])
def test_at_a_terminal_shredding_a_file_that_others_can_read_is_offered(download, enrolled, answer, deleted):
    status, shown = on_a_terminal(enrolled, ["credential", "rotate", PROFILE, "--file", str(download)], answer)
    assert status == 0, shown
    assert f"warning: others on this device can read {download}" in shown and f"Shred {download} now? [y/N] " in shown
    assert download.exists() != deleted and ("overwritten and deleted" in shown) == deleted
    assert enrolled.second["clientSecret"] not in shown
    assert versions(enrolled) == {"current": 2, "previous": 1}


def test_at_a_terminal_nothing_is_asked_about_a_file_of_ones_own(download, enrolled):
    download.chmod(0o600)
    status, shown = on_a_terminal(enrolled, ["credential", "rotate", PROFILE, "--file", str(download)], "y\n")
    assert status == 0 and "Shred" not in shown and "warning" not in shown and download.exists()


def test_a_file_whose_credential_was_refused_is_not_offered_for_shredding(download, enrolled):
    download.write_text(json.dumps({**enrolled.second, "clientSecret": "0" * 64}))
    status, shown = on_a_terminal(enrolled, ["credential", "rotate", PROFILE, "--file", str(download)], "y\n")
    assert status == 6 and "Shred" not in shown and download.exists()


def test_without_a_terminal_there_is_a_warning_with_the_command_and_no_question(download, enrolled):
    done = enrolled.fob("credential", "rotate", PROFILE, "--file", str(download), stdin="y\n")
    assert done.returncode == 0
    assert f"warning: others on this device can read {download}" in done.stderr
    assert f"shred -u {download}" in done.stderr
    assert "[y/N]" not in done.stderr and download.exists()


@pytest.mark.parametrize("command,waits_for", [
    (["credential", "rotate", PROFILE, "--file", "second.json"], "as a trial"), (["refresh"], "to get a token"), (["doctor"], "endpoints")],
    ids=lambda value: value[0] if isinstance(value, list) else "")
def test_a_terminal_shows_what_is_waited_for_as_long_as_that_takes(sandbox, enrolled, tmp_path, command, waits_for):
    (tmp_path / "second.json").write_text(json.dumps(sandbox.create_credential()))
    (tmp_path / "second.json").chmod(0o600)
    command = [str(tmp_path / word) if word.endswith(".json") else word for word in command]
    enrolled.start()
    shown = on_a_terminal(enrolled, command)[1]
    assert f"{waits_for} …\r\033[K" in shown
    assert " …" not in on_a_terminal(enrolled, command, term="dumb")[1]
