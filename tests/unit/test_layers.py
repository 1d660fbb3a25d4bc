"""The import rules, proved over the syntax trees: who may know whom, and that what decides knows no world outside."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bus", "strategies", "daemons", "replay")

# Edges of the bus: modules with a socket, a file or a clock behind them.
BUS_EDGES = {"bus.sockets", "bus.client", "bus.journal", "bus.clock", "bus.testing"}
SHELLS_OF_DAEMONS = {
    "daemons.__main__",
    "daemons.broker",
    "daemons.calendar",
    "daemons.cli",
    "daemons.commands",
    "daemons.conf",
    "daemons.doctor.examination",
    "daemons.doctor.hops",
    "daemons.doctor.installation",
    "daemons.epochs",
    "daemons.faults",
    "daemons.heard",
    "daemons.instances",
    "daemons.latch",
    "daemons.logger",
    "daemons.logs",
    "daemons.overrides",
    "daemons.process",
    "daemons.ready",
    "daemons.recovery",
    "daemons.runner",
    "daemons.send",
    "daemons.signal_files",
    "daemons.status",
    "daemons.supervise",
    "daemons.tap",
    "daemons.venue_link",
}
CORES_OF_REPLAY = {"replay.venue", "replay.loop"}

# What a core may use of the standard library and of others. All of it is a function of its arguments.
PURE = {
    "__future__",
    "abc",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "functools",
    "heapq",
    "itertools",
    "math",
    "msgspec",
    "operator",
    "re",
    "types",
    "typing",
    "zlib",
    "zoneinfo",
}
# Installed plug-ins are found by their metadata; which ones there are is part of the configuration, not of a decision.
ALLOWED = {"strategies.registry": {"importlib"}}
CLOCKS = {"now", "today", "utcnow", "time", "time_ns", "monotonic", "perf_counter"}
WORLD = {"open", "input", "eval", "exec", "compile", "__import__"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def imports(path: Path) -> set[str]:
    """Every module named in an import anywhere in the file, `from x import y` counted as x and as x.y if that is a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(MODULES)
            found |= inner or {node.module}
    return found


def cores() -> list[str]:
    """Everything that decides, and the pure parts of the bus."""
    return [
        name
        for name in MODULES
        if (name.startswith("bus") and name not in BUS_EDGES)
        or name.startswith("strategies")
        or (name.startswith("daemons") and name not in SHELLS_OF_DAEMONS)
        or name in CORES_OF_REPLAY
    ]


@pytest.mark.parametrize(
    ("package", "may_know"),
    [
        ("bus", {"bus"}),
        ("strategies", {"bus", "strategies"}),
        ("daemons", {"bus", "strategies", "daemons"}),
        ("replay", {"bus", "strategies", "daemons", "replay"}),
    ],
)
def test_imports_point_one_way(package: str, may_know: set[str]) -> None:
    """bus <- strategies <- daemons <- replay; nothing imports replay but itself."""
    for name, path in MODULES.items():
        if name.split(".")[0] == package:
            ours = {each.split(".")[0] for each in imports(path)} & set(PACKAGES)
            assert ours <= may_know, f"{name} imports {ours - may_know}"


@pytest.mark.parametrize("name", cores())
def test_a_core_imports_nothing_of_the_world(name: str) -> None:
    """No socket, clock, file, environment or randomness: only pure library modules, and our own that are pure as well."""
    for each in imports(MODULES[name]):
        if each.split(".")[0] in PACKAGES:
            assert each not in BUS_EDGES | SHELLS_OF_DAEMONS, f"{name} imports the edge {each}"
        else:
            top = each.split(".")[0]
            assert top in PURE | ALLOWED.get(name, set()), f"{name} imports {each}"


@pytest.mark.parametrize("name", cores())
def test_a_core_reads_no_clock_and_opens_nothing(name: str) -> None:
    """The allowed modules have doors to the world, too (`datetime.now`); no core goes through one."""
    for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                assert node.func.id not in WORLD, f"{name}:{node.lineno} calls {node.func.id}"
            elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                called = f"{node.func.value.id}.{node.func.attr}"
                outside = node.func.attr in CLOCKS and node.func.value.id in ("datetime", "dt", "date", "time")
                assert not outside, f"{name}:{node.lineno} calls {called}"


def test_strategies_know_only_the_language() -> None:
    """A strategy sees messages; not the runner, not the gate, not the wire."""
    may = {"bus.messages", "bus.topics", "bus.errors"}
    for name, path in MODULES.items():
        if name.startswith("strategies"):
            ours = {each for each in imports(path) if each.startswith(("bus", "daemons", "replay"))}
            assert ours <= may, f"{name} imports {ours - may}"


def test_nobody_unpickles_or_evaluates() -> None:
    """Nothing that could run what a peer sends."""
    for name, path in MODULES.items():
        assert not imports(path) & {"pickle", "marshal", "shelve", "dill"}, name
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("eval", "exec")], name


def test_every_module_is_listed_once() -> None:
    """A shell that is not listed as one would be taken for a core, and a listed one that is gone is noise."""
    assert set(MODULES) >= BUS_EDGES | SHELLS_OF_DAEMONS | CORES_OF_REPLAY
