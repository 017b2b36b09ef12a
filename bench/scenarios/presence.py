"""What presence costs in a large room in which people come and go all the time."""

NAME = "presence"
ABOUT = "a room of 10,000 with 100 joins and 100 leaves per second: CPU with presence and without it"
JOINS_PER_SECOND = 100
LEVELS = {"off": 0, "full": 2}


def run(bench):
    members = bench.members(10_000, 300)
    entries = []
    for level, number in LEVELS.items():
        for entry in bench.chats({"members": members, "publishers": 0, "form": "chat.v1"}, presence=number):
            entry.name += f", presence {level}"
            entries.append(entry)
    with bench.contest(entries) as contest:
        shares = {entry.name: [] for entry in contest.entries}
        for _ in range(bench.choose(max(3, bench.rounds // 2), 2)):
            for entry in contest.entries:
                counts = contest.turn(entry, "joins", ms=bench.choose(5000, 1000), rate=JOINS_PER_SECOND)
                shares[entry.name].append(counts["cpu_s"] / counts["seconds"] * 100)
    case = f"{members:,} members, {JOINS_PER_SECOND} joins per second"
    for name, ones in shares.items():
        bench.results.add(NAME, case, name, "% of a core", ones)
