"""What a cluster does when the ways between its servers and Redis fail, when Redis is slow, when clocks differ, when a replica takes
over, and when the servers are restarted one after the other."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import pytest
from cluster_support import Redis, Way, history_at, ready, token, writing
from support import LIMIT_S, kill, wait_until

pytestmark = pytest.mark.skipif(not Redis.installed(), reason="redis-server is not installed")


def same_order(talkers, texts):
    """All of them have received these texts, in one order, under the same numbers."""
    for talker in talkers:
        wait_until(lambda talker=talker: len(talker.messages()) >= len(texts))
        assert sorted(talker.texts()) == sorted(texts)
        assert talker.messages() == talkers[0].messages()


# The way to Redis ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cut", "hold"])
def test_a_server_that_is_cut_off_for_a_moment_loses_nothing(start_chatd, redis, way, talk, how):
    road = way()
    near, far = start_chatd("--cluster", redis.url), start_chatd("--cluster", road.url)
    ann, bob = talk(near), talk(far)
    ann.say("a0")
    bob.say("b0")
    getattr(road, how)()
    wait_until(lambda: not ready(far))
    ref = bob.request("send", room="dev", text="b1")
    assert ann.say("a1")["type"] == "ack"  # nobody else notices
    assert ready(near)
    road.mend()
    answer = bob.answer(ref)
    if answer["type"] == "error":  # it was away longer than messages wait
        assert answer["code"] == "unavailable"
        wait_until(lambda: ready(far))
        assert bob.say("b1")["type"] == "ack"
    assert ann.say("a2")["type"] == "ack"
    same_order([ann, bob], ["a0", "a1", "a2", "b0", "b1"])


def test_a_server_that_is_cut_off_for_long_says_so_and_continues(start_chatd, redis, way, talk):
    road = way()
    near, far = start_chatd("--cluster", redis.url), start_chatd("--cluster", road.url)
    ann, bob = talk(near), talk(far)
    ann.say("a0")
    bob.heard("a0")
    road.cut()
    answer = bob.answer(bob.request("send", room="dev", text="lost"), limit_s=60)
    assert (answer["type"], answer["code"]) == ("error", "unavailable")
    assert not ready(far)
    for i in range(1, 6):
        assert ann.say(f"a{i}")["type"] == "ack"
    road.mend()
    wait_until(lambda: ready(far))
    assert bob.say("b0")["type"] == "ack"
    same_order([ann, bob], ["a0", "a1", "a2", "a3", "a4", "a5", "b0"])
    assert [seq for _, seq, _ in bob.messages()] == list(range(1, 8))


def test_a_slow_redis_delays_and_keeps_the_order(start_chatd, redis, way, talk):
    road = way()
    first, second = start_chatd("--cluster", road.url), start_chatd("--cluster", road.url)
    ann, bob = talk(first), talk(second)
    road.delay_s = 0.1
    refs = []
    for i in range(40):
        refs += [(ann, ann.request("send", room="dev", text=f"a{i}")), (bob, bob.request("send", room="dev", text=f"b{i}"))]
    for talker, ref in refs:
        assert talker.answer(ref)["type"] == "ack"
    same_order([ann, bob], [f"{who}{i}" for who in "ab" for i in range(40)])
    for who in "ab":
        assert [text for text in ann.texts() if text[0] == who] == [f"{who}{i}" for i in range(40)]


def test_a_primary_that_was_a_replica_meanwhile_lacks_what_the_other_lacked(start_chatd, redis, talk):
    """Its process and its connections are the same ones, and nobody writes in between."""
    other = Redis()
    try:
        first, second = (start_chatd("--cluster", redis.url, "--metrics", "/metrics") for _ in range(2))
        ann, bob = talk(first), talk(second)

        def have_lost(times):
            return all(int(metric(server, "libchat_cluster_losses_total")) >= times for server in (first, second))

        for server in (redis, other):
            server.cli("CONFIG", "SET", "repl-diskless-sync-delay", 0)
        other.cli("REPLICAOF", "127.0.0.1", redis.port)
        wait_until(lambda: "master_link_status:up" in other.cli("INFO", "replication"))
        wait_until(lambda: have_lost(1))  # the first replica of a Redis gives it another replication id
        for i in range(2):
            assert ann.say(str(i))["seq"] == i + 1
        assert redis.cli("WAIT", 1, 10_000) == "1"
        other.cli("REPLICAOF", "NO", "ONE")
        assert ann.say("2")["seq"] == 3
        bob.heard("2")
        redis.cli("REPLICAOF", "127.0.0.1", other.port)
        wait_until(lambda: "master_link_status:up" in redis.cli("INFO", "replication"))
        redis.cli("REPLICAOF", "NO", "ONE")
        wait_until(lambda: have_lost(2))
        ack = bob.say("3")
        assert (ack["epoch"], ack["seq"]) == (ann.welcome["epoch"], 4)
        same_order([ann, bob], ["0", "1", "2", "3"])
        assert [text for _, _, text in history_at(talk, start_chatd("--cluster", redis.url))] == ["0", "1", "2", "3"]
    finally:
        other.end()


# Clocks ----------------------------------------------------------------------------------------------------------------------


def metric(server, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=LIMIT_S) as response:
        return re.search(rf"^{name} (\S+)$", response.read().decode(), re.MULTILINE).group(1)


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_clocks_that_differ_change_nothing(start_chatd, redis, talk):
    # faketime itself would stay between the test and the server.
    library = subprocess.run(["faketime", "-m", "-f", "+0h", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True)

    def start(shift):
        # Only the time of day: clocks that count from the start of the machine never jump.
        fake = {"LD_PRELOAD": library.stdout.strip(), "FAKETIME": shift, "DONT_FAKE_MONOTONIC": "1"}
        return start_chatd("--cluster", redis.url, "--metrics", "/metrics", env=fake)

    servers = [start("-1h"), start("+0h"), start("+2h")]
    if servers[0].is_sanitized():
        pytest.skip("faketime and a sanitizer exclude each other")
    started_s = [float(metric(server, "libchat_start_time_seconds")) for server in servers]
    assert started_s[1] - started_s[0] > 3_000 and started_s[2] - started_s[1] > 7_000  # the clocks do differ
    talkers = [talk(server) for server in servers]
    before_ms = time.time() * 1_000
    for round_number in range(3):
        for number, talker in enumerate(talkers):
            assert talker.say(f"{number}.{round_number}")["type"] == "ack"
    same_order(talkers, [f"{number}.{i}" for number in range(3) for i in range(3)])
    times = [[event["time"] for event in talker.events if event["type"] == "message"] for talker in talkers]
    assert times[0] == times[1] == times[2] == sorted(times[0])
    assert before_ms - 5_000 < times[0][0] <= times[0][-1] < time.time() * 1_000 + 5_000  # of Redis
    # The history does not age by the clock of a server, and each still counts the others as there.
    for server in servers:
        assert [text for _, _, text in history_at(talk, server)] == talkers[0].texts()
        assert ready(server)


# A replica takes over --------------------------------------------------------------------------------------------------------


class Guarded:
    """A primary and a replica, which may reach the primary by a Way, and a Sentinel that makes the replica the primary."""

    def __init__(self, make_way):
        self.primary = Redis()
        self.replica = Redis()
        self.road = make_way(self.primary.port)
        assert self.replica.command("REPLICAOF", "127.0.0.1", str(self.road.port)) == "OK"
        self.folder = tempfile.mkdtemp(prefix="libchat-sentinel-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = os.path.join(self.folder, "sentinel.conf")
        with open(config, "w") as file:
            file.write(f"""port {self.port}
bind 127.0.0.1
dir {self.folder}
logfile {self.folder}/log
sentinel monitor chat 127.0.0.1 {self.primary.port} 1
sentinel down-after-milliseconds chat 500
sentinel failover-timeout chat 5000
""")
        self.sentinel = subprocess.Popen(["redis-server", config, "--sentinel"], stdin=subprocess.DEVNULL)
        wait_until(self.is_watched)

    @property
    def url(self):
        return f"redis+sentinel://127.0.0.1:{self.port}/chat"

    def command(self, *words):
        words = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *words]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout

    def is_watched(self):
        known = f"port\n{self.replica.port}\n" in self.command("SENTINEL", "REPLICAS", "chat")
        return known and "master_link_status:up" in self.info("replication")

    def info(self, section):
        words = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.replica.port), "INFO", section]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout

    def wait_for_offset(self):
        assert self.primary.command("WAIT", "1", "5000") == "1"

    def end(self):
        self.sentinel.kill()
        self.sentinel.wait(LIMIT_S)
        self.primary.end()
        self.replica.end()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def guarded():
    with contextlib.ExitStack() as stack:

        def make_way(port):
            one = Way(port)
            stack.callback(one.end)
            return one

        pair = Guarded(make_way)
        stack.callback(pair.end)
        yield pair


@pytest.mark.parametrize("lags", [False, True])
def test_a_replica_takes_over(start_chatd, talk, guarded, lags):
    servers = [start_chatd("--cluster", guarded.url) for _ in range(3)]
    talkers = [talk(server) for server in servers]
    for number, talker in enumerate(talkers):
        assert talker.say(f"{number}.before")["type"] == "ack"
    guarded.wait_for_offset()
    if lags:
        guarded.road.hold()
    for number, talker in enumerate(talkers):
        assert talker.say(f"{number}.late")["type"] == "ack"
    for talker in talkers:
        wait_until(lambda talker=talker: len(talker.messages()) == 6)
    guarded.primary.kill()
    if lags:
        guarded.road.cut()
    wait_until(lambda: "role:master" in guarded.info("replication"))
    promoted_s = time.monotonic()
    wait_until(lambda: all(ready(server) for server in servers))
    for number, talker in enumerate(talkers):
        answer = talker.say(f"{number}.after")
        assert answer["type"] == "ack", answer
    print(f"numbered again {time.monotonic() - promoted_s:.2f} s after the replica was the primary")
    # The servers hand over what the replica did not have: the same epoch, and no number twice.
    same_order(talkers, [f"{number}.{when}" for number in range(3) for when in ("before", "late", "after")])
    assert {epoch for epoch, _, _ in talkers[0].messages()} == {talkers[0].welcome["epoch"]}
    assert [seq for _, seq, _ in talkers[0].messages()] == list(range(1, 10))
    late = talk(servers[0], since=(talkers[0].welcome["epoch"], 2))
    assert late.welcome["complete"]
    wait_until(lambda: len(late.messages()) == 7)


# Restarts --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gently", [True, False])
def test_servers_are_restarted_one_after_the_other(start_chatd, talk, redis, tmp_path, gently):
    users = tmp_path / "users"
    users.write_text("".join(f"{token(i)} user-{i}\n" for i in range(3)))

    def start():
        return start_chatd("--cluster", redis.url, "--users", users, "--history-messages", "off", "--drain-timeout-ms", 200)

    servers = [start() for _ in range(3)]
    with writing(servers, 3) as writers:
        for number, server in enumerate(servers):
            before = [len(writer.acked) for writer in writers]
            if gently:
                server.end_gently()
                assert server.wait() == 0
            else:
                kill(server)
            servers[number] = start()
            wait_until(lambda: all(ready(one) for one in servers))
            wait_until(lambda: all(writer.problem or len(writer.acked) > then + 3 for writer, then in zip(writers, before)))
    assert [writer.problem for writer in writers] == [None] * 3
    history = history_at(talk, servers[0])
    places = {text: (epoch, seq) for epoch, seq, text in history}
    assert len(places) == len(history)
    for writer in writers:
        for text, epoch, seq in writer.acked:
            assert places[text] == (epoch, seq)
