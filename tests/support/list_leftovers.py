"""Lists what a run of the tests left behind: processes with its CHAT_TEST_RUN in their environment, and files in its TMPDIR. It
waits for ending processes, with the limit of all waits. scripts/test fails when this prints anything.
"""

import os
import pathlib
import time

LIMIT_S = int(os.environ.get("CHAT_TEST_LIMIT_S", 60))


def processes():
    mark = b"CHAT_TEST_RUN=" + os.environb[b"CHAT_TEST_RUN"]
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and mark in (folder / "environ").read_bytes().split(b"\0"):
                yield (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:100].strip()
        except OSError:
            pass  # it has ended, or belongs to another user


deadline = time.monotonic() + LIMIT_S
while (left := [line for line in processes() if line]) and time.monotonic() < deadline:
    time.sleep(0.1)  # On purpose: between two looks.
print("; ".join(left + sorted(os.listdir(os.environ["TMPDIR"]))))
