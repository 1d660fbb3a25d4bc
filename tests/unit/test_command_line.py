"""The program's own face: how it is started, its version, and what a shell completes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import tapewire
from tapewire import form
from tapewire.daemons.operator import cli

INSTALLED = (str(Path(sys.executable).with_name("tapewire")),)
MODULE = (sys.executable, "-m", "tapewire")

both = pytest.mark.parametrize("program", [INSTALLED, MODULE], ids=["tapewire", "python -m tapewire"])


def run(program: tuple[str, ...], *arguments: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | variables
    return subprocess.run(
        [*program, *arguments], capture_output=True, text=True, timeout=240, check=False, env=environment, cwd=cwd
    )


@both
def test_it_tells_its_version(program: tuple[str, ...]) -> None:
    """Both ways to start it print the version of the package and the form of its code."""
    done = run(program, "--version")

    assert (done.returncode, done.stdout) == (0, f"tapewire {tapewire.__version__}, {form.told()}\n")


@both
def test_both_ways_offer_the_commands_of_all_packages(program: tuple[str, ...]) -> None:
    """The help lists what the operator's, the replay's and the research package register."""
    done = run(program, "--help")

    assert {"up", "doctor", "backtest", "replay", "sweep"} <= set(done.stdout.split())


def test_files_of_the_current_directory_are_not_imported(tmp_path: Path) -> None:
    """A file named as a module of Python or of a dependency does not replace it, although `-m` puts the directory on the path."""
    for name in ("typer", "statistics", "replay"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('imported {name} from the current directory')\n")

    done = run(MODULE, "backtest", "--help", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_shell_is_offered_a_completion() -> None:
    """`--show-completion`, called from bash, prints what bash has to source."""
    done = run(("bash", "-c", f"{INSTALLED[0]} --show-completion; exit $?"))

    assert done.returncode == 0, done.stderr
    assert "complete -o default -F" in done.stdout
    assert "_TAPEWIRE_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("tapewire ba", {"backtest", "backfill"}), ("tapewire diff --j", {"--json"}), ("tapewire zzz", set())],
)
def test_a_shell_completes_commands_and_options(typed: str, offered: set[str]) -> None:
    """The completions that bash gets for the start of a word."""
    words = typed.split(" ")

    done = run(INSTALLED, _TAPEWIRE_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(len(words) - 1))

    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize("module", cli.OURS)
def test_each_operator_command_is_listed_with_its_module(module: str) -> None:
    """So the module is imported when the command is called, and no other."""
    app = typer.Typer()
    importlib.import_module(f"tapewire.daemons.operator.{module}").register(app)
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]

    assert (*names, *(group.name for group in app.registered_groups)) == cli.OURS[module]
