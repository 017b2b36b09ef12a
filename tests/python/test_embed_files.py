"""cmake/embed_files.cmake: whatever a file holds comes out of the program again, and the same files make the same source."""

import os
import subprocess

import pytest
from support import SOURCE_DIR

SCRIPT = SOURCE_DIR / "cmake/embed_files.cmake"
MAIN = """
#include <cstdio>
#include "net/serve/embedded_files.h"
int main() {
  for (const auto& file : chat::net::embedded_files()) {
    std::printf("%.*s ", (int)file.name.size(), file.name.data());
    for (const char c : file.bytes) std::printf("%02x", (unsigned char)c);
    std::puts("");
  }
}
"""
FILES = {
    "all.bin": bytes(range(256)) * 3,
    "cmake.txt": b'a;b\n[[x]] ${HOME} \\ \\" ]=] @x@ # \r\n;',
    "empty.txt": b"",
    "digits.txt": b"\x01" + b"abcdef0123456789" * 8,  # behind an escape they must not become part of it
    "line.txt": b"x" * 32,
    "zero.bin": b"\0" * 33,
}


def embed(output, files, code=0):
    result = subprocess.run(
        ["cmake", f"-DOUTPUT={output}", "-P", SCRIPT, "--", *files], capture_output=True, text=True
    )
    assert (result.returncode == 0) == (code == 0), result.stderr
    return result.stderr


@pytest.fixture
def folder(tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_every_byte_comes_out_again(folder):
    embed(folder / "files.cc", [folder / name for name in FILES])
    (folder / "main.cc").write_text(MAIN)
    compiler = os.environ.get("CXX", "c++")
    subprocess.run(
        [compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-I", SOURCE_DIR / "core", "-o", folder / "main"]
        + [folder / "main.cc", folder / "files.cc"],
        check=True,
    )
    lines = subprocess.run([folder / "main"], check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines == [f"{name} {FILES[name].hex()}" for name in sorted(FILES)]


def test_order_and_place_make_no_difference(folder):
    embed(folder / "one.cc", [folder / name for name in FILES])
    elsewhere = folder / "else where"
    elsewhere.mkdir()
    for name, data in FILES.items():
        (elsewhere / name).write_bytes(data)
    embed(folder / "two.cc", [elsewhere / name for name in reversed(FILES)])
    assert (folder / "one.cc").read_bytes() == (folder / "two.cc").read_bytes()


def test_two_of_one_name_are_refused(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "line.txt").write_bytes(b"")
    assert "line.txt" in embed(folder / "x.cc", [folder / "line.txt", folder / "sub" / "line.txt"], code=1)
