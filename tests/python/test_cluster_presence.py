"""The people of rooms that several servers share: who is there, at every server and in every protocol, and what fails."""

import json
import queue
import subprocess

import pytest
import socketio
from cluster_support import Redis, Talker, opener
from http_support import EventStream, Http
from support import BUILD_DIR, LIMIT_S, kill, wait_until

pytestmark = pytest.mark.skipif(not Redis.installed(), reason="redis-server is not installed")

GRACE_MS = 1_500


@pytest.fixture
def users(tmp_path):
    path = tmp_path / "users"
    path.write_text("".join(f"{token(name)} {name}\n" for name in ("ann", "bob", "eve", "sam")))
    return path


def token(name):
    return f"the-token-of-{name}"


@pytest.fixture
def start(start_chatd, redis, users):
    """Starts a server of the cluster with presence."""

    def start_it(*options):
        grace = ("--presence-grace-ms", GRACE_MS)
        return start_chatd("--cluster", redis.url, "--users", users, "--presence", "full", *grace, *options)

    return start_it


class Watcher(Talker):
    """Knows who is in its room: from the snapshot, and from the notices after it."""

    def __init__(self, server, name=None, room="dev"):
        super().__init__(server, room, token=name and token(name))

    def notices(self):
        with self.changed:
            return [event for event in self.events if event["type"] == "presence" and "ref" not in event]

    def people(self):
        people = {}
        for notice in self.notices():
            if "people" in notice:
                people = {}
            for person in notice.get("people", []) + notice.get("joined", []) + notice.get("changed", []):
                people[key(person)] = person
            for person in notice.get("left", []):
                people.pop(key(person))
            if "people" in notice or people:
                assert len(people) == notice["count"], self.notices()
        return people

    def told(self, change, name):
        """How often a change of the person was told."""
        return sum(key(person) == name for notice in self.notices() for person in notice.get(change, []))

    def count(self):
        return self.notices()[-1]["count"]

    def wait_for(self, *names):
        wait_until(lambda: sorted(self.people()) == sorted(names), f"{names} instead of {self.notices()}")


def key(person):
    return person.get("user", person.get("id"))


@pytest.fixture
def watch():
    with opener(Watcher) as open_watcher:
        yield open_watcher


def test_people_of_all_servers_are_known_at_each(start, watch):
    first, second = start(), start()
    ann = watch(first, "ann")
    ann.wait_for("ann")
    bob = watch(second, "bob")
    for watcher in (ann, bob):
        watcher.wait_for("ann", "bob")
    # Who comes to a third server finds them.
    eve = watch(start(), "eve")
    assert sorted(key(person) for person in eve.notices()[0]["people"]) == ["ann", "bob"]
    guest = watch(first)
    for watcher in (ann, bob, eve, guest):
        watcher.wait_for("ann", "bob", "eve", guest.welcome["id"])
    guest.close()
    for watcher in (ann, bob, eve):
        watcher.wait_for("ann", "bob", "eve")
        assert watcher.told("left", guest.welcome["id"]) == 1
    answer = bob.answer(bob.request("presence", room="dev"))
    assert (answer["count"], sorted(key(person) for person in answer["people"])) == (3, ["ann", "bob", "eve"])


def test_a_user_at_two_servers_leaves_once(start, watch):
    first, second = start(), start()
    ann, bob = watch(first, "ann"), watch(second, "bob")
    eve, again = watch(first, "eve"), watch(second, "eve")
    for watcher in (ann, bob):
        watcher.wait_for("ann", "bob", "eve")
    eve.close()
    sam = watch(second, "sam")
    sam.close()  # its end of the grace time is after that of eve
    wait_until(lambda: ann.told("left", "sam") and bob.told("left", "sam"))
    assert "eve" in ann.people() and "eve" in bob.people()
    again.close()
    for watcher in (ann, bob):
        watcher.wait_for("ann", "bob")
        assert (watcher.told("joined", "eve"), watcher.told("left", "eve")) == (1, 1)


def test_a_user_that_moves_is_not_told(start, watch):
    first, second = start(), start()
    ann, bob = watch(first, "ann"), watch(second, "bob")
    eve = watch(first, "eve")
    for watcher in (ann, bob):
        watcher.wait_for("ann", "bob", "eve")
    for server in (second, first, second):
        eve.close()
        eve = watch(server, "eve")
        sam = watch(server, "sam")
        sam.close()
        before = ann.told("left", "sam"), bob.told("left", "sam")  # a grace time passes
        wait_until(lambda before=before: ann.told("left", "sam") > before[0] and bob.told("left", "sam") > before[1])
    for watcher in (ann, bob):
        assert (watcher.told("joined", "eve"), watcher.told("left", "eve")) == (1, 0)


def test_a_state_is_that_of_the_user(start, watch):
    first, second = start(), start()
    ann, bob = watch(first, "ann"), watch(second, "bob")
    bob.wait_for("ann", "bob")
    assert ann.answer(ann.request("state", state={"away": True}))["type"] == "ack"
    wait_until(lambda: bob.people().get("ann", {}).get("state") == {"away": True})
    eve = watch(start(), "eve")
    wait_until(lambda: eve.people().get("ann", {}).get("state") == {"away": True})
    again = watch(second, "ann")  # takes it over
    assert again.answer(again.request("state"))["type"] == "ack"
    wait_until(lambda: all("state" not in watcher.people()["ann"] for watcher in (ann, bob, eve)))


def test_the_people_of_a_killed_server_leave_once(start, watch):
    first, second, third = start(), start(), start()
    ann, bob = watch(first, "ann"), watch(second, "bob")
    eve, sam, guest = watch(third, "eve"), watch(third, "sam"), watch(third)
    for watcher in (ann, bob):
        watcher.wait_for("ann", "bob", "eve", "sam", guest.welcome["id"])
    kill(third)
    eve = watch(second, "eve")  # goes on at another server
    for watcher in (ann, bob):
        watcher.wait_for("ann", "bob", "eve")
        told = [(watcher.told("joined", name), watcher.told("left", name)) for name in ("eve", "sam", guest.welcome["id"])]
        assert told == [(1, 0), (1, 1), (1, 1)]
    # The list of the killed server is still there, and nobody believes it.
    late = watch(start(), "sam")
    late.wait_for("ann", "bob", "eve", "sam")


def test_a_rolling_restart_is_not_told(start, watch):
    servers = [start(), start()]
    ann, bob = watch(servers[0], "ann"), watch(servers[0], "bob")
    eve = watch(servers[1], "eve")
    for watcher in (ann, bob):
        watcher.wait_for("ann", "bob", "eve")
    servers[1].finish()
    eve = watch(servers[0], "eve")
    sam = watch(servers[0], "sam")
    sam.close()  # its grace time begins after that of eve
    wait_until(lambda: ann.told("left", "sam") and bob.told("left", "sam"))
    for watcher in (ann, bob):
        assert (watcher.told("joined", "eve"), watcher.told("left", "eve")) == (1, 0)


@pytest.mark.parametrize("empty", [True, False])
def test_nobody_leaves_when_redis_restarts(start_chatd, users, watch, empty):
    redis = Redis(append_only=not empty)
    try:
        options = ("--cluster", redis.url, "--users", users, "--presence", "full", "--presence-grace-ms", GRACE_MS)
        first, second = start_chatd(*options), start_chatd(*options)
        ann, bob = watch(first, "ann"), watch(second, "bob")
        for watcher in (ann, bob):
            watcher.wait_for("ann", "bob")
        redis.kill()
        for server in (first, second):
            server.wait_error("Redis is lost")
        redis.start()
        eve = watch(second, "eve")
        guest = watch(first)
        for watcher in (ann, bob, eve):
            watcher.wait_for("ann", "bob", "eve", guest.welcome["id"])
        guest.close()
        for watcher in (ann, bob, eve):
            watcher.wait_for("ann", "bob", "eve")
            assert not watcher.told("left", "ann") and not watcher.told("left", "bob")
        late = watch(start_chatd(*options), "sam")
        assert sorted(key(person) for person in late.notices()[0]["people"]) == ["ann", "bob", "eve"]
    finally:
        redis.end()


def test_a_server_that_dies_while_redis_is_gone_is_missed_later(start, watch, redis):
    first, second = start(), start()
    ann, bob = watch(first, "ann"), watch(second, "bob")
    for watcher in (ann, bob):
        watcher.wait_for("ann", "bob")
    redis.kill()
    first.wait_error("Redis is lost")
    kill(second)
    redis.start()
    ann.wait_for("ann")
    assert ann.told("left", "bob") == 1


def test_a_lost_subscription_loses_nobody(start, watch, redis):
    first, second = start(), start()
    ann, bob = watch(first, "ann"), watch(second, "bob")
    guests = []
    for i in range(6):
        if i % 2:
            redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        guests.append(watch(first if i % 3 else second))
    names = [guest.welcome["id"] for guest in guests]
    for watcher in (ann, bob):
        watcher.wait_for("ann", "bob", *names)


def test_every_protocol_sees_the_people_of_all_servers(start, watch, raw, redis):
    first, second, third = start(), start(), start("--lists")
    ann = watch(first, "ann")

    def count_at(server, room="dev"):  # a stranger may not list the people, except at the third server
        answer = Http(server, raw).get(f"/rooms/{room}/presence")
        assert answer.status == 200, answer.body
        return json.loads(answer.body)["count"]

    wait_until(lambda: count_at(third) == 1)  # it does not have the room
    # Who may not list the people of a room does not open it.
    assert count_at(second, "other") == 0
    assert redis.cli("--scan", "--pattern", "*}other:*") == ""
    assert count_at(third, "other") == 0
    assert redis.cli("--scan", "--pattern", "*}other:*") != ""
    stream = EventStream(raw(second), "/rooms/dev/events", ("Authorization", f"Bearer {token('bob')}"))
    assert stream.next("presence").json["count"] == 1
    seen = queue.Queue()
    client = socketio.Client(reconnection=False)
    client.on("presence", seen.put, namespace="/dev")
    client.connect(f"http://127.0.0.1:{second.port}", namespaces=["/dev"], auth={"token": token("eve")}, wait_timeout=LIMIT_S)
    try:
        ann.wait_for("ann", "bob", "eve")
        people = {}
        while sorted(people) != ["ann", "bob", "eve"]:
            notice = seen.get(timeout=LIMIT_S)
            for person in notice.get("people", []) + notice.get("joined", []):
                people[key(person)] = person
        told = {}
        while "eve" not in told:
            notice = stream.next("presence").json
            told |= {key(person): person for person in notice.get("people", []) + notice.get("joined", [])}
        assert [count_at(server) for server in (first, second, third)] == [3, 3, 3]
    finally:
        client.disconnect()


def has_icu():
    versions = subprocess.run([BUILD_DIR / "bin/chatd", "--version"], capture_output=True, text=True, check=True)
    return "ICU " in versions.stdout


def test_names_are_unique_among_all_servers(start, watch):
    if not has_icu():
        pytest.skip("this build has no ICU")
    first, second = start("--unique-names"), start("--unique-names")
    ann, guest = watch(first, "ann"), watch(second)
    ann.wait_for("ann", guest.welcome["id"])
    guest.wait_for("ann", guest.welcome["id"])
    answer = guest.answer(guest.request("name", name="ANN"))
    assert (answer["type"], answer["code"]) == ("error", "name_taken")
    other = watch(first)
    other.wait_for("ann", guest.welcome["id"], other.welcome["id"])
    assert other.answer(other.request("name", name="Walrus"))["type"] == "named"
    wait_until(lambda: guest.people().get(other.welcome["id"], {}).get("name") == "Walrus")
    answer = guest.answer(guest.request("name", name="walrus"))
    assert (answer["type"], answer["code"]) == ("error", "name_taken")
