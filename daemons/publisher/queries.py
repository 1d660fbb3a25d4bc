"""What a subscriber may ask: pure answers from the messages of the feed that he may see."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from tapewire.bus.errors import Refused
from tapewire.bus.messages import Body, PublicSignal, PublicSummary, PublicTrade
from tapewire.daemons.publisher.summary import by_strategy, figures
from tapewire.daemons.settings.structs import Conf

USUAL_DAYS, MOST_DAYS = 7, 90
PERIOD = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
See: TypeAlias = Callable[[int], Sequence[Body]]
"""The messages of the last so many trade dates, oldest first."""


def of(conf: Conf) -> Mapping[str, Callable[[See, str], object]]:
    """The verbs of a run, by name. Each takes what there is to see and the argument; raises Refused."""
    return {**of_feed(), "strategies": lambda see, argument: strategies(conf)}


def of_feed() -> Mapping[str, Callable[[See, str], object]]:
    """Those whose answers follow from the messages of a feed alone."""
    return {"today": today, "history": history, "performance": performance, "session": session}


def today(see: See, argument: str = "") -> dict[str, Any]:
    """The signals and trades of the last trade date."""
    found = see(1)
    return {"session": max((each.session for each in _dated(found)), default=""), **_told(found)}


def history(see: See, argument: str = "") -> dict[str, Any]:
    """The signals and trades of the last trade dates. argument: how many, 7 if it is empty, 90 at most."""
    days = _days(argument)
    return {"days": days, **_told(see(days))}


def performance(see: See, argument: str = "") -> dict[str, Any]:
    """TickFigures of the trades of the last trade dates, in ticks per contract and before costs. argument: as for `history`."""
    days = _days(argument)
    trades = sorted((each for each in see(days) if isinstance(each, PublicTrade)), key=lambda trade: trade.exit_ns)
    found = figures([trade.ticks for trade in trades])
    total, curve = 0, []
    for trade in trades:
        total += trade.ticks
        curve.append((trade.exit_ns, total))
    return {
        "days": days,
        **msgspec.to_builtins(found),
        "win_rate": round(found.won / found.trades, 4) if found.trades else None,
        "expectancy": round(found.ticks / found.trades, 4) if found.trades else None,
        "by_strategy": by_strategy((trade.strategy, trade.ticks) for trade in trades),
        "equity": curve,
    }


def session(see: See, argument: str = "") -> dict[str, Any]:
    """The summaries of a trade date or month. argument: YYYY-MM-DD or YYYY-MM; the last one if it is empty."""
    if argument and not _is_period(argument):
        raise Refused("DATE", f"{argument[:20]!r} is no trade date and no month; write YYYY-MM-DD or YYYY-MM")
    found = [each for each in see(MOST_DAYS) if isinstance(each, PublicSummary)]
    period = argument or max((each.period for each in found if each.period == each.session), default="")
    last = {each.instrument: each for each in found if each.period == period}
    return {"period": period, "summaries": msgspec.to_builtins([last[name] for name in sorted(last)])}


def strategies(conf: Conf) -> list[dict[str, Any]]:
    """The strategies of the run in their order, with what each looks for in one sentence."""
    from tapewire.strategies import registry

    found = []
    for name in conf.preset.strategies:
        cls = registry.load(name)
        about = (cls.__doc__ or "").strip().partition("\n")[0]
        found.append({"name": cls.name, "description": about, "active": True})
    return found


def _told(found: Sequence[Body]) -> dict[str, Any]:
    return {
        "signals": msgspec.to_builtins([each for each in found if isinstance(each, PublicSignal)]),
        "trades": msgspec.to_builtins([each for each in found if isinstance(each, PublicTrade)]),
    }


def _dated(found: Sequence[Body]) -> list[PublicSignal | PublicTrade | PublicSummary]:
    return [each for each in found if isinstance(each, PublicSignal | PublicTrade | PublicSummary)]


def _is_period(text: str) -> bool:
    try:
        dt.date.fromisoformat(text if len(text) > len("YYYY-MM") else f"{text}-01")
    except ValueError:
        return False
    return PERIOD.fullmatch(text) is not None


def _days(argument: str) -> int:
    if not argument:
        return USUAL_DAYS
    if not argument.isascii() or not argument.isdigit() or len(argument) > 6 or int(argument) < 1:
        raise Refused("DAYS", f"{argument[:20]!r} is no number of days; write one from 1 to {MOST_DAYS}")
    return min(int(argument), MOST_DAYS)
