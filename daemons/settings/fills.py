"""How the simulated venue fills orders: the names of its models, and the options that go with any of them (docs/fills.md)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tapewire.bus.errors import ConfError, suggest

NEXT_OPEN, CLOSE, NINJATRADER, OPTIMISTIC, PESSIMISTIC = "next_open", "close", "ninjatrader", "optimistic", "pessimistic"
MODELS = (NEXT_OPEN, CLOSE, NINJATRADER, OPTIMISTIC, PESSIMISTIC)

COMPARE = "compare"
"""In place of a model's name: all of them side by side."""


class FillOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of the simulated venue. None is the model's own rule, or no such rule; a file writes "none".

    limits: what fills a limit entry and a target: a "touch" of its price, or trade "through" it.
    gap: what a limit entry or a target gets that the open has passed: the "open", or its own "limit".
    slippage_atr, slippage_range: slippage beside the instrument's ticks, as a share of the ATR (mean true range of the last 14 bars
        that traded, before the one that fills), and of the range of the bar that fills; their sum, rounded up to whole ticks.
    partial_share: of a bar's volume, the share that our orders get, in whole contracts; the rest of an order waits.
    reject_share: the share of entries and closes that the venue rejects, by a hash of `seed` and the order's id.
    expire: an entry at the market that has not filled by its validity is cancelled, as one with a limit always is.
    """

    limits: Literal["touch", "through"] | None = None
    gap: Literal["open", "limit"] | None = None
    slippage_atr: float | None = None
    slippage_range: float | None = None
    partial_share: float | None = None
    reject_share: float | None = None
    seed: int = 1
    expire: bool = False

    def __post_init__(self) -> None:
        for name in ("slippage_atr", "slippage_range"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 10:
                raise ValueError(f"{name} = {share:g}: write a share from 0 to 10, such as 0.05")
        if self.partial_share is not None and not 0 < self.partial_share <= 1:
            raise ValueError(f'partial_share = {self.partial_share:g}: write a share above 0 and at most 1, or "none"')
        if self.reject_share is not None and not 0 <= self.reject_share <= 1:
            raise ValueError(f"reject_share = {self.reject_share:g}: write a share from 0 to 1")


def model(name: str) -> str:
    """The name of a fill model. Raises ConfError with the nearest one."""
    if name == COMPARE:
        raise ConfError("fill = compare runs all models side by side: `tapewire backtest --fill compare`, `tapewire.compare_fills`")
    if name not in MODELS:
        raise ConfError(f"unknown fill model {name!r}{suggest(name, MODELS)}; known: {', '.join(MODELS)}")
    return name
