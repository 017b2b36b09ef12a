#!/usr/bin/env python3
"""Builds the reference with Doxygen, which may have nothing to complain of, and sees that everything public has a text in it:
every function, structure, class, enumeration and its values, type, macro and callback; and of the fields all but
those whose name says it.

    test_reference.py --doxygen DOXYGEN DOXYFILE
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

# Too few of these would mean that the headers were not read at all.
LEAST = {"function": 150, "variable": 150, "define": 10, "enum": 8, "typedef": 8}
# As many fields at most go without a text. What is more should say what it is, in the header.
SILENT_FIELDS = 40
# Members that every such class has.
SELF_EVIDENT = ("operator", "begin", "end", "raw", "~")


def text_of(element):
    """What stands there about it, or nothing."""
    parts = [element.find(kind) for kind in ("briefdescription", "detaileddescription")]
    return "".join("".join(part.itertext()) for part in parts if part is not None).strip()


def walk(folder):
    """Each documented thing: its kind, its name, whether it has a text."""
    for file in sorted(folder.glob("*.xml")):
        root = ElementTree.parse(file).getroot()
        for compound in root.findall("compounddef"):
            scope = compound.findtext("compoundname")
            if compound.get("kind") in ("struct", "class"):
                yield "class", scope, text_of(compound)
            if compound.get("kind") == "dir":
                continue
            for member in compound.iter("memberdef"):
                name = f"{scope}::{member.findtext('name')}"
                kind = member.get("kind")
                if member.get("prot") != "public" or kind == "friend":
                    continue
                if kind == "variable" and "(*" in "".join(member.find("type").itertext()):
                    kind = "callback"
                yield kind, name, text_of(member)
                for value in member.findall("enumvalue"):
                    yield "value", f"{scope}::{value.findtext('name')}", text_of(value)


def is_self_evident(name):
    scope, _, member = name.rpartition("::")
    if member.startswith(SELF_EVIDENT) or "Iterator" in scope:
        return True
    return member == "Event" or member == scope.rpartition("::")[2].partition("<")[0]  # constructors


def main():
    parser = argparse.ArgumentParser(description="Builds the reference and looks for what has no text.")
    parser.add_argument("--doxygen", required=True)
    parser.add_argument("doxyfile", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        changes = f'\nOUTPUT_DIRECTORY = "{folder}"\nGENERATE_XML = YES\n'
        ran = subprocess.run([options.doxygen, "-"], input=options.doxyfile.read_text() + changes, capture_output=True,
                             text=True)
        if ran.returncode != 0 or ran.stderr:
            print(f"FAILED: Doxygen complains:\n{ran.stderr}", file=sys.stderr)
            return 1
        things = set(walk(pathlib.Path(folder, "xml")))

    counts, faults, silent = {}, [], []
    for kind, name, text in sorted(things):
        counts[kind] = counts.get(kind, 0) + 1
        if text or is_self_evident(name):
            continue
        (silent if kind == "variable" else faults).append(f"{kind} {name}")
    faults = [f"{fault} has no text" for fault in faults]
    faults += [f"only {counts.get(kind, 0)} of {kind}" for kind, least in LEAST.items() if counts.get(kind, 0) < least]
    if len(silent) > SILENT_FIELDS:
        faults.append(f"{len(silent)} fields without a text: " + ", ".join(silent))
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    print(counts, f"{len(silent)} fields without a text")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
