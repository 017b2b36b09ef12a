"""Whether clients that misbehave delay the others."""

from contextlib import ExitStack

from harness.processes import Load

NAME = "fairness"
ABOUT = "latency of a room of 1,000 beside 10 stalled readers, a flooder, and a 64 KB message each 10 ms"
P99_LIMIT = 1.25
RATE = 100
TURN_MS = 500
INBOUND_RATE = 200  # the library's default, which the benchmarks' server otherwise turns off
# Other loads of the same server, in rooms of their own: the options of the load, and its turn.
OTHER_ROOM = 1000
BESIDE = {
    "a flooder": ({"first_room": OTHER_ROOM, "members": 1, "publishers": 1}, {"in_flight": 64}),
    "64 KB each 10 ms": ({"first_room": OTHER_ROOM, "members": 10, "publishers": 1, "message_bytes": 65_000}, {"rate": 100}),
}


FLOOR = "floor, quiet"
# The loads share a core too. What the floor's clients lose beside such a load is no fault of a server.
FLOOR_BESIDE = {"floor, 64 KB each 10 ms": "64 KB each 10 ms"}


def measure(bench, entries):
    with bench.contest(entries) as contest, ExitStack() as stack:
        for entry in entries:
            beside = BESIDE.get(FLOOR_BESIDE.get(entry.name, entry.name))
            if beside:
                options, turn = beside
                other = Load(f"{entry.name}, the other load", bench.program("bench_load"), entry.server.port, options,
                             bench.load_cores[0], bench.nice)
                stack.callback(other.end)
                other.wait_until_open()
                contest.beside[entry.name] = (other, turn)
        return contest.rounds(ms=TURN_MS, rate=RATE)


def run(bench):
    load = {"members": bench.members(1000, 200)}
    rounds = measure(bench, [*(bench.chat({**load, "stalled": 10 if name == "10 stalled" else 0}, name, inbound_rate=INBOUND_RATE)
                               for name in ("quiet", "10 stalled", *BESIDE)),
                             *(bench.floor(load, name) for name in (FLOOR, *FLOOR_BESIDE))])
    p99s = {name: [one.latency_ms(0.99) for one in ones] for name, ones in rounds.items()}
    for name, ones in rounds.items():
        bench.results.add(NAME, f"{load['members']:,} receivers, {RATE} per second", name, "p99 ms", p99s[name],
                          {FLOOR: p99s[FLOOR]} if name in FLOOR_BESIDE else {} if name == FLOOR else {"quiet": p99s["quiet"]},
                          {"p50 ms": max(one.latency_ms(0.5) for one in ones),
                           "load": max(one.cpu_s / one.seconds for one in ones)},
                          ("quiet", "<=", P99_LIMIT) if name == "10 stalled" or name in BESIDE else None)
