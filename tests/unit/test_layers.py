"""The import rules, proved over the syntax trees: which room may import which; deciding code reaches nothing outside."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bus", "strategies", "daemons", "replay")

# The house, from the ground up. A module may know its own room and the rooms on the floors below it, never one beside it.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("bus",),
    ("strategies",),
    ("daemons.market",),
    ("daemons.settings",),
    ("daemons.tracker", "daemons.evaluator", "daemons.gate", "daemons.publisher", "daemons.shell"),
    ("daemons.broker", "daemons.logger", "daemons.makers", "daemons.evaluation", "daemons.relay"),
    ("daemons.alerts",),
    ("daemons.operator",),
    ("replay",),
    ("daemons.api",),
    ("daemons.__main__",),
)
# The gate's own rooms, likewise.
GATE_FLOORS: tuple[tuple[str, ...], ...] = (
    ("books", "firm"),
    ("external", "observed"),
    ("checks",),
    ("",),
)

# Edges of the bus: modules with a socket, a file or a clock behind them.
BUS_EDGES = {
    "bus.access",
    "bus.archive",
    "bus.backlog",
    "bus.connections",
    "bus.contexts",
    "bus.client",
    "bus.clock",
    "bus.disk",
    "bus.endless",
    "bus.feed_files",
    "bus.guard",
    "bus.monitor",
    "bus.journal",
    "bus.keys",
    "bus.private",
    "bus.inlets",
    "bus.sockets",
    "bus.subscriptions",
    "bus.testing",
}
SHELL_ROOMS = ("daemons.shell", "daemons.operator", "daemons.api", "daemons.relay")
SHELLS = {
    "daemons.__main__",
    "daemons.alerts.addresses",
    "daemons.alerts.courier",
    "daemons.alerts.process",
    "daemons.alerts.senders",
    "daemons.alerts.state",
    "daemons.broker",
    "daemons.evaluation",
    "daemons.logger",
    "daemons.publisher.process",
    "daemons.publisher.signal_files",
    "daemons.makers",
    "daemons.settings.calendar",
    "daemons.settings.caps",
    "daemons.settings.corrections",
    "daemons.settings.files",
    "daemons.settings.instruments",
    "daemons.settings.load",
    "daemons.settings.overrides",
}
PURE_IN_SHELL_ROOMS = {
    "daemons.api.measures",
    "daemons.api.memory",
    "daemons.shell.audit",
    "daemons.shell.laps",
    "daemons.shell.readers",
    "daemons.shell.watch",
    "daemons.operator.doctor.bridge",
    "daemons.operator.doctor.contracts",
    "daemons.operator.doctor.findings",
    "daemons.operator.doctor.hours",
    "daemons.operator.latency",
    "daemons.operator.snapshot",
    "daemons.operator.tables",
    "daemons.relay.uptake",
}
CORES_OF_REPLAY = {
    "replay.venue.book",
    "replay.venue.core",
    "replay.venue.matching",
    "replay.venue.rules",
    "replay.venue.reports",
    "replay.loop",
    "replay.days.book",
    "replay.days.events",
    "replay.days.feed",
    "replay.days.live",
    "replay.days.sums",
}

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
    "hashlib",
    "heapq",
    "itertools",
    "math",
    "msgspec",
    "mypy_extensions",
    "operator",
    "re",
    "struct",
    "types",
    "typing",
    "zlib",
    "zoneinfo",
}
# Installed plug-ins are found by their metadata; which ones there are is part of the configuration, not of a decision.
# The file of a model is likewise read once, when a run is built; its answers are a function of the file and of the row.
# Base64 and signatures are functions of their bytes.
ALLOWED = {
    "strategies.registry": {"importlib"},
    "strategies.model_file": {"numpy", "onnxruntime", "pathlib"},
    "bus.feed": {"base64", "binascii", "nacl"},
    "daemons.relay.uptake": {"nacl"},
}
CLOCKS = {"now", "today", "utcnow", "time", "time_ns", "monotonic", "perf_counter"}
WORLD = {"open", "input", "eval", "exec", "compile", "__import__"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def imports(path: Path) -> set[str]:
    """Every module named in an import in the file, ours without `tapewire.`; `from x import y` is x.y if that is a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            if node.module.partition(".")[0] == "tapewire":
                ours = {f"{node.module}.{alias.name}".removeprefix("tapewire.") for alias in node.names}
                found |= (ours & set(MODULES)) or {node.module.removeprefix("tapewire.")}
            else:
                found.add(node.module)
    return found


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in (*PACKAGES, "tapewire")


def is_shell(name: str) -> bool:
    """Whether a module of the daemons may touch the world."""
    return name in SHELLS or (name.startswith(SHELL_ROOMS) and name not in PURE_IN_SHELL_ROOMS)


def cores() -> list[str]:
    """All deciding code, and the pure parts of the bus."""
    return [
        name
        for name in MODULES
        if (name.startswith("bus") and name not in BUS_EDGES)
        or name.startswith("strategies")
        or (name.startswith("daemons") and not is_shell(name))
        or name in CORES_OF_REPLAY
    ]


def floor(name: str, floors: tuple[tuple[str, ...], ...]) -> tuple[int, str]:
    """Number and name of the room that a module lies in; the most exact name counts."""
    rooms = {room: number for number, level in enumerate(floors) for room in level}
    room = max((room for room in rooms if not room or f"{name}.".startswith(f"{room}.")), key=len)
    return rooms[room], room


@pytest.mark.parametrize("name", [name for name in MODULES if name != "daemons"])
def test_imports_point_down(name: str) -> None:
    """To the own room or to a lower floor: no room imports one beside it or above it, and only replay imports replay."""
    number, room = floor(name, FLOORS)
    for each in imports(MODULES[name]):
        if each in MODULES and each != "daemons":
            below, other = floor(each, FLOORS)
            assert other == room or below < number, f"{name} imports {each}, which is not below it"


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("daemons.gate.")])
def test_the_gates_own_rooms_point_down(name: str) -> None:
    """Books and programs import no checks, and only the core's own files import all."""
    number, room = floor(name.removeprefix("daemons.gate."), GATE_FLOORS)
    for each in imports(MODULES[name]):
        if each.startswith("daemons.gate."):
            below, other = floor(each.removeprefix("daemons.gate."), GATE_FLOORS)
            assert other == room or below < number, f"{name} imports {each}, which is not below it"


@pytest.mark.parametrize("name", cores())
def test_a_core_imports_nothing_of_the_world(name: str) -> None:
    """No socket, clock, file, environment or randomness: only pure library modules, and our own that are pure as well."""
    for each in imports(MODULES[name]):
        if is_ours(each):
            assert each not in BUS_EDGES, f"{name} imports the edge {each}"
            assert not is_shell(each), f"{name} imports the shell {each}"
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


def test_no_code_unpickles_or_evaluates() -> None:
    """No call that could execute a peer's bytes."""
    for name, path in MODULES.items():
        assert not imports(path) & {"pickle", "marshal", "shelve", "dill"}, name
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("eval", "exec")], name


def test_every_module_is_listed_once() -> None:
    """A shell that is not listed as one would be taken for a core, and a listed one that no longer exists is noise."""
    assert set(MODULES) >= BUS_EDGES | SHELLS | PURE_IN_SHELL_ROOMS | CORES_OF_REPLAY


def test_no_class_is_long() -> None:
    """A class of 300 lines holds two nouns."""
    lengths = {
        f"{name}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }

    assert {name: lines for name, lines in lengths.items() if lines >= 300} == {}


def test_a_class_name_means_one_thing() -> None:
    """Only `Params` stands in several files: it is the part of a strategy that every strategy has under this name."""
    places: dict[str, list[str]] = {}
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name)

    assert {name: where for name, where in places.items() if len(where) > 1 and name != "Params"} == {}
