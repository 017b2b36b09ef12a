"""All clients disconnect at once and come back as fast as the server accepts them."""

NAME = "storm"
ABOUT = "a reconnect storm: every client closes and opens again"


def run(bench):
    members = bench.members(5000, 500)
    for form in ("plain", "socket.io"):
        load = {"members": members, "form": form, "publishers": 0}
        floors = [bench.floor(load)] if form == "plain" else []
        with bench.contest([*floors, *bench.chats(load)]) as contest:
            values = {entry.name: [] for entry in contest.entries}
            seconds = {entry.name: [] for entry in contest.entries}
            for _ in range(max(2, bench.rounds // 2)):
                for entry in contest.entries:
                    counts = contest.turn(entry, "reconnect")
                    values[entry.name].append(counts["reconnected"] / counts["cpu_s"])
                    seconds[entry.name].append(counts["seconds"])
        for name, ones in values.items():
            bench.results.add(NAME, f"{form}, {members:,} clients", name, "reconnects per CPU-second", ones,
                              {other: values[other] for other in ("floor", *bench.libraries) if other in values},
                              {"longest storm, s": max(seconds[name])})
