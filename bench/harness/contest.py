"""Servers that are all up at once, on one core, and whose loads take turns. What disturbs the machine disturbs all of them."""

import sys
from contextlib import ExitStack
from itertools import cycle

from .processes import Failure, Load, Server
from .statistics import quantile

SUMS = ("seconds", "cpu_s", "loop_cpu_s", "core_s", "load_cpu_s", "published", "deliveries", "reads", "bytes", "receiver_deliveries",
        "handshakes", "store_cpu_s")

MIN_MEMBERS_OF_PART = 100


class Entry:
    """A server of a contest, and its load; or several servers that share their rooms."""

    def __init__(self, name, command, environment=None, load=None):
        self.name = name
        self.command = command
        self.environment = environment
        self.load_options = load
        self.count = 1  # of servers; each has a part of the members, and the publishers are at the first
        self.store = None  # what the servers share
        self.servers = []
        self.optional = False  # when it fails, the contest goes on without it
        self.load = None
        self.helpers = []  # more loads, each with a part of the members; they only receive

    def share(self, store, servers):
        """Makes it so many servers that share their rooms by `store`, whose CPU time is store.cpu_s()."""
        self.store, self.count = store, servers
        return self

    @property
    def server(self):
        return self.servers[0]

    def cpu_s(self):
        return sum(server.cpu_s() for server in self.servers)

    def loop_cpu_s(self):
        return sum(server.loop_cpu_s() for server in self.servers)

    def store_cpu_s(self):
        return self.store.cpu_s() if self.store else 0


class Round:
    """The sums over one entry's turns in a round."""

    def __init__(self):
        self.sums = dict.fromkeys(SUMS, 0)
        self.latencies_us = []

    def add(self, counts):
        for key in SUMS:
            self.sums[key] += counts.get(key, 0)
        self.latencies_us += counts.get("latencies_us", [])

    def __getattr__(self, key):
        try:
            return self.__dict__["sums"][key]
        except KeyError:
            raise AttributeError(key) from None

    @property
    def published_per_store_cpu_s(self):
        return self.published / max(self.store_cpu_s, 1e-9)

    @property
    def deliveries_per_cpu_s(self):
        return self.deliveries / max(self.cpu_s, 1e-9)

    @property
    def per_read(self):
        return self.deliveries / max(self.reads, 1)

    def latency_ms(self, q):
        value = quantile(self.latencies_us, q)
        return None if value is None else value / 1000


def _divided(load, parts, min_members=MIN_MEMBERS_OF_PART):
    """The options of `parts` loads instead of one, if its members can be divided: one room, whose publishers are in the first."""
    members = load.get("members", 0)
    if "group" in load or members < min_members * parts:
        return [load]
    others = [{**load, "members": members // parts, "publishers": 0, "first_member": members // parts * part}
              for part in range(1, parts)]
    return [{**load, "members": members - members // parts * (parts - 1)}, *others]


class Contest:
    """A context: starts all servers, opens all clients; ends them at the end."""

    def __init__(self, bench, entries):
        self.bench = bench
        self.entries = entries
        self._stack = ExitStack()
        self._turns = 0
        self.beside = {}  # by an entry's name: another load of its server and the arguments of its turns

    def __enter__(self):
        bench = self.bench
        try:
            for entry in self.entries:
                for _ in range(entry.count):
                    entry.servers.append(Server(entry.name, entry.command, bench.server_core.number, bench.nice, entry.environment))
                    self._stack.callback(entry.servers[-1].end)
                if entry.load_options is not None:
                    entry.load, *entry.helpers = self._start_loads(entry)
        except BaseException:
            self._stack.close()
            raise
        return self

    def _start_loads(self, entry):
        cores = self.bench.load_cores
        if entry.count == 1:
            parts = zip(_divided(entry.load_options, len(cores)), cycle(entry.servers), cores)
        else:
            parts = zip(_divided(entry.load_options, entry.count, 1), entry.servers, cycle(cores))
        return [self._start_load(entry, *part) for part in parts]

    def _start_load(self, entry, options, server, core):
        options = {**options, "limit_s": self.bench.limit_s}
        load = Load(entry.name, self.bench.program("bench_load"), server.port, options, core, self.bench.nice)
        self._stack.callback(load.end)
        load.wait_until_open()
        return load

    def __exit__(self, *error):
        self._stack.close()

    def turn(self, entry, command="turn", **arguments):
        """One turn of one entry. The CPU time is that of the server and of the kernel's network thread on its core."""
        core = self.bench.server_core
        busy_s, kernel_s, cpu_s = core.busy_s(), core.kernel_thread_s(), entry.cpu_s()
        loop_cpu_s, store_cpu_s = entry.loop_cpu_s(), entry.store_cpu_s()
        other, other_turn = self.beside.get(entry.name, (None, None))
        if other:
            other.send("turn", ms=arguments["ms"], **other_turn)
        counts = entry.load.ask(command, **arguments)
        if other:
            other.answer()
        for helper in entry.helpers if counts.get("published") else []:
            more = helper.ask("receive", count=counts["published"])
            for key in ("deliveries", "receiver_deliveries", "reads", "bytes", "load_cpu_s", "lost"):
                counts[key] += more[key]
        counts["cpu_s"] = entry.cpu_s() - cpu_s + core.kernel_thread_s() - kernel_s
        counts["loop_cpu_s"] = entry.loop_cpu_s() - loop_cpu_s
        counts["store_cpu_s"] = entry.store_cpu_s() - store_cpu_s
        counts["core_s"] = core.busy_s() - busy_s
        if counts.get("lost"):
            raise Failure(entry.name, f"{counts['lost']} deliveries are missing or were made twice")
        return counts

    def rounds(self, command="turn", scale=1, **arguments):
        """Lets all entries take turns. Returns for each entry's name a list of Round.

        scale: how many times longer the turns are than usual, and how many times fewer there are.
        """
        while True:
            try:
                return self._rounds(command, scale, **arguments)
            except Failure as failure:
                left = [entry for entry in self.entries if not (entry.optional and entry.name == failure.name)]
                if len(left) == len(self.entries):
                    raise
                print(f"bench: goes on without {failure.name}: {failure}", file=sys.stderr)
                self.entries = left

    def _rounds(self, command, scale, **arguments):
        entries = self.entries
        arguments.setdefault("ms", self.bench.turn_ms * scale)
        for entry in entries:
            self.turn(entry, command, **arguments)  # warm-up
        results = {entry.name: [] for entry in entries}
        for _ in range(self.bench.rounds):
            sums = {entry.name: Round() for entry in entries}
            for _ in range(max(1, self.bench.turns // scale)):
                # Each entry is first, and last, in turn.
                first = self._turns % len(entries)
                self._turns += 1
                for entry in entries[first:] + entries[:first]:
                    sums[entry.name].add(self.turn(entry, command, **arguments))
            for name, one in sums.items():
                results[name].append(one)
        return results
