#!/usr/bin/env python3
"""Holds the maps of the source tree to the tree: every folder with sources of core/, capi and each binding is in the table of
docs/architecture.md and in that of tests/README.md; every file and folder that the two name is there; every test is in
tests/README.md, by its own name or by that of its folder; and tests/core has no folders that core/ has not.

    test_map.py SOURCE_DIR
"""

import argparse
import pathlib
import re
import sys

ARCHITECTURE = "docs/architecture.md"
TESTS = "tests/README.md"
# Paths in docs/architecture.md begin in the project's root, or for brevity in core/.
IN_CORE = "model|wire|hub|session|net|server"
IN_ROOT = "bindings|capi|cmake|core|docs|examples|page|scripts|tests"
# Tests without a folder that says what they cover.
TESTS_BY_NAME = {
    "tests/capi": "test_*.c",
    "tests/bindings/cpp": "test_*.cc",
    "tests/fuzz": "fuzz_*.cc",
    "tests/chatd": "test_*.cc",
    "tests/js": "*.test.mjs",
    "tests/clients": "*.test.mjs",
    "tests/python": "test_*.py",
    "tests/bindings/python": "test_*.py",
    "tests/docs": "*.py",
}


def source_folders(source_dir):
    """Each folder of core/ that has sources, capi, and each binding."""
    core = {file.parent for file in (source_dir / "core").rglob("*") if file.suffix in (".h", ".cc")}
    bindings = {folder for folder in (source_dir / "bindings").iterdir() if folder.is_dir()}
    return {folder.relative_to(source_dir).as_posix() for folder in core | bindings} | {"capi"}


def first_cells(text, heading):
    """The names in the first column of the first table below a heading, in order."""
    after = text.partition(f"\n## {heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", after, re.MULTILINE)
    rows = table.group(0).splitlines()[2:] if table else []
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def check_table(source_dir, document, heading):
    named = first_cells((source_dir / document).read_text(), heading)
    for folder in sorted(source_folders(source_dir) - set(named)):
        yield f"{document}, {heading}: {folder} is missing"
    for folder in sorted(name for name in set(named) if named.count(name) > 1):
        yield f"{document}, {heading}: {folder} is there twice"
    for folder in named:
        if not (source_dir / folder).is_dir():
            yield f"{document}, {heading}: there is no folder {folder}"


def check_paths(source_dir, document):
    text = (source_dir / document).read_text()
    for base, folders in (("", IN_ROOT), ("core/", IN_CORE)):
        for path in sorted(set(re.findall(rf"`((?:{folders})/[\w./-]*)", text))):
            if not re.search(r"[A-Z]{3,}", path) and not (source_dir / f"{base}{path}").exists():
                yield f"{document}: there is no {base}{path}"


def check_tests(source_dir):
    """A test counts as named if its file is, or the folder that it lies in."""
    named = set(re.findall(r"`(tests/[^`]+)`", (source_dir / TESTS).read_text().partition("\n## ")[2]))
    for folder, pattern in TESTS_BY_NAME.items():
        tests = sorted((source_dir / folder).rglob(pattern))
        if not tests:
            yield f"there is no {folder}/{pattern}"
        for test in (path.relative_to(source_dir) for path in tests if "node_modules" not in path.parts):
            if test.as_posix() not in named and test.parent.as_posix() not in named:
                yield f"{TESTS}: {test} is missing: give it to the folder that it covers"


def check_mirror(source_dir):
    for test in sorted((source_dir / "tests" / "core").rglob("test_*.cc")):
        folder = test.parent.relative_to(source_dir / "tests").as_posix()
        if not (source_dir / folder).is_dir():
            yield f"{test.relative_to(source_dir)}: there is no folder {folder}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source_dir", type=pathlib.Path)
    source_dir = parser.parse_args().source_dir
    faults = [
        *check_table(source_dir, ARCHITECTURE, "Layers"),
        *check_table(source_dir, TESTS, "Tests of each folder"),
        *check_paths(source_dir, ARCHITECTURE),
        *check_paths(source_dir, TESTS),
        *check_tests(source_dir),
        *check_mirror(source_dir),
    ]
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
