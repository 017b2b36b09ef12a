"""Servers that share their rooms through a real Redis: one order, one history, and what happens when a part of it fails."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
import types

import pychat
import pytest
import socketio
from cluster_support import Redis, Way, history_at, partition_of, ready, token, writing
from http_support import Http, problem
from support import BUILD_DIR, LIMIT_S, SOURCE_DIR, kill, wait_until

pytestmark = pytest.mark.skipif(not Redis.installed(), reason="redis-server is not installed")


@pytest.fixture
def start(start_chatd, redis):
    """Starts a server of the cluster."""

    def start_it(*options):
        return start_chatd("--cluster", redis.url, *options)

    return start_it


def test_two_servers_are_one_room(start, talk):
    first, second = start(), start()
    ann, bob = talk(first), talk(second)
    assert ann.welcome["epoch"] == bob.welcome["epoch"]
    ack = ann.say("hello")
    assert (ack["type"], ack["seq"], ack["epoch"]) == ("ack", 1, ann.welcome["epoch"])
    heard = bob.heard("hello")
    assert (heard["seq"], heard["epoch"], heard["from"]["name"]) == (1, ack["epoch"], ann.welcome["name"])
    assert heard["from"]["id"] == ann.welcome["id"] != bob.welcome["id"]
    assert bob.say("hi", event="greeting")["seq"] == 2
    assert ann.heard("hi")["time"] == bob.heard("hi")["time"]


def test_what_is_not_numbered_is_passed_on_too(start, talk):
    first, second = start("--ephemeral-event", "typing"), start("--ephemeral-event", "typing")
    ann, bob = talk(first), talk(second)
    ann.say("", event="typing")
    event = bob.wait(lambda event: event.get("event") == "typing")
    assert event["ephemeral"] and "seq" not in event
    assert ann.say("x")["seq"] == 1


def test_a_record_that_grows_too_large_is_dropped(redis):
    """The one before would continue the client without the rooms that it has entered since."""

    def records():
        return redis.cli("keys", "*sess:*").split()

    options = {"recovery_window_ms": 60_000, "max_rooms_per_client": 1_000}
    with pychat.Server(address="127.0.0.1", port=0, cluster=redis.url, **options) as server:
        client = socketio.Client(reconnection=False)
        client.connect(f"http://127.0.0.1:{server.port}", transports=["websocket"], wait_timeout=LIMIT_S)
        wait_until(lambda: len(records()) == 1)
        (member,) = server.clients()
        for number in range(600):
            server.join(member.client, f"{number:03}" + "x" * 120)
        wait_until(lambda: not records())
        for number in range(600):
            server.leave(member.client, f"{number:03}" + "x" * 120)
        wait_until(lambda: len(records()) == 1)
        client.disconnect()


def test_all_servers_have_one_order(start, talk):
    servers = [start(), start(), start()]
    talkers = [talk(server) for server in servers for _ in range(2)]
    count = 100

    def speak(number):
        refs = [talkers[number].request("send", room="dev", text=f"{number}.{i}") for i in range(count)]
        for ref in refs:
            assert talkers[number].answer(ref)["type"] == "ack"

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(len(talkers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = count * len(talkers)
    for talker in talkers:
        wait_until(lambda talker=talker: len(talker.messages()) == expected)
        assert [seq for _, seq, _ in talker.messages()] == list(range(1, expected + 1))
    assert all(talker.messages() == talkers[0].messages() for talker in talkers)
    for number in range(len(talkers)):  # each in its own order
        own = [text for text in talkers[0].texts() if text.startswith(f"{number}.")]
        assert own == [f"{number}.{i}" for i in range(count)]


def test_a_client_continues_at_another_server(start, talk):
    first, second = start(), start()
    ann, bob = talk(first), talk(first)
    for i in range(5):
        ann.say(str(i))
    bob.heard("4")
    bob.close()
    for i in range(5, 9):
        ann.say(str(i))
    epoch, seq, _ = bob.messages()[-1]
    again = talk(second, since=(epoch, seq))
    assert (again.welcome["resumed"], again.welcome["complete"], again.welcome["seq"]) == (True, True, 9)
    again.heard("8")
    assert again.texts() == ["5", "6", "7", "8"]


def test_the_history_is_that_of_the_cluster(start, talk):
    first, second = start(), start()
    ann = talk(first)
    for i in range(3):
        ann.say(str(i))
    stranger = talk(second, "elsewhere")
    answer = stranger.answer(stranger.request("history", room="dev"))
    assert [message["text"] for message in answer["messages"]] == ["0", "1", "2"]
    assert (answer["seq"], answer["epoch"], answer["complete"]) == (3, ann.welcome["epoch"], True)


def test_a_message_that_is_sent_again_to_another_server_is_published_once(start, talk, tmp_path):
    users = tmp_path / "users"
    users.write_text("secret-secret-secret ann\n")
    first, second = start("--users", users), start("--users", users)
    ann, again = talk(first, token="secret-secret-secret"), talk(second, token="secret-secret-secret")
    ack = ann.say("once", id="1")
    assert (ack["type"], ack["seq"], ack.get("repeated", False)) == ("ack", 1, False)
    ack = again.say("once", id="1")
    assert (ack["type"], ack["seq"], ack["repeated"]) == ("ack", 1, True)
    assert again.say("twice", id="2")["seq"] == 2
    ann.heard("twice")
    assert ann.texts() == ["once", "twice"]


def test_an_edit_reaches_all_servers(start, talk):
    first, second = start(), start()
    ann, bob = talk(first), talk(second)
    seq = ann.say("helo")["seq"]
    assert ann.answer(ann.request("edit", room="dev", target=seq, text="hello"))["type"] == "ack"
    event = bob.wait(lambda event: event["type"] == "edit")
    assert (event["target"], event["text"]) == (seq, "hello")
    late = talk(start(), since=(ann.welcome["epoch"], 0))
    late.heard("hello")
    assert "helo" not in late.texts()


def test_prefixes_keep_clusters_apart(start, talk):
    ann, bob = talk(start()), talk(start("--cluster-prefix", "other:"))
    ann.say("one")
    assert bob.say("two")["seq"] == 1
    assert ann.welcome["epoch"] != bob.welcome["epoch"]
    assert bob.texts() == ["two"]


# Rules -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def users(tmp_path):
    path = tmp_path / "users"
    path.write_text("token-of-the-owner ann owner\ntoken-of-a-member bob\n")
    return path


def test_a_ban_holds_at_every_server(start, talk, users):
    first, second = start("--users", users), start("--users", users)
    ann, bob = talk(first, token="token-of-the-owner"), talk(second, token="token-of-a-member")
    assert ann.say("one")["seq"] == 1
    ref = ann.request("moderate", room="dev", action="ban", user="bob", duration_ms=600_000)
    assert ann.answer(ref)["type"] == "moderated"
    assert bob.wait(lambda event: event["type"] == "left")["reason"] == "banned"
    for server in (first, second, start("--users", users)):
        again = talk(server, "lobby", token="token-of-a-member")
        assert again.answer(again.request("join", room="dev"))["code"] == "banned"
    ref = ann.request("moderate", room="dev", action="ban", user="bob", duration_ms=0)
    assert ann.answer(ref)["type"] == "moderated"

    def joins():
        again = talk(second, "lobby", token="token-of-a-member")
        return again.answer(again.request("join", room="dev"))["type"] == "joined"

    wait_until(joins)


def test_a_kick_reaches_another_server(start, talk, users):
    first, second = start("--users", users), start("--users", users)
    ann, bob = talk(first, token="token-of-the-owner"), talk(second, token="token-of-a-member")
    assert ann.answer(ann.request("moderate", room="dev", action="kick", user="bob"))["type"] == "moderated"
    assert bob.wait(lambda event: event["type"] == "left")["reason"] == "kicked"


def test_modes_and_roles_hold_at_every_server(start, talk, users):
    first, second = start("--users", users), start("--users", users)
    ann, bob = talk(first, token="token-of-the-owner"), talk(second, token="token-of-a-member")
    assert bob.say("before")["type"] == "ack"
    assert ann.answer(ann.request("moderate", room="dev", action="read_only", value=1))["type"] == "moderated"
    wait_until(lambda: bob.say("now")["type"] == "error")
    assert bob.say("now")["code"] == "read_only"
    assert ann.answer(ann.request("moderate", room="dev", action="role", user="bob", value=2))["type"] == "moderated"
    wait_until(lambda: bob.say("as a moderator")["type"] == "ack")
    late = talk(start("--users", users), token="token-of-a-member")
    assert late.welcome["role"] == "moderator"
    guest = talk(start("--users", users))
    assert guest.say("x")["code"] == "read_only"


def test_rules_hold_at_a_server_that_does_not_have_the_room(start, talk, users, raw):
    first, second = start("--users", users), start("--users", users)
    ann = talk(first, token="token-of-the-owner")
    assert ann.answer(ann.request("moderate", room="dev", action="ban", user="bob", duration_ms=600_000))["type"] == "moderated"
    assert ann.answer(ann.request("moderate", room="dev", action="read_only", value=1))["type"] == "moderated"
    ann.say("all that there is")
    bob, guest = ("Authorization", "Bearer token-of-a-member"), ("X-Guest", "1")
    answers = [Http(server, raw).post("hello", who) for server in (second, start("--users", users)) for who in (bob, guest)]
    assert [problem(answer)[1] for answer in answers] == ["banned", "read_only"] * 2
    # A mode that is set there leaves the others.
    late = talk(start("--users", users), "lobby", token="token-of-the-owner")
    assert late.answer(late.request("moderate", room="dev", action="slow_mode", value=30_000))["type"] == "moderated"
    assert problem(Http(start("--users", users), raw).post("hello", guest))[1] == "read_only"
    reader = talk(first, "lobby", token="token-of-the-owner")
    answer = reader.answer(reader.request("history", room="dev"))
    assert [message["text"] for message in answer["messages"]] == ["all that there is"]


def test_rules_survive_an_empty_redis(start, talk, users, redis):
    server = start("--users", users)
    ann, bob = talk(server, token="token-of-the-owner"), talk(server, token="token-of-a-member")
    for action, value in (("read_only", {"value": 1}), ("mute", {"user": "bob", "duration_ms": 600_000})):
        assert ann.answer(ann.request("moderate", room="dev", action=action, **value))["type"] == "moderated"
    redis.restart()
    wait_until(lambda: ready(server))
    wait_until(lambda: ann.say("still here")["type"] == "ack")
    assert bob.say("x")["code"] == "muted"
    late = talk(start("--users", users), token="token-of-a-member")
    assert late.say("x")["code"] == "muted"
    assert talk(start("--users", users)).say("x")["code"] == "read_only"


def test_a_closed_room_is_closed_at_every_server(start, talk, users):
    first, second = start("--users", users), start("--users", users)
    ann, bob = talk(first, token="token-of-the-owner"), talk(second)
    ann.say("before")
    bob.heard("before")
    assert ann.answer(ann.request("moderate", room="dev", action="close"))["type"] == "moderated"
    bob.wait(lambda event: event["type"] == "left")
    again = talk(second)
    assert again.welcome["epoch"] != bob.welcome["epoch"]
    assert again.say("after")["seq"] == 1
    answer = again.answer(again.request("history", room="dev"))
    assert [message["text"] for message in answer["messages"]] == ["after"]


def test_read_markers_are_those_of_the_cluster(start, talk, users):
    first, second = start("--users", users), start("--users", users)
    ann = talk(first, token="token-of-a-member")
    for i in range(3):
        ann.say(str(i))
    assert ann.answer(ann.request("seen", room="dev", seq=2))["type"] == "ack"
    wait_until(lambda: talk(second, token="token-of-a-member").welcome.get("seen") == 2)


# Failures --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", [True, False])
def test_messages_wait_while_redis_restarts(start_chatd, talk, empty):
    redis = Redis(append_only=not empty)
    try:
        first, second = start_chatd("--cluster", redis.url), start_chatd("--cluster", redis.url)
        ann, bob = talk(first), talk(second)
        for i in range(3):
            ann.say(str(i))
        bob.heard("2")
        redis.kill()
        wait_until(lambda: not ready(first) and not ready(second))
        ref = ann.request("send", room="dev", text="3")
        redis.start()
        ack = ann.answer(ref)
        assert (ack["type"], ack["seq"], ack["epoch"]) == ("ack", 4, ann.welcome["epoch"])
        assert bob.say("4")["seq"] == 5
        for talker in (ann, bob):
            talker.heard("4")
            assert talker.texts() == ["0", "1", "2", "3", "4"]
            assert {epoch for epoch, _, _ in talker.messages()} == {ann.welcome["epoch"]}
        late = talk(start_chatd("--cluster", redis.url), since=(ann.welcome["epoch"], 1))
        late.heard("4")
        assert late.texts() == ["1", "2", "3", "4"]
        wait_until(lambda: ready(first) and ready(second))
    finally:
        redis.end()


def test_a_message_fails_when_redis_does_not_come_back(start, talk, redis):
    ann = talk(start())
    ann.say("one")
    redis.kill()
    answer = ann.answer(ann.request("send", room="dev", text="two"), limit_s=60)
    assert (answer["type"], answer["code"]) == ("error", "unavailable")
    redis.start()
    wait_until(lambda: ann.say("three")["type"] == "ack")
    assert ann.texts()[0] == "one" and "two" not in ann.texts()


def test_a_frozen_redis_is_noticed(start, talk, redis):
    server = start()
    ann = talk(server)
    ann.say("one")
    redis.freeze()
    try:
        answer = ann.answer(ann.request("send", room="dev", text="two"), limit_s=60)
        assert (answer["type"], answer["code"]) == ("error", "unavailable")
    finally:
        redis.thaw()
    wait_until(lambda: ann.say("three")["type"] == "ack")


def test_a_lost_subscription_loses_nothing(start, talk, redis):
    first, second = start(), start()
    ann, bob = talk(first), talk(second)
    for i in range(30):
        if i % 10 == 5:
            redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        assert ann.say(str(i))["type"] == "ack"
    for talker in (ann, bob):
        wait_until(lambda talker=talker: len(talker.messages()) == 30)
        assert talker.texts() == [str(i) for i in range(30)]


def test_a_killed_server_takes_nothing_with_it(start, talk):
    first, second = start(), start()
    ann, bob = talk(first), talk(second)
    for i in range(20):
        ann.say(str(i))
    kill(first)
    bob.heard("19")
    again = talk(second, since=(ann.welcome["epoch"], 10))
    again.heard("19")
    assert again.texts() == [str(i) for i in range(10, 20)]
    assert again.say("20")["seq"] == 21
    bob.heard("20")


def test_it_does_not_start_without_redis(start_chatd, start_program):
    redis = Redis()
    redis.kill()
    try:
        program = start_program("chatd", "--port", "0", "--cluster", redis.url)
        program.expected_code = 1
        program.wait_error("cluster: ")
        program.wait()
    finally:
        redis.end()


def test_it_does_not_start_with_a_redis_that_drops_keys(start_program, redis):
    redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    program = start_program("chatd", "--port", "0", "--cluster", redis.url)
    program.expected_code = 1
    program.wait_error("maxmemory-policy allkeys-lru")
    program.wait()


def test_the_documented_rights_suffice(start_chatd, talk, redis, users):
    page = (SOURCE_DIR / "docs/cluster.md").read_text()
    rights = re.search(r"^- The user needs `([^`]+)`", page, re.M)[1].split()
    redis.command("ACL", "SETUSER", "chat", "on", ">secret", "~chat:*", "&chat:*", *rights)
    url = f"redis://chat:secret@127.0.0.1:{redis.port}"
    first, second = start_chatd("--cluster", url, "--users", users), start_chatd("--cluster", url, "--users", users)
    ann, bob = talk(first, token="token-of-the-owner"), talk(second)
    assert ann.say("hello", id="1")["type"] == "ack"
    bob.heard("hello")
    for action, value in (("read_only", 1), ("close", 0)):
        assert ann.answer(ann.request("moderate", room="dev", action=action, value=value))["type"] == "moderated"
    bob.wait(lambda event: event["type"] == "left")


# Replicas --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def replica(redis):
    server = Redis(options={"--replicaof": f"127.0.0.1 {redis.port}", "--repl-diskless-sync-delay": "0"})
    wait_until(lambda: "master_link_status:up" in server.cli("INFO", "replication"))
    yield server
    server.end()


def test_a_replica_has_each_acknowledged_message(start, talk, redis, replica):
    server = start("--cluster-ack-replicas", "1")
    ann = talk(server)
    refs = [ann.request("send", room="dev", text=str(i)) for i in range(200)]
    assert [ann.answer(ref)["seq"] for ref in refs] == list(range(1, 201))
    redis.kill()  # what the replica has now, it keeps
    entry = replica.cli("XREVRANGE", f"chat:{{{partition_of('dev')}}}dev:s", "+", "-", "COUNT", "1").splitlines()[0]
    assert entry == "200-0"


def test_a_message_is_not_acknowledged_without_a_replica(start, talk, redis, replica, users):
    first, second = start("--users", users, "--cluster-ack-replicas", "1"), start("--users", users)
    ann, bob = talk(first, token="token-of-a-member"), talk(second)
    assert ann.say("one", id="1")["type"] == "ack"
    replica.freeze()
    answer = ann.say("two", id="2")
    assert (answer["type"], answer["code"]) == ("error", "unavailable")
    for talker in (ann, bob):  # it is published nevertheless
        talker.heard("two")
    answer = ann.say("two", id="2")
    assert (answer["type"], answer["code"]) == ("error", "unavailable")
    assert bob.say("not asked for")["type"] == "ack"  # the other server has another option
    replica.thaw()
    wait_until(lambda: ann.say("two", id="2")["type"] == "ack")
    ack = ann.say("two", id="2")
    assert (ack["seq"], ack["repeated"]) == (2, True)
    assert ann.say("three", id="3")["type"] == "ack"
    for talker in (ann, bob):
        talker.heard("three")
        assert talker.texts() == ["one", "two", "not asked for", "three"]


def test_more_replicas_than_there_are_acknowledge_nothing(start, talk, redis, replica):
    ann = talk(start("--cluster-ack-replicas", "2"))
    assert ann.say("one")["code"] == "unavailable"
    assert ann.heard("one")["seq"] == 1


def test_an_acknowledgement_survives_the_loss_of_the_connection(start, talk, redis, replica):
    ann = talk(start("--cluster-ack-replicas", "1"))
    assert ann.say("one")["type"] == "ack"
    replica.freeze()
    ref = ann.request("send", room="dev", text="two")
    wait_until(lambda: redis.cli("XLEN", f"chat:{{{partition_of('dev')}}}dev:s") == "2")
    redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    replica.thaw()
    answer = ann.answer(ref)
    assert (answer["type"], answer["seq"]) == ("ack", 2)
    ann.heard("two")
    assert ann.texts() == ["one", "two"]


def three_free_ports():
    """The first of three ports in a row that are free now."""
    while True:
        with contextlib.ExitStack() as held:
            try:
                first = held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
                for port in (first + 1, first + 2):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except (OSError, OverflowError):
                continue
            return first


def test_the_example_runs(talk):
    """examples/cluster/run, as its reader starts it."""
    port = three_free_ports()
    command = [SOURCE_DIR / "examples/cluster/run", BUILD_DIR / "bin/chatd"]
    program = subprocess.Popen(command, env={**os.environ, "PORT": str(port)}, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        servers = [types.SimpleNamespace(port=port + i) for i in range(3)]

        def all_ready():
            assert program.poll() is None
            with contextlib.suppress(OSError):
                return all(ready(server) for server in servers)

        wait_until(all_ready)
        ann, bob = talk(servers[0], "lobby"), talk(servers[2], "lobby")
        ann.say("hello")
        bob.heard("hello")
    finally:
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=LIMIT_S)
    assert program.returncode == 0


# At random -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(int(os.environ.get("CHAT_CLUSTER_SEEDS", "2"))))
def test_nothing_acknowledged_is_lost_or_doubled(start_chatd, talk, tmp_path, seed):
    chance = random.Random(seed)
    users = tmp_path / "users"
    users.write_text("".join(f"{token(i)} user-{i}\n" for i in range(4)))
    redis = Redis(append_only=True)
    ways = [Way(redis.port) for _ in range(3)]

    def start(number):
        return start_chatd("--cluster", ways[number].url, "--users", users, "--history-messages", "off")

    servers = [start(number) for number in range(3)]

    def end_a_server():
        number = chance.randrange(len(servers))
        kill(servers[number])
        servers[number] = start(number)

    def freeze():
        redis.freeze()
        time.sleep(chance.uniform(0.1, 1.5))  # On purpose: it is frozen for so long.
        redis.thaw()

    def close_a_way(how):
        road = chance.choice(ways)
        how(road)
        time.sleep(chance.uniform(0.1, 1.5))  # On purpose: it is closed for so long.
        road.mend()

    faults = [
        end_a_server,
        lambda: close_a_way(Way.cut),
        lambda: close_a_way(Way.hold),
        freeze,
        redis.restart,
        lambda: redis.command("CLIENT", "KILL", "TYPE", "pubsub"),
        lambda: redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"),
    ]

    try:
        with writing(servers, 4) as writers:
            for _ in range(10):
                before = [len(writer.acked) for writer in writers]
                fault = chance.randrange(len(faults))
                faults[fault]()
                print("fault", fault, before)
                wait_until(lambda: all(ready(server) for server in servers))
                wait_until(lambda: all(writer.problem or len(writer.acked) > then + 3 for writer, then in zip(writers, before)))
                assert not any(writer.problem for writer in writers), [writer.problem for writer in writers]
        assert [writer.problem for writer in writers] == [None] * 4
        histories = [history_at(talk, server) for server in servers]
    finally:
        redis.end()
        for way in ways:
            way.end()
    for history in histories:
        assert history == histories[0]
    places = {text: (epoch, seq) for epoch, seq, text in histories[0]}
    assert len(places) == len(histories[0])  # nothing is there twice
    for writer in writers:
        assert len(writer.acked) > 30
        for text, epoch, seq in writer.acked:
            assert places[text] == (epoch, seq)
        own = [text for _, _, text in histories[0] if text.startswith(f"{writer.number}.")]
        assert own[: len(writer.acked)] == [text for text, _, _ in writer.acked]
