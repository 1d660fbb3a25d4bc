"""The compiled form of the modules that a bar passes through: `TAPEWIRE_COMPILE=1 pip install .`, also with `--editable`.

Without the variable a build is the plain one that setup.cfg describes. mypyc compiles the sources as they stand; the interpreted
form stays the reference. All compiled modules and a list of their sources go into one folder, from which `tapewire/form.py` loads
them only while each source is still what it was. In a checkout this is `tapewire/compiled/`, which git ignores; nothing is
written beside a source.

What stays interpreted, and why: modules with a msgspec Struct (a compiled class loses its options), with a nested class, a
`runtime_checkable` protocol, or a frozen dataclass that is copied; with a generator that keeps a file open, which a compiled one
does not close when it is left before its end (`bus.journal`); strategies, which are written and read as plug-ins are; and
whatever takes no part in a bar, because it would add size and nothing else.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

from setuptools import Command, Distribution, Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # a build backend does not put the project's folder on the path

from tapewire import form  # noqa: E402

MODULES = """
    bus.bounds bus.client bus.clock bus.credit bus.inlets bus.lastvalue bus.outbox bus.ring bus.roles
    bus.sequence bus.served bus.sockets bus.stamp bus.step bus.topics bus.value bus.voice bus.wire
    daemons.broker daemons.logger
    daemons.evaluator.core daemons.evaluator.exits
    daemons.gate.blotter daemons.gate.core daemons.gate.facts daemons.gate.flatten
    daemons.gate.books.account daemons.gate.books.sizing daemons.gate.books.stake daemons.gate.books.timeouts
    daemons.gate.checks.account daemons.gate.checks.case daemons.gate.checks.intent daemons.gate.checks.moment
    daemons.market.clock daemons.market.hours daemons.market.ticks
    daemons.shell.intake daemons.shell.outgoing daemons.shell.process daemons.shell.rounds daemons.shell.runner
    daemons.shell.service daemons.shell.tape daemons.shell.venue_link
    daemons.tracker.acceptance daemons.tracker.auction daemons.tracker.averages daemons.tracker.confidence daemons.tracker.core
    daemons.tracker.cross daemons.tracker.daytype daemons.tracker.flow daemons.tracker.gaps daemons.tracker.history
    daemons.tracker.levels daemons.tracker.prices daemons.tracker.ranges daemons.tracker.session_model daemons.tracker.timeframes
    replay.loop replay.venue.book replay.venue.core replay.venue.matching replay.venue.rules replay.venue.reports
    strategies.auction strategies.candles strategies.clock strategies.figures strategies.indicators strategies.roster
"""
"""What is compiled, without `tapewire.`: everything between a bar's arrival and the last message that it leads to."""

GROUP = "tapewire_native"
"""Name of the library that holds all of it: calls from one module into another need no lookup there."""

MYPY = """[mypy]
ignore_missing_imports = True
follow_imports = silent
[mypy-arch.*,dask.*,distributed.*,numpy.*,onnxruntime.*,optuna.*]
follow_imports = skip
"""
"""How mypy reads the sources for the compiler. Of these it would read all that they import, too: for a quarter of an hour."""

NEEDS = ["mypy >= 1.20", "mypy_extensions", "msgspec", "pyzmq", "structlog", "msgpack", "pynacl"]
"""What a compiling build needs beside setuptools: the compiler, and what the compiled modules import."""

IMPORTED = """
import importlib, pathlib, sys
root, folder, *modules = sys.argv[1:]
sys.path.insert(0, root)
from tapewire import form
sys.meta_path.insert(0, form.Finder(pathlib.Path(folder)))
for module in modules:
    importlib.import_module(f"tapewire.{module}")
"""


class Compile(Command):
    """Takes the place of build_ext: compiles, and puts the libraries and the list of their sources into one folder."""

    user_options: ClassVar[list[tuple[str, str | None, str]]] = []
    editable_mode = False

    def initialize_options(self) -> None:
        self.build_lib: str | None = None
        self.build_temp: str | None = None
        self.outputs: list[str] = []

    def finalize_options(self) -> None:
        self.set_undefined_options("build", ("build_lib", "build_lib"), ("build_temp", "build_temp"))

    def run(self) -> None:
        from mypyc.build import mypycify  # here: the first call of a build only asks what it needs

        files = [f"tapewire/{module.replace('.', '/')}.py" for module in MODULES.split()]
        sources = sorted(closure(files))
        before = [form.digest(ROOT / source) for source in sources]
        work = Path(self.build_temp).resolve() / "compiled"
        shutil.rmtree(work, ignore_errors=True)
        # `make lint` is what checks types, with its settings: without them those of modules beside the compiled may be wrong.
        work.mkdir(parents=True)
        (work / "mypy.ini").write_text(MYPY)
        options = [f"--config-file={work / 'mypy.ini'}"]
        extensions = mypycify([*options, *files], opt_level="1", multi_file=True, group_name=GROUP, target_dir=str(work / "c"))
        libraries = build(extensions, work)
        folder = (ROOT if self.editable_mode else Path(self.build_lib)) / form.FOLDER.relative_to(ROOT)
        lines = [f"{digest} {source.removeprefix('tapewire/')}\n" for digest, source in zip(before, sources, strict=True)]
        place(libraries, folder, "".join(lines))
        shutil.rmtree(work)
        self.outputs = [] if self.editable_mode else [str(path) for path in folder.rglob("*") if path.is_file()]

    def get_source_files(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return self.outputs

    def get_output_mapping(self) -> dict[str, str]:
        return {}


def place(libraries: dict[str, str], folder: Path, sources: str) -> None:
    """Put the libraries into their folder. A process that has the old ones open keeps them.

    The list of sources makes the new ones valid. It is written when all of them have been imported once: not all that mypyc
    compiles can be loaded.
    """
    (folder / form.SOURCES).unlink(missing_ok=True)
    new = {folder / f"{name.replace('.', '/')}{form.SUFFIX}": library for name, library in libraries.items()}
    for path, library in new.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library, f"{path}.new")
        os.replace(f"{path}.new", path)
    for path in set(folder.rglob(f"*{form.SUFFIX}")) - set(new):
        path.unlink()
    words = [sys.executable, "-P", "-c", IMPORTED, str(ROOT), str(folder), *MODULES.split()]
    subprocess.run(words, check=True, env=os.environ | {"TAPEWIRE_COMPILE": "0"})
    (folder / form.SOURCES).write_text(sources)


class Libraries(build_ext):
    """The usual build of C files, each on a processor of its own."""

    def build_extension(self, ext: Extension) -> None:
        def objects(source: str) -> list[str]:
            return self.compiler.compile([source], self.build_temp, None, ext.include_dirs, False, None, options)

        options = [option for option in ext.extra_compile_args if option != "-Werror"]  # a newer compiler warns of more
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            ext.extra_objects = [each for compiled in pool.map(objects, ext.sources) for each in compiled]
        ext.sources = []
        super().build_extension(ext)


def build(extensions: list[Extension], work: Path) -> dict[str, str]:
    """Compile and link the C files. Returns the library of each module."""
    command = Libraries(Distribution({"ext_modules": extensions}))
    command.build_lib, command.build_temp = str(work / "lib"), str(work / "objects")
    command.ensure_finalized()
    command.run()
    return {extension.name: command.get_ext_fullpath(extension.name) for extension in extensions}


def closure(files: list[str]) -> set[str]:
    """These source files and all of ours that they import, directly or not: a type or a constant may come from any of them."""
    found: set[str] = set()
    following = [*files]
    while following:
        file = following.pop()
        if file in found:
            continue
        found.add(file)
        for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("tapewire."):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                paths = [name.replace(".", "/") for name in names]
                following += [each for path in paths for each in (f"{path}.py", f"{path}/__init__.py") if (ROOT / each).is_file()]
    return found


class Compiled(Distribution):
    """A build with libraries in it: the wheel is one for this Python and this kind of machine."""

    def has_ext_modules(self) -> bool:
        return True


if os.environ.get("TAPEWIRE_COMPILE") == "1":
    setup(cmdclass={"build_ext": Compile}, distclass=Compiled, setup_requires=NEEDS)
else:
    setup()
