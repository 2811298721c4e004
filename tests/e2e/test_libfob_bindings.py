"""libfob in C, C++, Python and C#, against a real daemon and a real authority: each gets the same answers."""
import asyncio
import hashlib
import os
import pwd
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fob import PATIENCE, wait_until
from libfob_app import (APPS, CLIENT, COMPILE, CONFIG, LIBRARIES, LIBRARY, NO_TOKEN, NOT_GRANTED, NOT_RUNNING, OK, REJECTED,
                        ROOT, SOURCES, USAGE, LibfobApp, compile_csharp, environment, must)

# A library that is not instrumented is loaded into a program that is not either.
pytestmark = pytest.mark.native

sys.path.insert(0, str(CLIENT / "python"))
import libfob  # noqa: E402  (it is what is tested)


@pytest.fixture(scope="module", params=SOURCES)
def command(request, tmp_path_factory):
    """How the app in this language is started."""
    language = request.param
    return COMPILE[language](APPS / SOURCES[language], tmp_path_factory.mktemp("app") / language)


@pytest.fixture
def run(command):
    """run([PROFILE [, SOCKET]], VARIABLE=…): an app that runs, and ends well."""
    started = []

    def start(*arguments, **variables):
        started.append(LibfobApp(command, *arguments, **variables))
        return started[-1]
    yield start
    assert [app.stop() for app in started] == [0] * len(started)


@pytest.fixture
def serving(enrolled):
    enrolled.start()
    assert enrolled.app.token("?wait=30")[0] == 200
    return enrolled


def settled(app):
    """The number of change, once the link to fobd stands: that it came is a change too."""
    def stays():
        seen = app.change()
        return app.wait(seen, 300) == seen and seen
    return wait_until(stays, "no more changes")


@pytest.fixture
def app(run, serving):
    return run("", serving.app.path)


@pytest.fixture
def source(serving):
    with libfob.TokenSource(socket=serving.app.path, library=LIBRARY) as made:
        yield made


def test_the_api_accepts_the_token_that_an_app_gets(app, serving, sandbox):
    text, fingerprint, expires_in_ms = app.get()
    assert sandbox.call_api(text) == 200
    assert text == serving.app.token()[1]["access_token"]
    assert fingerprint == hashlib.sha256(text.encode()).hexdigest()[:8]
    assert 250_000 < expires_in_ms <= 300_000
    assert app.get()[0] == text


def test_a_token_is_not_shown_where_it_is_printed(app):
    text, fingerprint, _ = app.get()
    assert text not in app.shown
    assert fingerprint in app.shown or app.shown in ("fob_token", "fob::app::Token")


def test_socket_and_profile_come_from_the_environment(run, serving):
    assert run(FOB_SOCKET=serving.app.path).get()[0] == run(FOB_RUNTIME_DIR=serving.runtime).get()[0]
    status, words = run(FOB_SOCKET=serving.app.path, FOB_PROFILE="no-such").ask("get", -1, 0)
    assert status == CONFIG and "no-such" in words


def test_without_a_daemon_it_is_said_in_words(run, tmp_path):
    began = time.monotonic()
    status, words = run("", tmp_path / "nobody.sock").ask("get", -1, 0)
    assert status == NOT_RUNNING and "fobd" in words and "nobody.sock" in words
    assert time.monotonic() - began < 5


def test_a_daemon_that_comes_within_the_wait_is_in_time(run, enrolled):
    app = run("", enrolled.app.path)
    app.begin("get", -1, 30_000)
    enrolled.start()
    assert app.answer()[0] == OK


def test_an_app_without_a_grant_is_told_what_says_why(run, enrolled, sandbox):
    user = pwd.getpwuid(os.getuid()).pw_name
    enrolled.configure_for(sandbox, extra='\n[profile.staging]\nrefresh = "on-demand"\n'
                                          f'\n[[grant]]\nprofiles = ["prod-query"]\nuser = "{user}"\n')
    enrolled.start()
    status, words = run("staging", enrolled.app.path).ask("get", -1, 1000)
    assert status == NOT_GRANTED and "fob explain --pid" in words


def test_a_credential_that_is_refused_is_an_operators_business(run, sandbox, installation):
    installation.configure_for(sandbox)
    credential = sandbox.create_credential()
    installation.enrol(credential)
    sandbox.deactivate(credential)
    installation.start()
    app = run("", installation.app.path)
    status = wait_until(lambda: (s := app.ask("get", -1, 5000))[0] not in (NO_TOKEN, OK) and s, "it is refused")
    assert status[0] == REJECTED and status[1]


def test_a_name_that_cannot_be_one_is_told_from_one_that_is_not_known(command):
    done = subprocess.run([*command, "a b&c"], capture_output=True, text=True, timeout=PATIENCE, env=environment(), check=False)
    assert done.returncode == 1 and re.match(rf"{USAGE} \w+", done.stdout), done.stdout + done.stderr


def test_a_rejected_token_is_replaced(sandbox, enrolled, run):
    enrolled.start()
    app = run("", enrolled.app.path)
    old = app.get()[0]
    assert app.ask("reject") == (OK, "")
    new = app.get()[0]
    assert new != old and sandbox.call_api(new) == 200
    status, words = app.ask("reject")
    assert status == NO_TOKEN and words, "it has just replaced one: the API has another reason"


def test_a_change_is_waited_for(app, serving, sandbox):
    before, seen = app.get()[0], settled(app)
    assert app.wait(seen, 50) == seen
    app.begin("wait", seen, -1)
    assert serving.fob("refresh").returncode == 0
    status, now = app.answer()
    assert status == OK and int(now) != seen
    wait_until(lambda: app.get()[0] != before, "the new token")
    assert app.wait(0, 0) == app.change() != 0, "whoever has seen nothing does not wait"


def test_an_event_loop_hears_of_a_change(app, serving):
    before = app.get()[0]
    while app.must("poll", 300) == "readable":
        app.must("acknowledge")
    assert serving.fob("refresh").returncode == 0
    assert app.must("poll", PATIENCE * 1000) == "readable"
    assert app.must("poll", 0) == "readable", "until it is acknowledged"
    app.must("acknowledge")
    wait_until(lambda: app.get()[0] != before, "the new token")


def test_a_restart_of_the_daemon_is_nothing_to_an_app(app, serving, sandbox):
    app.get()
    seen = settled(app)
    serving.stop()
    serving.start()
    assert sandbox.call_api(app.get(wait_ms=30_000)[0]) == 200, "be it the old one, or the new fobd's"
    assert app.wait(seen, PATIENCE * 1000) != seen
    wait_until(lambda: app.get()[0] == serving.app.token()[1]["access_token"], "the new fobd's token")


def test_a_daemon_that_stands_still_keeps_no_app_from_its_token(app, serving):
    text = app.get()[0]
    settled(app)
    serving.daemon.send_signal(signal.SIGSTOP)
    try:
        assert app.get(wait_ms=0)[0] == text
    finally:
        serving.daemon.send_signal(signal.SIGCONT)


def test_a_grant_that_ends_is_heard_of_at_once(app, serving, sandbox):
    app.get()
    seen = settled(app)
    app.begin("wait", seen, PATIENCE * 1000)
    serving.configure_for(sandbox, extra='\n[[grant]]\nprofiles = ["prod-query"]\nuser = "nobody"\n')
    assert serving.fob("reload").returncode == 0
    assert int(app.answer()[1]) != seen
    status, words = app.ask("get", -1, 0)
    assert status == NOT_GRANTED and "fob explain --pid" in words


def test_a_living_token_is_served_while_the_authority_is_away_and_then_the_reason_is_told(sandbox, enrolled, run):
    sandbox.settings(lifetime_s=3)
    enrolled.start()
    app = run("", enrolled.app.path)
    app.get()
    sandbox.fault("status", status=500)
    assert app.get(wait_ms=0)[2] > 0
    wait_until(lambda: (answer := app.ask("get", -1, 0))[0] == NO_TOKEN and "500" in answer[1], "the reason, once it is dead")
    sandbox.mend()
    assert sandbox.call_api(app.get(wait_ms=60_000)[0]) == 200


def test_a_token_outlives_its_source(app):
    text = app.get()[0]
    app.must("close")
    assert app.must("token") == text


def test_a_fresher_token_is_fetched_for_a_min_ttl(sandbox, enrolled, run):
    sandbox.settings(lifetime_s=20)
    enrolled.start()
    app = run("", enrolled.app.path)
    old = app.get()[0]
    time.sleep(2.5)  # a tenth of its life must be over
    text, _, expires_in_ms = app.get(min_ttl_ms=18_500)
    assert text != old and expires_in_ms > 17_500


def test_a_unity_project_can_bring_its_own_libfob(serving, tmp_path):
    started = compile_csharp(APPS / "App.cs", tmp_path / "bundled", "-d:FOB_BUNDLED")
    bundle = tmp_path / "Plugins"
    bundle.mkdir()
    (bundle / "libfob.so").write_bytes(LIBRARY.read_bytes())
    app = LibfobApp(started, "", serving.app.path, LD_LIBRARY_PATH=bundle)
    assert app.get()[0] == serving.app.token()[1]["access_token"]
    assert app.stop() == 0


def test_csharp_disposes_of_a_source_that_another_thread_waits_on(serving, tmp_path):
    app = LibfobApp(compile_csharp(APPS / "App.cs", tmp_path / "app"), "", serving.app.path)
    text = app.get()[0]
    assert app.must("dispose-while-another-thread-waits") == "told"
    assert app.must("token") == text
    assert app.stop() == 0


def test_csharp_calls_what_there_is():
    """A runtime looks for one when it is called for the first time; here, for all of them at once."""
    declared = set(re.findall(r"extern \w+ (fob_\w+)\(", (CLIENT / "csharp/LibFob.cs").read_text()))
    exported = set(re.findall(r"\b(fob_\w+)@", must("nm", "-D", "--defined-only", LIBRARY)))
    assert len(declared) == 15 and declared <= exported


# Python alone.

def test_python_raises_an_exception_of_the_kind(tmp_path, source):
    assert issubclass(libfob.NotRunning, libfob.FobError) and issubclass(libfob.UsageError, ValueError)
    with libfob.TokenSource(socket=tmp_path / "nobody.sock", library=LIBRARY) as nobody:
        with pytest.raises(libfob.NotRunning) as raised:
            nobody.get(wait=0)
        assert raised.value.status is libfob.Status.NOT_RUNNING
    with pytest.raises(libfob.UsageError):
        libfob.TokenSource("a b&c", library=LIBRARY)
    with pytest.raises(libfob.UsageError):
        source.get(wait=3600)
    for call in (lambda: source.get(min_ttl=-0.001), lambda: source.get(wait=-1), lambda: source.get(min_ttl=float("nan")),
                 lambda: source.get(min_ttl=1e300), lambda: source.wait(1, -1),
                 lambda: libfob.TokenSource("a\0b", library=LIBRARY), lambda: libfob.TokenSource(socket="/a\0b", library=LIBRARY)):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(OSError):
        libfob.TokenSource(library=tmp_path / "libfob.so.0")
    assert re.fullmatch(r"\d+\.\d+\.\d+", libfob.version(LIBRARY))


def test_python_takes_the_text_of_a_rejected_token_too(source):
    old = source.get().text
    source.report_rejected(old)
    assert source.get().text != old
    source.report_rejected("one.that.was.replaced.long.ago")
    with pytest.raises(libfob.NoToken):
        source.report_rejected(source.get().text)


def test_python_refuses_a_closed_source_and_keeps_its_tokens(source):
    token = source.get()
    source.close()
    source.close()
    for call in (source.get, source.change, source.fileno, source.acknowledge, lambda: source.wait(1),
                 lambda: source.report_rejected(token)):
        with pytest.raises(ValueError):
            call()
    assert token.text and token.expires_in > 0


def test_python_closes_a_source_that_another_thread_waits_on(source):
    source.get()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(wait_on, source) for _ in range(2)]
        source.close()
        for wait in waiting:
            assert isinstance(wait.exception(PATIENCE), ValueError)


def wait_on(source):
    """For ever, whatever changes."""
    seen = source.change()
    while True:
        seen = source.wait(seen)


def test_python_shares_a_source_among_threads(source, sandbox):
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: source.get().text, range(800)))
    assert len(set(tokens)) == 1 and sandbox.exchanges() == 1


def test_other_python_threads_run_while_one_waits_for_a_token(enrolled):
    with libfob.TokenSource(socket=enrolled.app.path, library=LIBRARY) as source, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(source.get, wait=30)
        enrolled.start()
        assert waiting.result(PATIENCE).text


def test_a_forked_python_goes_on_with_its_parents_source(source):
    text = source.get().text
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if source.get().text == text and source.fileno() >= 0 else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert source.get().text == text


def test_asyncio_hears_of_a_change(source, serving):
    async def next_token():
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(source, lambda: (source.acknowledge(), changed.set()))
        before = await loop.run_in_executor(None, source.get)
        assert serving.fob("refresh").returncode == 0
        try:
            while (token := await loop.run_in_executor(None, source.get)).text == before.text:
                changed.clear()
                await asyncio.wait_for(changed.wait(), PATIENCE)
            return token
        finally:
            loop.remove_reader(source)
    assert asyncio.run(next_token()).text == serving.app.token()[1]["access_token"]


def test_control_c_ends_pythons_waiting(serving):
    # Whoever was started in a shell's background has it ignored, and hands that on.
    text = ("import libfob, os, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nsource = "
            "libfob.TokenSource(library=os.environ['FOB_LIBRARY'])\nseen = source.change()\nprint(flush=True)\nwhile True: seen = source.wait(seen)")
    with subprocess.Popen([sys.executable, "-B", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment(FOB_SOCKET=serving.app.path)) as waiting:
        waiting.stdout.readline()
        waiting.send_signal(signal.SIGINT)
        assert waiting.stderr.read().rstrip().endswith("KeyboardInterrupt")


# The programs that are shown.

def test_the_programs_of_the_guide_run_as_they_are_shown(serving, tmp_path):
    guide = (ROOT / "docs/libfob.md").read_text()
    shown = {language: re.findall(rf"^```{language}\n(.*?)^```$", guide, re.M | re.S) for language in COMPILE}
    assert all(shown.values()), "one in each language"
    suffix = {"c": ".c", "cpp": ".cpp", "python": ".py", "csharp": ".cs"}
    for language, texts in shown.items():
        for number, text in enumerate(texts):
            file = tmp_path / f"{language}{number}{suffix[language]}"
            file.write_text(text)
            command = COMPILE[language](file, tmp_path / f"{language}{number}")
            done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE, check=False,
                                  env=environment(FOB_SOCKET=serving.app.path))
            assert (done.returncode, done.stderr) == (0, ""), (language, number)
            answer = serving.app.token()[1]
            assert done.stdout.startswith(answer["fingerprint"]) or language == "c"
            assert answer["access_token"] not in done.stdout
