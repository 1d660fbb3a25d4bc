"""The rules by which a run's orders were filled, in words, from its configuration alone. Those that flatter say so."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from tapewire.daemons.settings.structs import Conf
from tapewire.replay.venue.rules import ATR_BARS, BEST, NEARER, WORST, FillRules, rules


class StatedRule(Struct, frozen=True):
    """One rule. of: which orders, or which moment. flatters: it may show more than an account would have made."""

    of: str
    rule: str
    flatters: bool = False


def stated(conf: Conf) -> tuple[StatedRule, ...]:
    """The rules of a run with the simulated venue."""
    return tuple(_rules(rules(conf.fill, conf.preset.fills), conf))


def _rules(used: FillRules, conf: Conf) -> Iterator[StatedRule]:
    if used.fills_close:
        yield StatedRule("entries and exits at the market", "at the close of the bar that decides, which is over by then", True)
    else:
        yield StatedRule("entries and exits at the market", "at the open of the next bar")
    if used.touch:
        yield StatedRule("limit entries and targets", "when their price is touched, whoever stands in the queue before them", True)
    else:
        yield StatedRule("limit entries and targets", "when a bar trades beyond their price; a touch is not enough")
    if used.at_open:
        yield StatedRule("a gap over a limit or a target", "at the open, which is better than its price", True)
    else:
        yield StatedRule("a gap over a limit or a target", "at its own price, not at the better open")
    yield StatedRule("stops", "at their price, or at the open of a bar that opens beyond it")
    yield _both(used)
    yield _limit_bar(used)
    yield from _slippage(used, conf)
    yield _quantity(used)
    if used.reject_share:
        share = f"{used.reject_share:.3g} of entries and closes, by a hash of their ids and the seed {used.seed}"
        yield StatedRule("rejected", share)
    late = "cancelled, also at the market" if used.expires else "cancelled with a limit; at the market filled on the next bar"
    yield StatedRule("entries past their validity", late)
    if conf.fill_empty:
        yield StatedRule("bars with volume 0", "fill like others, though nobody traded at their prices", True)
    else:
        yield StatedRule("bars with volume 0", "fill nothing")
    yield StatedRule("the last bar of a trade date", "what is open ends at the last close that traded")


def _both(used: FillRules) -> StatedRule:
    of = "stop and target on one bar"
    if used.path == NEARER:
        return StatedRule(of, "the one that comes first on the way open, nearer extreme, other extreme, close")
    return StatedRule(of, "the target", True) if used.path == BEST else StatedRule(of, "the stop")


def _limit_bar(used: FillRules) -> StatedRule:
    of = "the bar that fills a limit entry"
    if used.path == WORST:
        return StatedRule(of, "its stop counts, its target does not")
    if used.path == NEARER:
        return StatedRule(of, "stop and target count on what is left of the same way")
    return StatedRule(of, "stop and target count, the target first", True)


def _slippage(used: FillRules, conf: Conf) -> Iterator[StatedRule]:
    parts = [f"{share:.3g} of the {what}" for share, what in _shares(used) if share]
    more = f", and {' and '.join(parts)}, rounded up to whole ticks" if parts else ""
    none = not parts and all(conf.instruments[name].slippage_ticks == 0 for name in conf.traded)
    yield StatedRule("slippage", "none" if none else f"the instrument's ticks{more}, against us", none)
    paid = "entries and exits at the market, stops" + (" and targets" if used.charged else "")
    yield StatedRule("pays slippage", f"{paid}; a limit entry never{'' if used.charged else ', nor a target'}")
    if used.clamped:
        yield StatedRule("most slippage", "not beyond the high and the low of the bar", True)


def _shares(used: FillRules) -> tuple[tuple[float, str], ...]:
    return (
        (used.slippage_atr, f"ATR of {ATR_BARS} bars before the fill"),
        (used.slippage_range, "range of the bar that fills"),
    )


def _quantity(used: FillRules) -> StatedRule:
    if used.partial_share:
        return StatedRule("quantity", f"at most {used.partial_share:.3g} of a bar's volume, whole contracts; the rest waits")
    return StatedRule("quantity", "every order whole at one price, whatever was traded", True)
