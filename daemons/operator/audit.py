"""`tapewire audit`: prove that a feed which a subscriber has kept is the one that was signed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from tapewire.bus import feed
from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.feed import Checked, FeedLine

out = Console(soft_wrap=True, highlight=False)


def register(application: typer.Typer) -> None:
    """Add this module's commands to the application."""
    application.command()(audit)


def audit(
    files: Annotated[
        list[Path], typer.Argument(metavar="FEED...", help="The kept feed: JSON lines, several files in their order.")
    ],
    key: Annotated[str, typer.Option(help="Who signed it: `signed_by` of a subscriber's file, or a file that holds it.")],
    heads: Annotated[
        Path | None,
        typer.Option(help="Another feed with heads of the same owner, such as the free tier's: this one must have their lines."),
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="The last trade date is not over: lines after the last head are allowed.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Follow a feed line by line: exit status 1, and the place, where a line was altered, left out, put in, moved or cut off."""
    try:
        found = feed.check(_texts(files), feed.verify_key(_key(key)), _heads(heads))
        _end(found, open_=open_)
        late = sorted(feed.lateness(_texts(files)))
    except ImportError:
        raise ConfError("a proof needs PyNaCl: pip install 'tapewire[subscribers]'") from None
    except DataError as error:
        if json:
            out.print(msgspec.json.encode({"equal": False, "why": str(error)}).decode(), markup=False)
        else:
            out.print(f"not what was signed: {error}", markup=False)
        raise typer.Exit(1) from None
    if json:
        told = {"late_s": _of(late) if late else None}
        out.print(msgspec.json.encode({"equal": True, **found._asdict(), **told}).decode(), markup=False)
        return
    left = f", {found.last - found.signed} lines after the last head" if found.last > found.signed else ""
    signed = f"{found.heads:,} heads, signed to {found.signed:,}{left}"
    out.print(f"whole: lines {found.first:,} to {found.last:,}, {signed}", markup=False)
    if late:
        shown = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in _of(late).items())
        out.print(f"received after the market time of each line: {shown}", markup=False)


def _of(late: list[float]) -> dict[str, float]:
    return {"least": late[0], "median": late[len(late) // 2], "most": late[-1]}


def _end(found: Checked, *, open_: bool) -> None:
    if not found.last:
        raise DataError("there is no line")
    if not open_ and not found.closed:
        raise DataError(f"cut: after number {found.last} there is no head that closes a trade date (--open, if it is not over)")
    if open_ and not found.heads:
        raise DataError("nothing is signed: there is no head")


def _texts(files: Iterable[Path]) -> Iterable[bytes]:
    for path in files:
        try:
            with path.open("rb") as file:
                yield from feed.texts(file)
        except OSError as error:
            raise ConfError(f"{path}: {error.strerror}") from None


def _heads(path: Path | None) -> list[FeedLine]:
    return [] if path is None else [feed.decoded(text) for text in _texts([path])]


def _key(text: str) -> str:
    """The public key: as given, in a file of its own, or as `signed_by` of a subscriber's file."""
    path = Path(text)
    try:
        content = path.read_text("utf-8") if path.is_file() else text
    except (OSError, UnicodeDecodeError, ValueError):
        return text
    for line in content.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() == "signed_by":
            return value.strip().strip('"')
    return content
