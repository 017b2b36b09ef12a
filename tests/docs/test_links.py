#!/usr/bin/env python3
"""Holds the documents to their word: every link to a file or a heading of this project leads somewhere, every file that they
name is there, and the README in Korean has what the English one has: its commands, its links, its tables with their figures.

    test_links.py SOURCE_DIR
"""

import argparse
import pathlib
import re
import sys


def without_code(text):
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "code", text)


def anchors(path):
    """The names by which a document's headings can be linked to, as GitHub makes them."""
    names = set()
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ +(.*?) *#*$", text, re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        unique, count = name, 0
        while unique in names:
            count += 1
            unique = f"{name}-{count}"
        names.add(unique)
    return names | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


def check_links(source_dir):
    faults = []
    documents = [*sorted(source_dir.glob("*.md")), *sorted((source_dir / "docs").glob("**/*.md"))]
    for document in documents:
        text = without_code(document.read_text())
        targets = re.findall(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", text)
        targets += re.findall(r"^\[[^\]]+\]:\s*<?(\S+?)>?\s*$", text, re.MULTILINE)
        for target in targets:
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue  # of another place: not looked up, tests need no network
            name = document.relative_to(source_dir)
            path, _, anchor = target.partition("#")
            file = (document.parent / path).resolve() if path else document
            if not file.is_relative_to(source_dir):
                faults.append(f"{name}: {target} leads out of the project")
            elif not file.exists():
                faults.append(f"{name}: there is no {target}")
            elif anchor and file.suffix == ".md" and anchor not in anchors(file):
                faults.append(f"{name}: {target}: no such heading")
    return faults


def check_file_names(source_dir):
    """Files of this project that are named without a link; with a * or a name in capitals in them they stand for many."""
    folders = "bench|bindings|capi|cmake|core|docs|examples|packaging|page|pkgconfig|scripts|tests"
    docs = source_dir / "docs"
    documents = [*source_dir.glob("*.md"), *docs.glob("**/*.md"), *(docs / "proxies").iterdir()]
    faults = []
    for document in sorted(documents):
        for name in re.findall(rf"(?<![\w./*-])(?:{folders})/[\w./*-]*\w", document.read_text()):
            if re.search(r"\*|[A-Z]{3,}", name) or (source_dir / name).exists() or list(source_dir.glob(f"{name}.*")):
                continue
            faults.append(f"{document.relative_to(source_dir)}: there is no {name}")
    return faults


def gist(path):
    """What a README has in any language, by kind."""
    text = path.read_text()
    shells = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\|.*$", text, re.MULTILINE)
    links = re.findall(r"(?<!!)\[[^\]]*\]\((?!README)(\S+?)\)", text)
    return {
        "commands": [line.split(" #")[0].strip() for shell in shells for line in shell.splitlines()],
        "links": sorted(links),
        "rows and their figures": [sorted(re.findall(r"(?<![\w.])\d+(?:,\d+)*", row)) for row in rows],
    }


def check_translation(source_dir):
    english, korean = gist(source_dir / "README.md"), gist(source_dir / "README.ko.md")
    return [
        f"README.ko.md has other {kind}, {korean[kind]}, than README.md, {english[kind]}"
        for kind in english
        if english[kind] != korean[kind]
    ]


def main():
    parser = argparse.ArgumentParser(description="Checks the links of all documents.")
    parser.add_argument("source_dir", type=lambda path: pathlib.Path(path).resolve())
    source_dir = parser.parse_args().source_dir
    faults = check_links(source_dir) + check_file_names(source_dir) + check_translation(source_dir)
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
