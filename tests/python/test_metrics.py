"""chatd --metrics: text that Prometheus' own parser reads, counters that move, and the board and the page of docs that name
them."""

import json
import re

import pytest
from cluster_support import Redis
from prometheus_client.parser import text_string_to_metric_families
from support import SOURCE_DIR, TEXT, wait_until

BOARD = SOURCE_DIR / "docs/grafana-dashboard.json"


def scrape(raw, chatd):
    answer = raw(chatd).request("GET", "/metrics")
    assert answer.status == 200
    families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
    samples = {}
    for family in families.values():
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in samples, f"{key} twice"
            samples[key] = sample.value
    return families, samples


def value(raw, chatd, name, **labels):
    return scrape(raw, chatd)[1][(name, *sorted(labels.items()))]


def test_off_without_being_asked_for(start_chatd, raw):
    assert raw(start_chatd()).request("GET", "/metrics").status == 404


def test_form(start_chatd, raw):
    chatd = start_chatd("--metrics", "/metrics", "--threads", 2)
    connection = raw(chatd)
    answer = connection.request("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.body.endswith(b"\n")
    head = connection.request("HEAD", "/metrics")
    assert (head.status, head.body) == (200, b"")
    refused = connection.request("POST", "/metrics", [("Content-Length", "0")])
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")

    families, samples = scrape(raw, chatd)
    for family in families.values():
        # https://prometheus.io/docs/practices/naming/, and what promtool asks for.
        assert re.fullmatch(r"libchat_[a-z_]+", family.name)
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge"), family.name
        assert family.samples, family.name
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name
            assert not re.search(r"_(milliseconds|ms|kilobytes)\b", sample.name)
    assert {sample.labels["loop"] for sample in families["libchat_connections"].samples} == {"0", "1"}
    for name in ("libchat_clients", "libchat_messages_received", "libchat_deliveries"):
        protocols = {sample.labels["protocol"] for sample in families[name].samples}
        assert protocols == {"plain", "chat.v1", "socket.io", "stomp", "http"}, name
    for name in ("libchat_clients_by_transport", "libchat_messages_received_by_transport", "libchat_deliveries_by_transport"):
        assert {sample.labels["transport"] for sample in families[name].samples} == {"websocket", "polling", "streaming"}, name
    header = (SOURCE_DIR / "capi/include/chat/chat.h").read_text()
    version = re.search(r'CHAT_VERSION_STRING "(.*)"', header).group(1)
    assert samples[("libchat_build_info", ("version", version))] == 1


def test_counters_move(start_chatd, raw, websocket):
    chatd = start_chatd("--metrics", "/metrics")
    before = scrape(raw, chatd)[1]
    ann = websocket(chatd)
    bob = websocket(chatd, "/chat.v1")
    ann.send_text("hello")
    assert ann.read_frame() == (TEXT, b"hello")
    bob.read_json("message")
    bob.send_json({"type": "send", "text": "hi", "event": "connect"})  # refused
    bob.read_json("error")
    families, after = scrape(raw, chatd)

    def grown(name, **labels):
        key = (name, *sorted(labels.items()))
        return after[key] - before[key]

    assert grown("libchat_clients", protocol="plain") == 1
    assert grown("libchat_clients", protocol="chat.v1") == 1
    assert grown("libchat_clients_by_transport", transport="websocket") == 2
    assert grown("libchat_clients_opened_total") == 2
    assert grown("libchat_connections_opened_total") >= 3
    assert grown("libchat_connections", loop="0") >= 2
    assert grown("libchat_rooms") == 1
    assert grown("libchat_messages_received_total", protocol="plain") == 1
    assert grown("libchat_messages_received_total", protocol="chat.v1") == 1
    assert grown("libchat_messages_received_by_transport_total", transport="websocket") == 2
    assert grown("libchat_messages_refused_total") == 1
    assert grown("libchat_messages_published_total") == 1
    assert grown("libchat_deliveries_total", protocol="plain") == 1
    assert grown("libchat_deliveries_total", protocol="chat.v1") == 1
    assert grown("libchat_deliveries_by_transport_total", transport="websocket") == 2
    assert grown("libchat_received_bytes_total") > 0
    assert grown("libchat_sent_bytes_total") > 0
    assert grown("libchat_http_requests_total") >= 1
    assert grown("libchat_history_bytes") > 0
    assert grown("libchat_start_time_seconds") == 0
    assert after[("libchat_start_time_seconds",)] > 1.7e9
    assert after[("libchat_draining",)] == 0

    ann.close()
    wait_until(lambda: value(raw, chatd, "libchat_clients", protocol="plain") == 0, "the client's end")
    assert value(raw, chatd, "libchat_clients_opened_total") == after[("libchat_clients_opened_total",)]


def test_slow_readers_are_counted(start_chatd, raw, websocket):
    chatd = start_chatd("--metrics", "/metrics", "--outbox-messages", 10, "--inbound-rate", "off")
    slow = websocket(chatd, receive_buffer=2048)
    ann = websocket(chatd, "/chat.v1")

    def disconnected():
        for _ in range(20):
            ann.send_json({"type": "send", "text": "x" * 60_000, "except_self": True})
        return value(raw, chatd, "libchat_slow_disconnects_total") == 1

    wait_until(disconnected, "the slow reader's end")
    assert value(raw, chatd, "libchat_messages_dropped_total") > 0
    slow.close()


@pytest.mark.skipif(not Redis.installed(), reason="redis-server is not installed")
def test_the_board_and_the_page_name_what_exists(start_chatd, raw):
    redis = Redis()
    try:
        _, samples = scrape(raw, start_chatd("--metrics", "/metrics", "--cluster", redis.url))
        _, of_guest = scrape(raw, start_chatd("--metrics", "/metrics", "--socket-io-cluster", redis.url))
    finally:
        redis.end()
    exposed = {key[0] for key in [*samples, *of_guest]}
    board = json.loads(BOARD.read_text())
    targets = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    variables = [str(variable.get("query", "")) for variable in board["templating"]["list"]]
    used = {name for text in targets + variables for name in re.findall(r"libchat_[a-z_]+", text)}
    assert len(targets) >= 12
    assert used == exposed, used ^ exposed
    inputs = {given["name"] for given in board["__inputs"]}
    for panel in board["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"]["uid"].strip("${}") in inputs, panel["title"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))

    page = (SOURCE_DIR / "docs/metrics.md").read_text()
    documented = set(re.findall(r"^\| `(libchat_[a-z_]+)", page, re.M))
    assert documented == exposed
    assert set(re.findall(r"libchat_[a-z_]+", page)) <= exposed
