"""Runs the commands of docs/http.md, in order, and compares their output with the document's."""

import itertools
import re
import shutil
import subprocess
import threading

import pytest
from support import LIMIT_S, SOURCE_DIR


def commands():
    text = (SOURCE_DIR / "docs" / "http.md").read_text()
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def run(command, lines):
    """The first lines of the output. A stream does not end by itself."""
    process = subprocess.Popen(["bash", "-c", f"exec {command}"], stdout=subprocess.PIPE, text=True)
    killer = threading.Timer(LIMIT_S, process.kill)
    killer.start()
    try:
        return "".join(itertools.islice(process.stdout, lines))
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def without_chance(text, epoch):
    """The values that differ between two servers."""
    text = text.replace(epoch, "EPOCH")
    text = re.sub(r'"time":\d+', '"time":0', text)
    text = re.sub(r'"id":"\d+"', '"id":"1"', text)
    text = re.sub(r"guest-\d+", "guest-1", text)
    return re.sub(r"retry: \d+", "retry: 2000", text)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_of_the_document(start_chatd):
    chatd = start_chatd()
    listed = list(commands())
    assert len(listed) == 8
    theirs = re.search(r'"epoch":"(\w+)"', listed[0][1])[1]
    ours = theirs  # until the first answer
    for command, expected in listed:
        command = command.replace("localhost:3000", f"{chatd.host}:{chatd.port}").replace(theirs, ours)
        output = run(command, expected.count("\n"))
        ours = (re.search(r'"epoch":"(\w+)"', output) or [0, ours])[1]
        assert without_chance(output.rstrip("\n"), ours) == without_chance(expected.rstrip("\n"), theirs), command
