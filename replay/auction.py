"""Profiles of sessions that are recorded: what the tracker makes of their bars, whether or not the run asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import PROTOCOL_VERSION, Bar, Header, Profile
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker

LETTERS = "ABCDEFGHIJKLM"
"""The brackets of a whole session, as a profile names them."""


def profiles(conf: Conf, bars: Iterable[Bar], row_ticks: int = 0) -> Iterator[Profile]:
    """The profile of each session, in order: the newest that the tracker publishes for it.

    Args:
        bars: of one traded instrument. row_ticks: ticks in a row; 0: as the run's preset has it, 1 if it has none.
    """
    preset = replace(conf.preset, auction_row_ticks=row_ticks or conf.preset.auction_row_ticks or 1)
    core = tracker.daemon(replace(conf, preset=preset)).core
    newest: Profile | None = None
    for number, bar in enumerate(bars, 1):
        event = Event(topics.bar(bar.instrument), Header(PROTOCOL_VERSION, "nt", conf.epoch, number, bar.close_ns), bar)
        for output in core.step(event):
            if isinstance(output.body, Profile):
                if newest is not None and newest.session != output.body.session:
                    yield newest
                newest = output.body
    if newest is not None:
        yield newest


def lettered(brackets: int) -> str:
    """The brackets of a row by their letters: `ABD`."""
    return "".join(letter for at, letter in enumerate(LETTERS) if brackets >> at & 1)
