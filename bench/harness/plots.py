"""The ratios of a scenario as an SVG: a bar for each row, its interval, and the limit that it should meet."""

from xml.sax.saxutils import escape

ROW, LABEL, WIDTH, TOP = 22, 380, 480, 40
COLORS = ("#2a6f97", "#d17a22", "#5a8f3d", "#8a4f9e", "#a83a3a", "#6b6b6b")


def _rows(rows):
    """(label, server, ratio, bar's limit) of each row that has a ratio."""
    for row in rows:
        if row["ratios"]:
            reference, ratio = next(iter(row["ratios"].items()))
            if ratio:
                bar = row.get("bar")
                limit = bar["limit"] if bar and bar["of"] == reference else None
                yield f"{row['case']}: {row['server']}", row["server"], ratio, limit


def svg(scenario, rows):
    """The text of an SVG, or None if no row has a ratio."""
    plotted = list(_rows(rows))
    if not plotted:
        return None
    references = {next(iter(row["ratios"])) for row in rows if row["ratios"]}
    title = f"{scenario}: ratio to {', '.join(sorted(references))}, median and 10th to 90th percentile"
    top = max(ratio["high"] for _, _, ratio, _ in plotted)
    top = max(top, 1.0, *(limit or 0 for *_, limit in plotted)) * 1.1
    servers = list(dict.fromkeys(server for _, server, _, _ in plotted))
    height = TOP + ROW * len(plotted) + 30

    def x(value):
        return LABEL + value / top * WIDTH

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + WIDTH + 80}" height="{height}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>', f'<text x="10" y="20" font-size="14">{escape(title)}</text>',
             f'<text x="{LABEL + WIDTH + 70}" y="{height - 10}" text-anchor="end" fill="#666">scripts/bench --only {scenario}</text>',
             f'<line x1="{x(1):.1f}" y1="{TOP}" x2="{x(1):.1f}" y2="{height - 25}" stroke="#999" stroke-dasharray="4 3"/>',
             f'<text x="{x(1):.1f}" y="{height - 10}" text-anchor="middle" fill="#666">1</text>']
    for number, (label, server, ratio, limit) in enumerate(plotted):
        y = TOP + ROW * number
        middle = y + ROW / 2
        color = COLORS[servers.index(server) % len(COLORS)]
        parts += [f'<text x="{LABEL - 8}" y="{middle + 4}" text-anchor="end">{escape(label)}</text>',
                  f'<rect x="{LABEL}" y="{y + 4}" width="{x(ratio["median"]) - LABEL:.1f}" height="{ROW - 8}" fill="{color}"/>',
                  f'<line x1="{x(ratio["low"]):.1f}" y1="{middle}" x2="{x(ratio["high"]):.1f}" y2="{middle}" stroke="black"/>',
                  f'<text x="{x(ratio["high"]) + 6:.1f}" y="{middle + 4}">{ratio["median"]:.3g}</text>']
        if limit is not None:
            parts.append(f'<line x1="{x(limit):.1f}" y1="{y + 1}" x2="{x(limit):.1f}" y2="{y + ROW - 1}" stroke="#c00" stroke-width="2"/>')
    return "\n".join([*parts, "</svg>", ""])


def write_plots(folder, rows):
    """Writes SCENARIO.svg for each scenario with ratios. Returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        if text := svg(scenario, [row for row in rows if row["scenario"] == scenario]):
            paths.append(folder / f"{scenario}.svg")
            paths[-1].write_text(text)
    return paths
