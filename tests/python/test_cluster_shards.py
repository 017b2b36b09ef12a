"""Servers that share their rooms through a real Redis Cluster: rooms at every primary, failures, slots that move."""

import os
import re
import signal
import threading

import pytest
from cluster_support import Redis, RedisCluster, free_port, history_at, ready, token, writing
from support import LIMIT_S, SOURCE_DIR, wait_until

pytestmark = pytest.mark.skipif(not Redis.installed(), reason="redis-server is not installed")


@pytest.fixture
def cluster():
    nodes = RedisCluster()
    yield nodes
    nodes.end()


@pytest.fixture
def start(start_chatd, cluster):
    def start_it(*options):
        return start_chatd("--cluster", cluster.url, *options)

    return start_it


def say_until_acked(talker, text):
    """With an id, so it is published once."""
    while True:
        ref = talker.request("send", room=talker.room, text=text, id=text)
        answer = talker.answer(ref, limit_s=60)
        if answer["type"] == "ack":
            return answer
        assert answer["code"] == "unavailable", answer


def test_rooms_are_at_every_primary_and_have_one_order(start, talk, cluster):
    servers = [start(), start(), start()]
    rooms = cluster.rooms_at_each() + [f"more-{i}" for i in range(5)]
    talkers = {room: [talk(server, room) for server in servers] for room in rooms}
    count = 40

    def speak(room, number):
        talker = talkers[room][number]
        for ref in [talker.request("send", room=room, text=f"{number}.{i}") for i in range(count)]:
            assert talker.answer(ref)["type"] == "ack"

    threads = [threading.Thread(target=speak, args=(room, number)) for room in rooms for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for room in rooms:
        for talker in talkers[room]:
            wait_until(lambda talker=talker: len(talker.messages()) == 3 * count)
            assert [seq for _, seq, _ in talker.messages()] == list(range(1, 3 * count + 1))
            assert talker.messages() == talkers[room][0].messages()
            assert talker.welcome["epoch"] == talkers[room][0].welcome["epoch"]
    for node in cluster.primaries():  # each has a part of them
        assert int(node.cli("DBSIZE")) >= 2
    late = talk(servers[0], rooms[0], since=(talkers[rooms[0]][0].welcome["epoch"], 3 * count - 2))
    wait_until(lambda: len(late.messages()) == 2)


def test_what_is_not_numbered_comes_once(start, talk, cluster):
    first, second = start("--ephemeral-event", "typing"), start("--ephemeral-event", "typing")
    for room in cluster.rooms_at_each():
        ann, bob = talk(first, room), talk(second, room)
        for i in range(3):
            assert ann.answer(ann.request("send", room=room, text=str(i), event="typing"))["type"] == "ack"
        assert ann.say("end")["seq"] == 1
        bob.heard("end")
        wait_until(lambda bob=bob: len([event for event in bob.events if event.get("event") == "typing"]) == 3)
        assert [event["text"] for event in bob.events if event.get("event") == "typing"] == ["0", "1", "2"]


def test_a_primary_that_fails_disturbs_its_rooms_only(start, talk, cluster):
    servers = [start(), start()]
    rooms = cluster.rooms_at_each()
    talkers = {room: [talk(server, room) for server in servers] for room in rooms}
    for room in rooms:
        for i in range(5):
            assert talkers[room][i % 2].say(str(i))["seq"] == i + 1
    failed = cluster.primary_of(rooms[0])
    failed.kill()
    # The others go on while it is gone, and it is still gone afterwards.
    for room in rooms[1:]:
        for i in range(5, 8):
            assert talkers[room][i % 2].say(str(i))["seq"] == i + 1
    assert all(ready(server) for server in servers)
    ack = say_until_acked(talkers[rooms[0]][0], "after")
    assert (ack["seq"], ack["epoch"]) == (6, talkers[rooms[0]][0].welcome["epoch"])
    for talker in talkers[rooms[0]]:
        talker.heard("after")
        assert talker.texts() == ["0", "1", "2", "3", "4", "after"]
    for room in rooms[1:]:
        for talker in talkers[room]:
            talker.heard("7")
            assert [seq for _, seq, _ in talker.messages()] == list(range(1, 9))
    assert cluster.primary_of(rooms[0]) is not failed
    # A server that starts now finds everything by a node that is left, and the failed one comes back as a replica.
    failed.start()
    wait_until(cluster.is_well)
    late = talk(start(), rooms[0], since=(talkers[rooms[0]][0].welcome["epoch"], 4))
    late.heard("after")
    assert late.texts() == ["4", "after"]
    assert talkers[rooms[0]][1].say("again")["seq"] == 7


def test_the_primary_with_the_list_of_servers_fails(start, talk, cluster):
    servers = [start(), start()]
    slot = int(cluster.nodes[0].cli("CLUSTER", "KEYSLOT", "chat:{nodes}"))
    home = cluster.owner_of(slot)
    rooms = [room for room in cluster.rooms_at_each() if cluster.primary_of(room) is not home]
    assert len(rooms) == 2
    talkers = [talk(server, room) for room in rooms for server in servers]
    home.kill()
    for number, talker in enumerate(talkers):
        assert talker.say("meanwhile")["seq"] == number % 2 + 1
    wait_until(lambda: cluster.owner_of(slot) not in (None, home))
    assert all(ready(server) for server in servers)
    third = start()
    ann = talk(third, rooms[0])
    assert ann.say("third")["seq"] == 3
    assert ann.welcome["id"] not in [talker.welcome["id"] for talker in talkers]


def test_a_slot_moves_while_messages_flow(start, talk, cluster, tmp_path):
    users = tmp_path / "users"
    users.write_text("".join(f"{token(i)} user-{i}\n" for i in range(3)))
    servers = [start("--users", users, "--history-messages", "off") for _ in range(3)]
    listeners = [talk(server) for server in servers]
    slot = cluster.slot_of("dev")
    with writing(servers, 3) as writers:
        wait_until(lambda: all(len(writer.acked) > 5 for writer in writers))
        for _ in range(3):
            source = cluster.primary_of("dev")
            target = next(node for node in cluster.primaries() if node is not source)
            cluster.migrate(slot, source, target)
            before = [len(writer.acked) for writer in writers]
            wait_until(lambda: all(writer.problem or len(writer.acked) > then + 10 for writer, then in zip(writers, before)))
            assert not any(writer.problem for writer in writers), [writer.problem for writer in writers]
            wait_until(lambda target=target: cluster.primary_of("dev") is target)
    histories = [history_at(talk, server) for server in servers]
    assert all(history == histories[0] for history in histories)
    texts = [text for _, _, text in histories[0]]
    assert len(set(texts)) == len(texts)  # nothing is there twice
    places = {text: (epoch, seq) for epoch, seq, text in histories[0]}
    for writer in writers:
        for text, epoch, seq in writer.acked:
            assert places[text] == (epoch, seq)
    assert len({epoch for epoch, _, _ in histories[0]}) == 1
    for listener in listeners:
        wait_until(lambda listener=listener: len(listener.messages()) == len(texts))
        assert listener.messages() == [(epoch, seq, text) for epoch, seq, text in histories[0]]


def test_a_room_waits_while_its_slot_is_in_two_places(start, talk, cluster):
    first, second = start(), start()
    ann, bob = talk(first), talk(second)
    for i in range(3):
        assert ann.say(str(i))["seq"] == i + 1
    source = cluster.primary_of("dev")
    target = next(node for node in cluster.primaries() if node is not source)
    refs = []
    cluster.migrate(cluster.slot_of("dev"), source, target, lambda: refs.append(ann.request("send", room="dev", text="moving")))
    assert len(refs) > 2
    for number, ref in enumerate(refs):
        answer = ann.answer(ref)
        assert (answer["type"], answer.get("seq"), answer.get("epoch")) == ("ack", 4 + number, ann.welcome["epoch"]), answer
    assert bob.say("moved")["seq"] == 4 + len(refs)
    for talker in (ann, bob):
        talker.heard("moved")
        assert talker.texts() == ["0", "1", "2", *["moving"] * len(refs), "moved"]


def test_the_list_of_servers_moves(start, talk, cluster):
    servers = [start(), start()]
    talkers = [talk(server, room) for room in cluster.rooms_at_each() for server in servers]
    slot = int(cluster.nodes[0].cli("CLUSTER", "KEYSLOT", "chat:{nodes}"))
    source = cluster.owner_of(slot)
    target = next(node for node in cluster.primaries() if node is not source)
    cluster.migrate(slot, source, target, lambda: [talker.say("meanwhile") for talker in talkers])
    assert all(ready(server) for server in servers)
    assert talk(start(), "lobby").say("third")["seq"] == 1
    assert all(event["type"] != "error" for talker in talkers for event in talker.events)
    assert target.cli("ZCARD", "chat:{nodes}") == "3"


def test_the_documented_rights_suffice_for_a_redis_cluster(start_chatd, talk, cluster):
    page = (SOURCE_DIR / "docs/cluster.md").read_text()
    rights = re.search(r"^- The user needs `([^`]+)`", page, re.M)[1].split()
    more = re.search(r"a Redis Cluster also needs\s+`([^`]+)`", page)[1].split()
    for node in cluster.nodes:
        node.cli("ACL", "SETUSER", "chat", "on", ">secret", "~chat:*", "&chat:*", *rights, *more)
    url = cluster.url.replace("redis://", "redis://chat:secret@")
    first, second = start_chatd("--cluster", url), start_chatd("--cluster", url)
    for room in cluster.rooms_at_each():
        ann, bob = talk(first, room), talk(second, room)
        assert ann.say("hello", id="1")["type"] == "ack"
        bob.heard("hello")


def test_a_part_without_its_data_waits_for_what_servers_know(start, talk, cluster):
    """A primary dies for good, and another one is given a slot of it. The server that asks first knows nothing of the room."""
    for node in cluster.nodes:
        node.cli("CONFIG", "SET", "cluster-require-full-coverage", "no")
    first, second = start(), start()
    home = cluster.owner_of(int(cluster.nodes[0].cli("CLUSTER", "KEYSLOT", "chat:{nodes}")))
    room = next(room for room in cluster.rooms_at_each() if cluster.primary_of(room) is not home)
    bob = talk(second, room)
    for i in range(3):
        assert bob.say(str(i))["seq"] == i + 1
    slot, dead = cluster.slot_of(room), cluster.primary_of(room)
    target = next(node for node in cluster.primaries() if node not in (home, dead))
    target_id = target.cli("CLUSTER", "MYID")

    def scripts():
        """Those of rooms: this primary does not have the list of servers."""
        found = re.search(r"cmdstat_evalsha:calls=(\d+)", target.cli("INFO", "commandstats"))
        return int(found[1]) if found else 0

    os.kill(second.pid, signal.SIGSTOP)
    try:
        cluster.nodes[cluster.nodes.index(dead) + 3].kill()  # its replica
        dead.kill()
        before = scripts()
        joined = []
        joins = threading.Thread(target=lambda: joined.append(talk(first, room)))
        joins.start()
        for node in cluster.alive():
            if "role:master" in node.cli("INFO", "replication"):
                assert node.cli("CLUSTER", "SETSLOT", slot, "NODE", target_id) == "OK"
        wait_until(lambda: scripts() > before)
    finally:
        os.kill(second.pid, signal.SIGCONT)
    joins.join(LIMIT_S)
    ann = joined[0]
    assert ann.welcome["epoch"] == bob.welcome["epoch"]
    ack = say_until_acked(bob, "after")
    assert (ack["epoch"], ack["seq"]) == (bob.welcome["epoch"], 4)
    ann.heard("after")
    history = ann.answer(ann.request("history", room=room, limit=0))
    assert [message["text"] for message in history["messages"]] == ["0", "1", "2", "after"]
    assert bob.texts() == ["0", "1", "2", "after"]


def test_what_one_primary_did_not_pass_on_another_one_does(cluster, talk):
    """Messages to everyone go through one primary. It hangs, and does what it was asked to when nobody waits for it any more."""
    pychat = pytest.importorskip("pychat")
    chosen = cluster.owner_of(int(cluster.nodes[0].cli("CLUSTER", "KEYSLOT", "{0}")))
    slot = int(cluster.nodes[0].cli("CLUSTER", "KEYSLOT", "{0}"))
    room = next(room for room in cluster.rooms_at_each() if cluster.primary_of(room) is not chosen)
    options = {"address": "127.0.0.1", "port": 0, "cluster": cluster.url}
    with pychat.Server(**options) as first, pychat.Server(**options) as second:
        bob = talk(second, room)
        first.publish(None, "before")
        bob.heard("before")
        chosen.freeze()
        try:
            for i in range(20):
                first.publish(None, str(i))
            wait_until(lambda: cluster.owner_of(slot) not in (None, chosen))
            for i in range(20):
                bob.heard(str(i))
        finally:
            chosen.thaw()
        wait_until(cluster.is_well)
        first.publish(None, "after")
        bob.heard("after")
        texts = [event["text"] for event in bob.events if event["type"] == "message"]
        assert sorted(texts, key=texts.index) == ["before", *map(str, range(20)), "after"]


def test_it_does_not_start_without_a_cluster(start_program):
    alone = Redis(options={"--cluster-enabled": "yes", "--cluster-port": free_port()})
    try:
        program = start_program("chatd", "--port", "0", "--cluster", f"{alone.url},127.0.0.1:{alone.port}")
        program.expected_code = 1
        program.wait_error("cluster is down")
        program.wait()
    finally:
        alone.end()


@pytest.mark.parametrize("seed", range(int(os.environ.get("CHAT_CLUSTER_SEEDS", "1"))))
def test_nothing_acknowledged_is_lost_when_primaries_fail(start, talk, cluster, tmp_path, seed):
    users = tmp_path / "users"
    users.write_text("".join(f"{token(i)} user-{i}\n" for i in range(3)))
    servers = [start("--users", users, "--history-messages", "off") for _ in range(3)]
    with writing(servers, 3) as writers:
        for _ in range(2):
            before = [len(writer.acked) for writer in writers]
            failed = cluster.primary_of("dev")
            failed.kill()
            wait_until(lambda: cluster.primary_of("dev") not in (None, failed))
            wait_until(lambda: all(writer.problem or len(writer.acked) > then + 10 for writer, then in zip(writers, before)))
            assert not any(writer.problem for writer in writers), [writer.problem for writer in writers]
            failed.start()
            wait_until(cluster.is_well)
    histories = [history_at(talk, server) for server in servers]
    assert all(history == histories[0] for history in histories)
    places = {text: (epoch, seq) for epoch, seq, text in histories[0]}
    assert len(places) == len(histories[0])
    for writer in writers:
        assert len(writer.acked) > 20
        for text, epoch, seq in writer.acked:
            assert places[text] == (epoch, seq)
