"""docs/openapi.yaml: a valid OpenAPI 3.1 document, and what a running fobd answers is what it says.

openapi-3.1.schema.json is the OpenAPI Initiative's own (https://spec.openapis.org/oas/3.1/schema/2026-08-03, Apache-2.0).
"""
import json
import os
import re
import socket
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator, RefResolver

from fob import wait_until

HERE = Path(__file__).parent
DOCUMENT = yaml.safe_load((HERE.parents[1] / "docs/openapi.yaml").read_text())
OPERATIONS = {(method.upper(), path): operation for path, item in DOCUMENT["paths"].items()
              for method, operation in item.items() if method in ("get", "post")}
OTHER = {"GET": "POST", "POST": "GET"}


def resolved(part):
    """What a $ref of the document leads to."""
    while "$ref" in part:
        found = DOCUMENT
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def check(schema, value, why):
    errors = list(Draft202012Validator(schema, resolver=RefResolver.from_schema(DOCUMENT)).iter_errors(value))
    assert not errors, (why, [(list(error.absolute_path), error.message) for error in errors])


class Held:
    """Asks fobd, and holds each answer against the document."""

    def __init__(self, installation):
        self.sockets = {"apps": installation.app, "operators": installation.control}
        self.seen = set()

    def ask(self, method, target, body=None, headers=None, tag=None):
        path = target.partition("?")[0]
        operation = OPERATIONS.get((method, path))
        if operation and body is not None and isinstance(body, dict):
            check(operation["requestBody"]["content"]["application/json"]["schema"], body, ("request", method, target))
        socket_of = self.sockets[tag or operation["tags"][0]]
        status, headers, text = socket_of.request(method, target, body, headers)
        self.hold(operation, method, path, status, headers, text)
        return status, text

    def hold(self, operation, method, path, status, headers, text):
        kind = headers["Content-Type"].partition(";")[0]
        assert headers["Cache-Control"] == "no-store"
        responses = operation["responses"] if operation else {"default": {"$ref": "#/components/responses/Problem"}}
        response = resolved(responses.get(str(status), responses["default"]))
        assert kind in response["content"], (method, path, status, kind)
        for name, header in response.get("headers", {}).items():
            if headers[name] is not None:
                check(header["schema"], headers[name], (method, path, name))
        value = json.loads(text) if kind.endswith("json") else text
        check(response["content"][kind]["schema"], value, (method, path, status, text))
        self.seen.add((method, path, status if status == 200 else "other", kind))

    def first_event(self, target, tag="apps"):
        """Its head held against the document; the first event as (name, data)."""
        path = target.partition("?")[0]
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(self.sockets[tag].path)
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: fob\r\n\r\n".encode())
            heard = b""
            while heard.count(b"\n\n") == 0 or b"data:" not in heard:
                piece = connection.recv(65536)
                assert piece, heard
                heard += piece
        assert b"text/event-stream" in heard and heard.startswith(b"HTTP/1.1 200")
        assert "text/event-stream" in OPERATIONS["GET", path]["responses"]["200"]["content"]
        self.seen.add(("GET", path, 200, "text/event-stream"))
        name, data = re.search(rb"event: (\w+)\r?\ndata: (.*)", heard).groups()
        return name.decode(), json.loads(data)


@pytest.fixture
def held(enrolled):
    enrolled.start()
    wait_until(lambda: enrolled.app.token()[0] == 200, "a token")
    return Held(enrolled)


def test_the_document_is_valid():
    schema = json.loads((HERE / "openapi-3.1.schema.json").read_text())
    errors = list(Draft202012Validator(schema).iter_errors(DOCUMENT))
    assert not errors, [(list(error.absolute_path), error.message) for error in errors]
    for name, part in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(part)
        assert f"#/components/schemas/{name}" in (HERE.parents[1] / "docs/openapi.yaml").read_text(), f"nothing uses {name}"


def test_every_answer_is_as_the_document_says(held, enrolled, sandbox):
    own = os.getpid()
    fingerprint = json.loads(held.ask("GET", "/v1/token?min_ttl=1.5&wait=0")[1])["fingerprint"]
    held.ask("GET", "/v1/token", headers={"Accept": "text/plain"})
    held.ask("POST", "/v1/token/rejected", {"profile": "prod-query", "fingerprint": fingerprint})
    held.ask("GET", "/v1/profiles")
    held.ask("GET", "/healthz")
    held.ask("GET", "/v1/status")
    held.ask("POST", "/v1/refresh", {"profile": "prod-query"})
    held.ask("POST", "/v1/credentials/changed", {"profile": "prod-query"})
    held.ask("POST", "/v1/reload")
    held.ask("GET", f"/v1/explain?pid={own}")
    held.ask("GET", "/v1/explain?as=user=nobody,unit=x.service&profile=nope")
    held.ask("GET", "/metrics")
    held.ask("GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
    name, data = held.first_event("/v1/events?profile=prod-query")
    assert name == "token"
    check(DOCUMENT["components"]["schemas"]["Token"], data, "an event")
    sandbox.fault("status", status=401)
    assert held.ask("POST", "/v1/refresh", {"profile": "prod-query"})[0] == 503
    assert held.ask("GET", "/healthz")[0] == 503
    assert json.loads(held.ask("GET", "/v1/status")[1])["profiles"][0]["alarm"]
    name, data = held.first_event("/v1/audit", "operators")
    assert name == "audit"
    check(DOCUMENT["components"]["schemas"]["AuditRecord"], data, "an event")
    assert len(json.loads(held.ask("GET", "/v1/audit?follow=0")[1])["records"]) > 10

    wanted = {(method, path, 200, kind) for (method, path), operation in OPERATIONS.items()
              for kind in operation["responses"].get("200", {"content": {}})["content"]}
    assert wanted <= held.seen, wanted - held.seen


def test_every_refusal_is_as_the_document_says(held):
    for (method, path), operation in OPERATIONS.items():
        status, _ = held.ask(OTHER[method], path, tag=operation["tags"][0])
        assert status == 405, path
        if method == "POST" and "requestBody" in operation:
            assert held.ask(method, path, body="{")[0] == 400
        elif path not in ("/v1/profiles", "/healthz", "/v1/status", "/metrics", "/v1/reload"):
            assert held.ask(method, path + "?no-such-parameter=1")[0] == 400, path
    assert held.ask("GET", "/v1/no-such-path", tag="apps")[0] == 404
    assert held.ask("GET", "/v1/no-such-path", tag="operators")[0] == 404
    assert held.ask("GET", "/v1/token?profile=nope")[0] == 404
    assert held.ask("GET", "/v1/token?wait=61")[0] == 400
    assert held.ask("GET", "/v1/token/page")[0] == 400
    assert held.ask("GET", "/v1/explain?pid=999999999")[0] in (400, 404)
    assert held.ask("POST", "/v1/refresh", body="x" * 40_000)[0] == 413
    assert held.ask("GET", "/v1/token?" + "x" * 9000)[0] == 431
