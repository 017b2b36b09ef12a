"""The tables of results, in Markdown."""

import json


def number(value):
    """Three significant digits, with separators."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 or value == 0 else f"{value:.2g}"


def bar_text(row):
    parts = []
    if bar := row.get("bar"):
        of = f" of {bar['of']}" if bar["of"] and len(row["ratios"]) > 1 else ""
        parts.append(f"{'≥' if bar['relation'] == '>=' else '≤'} {bar['limit']:g}{of}")
    if limit := row.get("p99_bar"):
        parts.append(f"p99 ≤ {limit:g}")
    verdict = {True: "met", False: "**missed**", None: ""}[row["met"]]
    return f"{', '.join(parts)}: {verdict}" if parts else ""


def table(rows):
    """A Markdown table of the rows of one scenario."""
    references = list(dict.fromkeys(name for row in rows for name in row["ratios"]))
    columns = list(dict.fromkeys(name for row in rows for name in row["columns"]))
    units = {row["unit"] for row in rows}
    head = ["case", "server", units.pop() if len(units) == 1 else "value", *(f"of {name}" for name in references)]
    barred = any("bar" in row or "p99_bar" in row for row in rows)
    head += ["bar"] if barred else []
    head += columns
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for row in rows:
        cells = [row["case"], row["server"], number(row["value"]) + ("" if len({r["unit"] for r in rows}) == 1 else f" {row['unit']}")]
        for name in references:
            one = row["ratios"].get(name)
            cells.append(f"{one['median']:.3g} [{one['low']:.3g}, {one['high']:.3g}]" if one else "")
        if barred:
            cells.append(bar_text(row))
        cells += [number(row["columns"][name]) if name in row["columns"] else "" for name in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def print_tables(rows, commands=None):
    """The tables of all scenarios, each with the command that makes it."""
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        command = (commands or {}).get(scenario, f"scripts/bench --only {scenario}")
        print(f"\n### {scenario}\n\n```sh\n{command}\n```\n\n{table([row for row in rows if row['scenario'] == scenario])}", flush=True)


def print_files(paths, plots=None):
    """The tables of saved results."""
    for path in paths:
        saved = json.loads(path.read_text())
        print(f"{path}: {saved['command']}")
        print_tables(saved["rows"])
        for failure in saved["failures"]:
            print(f"\nfailed: {failure}")
