#!/usr/bin/env python3
"""Every line of the tables of docs/socketio.md that say what is different from the reference server names a test that there is.

    test_differences.py SOURCE_DIR
"""

import argparse
import pathlib
import sys

FILES = {
    "client": "js/socket_io_client.test.mjs",
    "differences": "js/socket_io_differences.test.mjs",
    "engine_io": "js/engine_io.test.mjs",
    "headers": "js/handshake_headers.test.mjs",
    "mixed": "js/socket_io_mixed.test.mjs",
    "odd_input": "js/socket_io_odd_input.test.mjs",
    "packets": "js/socket_io_packets.test.mjs",
    "recovery": "js/socket_io_recovery.test.mjs",
    "session": "core/session/test_engine_io_machine.cc",
}
LEAST = 20  # fewer would mean that the tables were not found


def rows(document):
    section = document.split("\n## What is different\n", 1)[1].split("\n## ", 1)[0]
    for line in section.split("\n"):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and not line.startswith("|---") and cells[-1] != "test":
            yield cells


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source_dir", type=pathlib.Path)
    source_dir = parser.parse_args().source_dir
    found = list(rows((source_dir / "docs" / "socketio.md").read_text()))
    faults = [] if len(found) >= LEAST else [f"only {len(found)} lines were found"]
    for cells in found:
        if len(cells) != 4:
            faults.append(f"a line of {len(cells)} cells: {cells[0]}")
            continue
        file, _, names = cells[3].partition(": ")
        if file not in FILES:
            faults.append(f"no file of tests is called {file}: {cells[0]}")
            continue
        tests = (source_dir / "tests" / FILES[file]).read_text()
        # "refused: EIO 3" is a line of a table, named behind what the table's tests have in common.
        for name in names.split("; "):
            if name not in tests and f"'{name.split(': ')[-1]}'" not in tests:
                faults.append(f"no test in tests/{FILES[file]} is called {name}")
    for fault in faults:
        print(f"docs/socketio.md: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
