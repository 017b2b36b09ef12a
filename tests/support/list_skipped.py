"""Lists the skipped tests of a run and the reasons, one line per reason, from the output of the runners.

  list_skipped.py [--ctest JUNIT_XML] [--js TAP] [--python PYTEST_LOG]

For scripts/test. Missing files are ignored, because their runners report the failure themselves.
"""

import argparse
import pathlib
import re
import xml.etree.ElementTree as ElementTree

NAMES_SHOWN = 4


def of_ctest(text):
    """Tests that did not run, and tests that CMocka skipped in the others, which print "SKIPPED: why" first."""
    for case in ElementTree.fromstring(text).iter("testcase"):
        output = case.findtext("system-out") or ""
        reasons = re.findall(r"SKIPPED: (.+)", output)
        if case.get("status") in ("notrun", "disabled") or case.find("skipped") is not None:
            yield case.get("name"), reasons[-1] if reasons else case.find("skipped").get("message", "it did not run")
        else:
            inside = dict.fromkeys(re.findall(r"\[  SKIPPED \] (\w+)$", output, re.MULTILINE))
            for number, name in enumerate(inside):
                yield f"{case.get('name')} {name}", reasons[number] if number < len(reasons) else "no reason is given"


def of_js(text):
    for name, reason in re.findall(r"^\s*ok \d+ - (.*?) # SKIP ?(.*)$", text, re.MULTILINE):
        yield name.replace("\\#", "#"), reason or "no reason is given"


def of_python(text):
    for count, place, reason in re.findall(r"^SKIPPED \[(\d+)\] ([^\s:]+(?::\d+)?): (.*)$", text, re.MULTILINE):
        yield place + (f" ({count} tests)" if count != "1" else ""), reason


def main():
    parser = argparse.ArgumentParser()
    runners = {"ctest": of_ctest, "js": of_js, "python": of_python}
    for name in runners:
        parser.add_argument(f"--{name}", type=pathlib.Path)
    for runner, path in vars(parser.parse_args()).items():
        if path is None or not path.exists() or path.stat().st_size == 0:
            continue
        by_reason = {}
        for name, reason in runners[runner](path.read_text(encoding="utf-8", errors="replace")):
            by_reason.setdefault(reason.strip(), []).append(name)
        for reason, names in by_reason.items():
            shown = ", ".join(names[:NAMES_SHOWN])
            more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
            print(f"skipped ({runner}): {reason}: {shown}{more}")


main()
