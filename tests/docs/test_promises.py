#!/usr/bin/env python3
"""Every line of a table with a column named "test" in docs/security.md and docs/embedding.md names a test that there is: a file,
or a file and a test in it ("tests/capi/test_process.c: a_name").

    test_promises.py SOURCE_DIR
"""

import argparse
import pathlib
import re
import sys

LEAST = {"docs/security.md": 60, "docs/embedding.md": 10}  # fewer would mean that the tables were not found


def rows(text):
    """The cells of each line whose table has a last column named test."""
    inside = False
    for line in text.split("\n"):
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[-1] == "test":
            inside = True
        elif inside and not line.startswith("|---"):
            yield cells


def faults_of(cells, source_dir):
    named = re.findall(r"`(tests/[^`:]+)(?:: ([^`]+))?`", cells[-1])
    if not named:
        yield f"no test holds: {cells[0]}"
    for path, name in named:
        if not (source_dir / path).is_file():
            yield f"there is no {path}: {cells[0]}"
        elif name and name not in (source_dir / path).read_text():
            yield f"no test in {path} is called {name}: {cells[0]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source_dir", type=pathlib.Path)
    source_dir = parser.parse_args().source_dir
    faults = []
    for document, least in LEAST.items():
        found = list(rows((source_dir / document).read_text()))
        if len(found) < least:
            faults.append(f"{document}: only {len(found)} lines were found")
        faults += [f"{document}: {fault}" for cells in found for fault in faults_of(cells, source_dir)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
