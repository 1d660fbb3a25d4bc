"""Which form runs: machine code only for the sources as they are; an error in it names its line; plug-ins build on it."""

from __future__ import annotations

import linecache
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tapewire import form
from tapewire.bus.errors import raised_at
from tapewire.bus.messages import Bar
from tapewire.bus.testing import bar
from tapewire.strategies import candles
from tapewire.strategies.candles import Candle, Candles

SOURCE = "bus/wire.py"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one source, and a folder of its compiled modules."""
    source = tmp_path / SOURCE
    source.parent.mkdir()
    source.write_text("VERSION = 1\n")
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled" / form.SOURCES).write_text(f"{form.digest(source)} {SOURCE}\n")
    return tmp_path


def chosen(package: Path) -> tuple[str, str]:
    return form.chosen(package, package / "compiled")


def test_unchanged_sources_run_compiled(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the file was written again with the same content, as a change of branch and back does."""
    monkeypatch.delenv("TAPEWIRE_COMPILE", raising=False)
    (package / SOURCE).write_text("VERSION = 1\n")

    assert chosen(package) == (form.COMPILED, "")


def test_an_edited_source_is_never_shadowed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One changed file, even with its old size and time, and everything is interpreted; the reason names the file."""
    monkeypatch.delenv("TAPEWIRE_COMPILE", raising=False)
    source = package / SOURCE
    before = source.stat()
    source.write_text("VERSION = 2\n")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert chosen(package) == (form.INTERPRETED, f"{SOURCE} has changed since tapewire was compiled")


def test_a_source_that_is_gone_counts_as_changed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its machine code would otherwise outlive it."""
    monkeypatch.delenv("TAPEWIRE_COMPILE", raising=False)
    (package / SOURCE).unlink()

    assert chosen(package)[0] == form.INTERPRETED


def test_what_was_not_compiled_is_interpreted_without_a_reason(package: Path) -> None:
    """An uncompiled checkout is nothing to be told about."""
    assert form.chosen(package, package / "nowhere") == (form.INTERPRETED, "")


def test_the_interpreted_form_can_be_asked_for(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`TAPEWIRE_COMPILE=0` runs the sources, whatever is compiled."""
    monkeypatch.setenv("TAPEWIRE_COMPILE", "0")

    assert chosen(package) == (form.INTERPRETED, "")


def test_a_process_asked_for_sources_loads_no_machine_code() -> None:
    """The shared library of all compiled modules stays out."""
    script = "import sys, tapewire.replay.loop; print('tapewire_native__mypyc' in sys.modules)"
    environment = os.environ | {"TAPEWIRE_COMPILE": "0"}

    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, env=environment)

    assert done.stdout == "False\n"


def test_the_source_of_a_module_is_known_in_both_forms() -> None:
    """What names code by its bytes, as a sweep does, reads the source and not a library."""
    assert form.source(candles).read_text().startswith('"""Candles of several minutes')


def test_an_error_names_its_file_and_line() -> None:
    """The innermost call's, in machine code as well."""
    with pytest.raises(ZeroDivisionError) as raised:
        candles.bucket_end(571, 0)

    file, _, line = raised_at(raised.value).partition(":")
    assert file == "strategies/candles.py"
    assert "// length" in linecache.getline(str(form.source(candles)), int(line))


def test_a_plug_in_may_build_on_a_class_of_ours() -> None:
    """Plain Python on top of a compiled class: what it overrides is called, what it does not is ours."""

    class Counted(Candles[int]):
        taken = 0

        def fold(self, bucket: int, bar: Bar, *, last: bool) -> tuple[Candle[int], ...]:
            self.taken += 1
            return super().fold(bucket, bar, last=last)

    counted = Counted()

    closed = [*counted.fold(575, bar("09:31"), last=False), *counted.fold(575, bar("09:35"), last=True)]

    assert (counted.taken, [candle.bars for candle in closed]) == (2, [2])
