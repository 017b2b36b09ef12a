"""Checks that tests wait for conditions, not for time. Finds code that fails on a busy machine or in parallel with other tests:

  - a sleep, or a timer with a literal delay
  - a literal limit on a wait or on a test, instead of the limit that all tests share (CHAT_TEST_LIMIT_S)
  - a comparison of a measured duration
  - a fixed port to listen on

A line that needs one anyway has a comment with the reason that begins with "On purpose:", on it or on the line above. The
comparison with a "deadline" from the shared limit in a polling loop needs no comment.

  check_waits.py SOURCE_DIR
"""

import pathlib
import re
import sys

NUMBER = r"[0-9][0-9_.]*"
RULES = [
    # asyncio.sleep(0) only yields to other tasks.
    ("a sleep", rf"\b(?:time|asyncio)\.sleep\((?!0\))|\b(?:usleep|nanosleep|sleep_for|sleep_until)\(|^\s*sleep {NUMBER}|[^_.\w]sleep\({NUMBER}\)"),
    ("a timer", r"\bsetTimeout\(|node:timers/promises"),
    ("a literal limit", rf"\b(?:recv|get|join|wait|communicate|wait_for|run|urlopen|connect|create_connection|Popen|check_output)\(.*\btimeout={NUMBER}"),
    ("a literal limit", rf"\bopen_timeout={NUMBER}|^\s*timeout={NUMBER}|\.mark\.timeout\({NUMBER}|\.settimeout\({NUMBER}\)"),
    ("a literal limit", rf"\b(?:join|process\.wait|wait_for)\((?:.*, )?{NUMBER}\)"),
    ("a literal limit", rf"\{{[^{{}}]*\btimeout: {NUMBER}[^{{}}]*\}}"),
    ("a literal limit", rf"\bWS_TIMEOUT_MS\s*=|\balarm\({NUMBER}\)"),
    ("a comparison of time that has passed", r"(?:assert|while).*(?:time\.(?:monotonic|time|perf_counter)\(\)|Date\.now\(\)|performance\.now\(\)|ws_clock_ms\(\)|elapsed)[^;]*[<>]"),
    ("a fixed port", r"--port['\", ]+[1-9][0-9]{3}\b|\bport=[1-9][0-9]{3}\b|\.listen\([1-9][0-9]{3}\b"),
]
FOLDERS = ("tests", "bench/harness", "bench/scenarios")
SUFFIXES = {".c", ".cc", ".h", ".hpp", ".py", ".mjs", ".sh", ""}
EXCUSE = "On purpose:"


def findings(path, root):
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        if EXCUSE in line or (number > 1 and EXCUSE in lines[number - 2]):
            continue
        for what, pattern in RULES:
            if "that has passed" in what and "deadline" in line:
                continue
            if re.search(pattern, line):
                yield f"{path.relative_to(root)}:{number}: {what}: {line.strip()}"
                break


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    files = []
    for folder in FOLDERS:
        path = root / folder
        files += [path] if path.is_file() else sorted(path.rglob("*"))
    found = []
    for path in files:
        skipped = {"node_modules", "__pycache__", "corpus"} & set(path.parts)
        if path.is_file() and path.suffix in SUFFIXES and not skipped and path.name != pathlib.Path(__file__).name:
            found += findings(path, root)
    for finding in found:
        print(finding)
    if found:
        sys.exit(f'{len(found)} found: wait for a condition, with the shared limit, or say why not after "{EXCUSE}"')


main()
