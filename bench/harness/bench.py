"""What every scenario has: the programs, the cores, the numbers of rounds, and the servers by name."""

from .build import library_folder
from .contest import Contest, Entry
from .machine import Core, choose_cores
from .peers import Peers
from .results import Results
from .statistics import median


class Bench:
    """The state of one run of scripts/bench."""

    def __init__(self, options, results: Results):
        self.options = options
        self.results = results
        self.rounds = options.rounds
        self.turns = options.turns
        self.turn_ms = options.turn_ms
        self.nice = options.nice
        self.short = options.short
        self.limit_s = options.limit_s
        self.build_dir = options.build_dir
        server, self.load_cores = choose_cores(options.server_core, options.load_core)
        self.server_core = Core(server)
        self.peers = Peers(self)
        self.libraries = {name: library_folder(folder) for name, folder in options.library.items()}

    def program(self, name):
        return str(self.build_dir / "bin" / name)

    def choose(self, full, short):
        """A parameter of a scenario, which --short replaces."""
        return short if self.short else full

    def members(self, full, short):
        """The number of clients of a scenario, which --members replaces."""
        return self.options.members or self.choose(full, short)

    def contest(self, entries):
        return Contest(self, entries)

    def floor(self, load, name="floor", **options):
        return Entry(name, [self.program("bench_floor_server"), *_arguments(options)], load=load)

    def lws_direct(self, load):
        return Entry("lws-direct", [self.program("bench_lws_direct_server")], load=load)

    def chat(self, load, name="chat", library=None, **options):
        environment = {"LD_LIBRARY_PATH": str(library)} if library else None
        return Entry(name, [self.program("bench_chat_server"), *_arguments(options)], environment, load)

    def chats(self, load, **options):
        """libchat, and the libraries of --library and --against."""
        return [self.chat(load, **options),
                *(self.chat(load, name, library, **options) for name, library in self.libraries.items())]

    def others(self, load):
        """The programs of --server."""
        return [Entry(name, [str(program)], load=load) for name, program in self.options.server.items()]

    def add_rounds(self, scenario, case, rounds, reference="floor", bar=None, p99_bar=None, value=None, unit=None, columns=True):
        """Adds a row for each entry of Contest.rounds(). The value is deliveries per CPU-second unless given.

        bar: (relation, limit) for the ratio of `chat` to the reference.
        """
        value = value or (lambda one: one.deliveries_per_cpu_s)
        values = {name: [value(one) for one in ones] for name, ones in rounds.items()}
        p99s = {name: [one.latency_ms(0.99) for one in ones] for name, ones in rounds.items()}
        for name, ones in rounds.items():
            extra = {}
            if columns:
                extra["per read"] = median([one.per_read for one in ones])
                if p99s[name][0] is not None:
                    extra["p50 ms"] = median([one.latency_ms(0.5) for one in ones])
                    extra["p99 ms"] = median(p99s[name])
                    if name != reference and reference in p99s:
                        extra["p99 ratio"] = median([own / other for own, other in zip(p99s[name], p99s[reference]) if other])
                extra["load"] = median([one.cpu_s / one.seconds for one in ones])
                extra["others"] = median([max(0.0, one.core_s - one.cpu_s) / one.seconds for one in ones])
            judged = name == "chat"
            references = {other: values[other] for other in (reference, *(self.libraries if judged else ())) if other in values}
            self.results.add(scenario, case, name, unit or "deliveries per CPU-second", values[name], references, extra,
                             (reference, *bar) if bar and judged else None, p99_bar if judged else None)


def _arguments(options):
    return [str(part) for key, value in options.items() if value is not None
            for part in (f"--{key.replace('_', '-')}", value)]
