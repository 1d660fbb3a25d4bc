"""A comparison as a person reads it: the summary first, then a table of the twins, then what has none."""

from __future__ import annotations

from collections.abc import Iterator

from tapewire.daemons.operator.tables import aligned
from tapewire.replay.compare.comparison import AccountComparison
from tapewire.replay.compare.twins import Lone, RunTrade, Twin
from tapewire.replay.report.text import count
from tapewire.strategies.figures import shown

SHOWN = 40
TWIN_COLUMNS = (
    "entry",
    "strategy",
    "side",
    "size",
    "entry price",
    "in the run",
    "exit price",
    "in the run",
    "ticks",
    "$",
    "delay",
    "fees more",
)
LONE_COLUMNS = ("entry", "exit", "what", "side", "size", "entry price", "exit price", "net")


def lines(found: AccountComparison) -> Iterator[str]:
    """A comparison for a person: the summary, then twins, then what has none."""
    for name, text in _summary(found):
        yield f"{name:<13} {text}"
    if found.twins:
        yield "\ntwins"
        yield from _table(TWIN_COLUMNS, [_twin_row(twin) for twin in found.twins])
    if found.account_only:
        yield "\nof the account, without a twin in the run"
        yield from _table(LONE_COLUMNS, [_lone_row(each) for each in found.account_only])
    if found.run_only:
        yield "\nof the run, without a twin in the account"
        yield from _table(LONE_COLUMNS, [_run_row(each) for each in found.run_only])


def _summary(found: AccountComparison) -> Iterator[tuple[str, str]]:
    yield "source", found.source
    playback = " (playback)" if found.playback else ""
    outside = f"; {found.outside} more on other trade dates" if found.outside else ""
    yield "account", f"{found.account or 'not named'}{playback}: {count(found.turns, 'round turn')}{outside}"
    yield "run", f"{found.run}: {count(found.trades, 'trade')}"
    yield "trade dates", f"{found.first or 'from the first'} to {found.last or 'the last'}"
    yield "twins", f"{len(found.twins)}; without one: {len(found.account_only)} of the account, {len(found.run_only)} of the run"
    if found.open:
        yield "open", f"{count(found.open, 'round turn')} of the account not closed, so not compared"
    if found.unseen:
        yield "unseen", f"{count(found.unseen, 'contract')} closed without an entry in the source"
    if figures := found.figures:
        yield "prices", f"entries {figures.entry_ticks:+.2f}, exits {figures.exit_ticks:+.2f} ticks on average; + is against you"
        beside = f"; the run's own fills include {figures.assumed_ticks} a fill" if figures.assumed_ticks else ""
        yield "slippage", f"{figures.slippage_ticks:+.2f} ticks, {figures.slippage:+.2f} $ against you{beside}"
        yield (
            "times",
            f"entries {figures.delay_s:.1f} s after the signal on average, exits up to {figures.exit_s:.0f} s off the run's bar",
        )
        yield "fees", f"{figures.account_fees:.2f} $, in the run {figures.run_fees:.2f} $"
        net = "unknown" if figures.account_net is None else f"{figures.account_net:+.2f} $"
        yield "net of twins", f"{net}, in the run {figures.run_net:+.2f} $"
    for doubt in found.doubts:
        yield "doubt", doubt


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield from aligned([columns, *rows[:SHOWN]])
    if len(rows) > SHOWN:
        yield f"and {len(rows) - SHOWN} more (--json has all)"


def _twin_row(twin: Twin) -> tuple[str, ...]:
    account, run = twin.account, twin.run
    size = f"{account.size}" if not twin.size else f"{account.size} ({run.size})"
    return (
        account.entry_time,
        run.strategy,
        account.direction,
        size,
        shown(account.entry_price),
        shown(run.entry_price),
        shown(account.exit_price),
        shown(run.exit_price),
        f"{twin.slippage_ticks:+.2f}",
        f"{twin.slippage:+.2f}",
        f"{twin.delay_s:.0f} s",
        f"{twin.fees:+.2f}",
    )


def _lone_row(each: Lone) -> tuple[str, ...]:
    net = "-" if each.net is None else f"{each.net:+.2f}"
    prices = (shown(each.entry_price), shown(each.exit_price))
    return each.entry_time, each.exit_time, each.instrument, each.direction, str(each.size), *prices, net


def _run_row(each: RunTrade) -> tuple[str, ...]:
    what = f"{each.instrument} {each.strategy}"
    prices = (shown(each.entry_price), shown(each.exit_price))
    return each.entry_time, each.exit_time, what, each.direction, str(each.size), *prices, f"{each.net:+.2f}"
