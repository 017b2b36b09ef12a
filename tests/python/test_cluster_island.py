"""The policy `island`: a server whose Redis is gone numbers messages itself, and adds them to the shared rooms later."""

import json

import pychat
import pytest
from cluster_support import Redis, RedisCluster, history_at, partition_of, ready, token, writing
from http_support import EventStream, Http, problem
from support import LIMIT_S, kill, wait_until
from test_cluster_faults import metric
from test_stomp import stomp_client  # noqa: F401: a fixture

pytestmark = pytest.mark.skipif(not Redis.installed(), reason="redis-server is not installed")

OPTIONS = ["--cluster-policy", "island", "--metrics", "/metrics"]


@pytest.fixture
def start(start_chatd):
    def start_it(url, *options, rate="off"):
        return start_chatd("--cluster", url, *OPTIONS, "--inbound-rate", rate, *options)

    return start_it


def islands(server):
    return int(metric(server, "libchat_cluster_islands"))


def merged(server):
    return int(metric(server, "libchat_cluster_merged_total"))


def wait_for_the_end(*servers):
    for server in servers:
        wait_until(lambda server=server: islands(server) == 0 and ready(server))


def renumberings(talker):
    """(complete, epoch) of each notice that the room has another numbering."""
    with talker.changed:
        told = [event for event in talker.events if event["type"] == "joined" and "ref" not in event]
        return [(event["complete"], event["epoch"]) for event in told]


def once_in_order(history, acked):
    """Each text that a sender was told to be published is there once, and in the sender's order."""
    texts = [text for _, _, text in history]
    assert len(set(texts)) == len(texts)
    for mine in acked:
        assert [text for text in texts if text in set(mine)] == mine
    assert len({epoch for epoch, _, _ in history}) == 1
    numbers = [seq for _, seq, _ in history]
    assert numbers == sorted(set(numbers))


def near_and_far(start, redis, way, talk, tmp_path):
    """A server with eve, and one with the user ann that can be cut off by its way."""
    users = tmp_path / "users"
    users.write_text(f"{token(1)} ann\n")
    road = way()
    near, far = start(redis.url, "--users", users), start(road.url, "--users", users)
    eve, ann = talk(near), talk(far, token=token(1))
    return road, near, far, eve, ann


def say_all(talker, texts):
    refs = [talker.request("send", room=talker.room, text=text) for text in texts]
    answers = [talker.answer(ref) for ref in refs]
    assert {answer["type"] for answer in answers} == {"ack"}, answers
    return answers


@pytest.mark.parametrize("append_only", [True, False])
def test_two_islands_become_one_room_again(start, talk, append_only):
    redis = Redis(append_only)
    try:
        first, second = start(redis.url), start(redis.url)
        ann, bob = talk(first), talk(second)
        shared = ann.welcome["epoch"]
        said = {"a": ["a0"], "b": ["b0"]}
        assert ann.say("a0")["type"] == bob.say("b0")["type"] == "ack"
        wait_until(lambda: len(ann.messages()) == len(bob.messages()) == 2)
        redis.kill()
        refs = [(talker, talker.request("send", room="dev", text=f"{name}1")) for name, talker in (("a", ann), ("b", bob))]
        acks = [talker.answer(ref) for talker, ref in refs]
        assert [ack["type"] for ack in acks] == ["ack", "ack"]
        assert len({shared, acks[0]["epoch"], acks[1]["epoch"]}) == 3
        assert [ack["seq"] for ack in acks] == [3, 3]
        # The members are told of the new numbering, and have missed nothing.
        assert renumberings(ann) == [(True, acks[0]["epoch"])]
        assert ann.texts() == ["a0", "b0", "a1"] and bob.texts() == ["a0", "b0", "b1"]
        for name, talker in (("a", ann), ("b", bob)):
            said[name] += [f"{name}{i}" for i in range(1, 30)]
            say_all(talker, said[name][2:])
        assert ready(first) and islands(first) == 1 and metric(first, "libchat_cluster_up") == "0"
        # New rooms can be entered, and at once.
        eve = talk(first, "other")
        assert eve.say("e0")["seq"] == 1
        assert islands(first) == 2
        redis.start()
        wait_for_the_end(first, second)
        history = history_at(talk, first)
        assert history == history_at(talk, second)
        once_in_order(history, said.values())
        assert history[0][0] == shared and [text for _, _, text in history[:2]] == ["a0", "b0"]
        assert len(history) == 60
        for talker in (ann, bob):
            assert [complete for complete, _ in renumberings(talker)] == [True, False]
            assert set(talker.texts()) == {text for _, _, text in history}
        assert merged(first) + merged(second) == 59
        assert ann.say("after")["seq"] == 61
        bob.heard("after")
        assert talk(second, "other", since=(eve.welcome["epoch"], 0)).heard("e0")["epoch"] != eve.welcome["epoch"]
    finally:
        redis.end()


def test_a_server_that_is_cut_off_adds_its_messages_behind_the_others(start, redis, way, talk):
    road = way()
    near, far = start(redis.url), start(road.url)
    ann, bob = talk(near), talk(far)
    ann.say("a0")
    bob.heard("a0")
    road.cut()
    answer = bob.say("b1")
    assert answer["type"] == "ack" and answer["seq"] == 2
    assert ann.say("a1")["seq"] == 2
    road.mend()
    wait_for_the_end(far)
    assert [text for _, _, text in history_at(talk, near)] == ["a0", "a1", "b1"]
    assert ann.heard("b1")["seq"] == 3
    assert bob.heard("a1")["epoch"] == ann.welcome["epoch"]
    assert renumberings(ann) == []
    # Who was away meanwhile has missed nothing, at either server.
    for server in (near, far):
        back = talk(server, since=(ann.welcome["epoch"], 1))
        assert back.welcome["complete"]
        back.heard("b1")
        assert back.texts() == ["a1", "b1"]
    # A position of the island means nothing any more.
    back = talk(near, since=(answer["epoch"], 2))
    assert not back.welcome["complete"]
    back.heard("b1")
    assert back.texts() == ["a0", "a1", "b1"]


def test_redis_is_lost_again_while_the_messages_are_added(start, redis, way, talk):
    road = way()
    near, far = start(redis.url, "--history-messages", "off"), start(road.url, "--history-messages", "off")
    bob = talk(far)
    bob.say("b0")
    road.cut()
    said = ["b0", *(f"b{i}" for i in range(1, 1500))]
    assert bob.say("b1")["type"] == "ack"
    say_all(bob, said[2:])
    key = f"chat:{{{partition_of('dev')}}}dev:s"
    road.delay_s = 0.2
    lengths = {int(redis.cli("XLEN", key))}
    for _ in range(3):
        before = max(lengths)
        road.mend()
        wait_until(lambda before=before: int(redis.cli("XLEN", key)) > before)
        road.cut()  # with an answer on its way
        lengths.add(int(redis.cli("XLEN", key)))
        wait_until(lambda: metric(far, "libchat_cluster_up") == "0")
        assert islands(far) == 1
        said.append(f"more {len(said)}")
        assert bob.say(said[-1])["type"] == "ack"  # at once
    assert merged(far) == 0
    road.delay_s = 0
    road.mend()
    wait_for_the_end(far)
    history = history_at(talk, near)
    once_in_order(history, [said])
    assert len(history) == len(said)


def test_edits_and_replies_refer_to_the_same_messages_afterwards(start, redis, way, talk, tmp_path):
    road, near, far, eve, ann = near_and_far(start, redis, way, talk, tmp_path)
    base = ann.say("base")["seq"]
    eve.heard("base")
    road.cut()
    first = ann.say("first")["seq"]
    eve.say("eve")  # so the numbers of the island are not those of the shared room
    assert ann.answer(ann.request("edit", room="dev", target=base, text="BASE"))["type"] == "ack"
    assert ann.answer(ann.request("edit", room="dev", target=first, text="FIRST"))["type"] == "ack"
    assert ann.answer(ann.request("react", room="dev", target=first, reaction="+1"))["type"] == "ack"
    assert ann.say("reply", reply_to=first)["type"] == "ack"
    gone = ann.say("gone")["seq"]
    assert ann.answer(ann.request("delete", room="dev", target=gone))["type"] == "ack"
    road.mend()
    wait_for_the_end(far)
    for server in (near, far):
        reader = talk(server)
        answer = reader.answer(reader.request("history", room="dev", limit=0))
        messages = [message for message in answer["messages"] if message["type"] == "message"]
        by_text = {message.get("text", ""): message for message in messages if not message.get("deleted")}
        assert "gone" not in by_text and "base" not in by_text and "first" not in by_text, messages
        assert by_text["BASE"]["seq"] == base
        assert by_text["FIRST"]["reactions"] == [{"reaction": "+1", "count": 1}]
        assert by_text["reply"]["reply_to"] == by_text["FIRST"]["seq"] != first


def test_what_is_deleted_while_the_messages_are_added_is_the_message_that_was_meant(start, redis, way, talk, tmp_path):
    road, near, far, eve, ann = near_and_far(start, redis, way, talk, tmp_path)
    ann.say("base")
    eve.heard("base")
    road.cut()
    own = ann.say("own")
    assert eve.say("other")["seq"] == own["seq"]
    key = f"chat:{{{partition_of('dev')}}}dev:s"
    before = int(redis.cli("XLEN", key))
    road.delay_s = 0.3
    road.mend()
    wait_until(lambda: int(redis.cli("XLEN", key)) > before)
    road.hold()  # the message is added, and its server does not know it yet
    deletion = ann.request("delete", room="dev", target=own["seq"])
    reply = ann.request("send", room="dev", text="reply", reply_to=own["seq"])
    assert ann.answer(ann.request("history", room="dev", limit=0))["epoch"] == own["epoch"]
    road.delay_s = 0
    road.mend()
    assert ann.answer(deletion)["type"] == "ack"
    answer = ann.answer(reply)
    assert (answer["type"], answer["epoch"]) == ("ack", eve.welcome["epoch"])
    wait_for_the_end(far)
    eve.heard("reply")
    for server in (near, far):
        reader = talk(server)
        history = reader.answer(reader.request("history", room="dev", limit=0))["messages"]
        messages = {message["seq"]: message for message in history if message["type"] == "message"}
        assert {seq: message.get("text") for seq, message in messages.items() if not message.get("deleted")} == {
            1: "base", 2: "other", answer["seq"]: "reply"}  # fmt: skip
        assert messages[3]["deleted"] and messages[answer["seq"]]["reply_to"] == 3


def test_a_ban_in_an_island_holds_everywhere_afterwards(start, redis, talk, tmp_path):
    users = tmp_path / "users"
    users.write_text(f"{token(1)} ann owner\n{token(2)} bob\n{token(3)} eve\n")
    first, second = start(redis.url, "--users", users), start(redis.url, "--users", users)
    ann, bob, eve = (talk(first, token=token(i)) for i in (1, 2, 3))
    redis.kill()
    assert ann.say("alone")["type"] == "ack"
    for talker, user, action, reason in ((bob, "bob", "ban", "banned"), (eve, "eve", "kick", "kicked")):
        ref = ann.request("moderate", room="dev", action=action, user=user, duration_ms=600_000 if action == "ban" else 0)
        assert ann.answer(ref)["type"] == "moderated"
        assert talker.wait(lambda event: event["type"] == "left")["reason"] == reason
    assert bob.answer(bob.request("join", room="dev"))["code"] == "banned"
    assert eve.answer(eve.request("join", room="dev"))["type"] == "joined"
    redis.start()
    wait_for_the_end(first, second)

    def is_banned():
        again = talk(second, "lobby", token=token(2))
        return again.answer(again.request("join", room="dev")).get("code") == "banned"

    wait_until(is_banned)


def test_clients_of_other_protocols(start, redis, way, talk, raw, stomp_client, websocket):  # noqa: F811
    road = way()
    near, far = start(redis.url), start(road.url)
    listener = talk(near)
    http = Http(far, raw)
    stream = EventStream(http.open(), "/rooms/dev/events")
    stream.next("welcome")
    assert http.say("h0") == 1
    assert stream.texts(1) == ["h0"]
    stomp = stomp_client(far)
    stomp.subscribe("/topic/dev", id="0", headers={"receipt": "subscribed"})
    assert stomp.listener.receipt() == "subscribed"
    stomp.subscribe("/user/queue/errors", id="e")
    plain = websocket(far, "/chat?room=dev")
    road.cut()
    assert http.say("h1") == 2
    stomp.send("/topic/dev", "s1", headers={"receipt": "sent"})
    assert stomp.listener.receipt() == "sent"
    plain.send_text("p1")
    assert stream.texts(3) == ["h1", "s1", "p1"]
    assert http.texts() == ["h0", "h1", "s1", "p1"]
    assert [stomp.listener.message().body for _ in range(3)] == ["h1", "s1", "p1"]
    assert stomp.listener.errors.empty()
    island_id = stream.last_id
    listener.say("n1")
    road.mend()
    wait_for_the_end(far)
    assert http.texts() == ["h0", "n1", "h1", "s1", "p1"]
    listener.heard("p1")
    assert listener.texts() == ["h0", "n1", "h1", "s1", "p1"]
    # Each is told that the numbering is another one, and gets what is kept.
    assert not stream.next("joined").json["complete"]
    assert stream.texts(5) == ["h0", "n1", "h1", "s1", "p1"]
    assert stream.last_id != island_id
    again = EventStream(http.open(), "/rooms/dev/events", ("Last-Event-ID", island_id))
    assert again.texts(5) == ["h0", "n1", "h1", "s1", "p1"]
    assert json.loads(stomp.listener.message().body)["error"] == "incomplete"
    for text in ("h1", "s1", "p1"):
        assert plain.read_frame()[1] == text.encode()
    for text in ("h0", "n1", "h1", "s1", "p1"):
        assert plain.read_frame()[1] == text.encode()
    # All go on in the shared room.
    assert listener.say("n2")["seq"] == 6
    assert stomp.listener.message().body == "n2"
    assert stream.texts(1) == again.texts(1) == ["n2"]
    assert plain.read_frame()[1] == b"n2"


def test_a_room_that_was_closed_elsewhere_gets_the_messages_of_the_island(start, redis, way, talk):
    road = way()
    far = start(road.url)
    bob = talk(far)
    bob.say("before")
    with pychat.Server(address="127.0.0.1", port=0, cluster=redis.url, cluster_policy=pychat.ClusterPolicy.ISLAND) as near:
        road.cut()
        assert bob.say("1")["type"] == "ack"
        near.close_room("dev")
        ann = talk(near)
        road.mend()
        wait_for_the_end(far)
        history = history_at(talk, far)
        assert [(seq, text) for _, seq, text in history] == [(1, "1")]
        assert history[0][0] not in (bob.welcome["epoch"], bob.messages()[1][0])
        assert ann.heard("1")["epoch"] == history[0][0]
        assert near.stats().cluster_islands_now == 0


def test_a_server_that_stops_as_an_island_says_what_is_lost(start, redis, talk):
    server = start(redis.url)
    ann, bob = talk(server), talk(server, "other")
    redis.kill()
    assert ann.say("1")["type"] == bob.say("2")["type"] == "ack"
    assert ann.say("3")["type"] == "ack"
    server.end_gently()
    assert server.wait() == 0
    assert "3 messages of 2 rooms are lost" in server.errors


def test_a_server_that_stops_when_redis_is_back_adds_its_messages(start, redis, way, talk):
    road = way()
    server, other = start(road.url), start(redis.url)
    ann = talk(server)
    road.cut()
    assert ann.say("1")["type"] == "ack"
    road.mend()
    server.end_gently()
    assert server.wait() == 0
    assert "rooms are lost" not in server.errors
    wait_until(lambda: [text for _, _, text in history_at(talk, other)] == ["1"])


def test_each_change_is_one_line_of_the_log(start, redis, talk):
    server = start(redis.url)
    talkers = [talk(server, f"room{i}") for i in range(3)]
    redis.kill()
    for talker in talkers:
        assert talker.say("x")["type"] == "ack"
    redis.start()
    wait_for_the_end(server)
    server.wait_error("the messages of this server are in the shared rooms: 3")
    assert server.errors.count("numbers the messages of its rooms itself") == 1
    assert server.errors.count("are in the shared rooms") == 1


def test_a_server_that_dies_as_an_island_harms_nobody(start, redis, way, talk):
    road = way()
    near, far = start(redis.url), start(road.url)
    ann, bob = talk(near), talk(far)
    road.cut()
    assert bob.say("gone")["type"] == "ack"
    kill(far)
    assert ann.say("a1")["seq"] == 1
    assert [text for _, _, text in history_at(talk, near)] == ["a1"]


def test_without_the_policy_messages_fail_and_rooms_cannot_be_entered(
    start_chatd, redis, talk, raw, stomp_client, websocket  # noqa: F811
):
    server = start_chatd("--cluster", redis.url, "--cluster-policy", "hold")
    ann = talk(server)
    stomp = stomp_client(server)
    stomp.subscribe("/topic/dev", id="0", headers={"receipt": "subscribed"})
    assert stomp.listener.receipt() == "subscribed"
    stomp.subscribe("/user/queue/errors", id="e")
    plain = websocket(server, "/chat?room=dev")
    redis.kill()
    wait_until(lambda: not ready(server))
    ref = ann.request("send", room="dev", text="lost")
    joining = ann.request("join", room="other")
    stomp.send("/topic/dev", "lost", headers={"receipt": "sent"})
    plain.send_text("lost")
    assert problem(Http(server, raw).post("lost")) == (503, "unavailable")
    assert ann.answer(ref)["code"] == "unavailable"
    assert ann.answer(joining)["code"] == "unavailable"
    assert json.loads(stomp.listener.message().body)["error"] == "unavailable"
    assert stomp.listener.receipts.empty()
    assert renumberings(ann) == []
    redis.start()
    wait_until(lambda: ready(server))
    assert ann.say("again")["epoch"] == ann.welcome["epoch"]
    assert plain.read_frame()[1] == b"again"
    assert stomp.listener.message().body == "again"


def test_no_server_starts_without_redis(start_program, redis):
    redis.kill()
    server = start_program("chatd", "--address", "127.0.0.1", "--port", "0", "--cluster", redis.url, *OPTIONS)
    assert server.process.wait(LIMIT_S) != 0
    server.expected_code = server.process.returncode


def test_in_a_redis_cluster_the_rooms_of_a_primary_that_is_gone_are_islands(start, talk):
    cluster = RedisCluster()
    try:
        server = start(cluster.url)
        room = cluster.rooms_at_each()[0]
        ann = talk(server, room)
        shared = ann.say("0")["epoch"]
        primary = cluster.primary_of(room)
        replica = next(node for node in cluster.nodes if f"master_port:{primary.port}" in node.cli("INFO", "replication"))
        replica.kill()
        primary.kill()
        alone = ann.say("1")
        assert (alone["type"], alone["seq"]) == ("ack", 2) and alone["epoch"] != shared
        assert islands(server) == 1
        primary.start()
        replica.start()
        wait_for_the_end(server)
        assert (ann.say("2")["epoch"], ann.say("3")["seq"]) == (shared, 4)
        assert ann.heard("1")
    finally:
        cluster.end()


def test_writers_at_islands_lose_nothing_and_double_nothing(start, redis, way, talk, tmp_path):
    users = tmp_path / "users"
    users.write_text("".join(f"{token(i)} user-{i}\n" for i in range(3)))
    roads = [way() for _ in range(3)]
    # Not more than a history holds.
    servers = [start(road.url, "--users", users, "--history-messages", "off", rate=20) for road in roads]
    with writing(servers, 3) as writers:
        for lost in ([roads[0]], [], [roads[1], roads[2]]):
            before = [len(writer.acked) for writer in writers]
            for road in lost:
                road.cut()
            if not lost:
                redis.kill()  # and it comes back empty
            wait_until(lambda lost=lost: sum(islands(server) for server in servers) == (len(lost) or 3))
            wait_until(lambda: all(writer.problem or len(writer.acked) > then + 20 for writer, then in zip(writers, before)))
            if not lost:
                redis.start()
            for road in lost:
                road.mend()
            wait_for_the_end(*servers)
    assert [writer.problem for writer in writers] == [None] * 3
    history = history_at(talk, servers[0])
    assert all(history_at(talk, server) == history for server in servers[1:])
    once_in_order(history, [[text for text, _, _ in writer.acked] for writer in writers])
    # Each message that was acknowledged in the shared room is where its sender was told.
    places = {text: (epoch, seq) for epoch, seq, text in history}
    for writer in writers:
        for text, epoch, seq in writer.acked:
            assert epoch != history[0][0] or places[text] == (epoch, seq)
