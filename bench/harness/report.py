"""The tables of results, in Markdown."""

import json

from .plots import write_plots


def number(value):
    """Three significant digits, with separators."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 or value == 0 else f"{value:.2g}"


def _interval(ratio):
    return f"{ratio['median']:.3g} [{ratio['low']:.3g}, {ratio['high']:.3g}]" if ratio else ""


def _bar(row):
    """The row's bars and whether it meets them."""
    parts = []
    if bar := row.get("bar"):
        of = f" of {bar['of']}" if bar["of"] and len(row["ratios"]) > 1 else ""
        parts.append(f"{'≥' if bar['relation'] == '>=' else '≤'} {bar['limit']:g}{of}")
    if limit := row.get("p99_bar"):
        parts.append(f"p99 ≤ {limit:g}")
    if not parts:
        return ""
    return f"{', '.join(parts)}: {'met' if row['met'] else '**missed**'}"


def table(rows):
    """A Markdown table of the rows of one scenario."""
    unit = rows[0]["unit"]
    references = list(dict.fromkeys(name for row in rows for name in row["ratios"]))
    columns = list(dict.fromkeys(name for row in rows for name in row["columns"]))
    barred = any(_bar(row) for row in rows)
    head = ["case", "server", unit, *(f"of {name}" for name in references), *(["bar"] if barred else []), *columns]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for row in rows:
        cells = [row["case"], row["server"], number(row["value"]), *(_interval(row["ratios"].get(name)) for name in references),
                 *([_bar(row)] if barred else []), *(number(row["columns"][name]) if name in row["columns"] else "" for name in columns)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def print_tables(rows, command=None):
    """The table of each scenario, with the command that makes it."""
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        own = [row for row in rows if row["scenario"] == scenario]
        print(f"\n### {scenario}\n\n```sh\n{command or f'scripts/bench --only {scenario}'}\n```\n\n{table(own)}", flush=True)


def print_files(paths, plots=None):
    """The tables of saved results, and their plots in the folder `plots`."""
    for path in paths:
        saved = json.loads(path.read_text())
        machine = saved["machine"]
        print(f"{path}: {machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}, load {machine['load_before']:.1f}; "
              f"{saved['rounds']} rounds of {saved['turns']} turns of {saved['turn_ms']} ms")
        print_tables(saved["rows"])
        for failure in saved["failures"]:
            print(f"\nfailed: {failure}")
        if plots:
            write_plots(plots, saved["rows"])
