#!/usr/bin/env python3
"""Compiles chat.h as every standard of C and C++ that its users may have: C89 to C17 and C++98 to C++20, pedantic, with every
warning an error. Uses the compilers of the build, and GCC and Clang where they are installed.

    check_languages.py --cc CC --cxx CXX SOURCE_DIR
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

FLAGS = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
C_FLAGS = ["-Wstrict-prototypes"]
C_STANDARDS = ("c89", "c99", "c11", "c17")
CXX_STANDARDS = ("c++98", "c++11", "c++14", "c++17", "c++20")


def installed(*names):
    """The paths of those compilers that are installed, each once."""
    found = (shutil.which(name) for name in names)
    return list({pathlib.Path(path).resolve(): path for path in found if path}.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cxx", default="c++")
    parser.add_argument("source_dir", type=lambda path: pathlib.Path(path).resolve())
    options = parser.parse_args()
    sources = options.source_dir / "tests" / "capi"

    runs = []
    for compiler in installed(options.cc, "gcc", "clang"):
        runs += [[compiler, f"-std={standard}", *C_FLAGS, sources / "header_c.c"] for standard in C_STANDARDS]
    for compiler in installed(options.cxx, "g++", "clang++"):
        runs += [[compiler, f"-std={standard}", "-x", "c++", sources / "header_c.c"] for standard in CXX_STANDARDS]
        runs += [[compiler, f"-std={standard}", sources / "header_cxx.cc"] for standard in CXX_STANDARDS[1:]]
    faults = 0
    for run in runs:
        command = [*map(str, run), *FLAGS, f"-I{options.source_dir / 'capi' / 'include'}"]
        compiled = subprocess.run(command, capture_output=True, text=True)
        if compiled.returncode != 0:
            faults += 1
            print(f"FAILED: {' '.join(command)}\n{compiled.stderr}", file=sys.stderr)
    print(f"{len(runs)} compilations, {faults} with errors")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
