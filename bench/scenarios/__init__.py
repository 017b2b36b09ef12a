"""The scenarios of scripts/bench. Each module has NAME, ABOUT and run(bench)."""

from . import (
    calls,
    fairness,
    fan_out,
    flush,
    forms,
    groups,
    handshakes,
    idle_cpu,
    idle_memory,
    inbound,
    peers,
    polling,
    pychat,
    rates,
    scaling,
    silent,
    storm,
    threads,
)

_IN_ORDER = (
    fan_out,
    forms,
    groups,
    peers,
    polling,
    inbound,
    handshakes,
    storm,
    rates,
    flush,
    threads,
    fairness,
    calls,
    pychat,
    scaling,
    silent,
    idle_memory,
    idle_cpu,
)
ALL = {module.NAME: module for module in _IN_ORDER}
