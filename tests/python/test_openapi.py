"""Holds docs/openapi.yaml against a running server: requests that are generated from it, well-formed and not, get answers that it
describes."""

import re

import hypothesis
import pytest
import requests
import schemathesis
import schemathesis.checks
from http_support import EventStream
from schemathesis.specs.openapi import checks as conformance
from support import LIMIT_S, SOURCE_DIR, Chatd, Raw

EXAMPLES = 25
SCHEMA = schemathesis.openapi.from_path(SOURCE_DIR / "docs" / "openapi.yaml")
CHECKS = [
    schemathesis.checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_headers_conformance,
    conformance.response_schema_conformance,
]
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture(scope="module")
def chatd():
    server = Chatd("--inbound-rate", "off", "--lists", "--max-rooms", 5000)
    yield server
    server.finish()


def url_of(chatd):
    return f"http://{chatd.host}:{chatd.port}"


def requests_of(schema):
    """All operations whose answer ends."""
    return schema.exclude(operation_id="listen")


def send(case, chatd, **options):
    arguments = case.as_transport_kwargs(base_url=url_of(chatd))
    return requests.request(**arguments, timeout=LIMIT_S, **options)


@requests_of(SCHEMA).parametrize()
@SETTINGS
def test_requests(case, chatd):
    # Waiting is tested elsewhere, without a wall clock.
    if str(case.query.get("wait", 0)).strip() not in ("", "0"):
        case.query["wait"] = 0
    answer = send(case, chatd)
    if answer.headers.get("Content-Type", "").startswith("text/plain"):
        # The head of the request is malformed, so it does not reach the endpoint: a control character in the path, for example.
        assert answer.status_code in (400, 404, 414, 431), answer.text
        return
    case.validate_response(answer, checks=CHECKS)


@SCHEMA.include(operation_id="listen").parametrize()
@SETTINGS
def test_streams(case, chatd):
    with send(case, chatd, stream=True) as answer:
        if answer.status_code != 200:
            if answer.headers.get("Content-Type") == "application/problem+json":
                case.validate_response(answer, checks=CHECKS)
            else:  # a malformed head, or OPTIONS
                assert answer.status_code in (204, 400, 404, 405, 414, 431), answer.text
            return
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        assert next(answer.iter_content(7)) == b"retry: "


def test_what_the_description_promises(chatd):
    """The limits in the description are those of the server."""
    operation = SCHEMA.raw_schema["paths"]["/rooms/{room}/messages"]["get"]
    for parameter in operation["parameters"]:
        limits = parameter["schema"]
        for name, fits in (("minimum", -1), ("maximum", 1)):
            if name not in limits:
                continue
            if parameter["name"] != "wait":
                allowed = requests.get(f"{url_of(chatd)}/rooms/a/messages", {parameter["name"]: limits[name]}, timeout=LIMIT_S)
                assert allowed.status_code == 200, (parameter["name"], name)
            refused = requests.get(f"{url_of(chatd)}/rooms/a/messages", {parameter["name"]: limits[name] + fits}, timeout=LIMIT_S)
            assert refused.status_code == 400, (parameter["name"], name)


def test_every_event_is_described(chatd):
    described = set(re.findall(r"`([a-z]+)`", SCHEMA.raw_schema["paths"]["/rooms/{room}/events"]["get"]["responses"]["200"]["description"]))
    source = (SOURCE_DIR / "core/wire/rest/rest_codec.cc").read_text()
    names = set(re.findall(r'const \{ return "([a-z]+)"; \}', source)) | {"close"}
    assert described == names
    connection = Raw(chatd)
    assert EventStream(connection, "/rooms/a/events").next().name in described
    connection.close()
