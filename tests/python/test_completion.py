"""The completion scripts name every option of --help, and the shells themselves take them."""

import re
import shutil
import subprocess

import pytest
from support import BUILD_DIR

CHATD = BUILD_DIR / "bin" / "chatd"
LEVELS = ["debug", "error", "info", "warning"]


def output(*args, **options):
    return subprocess.run([str(word) for word in args], check=True, capture_output=True, text=True, **options).stdout


@pytest.fixture(scope="module")
def options():
    """Of --help: {name: its kind of value, or ""}."""
    found = dict(re.findall(r"(?m)^  (?:-h,)?--([a-z-]+) *([A-Z]\S*|[a-z-]+\|\S+)?", output(CHATD, "--help")))
    assert len(found) > 40 and found["www"] == "DIR" and found["lists"] == ""
    return found


@pytest.fixture
def script(request, tmp_path):
    path = tmp_path / "completion"
    path.write_text(output(CHATD, "--completion", request.param))
    return path


def need(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is missing (Debian: scripts/setup)")


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_bash(script, options, tmp_path):
    (tmp_path / "folder with space").mkdir()
    (tmp_path / "file").touch()

    def complete(*words):
        program = """
            source "$1"; shift
            [[ $(complete -p chatd) == 'complete -F _chatd chatd' ]] || exit 1
            COMP_WORDS=(chatd "$@"); COMP_CWORD=$#
            _chatd
            printf '%s\\n' "${COMPREPLY[@]}"
        """
        return sorted(output("bash", "--norc", "-uc", program, "bash", script, *words, cwd=tmp_path).splitlines())

    assert complete("--") == sorted(f"--{name}" for name in options)
    assert complete("--log-l") == ["--log-level"]
    assert complete("--log-level", "") == LEVELS
    assert complete("--log-level", "=") == LEVELS
    assert complete("--log-level", "=", "w") == ["warning"]
    assert complete("--lists", "--max-clients", "") == ["off"]
    assert complete("--config", "f") == ["file", "folder with space"]
    assert complete("--www", "f") == ["folder with space"]
    assert complete("--port", "") == [""]


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh(script, options):
    need("zsh")
    # What the script asks zsh's own function to complete.
    specs = output("zsh", "-f", "-c", f"_arguments() {{ print -rl -- $@ }}; source {script}").splitlines()
    assert sorted(re.match(r"\*?--([a-z-]+)", spec).group(1) for spec in specs) == sorted(options)
    assert "--log-level=[info]:error|warning|info|debug:(error warning info debug)" in specs
    assert any(spec.startswith("--www=[") and spec.endswith("]:DIR:_files -/") for spec in specs)
    assert any(spec.startswith("*--origin=[") for spec in specs)
    # And that it understands them.
    program = f"autoload -U compinit; compinit -D -u; compdef _chatd chatd; _chatd() {{ source {script} }}; zmodload zsh/zpty; print ok"
    assert output("zsh", "-f", "-c", program).strip() == "ok"


@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish(script, options, tmp_path):
    need("fish")
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}

    def complete(line):
        lines = output("fish", "--no-config", "-c", f'source {script}; complete -C "{line}"', env=home).splitlines()
        return sorted(text.split("\t")[0] for text in lines)

    assert complete("chatd --") == sorted(f"--{name}" for name in options)
    assert complete("chatd --log-level=") == [f"--log-level={level}" for level in LEVELS]
    assert complete("chatd --log-level ") == LEVELS
    assert complete("chatd --port ") == []


def test_another_shell_is_refused():
    result = subprocess.run([CHATD, "--completion", "tcsh"], capture_output=True, text=True)
    assert result.returncode == 2 and "bash, zsh, fish" in result.stderr
