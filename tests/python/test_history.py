"""A history in a file: chatd is killed and started again, and clients of every protocol continue where they were."""

import resource
import shutil
import sqlite3
import subprocess
import threading

import pytest
from http_support import EventStream, Http, problem
from support import BUILD_DIR, SOURCE_DIR, kill, wait_until

STOMP_CONNECT = "CONNECT\naccept-version:1.2\nhost:localhost\n\n\0"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "chat.db"


@pytest.fixture
def start(start_chatd, path):
    """Starts chatd with the file."""

    def start_it(*options, **settings):
        return start_chatd("--history", path, *options, **settings)

    return start_it


def stomp(raw, server, *frames):
    """The messages that a STOMP client receives up to the receipt "done"."""
    connection = raw(server)
    assert connection.upgrade("/stomp", [("Sec-WebSocket-Protocol", "v12.stomp")]).status == 101
    connection.send_text(STOMP_CONNECT)
    for frame in frames:
        connection.send_text(frame)
    connection.send_text("SEND\ndestination:/topic/stomp-end\nreceipt:done\n\n\0")
    messages = []
    while True:
        _, data = connection.read_frame()
        for text in data.decode().split("\0"):
            if text.startswith("MESSAGE\n"):
                messages.append(text.partition("\n\n")[2])
            if text.startswith("RECEIPT\n") and "receipt-id:done" in text:
                connection.close()
                return messages


@pytest.mark.parametrize("threads", [1, 3])
def test_clients_continue_after_a_kill(start, raw, websocket, threads):
    first = start("--threads", threads)
    http = Http(first, raw)
    ann = websocket(first, "/chat.v1?room=dev&name=Ann")
    welcome = ann.read_json("welcome")
    for text in ("one", "two", "three"):
        ann.send_json({"type": "send", "text": text, "ref": text})
        assert ann.read_json("ack")["ref"] == text
    before = http.history()
    kill(first)

    second = start("--threads", threads)
    http = Http(second, raw)
    epoch = welcome["epoch"]
    # HTTP GET
    assert http.history() == before
    assert before["seq"] == 3
    assert http.texts("?after=1") == ["two", "three"]
    assert http.texts("?before=3&limit=1") == ["two"]
    assert http.texts("?around=2&limit=3") == ["one", "two", "three"]
    assert http.texts("?around=2&limit=1") == ["two"]
    # chat.v1, at the entry and by join
    bob = websocket(second, f"/chat.v1?room=dev&epoch={epoch}&seq=1")
    resumed = bob.read_json("welcome")
    assert (resumed["epoch"], resumed["seq"], resumed["resumed"], resumed["complete"]) == (epoch, 3, True, True)
    assert resumed["id"] > welcome["id"], "nobody is taken for the sender of a kept message"
    assert [bob.read_json("message")["text"] for _ in range(2)] == ["two", "three"]
    carl = websocket(second, "/chat.v1")
    carl.send_json({"type": "join", "room": "dev", "epoch": epoch, "seq": 2, "ref": 1})
    assert carl.read_json("joined")["complete"]
    assert carl.read_json("message")["text"] == "three"
    carl.send_json({"type": "history", "room": "dev", "limit": 2, "ref": 2})
    assert [message["text"] for message in carl.read_json("history")["messages"]] == ["two", "three"]
    # Server-Sent Events
    stream = EventStream(raw(second), "/rooms/dev/events", ("Last-Event-ID", f"{epoch}:1"))
    assert stream.next("welcome").json["complete"]
    assert stream.texts(2) == ["two", "three"]
    # STOMP
    subscribe = f"SUBSCRIBE\nid:0\ndestination:/topic/dev\nlast-seq:1\nepoch:{epoch}\n\n\0"
    assert stomp(raw, second, subscribe) == ["two", "three"]
    # And it goes on.
    assert http.say("four") == 4
    assert bob.read_json("message")["seq"] == 4
    assert stream.texts(1) == ["four"]


def test_what_is_said_while_a_room_is_read_is_in_order(start, raw, websocket):
    first = start()
    http = Http(first, raw)
    for number in range(50):
        http.say(str(number))
    epoch = http.history()["epoch"]
    kill(first)
    second = start("--inbound-rate", "off", "--threads", 2, "--history-messages", 1_000)
    speaker = websocket(second, "/chat.v1?room=dev")
    speaker.read_json("welcome")
    joiners = []
    for number in range(50, 150):
        speaker.send_json({"type": "send", "text": str(number)})
        if number % 10 == 0:
            joiners.append(websocket(second, f"/chat.v1?room=dev&epoch={epoch}&seq=10"))
    for joiner in joiners:
        assert joiner.read_json("welcome")["complete"]
        assert [joiner.read_json("message")["text"] for _ in range(140)] == [str(number) for number in range(10, 150)]


def test_many_rooms_need_no_memory_before_they_are_used(start, raw, path):
    first = start()
    Http(first, raw).say("hello", room="known")
    first.end_gently()
    first.wait()
    with sqlite3.connect(path) as file:
        rooms = [(number + 10, f"room{number}") for number in range(2_000)]
        file.executemany(
            "INSERT INTO room (id, name, epoch, seq, dropped_seq, count, bytes, oldest_ms, newest_ms) "
            "VALUES (?, ?, 'e', 20, 0, 20, 8000, 1900000000000, 1900000000000)",
            rooms,
        )
        file.executemany(
            "INSERT INTO message (room, seq, time_ms, bytes, kind, target_seq, sender_id, sender_name, sender_user, event, "
            "payload_kind, payload) VALUES (?, ?, 1900000000000, 400, 0, 0, 0, '', '', 'chat message', 0, ?)",
            ((id, seq, "x" * 1_000) for id, _ in rooms for seq in range(1, 21)),
        )
    second = start("--history-age-ms", "off")
    text = second.resident_bytes()
    assert len(Http(second, raw).history(room="room7")["messages"]) == 20
    if not second.is_sanitized():
        assert text < 40 << 20, "40 MB of messages stay in the file"


# Failures at the start -----------------------------------------------------------------------------------------------


def refused(start_program, path, *options):
    program = start_program("chatd", "--address", "127.0.0.1", "--port", "0", "--history", path, *options)
    program.expected_code = 1
    program.told_to_end = True
    program.wait()
    return program.errors


def test_two_servers_cannot_use_one_file(start, start_program, path):
    start()
    assert "another server uses this file" in refused(start_program, path)


def test_a_file_that_is_no_history(start_program, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("x" * 10_000)
    assert "not a database" in refused(start_program, notes)
    assert notes.read_text() == "x" * 10_000
    assert "/nowhere/chat.db" in refused(start_program, "/nowhere/chat.db")


# Failures while it runs ----------------------------------------------------------------------------------------------


@pytest.fixture
def limit_file():
    """Limits the size of files that a program writes, as a full disk does; None: not any more."""

    def limit(server, size):
        size = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return limit


def test_a_full_disk_refuses_messages_until_there_is_room(start, raw, websocket, limit_file):
    server = start("--log-level", "info")
    http = Http(server, raw)
    assert http.say("fits") == 1
    ann = websocket(server, "/chat.v1?room=dev")
    ann.read_json("welcome")
    limit_file(server, 4_096)
    ann.send_json({"type": "send", "text": "does not fit", "ref": 1})
    error = ann.read_json("error")
    assert (error["ref"], error["code"]) == (1, "unavailable")
    answer = http.post("neither")
    assert problem(answer) == (503, "unavailable")
    assert http.texts() == ["fits"], "reading goes on"
    server.wait_error("history cannot be written")
    limit_file(server, None)
    assert http.say("fits again") == 2
    assert ann.read_json("message")["text"] == "fits again"
    server.wait_error("written again")


def test_a_full_disk_is_forgotten_by_option(start, raw, limit_file):
    server = start("--history-on-failure", "forget", "--metrics", "/metrics")
    http = Http(server, raw)
    http.say("one")
    limit_file(server, 4_096)
    assert http.say("two") == 2
    limit_file(server, None)
    assert http.say("three") == 3
    assert http.texts() == ["one", "two", "three"]
    metrics = http.get("/metrics").body.decode()
    assert "libchat_history_forgotten_total 1\n" in metrics
    assert "libchat_history_stored_total 2\n" in metrics
    assert "libchat_history_failed_total 0\n" in metrics


def test_a_small_file_system(start_chatd, raw, tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder], capture_output=True).returncode != 0:
        pytest.skip("mount needs rights")
    try:
        options = ["--history", folder / "chat.db", "--history-messages", "off", "--inbound-rate", "off"]
        server = start_chatd(*options)
        http = Http(server, raw)
        said = 0
        while (answer := http.post(f"{said}" + "x" * 20_000)).status == 201:
            said += 1
        assert problem(answer) == (503, "unavailable")
        assert said > 3
        kill(server)
        subprocess.run(["mount", "-o", "remount,size=20m", folder], check=True)
        again = Http(start_chatd(*options), raw)
        assert len(again.history("?limit=100")["messages"]) == said
        assert again.say("there is space") == said + 1
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


# Tools ---------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs the program sqlite3")
def test_a_backup_of_a_running_server(start, start_chatd, raw, path, tmp_path):
    server = start("--inbound-rate", "off")
    http = Http(server, raw)
    http.say("before")
    stop = threading.Event()
    said = []

    def speak():
        speaker = Http(server, raw)
        while not stop.is_set():
            said.append(speaker.say("meanwhile"))

    thread = threading.Thread(target=speak)
    thread.start()
    wait_until(lambda: len(said) > 5)
    backup = tmp_path / "backup.db"
    subprocess.run(["sqlite3", path, f".backup {backup}"], check=True)
    stop.set()
    thread.join()
    count = subprocess.run(["sqlite3", path, "SELECT count(*) FROM message"], check=True, capture_output=True, text=True)
    assert int(count.stdout) == min(100, len(said) + 1)
    # As docs/history.md says.
    subprocess.run(["sqlite3", backup, "UPDATE server SET value = 'restored' WHERE key = 'boot_id'"], check=True)
    restored = Http(start_chatd("--history", backup), raw)
    history = restored.history()
    assert history["seq"] >= 5
    assert history["epoch"] != http.history()["epoch"]
    assert history["messages"][-1]["text"] == "meanwhile"


def test_kill_9_under_load():
    """The short form of scripts/kill9."""
    command = [str(SOURCE_DIR / "scripts" / "kill9"), "--rounds", "5", "--program", str(BUILD_DIR / "bin" / "chatd")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_messages_are_found_by_their_words(start, raw, websocket, start_chatd):
    server = start("--history-search", "words")
    http = Http(server, raw)
    ann = websocket(server, "/chat.v1?room=dev&name=Ann")
    ann.read_json("welcome")
    for text in ("lunch on Friday?", "no lunch", "Friday 13"):
        ann.send_json({"type": "send", "text": text, "ref": 1})
        ann.read_json("ack")

    def search(text, **more):
        ann.send_json({"type": "search", "text": text, "ref": "s", **more})
        reply = ann.read_json("search")
        assert (reply["room"], reply["seq"], reply["ref"]) == ("dev", 3, "s")
        return [message["text"] for message in reply["messages"]], reply["complete"], reply.get("before")

    assert search("lunch") == (["lunch on Friday?", "no lunch"], True, None)
    assert search("FRIDAY lunch") == (["lunch on Friday?"], True, None)
    assert search("lunch", limit=1) == (["no lunch"], False, 2)
    assert search("lunch", limit=1, before=2) == (["lunch on Friday?"], True, None)
    assert search('"friday" AND (') == ([], True, None)
    found = http.history("?search=friday&limit=1")
    assert (found["type"], found["complete"], found["before"]) == ("search", False, 2)
    assert [message["text"] for message in found["messages"]] == ["Friday 13"]
    assert problem(http.get("/rooms/dev/messages?search=%20"))[1] == "invalid_argument"
    ann.send_json({"type": "search", "text": " ", "ref": 2})
    assert ann.read_json("error")["code"] == "invalid_argument"
    ann.send_json({"type": "search", "room": "a,b", "text": "x", "ref": 3})
    assert ann.read_json("error")["code"] == "invalid_room"

    other = websocket(start_chatd(), "/chat.v1?room=dev")
    other.read_json("welcome")
    other.send_json({"type": "search", "text": "lunch", "ref": 2})
    assert other.read_json("error")["code"] == "unknown_type"
