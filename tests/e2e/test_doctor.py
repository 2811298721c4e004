"""fob doctor: each seeded fault is named by its own check, and the command that it gives mends it.

The commands are run by a shell as they are printed. What a person has to know beside them is little: the right
certificate, the keyring's password, the new credential, how the configuration should read.
"""
import json
import os
import signal
import subprocess
import time

import pytest

from fob import PATIENCE, Installation, Sandbox, wait_until
from test_clocks import Device
from test_stores import PASSWORD, desktop, installation, keyring, start_keyring  # noqa: F401: fixtures

CHECKS = ["configuration", "permissions", "sockets", "daemon", "store", "key", "clock", "dns", "proxy", "tls",
          "endpoint", "credential", "scopes", "token", "grants", "units", "sandbox", "version"]
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="to be another user takes root")
# A sanitizer's runtime makes system calls of its own, so fobd has no filter of them there; and the doctor says that it
# has none, which is right.
UNCONFINED = ["sandbox"] if os.environ.get("FOB_SANITIZED") else []


def examined(installation):
    """(exit status, findings) of fob doctor --json."""
    done = installation.fob("doctor", "--json")
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    verdicts = {finding["verdict"] for finding in report["checks"]}
    assert report["verdict"] == ("fail" if "fail" in verdicts else "warn" if "warn" in verdicts else "pass")
    assert (done.returncode != 0) == ("fail" in verdicts), done.stdout
    assert [finding["check"] for finding in report["checks"]] == sorted(
        (finding["check"] for finding in report["checks"]), key=CHECKS.index)
    return done.returncode, report["checks"]


def assert_well(installation):
    status, findings = examined(installation)
    bad = [finding for finding in findings if finding["verdict"] in ("fail", "warn")]
    assert [finding["check"] for finding in bad] == UNCONFINED, bad
    assert (status == 0) == (not bad), bad


def of_check(findings, check):
    return next(finding for finding in findings if finding["check"] == check)


def fault(installation, check, *words):
    """The one failed finding of this check, which is the first that failed, and says these words."""
    status, findings = examined(installation)
    failed = [finding for finding in findings if finding["verdict"] == "fail"]
    assert failed and failed[0]["check"] == check, findings
    for word in words:
        assert word in failed[0]["what"], failed[0]
    return status, failed[0]


def run(command, stdin="", **environment):
    """As a person runs it; what it starts in the background is not waited for."""
    done = subprocess.run(["sh", "-c", command], input=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, timeout=PATIENCE, env={"PATH": os.environ["PATH"], **environment})
    assert done.returncode == 0, (command, done.stderr)


@pytest.fixture
def serving(enrolled):
    """All is well: a daemon with a token. Whatever daemon runs at the end is ended."""
    enrolled.start()
    wait_until(lambda: enrolled.status()["state"] == "valid", "the first token")
    yield enrolled
    end_daemon(enrolled)


def open_to_others(sandbox, installation):
    """As the directories of a real installation are, whose files others may reach."""
    installation.config.chmod(0o644)
    (sandbox.directory / "ca.pem").chmod(0o644)
    for directory in [sandbox.directory, installation.runtime, installation.directory, *installation.directory.parents]:
        if os.stat(directory).st_mode & 0o005 != 0o005 and str(directory).startswith("/tmp/"):
            directory.chmod(0o755)


def of_nobody(installation):
    """(exit status, findings by check) for the user nobody."""
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", os.environ["FOB_BIN"] + "/fob",
                           *installation.flags(), "doctor", "--json"], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, {finding["check"]: finding for finding in json.loads(done.stdout)["checks"]}


def end_daemon(installation):
    if installation.daemon is None and installation.answers():
        os.kill(json.loads(installation.control.request("GET", "/v1/status")[2])["pid"], signal.SIGKILL)


def gone(installation):
    """The daemon was killed, and its sockets are still there."""
    installation.daemon.kill()
    installation.daemon.wait(PATIENCE)
    installation.daemon = None


def well_again(installation):
    wait_until(installation.answers, "fobd is back")
    wait_until(lambda: installation.status()["state"] == "valid", "a token")
    assert_well(installation)


def test_it_finds_nothing_where_all_is_well_and_prints_nothing_secret(serving):
    assert_well(serving)
    token = serving.app.token()[1]["access_token"]
    for flags in ([], ["--json"]):
        done = serving.fob("doctor", *flags)
        assert done.stderr == ""
        for secret in (serving.credential["clientSecret"], serving.credential["clientId"], token):
            assert secret not in done.stdout


@pytest.mark.native  # see UNCONFINED
def test_the_screen_says_in_the_end_that_all_is_well(serving):
    done = serving.fob("doctor")
    assert done.returncode == 0 and "all is well" in done.stdout.splitlines()[-1]


def test_it_sends_no_credential_and_asks_for_no_token(sandbox, serving):
    def asked():
        stats = sandbox.admin("GET", "/stats")["token"]
        return stats["issued"], stats["rejected"], stats["total"] - stats["malformed"]

    before = asked()
    for _ in range(3):
        assert_well(serving)
    assert asked() == before


def test_the_screen_has_a_line_for_each_check_and_the_command_below_it(serving):
    serving.stop()  # and what does not run is not called unconfined
    screen = serving.fob("doctor").stdout.splitlines()
    at = next(number for number, line in enumerate(screen) if line.startswith("fail  daemon"))
    assert "fobd does not run" in screen[at] and screen[at + 1].strip().startswith("$ nohup ")
    assert screen[-1].startswith("1 failed, 0 to look at")


# ---- the twelve


def test_wrong_mode(serving):
    serving.config.chmod(0o666)
    status, finding = fault(serving, "permissions", str(serving.config), "can be written by others")
    assert status == 7
    run(finding["mend"])
    assert_well(serving)


@ROOT
def test_wrong_owner(serving):
    vault = serving.state / "vault" / "prod-query.vault"
    os.chown(vault, 65534, 65534)
    status, finding = fault(serving, "permissions", str(vault), "belongs to user 65534")
    assert status == 8
    run(finding["mend"])
    assert_well(serving)


def test_dead_endpoint(sandbox, serving):
    sandbox.stop()
    status, finding = fault(serving, "endpoint", "no connection to localhost")
    assert status == 5
    again = Sandbox(sandbox.directory, "--tls", port=sandbox.port)
    try:
        credential = again.create_credential()
        assert serving.fob("credential", "rotate", "prod-query", "--file", "-", stdin=json.dumps(credential)).returncode == 0
        run(finding["mend"])
        assert_well(serving)
    finally:
        again.stop()
        sandbox.__init__(sandbox.directory, "--tls")  # for the fixture to end


def test_wrong_ca(sandbox, serving, tmp_path):
    other = Sandbox(tmp_path / "other", "--tls")
    right = (sandbox.directory / "ca.pem").read_bytes()
    (tmp_path / "right.pem").write_bytes(right)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes((other.directory / "ca.pem").read_bytes())
    other.stop()
    serving.configure_for(sandbox, ca_file=ca_file)
    assert serving.fob("reload").returncode == 0
    status, finding = fault(serving, "tls", "is not trusted by the CAs of ca_file")
    assert status == 5
    run(finding["mend"].replace("THE-RIGHT-CA.pem", str(tmp_path / "right.pem")))
    assert_well(serving)


def test_expired_certificate(sandbox, serving):
    sandbox.stop()
    expired = Sandbox(sandbox.directory, "--tls", "--bad-cert", "expired", port=sandbox.port)
    status, finding = fault(serving, "tls", "has expired", "the authority must renew")
    assert status == 5
    expired.stop()
    sandbox.__init__(sandbox.directory, "--tls", port=sandbox.port)
    credential = sandbox.create_credential()
    assert serving.fob("credential", "rotate", "prod-query", "--file", "-", stdin=json.dumps(credential)).returncode == 0
    run(finding["mend"])
    assert_well(serving)


# Native: a sanitizer's runtime refuses to start behind another library.
@pytest.mark.native
@pytest.mark.parametrize("seconds, words", [(-86400 * 365 * 30, ["is not yet valid then"]), (7200, ["2 h ahead of the authority's"])])
def test_wrong_clock(sandbox, tmp_path, seconds, words):
    device = Device(tmp_path)
    device.configure_for(sandbox)
    device.enrol(sandbox.create_credential())
    device.start()
    wait_until(lambda: device.status()["state"] == "valid", "the first token")
    device.turn(seconds)
    status, finding = fault(device, "clock", *words)
    assert status == 5
    # This machine's clock is not ours to set: what it would be set to, the device is.
    if finding["mend"].startswith("date -u -s "):
        told = finding["mend"].split("'")[1]
        assert abs(time.mktime(time.strptime(told + " UTC", "%Y-%m-%d %H:%M:%S %Z")) - time.timezone - time.time()) < 5
    else:
        assert finding["mend"] == "timedatectl set-ntp true"
    device.turn(0)
    assert_well(device)
    device.stop()


def test_no_grant(sandbox, serving):
    # The default one is what an app gets that names none, so it is what is granted where there are several.
    another = f'\n[profile.another]\nendpoint = "{sandbox.url}/v1/m2m/token"\nca_file = "{sandbox.ca_file}"\nrefresh = "on-demand"\n'
    serving.configure_for(sandbox, another + '\n[[grant]]\nprofiles = ["prod-query"]\nuser = "nobody"\n')
    assert serving.fob("reload").returncode == 0
    serving.enrol(sandbox.create_credential(), "another")
    status, finding = fault(serving, "grants", "no [[grant]] is for a program of")
    assert status == 4 and serving.app.token()[0] == 403
    run(finding["mend"])
    assert_well(serving)
    assert serving.app.token()[0] == 200


def test_rejected_credential(sandbox, serving):
    sandbox.deactivate(serving.credential)
    assert serving.fob("refresh").returncode == 6
    status, finding = fault(serving, "credential", "prod-query: refused since")
    assert status == 6
    run(finding["mend"], stdin=json.dumps(sandbox.create_credential()))
    assert_well(serving)


# Native: a keyring is a library that a sanitizer has not seen.
@pytest.mark.native
def test_locked_store(desktop, keyring):  # noqa: F811
    wait_until(lambda: desktop.status()["state"] == "valid", "the first token")
    keyring.lock()
    status, finding = fault(desktop, "store", "is locked")
    assert status == 8
    run(finding["mend"], stdin=PASSWORD.decode(), **keyring.environment())
    assert_well(desktop)


def test_stale_socket(serving):
    gone(serving)
    status, finding = fault(serving, "sockets", "fob.sock was left behind")
    assert status == 3
    run(finding["mend"])
    well_again(serving)


def test_daemon_down(serving):
    serving.stop()
    status, finding = fault(serving, "daemon", "fobd does not run")
    assert status == 3
    run(finding["mend"])
    well_again(serving)


def test_bad_config(serving, tmp_path):
    good = serving.config.read_text()
    serving.configure(good.replace("endpoint =", "endpiont ="))
    status, finding = fault(serving, "configuration", f"{serving.config}:7", "did you mean 'endpoint'")
    assert status == 7
    (tmp_path / "good.toml").write_text(good)
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\ncat "{tmp_path}/good.toml" > "$1"\n')
    editor.chmod(0o755)
    run(finding["mend"], EDITOR=str(editor))
    assert_well(serving)


# ---- and more


def test_a_key_that_is_gone_is_named_and_put_back(serving, tmp_path):
    key = serving.state / "keys" / "vault.key"
    key.rename(tmp_path / "backup")
    status, finding = fault(serving, "key", "is gone")
    assert status == 8
    run(finding["mend"].replace("KEY-BACKUP", str(tmp_path / "backup")))
    assert_well(serving)


def test_a_name_that_nobody_knows(sandbox, serving):
    serving.configure(serving.config.read_text().replace("//localhost:", "//no-such-host.invalid:"))
    assert fault(serving, "dns", "the name no-such-host.invalid cannot be resolved")[0] == 5


def test_a_profile_without_a_credential_is_told_how_to_enrol(sandbox, installation):
    installation.configure_for(sandbox)
    installation.start()
    status, finding = fault(installation, "credential", "none is stored")
    assert status == 5 and finding["mend"].endswith("credential add prod-query")
    run(finding["mend"], stdin=json.dumps(sandbox.create_credential()))
    assert_well(installation)


def test_a_dead_proxy_is_named(sandbox, serving):
    serving.configure_for(sandbox)
    serving.configure(serving.config.read_text().replace("scopes =", 'proxy = "http://127.0.0.1:1"\nscopes ='))
    status, finding = fault(serving, "proxy", "by way of http://127.0.0.1:1", "proxy in [profile.prod-query]")
    assert status == 5


def test_a_fobd_that_hangs_is_named_and_replaced(serving):
    serving.daemon.send_signal(signal.SIGSTOP)
    status, finding = fault(serving, "daemon", "fobd did not answer")
    assert status == 5 and f"kill -KILL {serving.daemon.pid}; " in finding["mend"]
    run(finding["mend"])
    serving.daemon.wait(PATIENCE)
    serving.daemon = None
    well_again(serving)


def test_the_first_grant_takes_nothing_from_whose_fobd_it_is(sandbox, serving):
    """Without any grant fobd's own user may have everything. What mends another's is not to end that."""
    open_to_others(sandbox, serving)
    mend = of_nobody(serving)[1]["grants"]["mend"]
    assert serving.app.token()[0] == 200
    run(mend.replace("sudo -u '#0' ", "").replace("sudo ", ""))
    assert serving.app.token()[0] == 200
    status, findings = of_nobody(serving)
    assert findings["grants"]["verdict"] == "pass" and status == 0, findings


@ROOT
def test_whose_fobd_it_is_is_known_also_where_it_does_not_run(sandbox, serving):
    open_to_others(sandbox, serving)
    serving.stop()
    findings = of_nobody(serving)[1]
    assert findings["store"]["verdict"] == "skip" and findings["store"]["mend"].startswith("sudo ")
    assert findings["daemon"]["mend"].startswith("sudo nohup ")


@ROOT
def test_a_path_is_one_word_of_the_command_however_odd_it_is(sandbox, tmp_path):
    (tmp_path / "it's (1) odd").mkdir()
    odd = Installation(tmp_path / "it's (1) odd")
    odd.configure_for(sandbox)
    odd.config.chmod(0o666)
    run(fault(odd, "permissions", "can be written by others")[1]["mend"])
    assert odd.config.stat().st_mode & 0o777 == 0o644


def test_commands_name_the_installation_that_variables_named(serving):
    serving.stop()
    names = {"FOB_CONFIG": serving.config, "FOB_RUNTIME_DIR": serving.runtime, "FOB_STATE_DIR": serving.state}
    done = subprocess.run([os.environ["FOB_BIN"] + "/fob", "doctor", "--json"], capture_output=True, text=True, timeout=PATIENCE,
                          env={"PATH": os.environ["PATH"], **{name: str(value) for name, value in names.items()}})
    run(of_check(json.loads(done.stdout)["checks"], "daemon")["mend"])
    well_again(serving)


def test_scopes_are_what_the_authority_says_and_not_what_was_asked_for(sandbox, serving):
    assert of_check(examined(serving)[1], "scopes")["verdict"] == "skip", "MultiSet's answer has none"
    serving.configure_for(sandbox)
    serving.configure(serving.config.read_text().replace("multiset", "oauth2").replace("/v1/m2m/token", "/oauth/token"))
    assert serving.fob("reload").returncode == 0
    wait_until(lambda: serving.status()["state"] == "valid", "a token of the other endpoint")
    scopes = of_check(examined(serving)[1], "scopes")
    assert scopes["verdict"] == "pass" and scopes["what"] == "prod-query: query"


@ROOT
def test_an_app_that_may_not_look_is_told_what_it_can_see(sandbox, serving):
    """As another user: neither the store nor what fobd says of itself, but the way to the endpoint and its own grant."""
    open_to_others(sandbox, serving)
    status, findings = of_nobody(serving)
    assert findings["store"]["verdict"] == "skip" and findings["store"]["mend"].startswith("sudo ")
    assert findings["daemon"]["verdict"] == "pass" and findings["sandbox"]["verdict"] == "skip"
    assert findings["grants"]["verdict"] == "fail" and status == 4
