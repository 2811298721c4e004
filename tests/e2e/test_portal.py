"""The sandbox's developer portal, used by a person in a real browser; and what pages of other sites try with it."""
import base64
import json

import pytest

from browser import Browser, Site
from fob import Sandbox, wait_until


@pytest.fixture
def sandbox(tmp_path):
    """An authority over plain HTTP, which is enough on loopback."""
    started = Sandbox(tmp_path / "sandbox")
    yield started
    started.stop()


@pytest.fixture
def browser(tmp_path):
    started = Browser(tmp_path / "browser")
    yield started
    started.close()


@pytest.fixture
def site():
    """A web site of somebody else's."""
    started = Site("<!DOCTYPE html><title>A game</title><h1>A game</h1>")
    yield started
    started.close()


def create(browser, sandbox, name, *more_scopes):
    """Creates a credential as a person does: what the page shows of it then."""
    browser.open(sandbox.url)
    browser.go("Create New")
    browser.fill("Name", name)
    for scope in more_scopes:
        browser.labelled(scope).click()
    browser.go("Create")
    assert browser.heading == "Credential created", browser.text
    return {"clientId": browser.value("client-id"), "clientSecret": browser.value("client-secret")}


def copy(browser, name):
    browser.one(f"//button[@data-copies='{name}'][normalize-space()='Copy']").click()


def exchange(sandbox, credential):
    """(status, token or nothing) of the vendor's token route."""
    pair = f"{credential['clientId']}:{credential['clientSecret']}"
    status, _, text = sandbox.request("POST", "/v1/m2m/token", "{}",
                                      {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()})
    return status, json.loads(text).get("token")


def listed(sandbox):
    return sandbox.admin("GET", "/credentials")["credentials"]


def test_a_new_credentials_secret_is_shown_once_to_copy_and_to_download(browser, sandbox):
    shown = create(browser, sandbox, "Headset <b>7</b>", "Write")
    assert "Headset <b>7</b>" in browser.text and "Query, Write" in browser.text
    assert browser.complaints() == []

    browser.press("Download")
    file = browser.downloaded()
    assert file.name == "credential-Headset-b-7-b.json"
    assert json.loads(file.read_text()) == {"name": "Headset <b>7</b>", "scopes": ["query", "write"], **shown}

    browser.allow(sandbox.url, "clipboardReadWrite", "clipboardSanitizedWrite")
    for name, value in (("client-id", shown["clientId"]), ("client-secret", shown["clientSecret"])):
        copy(browser, name)
        wait_until(lambda: browser.value(f"{name}-copied") == "Copied.", "the page says that it copied")
        assert browser.settled("navigator.clipboard.readText()") == value

    browser.driver.refresh()
    assert browser.heading == "The secret is gone" and "create a new one" in browser.text
    assert shown["clientSecret"] not in browser.driver.page_source
    browser.driver.back()
    assert shown["clientSecret"] not in browser.driver.page_source
    assert exchange(sandbox, shown)[0] == 200


def test_a_browser_that_lets_no_page_copy_has_the_text_selected_instead(browser, sandbox):
    shown = create(browser, sandbox, "device")
    browser.deny(sandbox.url, "clipboard-write")
    copy(browser, "client-secret")
    wait_until(lambda: "copy it by hand" in browser.value("client-secret-copied"), "the page says that it could not")
    assert browser.driver.execute_script("return getSelection().toString()") == shown["clientSecret"]


def test_the_downloaded_file_enrols_as_it_is_and_the_list_tells_the_use(browser, sandbox, installation):
    create(browser, sandbox, "device")
    browser.press("Download")
    file = browser.downloaded()
    browser.go("Credentials")
    assert browser.row("device")[0]["Last used"] == "Never"

    installation.configure_for(sandbox)
    added = installation.fob("credential", "add", "prod-query", "--file", str(file))
    assert added.returncode == 0, added.stderr
    installation.start()
    token = installation.fob("token")
    assert token.returncode == 0, token.stderr
    assert sandbox.call_api(token.stdout.strip()) == 200
    browser.go("Credentials")
    row = browser.row("device")[0]
    assert row["Last used"].endswith("UTC") and row["State"] == "Active" and row["Scopes"] == "Query"
    assert row["Client ID"] == json.loads(file.read_text())["clientId"]


def test_a_deactivated_credential_gets_no_token_and_its_old_one_lives_to_its_end(browser, sandbox, installation):
    installation.configure_for(sandbox)
    installation.enrol(create(browser, sandbox, "device"))
    sandbox.settings(lifetime_s=12)
    installation.start()
    token = installation.fob("token").stdout.strip()
    browser.go("Credentials")
    browser.go("Deactivate", browser.row("device")[1])
    assert browser.row("device")[0]["State"] == "Deactivated" and "stay valid until they expire" in browser.text
    refused = installation.fob("refresh")
    assert refused.returncode == 6, refused.stderr
    assert sandbox.call_api(token) == 200
    wait_until(lambda: sandbox.call_api(token) == 401, "the old token reaches its end")

    browser.go("Activate", browser.row("device")[1])
    assert browser.row("device")[0]["State"] == "Active"
    again = installation.fob("refresh")
    assert again.returncode == 0, again.stderr


def test_delete_asks_first_and_then_the_credential_is_gone(browser, sandbox):
    kept, gone = create(browser, sandbox, "kept"), create(browser, sandbox, "gone")
    browser.go("Credentials")
    browser.go("Delete", browser.row("gone")[1])
    assert browser.heading == "Delete this credential?" and gone["clientId"] in browser.text
    browser.go("Cancel")
    assert len(listed(sandbox)) == 2
    browser.go("Delete", browser.row("gone")[1])
    browser.go("Delete")
    assert "is deleted" in browser.text and gone["clientId"] not in browser.text and browser.row("kept")
    assert exchange(sandbox, gone)[0] == 401 and exchange(sandbox, kept)[0] == 200
    browser.open(f"{sandbox.url}/portal/credentials/{gone['clientId']}/delete")
    assert "no such credential" in browser.text


def test_a_token_may_do_what_its_credentials_scopes_say_and_no_more(browser, sandbox):
    _, reader = exchange(sandbox, create(browser, sandbox, "reader"))
    _, writer = exchange(sandbox, create(browser, sandbox, "writer", "Write"))
    _, cleaner = exchange(sandbox, create(browser, sandbox, "cleaner", "Query", "Delete"))  # Query is on at first
    calls = (("POST", "/v1/vps/map/query-form"), ("POST", "/v2/vps/map"), ("DELETE", "/v1/vps/map/7"))
    assert [[sandbox.call_api(token, *call) for call in calls] for token in (reader, writer, cleaner)] == [
        [200, 403, 403], [200, 200, 403], [403, 403, 200]]


def test_what_is_wrong_with_a_form_is_told_beside_it_and_its_input_is_kept(browser, sandbox):
    browser.open(sandbox.url)
    browser.go("Create New")
    browser.labelled("Delete").click()
    browser.go("Create")
    assert "name must be" in browser.text and browser.labelled("Delete").is_selected()
    browser.fill("Name", "a \"name\" & <more>")
    for scope in ("Query", "Delete"):
        browser.labelled(scope).click()
    browser.go("Create")
    assert "scopes must name" in browser.text
    assert browser.labelled("Name").get_attribute("value") == "a \"name\" & <more>"
    assert listed(sandbox) == []

    browser.go("Allowed domains")
    browser.fill("Allowed domains", "https://app.example\nhttps://app.example/path")
    browser.go("Save")
    assert "“https://app.example/path” is not an origin" in browser.text
    assert browser.labelled("Allowed domains").get_attribute("value") == "https://app.example\nhttps://app.example/path"
    assert sandbox.admin("GET", "/domains") == {"domains": []}


def test_a_web_page_may_call_the_api_once_its_origin_is_allowed_and_only_so_long(browser, sandbox, site):
    _, token = exchange(sandbox, sandbox.create_credential())

    def call_from_the_page():
        browser.open(site.url)
        return browser.settled(f"(await fetch('{sandbox.url}/v1/vps/map', {{headers: {{Authorization: 'Bearer {token}'}}}})).status")

    def allow(text):
        browser.open(sandbox.url)
        browser.go("Allowed domains")
        browser.fill("Allowed domains", text)
        browser.go("Save")
        assert "Saved." in browser.text and browser.complaints() == []

    assert str(call_from_the_page()).startswith("refused: TypeError")
    assert any("CORS" in complaint for complaint in browser.complaints())
    allow(f"https://app.example\n{site.url}\n")
    assert browser.labelled("Allowed domains").get_attribute("value").split() == ["https://app.example", site.url]
    assert call_from_the_page() == 200
    allow("https://app.example")
    assert str(call_from_the_page()).startswith("refused: TypeError")
    browser.complaints()
    allow("")
    assert sandbox.admin("GET", "/domains") == {"domains": []}


def test_a_foreign_page_can_neither_change_nor_read_nor_frame_the_portal(browser, sandbox, site):
    credential = sandbox.create_credential()
    before = listed(sandbox)
    own = f"{sandbox.url}/portal/credentials"
    # What an allowed origin may do with the API it may not do with the portal.
    sandbox.admin("PUT", "/domains", {"domains": [site.url]})
    for path, body in ((own, "name=evil&scopes=query"), (f"{own}/{credential['clientId']}/deactivate", ""),
                       (f"{own}/{credential['clientId']}/delete", ""), (f"{sandbox.url}/portal/domains", "domains=")):
        browser.open(site.url)
        assert browser.settled(f"(await fetch('{path}', {{method: 'POST', mode: 'no-cors', body: new URLSearchParams('{body}')}})).type"
                               ).startswith("refused: TypeError")  # the policy lets it not even know that it was answered
        browser.driver.execute_script(
            "const form = Object.assign(document.createElement('form'), {method: 'post', action: arguments[0]});"
            "for (const [name, value] of new URLSearchParams(arguments[1]))"
            "  form.append(Object.assign(document.createElement('input'), {name, value}));"
            "const button = Object.assign(document.createElement('button'), {textContent: 'Play'});"
            "form.append(button); document.body.append(form);", path, body)
        browser.go("Play")
        assert browser.url == path and browser.heading == "Refused" and "Nothing was changed" in browser.text
    assert listed(sandbox) == before and sandbox.admin("GET", "/domains") == {"domains": [site.url]}

    browser.open(site.url)
    for mode in ("cors", "no-cors"):
        assert browser.settled(f"(await fetch('{sandbox.url}/portal', {{mode: '{mode}'}})).text()").startswith("refused: TypeError")
    browser.complaints()
    browser.driver.execute_script("document.body.append(Object.assign(document.createElement('iframe'), {src: arguments[0]}))",
                                  f"{sandbox.url}/portal")
    wait_until(lambda: any("frame-ancestors" in complaint for complaint in browser.complaints()), "the frame is refused")


def test_a_foreign_name_for_this_machine_does_not_reach_the_portal(tmp_path, sandbox):
    browser = Browser(tmp_path / "rebound", "--host-resolver-rules=MAP rebound.example 127.0.0.1")
    try:
        browser.open(f"http://rebound.example:{sandbox.port}/portal")
        assert browser.heading == "Refused" and "Create New" not in browser.text
    finally:
        browser.close()
    own = f"localhost:{sandbox.port}"
    for host, origin, expected in ((own, f"http://{own}", 303), (own, None, 403), (own, "null", 403),
                                   (own, f"https://{own}", 403), (own, "http://localhost:1", 403),
                                   ("rebound.example", "http://rebound.example", 403)):
        headers = {"Host": host, **({"Origin": origin} if origin else {})}
        status, answer, _ = sandbox.request("POST", "/portal/credentials", "name=device&scopes=query", headers)
        assert status == expected, (host, origin)
        assert answer["Access-Control-Allow-Origin"] is None and answer["Cache-Control"] == "no-store"
    assert [credential["name"] for credential in listed(sandbox)] == ["device"]


def test_everything_but_the_copy_buttons_works_without_script(tmp_path, sandbox):
    browser = Browser(tmp_path / "scriptless", script=False)
    try:
        shown = create(browser, sandbox, "device")
        assert "Copy" not in browser.text.split("\n")
        browser.press("Download")
        assert json.loads(browser.downloaded().read_text())["clientSecret"] == shown["clientSecret"]
        browser.go("Credentials")
        browser.go("Deactivate", browser.row("device")[1])
        assert exchange(sandbox, shown)[0] == 401
    finally:
        browser.close()


def test_the_portal_works_over_tls_too(tmp_path, browser):
    sandbox = Sandbox(tmp_path / "tls", "--tls")
    try:
        shown = create(browser, sandbox, "device")
        assert browser.url.startswith("https://") and exchange(sandbox, shown)[0] == 200
        browser.go("Credentials")
        assert browser.row("device")[0]["State"] == "Active" and "sandbox" in browser.text and browser.complaints() == []
    finally:
        sandbox.stop()
