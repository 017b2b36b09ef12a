#!/usr/bin/env python3
"""Holds the manual pages to what they are about: chatd(1) names every option that `chatd --help` prints and no other, and
libchat(3) every function in capi/libchat.symbols and no other. Both go through mandoc or groff without a warning, whichever
is there.

    check_manuals.py CHATD SOURCE_DIR
"""

import pathlib
import re
import shutil
import subprocess
import sys


def differences(page, named, wanted):
    missing = [f"{page} does not name {name}" for name in sorted(wanted - named)]
    return missing + [f"{page} names {name}, which does not exist" for name in sorted(named - wanted)]


def complaints(page):
    """What the formatters have to say; of mandoc's opinions only warnings count, of groff's everything."""
    formatters = {
        "mandoc": ["mandoc", "-T", "lint", "-W", "warning"],
        "groff": ["groff", "-mdoc", "-Tutf8", "-ww", "-z"],
    }
    found = []
    for name, command in formatters.items():
        if shutil.which(name):
            result = subprocess.run([*command, page], capture_output=True, text=True)
            # mandoc may have no index of the manuals of this machine, which is none of the page's faults.
            lines = [line for line in (result.stdout + result.stderr).splitlines() if "mandoc.db" not in line]
            found += [f"{name}: {line}" for line in lines]
        else:
            print(f"{name} is not here: not asked about {page.name}")
    return found


def main():
    chatd, source = sys.argv[1], pathlib.Path(sys.argv[2])
    daemon, library = source / "docs/man/chatd.1", source / "docs/man/libchat.3"
    problems = complaints(daemon) + complaints(library)

    printed = subprocess.run([chatd, "--help"], check=True, capture_output=True, text=True).stdout
    options = set(re.findall(r"^ +(?:-\w,? *)?--([a-z][a-z-]*)", printed, re.MULTILINE))
    assert len(options) > 30, f"chatd --help shows hardly any option: {options}"
    described = set(re.findall(r"^\.It Fl -([a-z-]+)", daemon.read_text(), re.MULTILINE))
    problems += differences("chatd(1)", described, options)

    functions = set((source / "capi/libchat.symbols").read_text().split())
    named = set(re.findall(r"\bFn (chat_\w+)", library.read_text()))
    problems += differences("libchat(3)", named, functions)

    print("\n".join(problems) or f"{len(options)} options, {len(functions)} functions")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
