"""The daemon's life: start, stop, reload, a stale socket, a second daemon; and the command line beside it."""
import json
import os
import signal
import stat
import subprocess

from fob import BIN, wait_until


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_it_ends_cleanly_on_sigterm_and_removes_its_sockets(enrolled):
    enrolled.start()
    assert mode_of(enrolled.app.path) == 0o666
    assert mode_of(enrolled.control.path) in (0o600, 0o660)
    assert enrolled.stop() == 0
    assert not os.path.exists(enrolled.app.path) and not os.path.exists(enrolled.control.path)


def test_sockets_left_by_a_killed_daemon_are_replaced(enrolled):
    enrolled.start()
    enrolled.stop(signal.SIGKILL)
    assert os.path.exists(enrolled.app.path)
    enrolled.start()
    assert enrolled.app.token()[0] == 200


def test_a_second_daemon_is_refused_and_the_first_serves_on(enrolled):
    enrolled.start()
    second = subprocess.run([BIN / "fobd", *enrolled.flags()], capture_output=True, text=True, timeout=30)
    assert second.returncode == 7
    assert f"process {enrolled.daemon.pid}" in second.stderr and "--runtime-dir" in second.stderr
    assert enrolled.app.token()[0] == 200


def test_sighup_and_fob_reload_take_a_new_configuration_and_keep_the_token(sandbox, enrolled):
    enrolled.start()
    before = enrolled.app.token()[1]["fingerprint"]
    enrolled.configure_for(sandbox, extra='\n[profile.second]\nrefresh = "on-demand"\n')
    enrolled.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: "second" in enrolled.app.request("GET", "/v1/profiles")[2], "the reload")
    assert enrolled.app.token("?profile=prod-query")[1]["fingerprint"] == before
    enrolled.configure_for(sandbox)
    assert enrolled.fob("reload").returncode == 0
    assert "second" not in enrolled.app.request("GET", "/v1/profiles")[2]


def test_a_bad_configuration_on_reload_keeps_the_old_one_in_force(enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    enrolled.configure("[profil.x]\n")
    done = enrolled.fob("reload")
    assert done.returncode == 7 and "did you mean 'profile'" in done.stderr
    assert enrolled.app.token()[0] == 200


def test_health_tells_whether_every_profile_has_a_token(sandbox, installation):
    installation.configure_for(sandbox)
    installation.start()
    assert installation.app.request("GET", "/healthz")[0] == 503
    installation.enrol(sandbox.create_credential())
    assert installation.app.request("GET", "/healthz")[0] == 200


def test_profiles_and_status_hold_no_token(enrolled):
    enrolled.start()
    token = enrolled.app.token()[1]["access_token"]
    for text in (enrolled.app.request("GET", "/v1/profiles")[2], enrolled.control.request("GET", "/v1/status")[2],
                 enrolled.fob("status").stdout, enrolled.fob("status", "--json").stdout):
        assert "prod-query" in text and token not in text and enrolled.credential["clientSecret"] not in text
    assert json.loads(enrolled.fob("status", "--json").stdout)["profiles"][0]["state"] == "valid"


def test_fob_token_prints_the_token_in_each_form(enrolled):
    enrolled.start()
    token = enrolled.app.token()[1]["access_token"]
    assert enrolled.fob("token").stdout == token + "\n"
    assert enrolled.fob("token", "prod-query", "--header").stdout == f"Authorization: Bearer {token}\n"
    assert json.loads(enrolled.fob("token", "--json").stdout)["access_token"] == token
    assert enrolled.fob("token", "--min-ttl", "5").stdout == token + "\n"


def test_fob_exec_gives_a_program_the_token_and_passes_its_status_on(enrolled):
    enrolled.start()
    token = enrolled.app.token()[1]["access_token"]
    done = enrolled.fob("exec", "--", "sh", "-c", 'echo "$FOB_TOKEN $FOB_PROFILE $FOB_SOCKET"; exit 42')
    assert done.returncode == 42
    assert done.stdout == f"{token} prod-query {enrolled.app.path}\n"
    assert enrolled.fob("exec", "prod-query", "--", "ls", "--version").returncode == 0
    assert enrolled.fob("exec", "--", "no-such-program").returncode == 127


def test_a_removed_credential_ends_its_token(enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    assert enrolled.fob("credential", "remove", "prod-query").returncode == 0
    wait_until(lambda: enrolled.app.token("?wait=0")[0] == 503, "the token is gone")
    assert enrolled.fob("credential", "list", "--json").stdout.strip() == "[]"


def test_refresh_waits_for_its_outcome(sandbox, enrolled):
    enrolled.start()
    before = enrolled.app.token()[1]["fingerprint"]
    assert enrolled.fob("refresh", "prod-query").returncode == 0
    assert enrolled.app.token()[1]["fingerprint"] != before
    sandbox.deactivate(enrolled.credential)
    assert enrolled.fob("refresh").returncode == 6
    assert enrolled.app.token()[0] == 200, "its tokens live on until they expire"


def test_every_program_explains_itself_and_refuses_what_it_does_not_know(tmp_path):
    for program in ("fob", "fobd", "fob-exchange", "fob-authority"):
        helped = subprocess.run([BIN / program, "--help"], capture_output=True, text=True, timeout=30)
        assert helped.returncode == 0 and "--help" in helped.stdout, program
        wrong = subprocess.run([BIN / program, *(["--dir", tmp_path] if program == "fob-authority" else []), "--no-such-flag"],
                               capture_output=True, text=True, timeout=30)
        assert wrong.returncode == 2 and "no-such-flag" in wrong.stderr, program


def test_on_demand_makes_no_traffic_until_an_app_asks(sandbox, installation):
    installation.configure_for(sandbox, extra='refresh = "on-demand"\n')
    installation.enrol(sandbox.create_credential(), "prod-query", "--no-trial")
    installation.start()
    assert sandbox.exchanges() == 0
    assert installation.app.token()[0] == 200
    assert sandbox.exchanges() == 1
