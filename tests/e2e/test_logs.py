"""What the log says, how loud, and how much: as lines on stderr, and with fields in a journal that the test plays."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from fob import BIN, wait_until

pytestmark = pytest.mark.native  # root makes a mount namespace, in which the journal's socket is the test's

NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}
ERROR, WARNING, NOTICE, INFO = "3456"
LINE = re.compile(r"(error|warning|notice|info): \S.*")


def stream_of(file):
    """How systemd names a stream to the program that has it as stderr."""
    about = os.fstat(file.fileno())
    return f"{about.st_dev}:{about.st_ino}"


class Journal:
    """The journal's side of its socket: what the daemon sends, by its fields."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.directory / "socket"))
        self.datagrams = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        """As journald does, at once: the kernel queues few of them."""
        while datagram := self.socket.recv(1 << 20):
            self.datagrams.append(datagram)

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.directory / "socket"))
        self.reader.join()
        self.socket.close()

    def command(self, *command):
        """The command line that runs a program where this is the journal."""
        script = f'mount -t tmpfs none /run && mkdir -p /run/systemd && ln -s {self.directory} /run/systemd/journal && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, "sh", *map(str, command)]

    def records(self, **fields):
        records = [dict(line.split("=", 1) for line in datagram.decode().splitlines()) for datagram in self.datagrams]
        return [record for record in records if fields.items() <= record.items()]

    def record(self, **fields):
        """The one with these fields, once it is there."""
        found = wait_until(lambda: self.records(**fields), f"a record with {fields} among {self.records()}")
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def journal(tmp_path):
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no mount namespace can be made here: that takes root (CAP_SYS_ADMIN)")
    made = Journal(tmp_path / "journal")
    yield made
    made.close()


@pytest.fixture
def told(enrolled, journal):
    """A daemon whose stderr leads to the journal, as it believes."""
    def start():
        with open(enrolled.log, "ab") as log:
            enrolled.daemon = subprocess.Popen(journal.command(BIN / "fobd", *enrolled.flags()), stderr=log, stdin=subprocess.DEVNULL,
                                               stdout=subprocess.DEVNULL, env={**os.environ, "JOURNAL_STREAM": stream_of(log)})
        wait_until(lambda: enrolled.answers() or enrolled.daemon.poll() is not None, "fobd starts")
        assert enrolled.daemon.poll() is None, enrolled.log.read_text()
    enrolled.start = start
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    yield enrolled
    assert enrolled.log.read_text() == "", "what the journal took is not said twice"


def refused_to_nobody(installation):
    """An app of another user asks; it is told that it may not."""
    for path in (installation.directory, *installation.directory.parents):
        if str(path).startswith("/tmp/pytest"):
            path.chmod(0o755)

    def status():
        done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", installation.app.path,
                               "http://fob/v1/token?profile=prod-query"], capture_output=True, text=True, check=False, **NOBODY)
        return done.stdout
    wait_until(lambda: status() == "403", "another user is refused")


def test_a_refused_credential_is_an_error_and_its_end_a_notice(sandbox, told, journal):
    fingerprint = told.app.token()[1]["fingerprint"]
    taken = journal.record(FOB_EVENT="token")
    assert (taken["PRIORITY"], taken["FOB_PROFILE"], taken["FOB_FINGERPRINT"]) == (INFO, "prod-query", fingerprint)
    assert taken["SYSLOG_IDENTIFIER"] == "fobd" and taken["FOB_CREDENTIAL_VERSION"] == "1"
    sandbox.deactivate(told.credential)
    assert told.fob("refresh").returncode == 6
    alarm = journal.record(FOB_EVENT="alarm")
    assert (alarm["PRIORITY"], alarm["FOB_PROFILE"], alarm["FOB_KIND"]) == (ERROR, "prod-query", "rejected")
    assert "ALARM" in alarm["MESSAGE"] and "fob credential rotate prod-query" in alarm["MESSAGE"]
    sandbox.admin("POST", f"/credentials/{told.credential['clientId']}/activate")
    assert told.fob("refresh").returncode == 0
    assert journal.record(FOB_EVENT="alarm-over")["PRIORITY"] == NOTICE
    assert {record["PRIORITY"] for record in journal.records(FOB_PROFILE="prod-query")} <= {ERROR, NOTICE, INFO}


def test_each_priority_says_what_its_reader_should_do(sandbox, told, journal):
    refused_to_nobody(told)
    refused = journal.record(FOB_EVENT="refused")
    assert (refused["PRIORITY"], refused["FOB_DECISION"], refused["FOB_PEER_UID"]) == (NOTICE, "refused", "65534")
    sandbox.fault("status", status=500)
    assert told.fob("refresh").returncode == 5
    failed = journal.record(FOB_EVENT="refresh-failed")
    assert (failed["PRIORITY"], failed["FOB_KIND"]) == (WARNING, "bad-answer") and "the token at hand lives" in failed["MESSAGE"]
    assert told.fob("reload").returncode == 0
    assert journal.record(FOB_EVENT="reloaded")["PRIORITY"] == NOTICE
    good = told.config.read_text()
    told.configure(good + '[[grant]]\nprofiles = ["prod-query"]\nuser = "no-such-user"\n')
    assert told.fob("reload").returncode == 0
    assert "no-such-user" in journal.record(FOB_EVENT="void-grant", PRIORITY=WARNING)["MESSAGE"]
    told.configure(good + "nonsense = 1\n")
    assert told.fob("reload").returncode == 7
    assert "stays in force" in journal.record(FOB_EVENT="reload-failed", PRIORITY=ERROR)["MESSAGE"]
    told.configure(good)
    assert told.stop() == 0
    assert journal.record(FOB_EVENT="started")["PRIORITY"] == journal.record(FOB_EVENT="ended")["PRIORITY"] == INFO
    assert all(record["FOB_EVENT"] and record["MESSAGE"] for record in journal.records())


def test_a_start_that_fails_is_an_error_with_its_kind(enrolled, journal):
    enrolled.configure("[profil.x]\n")
    with open(enrolled.log, "wb") as log:
        done = subprocess.run(journal.command(BIN / "fobd", *enrolled.flags()), stderr=log, check=False,
                              env={**os.environ, "JOURNAL_STREAM": stream_of(log)})
    assert done.returncode == 7
    gave_up = journal.record(FOB_EVENT="gave-up")
    assert (gave_up["PRIORITY"], gave_up["FOB_KIND"]) == (ERROR, "config") and "did you mean 'profile'" in gave_up["MESSAGE"]


def test_where_the_journal_takes_nothing_the_line_goes_there_by_stderr_with_its_priority(enrolled, journal):
    (journal.directory / "socket").rename(journal.directory / "away")
    enrolled.configure("[profil.x]\n")
    with open(enrolled.log, "wb") as log:
        subprocess.run(journal.command(BIN / "fobd", *enrolled.flags()), stderr=log, check=False,
                       env={**os.environ, "JOURNAL_STREAM": stream_of(log)})
    (journal.directory / "away").rename(journal.directory / "socket")
    assert re.fullmatch(r"<3>.*did you mean 'profile'.*\n", enrolled.log.read_text())


@pytest.mark.parametrize("program,arguments,words", [
    ("fob-exchange", ["--for-user", "no-such-user"], "there is no user no-such-user"),
    ("fob-witness", ["--for-user", "no-such-user"], "there is no user no-such-user"),
])
def test_helpers_without_a_socket_give_their_lines_a_priority_where_stderr_is_the_journal(tmp_path, program, arguments, words):
    with open(tmp_path / "stderr", "w+") as log:
        for environment, start in (({"JOURNAL_STREAM": stream_of(log)}, "<3>"), ({"JOURNAL_STREAM": "1:1"}, f"{program}: "), ({}, f"{program}: ")):
            log.seek(0)
            log.truncate()
            done = subprocess.run([BIN / program, *arguments], stderr=log, stdin=subprocess.DEVNULL, check=False, env=environment)
            assert done.returncode in (1, 2)
            text = (tmp_path / "stderr").read_text()
            assert text.startswith(start + words) and text.count("\n") == 1, text


def flap(sandbox, installation):
    """Whoever asks makes it exchange, and the authority is there and gone."""
    for _ in range(25):
        for status in (500, 503, None):
            if status:
                sandbox.fault("status", status=status)
            else:
                sandbox.mend()
            installation.control.request("POST", "/v1/refresh", {"profile": "prod-query"})


def hammer(installation):
    """Apps that ask for what they do not get, in every way."""
    for _ in range(300):
        installation.app.request("GET", "/v1/token?profile=nope")
        installation.app.request("GET", "/v1/nonsense")
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(installation.app.path))
            s.sendall(b"\r\n\x00\x1b[31m\n" * 3)
    for _ in range(20):
        refused_to_nobody(installation)


def test_hostile_apps_and_an_authority_that_comes_and_goes_do_not_flood_it(sandbox, enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    begun = len(enrolled.log.read_text().splitlines())
    flap(sandbox, enrolled)
    hammer(enrolled)
    sandbox.mend()
    assert enrolled.app.token()[0] == 200
    lines = enrolled.log.read_text().splitlines()[begun:]
    # What a busy machine takes more than a minute for, it may tell of again.
    assert len(lines) < 30, "\n".join(lines)
    assert sum("no new token" in line for line in lines) <= 4
    failed = int(re.search(r'^fob_exchanges_total\{profile="prod-query",result="failed"\} (\d+)$',
                           enrolled.control.request("GET", "/metrics")[2], re.M)[1])
    assert failed >= 50, "and what it retried by itself meanwhile"
    assert enrolled.stop() == 0
    lines = enrolled.log.read_text().splitlines()
    assert all(LINE.fullmatch(line) for line in lines), "one event, one line"
    counted = sum(int(n) for line in lines if "no new token" in line for n in re.findall(r"the same (\d+) times more", line))
    told = sum("no new token" in line and "times more" not in line for line in lines)
    assert told + counted == failed, "what is not said is counted, and told at the end at the latest"


def test_nothing_of_a_whole_life_is_said_with_a_secret_or_a_token(sandbox, told, journal):
    secrets = {told.credential["clientSecret"]}

    def take():
        secrets.add(told.app.token()[1]["access_token"])
    take()
    for _ in range(2):
        assert told.fob("refresh").returncode == 0
        take()
    told.app.request("POST", "/v1/token/rejected", {"access_token": told.app.token()[1]["access_token"]})
    take()
    refused_to_nobody(told)
    sandbox.deactivate(told.credential)
    assert told.fob("refresh").returncode == 6
    new = sandbox.create_credential()
    secrets.add(new["clientSecret"])
    told.enrol(new)
    take()
    wrong = {**new, "clientSecret": "not-the-secret-of-any-credential"}
    secrets.add(wrong["clientSecret"])
    assert told.fob("credential", "rotate", "prod-query", "-", stdin=json.dumps(wrong)).returncode == 6
    sandbox.fault("status", status=500)
    told.fob("refresh")
    assert told.stop(signal.SIGTERM) == 0
    wait_until(lambda: journal.records(FOB_EVENT="ended"), "all is read")
    text = b"".join(journal.datagrams)
    assert len(secrets) >= 6 and text.count(b"FOB_EVENT=") > 10
    assert journal.records(FOB_EVENT="alarm") and journal.records(FOB_EVENT="refused"), "it was a whole life"
    for secret in secrets:
        assert secret.encode() not in text
        assert secret.encode() not in told.log.read_bytes()
