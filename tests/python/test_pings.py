"""The server's own pings, and the end of those who do not answer them."""

from support import PING, PONG, TEXT, Closed, scaled_ms


def test_pings_come_and_answers_keep_the_connection(start_chatd, websocket):
    # The next ping is due an interval after the answer, however long an answer might have taken.
    chatd = start_chatd("--ping-interval-ms", 100, "--ping-timeout-ms", 60_000)
    client = websocket(chatd)
    for _ in range(5):
        opcode, payload = client.read_frame()
        assert opcode == PING
        client.send_frame(PONG, payload)
    client.send_text("still here")
    while True:
        opcode, payload = client.read_frame()
        if opcode == TEXT:
            break
        client.send_frame(PONG, payload)
    assert payload == b"still here"


def test_who_does_not_answer_is_let_go(start_chatd, websocket):
    chatd = start_chatd("--ping-interval-ms", 100, "--ping-timeout-ms", scaled_ms(200))
    silent = websocket(chatd)
    frames = []
    try:
        while True:
            frames.append(silent.read_frame()[0])
    except Closed as closed:
        assert closed.code == 1006
    assert PING in frames


def test_anything_that_is_said_counts_as_an_answer(start_chatd, websocket):
    chatd = start_chatd("--ping-interval-ms", 100, "--ping-timeout-ms", scaled_ms(5000))
    client = websocket(chatd)
    pings = 0
    while pings < 5:
        opcode, _ = client.read_frame()
        if opcode == PING:
            pings += 1
            client.send_text("no pong, but a word")


def test_no_pings_when_off(start_chatd, websocket):
    chatd = start_chatd("--ping-interval-ms", "off", "--ping-timeout-ms", 1)
    client = websocket(chatd)
    client.send_text("hello")
    assert client.read_frame() == (TEXT, b"hello")


def test_a_hundred_clients_are_pinged(start_chatd, websocket):
    chatd = start_chatd("--ping-interval-ms", 200, "--ping-timeout-ms", scaled_ms(20_000), "--threads", 2)
    clients = [websocket(chatd) for _ in range(100)]
    for client in clients:
        assert client.read_frame()[0] == PING
