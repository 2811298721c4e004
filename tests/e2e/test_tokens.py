"""The main job, for real: enrol, serve, refresh, over real TLS."""
import json
import time
from concurrent.futures import ThreadPoolExecutor


def test_an_app_gets_a_token_that_the_api_accepts(sandbox, enrolled):
    enrolled.start()
    status, answer = enrolled.app.token()
    assert status == 200
    assert set(answer) == {"access_token", "token_type", "expires_in", "expires_at", "profile", "scopes", "fingerprint"}
    assert answer["token_type"] == "Bearer" and answer["profile"] == "prod-query" and answer["scopes"] == ["query"]
    assert 297 <= answer["expires_in"] <= 300
    assert sandbox.call_api(answer["access_token"]) == 200
    assert sandbox.call_api(answer["access_token"], "DELETE", "/v1/vps/map/7") == 403


def test_forty_apps_at_once_before_the_first_token_cost_one_exchange(sandbox, enrolled):
    sandbox.fault("slow", delay_ms=1500)
    enrolled.start()
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: enrolled.app.token("?wait=30"), range(40)))
    assert [status for status, _ in answers] == [200] * 40
    assert len({answer["access_token"] for _, answer in answers}) == 1
    assert sandbox.call_api(answers[0][1]["access_token"]) == 200
    assert sandbox.exchanges() == 1


def test_fifteen_seconds_of_five_second_tokens_never_serve_a_dead_one(sandbox, enrolled):
    sandbox.settings(lifetime_s=5)
    enrolled.start()
    end = time.monotonic() + 15
    asked = 0
    while time.monotonic() < end:
        assert enrolled.app.living_token(sandbox, "")[0] == 200, asked
        asked += 1
    assert asked > 100
    assert 3 <= sandbox.exchanges() <= 9


def test_text_plain_is_the_bare_token(enrolled):
    enrolled.start()
    status, headers, text = enrolled.app.request("GET", "/v1/token", headers={"Accept": "text/plain"})
    assert status == 200 and headers["Content-Type"] == "text/plain" and headers["Cache-Control"] == "no-store"
    assert text == enrolled.app.token()[1]["access_token"]


def test_a_rejected_token_is_replaced_once_for_all_who_report_it(sandbox, enrolled):
    sandbox.settings(lifetime_s=20)
    enrolled.start()
    old = enrolled.app.token()[1]
    report = {"profile": "prod-query", "fingerprint": old["fingerprint"]}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: enrolled.app.request("POST", "/v1/token/rejected", report), range(20)))
    assert {status for status, _, _ in answers} == {200}
    new = {json.loads(text)["fingerprint"] for _, _, text in answers}
    assert new != {old["fingerprint"]}
    assert sandbox.exchanges() == 2
    report["fingerprint"] = new.pop()
    status, headers, text = enrolled.app.request("POST", "/v1/token/rejected", report)
    assert status == 429 and json.loads(text)["type"] == "urn:fob:too-many-requests" and int(headers["Retry-After"]) <= 2
    assert sandbox.exchanges() == 2, "or each call of an app whose token is refused for another reason would be an exchange"


def test_a_token_still_valid_is_served_while_the_authority_fails_and_then_the_reason_is_told(sandbox, enrolled):
    sandbox.settings(lifetime_s=6)
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    token = enrolled.app.token()[1]["access_token"]
    sandbox.fault("status", status=500)
    # The reason is known long before the token dies, however slow an exchange is.
    assert "500" in enrolled.fob("refresh").stderr
    served_last = None
    end = time.monotonic() + 9
    while time.monotonic() < end:
        status, answer = enrolled.app.living_token(sandbox)
        if status != 200:
            break
        served_last = time.monotonic()
        assert answer["access_token"] == token
    assert served_last is not None and status == 503
    assert answer["type"] == "urn:fob:authority-error" and answer["detail"]
    sandbox.mend()
    assert enrolled.app.token("?wait=30")[0] == 200


def test_oauth2_client_credentials_by_basic_and_by_body(sandbox, installation):
    credential = sandbox.create_credential(["query", "write"])
    for method in ("basic", "post"):
        installation.configure(
            f'[profile.issuer]\nauthority = "oauth2"\nendpoint = "{sandbox.url}/oauth/token"\nscopes = ["query"]\n'
            f'ca_file = "{sandbox.ca_file}"\nclient_auth = "{method}"\n')
        installation.enrol(credential, "issuer")
        installation.start()
        status, answer = installation.app.token()
        assert status == 200 and answer["scopes"] == ["query"]
        assert sandbox.call_api(answer["access_token"]) == 200
        installation.stop()
        installation.fob("credential", "remove", "issuer")


def test_plain_http_is_enough_on_loopback(tmp_path, installation):
    from fob import Sandbox
    sandbox = Sandbox(tmp_path / "plain")
    try:
        installation.configure_for(sandbox)
        installation.enrol(sandbox.create_credential())
        installation.start()
        assert installation.app.token()[0] == 200
    finally:
        sandbox.stop()


def test_a_pinned_key_is_enough_and_another_is_refused(sandbox, installation):
    installation.configure_for(sandbox, extra=f'pin_sha256 = "{sandbox.pin}"\n')
    installation.enrol(sandbox.create_credential())
    installation.start()
    assert installation.app.token()[0] == 200
    installation.configure_for(sandbox, extra='pin_sha256 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="\n')
    assert installation.fob("reload").returncode == 0
    assert installation.app.token()[0] == 200, "a token at hand stays good"
    refused = installation.fob("refresh")
    assert refused.returncode == 5 and "pin_sha256" in refused.stderr
