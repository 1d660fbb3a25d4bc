"""The program's own face: how it is started, its version, and what a shell completes."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import tapewire
from tapewire import commands, form
from tapewire.bus.errors import ConfError
from tapewire.daemons.operator import cli

ROOT = Path(__file__).parents[2]
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


def test_the_overview_cuts_no_line_and_has_each_command_under_what_it_is_for() -> None:
    """Lines go on below themselves; a command has one title, and stands under it."""
    overview = " ".join(CliRunner().invoke(cli.application(), ["--help"]).stdout.split())

    titles = [overview.index(f"{title}: {next(iter(lines))} ") for title, lines in commands.by_title().items()]
    assert titles == sorted(titles)
    for lines in commands.by_title().values():
        assert [f"{name} {line}" for name, line in lines.items() if f"{name} {line}" not in overview] == []
    assert sorted(name for lines in commands.by_title().values() for name in lines) == sorted(cli._lines())


@pytest.mark.parametrize("words", ["sweep", "replay", "relay", "data convert", "schedule install"])
def test_what_an_option_takes_is_told_without_the_types_of_python(words: str) -> None:
    """`list[str]` and `float range` are words of a programmer."""
    told = CliRunner().invoke(cli.application(), [*words.split(), "--help"]).stdout

    options = told.partition("Options:")[2]
    assert re.search(r"^  --\w+ [A-Z]+ ", options, re.MULTILINE)
    assert re.findall(r"^  -.*<.+?>", options, re.MULTILINE) == []


def test_the_options_of_files_have_a_section_of_their_own() -> None:
    """They are the same of every command that reads recordings, and behind the command's own."""
    told = CliRunner().invoke(cli.application(), ["data", "inspect", "--help"]).stdout

    own, files = told.partition("Options:")[2].split("How the files are to be read:")
    assert re.findall(r"^  (--[\w-]+)", own, re.MULTILINE) == ["--instrument", "--instruments", "--json", "--help"]
    assert {"--zone", "--from", "--mapping"} <= set(re.findall(r"^  (--[\w-]+)", files, re.MULTILINE))


def test_a_group_cuts_no_line_of_its_commands() -> None:
    told = " ".join(CliRunner().invoke(cli.application(), ["keys", "--help"]).stdout.split())

    assert "token Print a key as one word, for the header X-API-Key of HTTP and for the page." in told


def test_files_of_the_current_directory_are_not_imported(tmp_path: Path) -> None:
    """A file named as a module of Python or of a dependency does not replace it, although `-m` puts the directory on the path."""
    for name in ("typer", "statistics", "replay"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('imported {name} from the current directory')\n")

    done = run(MODULE, "backtest", "--help", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("keys list --run " + "x" * 300, "cannot be used (File name too long); name a shorter one"),
        ("doctor --run loop", "a link there leads to itself: remove it"),
        ("data inspect " + "y/" * 2_500, "cannot be used (File name too long); name a shorter one"),
    ],
)
def test_a_path_that_the_system_refuses_is_one_sentence(line: str, told: str, tmp_path: Path) -> None:
    """Whatever its reason, and wherever the command meets it: path, reason, remedy, and status 74."""
    (tmp_path / "loop").symlink_to("loop")

    done = run(INSTALLED, *line.split(), cwd=tmp_path)

    assert done.returncode == 74
    (said,) = done.stderr.strip().splitlines()
    assert said.startswith("tapewire: ")
    assert said.endswith(told)


def test_a_name_that_is_no_utf8_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """No file of a run could hold it."""
    done = run(INSTALLED, "new-strategy", "mine", "--to", os.fsdecode(b"B\xe4rs"), cwd=tmp_path)

    assert done.returncode == ConfError.status
    assert done.stderr == (
        r"tapewire: 'B\udce4rs' is no UTF-8: rename that file or folder (`ls -b` shows it); a run could not name it" "\n"
    )
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    """A shell stays in a folder that another one has removed."""
    done = run(("bash", "-c", f"mkdir gone && cd gone && rmdir ../gone && {INSTALLED[0]} data inspect ."), cwd=tmp_path)

    assert done.returncode == 74
    assert done.stderr.strip().startswith("tapewire: the working folder: cannot be used (No such file or directory); ")


def test_a_terminal_that_lacks_a_letter_gets_its_escape(tmp_path: Path) -> None:
    """Such as one of an old encoding: a command that has done its work does not fail because it says so."""
    place = tmp_path / "Übung Ω"

    done = run(INSTALLED, "new-strategy", "mine", "--to", str(place), PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert done.returncode == 0, done.stderr
    assert r"\xdcbung \u03a9" in done.stdout
    assert any(place.iterdir())


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


@pytest.mark.parametrize("module", commands.COMMANDS)
def test_each_command_is_listed_with_its_module_and_its_first_sentence(module: str) -> None:
    """So a module is imported when its command is called, and no other."""
    app = typer.Typer(rich_markup_mode=None)
    app.callback()(lambda: None)
    importlib.import_module(f"tapewire.{module}").register(app)
    registered = typer.main.get_group(app).commands

    assert {name: command.get_short_help_str(cli.LONGEST) for name, command in registered.items()} == commands.COMMANDS[module]


@pytest.mark.parametrize(
    ("words", "left_out"),
    [
        ("--help", {"rich", "msgspec", "zmq", "numpy", "pandas", "structlog", "tapewire.bus.messages"}),
        ("--version", {"rich", "msgspec", "zmq", "numpy", "pandas", "structlog", "tapewire.bus.messages"}),
        ("status", {"rich", "zmq", "supervisor", "numpy", "pandas", "structlog", "asyncio", "tapewire.bus.messages"}),
        ("backtest --help", {"pandas", "tapewire.daemons.operator.doctor", "tapewire.replay.research"}),
    ],
)
def test_a_short_command_imports_little(words: str, left_out: set[str], tmp_path: Path) -> None:
    """Imports are what it costs: the overview needs no module of a command, and `status` where nothing runs only typer's."""
    done = run((sys.executable, "-X", "importtime", *INSTALLED), *words.split(), HOME=str(tmp_path))
    imported = {line.split("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")}

    assert "tapewire.daemons.operator.cli" in imported
    assert imported & left_out == set()


def test_another_package_adds_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an entry point; it stands behind ours, and is called like them."""

    def greet() -> None:
        """Say hello. And no more."""
        typer.echo("hello")

    def register(app: typer.Typer) -> None:
        app.command()(greet)

    monkeypatch.setattr(cli, "_foreign", lambda: cli.registered(register))
    overview = CliRunner().invoke(cli.application(), ["--help"])
    called = CliRunner().invoke(cli.application(), ["greet"])

    assert [line.split(maxsplit=1) for line in overview.stdout.splitlines()][-1] == ["greet", "Say hello."]
    assert called.stdout == "hello\n"


def test_no_text_is_read_as_markup() -> None:
    """What stands in brackets is a section of the settings, or of a path: rich takes it for a style, and prints nothing."""
    printed = [
        (path, call)
        for folder in ("daemons", "replay")
        for path in (ROOT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("out.print", "err.print") and call.args
    ]
    read = [
        f"{path.name}:{call.lineno}"
        for path, call in printed
        if "markup" not in {each.arg for each in call.keywords}
        and not (isinstance(call.args[0], ast.Constant) and "[" not in str(call.args[0].value))
    ]

    assert len(printed) > 50
    assert read == []
