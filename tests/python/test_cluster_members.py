"""Lists of members and rooms that span the servers of a cluster, calls for clients of other servers, and what fails."""

import contextlib
import json
import queue
import signal
import time

import pychat
import pytest
import socketio
from cluster_support import Redis, RedisCluster, ready
from http_support import EventStream, Http
from support import LIMIT_S, Closed, kill, wait_until

pytestmark = pytest.mark.skipif(not Redis.installed(), reason="redis-server is not installed")

LATE_S = 0.9  # Whoever waits for a server that does not answer has waited so long.


@pytest.fixture
def users(tmp_path):
    path = tmp_path / "users"
    path.write_text("the-token-of-ann ann owner\nthe-token-of-bob bob\nthe-token-of-eve eve\n")
    return path


@pytest.fixture
def start(start_chatd, redis, users):
    """Starts a server of the cluster."""

    def start_it(*options):
        return start_chatd("--cluster", redis.url, "--lists", "--users", users, *options)

    return start_it


@pytest.fixture
def embed(redis):
    """Starts a server of the cluster in this process."""
    servers = []

    def start_it(callbacks=None):
        server = pychat.Server(address="127.0.0.1", port=0, cluster=redis.url)
        for name, callback in (callbacks or {}).items():
            getattr(server, name)(callback)
        server.start()
        servers.append(server)
        return server

    yield start_it
    for server in servers:
        server.stop()


def names(answer):
    """Of a list of members; with the answer's ref removed."""
    assert answer["type"] == "members", answer
    return sorted(member["name"] for member in answer["members"])


def members(talker, room="dev"):
    return talker.answer(talker.request("members", room=room))


def rooms(talker):
    answer = talker.answer(talker.request("rooms"))
    assert answer["type"] == "rooms", answer
    return {room["name"]: room for room in answer["rooms"]}


def wait_for_names(talker, *wanted):
    wait_until(lambda: names(members(talker)) == sorted(wanted), f"{wanted} instead of {members(talker)}")


# Lists ------------------------------------------------------------------------------------------------------------------


def test_members_of_all_servers_are_listed(start, talk, raw):
    first, second, third = start(), start(), start()
    ann, bob = talk(first, token="the-token-of-ann"), talk(second, token="the-token-of-bob")
    guest = talk(second)
    answer = members(ann)
    assert "complete" not in answer
    assert [member["name"] for member in answer["members"]] == ["ann", "bob", guest.welcome["name"]]
    assert answer["members"][0]["id"] == ann.welcome["id"]
    assert [member["id"] for member in members(bob)["members"]] == [bob.welcome["id"], guest.welcome["id"], ann.welcome["id"]]
    # A server that does not have the room knows its members, too.
    listed = Http(third, raw).get("/rooms/dev/members")
    assert listed.status == 200, listed.body
    assert names(json.loads(listed.body)) == sorted(["ann", "bob", guest.welcome["name"]])
    nowhere = Http(third, raw).get("/rooms/nowhere/members")
    assert (nowhere.status, json.loads(nowhere.body)["code"]) == (404, "no_such_room")
    guest.close()
    wait_for_names(ann, "ann", "bob")


def test_rooms_of_all_servers_are_listed(start, talk, raw):
    first, second, third = start(), start(), start()
    ann, bob, eve = talk(first), talk(second), talk(second, "elsewhere")
    assert ann.say("one")["seq"] == 1
    bob.heard("one")
    found = rooms(ann)
    assert sorted(found) == ["dev", "elsewhere"]
    assert (found["dev"]["members"], found["dev"]["seq"], found["elsewhere"]["members"]) == (2, 1, 1)
    assert found["dev"]["epoch"] == ann.welcome["epoch"]
    answer = json.loads(Http(third, raw).get("/rooms").body)
    assert {room["name"]: room["members"] for room in answer["rooms"]} == {"dev": 2, "elsewhere": 1}
    assert "complete" not in answer
    eve.close()
    wait_until(lambda: rooms(ann).get("elsewhere", {"members": 0})["members"] == 0)


def test_the_application_lists_all_servers(embed, start, talk):
    asked = queue.Queue()

    def published(_):
        try:
            first.cluster_members("dev")
        except pychat.ChatError as error:
            asked.put(type(error))

    first, second, chatd = embed({"on_published": published}), embed(), start()
    ann, bob = talk(chatd, token="the-token-of-ann"), talk(second)
    here = talk(first)
    found = first.cluster_members("dev")
    assert found.complete and found.reason == ""
    assert [member.name for member in found.members][0] == here.welcome["name"]
    by_id = {str(member.id): member for member in found.members}
    assert set(by_id) == {talker.welcome["id"] for talker in (ann, bob, here)}
    of_ann = by_id[ann.welcome["id"]]
    assert (of_ann.name, of_ann.user_id, of_ann.role, of_ann.protocol) == ("ann", "ann", pychat.Role.OWNER, pychat.Protocol.CHAT_V1)
    assert by_id[bob.welcome["id"]].role == pychat.Role.GUEST
    assert len({member.server for member in found.members}) == 3
    assert [member.name for member in first.members("dev")] == [here.welcome["name"]]  # this server alone
    assert [(room.name, room.member_count) for room in first.cluster_rooms().rooms] == [("dev", 3)]
    assert [(room.name, room.member_count) for room in first.rooms()] == [("dev", 1)]
    with pytest.raises(pychat.NoSuchRoomError):
        first.cluster_members("nowhere")
    with pytest.raises(pychat.InvalidArgumentError):
        first.cluster_members("dev", timeout=61)
    here.say("hello")
    assert asked.get(timeout=LIMIT_S) == pychat.WrongThreadError


def test_without_a_cluster_the_lists_are_those_of_the_server(talk):
    with pychat.Server(address="127.0.0.1", port=0) as server:
        ann = talk(server)
        found = server.cluster_members("dev")
        assert found.complete
        assert [(str(one.id), one.server) for one in found.members] == [(ann.welcome["id"], 0)]
        assert [room.name for room in server.cluster_rooms().rooms] == ["dev"]
        with pytest.raises(pychat.NoSuchRoomError):
            server.cluster_members("nowhere")


def test_a_killed_server_is_not_missed(start, talk):
    first, second, third = start(), start(), start()
    ann, bob, eve = talk(first, token="the-token-of-ann"), talk(second, token="the-token-of-bob"), talk(third, token="the-token-of-eve")
    wait_for_names(ann, "ann", "bob", "eve")
    kill(second)
    wait_for_names(ann, "ann", "eve")
    wait_until(lambda: "complete" not in members(ann))
    assert names(members(eve)) == ["ann", "eve"]


def test_a_server_that_stands_still_is_missed_in_time(start, talk):
    first, second, third = start(), start(), start()
    ann, bob, eve = talk(first, token="the-token-of-ann"), talk(second, token="the-token-of-bob"), talk(third, token="the-token-of-eve")
    wait_for_names(ann, "ann", "bob", "eve")
    time.sleep(0.2)  # On purpose: what was said before may be used again for 100 ms.
    second.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = members(ann)
        took_s = time.monotonic() - began
        assert (names(answer), answer["complete"]) == (["ann", "eve"], False)
        assert took_s > LATE_S
        began = time.monotonic()
        assert members(ann)["complete"] is False  # nobody waits again within a second
        assert time.monotonic() - began < LATE_S  # On purpose: the answer of before is used again.
        assert rooms(ann)["dev"]["members"] == 2
    finally:
        second.signal(signal.SIGCONT)
    wait_for_names(ann, "ann", "bob", "eve")
    assert "complete" not in members(ann)


def test_the_own_members_are_listed_without_redis(embed, start, talk, redis):
    first, second = start(), embed()
    ann, bob = talk(first, token="the-token-of-ann"), talk(second)
    wait_for_names(ann, "ann", bob.welcome["name"])
    redis.kill()
    wait_until(lambda: not ready(first))
    wait_until(lambda: members(ann).get("complete") is False)
    assert names(members(ann)) == ["ann"]
    found = second.cluster_members("dev")
    assert ([member.name for member in found.members], found.complete) == ([bob.welcome["name"]], False)
    assert found.reason
    assert second.cluster_rooms().complete is False
    wait_until(lambda: not second.stats().cluster_up_now)
    with pytest.raises(pychat.UnavailableError):
        second.kick(int(ann.welcome["id"]))
    redis.start()
    wait_for_names(ann, "ann", bob.welcome["name"])
    wait_until(lambda: "complete" not in members(ann))


def test_a_redis_that_freezes_while_servers_are_asked_delays_nobody_long(start, talk, redis):
    first, second = start(), start()
    ann, _ = talk(first, token="the-token-of-ann"), talk(second)
    members(ann)
    time.sleep(0.2)  # On purpose: what was said before may be used again for 100 ms.
    redis.freeze()
    try:
        answer = members(ann)
        assert (names(answer), answer["complete"]) == (["ann"], False)
    finally:
        redis.thaw()
    wait_until(lambda: len(members(ann)["members"]) == 2)


def test_a_redis_cluster_knows_who_hears_a_question(start_chatd, talk, users):
    nodes = RedisCluster()
    try:
        first, second, _ = (start_chatd("--cluster", nodes.url, "--lists", "--users", users) for _ in range(3))
        for room in nodes.rooms_at_each():
            ann, guest = talk(first, room, token="the-token-of-ann"), talk(second, room)
            answer = members(ann, room)
            assert (names(answer), "complete" in answer) == (sorted(["ann", guest.welcome["name"]]), False)
            wait_until(lambda ann=ann, room=room: rooms(ann)[room]["members"] == 2)
            ref = ann.request("moderate", room=room, action="kick", client=guest.welcome["id"])
            assert ann.answer(ref)["type"] == "moderated"
            guest.wait(lambda event: event["type"] == "left")
        assert "complete" not in ann.answer(ann.request("rooms"))
    finally:
        nodes.end()


def test_a_flood_of_requests_costs_redis_little(start, talk, redis):
    first, second = start("--inbound-rate", "100000", "--inbound-burst", "100000"), start()
    _ = talk(second)
    crowd = [talk(first) for _ in range(20)]
    wanted = names(members(crowd[0]))

    def questions():
        line = redis.cli("INFO", "commandstats")
        return int(line.split("cmdstat_publish:calls=")[1].split(",")[0])

    before, began = questions(), time.monotonic()
    refs = [(talker, [talker.request("members", room="dev") for _ in range(100)]) for talker in crowd]
    for talker, numbers in refs:
        for ref in numbers:
            assert names(talker.answer(ref)) == wanted
    seconds = time.monotonic() - began
    # A question and an answer, ten times a second, and a sign of life of each server.
    assert questions() - before < 30 + 25 * seconds
    assert crowd[0].say("still well")["type"] == "ack"


def test_a_long_list_is_shared(embed, talk):
    first, second = embed(), embed()
    crowd = [talk(server) for server in (first, second) for _ in range(60)]
    wait_until(lambda: len(first.cluster_members("dev").members) == 120)
    found = first.cluster_members("dev")
    assert found.complete
    assert {str(member.id) for member in found.members} == {talker.welcome["id"] for talker in crowd}


def test_hostile_texts_on_the_channels_change_nothing(start, talk, redis):
    first, second = start(), start()
    ann, bob = talk(first, token="the-token-of-ann"), talk(second, token="the-token-of-bob")
    wait_for_names(ann, "ann", "bob")
    channels = redis.cli("PUBSUB", "CHANNELS").splitlines()
    assert len(channels) >= 4
    id = bob.welcome["id"]
    texts = ["l", "l 1 3 dev", "lghost 1 3 dev", "lghost x 3 dev", "lghost 1 999 dev", "lghost 1 3 a/b", "lghost 1 0 ",
             "a", "aghost 1 1 1 ", f"aghost 1 1 1 {id} 0 1 5 Ghost0 ", f"aghost 2 1 1 {id} 9 9 5 Ghost0 ", "aghost 99999999999999999999 1 1 ",
             "e", "eghost 0 1 x", f"eghost {id}0000 1 x", f"eghost {id} 1 " + "r" * 124, "d", f"dghost {id}", f"dghost {id} 3 a/bx",
             f"dghost {id} 0 garbage", "n", "nghost", "nghost x", "nghost 99999", "nghost 0", "k", f"kghost {id} 3 0 " + "r" * 501]  # fmt: skip
    time.sleep(0.2)  # On purpose: what was said before may be used again for 100 ms.
    second.signal(signal.SIGSTOP)
    try:
        ref = ann.request("members", room="dev")  # waits for the other server meanwhile
        for channel in channels:
            for text in [*texts, *(f"aghost {number} 1 1 {id} 0 1 5 Ghost0 x" for number in range(1, 20))]:
                redis.command("PUBLISH", channel, text)
        answer = ann.answer(ref)
        assert (names(answer), answer["complete"]) == (["ann"], False)
    finally:
        second.signal(signal.SIGCONT)
    wait_until(lambda: "complete" not in members(ann))
    assert names(members(ann)) == ["ann", "bob"]
    assert ann.say("still well")["type"] == "ack"
    bob.heard("still well")


# Clients of other servers -----------------------------------------------------------------------------------------------


def leaves(talker):
    wait_until(lambda: talker.closed)
    return talker.socket.close_code, talker.socket.close_reason


def test_clients_of_every_protocol_are_reached_from_another_server(embed, start, talk, raw, websocket):
    first, second = embed(), start()

    def find(fits):
        def found():
            with contextlib.suppress(pychat.NoSuchRoomError):
                return next((member for member in first.cluster_members("dev").members if fits(member)), None)

        wait_until(found)
        return found()

    # chat.v1
    ann = talk(second, token="the-token-of-ann")
    first.send(int(ann.welcome["id"]), "only you")
    assert ann.wait(lambda event: event.get("text") == "only you")["room"] == "dev"
    first.kick(int(ann.welcome["id"]), "enough")
    assert leaves(ann) == (1008, "enough")
    # plain
    plain = websocket(second, "/chat?room=dev")
    first.send(find(lambda one: one.protocol == pychat.Protocol.PLAIN).id, "you too")
    while plain.read_frame()[1] != b"you too":
        pass
    first.kick(find(lambda one: one.protocol == pychat.Protocol.PLAIN).id, "enough")
    with pytest.raises(Closed) as closed:
        while True:
            plain.read_frame()
    assert closed.value.code == 1008
    # Socket.IO
    ended, heard = queue.Queue(), queue.Queue()
    client = socketio.Client(reconnection=False)
    client.on("disconnect", lambda *_: ended.put("dev"), namespace="/dev")
    client.on("disconnect", lambda *_: ended.put("other"), namespace="/other")
    client.on("chat message", heard.put, namespace="/dev")
    client.connect(f"http://127.0.0.1:{second.port}", namespaces=["/dev", "/other"], wait_timeout=LIMIT_S)
    try:
        one = find(lambda one: one.protocol == pychat.Protocol.SOCKET_IO)
        first.send(one.id, "and you")
        assert heard.get(timeout=LIMIT_S) == "and you"
        first.kick(one.id)
        assert ended.get(timeout=LIMIT_S) == "dev"
        other = first.cluster_members("other").members[0]
        first.close_connection(other.id)
        assert ended.get(timeout=LIMIT_S) == "other"
    finally:
        client.disconnect()
    # Server-Sent Events
    stream = EventStream(raw(second), "/rooms/dev/events")
    first.kick(find(lambda one: one.protocol == pychat.Protocol.HTTP).id)
    stream.read_to_end()


def test_an_id_that_no_server_can_have_is_refused_at_once(embed, start, talk):
    first, second = embed(), start()
    bob = talk(second)
    own = int(talk(first).welcome["id"])
    number = int(bob.welcome["id"]) >> 43
    free = next(one for one in range(1, 1024) if one not in (number, own >> 43))
    for id in (7, own + 1000, free << 43 | 7):
        for call in (first.kick, first.close_connection, lambda id: first.send(id, "x")):
            with pytest.raises(pychat.NoSuchClientError):
                call(id)
    first.kick(number << 43 | 999_999)  # the other server may have had it
    calls = [first.client_info, lambda id: first.join(id, "x"), lambda id: first.set_state(id, None)]
    for call in calls:
        with pytest.raises(pychat.NoSuchClientError):
            call(int(bob.welcome["id"]))


def test_a_moderator_kicks_a_guest_of_another_server(start, talk):
    first, second = start(), start()
    ann, guest = talk(first, token="the-token-of-ann"), talk(second)
    ref = ann.request("moderate", room="dev", action="kick", client=guest.welcome["id"], reason="enough")
    assert ann.answer(ref)["type"] == "moderated"
    assert guest.wait(lambda event: event["type"] == "left")["reason"] == "enough"
    ref = ann.request("moderate", room="dev", action="kick", client=str(7))
    assert ann.answer(ref)["code"] == "no_such_client"


def test_a_kick_is_audited_once_where_the_client_is(embed, talk):
    audits = queue.Queue()

    def tell(name):
        return lambda audit: audits.put((name, audit.client, audit.reason))

    first, second = embed({"on_audit": tell("first")}), embed({"on_audit": tell("second")})
    bob = talk(second)
    first.kick(int(bob.welcome["id"]), "enough")
    assert leaves(bob) == (1008, "enough")
    assert audits.get(timeout=LIMIT_S) == ("second", int(bob.welcome["id"]), "enough")
    assert audits.empty()
