"""Model: asks a trained model for the probability that a long or a short pays, and proposes from a threshold on.

`tapewire train` writes the model (docs/model.md): its file holds the list of its features, the digest of their definitions, the
span that it was trained on and its thresholds. The features are folded from the sessions of every bar, night included
(strategies/features); the model is asked on RTH bars that could be traded, one row at a time. A missing value is missing here as
it was in training. The answers are the same live, in a replay and in a backtest.

    LONG    p(long) is at least `long_at_least`, and p(short) below `short_at_least`
    SHORT   the other way round; a model of one side proposes that side alone

Nothing is proposed within the span of the training: who is asked about it knows the answers. A recording that holds any of it is
refused before the run begins, unless `in_sample` is set; a live run that begins anew folds such days again, and trades on. A model
that answers what is no probability is switched off, as any strategy that fails.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from tapewire.bus.messages import Position, Quality, Session
from tapewire.strategies import model_file
from tapewire.strategies.clock import TimeOfDay, minute_of
from tapewire.strategies.protocol import LONG, SHORT, DayTypeOf, Direction, Exit, Hours, Proposal, quality


class Model:
    """LONG and SHORT, from the thresholds of its model."""

    name: ClassVar[str] = "Model"
    setups: ClassVar[tuple[str, ...]] = ("MODEL_LONG", "MODEL_SHORT")
    folds: ClassVar[Hours] = "all"
    local: ClassVar[tuple[str, ...]] = ("path", "sha256")
    """Parameters that only settings on this machine may hold, and no message."""

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Where the model is, and how its answers are traded.

        path: the file; a relative one begins at the preset's folder, with --set at the working folder. sha256: of its content; a
            run fills it in and starts with no other.
        long_at_least, short_at_least: probability from which on a side is proposed; without it the file's threshold.
        stop_points, stop_atr: distance of the stop from the fill, in points or in ATR of one-minute bars; give exactly one.
        target_points, target_atr: likewise of the target; give at most one.
        hold_bars: RTH bars after the signal's, at whose close the position is left; none: no such exit.
        begin, until: no proposal before, and from then on. entries_at_most: proposals taken in a session.
        in_sample: it may be asked about the span that it was trained on. What comes of it is no result.
        """

        path: str = ""
        sha256: str = ""
        long_at_least: float | None = None
        short_at_least: float | None = None
        stop_points: float | None = None
        stop_atr: float | None = None
        target_points: float | None = None
        target_atr: float | None = None
        hold_bars: int | None = None
        begin: TimeOfDay = "09:31"
        until: TimeOfDay = "15:45"
        entries_at_most: int | None = None
        in_sample: bool = False

        def __post_init__(self) -> None:
            if not self.path:
                raise ValueError('path: name the file that `tapewire train` wrote, such as path = "out/model/model.onnx"')
            if (self.stop_points, self.stop_atr).count(None) != 1:
                raise ValueError("give exactly one of stop_points, stop_atr")
            if None not in (self.target_points, self.target_atr):
                raise ValueError("give at most one of target_points, target_atr")
            for name in ("stop_points", "stop_atr", "target_points", "target_atr", "hold_bars", "entries_at_most"):
                value = getattr(self, name)
                if value is not None and not 0 < value < math.inf:
                    raise ValueError(f"{name} = {value}: write a number above 0")
            for name in ("long_at_least", "short_at_least"):
                value = getattr(self, name)
                if value is not None and not 0 <= value <= 1:
                    raise ValueError(f"{name} = {value}: write a probability, 0 to 1")

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        from tapewire.strategies.features import FeatureStream  # here: a run without a model need not wait for it

        self.model = model_file.load(params.path, params.sha256)
        self.terms = self.model.terms
        file = dict(zip(self.terms.sides, self.terms.thresholds, strict=True))
        for side, name in ((LONG, "long_at_least"), (SHORT, "short_at_least")):
            if side not in file and getattr(params, name) is not None:
                raise ValueError(f"{name} = {getattr(params, name)}: the model has no side {side}; leave it out")
            if side in file and getattr(params, name) is None:
                params = msgspec.structs.replace(params, **{name: file[side]})
        self.params = params
        self.day_type = day_type
        self.begin, self.until = minute_of(params.begin), minute_of(params.until)
        self.most = math.inf if params.entries_at_most is None else params.entries_at_most
        self.stream = FeatureStream(self.terms.features)
        self.bars = self.entered_at = 0
        self.taken = 0

    @staticmethod
    def pinned(table: Mapping[str, Any], folder: str) -> dict[str, Any]:
        """Its parameters with the file named for good (see `registry.pinned`)."""
        return model_file.pinned(table, folder)

    def unfit(self, symbol: str, root: str, auction_row_ticks: int | None) -> str:
        """Why it may not trade an instrument, with an auction of such rows; empty if it may."""
        if (rows := self.terms.auction_row_ticks) and rows != auction_row_ticks:
            return f"path = {self.params.path!r} was trained on an auction of {rows} ticks a row; set auction_row_ticks = {rows}"
        if root == self.terms.root:
            return ""
        return (
            f"path = {self.params.path!r} was trained on {self.terms.instrument} ({self.terms.root}), and {symbol} is {root}; "
            f"train one on {root}"
        )

    def knows(self, first_ns: int, last_ns: int) -> str:
        """Why it may not be asked about bars from the one close to the other: it was trained on some of them. Empty if it may."""
        terms = self.terms
        if not self._trained_on(first_ns, last_ns):
            return ""
        return (
            f"path = {self.params.path!r} was trained on {terms.first} to {terms.last}, and the bars lie within; take later ones "
            f"(--from, after {terms.last}), or set in_sample = true for a result that is none"
        )

    def start(self, session: str) -> None:
        self.stream.start(session)
        self.taken = 0

    def update(self, s: Session) -> None:
        self.stream.fold(s)
        self.bars += s.rth

    def propose(self, s: Session) -> Proposal | None:
        if s.minute < self.begin or s.minute >= self.until or self.taken >= self.most or s.atr14 is None:
            return None
        if self._trained_on(s.bar.close_ns):
            return None
        long_probability, short_probability = self._asked()
        return self._long(s, long_probability, short_probability) or self._short(s, long_probability, short_probability)

    def consume(self, proposal: Proposal) -> None:
        self.taken += 1
        self.entered_at = self.bars

    def manage(self, s: Session, position: Position) -> Exit | None:
        hold = self.params.hold_bars
        return Exit("MODEL_TIME") if hold is not None and self.bars - self.entered_at >= hold else None

    def _trained_on(self, first_ns: int, last_ns: int | None = None) -> bool:
        """Whether it knows the bar with this close, or some of those up to the other one."""
        last_ns = first_ns if last_ns is None else last_ns
        return not self.params.in_sample and first_ns <= self.terms.last_ns and last_ns >= self.terms.first_ns

    def _asked(self) -> tuple[float, float]:
        """p(long) and p(short); 0 of a side that the model does not have. Raises ValueError for what is no probability."""
        answers = dict(zip(self.terms.sides, self.model.ask(self.stream.values()), strict=True))
        for side, answer in answers.items():
            if not 0 <= answer <= 1:
                raise ValueError(f"p({side.lower()}) = {answer}: the model's answer is no probability; train it again")
        return answers.get(LONG, 0.0), answers.get(SHORT, 0.0)

    def _long(self, s: Session, long_probability: float, short_probability: float) -> Proposal | None:
        p = self.params
        if p.long_at_least is None or long_probability < p.long_at_least:
            return None
        if p.short_at_least is not None and short_probability >= p.short_at_least:
            return None
        return self._proposal(s, LONG, long_probability, p.long_at_least)

    def _short(self, s: Session, long_probability: float, short_probability: float) -> Proposal | None:
        p = self.params
        if p.short_at_least is None or short_probability < p.short_at_least:
            return None
        if p.long_at_least is not None and long_probability >= p.long_at_least:
            return None
        return self._proposal(s, SHORT, short_probability, p.short_at_least)

    def _proposal(self, s: Session, direction: Direction, probability: float, at_least: float) -> Proposal:
        p = self.params
        return Proposal(
            strategy=self.name,
            setup=f"MODEL_{direction}",
            direction=direction,
            entry=s.bar.close,
            stop_points=_points(p.stop_points, p.stop_atr, s.atr14),
            target_points=_points(p.target_points, p.target_atr, s.atr14),
            reason=f"p({direction.lower()}) {probability:.4f} is at least {at_least:.4f}, "
            f"by a model of {self.terms.first} to {self.terms.last}",
            day_type=self.day_type(s),
            quality=quality(s.flow) if s.flow else Quality(),
            score=probability,
        )


def _points(points: float | None, atrs: float | None, atr: float | None) -> float | None:
    """A distance in points, given as it is or in ATR; None without either."""
    return points if atrs is None or atr is None else atrs * atr
