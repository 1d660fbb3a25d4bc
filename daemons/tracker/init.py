"""The tracker's verb `init`: levels of a person for a trade date, such as 09:25 gives them where a chart holds too few bars.

They are a fact of the tracker's (`levels.`), published before the first session that rests on them. So whoever folds the journal
(a start, a replay, a backtest of the run, a verdict) takes them at the same bar, and has the same sessions.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.daemon import Accepted
from tapewire.bus.errors import Refused
from tapewire.bus.messages import GivenLevels, Levels
from tapewire.daemons.market.clock import session_id
from tapewire.daemons.tracker.levels import NAMES, NOTHING

if TYPE_CHECKING:
    from tapewire.daemons.tracker.core import Tracker

MOST_DAYS = 10  # ahead of the trade date that is tracked
MOST = 32  # given and not used yet
PAIRS = ("overnight", "asia", "london", "premarket")


class Given(Struct, frozen=True, forbid_unknown_fields=True):
    """The argument. date: the trade date; without it the one that is tracked. instrument: without it the only one."""

    levels: dict[str, float]
    date: str = ""
    instrument: str = ""


def accepted(core: Tracker, argument: str) -> Accepted:
    """What the core is to take, and the reply.

    Raises:
        Refused: with the field, the value and the remedy.
    """
    try:
        asked = msgspec.json.decode(argument, type=Given)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refused("INVALID", f'{error}; send {{"date": "2027-02-24", "levels": {{"pdh": 21000.25}}}}') from None
    instrument = _instrument(core, asked.instrument)
    model = core.model(instrument)
    assert model is not None
    today = model.last.session if model.last is not None else ""
    date = _date(asked.date, today)
    if model.waiting >= MOST:
        raise Refused("TOO_MANY", f"{MOST} have been given and no bar has followed; wait for one")
    levels = levels_of(asked.levels)
    fact = None if model.given(date) == levels else GivenLevels(instrument, date, levels)
    return Accepted(topics.of(topics.LEVELS, instrument), fact, {"status": "ok", "session_id": session_id(date, instrument)})


def _instrument(core: Tracker, asked: str) -> str:
    known = core.instruments
    if not asked and len(known) == 1:
        return known[0]
    if asked not in known:
        raise Refused("UNKNOWN_INSTRUMENT", f"{asked[:40]!r} is not traded here; traded: {', '.join(known)}")
    return asked


def _date(asked: str, today: str) -> str:
    if not asked and not today:
        raise Refused("DATE", "no bar has come yet, so no trade date is tracked; say which one: YYYY-MM-DD")
    date = asked or today
    try:
        day = dt.date.fromisoformat(date)
    except ValueError:
        day = None
    if day is None or day.isoformat() != date:
        raise Refused("DATE", f"{date[:40]!r} is no date; write YYYY-MM-DD")
    if day.weekday() > 4:
        raise Refused("DATE", f"{date} is a {day:%A}, which is no trade date")
    if today and not today <= date <= f"{dt.date.fromisoformat(today) + dt.timedelta(MOST_DAYS)}":
        raise Refused("DATE", f"{date} is not {today}, which is tracked, nor one of the {MOST_DAYS} days after it")
    return date


def levels_of(given: Mapping[str, float]) -> Levels:
    """Levels by their names.

    Raises:
        Refused: a name is none, a price is none, or a high is below its low.
    """
    for name, price in given.items():
        if name not in NAMES:
            raise Refused("LEVELS", f"{name[:40]!r} is no level; there are {', '.join(NAMES)}")
        if not (math.isfinite(price) and 0 < price < 10_000_000):
            raise Refused("LEVELS", f"{name} = {price:g}: not a price")
    levels = Levels(**given)
    if levels == NOTHING:
        raise Refused("LEVELS", f"none is given; there are {', '.join(NAMES)}")
    for name in (*(f"{each}_high" for each in PAIRS), "pdh"):
        low = name.replace("_high", "_low") if name != "pdh" else "pdl"
        above, below = getattr(levels, name), getattr(levels, low)
        if above is not None and below is not None and above < below:
            raise Refused("LEVELS", f"{name} = {above:g} is below {low} = {below:g}")
    return levels
