"""A verdict in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tapewire.replay.verify.bars import lost_line
from tapewire.replay.verify.causes import Explained, listed
from tapewire.replay.verify.fills import FillsOfDay, Leg, TradeFills
from tapewire.replay.verify.verdict import DayVerdict

MOST_FIELDS = 12


def lines(found: DayVerdict) -> Iterator[str]:
    """The verdict for a person."""
    yield found.summary + ("" if found.closed else " (the day is not over)")
    yield "  " + ", ".join(f"{kind} {count:,}" for kind, count in found.checked.items())
    yield from (f"  {lost_line(each)}" for each in found.lost)
    if found.unrecorded:
        yield f"  {len(found.unrecorded)} messages only the logger lost, from {found.unrecorded[0]} on; they come out again"
    if found.first is None and found.code:
        yield f"  the code has changed since, and decides the same: {listed(found.code)}"
    if found.first is not None:
        yield from _divergence_lines(found.first)
    yield from _fill_lines(found.fills)


def _divergence_lines(first: Explained) -> Iterator[str]:
    for each in first.fields[:MOST_FIELDS]:
        yield f"  {each.path}  published: {each.a}  again: {each.b}"
    if (more := len(first.fields) - MOST_FIELDS) > 0:
        yield f"  and {more} fields more"
    for number, link in enumerate(first.chain):
        note = "differs" if not number else "as published" if link.same else "differs, too"
        yield f"  {'from it' if not number else 'back to'} {link.message.ref} ({link.message.type}, {link.message.time}): {note}"
    if first.chain:
        yield f"  the whole story: tapewire explain {first.chain[0].message.ref}"


def _fill_lines(found: FillsOfDay) -> Iterator[str]:
    if not found.trades and not found.foreign:
        return
    yield (
        f"  fills beside the simulated venue: {found.both} entries in both, {found.missed} missed, {found.extra} extra, "
        f"{found.foreign} foreign fills"
    )
    yield f"  slippage on average {found.entry_ticks:+g} ticks in and {found.exit_ticks:+g} out, together {found.dollars:+.2f} $"
    for trade in _apart(found.trades):
        detail = f"; {trade.detail}" if trade.detail else ""
        yield f"    {trade.order} {trade.direction}: in {_leg(trade.entry)}, out {_leg(trade.exit)}{detail}"


def _apart(trades: Sequence[TradeFills]) -> Iterator[TradeFills]:
    """Those whose fills differ from the simulated ones."""
    for trade in trades:
        if trade.state != "both" or trade.entry.slippage or trade.exit.slippage or trade.exit.role != trade.exit.simulated_role:
            yield trade


def _leg(leg: Leg) -> str:
    real = "none" if leg.price is None else f"{leg.price:g}"
    simulated = "none" if leg.simulated_price is None else f"{leg.simulated_price:g}"
    apart = "" if leg.ticks is None else f" ({leg.ticks:+g} ticks)"
    roles = f" {leg.role}/{leg.simulated_role}" if leg.role != leg.simulated_role else ""
    return f"{real}, simulated {simulated}{apart}{roles}"
