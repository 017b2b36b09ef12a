"""The programs in Python that README.md and the documents show are run as they stand there."""

import pathlib
import subprocess
import sys

import pychat

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_programs_in_the_documents() -> None:
    package = pathlib.Path(pychat.__file__).parent.parent
    command = [sys.executable, str(ROOT / "tests/docs/test_snippets.py"), "--pychat", str(package), str(ROOT)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
