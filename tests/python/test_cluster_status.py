"""chatd cluster status, pychat.read_cluster() and the counters: what is known of a cluster from outside and from inside."""

import re
import time

import pychat
import pytest
from cluster_support import Redis, RedisCluster
from support import kill, wait_until

pytestmark = pytest.mark.skipif(not Redis.installed(), reason="redis-server is not installed")


def status(start_program, *options, code=0):
    program = start_program("chatd", "cluster", "status", *options)
    program.expected_code = code
    assert program.wait() == code, program.errors
    return program


def rows(program):
    """Of the table, by the names of its columns."""
    head = next(number for number, line in enumerate(program.lines) if line.startswith("NUMBER"))
    names = program.lines[head].split()
    return [dict(zip(names, re.split(r" {2,}", line))) for line in program.lines[head + 1 :]]


def test_the_servers_are_listed(start_program, start_chatd, redis, talk):
    servers = [start_chatd("--cluster", redis.url) for _ in range(2)]
    talk(servers[0])
    talk(servers[0])
    talk(servers[1], "elsewhere")
    pids = {str(server.pid) for server in servers}

    def listed():
        found = {row["PID"]: row for row in rows(status(start_program, "--cluster", redis.url))}
        if found.keys() != pids:
            return None
        return found if [found[str(server.pid)]["CLIENTS"] for server in servers] == ["2", "1"] else None

    wait_until(listed)
    found = listed()
    first, second = (found[str(server.pid)] for server in servers)
    assert (first["ROOMS"], second["ROOMS"], second["WAITING"]) == ("1", "1", "0")
    assert first["VERSION"] == second["VERSION"] == pychat.__version__
    assert first["NUMBER"] != second["NUMBER"] and first["HOST"] == second["HOST"]
    assert 0 < float(first["LEASE"].split()[0]) <= 10
    line = status(start_program, "--cluster", redis.url).lines[0]
    assert re.fullmatch(r"Redis [\d.]+: answers in [\d.]+ ms, uses [\d.]+ MiB of any memory, noeviction, no appendonly, 0 replicas", line)


def test_a_server_that_has_gone_is_not_listed(start_program, start_chatd, redis):
    first, second = (start_chatd("--cluster", redis.url) for _ in range(2))
    kill(first)
    wait_until(lambda: [row["PID"] for row in rows(status(start_program, "--cluster", redis.url))] == [str(second.pid)])


def test_a_redis_cluster_is_asked_for_its_list(start_program, start_chatd):
    nodes = RedisCluster()
    try:
        server = start_chatd("--cluster", nodes.url)
        assert [row["PID"] for row in rows(status(start_program, "--cluster", nodes.url))] == [str(server.pid)]
    finally:
        nodes.end()


def test_the_options_come_from_a_file_too(start_program, start_chatd, redis, tmp_path):
    start_chatd("--cluster", redis.url, "--cluster-prefix", "games:")
    path = tmp_path / "chatd.conf"
    path.write_text(f"cluster = {redis.url}\ncluster-prefix = games:\n")
    assert len(rows(status(start_program, "--config", path))) == 1
    assert status(start_program, "--cluster", redis.url, code=1).lines[1:] == ["no servers"]


def test_what_cannot_be_read_is_told(start_program, redis):
    for options, code, text in [
        ((), 2, "cluster status needs --cluster URL"),
        (("--cluster", "http://x"), 1, "url"),
        (("--cluster", "redis://127.0.0.1:1"), 1, "no answer within 5000 ms"),
        (("--cluster", redis.url, "--cluster-prefix", "{x}"), 1, "prefix must be 1 to 64 bytes"),
    ]:
        assert text in status(start_program, *options, code=code).errors
    for words in (("cluster",), ("cluster", "start")):
        program = start_program("chatd", *words)
        program.expected_code = 2
        assert program.wait() == 2
        assert "subcommand" in program.errors


def test_python_reads_it_too(start_chatd, redis):
    begin_ms = time.time() * 1_000 - 60_000
    with pychat.Server(address="127.0.0.1", port=0, cluster=redis.url) as server:
        found = pychat.read_cluster(redis.url)
        assert len(found.servers) == 1
        one = found.servers[0]
        assert (one.clients, one.waiting, one.version) == (0, 0, pychat.__version__)
        assert begin_ms < one.started_at_ms < begin_ms + 3_600_000  # a time of today
        assert one.pid > 0 and 0 < one.lease_ms <= 10_000
        assert (found.eviction_policy, found.keeps_file, found.replicas, found.max_bytes) == ("noeviction", False, 0, 0)
        assert found.round_trip_us > 0 and found.used_bytes > 100_000 and found.redis_version[0].isdigit()
        stats = server.stats()
        assert (stats.cluster_up_now, stats.cluster_servers_now, stats.cluster_losses) == (1, 1, 0)
        server.broadcast("dev", "hello")
        wait_until(lambda: server.stats().cluster_published == 1)
        assert server.stats().cluster_rooms_now == 1
        assert (server.stats().cluster_forwarded_now, server.stats().cluster_foreign_now) == (0, 0)
    assert pychat.read_cluster(redis.url, prefix="others:").servers == ()
    for arguments, error in [
        (("",), pychat.InvalidArgumentError),
        (("http://x",), pychat.InvalidArgumentError),
        ((redis.url, "{"), pychat.InvalidArgumentError),
        ((redis.url, None, 0), pychat.InvalidArgumentError),
        ((redis.url, None, 61), pychat.InvalidArgumentError),
        (("redis://127.0.0.1:1", None, 0.3), pychat.TimedOutError),
        ((redis.url.replace("redis://", "rediss://"), None, 0.3), pychat.TimedOutError),
    ]:
        url, prefix, timeout = (*arguments, None, 5)[:3] if len(arguments) == 1 else (*arguments, 5)[:3]
        with pytest.raises(error):
            pychat.read_cluster(url, prefix=prefix, timeout=timeout)
