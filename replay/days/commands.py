"""The commands `day`, `month` and `latency`: they print what stands in the folders of a run, and write nothing."""

from __future__ import annotations

import datetime as dt
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from tapewire.bus.errors import ConfError, DataError
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.commands import LIVE
from tapewire.daemons.operator.latency import BUDGET_MS, figures
from tapewire.daemons.operator.tables import aligned
from tapewire.replay.commands import JsonOption, out
from tapewire.replay.days import folders, month, timing
from tapewire.replay.days.files import Init, Performance
from tapewire.replay.days.month import MonthSummary
from tapewire.replay.report.text import share
from tapewire.strategies.figures import shown

RunOption = Annotated[
    str | None, typer.Option("--run", "--instance", help="Name of the run, or its folder; without it the live run, up or not.")
]
NONE = "\N{EN DASH}"

T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(day)
    app.command(name="month")(month_of)
    app.command()(latency)


def day(
    date: Annotated[str | None, typer.Argument(help="YYYY-MM-DD; without it the last day that has a folder.")] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
    show: Annotated[bool, typer.Option("--open", help="Open its report.html in the browser.")] = False,
) -> None:
    """Show a trading day: levels, bars, signals, refusals, trades and result, from its folder."""
    path = _run(run)
    chosen = _date(path, date)
    folder = folders.place(path, chosen)
    done, begun = _read(folder / "performance.json", Performance), _read(folder / "session_init.json", Init)
    trades = _lines(folder / "trades.jsonl")
    judged = folders.judged(path, chosen)
    if as_json:
        found = {"folder": str(folder), "session_init": begun, "performance": done, "trades": trades, "verdict": judged}
        out.print_json(msgspec.json.encode(found).decode())
    else:
        for line in day_lines(folder, done, begun, trades):
            out.print(line, markup=False)
        if judged is not None:
            out.print(f"verdict: {judged.summary}", markup=False)
    if show:
        report = folder / "report.html"
        if not webbrowser.open(report.as_uri()):
            raise ConfError(f"no browser could be started here; open {report}")


def month_of(
    name: Annotated[str | None, typer.Argument(metavar="YYYY-MM", help="Without it the last month that has days.")] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
    show: Annotated[bool, typer.Option("--open", help="Open its summary.html in the browser.")] = False,
) -> None:
    """Show a month: its days, and results by strategy, exit, weekday and hour."""
    path = _run(run)
    folder = folders.place(path, _month(path, name))
    summary = _read(folder / "summary.json", MonthSummary)
    if as_json:
        out.print_json(msgspec.json.encode(summary).decode())
    else:
        for line in month_lines(summary):
            out.print(line, markup=False)
    if show and not webbrowser.open((folder / "summary.html").as_uri()):
        raise ConfError(f"no browser could be started here; open {folder / 'summary.html'}")


def latency(
    date: Annotated[str | None, typer.Argument(help="YYYY-MM-DD; without it the last day that has a folder.")] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how long the bars of a day took, hop by hop, from NinjaTrader to the decision and the order."""
    path = _run(run)
    chosen = _date(path, date)
    ways = timing.ways(folders.place(path, chosen))
    found = figures(ways)
    if as_json:
        told = {"session": chosen, "bars": len(ways), "budget_ms": BUDGET_MS, "hops": found}
        out.print_json(msgspec.json.encode(told).decode())
    else:
        for line in timing.lines(chosen, len(ways), found):
            out.print(line, markup=False)


def day_lines(folder: Path, done: Performance, begun: Init, trades: list[dict[str, Any]]) -> Iterator[str]:
    """A day for a person."""
    date = dt.date.fromisoformat(done.session)
    yield f"{done.session} {date:%A}, {'closed' if done.closed else 'open'}; {folder}"
    for name, opening in begun.instruments.items():
        known = (opening["levels"] or {}).items()
        told = opening.get("levels_given", ())
        given = {level: f"{shown(price)} (given)" if level in told else shown(price) for level, price in known if price is not None}
        levels = ", ".join(f"{level} {price}" for level, price in given.items())
        note = next((each.note for each in done.sessions if each.instrument == name), "no session yet")
        yield f"{name}: {done.bars.get(name, 0):,} bars; {note}"
        yield f"  levels: {levels or 'none known'}"
        if (before := opening.get("prior_value")) is not None:
            areas = [before["tpo"], *([before["volume"]] if before["volume"] is not None else [])]
            yield f"  value of {before['session']}: {', by volume '.join(map(_area, areas))}"
    refused = ", ".join(f"{reason} {count}" for reason, count in done.refusals.items())
    yield f"entries: {done.intents} requested; refused: {refused or 'none'}; {done.signals} signals"
    if trades:
        heading = ("in", "out", "strategy", "side", "size", "entry", "exit", "reason", "net", "slippage", "elapsed")
        yield from (f"  {line}" for line in aligned([heading, *map(_trade, trades)]))
    yield _result(done.figures)


def _area(area: dict[str, float]) -> str:
    return f"{shown(area['low'])} to {shown(area['high'])}, POC {shown(area['poc'])}"


def month_lines(summary: MonthSummary) -> Iterator[str]:
    """A month for a person."""
    open_days = sum(not day.closed for day in summary.days)
    yield f"{summary.month}: {len(summary.days)} days" + (f", {open_days} of them open" if open_days else "")
    heading = ("day", "trades", "wins", "net", "missing")
    rows = [(day.session, str(day.trades), str(day.wins), f"{day.net:+.2f}", str(day.missing)) for day in summary.days]
    yield from (f"  {line}" for line in aligned([heading, *rows]))
    for key, name in month.GROUPS:
        if group := summary.figures[key]:
            yield from (f"  {line}" for line in aligned([(name, "trades", "win rate", "factor", "net"), *month.rows(group, key)]))
    refused = ", ".join(f"{reason} {count}" for reason, count in summary.refusals.items())
    yield f"entries: {summary.intents} requested; refused: {refused or 'none'}; {summary.signals} signals"
    yield _result(summary.figures)


def _result(figures: dict[str, Any]) -> str:
    if not figures["trades"]:
        return "no trade"
    factor = NONE if figures["profit_factor"] is None else f"{figures['profit_factor']:.2f}"
    return (
        f"{figures['trades']} trades, {figures['wins']} with a profit ({share(figures['win_rate'])}); "
        f"net {figures['net']:+.2f} $ (gross {figures['gross']:+.2f}, commission {figures['commission']:.2f}); "
        f"profit factor {factor}; per trade {figures['expectancy']:+.2f} $; drawdown {figures['max_drawdown']:.2f} $"
    )


def _trade(trade: dict[str, Any]) -> tuple[str, ...]:
    live = trade["live"]
    ticks, elapsed = live["slippage_ticks"], live["elapsed_ms"]
    return (
        trade["entry_time"][11:16],
        trade["exit_time"][11:16],
        trade["strategy"],
        trade["direction"],
        str(trade["size"]),
        shown(trade["entry_price"]),
        shown(trade["exit_price"]),
        trade["reason"],
        f"{trade['net']:+.2f}",
        NONE if ticks is None else f"{ticks:g} ticks",
        NONE if elapsed is None else f"{elapsed:.1f} ms",
    )


def _run(name: str | None) -> Path:
    return Path(instances.for_money(name, LIVE).run)


def _date(run: Path, wanted: str | None) -> str:
    known = folders.dates(run)
    if not known:
        raise ConfError(f"{run} has no day yet; the daemon `daybook` begins one with its first live bar")
    if wanted is None:
        return known[-1]
    try:
        date = dt.date.fromisoformat(wanted).isoformat()
    except ValueError:
        raise ConfError(f"{wanted!r} is not a date; write YYYY-MM-DD, such as {known[-1]}") from None
    if date not in known:
        raise ConfError(f"{run} has no day {date}; it has {known[0]} to {known[-1]} ({len(known)} days)")
    return date


def _month(run: Path, wanted: str | None) -> str:
    known = sorted({date[:7] for date in folders.dates(run)})
    if not known:
        raise ConfError(f"{run} has no day yet; the daemon `daybook` begins one with its first live bar")
    if wanted is None:
        return known[-1]
    if wanted not in known:
        raise ConfError(f"{run} has no month {wanted!r}; write YYYY-MM, one of: {', '.join(known)}")
    return wanted


def _read(path: Path, kind: type[T]) -> T:
    found = folders.read(path, kind)
    if found is None:
        raise DataError(f"{path} is missing; `tapewire restart daybook` writes it again")
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        content = path.read_bytes()
        return msgspec.json.Decoder(dict[str, Any]).decode_lines(content[: content.rfind(b"\n") + 1])
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: {error}; `tapewire restart daybook` writes it again") from error
