#!/usr/bin/env python3
"""Holds the ABI of libchat.so to two committed lists.

capi/libchat.symbols  every exported symbol. Compared with what the library exports and with what
                      chat.h declares: all three must agree.
capi/libchat.abi      every type, field, constant and function of chat.h, with sizes and offsets as the
                      compiler lays them out (on machines with 64-bit pointers).

A difference means that a program built against an older libchat may meet another ABI. Fields are only
appended, to structures that begin with struct_size; constants and functions are only added. When the
change is meant and keeps to that, write the lists anew (`cmake --build build/dev --target update-abi`)
and commit them with it.
"""

import argparse
import difflib
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEADER = ROOT / "capi" / "include" / "chat" / "chat.h"
SYMBOLS = ROOT / "capi" / "libchat.symbols"
ABI = ROOT / "capi" / "libchat.abi"


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def exported_symbols(nm, library):
    names = set()
    for line in run(nm, "-D", "--defined-only", "--format=posix", str(library)).splitlines():
        name, kind = line.split()[:2]
        if kind == "A":  # the version node itself, LIBCHAT_1
            continue
        names.add(name.split("@")[0])
    return sorted(names)


def preprocessed_header(compiler):
    """chat.h after the preprocessor, without what it includes."""
    text = run(*compiler, "-std=c99", "-E", str(HEADER))
    lines, ours = [], False
    for line in text.splitlines():
        marker = re.match(r'#\s+\d+\s+"([^"]*)"', line)
        if marker:
            ours = os.path.realpath(marker.group(1)) == str(HEADER)
        elif ours and not line.startswith("#"):
            lines.append(line)
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)\s+(?=\w)", "", " ".join(lines))
    return re.sub(r"\s+", " ", text)


def split_top_level(text, separator):
    """Splits at a separator that stands in no bracket."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += character in "({["
        depth -= character in ")}]"
        if character == separator and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def fields(body):
    """(name, declaration) of each field of a structure."""
    for declaration in split_top_level(body, ";"):
        if re.search(r":\s*\d", declaration) or "{" in declaration:
            raise SystemExit(f"chat.h: bit-fields and nested types are not understood: {declaration}")
        for declarator in split_top_level(declaration, ","):
            function_pointer = re.search(r"\(\s*\*\s*(\w+)\s*(\[\d+\])*\s*\)", declarator)
            plain = re.search(r"(\w+)\s*(\[[^\]]*\]\s*)*$", declarator)
            shown = without_parameter_names(declaration) if function_pointer else declaration
            yield (function_pointer or plain).group(1), shown


def without_parameter_name(parameter):
    match = re.match(r"^(.*[\s*])(\w+)\s*((\[[^\]]*\])*)$", parameter)
    if not match or match.group(1).strip() in ("const", "unsigned", "struct", "enum", "long"):
        return parameter
    return match.group(1).strip() + match.group(3)


def without_parameter_names(declaration):
    """`int f(const char *name)` -> `int f(const char *)`: a parameter's name is no ABI."""
    head, parameters = declaration.rsplit("(", 1)
    parameters = split_top_level(parameters.rstrip(") "), ",")
    return f"{head}({', '.join(without_parameter_name(p) for p in parameters)})"


def describe(compiler):
    """The lines of libchat.abi, and the functions that chat.h declares."""
    # What only the compiler knows is printed by a program. Each entry is a sort key, so that moving a
    # declaration inside chat.h changes nothing, and that program's statements.
    entries, functions = [], []

    def literal(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    for declaration in split_top_level(preprocessed_header(compiler), ";"):
        structure = re.match(r"^(?:typedef )?struct (\w+) \{(.*)\} ?\w*$", declaration)
        enumeration = re.match(r"^(?:typedef )?enum (\w+) \{(.*)\} ?\w*$", declaration)
        function = re.search(r"\b(\w+) ?\(", declaration)
        if structure:
            name, body = structure.groups()
            statements = [f'printf("struct {name}: %zu bytes\\n", sizeof(struct {name}));']
            for field, shown in fields(body):
                statements.append(
                    f'printf("  %zu, %zu bytes: %s\\n", offsetof(struct {name}, {field}),'
                    f" sizeof(((struct {name} *)0)->{field}), {literal(shown)});"
                )
            entries.append(((2, name), statements))
        elif enumeration:
            name, body = enumeration.groups()
            statements = [f'printf("enum {name}: %zu bytes\\n", sizeof(enum {name}));']
            for constant in split_top_level(body, ","):
                constant = constant.split("=")[0].strip()
                statements.append(f'printf("  {constant} = %lld\\n", (long long){constant});')
            entries.append(((1, name), statements))
        elif declaration.startswith("typedef"):
            shown = without_parameter_names(declaration) if "(" in declaration else declaration
            entries.append(((0, shown), [f"puts({literal(shown)});"]))
        elif function:
            functions.append(function.group(1))
            shown = without_parameter_names(declaration)
            entries.append(((3, function.group(1)), [f"puts({literal(shown)});"]))
        else:
            raise SystemExit(f"chat.h: this declaration is not understood: {declaration}")
    statements = [statement for _, entry in sorted(entries) for statement in entry]

    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "abi.c"), pathlib.Path(folder, "abi")
        source.write_text(
            "#include <stddef.h>\n#include <stdio.h>\n"
            f'#include "{HEADER}"\nint main(void) {{\n'
            'printf("pointers: %zu bytes\\n", sizeof(void *));\n' + "\n".join(statements) + "\nreturn 0;\n}\n"
        )
        run(*compiler, "-std=c99", "-w", str(source), "-o", str(program))
        return run(str(program)).splitlines(), sorted(functions)


def difference(expected, actual, expected_name, actual_name):
    return "\n".join(difflib.unified_diff(expected, actual, expected_name, actual_name, lineterm="", n=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--library", type=pathlib.Path, required=True, help="the built libchat.so")
    parser.add_argument("--compiler", default=os.environ.get("CC", "cc"), help="C compiler")
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--update", action="store_true", help="write the lists instead of comparing")
    arguments = parser.parse_args()

    exported = exported_symbols(arguments.nm, arguments.library)
    abi, declared = describe(shlex.split(arguments.compiler))

    problems = [
        difference(declared, exported, "declared in chat.h", "exported by the library"),
    ]
    if arguments.update:
        SYMBOLS.write_text("\n".join(exported) + "\n")
        ABI.write_text("\n".join(abi) + "\n")
    else:
        for path, actual in ((SYMBOLS, exported), (ABI, abi)):
            expected = path.read_text().splitlines() if path.exists() else []
            if path == ABI and expected and expected[0] != abi[0]:
                print(f"{path.name}: written for other pointers ({expected[0]}), not compared")
                continue
            problems.append(difference(expected, actual, f"{path.relative_to(ROOT)}, committed", "now"))

    problems = [problem for problem in problems if problem]
    if problems:
        print("\n\n".join(problems))
        print("\n" + __doc__.split("\n\n", 2)[2].strip())
        return 1
    print(f"{len(exported)} functions, {len(abi)} lines of ABI: as committed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
