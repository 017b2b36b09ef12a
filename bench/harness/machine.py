"""The machine: its cores, its limits and its clocks. Linux only."""

import os
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Where the kernel counts the time of each core in nanoseconds, if it does. /proc/stat has ticks of 10 ms.
CORE_USAGE = Path("/sys/fs/cgroup/cpuacct/cpuacct.usage_percpu")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def raise_descriptor_limit():
    """As far as possible. Servers and loads inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def choose_cores(server=None, loads=None):
    """One core for the servers, and a list of cores for the loads: another one, unless more are given."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("bench: two cores are needed, one for the servers and one for the loads")
    server = cores[0] if server is None else server
    return server, loads or [next(core for core in cores if core != server)]


def pinned(core, niceness):
    """For preexec_fn: what a process on this core does before it starts."""

    def prepare():
        os.sched_setaffinity(0, {core})
        if niceness:
            os.nice(niceness)

    return prepare


def thread_cpu_s(pid, name):
    """The CPU time of all threads of a process that have this name now."""
    sum_ns = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        if (thread / "comm").read_text().strip() == name:
            sum_ns += int((thread / "schedstat").read_text().split()[0])
    return sum_ns / 1e9


def process_cpu_s(pid):
    """The CPU time of all threads of a process, exact to the nanosecond."""
    return time.clock_gettime(~pid << 3 | 2)  # the process's clock, as clock_getcpuclockid() returns it


def _soft_interrupt_thread(core):
    """The kernel's thread that does network work of this core when there is too much for the calling process."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() == f"ksoftirqd/{core}\n":
                return process / "schedstat"
        except OSError:
            continue
    return None


class Core:
    """The clocks of one core."""

    def __init__(self, number):
        self.number = number
        self._soft_interrupts = _soft_interrupt_thread(number)

    def kernel_thread_s(self):
        """The network work that the kernel did on this core outside of any process. 0 if it cannot be seen."""
        if self._soft_interrupts is None:
            return 0.0
        return int(self._soft_interrupts.read_text().split()[0]) / 1e9

    def busy_s(self):
        """All work on this core, that of unrelated programs included."""
        try:
            return int(CORE_USAGE.read_text().split()[self.number]) / 1e9
        except (OSError, IndexError):
            pass
        for line in Path("/proc/stat").read_text().splitlines():
            name, *ticks = line.split()
            if name == f"cpu{self.number}":
                user, nice, system, _idle, _wait, hard, soft, stolen = (int(tick) for tick in ticks[:8])
                return (user + nice + system + hard + soft + stolen) / TICKS_PER_SECOND
        return 0.0


def memory_kb(pid):
    """Resident memory, and the part of it that is private and written to."""
    fields = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        fields[name] = int(value.split()[0])
    return fields["Rss"], fields["Private_Dirty"]


def description():
    """What a reader of results must know about the machine."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"processor": model, "cores": os.cpu_count(), "kernel": os.uname().release, "load_before": os.getloadavg()[0]}
