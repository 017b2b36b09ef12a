#!/usr/bin/env python3
"""Prepares a header with plain comments for Doxygen: mark_comments.py FILE prints the file with its comments marked.

In chat.h a block comment before or after a declaration documents it, a ruled line begins a chapter, and the comment at the top
is the main page. The C++ headers follow the same rules with //. A declaration there that has no comment but mirrors a field of
chat.h gets that field's text. Only Doxygen reads the result.
"""

import pathlib
import re
import sys

# The texts for fields of chat.h without a comment, by name.
FIELDS = {
    "struct_size": "The size of this structure (convention 5).",
    "client": "The client concerned.",
    "user": "The client's pointer, see chat_client_set_user().",
    "protocol": "The protocol that the client speaks.",
    "transport": "The transport that carries the client's bytes.",
}

# Structures of chat.h in which a comment on its own line is the heading of a group of fields.
GROUPED = {"chat_server_options"}


def escaped(text):
    """Escapes characters that Markdown or HTML would interpret."""
    text = text.replace("\\", "\\\\").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*#@])", r"\\\1", text)


def comment_text(lines):
    """What a block comment says, as lines."""
    text = "\n".join(lines).strip()
    text = re.sub(r"^/\*+\s?|\s*\*/$", "", text)
    return [re.sub(r"^\s*\* ?", "", line) for line in text.split("\n")]


def main_page(lines):
    """The conventions. What stands in three columns is a table."""
    page, in_table, table_seen = ["@mainpage libchat"], False, False
    for line in lines:
        columns = re.split(r" {2,}", line.strip())
        if len(columns) == 3 and not re.match(r"\d+\.", columns[0]):
            if not in_table:
                page.append("")
            page.append("| " + " | ".join(escaped(column) for column in columns) + " |")
            if not in_table:
                page.append("|---|---|---|")
            in_table, table_seen = True, True
        else:
            if in_table:
                page.append("")
            # Behind the table no list goes on: an indented line would be code.
            page.append(escaped(line.strip() if table_seen else line))
            in_table = False
    return page


# A line that begins a chapter.
CHAPTER = re.compile(r"/\* -{10,} (.*) \*/$")


def chapter_name(title):
    return re.sub(r"\W+", "_", title)


class CHeader:
    """chat.h, a line at a time."""

    def __init__(self, lines):
        self.lines, self.at, self.out = lines, 0, []
        self.struct, self.chapter, self.group = None, False, False
        # The last comment in a line of its own, for a declaration that follows the one that it stands before.
        self.said = None

    def block(self):
        """The lines of the comment that begins here."""
        begin = self.at
        while "*/" not in self.lines[self.at]:
            self.at += 1
        return self.lines[begin : self.at + 1]

    def marked(self):
        first = True
        while self.at < len(self.lines):
            line = self.lines[self.at]
            chapter = CHAPTER.match(line)
            if chapter:
                self.begin_chapter(chapter.group(1))
            elif re.match(r"\s*/\*", line):
                text = comment_text(self.block())
                self.out += self.first_page(text) if first else self.own_comment(text)
                first = False
            else:
                self.code(line)
            self.at += 1
        return self.out

    def first_page(self, text):
        titles = [match.group(1) for match in map(CHAPTER.match, self.lines) if match]
        chapters = ", ".join(f"@ref {chapter_name(title)}" for title in titles)
        return [
            "/**",
            *main_page(text),
            "",
            f"The chapters of chat.h: {chapters}. C++ programs begin at chat::Options and chat::Server.",
            "*/",
            "/** @file */",
        ]

    def begin_chapter(self, title):
        if self.chapter:
            self.out.append("/** @} */")
        self.chapter = True
        self.out.append(f"/** @defgroup {chapter_name(title)} {title[0].upper()}{title[1:]}\n@{{ */")

    def end_group(self):
        if self.group:
            self.out.append("/** @} */")
        self.group = False

    def own_comment(self, text):
        if self.struct in GROUPED:
            self.end_group()
            self.group = True
            title, _, rest = " ".join(text).strip().partition(". ")
            return [f"/** @name {escaped(title)}", escaped(rest), "@{ */"]
        self.said = "/** " + "\n".join(escaped(line) for line in text) + " */"
        return [self.said]

    @staticmethod
    def field_text(name):
        counted = re.match(r"(\w+)_count$", name)
        sized = re.match(r"(\w+)_size$", name)
        text = FIELDS.get(name)
        if text is None and counted:
            text = f"How many {counted.group(1).replace('_', ' ')}s."
        if text is None and sized:
            text = f"The bytes of {sized.group(1)}."
        return f"/**< {text} */" if text else ""

    def code(self, line):
        struct = re.match(r"typedef struct (\w+) {", line)
        if struct:
            self.struct = struct.group(1)
        if re.match(r"} chat_", line):
            self.end_group()
            self.struct, self.said = None, None
        if not line.strip():
            self.said = None
        if line.startswith("#endif /* CHAT_CHAT_H") and self.chapter:
            self.out.append("/** @} */")
        # A callback or a function right behind another shares its comment.
        shares = re.match(r"(  \w+ \(\*on_|CHAT_API |typedef int \()", line)
        if shares and self.said and not self.out[-1].endswith("*/"):
            self.out.append(self.said)
        if "/*" in line and not line.startswith("#endif"):
            code, _, begin = line.partition("/*")
            lines = [begin]
            while "*/" not in lines[-1]:
                self.at += 1
                lines.append(self.lines[self.at].strip())
            line = f"{code}/**< {escaped(' '.join(lines).split('*/')[0].strip())} */"
        field = re.match(r"  [^(]*?(\w+)(?:\[\d+\])?;$", line) if self.struct else None
        if field:
            line = f"{line} {self.field_text(field.group(1))}"
        initial = re.match(r"#define (CHAT_(\w+)_INIT)\b", line)
        if initial:
            self.out.append(f"/** What a chat_{initial.group(2).lower()} begins as: sized, and all defaults. */")
        elif line.startswith("#define CHAT_VERSION_"):
            self.out.append("/** The version of this header. */")
        self.out.append(line)


def without_error_macros(text):
    """chat_error written out, and what compilers alone need taken away."""
    errors = re.findall(r'X\((\w+), (\d+), +"([^"]*)"\)', text)
    values = "\n".join(f"  CHAT_{name} = {number}, /**< {sentence} */" for name, number, sentence in errors)
    text = re.sub(r"(typedef enum chat_error {\n).*?(} chat_error;)", rf"\1{values}\n\2", text, flags=re.DOTALL)
    text = text.replace("typedef enum chat_error {", "/** What came of a call. */\ntypedef enum chat_error {", 1)
    text = text.replace("#define CHAT_ERROR_MAP", "/** Every error: X(name without CHAT_, number, text). */\n#define CHAT_ERROR_MAP")
    text = re.sub(r"#if defined\(__GNUC__\).*?#endif\n", "", text, flags=re.DOTALL)
    return re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.DOTALL)


def show_c(text):
    lines = CHeader(text.split("\n")).marked()
    return without_error_macros("\n".join(lines))


IDENTITY = {"user_id", "name", "attributes"}


def show_cpp(text, name):
    """The C++ headers. A field or an accessor without a comment shows the text of what it mirrors."""
    text = text.replace("inline namespace v0 {\n", "").replace("}  // namespace v0\n", "")
    text = re.sub(r"^// Keeps the names apart.*\n// of a later.*\n", "", text, flags=re.MULTILINE)
    out, mirrored, documented = [], None, False
    if name == "chat.hpp":
        out.append("/// @file")
    for line in text.split("\n"):
        comment = re.match(r"(\s*)// ?(.*)$", line)
        if comment:
            if mirrored == "chat_server_options" and "on_" not in line and re.match(r"  //", line):
                # The text of chat.h follows below.
                continue
            body = comment.group(2)
            head = re.match(r"(chat_\w+): |(chat_server_options)\.", body)
            if head and not comment.group(1):
                mirrored = head.group(1) or head.group(2)
            entry = re.match(r"  (\S+) {2,}(.*)$", body)
            if entry:
                body = f"- {entry.group(1)}: {entry.group(2)}"
            elif body.startswith("  "):
                body = f"`{body.strip()}`"
            else:
                body = escaped(body) if "`" not in body else body
            out.append(f"{comment.group(1)}/// {body}")
            documented = True
            continue
        if line.startswith("};"):
            mirrored = None
        accessor = re.match(r"  (?:[\w:]+(?:<.*>)?\*?) (\w+)\(\) const noexcept {", line)
        field = re.match(r"  (?:[\w:]+(?:<.*>)?) (\w+)(?: = .*)?;$", line) if mirrored else None
        if mirrored and not documented and (accessor or field):
            member = (accessor or field).group(1)
            if member not in ("raw", "handle"):
                # What a client is known by is in its identity.
                owner = "chat_identity" if mirrored == "chat_client" and member in IDENTITY else mirrored
                out.append(f"  /// See {owner}::{member}.")
        out.append(line)
        documented = False
    return "\n".join(out)


def main():
    path = pathlib.Path(sys.argv[1])
    text = path.read_text()
    print(show_c(text) if path.name == "chat.h" else show_cpp(text, path.name))


if __name__ == "__main__":
    main()
