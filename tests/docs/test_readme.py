#!/usr/bin/env python3
"""Holds the documents to their word: the program in README.md is compiled and run as it stands there, and every link to a
file or a heading of this project leads somewhere.

    test_readme.py --compiler CC --library LIBCHAT_SO [--sanitize SANITIZERS] SOURCE_DIR
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

LIMIT_S = 60


def fenced_blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def check_program(options):
    """The faults of the README's program, as sentences."""
    readme = (options.source_dir / "README.md").read_text()
    programs = [block for block in fenced_blocks(readme, "c") if "main(" in block]
    if len(programs) != 1:
        return [f"README.md should show one C program and shows {len(programs)}"]
    # The port in it may be taken. Any free one does as well.
    program, changes = re.subn(r"options\.port = \d+;", "options.port = 0;", programs[0])
    if changes != 1:
        return ["README.md: the program should set options.port once"]

    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "chat.c")
        source.write_text(program)
        executable = pathlib.Path(folder, "chat")
        command = [options.compiler, "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
        if options.sanitize:
            command.append(f"-fsanitize={options.sanitize}")
        command += [f"-I{options.source_dir / 'capi' / 'include'}", str(source), "-o", str(executable)]
        command += [str(options.library), f"-Wl,-rpath,{options.library.parent}"]
        compiled = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
        if compiled.returncode != 0:
            return [f"README.md: the program does not compile:\n{compiled.stderr}"]
        if compiled.stderr:
            return [f"README.md: the compiler complains:\n{compiled.stderr}"]
        # It waits for Enter, then ends.
        ran = subprocess.run([str(executable)], input="\n", capture_output=True, text=True, timeout=LIMIT_S)
        if ran.returncode != 0:
            return [f"README.md: the program ends with {ran.returncode}:\n{ran.stdout}{ran.stderr}"]
        if ran.stderr:
            return [f"README.md: the program complains:\n{ran.stderr}"]
    return []


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


def check_links(options):
    faults = []
    documents = [options.source_dir / "README.md", *sorted((options.source_dir / "docs").glob("**/*.md"))]
    for document in documents:
        text = without_code(document.read_text())
        targets = re.findall(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", text)
        targets += re.findall(r"^\[[^\]]+\]:\s*<?(\S+?)>?\s*$", text, re.MULTILINE)
        for target in targets:
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue  # of another place: not looked up, tests need no network
            name = document.relative_to(options.source_dir)
            path, _, anchor = target.partition("#")
            file = (document.parent / path).resolve() if path else document
            if not file.is_relative_to(options.source_dir):
                faults.append(f"{name}: {target} leads out of the project")
            elif not file.exists():
                faults.append(f"{name}: there is no {target}")
            elif anchor and file.suffix == ".md" and anchor not in anchors(file):
                faults.append(f"{name}: {target}: no such heading")
    return faults


def main():
    parser = argparse.ArgumentParser(description="Checks the program in README.md and the links of all documents.")
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--library", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--sanitize", default="")
    parser.add_argument("source_dir", type=lambda path: pathlib.Path(path).resolve())
    options = parser.parse_args()
    faults = check_program(options) + check_links(options)
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
