"""The table of all features, and the stream that computes some of them bar by bar."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from tapewire.bus.errors import ConfError, suggest
from tapewire.bus.messages import Session
from tapewire.strategies.features import (
    auctions,
    daytypes,
    flow,
    means,
    moves,
    opening,
    others,
    prices,
    shapes,
    times,
    volatility,
    volumes,
)
from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment

FAMILIES = (times, moves, volatility, shapes, volumes, flow, means, prices, opening, daytypes, auctions, others)


def _all() -> Iterator[tuple[str, Feature]]:
    for family in FAMILIES:
        for feature in family.table():
            yield feature.name, feature


FEATURES: Mapping[str, Feature] = MappingProxyType(dict(_all()))
"""Every feature by its name, in a fixed order."""

AUCTION = frozenset(feature.name for feature in auctions.table())
"""Names of those that the auction is needed for."""


def chosen(names: Sequence[str]) -> tuple[Feature, ...]:
    """The features of these names, in their order. Raises ConfError for a name that is none, or that is there twice."""
    for at, name in enumerate(names):
        if name not in FEATURES:
            raise ConfError(f"unknown feature {name!r}{suggest(name, FEATURES)}; `tapewire features --list` shows all")
        if name in names[:at]:
            raise ConfError(f"the feature {name!r} is named twice; name it once")
    return tuple(FEATURES[name] for name in names)


def reads_auction(names: Iterable[str]) -> bool:
    """Whether one of these features is of the auction, and so always missing where the preset asks for none."""
    return any(name in AUCTION for name in names)


def available(row_ticks: int | None) -> tuple[str, ...]:
    """All features that a run has. row_ticks: of its auction; without it those of the auction are left out."""
    return tuple(name for name in FEATURES if row_ticks or name not in AUCTION)


def digest(names: Sequence[str]) -> str:
    """SHA-256 over name, unit, meaning and revision of these features, in their order: what a model was trained on.

    Raises:
        ConfError: as `chosen`.
    """
    rows = ("\0".join((each.name, each.unit, each.meaning, str(each.revision))) for each in chosen(names))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


class FeatureStream:
    """Computes features of one instrument, bar by bar, in constant time and bounded memory.

    It must see every bar of a trade date, those of the night too. Of a date whose first bars it has not seen it has what the
    session carries; what it counts itself begins with its own first bar.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """names: of the features, in the order of the values. Raises ConfError for a name that is none, or that is there twice."""
        self.names = tuple(names)
        self._values = [each.value for each in chosen(names)]
        self._moment = Moment()
        self._session = ""
        self._begun = False

    def start(self, session: str) -> None:
        """A new trade date, YYYY-MM-DD. `fold` does it by itself where the session's date is another."""
        self._session = session
        self._begun = False
        self._moment.start(session)

    def fold(self, s: Session) -> None:
        """Take the next bar: all that a bar needs whose values nobody asks for."""
        if s.session != self._session:
            self.start(s.session)
        self._begun = True
        self._moment.fold(s)

    def values(self) -> tuple[float, ...]:
        """The values after the last bar, in the order of the names. NaN is missing; none is infinite. Changes nothing.

        All are missing before the first bar of a date.
        """
        moment = self._moment
        if not self._begun:
            return (math.nan,) * len(self.names)
        return tuple([_plain(value(moment)) for value in self._values])

    def take(self, s: Session) -> tuple[float, ...]:
        """Take the next bar, and return the values after it."""
        self.fold(s)
        return self.values()


def _plain(value: float | None) -> float:
    return float(value) if value is not None and math.isfinite(value) else math.nan
