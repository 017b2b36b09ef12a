#!/usr/bin/env python3
"""Holds the C++ headers to chat.h by the committed lists of its ABI: every function is called somewhere, every field of an
event and a view has its accessor, and every option, set in C++, arrives in chat_server_start(), as does every default.

    check_complete.py --compiler CXX --library LIBCHAT_SO [--sanitize SANITIZERS] SOURCE_DIR
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile


# Functions for which C++ has a word of its own.
NOT_NEEDED = {"chat_error_name", "chat_refusal_name", "chat_version_number"}
# Functions for languages without macros.
NOT_NEEDED |= {f"chat_{name}_init" for name in ("server_options", "endpoint", "static_mount", "identity", "message", "moderation", "stats", "history_store")}
NOT_NEEDED |= {f"chat_{name}_event_refuse" for name in ("connect", "authorize", "message")}

# What a view of the C++ headers shows, and the fields that it shows under another name or not at all.
VIEWS = {
    "ClientView": ("chat_client", {"identity": ["user_id", "name", "attributes"]}),
    "RoomView": ("chat_room", {}),
    "ClusterMemberView": ("chat_cluster_member", {}),
    "MessageView": ("chat_message", {}),
    "ConnectEvent": ("chat_connect_event", {"reason": []}),
    "ClientEvent": ("chat_client_event", {}),
    "AuthorizeEvent": ("chat_authorize_event", {"reason": [], "decision_id": ["decision"]}),
    "MessageEvent": ("chat_message_event", {"reason": [], "decision_id": ["decision"]}),
    "AckEvent": ("chat_ack_event", {}),
    "PersonView": ("chat_person", {}),
    "PresenceEvent": ("chat_presence_event", {}),
    "ReportEvent": ("chat_report_event", {}),
}

PROGRAM = """\
#include <chat/chat.hpp>

#include <cstdio>
#include <cstring>
#include <functional>

static std::function<void(const chat_server_options&)> look;
static int faults;

// In place of the library's: shows what would have been started.
extern "C" chat_error chat_server_start(const chat_server_options* options, chat_server** server) noexcept {
  *server = nullptr;
  look(*options);
  return CHAT_ERROR_UNSUPPORTED;
}

struct Store : chat::HistoryStore {
  std::string load(chat::HistoryReply&) override { return {}; }
  std::string read(const chat::HistoryQuery&, chat::HistoryReply&) override { return {}; }
  std::string write(const std::vector<chat::HistoryChange>&) override { return {}; }
};

static void check(bool right, const char* what) {
  if (right) return;
  std::printf("not so: %%s\\n", what);
  ++faults;
}
#define CHECK(condition) check(condition, #condition)

int main() {
%(accessors)s
  chat::Options options;
  look = [&](const chat_server_options& raw) {
    const chat_server_options init = CHAT_SERVER_OPTIONS_INIT;
%(defaults)s
  };
  CHECK(!chat::Server::start(options));
%(assignments)s
  look = [&](const chat_server_options& raw) {
    CHECK(raw.user != nullptr);
%(checks)s
  };
  const auto started = chat::Server::start(options);
  CHECK(started.error().code() == CHAT_ERROR_UNSUPPORTED);
  return faults != 0;
}
"""


def read_structs(text):
    """From libchat.abi: the fields of each struct, as pairs of type and name."""
    structs, fields = {}, None
    for line in text.splitlines():
        head = re.match(r"struct (\w+):", line)
        if head:
            fields = structs.setdefault(head.group(1), [])
        elif not line.startswith(" "):
            fields = None
        elif fields is not None:
            declaration = line.split("bytes: ", 1)[1]
            function = re.match(r".*\(\*(\w+)", declaration)
            plain = re.match(r"(.*?)(\w+)(\[\d+\])?$", declaration)
            fields.append(("function", function.group(1)) if function else (plain.group(1).strip(), plain.group(2)))
    return structs


def counted(fields):
    """The names of the arrays among the fields, each with that of its count."""
    return {
        name: following
        for (_, name), (_, following) in zip(fields, fields[1:])
        if re.match(r"\w+_(count|size)$", following)
    }


def accessors(structs):
    for view, (struct, others) in VIEWS.items():
        counts = counted(structs[struct]).values()
        for _, name in structs[struct]:
            if name == "struct_size" or name in counts:
                continue
            for method in others.get(name, [name]):
                yield f"static_cast<void>(&chat::{view}::{method});"


class Options:
    """C++ code that sets every option, and looks for each behind the C boundary."""

    def __init__(self, structs):
        self.structs = structs
        self.assignments, self.checks, self.defaults = [], [], []
        self.number = 1
        fields = structs["chat_server_options"]
        counts = counted(fields)
        for kind, name in fields:
            if name not in ("struct_size", "callbacks", "user") and name not in counts.values():
                self.field("options", "raw", kind, name, counts)
                self.defaults.append(f"CHECK(raw.{name} == init.{name});")
        for count in counts.values():
            self.defaults.append(f"CHECK(raw.{count} == 0);")
        for kind, name in structs["chat_callbacks"]:
            if kind == "function":
                self.callback(name)
        for scope in ("raw", "raw.callbacks"):
            check = f"CHECK({scope}.struct_size == sizeof {scope});"
            self.defaults.append(check)
            self.checks.append(check)

    def callback(self, name):
        answer = "return chat::pass();" if name in ("on_connect", "on_authorize", "on_message") else ""
        self.assignments.append(f"options.{name} = [](auto&&...) {{ {answer} }};")
        self.defaults.append(f"CHECK(raw.callbacks.{name} == nullptr);")
        self.checks.append(f"CHECK(raw.callbacks.{name} != nullptr);")

    def field(self, cxx, raw, kind, name, counts):
        if kind == "const chat_history_store *":
            self.assignments.append(f"{cxx}.{name} = std::make_shared<Store>();")
            self.checks.append(f"CHECK({raw}.{name} != nullptr && {raw}.{name}->user == {cxx}.{name}.get());")
            self.checks.append(f"CHECK({raw}.{name}->load && {raw}.{name}->read && {raw}.{name}->write);")
        elif kind == "const char *":
            self.assignments.append(f'{cxx}.{name} = "the {name}";')
            self.checks.append(f'CHECK({raw}.{name} != nullptr && std::strcmp({raw}.{name}, "the {name}") == 0);')
        elif kind == "const char *const *":
            self.assignments.append(f'{cxx}.{name} = {{"one {name}", "two {name}"}};')
            self.checks.append(f"CHECK({raw}.{counts[name]} == 2);")
            self.checks.append(f'CHECK(std::strcmp({raw}.{name}[0], "one {name}") == 0);')
            self.checks.append(f'CHECK(std::strcmp({raw}.{name}[1], "two {name}") == 0);')
        elif kind.endswith("*"):
            self.assignments.append(f"{cxx}.{name}.resize(2);")
            self.checks.append(f"CHECK({raw}.{counts[name]} == 2);")
            for item in (f"{name}[0]", f"{name}[1]"):
                for item_kind, item_name in self.structs[re.search(r"chat_\w+", kind).group()]:
                    if item_name == "struct_size":
                        self.checks.append(f"CHECK({raw}.{item}.struct_size == sizeof {raw}.{item});")
                    else:
                        self.field(f"{cxx}.{item}", f"{raw}.{item}", item_kind, item_name, {})
        else:
            # Enumerations all know 2; other numbers are told from one another.
            self.number += 1
            value = 2 if kind.startswith("chat_") else self.number
            self.assignments.append(f"{cxx}.{name} = static_cast<decltype({cxx}.{name})>({value});")
            self.checks.append(f"CHECK({raw}.{name} == static_cast<{kind}>({cxx}.{name}));")


def check_functions(source_dir, headers):
    symbols = (source_dir / "capi" / "libchat.symbols").read_text().split()
    text = "".join(header.read_text() for header in headers)
    called = set(re.findall(r"\b(chat_\w+)\(", re.sub(r"//.*", "", text)))
    return [f"no C++ header calls {name}()" for name in symbols if name not in called | NOT_NEEDED]


def check_program(options, include):
    structs = read_structs((options.source_dir / "capi" / "libchat.abi").read_text())
    fields = Options(structs)
    program = PROGRAM % {
        "accessors": "\n".join("  " + line for line in accessors(structs)),
        "defaults": "\n".join("    " + line for line in fields.defaults),
        "assignments": "\n".join("  " + line for line in fields.assignments),
        "checks": "\n".join("    " + line for line in fields.checks),
    }
    with tempfile.TemporaryDirectory() as folder:
        source, executable = pathlib.Path(folder, "complete.cc"), pathlib.Path(folder, "complete")
        source.write_text(program)
        command = [options.compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror"]
        if options.sanitize:
            command.append(f"-fsanitize={options.sanitize}")
        command += [f"-I{include}", f"-I{options.source_dir / 'capi' / 'include'}", str(source), "-o", str(executable)]
        command += [str(options.library), f"-Wl,-rpath,{options.library.parent}"]
        compiled = subprocess.run(command, capture_output=True, text=True)
        if compiled.returncode != 0:
            return [f"what sets and shows everything does not compile:\n{compiled.stderr}"]
        ran = subprocess.run([str(executable)], capture_output=True, text=True)
        return [f"an option is lost:\n{ran.stdout}{ran.stderr}"] if ran.returncode != 0 else []


def main():
    parser = argparse.ArgumentParser(description="Compares the C++ headers with the lists of chat.h's ABI.")
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--library", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--sanitize", default="")
    parser.add_argument("source_dir", type=lambda path: pathlib.Path(path).resolve())
    options = parser.parse_args()
    include = options.source_dir / "bindings" / "cpp"
    headers = sorted(include.glob("chat/**/*.hpp"))
    faults = check_functions(options.source_dir, headers) + check_program(options, include)
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
