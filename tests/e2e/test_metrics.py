"""What operators and their monitoring see of fobd: the metrics in both formats, docs/metrics.md and docs/monitoring, and who was
served in GET /v1/status. promtool and Prometheus' own parser are the judges."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as classic_families

import documents
from fob import PATIENCE, App, wait_until
from machine import reason_to_skip
from package import Device
from test_token_page import Page

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "docs/monitoring"
RULES = MONITORING / "fob.rules.yml"
RULE_TESTS = MONITORING / "fob.rules.test.yml"
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())
DOCUMENT = (ROOT / "docs/metrics.md").read_text()
API = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def promtool(*arguments, stdin=""):
    """What promtool finds fault with; "" where it finds none."""
    done = subprocess.run(["promtool", *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=PATIENCE * 4)
    return "" if done.returncode == 0 and not done.stderr else f"{done.returncode}: {done.stdout}{done.stderr}"


def scrape(installation, accept=None):
    status, headers, text = installation.control.request("GET", "/metrics", headers={"Accept": accept} if accept else {})
    assert status == 200
    return headers["Content-Type"], text


def samples(installation):
    """{(name, labels as a frozenset): value} of the classic format."""
    return {(s.name, frozenset(s.labels.items())): s.value for family in classic_families(scrape(installation)[1]) for s in family.samples}


def value(installation, name, **labels):
    return samples(installation)[name, frozenset(labels.items())]


def rows(section):
    """The cells of the table in this section of docs/metrics.md."""
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", DOCUMENT, re.S | re.M)[1]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture
def running(enrolled):
    enrolled.start()
    wait_until(lambda: enrolled.app.token()[0] == 200, "a token")
    return enrolled


def fail_with(installation, sandbox, status):
    sandbox.fault("status", status=status)
    assert installation.control.request("POST", "/v1/refresh", {"profile": "prod-query"})[0] == 503


def states(installation, sandbox):
    """Each state that fobd's metrics can be in, one after the other."""
    sandbox.fault("status", status=500)
    installation.start()
    wait_until(lambda: installation.status()["failing"], "it fails")
    yield "without a token"
    sandbox.mend()
    assert installation.control.request("POST", "/v1/refresh", {"profile": "prod-query"})[0] == 200
    yield "with a token"
    fail_with(installation, sandbox, 429)
    yield "with a token and a failure"
    fail_with(installation, sandbox, 401)
    yield "refused"
    installation.configure(installation.config.read_text().replace('scopes = ["query"]\n', 'scopes = ["query"]\nrefresh = "on-demand"\n')
                           + '[profile.second]\nendpoint = "http://127.0.0.1:1/"\nrefresh = "on-demand"\n')
    assert installation.control.request("POST", "/v1/reload")[0] == 200
    yield "with a profile that nobody asks for"


def test_promtool_and_prometheus_own_parser_take_them_in_every_state(enrolled, sandbox):
    for state in states(enrolled, sandbox):
        kind, classic = scrape(enrolled)
        assert kind == "text/plain; version=0.0.4; charset=utf-8"
        assert not promtool("check", "metrics", stdin=classic), state
        kind, text = scrape(enrolled, OPENMETRICS)
        assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert text.endswith("\n# EOF\n")
        families = list(openmetrics_families(text))
        assert all(family.documentation and family.type != "unknown" for family in families), state
        assert all(family.name.endswith("_" + family.unit) for family in families if family.unit)
        both = [{(s.name, frozenset(s.labels.items())) for family in found for s in family.samples}
                for found in (families, classic_families(classic))]
        assert both[0] == both[1], state


def test_a_scraper_that_names_neither_format_gets_the_classic_one(running):
    for accept in (None, "*/*", "text/plain", "application/json"):
        assert scrape(running, accept)[0].startswith("text/plain"), accept


def test_the_document_tells_of_every_metric_and_of_no_other(running):
    told = {words(cells[0])[0]: cells[1:3] for cells in rows("What there is")}
    there = {}
    for family in openmetrics_families(scrape(running, OPENMETRICS)[1]):
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels = set().union(*(s.labels for s in family.samples))
        there[name] = (family.type, labels)
    assert set(told) == set(there)
    for name, (kind, labels) in there.items():
        assert told[name][0] == kind, name
        assert set(words(told[name][1])) == labels, name


def test_the_document_counts_the_series_right(running):
    of_profile, others = map(int, re.search(r"(\d+) for each profile at most and (\d+) beside them", DOCUMENT).groups())
    found = samples(running)
    # Each may be there while it has a token and plans to refresh it.
    assert sum("profile" in dict(labels) for _, labels in found) == of_profile
    assert sum("profile" not in dict(labels) for _, labels in found) == others


def test_every_word_for_what_went_wrong_has_its_series(running):
    found = samples(running)
    kinds = {dict(labels)["kind"] for name, labels in found if name == "fob_exchange_failures_total"}
    assert kinds == set(API["components"]["schemas"]["Kind"]["enum"])
    outcomes = {dict(labels)["outcome"] for name, labels in found if name == "fob_requests_total"}
    assert outcomes == {"served"} | {urn.removeprefix("urn:fob:") for urn in API["components"]["schemas"]["Urn"]["enum"]}


def test_they_count_what_happens(running, sandbox):
    def count(name, **labels):
        return value(running, name, **labels)

    served = count("fob_requests_total", socket="apps", outcome="served")
    for _ in range(3):
        assert running.app.token()[0] == 200
    assert running.app.request("GET", "/v1/no-such-path")[0] == 404
    assert running.app.request("GET", "/v1/token?wait=x")[0] == 400
    assert running.app.request("POST", "/v1/token")[0] == 405
    assert count("fob_requests_total", socket="apps", outcome="served") == served + 3
    for outcome in ("not-found", "bad-request", "method-not-allowed"):
        assert count("fob_requests_total", socket="apps", outcome=outcome) == 1, outcome
    assert running.control.request("GET", "/v1/no-such-path")[0] == 404
    assert count("fob_requests_total", socket="operators", outcome="not-found") == 1

    report = {"profile": "prod-query", "fingerprint": running.app.token()[1]["fingerprint"]}
    assert running.app.request("POST", "/v1/token/rejected", report)[0] == 200
    report["fingerprint"] = running.app.token()[1]["fingerprint"]
    assert running.app.request("POST", "/v1/token/rejected", report)[0] == 429
    assert count("fob_rejections_total", profile="prod-query", result="ok") == 1
    assert count("fob_rejections_total", profile="prod-query", result="too-soon") == 1
    assert count("fob_requests_total", socket="apps", outcome="too-many-requests") == 1

    assert count("fob_exchanges_total", profile="prod-query", result="ok") == 2
    fail_with(running, sandbox, 401)
    assert count("fob_exchanges_total", profile="prod-query", result="failed") == 1
    assert count("fob_exchange_failures_total", profile="prod-query", kind="rejected") == 1
    assert count("fob_failing", profile="prod-query", kind="rejected") == 1
    assert count("fob_credential_refused", profile="prod-query") == 1
    assert count("fob_exchange_duration_seconds_count", profile="prod-query") == 3
    assert 0 < count("fob_exchange_duration_seconds_sum", profile="prod-query") < PATIENCE


def open_stream(installation, target="/v1/events"):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(installation.app.path)
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: fob\r\n\r\n".encode())
    heard = b""
    while b"event: token" not in heard:
        heard += connection.recv(65536)
    return connection


def test_open_streams_and_pages_are_told_while_they_are_open(running):
    stream, page = open_stream(running), Page(running.app.path)
    assert value(running, "fob_event_streams", socket="apps") == 1
    assert value(running, "fob_page_readers", socket="apps") == 1
    assert value(running, "fob_connections", socket="apps") == 2
    stream.close()
    page.close()
    wait_until(lambda: value(running, "fob_connections", socket="apps") == 0, "both are noticed to be gone")
    assert value(running, "fob_event_streams", socket="apps") == 0
    assert value(running, "fob_page_readers", socket="apps") == 0


def test_the_age_of_the_credential_and_the_start_are_by_the_devices_clock(running):
    listed = json.loads(running.fob("credential", "list", "--json").stdout)
    stored = next(slot for slot in listed if slot["slot"] == "current")["stored_at"]
    assert running.status()["credential_stored_at"] == stored
    age = time.time() - time.mktime(time.strptime(stored, "%Y-%m-%dT%H:%M:%SZ")) + time.timezone
    assert abs(value(running, "fob_credential_age_seconds", profile="prod-query") - age) < 10
    started = time.time() - json.loads(running.control.request("GET", "/v1/status")[2])["uptime_s"]
    assert abs(value(running, "fob_start_time_seconds") - started) < 10
    assert running.status()["lifetime"] == value(running, "fob_token_lifetime_seconds", profile="prod-query")


def test_the_status_tells_operators_and_nobody_else_who_was_served(running):
    for _ in range(4):
        running.app.token()
    stream, page = open_stream(running), Page(running.app.path)
    served = wait_until(lambda: len(list_ := running.status()["served_to"]) == 3 and list_, "all three")
    assert {one["how"] for one in served} == {"request", "events", "page"}
    assert all(one["pid"] == os.getpid() and one["uid"] == os.geteuid() for one in served)
    assert all(one["unit"] is None and one["exe"] is None for one in served), "no grant looks at these"
    assert next(one for one in served if one["how"] == "request")["count"] == running.status()["served"]
    assert [one["at"] for one in served] == sorted((one["at"] for one in served), reverse=True)
    assert "served_to" not in running.app.request("GET", "/healthz")[2]
    stream.close()
    page.close()


def test_the_status_tells_of_eight_and_keeps_those_who_come_seldom(running):
    stream = open_stream(running)
    asker = ["curl", "--silent", "--fail", "--unix-socket", running.app.path, "http://fob/v1/token", "--output", "/dev/null"]
    pids = []
    for _ in range(12):
        with subprocess.Popen(asker) as process:
            pids.append(process.pid)
        assert process.returncode == 0
    served = running.status()["served_to"]
    assert len(served) == 8
    assert [one["how"] for one in served].count("events") == 1
    assert [one["pid"] for one in served if one["how"] == "request"] == pids[:-8:-1]
    stream.close()


def expressions():
    """Every expression of the rules and the dashboard, with what to call it."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]


def test_rules_and_dashboard_ask_for_what_fobd_tells(running):
    found = samples(running)
    names = {name for name, _ in found}
    values = {(label, is_) for _, labels in found for label, is_ in labels}
    for title, expression in expressions():
        asked = set(re.findall(r"\bfob_\w+", expression))
        assert asked <= names, (title, asked - names)
        for label, is_ in re.findall(r'\b(kind|result|outcome|socket)="([^"]+)"', expression):
            assert (label, is_) in values, (title, label, is_)


def test_the_dashboard_shows_every_metric(running):
    shown = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", []))
    assert {name for name, _ in samples(running)} <= set(re.findall(r"\bfob_\w+", shown))


def test_the_dashboard_is_one(tmp_path):
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"] and panel["datasource"]["uid"] == "${datasource}", panel["title"]
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "instance", "profile"]
    # promtool reads expressions where they are rules.
    filled = [re.sub(r"\$__rate_interval", "5m", target["expr"]).replace("$instance", ".*").replace("$profile", ".*")
              for panel in panels for target in panel.get("targets", [])]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(filled)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert not promtool("check", "rules", tmp_path / "panels.yml")


def test_promtool_takes_the_rules_and_their_tests():
    assert not promtool("check", "rules", RULES)
    assert not promtool("test", "rules", RULE_TESTS)


def test_each_alert_is_tested_both_ways_and_told_in_the_document():
    rules = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    cases = [case for test in yaml.safe_load(RULE_TESTS.read_text())["tests"] for case in test["alert_rule_test"]]
    for name in rules:
        assert {bool(case["exp_alerts"]) for case in cases if case["alertname"] == name} == {True, False}, name
    told = {words(cells[0])[0]: cells[1] for cells in rows("Alerts")}
    assert told == {name: rule["labels"]["severity"] for name, rule in rules.items()}


def test_each_alert_names_a_command_that_there_is(installation):
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            commands = re.findall(r"\bfob ((?:credential|config) \w+|doctor|status|audit|refresh)\b", rule["annotations"]["description"])
            assert commands and rule["annotations"]["summary"], rule["alert"]
            for command in commands:
                assert installation.fob(*command.split(), "--help").returncode == 0, (rule["alert"], command)


def write_textfile(installation, directory):
    subprocess.run([MONITORING / "fob-metrics", directory], check=True, timeout=PATIENCE, capture_output=True,
                   env={"PATH": os.environ["PATH"], "FOB_RUNTIME_DIR": str(installation.runtime)})
    assert os.listdir(directory) == ["fob.prom"], "nothing but what the collector is to read"
    return (directory / "fob.prom").read_text()


def test_the_textfile_is_what_fobd_tells_and_that_it_does_not(running, tmp_path):
    directory = tmp_path / "textfile"
    directory.mkdir()
    text = write_textfile(running, directory)
    assert not promtool("check", "metrics", stdin=text)
    assert {name for name, _ in samples(running)} == {s.name for f in classic_families(text) for s in f.samples}
    running.daemon.send_signal(signal.SIGKILL)
    running.daemon.wait()
    text = write_textfile(running, directory)
    assert not promtool("check", "metrics", stdin=text)
    assert [(s.name, s.value) for f in classic_families(text) for s in f.samples] == [("fob_up", 0)]


def test_the_textfile_is_replaced_in_one_step(running, tmp_path):
    """Whoever has opened the one before reads it to its end."""
    directory = tmp_path / "textfile"
    directory.mkdir()
    whole = write_textfile(running, directory)
    with open(directory / "fob.prom", encoding="utf-8") as reader:
        before = os.fstat(reader.fileno()).st_ino
        write_textfile(running, directory)
        assert os.stat(directory / "fob.prom").st_ino != before
        assert reader.read() == whole


@pytest.mark.native
@pytest.mark.skipif(reason_to_skip("cpack", "dpkg-deb") is not None, reason=str(reason_to_skip("cpack", "dpkg-deb")))
def test_the_units_write_it_on_a_device_with_the_package(tmp_path):
    """Installed by the document's own commands."""
    device = Device(tmp_path)
    shutil.copytree(MONITORING, device.share / "docs/monitoring")
    commands = [item.text for item in documents.read("docs/metrics.md") if item.kind == "command" and item.section == "Scrape it"]
    assert len(commands) == 8
    try:
        device.boot()
        device.install()
        device.must("systemctl", "start", "fob")
        for command in commands:
            device.must("sh", "-c", f"cd /opt/share && {command}")
        file = "/var/lib/prometheus/node-exporter/fob.prom"
        wait_until(lambda: device.machine.enter("test", "-e", file).returncode == 0, "the timer has it written")
        text = device.must("cat", file)
        assert "\nfob_up 1\n" in text, device.journal("-u", "fob-metrics")
        assert not promtool("check", "metrics", stdin=text)
        assert device.must("stat", "-c", "%U %a", file).split() == ["fob-metrics", "644"]
        line = device.must("systemd-analyze", "security", "--no-pager", "fob-metrics").splitlines()[-1]
        assert float(re.search(r": (\d+\.\d+)", line)[1]) <= 1.5, line
        device.must("systemctl", "stop", "fob-metrics.timer", "fob-metrics.service", "fob.socket", "fob.service")
        device.must("systemctl", "start", "fob-metrics")
        assert "\nfob_up 0\n" in device.must("cat", file)
    finally:
        device.close()


@pytest.fixture
def proxy(running, tmp_path):
    """The nginx of docs/monitoring, at a port and a place of the test's own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = tmp_path / "nginx"
    place.mkdir()
    text = (MONITORING / "nginx.conf").read_text().replace("/run/fob-metrics", str(place)).replace("/run/fob/", f"{running.runtime}/")
    (tmp_path / "nginx.conf").write_text(text.replace("127.0.0.1:9469", f"127.0.0.1:{port}")
                                         + (f"user {os.environ.get('USER', 'root')};\n" if os.geteuid() == 0 else ""))
    with subprocess.Popen(["nginx", "-e", "stderr", "-c", tmp_path / "nginx.conf"], stderr=subprocess.PIPE, text=True) as process:
        def ask(method, target, host="localhost", headers=()):
            done = subprocess.run(["curl", "--silent", "--request", method, "--header", f"Host: {host}", "--write-out", "\n%{http_code}",
                                   *[word for header in headers for word in ("--header", header)],
                                   f"http://127.0.0.1:{port}{target}"], capture_output=True, text=True, timeout=PATIENCE)
            text, _, status = done.stdout.rpartition("\n")
            return int(status), text
        try:
            wait_until(lambda: process.poll() is not None or ask("GET", "/")[0] == 404, "nginx starts")
            assert process.poll() is None, process.stderr.read()
            yield ask
        finally:
            process.terminate()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_the_proxy_passes_on_the_metrics_and_nothing_else(running, proxy):
    status, text = proxy("GET", "/metrics")
    assert status == 200 and not promtool("check", "metrics", stdin=text)
    status, text = proxy("GET", "/metrics", headers=[f"Accept: {OPENMETRICS}"])
    assert status == 200 and text.endswith("# EOF\n")
    exchanges = running.status()["exchanges"]["ok"]
    for method, target in (("GET", "/v1/status"), ("GET", "/v1/audit"), ("POST", "/v1/refresh"), ("POST", "/v1/reload"),
                           ("GET", "/metrics/../v1/status"), ("GET", "/metrics/"), ("GET", "//metrics/..//v1/status"),
                           ("GET", "/metrics%2f..%2fv1%2fstatus")):
        assert proxy(method, target)[0] == 404, (method, target)
    assert proxy("POST", "/metrics")[0] == 403
    assert proxy("GET", "/metrics", host="evil.example")[0] == 421
    records = json.loads(App(running.runtime / "control.sock").request("GET", "/v1/audit?follow=0")[2])["records"]
    assert not [r for r in records if r["what"].startswith("operator POST")] and running.status()["exchanges"]["ok"] == exchanges
