"""Who may connect: Origin, trusted proxies, and how many at once."""

import pytest
from support import TEXT, wait_until


def refused_with(raw, server, target="/chat", headers=()):
    response = raw(server).upgrade(target, headers)
    return None if response.status == 101 else response.status


# Origin --------------------------------------------------------------------------------------------------------------


def test_without_an_origin_or_with_the_own_one(start_chatd, raw):
    chatd = start_chatd()
    assert refused_with(raw, chatd) is None
    for origin in (f"http://{chatd.host}:{chatd.port}", f"HTTP://{chatd.host}:{chatd.port}"):
        assert refused_with(raw, chatd, headers=[("Origin", origin)]) is None, origin


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:3000",
        "null",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://evil.example/127.0.0.1",
        "http://127.0.0.1@evil.example",
        "file://",
        "127.0.0.1",
        "x",
        "://",
    ],
)
def test_a_foreign_origin_is_403(start_chatd, raw, still_chats, origin):
    chatd = start_chatd()
    for target in ("/chat", "/chat.v1"):
        assert refused_with(raw, chatd, target, [("Origin", origin)]) == 403
    still_chats(chatd)


def test_allowed_origins(start_chatd, raw):
    chatd = start_chatd("--origin", "https://app.example", "--origin", "http://localhost:8080")
    assert refused_with(raw, chatd, headers=[("Origin", "https://app.example")]) is None
    assert refused_with(raw, chatd, headers=[("Origin", "http://localhost:8080")]) is None
    for origin in ("http://app.example", "https://app.example:444", "https://app.example.evil", "http://localhost:8081"):
        assert refused_with(raw, chatd, headers=[("Origin", origin)]) == 403, origin


def test_every_origin(start_chatd, raw):
    chatd = start_chatd("--origin", "*")
    for origin in ("https://anything.example", "null"):
        assert refused_with(raw, chatd, headers=[("Origin", origin)]) is None


def test_behind_a_trusted_proxy_the_origin_is_compared_with_the_outer_host(start_chatd, raw):
    trusting = start_chatd("--trusted-proxy", "127.0.0.1")
    wary = start_chatd("--trusted-proxy", "192.0.2.1")
    headers = [("Origin", "https://chat.example"), ("X-Forwarded-Host", "chat.example"), ("X-Forwarded-Proto", "https")]
    assert refused_with(raw, trusting, headers=headers) is None
    assert refused_with(raw, wary, headers=headers) == 403


# Numbers -------------------------------------------------------------------------------------------------------------


def test_one_client_too_many_is_503(start_chatd, raw, websocket):
    chatd = start_chatd("--max-clients", 3, "--max-clients-per-address", "off", "--threads", 2)
    clients = [websocket(chatd) for _ in range(3)]
    assert refused_with(raw, chatd) == 503
    assert refused_with(raw, chatd, "/chat.v1") == 503
    assert raw(chatd).request("GET", "/healthz").status == 200
    clients[0].close()
    wait_until(lambda: refused_with(raw, chatd) is None, "a place to become free")


def test_one_client_too_many_from_an_address_is_503(start_chatd, raw, websocket):
    chatd = start_chatd("--max-clients-per-address", 2, "--trusted-proxy", "127.0.0.1")
    from_one = [("X-Forwarded-For", "192.0.2.1")]
    from_two = [("X-Forwarded-For", "192.0.2.2")]
    clients = [websocket(chatd, headers=from_one) for _ in range(2)]
    assert refused_with(raw, chatd, headers=from_one) == 503
    assert refused_with(raw, chatd, headers=[("X-Forwarded-For", "192.0.2.2, 192.0.2.1")]) == 503
    clients.append(websocket(chatd, headers=from_two))
    clients[0].close()
    wait_until(lambda: refused_with(raw, chatd, headers=from_one) is None, "a place to become free")
    clients[-1].send_text("well")
    assert clients[-1].read_frame() == (TEXT, b"well")


def test_without_a_trusted_proxy_all_count_as_one_address(start_chatd, raw, websocket):
    chatd = start_chatd("--max-clients-per-address", 1)
    websocket(chatd, headers=[("X-Forwarded-For", "192.0.2.1")])
    assert refused_with(raw, chatd, headers=[("X-Forwarded-For", "192.0.2.2")]) == 503


@pytest.mark.parametrize("forwarded", ["", "unknown", "nonsense, ,", "192.0.2.1:99999", "[::1", "1" * 5000, "192.0.2.1," * 300])
def test_ill_formed_forwarding_headers_harm_nobody(start_chatd, raw, still_chats, forwarded):
    chatd = start_chatd("--trusted-proxy", "127.0.0.0/8", "--trusted-proxy", "::1")
    raw(chatd).upgrade("/chat", [("X-Forwarded-For", forwarded)])
    still_chats(chatd)


def test_more_connections_than_allowed_wait_or_are_closed(start_chatd, raw, websocket):
    chatd = start_chatd("--max-connections", 10)
    ann = websocket(chatd)
    bob = websocket(chatd)
    silent = [raw(chatd) for _ in range(50)]
    ann.send_text("well")
    assert bob.read_frame() == (TEXT, b"well")
    assert chatd.descriptor_count() < 60
    for connection in silent:
        connection.close()

    def connects_again():
        connection = raw(chatd)
        try:
            return connection.upgrade().status == 101
        except Exception:
            return False

    wait_until(connects_again, "places to become free")


def test_places_are_given_back_however_a_client_ends(start_chatd, raw, websocket):
    chatd = start_chatd("--max-clients", 5, "--max-clients-per-address", "off")
    for _ in range(10):
        clients = []

        def fill():
            while len(clients) < 5:
                connection = raw(chatd)
                if connection.upgrade().status != 101:
                    return False
                clients.append(connection)
            return True

        wait_until(fill, "five places")
        for index, client in enumerate(clients):
            if index % 3 == 0:
                client.reset()
            elif index % 3 == 1:
                client.close()
            else:
                client.send_frame(8, b"\x03\xe8")
                client.close()
