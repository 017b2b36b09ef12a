"""The scenarios of scripts/bench. Each module has NAME, ABOUT and run(bench)."""

from . import fan_out

ALL = {module.NAME: module for module in (fan_out,)}
