"""Bars as a sequence that is held in compressed pages: whole messages with every field, 400,000 of them in some 20 MB."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import msgspec

from tapewire.bus.messages import Bar

PAGE = 1024

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(list[Bar])


class PagedBars(Sequence[Bar]):
    """Bars in their order; a slice shares their pages.

    Args:
        bars: taken one by one, so that they need never lie in memory at once.
    """

    def __init__(self, bars: Iterable[Bar]) -> None:
        self._pages: list[bytes] = []
        page: list[Bar] = []
        count = 0
        for bar in bars:
            page.append(bar)
            count += 1
            if len(page) == PAGE:
                self._pages.append(_packed(page))
                page.clear()
        if page:
            self._pages.append(_packed(page))
        self._within = range(count)
        self._open: tuple[int, list[Bar]] = (-1, [])

    def __len__(self) -> int:
        return len(self._within)

    @overload
    def __getitem__(self, at: int) -> Bar: ...
    @overload
    def __getitem__(self, at: slice) -> PagedBars: ...
    def __getitem__(self, at: int | slice) -> Bar | PagedBars:
        if isinstance(at, slice):
            part = PagedBars(())
            part._pages, part._within = self._pages, self._within[at]
            return part
        page, place = divmod(self._within[at], PAGE)
        return self._page(page)[place]

    def __iter__(self) -> Iterator[Bar]:
        for number in range(len(self)):
            yield self[number]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def _page(self, number: int) -> list[Bar]:
        if self._open[0] != number:
            self._open = (number, _decoder.decode(zlib.decompress(self._pages[number])))
        return self._open[1]


def _packed(page: list[Bar]) -> bytes:
    return zlib.compress(_encode(page), 1)
