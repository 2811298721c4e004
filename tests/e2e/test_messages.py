"""What goes wrong is told once, clearly, with its mend; and nothing is lost by it."""
import json

import pytest

from fob import Sandbox


def said(done):
    """What a failed command said: something short on stderr and nothing on stdout."""
    assert done.stdout == "", done.stdout
    lines = done.stderr.strip().splitlines()
    assert 1 <= len(lines) <= 6, done.stderr
    assert all(line.startswith(("fob: ", " ")) for line in lines), done.stderr
    return done.stderr


def try_enrolling(installation, credential, *flags):
    return installation.fob("credential", "add", "prod-query", "--file", "-", *flags, stdin=json.dumps(credential))


@pytest.fixture
def flawed(tmp_path, request):
    """A sandbox with a certificate that clients must refuse."""
    sandbox = Sandbox(tmp_path / "sandbox", "--tls", "--bad-cert", request.param)
    yield sandbox
    sandbox.stop()


def test_a_wrong_pair_is_refused_and_nothing_changed(sandbox, installation):
    installation.configure_for(sandbox)
    wrong = {"clientId": "8f1c", "clientSecret": "0" * 64}
    done = try_enrolling(installation, wrong)
    assert done.returncode == 6
    message = said(done)
    assert "rejects the credential" in message and "nothing was changed" in message and "portal" in message
    assert "0" * 64 not in message
    assert installation.fob("credential", "list", "--json").stdout.strip() == "[]"


def test_a_wrong_pair_that_is_stored_untried_is_told_to_apps_and_operators(sandbox, installation):
    installation.configure_for(sandbox)
    assert try_enrolling(installation, {"clientId": "8f1c", "clientSecret": "0" * 64}, "--no-trial").returncode == 0
    installation.start()
    status, answer = installation.app.token()
    assert (status, answer["type"]) == (503, "urn:fob:credential-rejected")
    assert "fob credential" in answer["detail"], answer
    done = installation.fob("token")
    assert done.returncode == 6 and "fob credential" in said(done)
    assert sandbox.exchanges() <= 2, "a rejected credential is not tried again and again"


def test_a_rotation_to_a_wrong_secret_changes_nothing(sandbox, enrolled):
    enrolled.start()
    before = enrolled.app.token()[1]
    wrong = {**enrolled.credential, "clientSecret": "0" * 64}
    done = enrolled.fob("credential", "rotate", "prod-query", "--file", "-", stdin=json.dumps(wrong))
    assert done.returncode == 6 and "nothing was changed" in said(done).lower()
    assert enrolled.fob("refresh").returncode == 0, "the credential before still refreshes"
    assert enrolled.app.token()[1]["fingerprint"] != before["fingerprint"]


def test_a_rotation_puts_the_new_one_in_force_and_a_rollback_the_old(sandbox, enrolled):
    enrolled.start()
    enrolled.app.token()
    second = sandbox.create_credential()
    done = enrolled.fob("credential", "rotate", "prod-query", "--file", "-", stdin=json.dumps(second))
    assert done.returncode == 0, done.stderr
    assert enrolled.status()["credential_version"] == 2
    assert enrolled.fob("credential", "rollback", "prod-query").returncode == 0
    assert enrolled.fob("refresh").returncode == 0
    assert enrolled.status()["credential_version"] == 1


@pytest.mark.parametrize("flawed,words", [
    ("wrong-host", ["host name", "endpoint"]),
    ("untrusted", ["ca_file"]),
    ("expired", ["expired"]),
    ("not-yet-valid", ["clock"]),
], indirect=["flawed"])
def test_a_certificate_that_is_wrong_is_named_with_its_mend(flawed, installation, words):
    installation.configure_for(flawed)
    credential = flawed.create_credential()
    done = try_enrolling(installation, credential)
    # The first credential of a profile is kept, since its secret is shown only once; the reason is told.
    assert done.returncode == 0 and "untested" in done.stderr
    installation.start()
    installation.await_failure()
    status, answer = installation.app.token("?wait=1")
    kind = "clock-wrong" if words == ["clock"] else "authority-unreachable"
    assert (status, answer["type"]) == (503, f"urn:fob:{kind}")
    token = installation.fob("token")
    assert token.returncode == 5
    for word in words:
        assert word in answer["detail"] and word in done.stderr and word in said(token)
    assert flawed.exchanges() == 0, "the credential was never sent"


def test_an_authority_that_is_not_there_is_named(tmp_path, installation):
    installation.configure('[profile.prod-query]\nendpoint = "http://127.0.0.1:9/v1/m2m/token"\n')
    done = try_enrolling(installation, {"clientId": "a", "clientSecret": "b" * 32})
    assert done.returncode == 0 and "127.0.0.1" in done.stderr and "untested" in done.stderr
    installation.start()
    installation.await_failure()
    status, answer = installation.app.token("?wait=1")
    assert (status, answer["type"]) == (503, "urn:fob:authority-unreachable") and "127.0.0.1" in answer["detail"]


def test_a_rotation_that_cannot_be_tried_changes_nothing(sandbox, enrolled):
    sandbox.fault("status", status=500)
    done = enrolled.fob("credential", "rotate", "prod-query", "--file", "-", stdin=json.dumps(enrolled.credential))
    assert done.returncode == 5
    assert "nothing was changed" in said(done).lower() and "--no-trial" in done.stderr
    versions = [slot["version"] for slot in json.loads(enrolled.fob("credential", "list", "--json").stdout)]
    assert versions == [1]


@pytest.mark.parametrize("config,words", [
    ('[profile.p]\nendpoint = "http://api.example.com/v1/m2m/token"\n', ["fob.toml:2", "endpoint", "https://"]),
    ('[profile.p]\nendpont = "https://api.example.com/"\n', ["fob.toml:2", "endpont", "did you mean 'endpoint'"]),
    ('[profile.p]\nauthority = "oauth2"\n', ["endpoint", "https://"]),
    ('[profile.p\n', ["fob.toml:1"]),
    ('[daemon]\nstore = "vault"\n', ["fob.toml:2", "daemon.store", '"file"']),
])
def test_a_wrong_configuration_is_named_with_its_line_by_every_program(installation, config, words):
    import subprocess
    from fob import BIN
    installation.configure(config)
    done = installation.fob("config", "check")
    assert done.returncode == 7
    daemon = subprocess.run([BIN / "fobd", *installation.flags()], capture_output=True, text=True, timeout=30)
    assert daemon.returncode == 7
    for word in words:
        assert word in said(done) and word in daemon.stderr


def test_an_unreadable_vault_is_named_with_its_mend(enrolled):
    vault = enrolled.state / "vault" / "prod-query.vault"
    vault.chmod(0o644)
    enrolled.start()
    status, answer = enrolled.app.token()
    assert status == 503 and f"chmod 600 {vault}" in answer["detail"], answer
    done = enrolled.fob("credential", "list")
    assert done.returncode == 8 and f"chmod 600 {vault}" in said(done)
    vault.chmod(0o600)
    assert enrolled.fob("refresh").returncode == 0, "mended as the message said"


def test_a_vault_without_its_key_is_named(enrolled):
    (enrolled.state / "keys" / "vault.key").unlink()
    done = enrolled.fob("refresh")
    assert done.returncode == 3, "no daemon runs"
    enrolled.start()
    done = enrolled.fob("refresh")
    assert done.returncode == 5 and "vault.key" in said(done)


def test_no_daemon_no_profile_and_no_credential_each_have_their_status(sandbox, installation):
    installation.configure_for(sandbox)
    done = installation.fob("token")
    assert done.returncode == 3 and "fobd" in said(done)
    done = installation.fob("credential", "add", "prod-qury", "--file", "-", stdin="a:b")
    assert done.returncode == 7 and "prod-query" in said(done)
    installation.start()
    done = installation.fob("token")
    assert done.returncode == 5 and "fob credential add prod-query" in said(done)
    done = installation.fob("token", "nope")
    assert done.returncode == 7 and "nope" in said(done)
    assert installation.fob("tokn").returncode == 2


@pytest.mark.parametrize("junk", ["", "hello", "{", '{"clientId":"a"}', "\0\1\2", "x" * 2_000_000,
                                  '{"clientId":"a","clientId":"b","clientSecret":"c"}'], ids=range(7))
def test_junk_is_no_credential_and_the_old_one_stays(sandbox, enrolled, junk):
    done = enrolled.fob("credential", "rotate", "prod-query", "--file", "-", stdin=junk)
    assert done.returncode != 0
    said(done)
    enrolled.start()
    assert enrolled.app.token()[0] == 200
