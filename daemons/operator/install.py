"""`tapewire bridge install`: the bridge's scripts and its key into NinjaTrader's folder, and what is left to do by hand."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

import tapewire
from tapewire.bus import keys, private
from tapewire.bus.errors import ConfError
from tapewire.daemons.operator.commands import LIVE
from tapewire.daemons.operator.keys import RunOption, conf_of, folder
from tapewire.daemons.settings.structs import Bus

out = Console(soft_wrap=True, highlight=False)

SCRIPTS = Path(tapewire.__file__).parent / "ninjascript"
PLACES = {"TapewireBridge.cs": "Strategies", "TapewireBars.cs": "Indicators"}  # below bin/Custom; every other script: AddOns
REFERENCES = ("NetMQ.dll", "AsyncIO.dll", "NaCl.dll")


class Library(NamedTuple):
    """A DLL that the scripts need, and the folder `lib/...` of the NuGet package that has the right build of it."""

    file: str
    package: str
    version: str
    lib: str


LIBRARIES = (
    Library("NetMQ.dll", "NetMQ", "4.0.1.13", "net47"),
    Library("AsyncIO.dll", "AsyncIO", "0.1.69", "net40"),
    Library("NaCl.dll", "NaCl.Net", "0.1.13", "net472"),
    Library("System.Memory.dll", "System.Memory", "4.5.3", "netstandard2.0"),
    Library("System.Buffers.dll", "System.Buffers", "4.4.0", "netstandard2.0"),
    Library("System.Numerics.Vectors.dll", "System.Numerics.Vectors", "4.4.0", "net46"),
    Library("System.Runtime.CompilerServices.Unsafe.dll", "System.Runtime.CompilerServices.Unsafe", "4.5.3", "net461"),
    Library("System.Threading.Tasks.Extensions.dll", "System.Threading.Tasks.Extensions", "4.5.4", "net461"),
)
"""What NetMQ 4.0.1.13 is built against. A strong name asks for exactly its version, so no other goes with it."""

app = typer.Typer(help="The bridge in NinjaTrader.", no_args_is_help=True, rich_markup_mode=None)


def register(application: typer.Typer) -> None:
    """Add this module's command to the application."""
    application.add_typer(app, name="bridge")


@app.callback()
def _group() -> None:
    """The bridge in NinjaTrader."""


@app.command()
def install(
    to: Annotated[Path, typer.Option("--to", help="NinjaTrader's folder of the Windows user: .../Documents/NinjaTrader 8.")],
    packages: Annotated[
        Path | None, typer.Option(help="Folder with the downloaded NuGet packages (*.nupkg); their DLLs are put in place as well.")
    ] = None,
    run: RunOption = LIVE,
) -> None:
    """Put the scripts and tapewire.key in place, and say what is left to do by hand.

    A file that differs is kept in a folder below tapewire\\ first. If one cannot be written, none is changed.
    """
    custom = to / "bin" / "Custom"
    if not custom.is_dir():
        raise ConfError(
            f"--to {to}: no bin/Custom in it, so it is not NinjaTrader's folder; in WSL2 that is "
            "/mnt/c/Users/NAME/Documents/NinjaTrader 8 (start NinjaTrader once, it makes the folder)"
        )
    run = folder(run)
    bus = conf_of(run).bus
    wanted = scripts(custom) | {to / "tapewire" / keys.BRIDGE_FILE: key_file(run, bus)}
    if packages is not None:
        wanted |= libraries(packages, custom)
    before = to / "tapewire" / f"before-{dt.datetime.now():%Y%m%d-%H%M%S}"
    written, replaced = put(wanted, to, before)
    out.print(f"{len(wanted)} files, {written} written, {len(wanted) - written} were the same: {to}", markup=False)
    if replaced:
        out.print(f"replaced {replaced}; the former are in {before}", markup=False)
    for line in left(custom, bus):
        out.print(line, markup=False)


def scripts(custom: Path) -> dict[Path, bytes]:
    """The bridge's scripts by their places."""
    found = sorted(SCRIPTS.glob("*.cs"))
    return {custom / PLACES.get(path.name, "AddOns") / path.name: path.read_bytes() for path in found}


def key_file(run: Path, bus: Bus) -> bytes:
    """What `tapewire keys bridge` writes."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / keys.BRIDGE_FILE
        keys.export(run, keys.bridge(run), path, host=bus.host, base_port=bus.base_port)
        return path.read_bytes()


def libraries(packages: Path, custom: Path) -> dict[Path, bytes]:
    """The DLLs of the packages in a folder, by their places. A package that is not there is left out.

    Raises:
        ConfError: there is no package, or one lacks its DLL.
    """
    files = {path.name.lower(): path for path in packages.glob("*.nupkg")} if packages.is_dir() else {}
    found = {}
    for each in LIBRARIES:
        path = files.get(f"{each.package}.{each.version}.nupkg".lower())
        if path is None:
            continue
        member = f"lib/{each.lib}/{each.file}"
        try:
            with zipfile.ZipFile(path) as archive:
                found[custom / each.file] = archive.read(member)
        except (KeyError, zipfile.BadZipFile, OSError) as error:
            raise ConfError(f"{path}: no {member} can be read from it ({error}); download the package again") from error
    if not found:
        names = ", ".join(f"{each.package}.{each.version}.nupkg" for each in LIBRARIES)
        raise ConfError(f"--packages {packages}: none of {names} is there")
    return found


def put(wanted: Mapping[Path, bytes], top: Path, before: Path) -> tuple[int, int]:
    """Write the files, all or none. Returns how many were written, and how many of them replaced another.

    Args:
        wanted: their content by path, all below `top`.
        before: folder for those that are replaced.

    Raises:
        ConfError: one cannot be written; everything is as it was.
    """
    changed = {path: data for path, data in wanted.items() if not path.is_file() or path.read_bytes() != data}
    fresh: dict[Path, Path] = {}
    kept: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for path, data in changed.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh[path] = path.with_name(f".{path.name}.new")  # NinjaTrader compiles what ends with .cs
            _write(fresh[path], data)
        for path in filter(Path.exists, changed):
            kept[path] = before / path.relative_to(top)
            kept[path].parent.mkdir(parents=True, exist_ok=True)
            _write(kept[path], path.read_bytes())
        for path in changed:
            fresh[path].replace(path)
            done.append(path)
    except OSError as error:
        for path in done:
            if path in kept:
                _write(path, kept[path].read_bytes())
            else:
                path.unlink(missing_ok=True)
        for path in fresh.values():
            path.unlink(missing_ok=True)
        raise ConfError(
            f"{error.filename or top}: {error.strerror}; nothing was changed; close NinjaTrader and try again"
        ) from error
    return len(changed), len(kept)


def left(custom: Path, bus: Bus) -> Iterator[str]:
    """What a person still has to do."""
    yield "left to do by hand:"
    missing = [each for each in LIBRARIES if not (custom / each.file).is_file()]
    for each in missing:
        yield f"  copy {each.file} into bin\\Custom: package {each.package} {each.version} of NuGet, lib\\{each.lib}"
    references = ", ".join(REFERENCES)
    yield f"  NinjaTrader: New > NinjaScript Editor > right click > References...: add {references}; then F5 compiles"
    yield f"  a one-minute chart, Order Flow Volumetric, with the strategy TapewireBridge: {_host(bus)}, Base port {bus.base_port}"
    yield "  ninjascript/README.md, sections 3 and 4, shows the dialogs; then `tapewire doctor`"


def _host(bus: Bus) -> str:
    try:
        ipaddress.ip_address(bus.host)
    except ValueError:
        return f"Host the IP address of {bus.host} (a name is resolved once only)"
    return f"Host {bus.host}"


def _write(path: Path, data: bytes) -> None:
    """To the disk, for this user alone; not a half of it."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, private.FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
