"""`tapewire new-strategy NAME`: a folder that pip installs, with a strategy, its tests, its preset and what to do next.

The strategy is the shipped template under another name, so there is one text to keep right; the preset is `bare` with it.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from tapewire.bus import disk
from tapewire.bus.errors import ConfError
from tapewire.daemons.settings.files import FOLDER
from tapewire.strategies import registry, template
from tapewire.strategies.protocol import MAX_SETUP
from tapewire.strategies.template import FirstBreakout

out = Console(soft_wrap=True, highlight=False)

NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{MAX_SETUP - 1}}}")

PROJECT = """\
[build-system]
requires = ["setuptools >= 64"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "0.1"
description = "A strategy for tapewire"
requires-python = ">=3.11"

[project.entry-points."tapewire.strategies"]
{name} = "{name}:{cls}"

[tool.setuptools]
py-modules = ["{name}"]
"""

TEST = '''\
"""{title}: a case on each side of every threshold. `pytest` needs no data and no daemon for it."""

import pytest
from {name} import {cls}

from tapewire.bus.messages import Flow
from tapewire.bus.testing import bar, session


def proposal(at="11:00", close=21_060.0, delta=100.0):
    """What it proposes on one bar, above an initial balance from 20,950 to 21,050."""
    strategy = {cls}({cls}.Params(beyond_r=0.05, stop_r=0.5, target_r=1.0, until="13:00"), lambda s: s.day_type_edge)
    flow = Flow(delta, delta, None, None, None, None, 0, delta)
    s = session(at, bar=bar(at, close=close), flow=flow)
    strategy.start(s.session)
    strategy.update(s)
    return strategy.propose(s)


@pytest.mark.parametrize(
    ("fields", "proposes"),
    [
        ({{}}, True),
        ({{"close": 21_055.25}}, True),
        ({{"close": 21_055.0}}, False),  # 5 % of the range above its high
        ({{"delta": 1.0}}, True),
        ({{"delta": 0.0}}, False),
        ({{"at": "12:59"}}, True),
        ({{"at": "13:00"}}, False),
        ({{"at": "10:30"}}, False),  # the initial balance is not complete
    ],
)
def test_it_proposes_on_one_side_of_each_threshold(fields, proposes):
    assert (proposal(**fields) is not None) == proposes


def test_its_bracket():
    found = proposal()

    assert (found.direction, found.entry, found.stop, found.target) == ("LONG", 21_060.0, 21_010.0, 21_160.0)
'''

README = """\
# {title}

A strategy for tapewire: `{name}.py` decides, `{name}.toml` is its preset, `test_{name}.py` tests it. As it comes, it buys the first
close above the initial balance with a positive delta, so it needs bars with order flow. Write your rules into `propose`.

1. Install it beside tapewire, once: `pip install -e .` A change in `{name}.py` needs no second time.
2. Test it: `pytest`. A case on each side of every threshold.
3. See what it does alone: `tapewire signals --data DIR --preset {name}.toml --out out/signals`, and why it does not propose:
   `tapewire why --data DIR --preset {name}.toml`.
4. Trade it: `tapewire backtest --data DIR --preset {name}.toml --out out/run`; open `out/run/report.html`. Costs are the
   instrument's, or `--commission 0.62 --slippage 1`.
5. Prove that it does not look ahead: `tapewire lookahead --data DIR --preset {name}.toml`. It must print `same` in every row.

The preset has no exits and no limits of ours, and one contract: `{name}.toml` says how to have each of them. What a strategy may
do: `strategies/README.md` of tapewire.
"""


def register(app: typer.Typer) -> None:
    """Add this module's command to the application."""
    app.command("new-strategy")(new_strategy)


def new_strategy(
    name: Annotated[str, typer.Argument(help="As presets will name it: a-z, 0-9 and _, such as my_cross.")],
    to: Annotated[Path, typer.Option("--to", help="Where to put the folder NAME.")] = Path(),
) -> None:
    """Make a folder with a strategy of your own: installable, with a test that passes, its preset, and the steps to take."""
    folder = to / name
    wanted = files(name)
    if folder.exists():
        raise ConfError(f"{folder} is there already; write another name, or remove it")
    with disk.writing(folder):
        folder.mkdir(parents=True)
        for path, content in wanted.items():
            (folder / path).write_text(content, "utf-8")
    out.print(f"{folder}: {', '.join(wanted)}", markup=False)
    out.print(f"next: pip install -e {folder}, then the steps in {folder / 'README.md'}", markup=False)


def files(name: str) -> dict[str, str]:
    """The folder's files by name.

    Raises:
        ConfError: the name cannot be a strategy's and a module's, or is taken.
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfError(f"{name!r}: a strategy is named with a-z, 0-9 and _, at most {MAX_SETUP}, from a letter, such as my_cross")
    if name in registry.defined() or name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        raise ConfError(f"{name!r} is taken by another strategy or Python package; write another name, such as my_{name}")
    title, cls = " ".join(name.split("_")).title(), "".join(part.capitalize() for part in name.split("_"))
    words = {"name": name, "title": title, "cls": cls}
    return {
        f"{name}.py": _strategy(name, title, cls),
        f"test_{name}.py": TEST.format(**words),
        f"{name}.toml": _preset(name, title),
        "pyproject.toml": PROJECT.format(**words),
        "README.md": README.format(**words),
    }


def _strategy(name: str, title: str, cls: str) -> str:
    text = Path(template.__file__).read_text("utf-8")
    _, _, body = text.partition('"""\n\nfrom __future__')
    renamed = body.replace("FirstBreakout", cls).replace("First Breakout", title).replace("FIRST_BREAKOUT", name.upper())
    about = "It buys the first close above the initial balance with a positive delta: write your own rules into `propose`."
    return f'"""{title}.\n\n{about}\n"""\n\nfrom __future__{renamed}'


def _preset(name: str, title: str) -> str:
    text = (FOLDER / "presets" / "bare.toml").read_text("utf-8")
    head, _, rest = text.partition("\ndescription")
    _, _, rest = f"description{rest}".partition("\n")
    rest = rest.replace("strategies = []", f'strategies = ["{name}"]')
    _, _, about = head.partition("#\n")  # without the words about naming a strategy
    alone = f"# {title} alone: no exit and no limit that it did not ask for, one contract."
    return f'{alone}\n{about}\ndescription = "{title} alone"\n{rest}\n[parameters.{name}]\n{_parameters()}'


def _parameters() -> str:
    defaults: Mapping[str, Any] = msgspec.to_builtins(FirstBreakout.Params())
    return "".join(f"{key} = {msgspec.json.encode(value).decode()}\n" for key, value in defaults.items())
