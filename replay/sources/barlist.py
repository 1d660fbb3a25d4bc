"""Bars as a sequence that is made from columns while it is read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, cast, overload

import numpy as np

from tapewire.bus.messages import Bar, CrossBar, Phase
from tapewire.replay.sources.table import Bars, Flags, Whole
from tapewire.strategies.clock import MINUTE_NS

PAGE = 4096
PHASE: Phase = "playback"


class BarList(Sequence[Bar]):
    """Bars of a traded instrument, made from columns when they are asked for: 780,000 of them take 60 MB, not 400.

    Args:
        instrument: the traded symbol. bars: of its root, closes in UTC. beside: bars of other roots; those of the same close stand
        beside a bar. first: the index of the first bar.
    """

    def __init__(self, instrument: str, bars: Bars, beside: Sequence[tuple[str, Bars]] = (), first: int = 0) -> None:
        self._instrument = instrument
        self._bars = bars
        self._beside = tuple(beside)
        self._first = first

    def __len__(self) -> int:
        return len(self._bars)

    @overload
    def __getitem__(self, at: int) -> Bar: ...
    @overload
    def __getitem__(self, at: slice) -> BarList: ...
    def __getitem__(self, at: int | slice) -> Bar | BarList:
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            if step != 1:
                raise ValueError("bars are taken in order: the step of a slice is 1")
            return BarList(self._instrument, self._bars.only(np.arange(start, max(start, stop))), self._beside, self._first + start)
        number = range(len(self))[at]
        return next(self._page(number, number + 1))

    def __iter__(self) -> Iterator[Bar]:
        for start in range(0, len(self), PAGE):
            yield from self._page(start, min(start + PAGE, len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def _page(self, start: int, stop: int) -> Iterator[Bar]:
        at = np.arange(start, stop)
        close_ns = self._bars.stamp[start:stop]
        numbers = range(self._first + start, self._first + stop)
        return map(
            Bar,
            itertools.repeat(self._instrument),
            (close_ns - MINUTE_NS).tolist(),
            close_ns.tolist(),
            *_columns(self._bars, at),
            numbers,
            self._cross(start, stop),
            itertools.repeat(None),
            itertools.repeat(PHASE),
            *_flow(self._bars, slice(start, stop)),
        )

    def _cross(self, start: int, stop: int) -> Iterator[tuple[CrossBar, ...]]:
        """What stands beside each bar."""
        found: list[Sequence[CrossBar | None]] = []
        whole = True
        stamps = self._bars.stamp[start:stop]
        for root, other in self._beside:
            there = _places(stamps, other.stamp)
            at = np.flatnonzero(there >= 0)
            made = map(CrossBar, itertools.repeat(root), *_columns(other, there[at]))
            if len(at) == len(stamps):
                found.append(list(made))
            elif len(at):
                slots: list[CrossBar | None] = [None] * len(stamps)
                for slot, each in zip(at.tolist(), made, strict=True):
                    slots[slot] = each
                found.append(slots)
                whole = False
        if not found:
            return itertools.repeat(())
        rows = zip(*found, strict=True)
        return cast(Iterator[tuple[CrossBar, ...]], rows) if whole else (tuple(filter(None, row)) for row in rows)


def _columns(bars: Bars, at: Whole) -> Iterator[list[Any]]:
    """Open, high, low, close, volume, ask and bid of rows as plain values; order flow that is not known is None."""
    for column in (bars.open, bars.high, bars.low, bars.close, bars.volume):
        yield column[at].tolist()
    for side in (bars.ask, bars.bid):
        yield [None] * len(at) if side is None else _known(side[at])


def _flow(bars: Bars, rows: slice) -> tuple[Iterator[int | None], Iterator[int | None], Iterator[int | None]]:
    """Delta, up ticks and down ticks of rows. A bar with volume on neither side has no delta."""
    delta: Iterator[int | None] = itertools.repeat(None)
    up: Iterator[int | None] = itertools.repeat(None)
    down: Iterator[int | None] = itertools.repeat(None)
    if bars.ask is not None and bars.bid is not None:
        ask, bid = bars.ask[rows], bars.bid[rows]
        known = (ask >= 0) & (bid >= 0) & ((bars.volume[rows] == 0) | (ask != 0) | (bid != 0))
        delta = _each(ask - bid, known)
    if bars.up is not None and bars.down is not None:
        up, down = (_each(column[rows], column[rows] >= 0) for column in (bars.up, bars.down))
    return delta, up, down


def _each(column: Whole, known: Flags) -> Iterator[int | None]:
    values: list[int] = column.tolist()
    return iter(values) if known.all() else (value if there else None for value, there in zip(values, known.tolist(), strict=True))


def _known(side: Whole) -> list[int | None]:
    values: list[int | None] = side.tolist()
    return values if not (side < 0).any() else [None if value is not None and value < 0 else value for value in values]


def _places(stamps: Whole, others: Whole) -> Whole:
    """Where each stamp stands among others; -1 where it does not."""
    if not len(others):
        return np.full(len(stamps), -1)
    at = np.minimum(np.searchsorted(others, stamps), len(others) - 1)
    return np.where(others[at] == stamps, at, -1)
