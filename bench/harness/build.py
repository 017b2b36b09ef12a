"""Builds the programs of the benchmarks, and the library of another commit."""

import os
import subprocess
from pathlib import Path

from .machine import ROOT

PROGRAMS = ("bench_chat_server", "bench_floor_server", "bench_lws_direct_server", "bench_load")


class BuildFailure(Exception):
    """A command failed. The message has it, and the end of what it printed."""


def _run(command, folder=ROOT):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise BuildFailure(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def build(build_dir, source=ROOT, targets=PROGRAMS, python=None):
    """Configures and builds the targets in release mode. `python`: configures pychat for this interpreter."""
    extra = ["-DCHAT_BUILD_PYTHON=ON", f"-DPython_EXECUTABLE={python}"] if python else []
    _run(["cmake", "--preset", "release", "-B", build_dir, "-DCHAT_BUILD_BENCH=ON", "-DCHAT_BUILD_EXAMPLES=OFF",
          "-DCHAT_WERROR=OFF", *extra], source)
    _run(["cmake", "--build", build_dir, "-j", str(len(os.sched_getaffinity(0))), "--target", *targets], source)


def library_of_revision(revision, build_dir):
    """Builds the library of another commit in a git worktree below build_dir. Returns its build directory."""
    commit = _run(["git", "rev-parse", "--short=12", f"{revision}^{{commit}}"]).strip()
    source = build_dir / f"against-{commit}"
    if not source.exists():
        _run(["git", "worktree", "prune"])
        _run(["git", "worktree", "add", "--detach", source, commit])
    build(source / "build" / "bench", source, ["chat"])
    return source / "build" / "bench"


def library_folder(build_dir):
    """The folder of a build that has libchat.so."""
    for library in sorted(Path(build_dir).glob("**/libchat.so")):
        return library.parent
    raise BuildFailure(f"no libchat.so below {build_dir}")
