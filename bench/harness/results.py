"""The results: rows of numbers, and their file."""

import json
import sys

from .statistics import median, ratio


class Results:
    """Collects rows. Each is one server in one case of a scenario."""

    def __init__(self, header):
        self.header = header
        self.rows = []
        self.failures = []

    def add(self, scenario, case, server, unit, values, references=None, columns=None, bar=None, p99_bar=None):
        """Adds a row.

        values: one for each round. references: the values of other servers in the same rounds, by name.
        columns: more numbers to show. bar: (reference, ">=" or "<=", limit) for the ratio, or for the value if the reference is
        None. p99_bar: the limit of the column "p99 ratio".
        """
        row = {"scenario": scenario, "case": case, "server": server, "unit": unit, "value": median(values), "values": values,
               "ratios": {name: ratio(values, others) for name, others in (references or {}).items() if name != server},
               "columns": columns or {}}
        if bar and (bar[0] is None or row["ratios"].get(bar[0])):
            row["bar"] = {"of": bar[0], "relation": bar[1], "limit": bar[2]}
        if p99_bar and row["columns"].get("p99 ratio") is not None:
            row["p99_bar"] = p99_bar
        row["met"] = met(row)
        self.rows.append(row)
        return row

    def fail(self, text):
        self.failures.append(text)
        print(f"bench: {text}", file=sys.stderr, flush=True)

    def write(self, path):
        path.write_text(json.dumps({**self.header, "rows": self.rows, "failures": self.failures}, indent=1) + "\n")


def met(row):
    """Whether the row meets its bars; None without a bar."""
    verdicts = []
    if bar := row.get("bar"):
        value = row["value"] if bar["of"] is None else row["ratios"][bar["of"]]["median"]
        verdicts.append(value >= bar["limit"] if bar["relation"] == ">=" else value <= bar["limit"])
    if limit := row.get("p99_bar"):
        verdicts.append(row["columns"]["p99 ratio"] <= limit)
    return all(verdicts) if verdicts else None
