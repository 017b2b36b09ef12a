"""Builds the programs of the benchmarks, and the library of another commit."""

import os
import subprocess
import sys
from pathlib import Path

from .machine import ROOT

PROGRAMS = ["bench_chat_server", "bench_floor_server", "bench_lws_direct_server", "bench_load"]


def _run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} failed:\n{done.stdout[-4000:]}")
    return done.stdout


def build(build_dir, source=ROOT, targets=PROGRAMS, python=None):
    """Configures and builds the targets in release mode. `python`: also pychat, for this interpreter."""
    extra = [f"-DCHAT_BUILD_PYTHON=ON", f"-DPython_EXECUTABLE={python}"] if python else []
    _run(["cmake", "--preset", "release", "-B", build_dir, "-DCHAT_BUILD_BENCH=ON", "-DCHAT_BUILD_EXAMPLES=OFF",
          "-DCHAT_WERROR=OFF", *extra], cwd=source)
    _run(["cmake", "--build", build_dir, "-j", str(len(os.sched_getaffinity(0))), "--target", *targets], cwd=source)


def library_of_revision(revision, build_dir):
    """Builds the library of another commit in a git worktree below build_dir. Returns its build directory."""
    commit = _run(["git", "rev-parse", "--short=12", f"{revision}^{{commit}}"], cwd=ROOT).strip()
    source = build_dir / f"against-{commit}"
    if not source.exists():
        _run(["git", "worktree", "add", "--detach", source, commit], cwd=ROOT)
    build(source / "build" / "bench", source, ["chat"])
    return source / "build" / "bench"


def library_folder(build_dir):
    """The folder of a build that has libchat.so."""
    for library in sorted(Path(build_dir).glob("**/libchat.so")):
        return library.parent
    sys.exit(f"bench: no libchat.so below {build_dir}")
