"""The texts of the reason codes. The page REASONS.md is made from this table and the enum, so the page and the code agree.

python -m tapewire.daemons.gate.reasons > daemons/gate/REASONS.md
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tapewire.bus.messages import Reason
from tapewire.daemons.gate.checks.risk import ENTRY, EXIT, MOVE_STOP, MOVE_TARGET


class Text(NamedTuple):
    """when: the condition of the code. then: what a person can do about it. by: the setting behind it, if any."""

    when: str
    then: str
    by: str = ""


TEXTS: Mapping[Reason, Text] = MappingProxyType(
    {
        Reason.DUPLICATE: Text("the intent's id has been decided on before", "nothing; an id is used once"),
        Reason.UNKNOWN_INSTRUMENT: Text("the instrument is not traded in this run", "name it when starting", "--instrument"),
        Reason.INSTRUMENT_DISABLED: Text("the instrument is switched off", "switch it on", "instruments.toml: `enabled`"),
        Reason.CONTRACT_EXPIRED: Text(
            "the contract, named or on the bridge's chart, has expired", "put the chart on the next one", "conf/rolls.toml"
        ),
        Reason.CONTRACT_NOT_LISTED: Text("the exchange does not list the contract yet", "name a nearer one", "conf/rolls.toml"),
        Reason.CONTRACT_OTHER: Text(
            "the named contract is not the one on the bridge's chart; of a venue without charts, not the one in front",
            "name the chart's contract or none, or put the chart on it",
        ),
        Reason.TRADING_DISABLED: Text(
            "trading is off, or names no account", "set both, and start again", "[trading] `enabled`, `account`"
        ),
        Reason.ACCOUNT_UNKNOWN: Text("the venue's Hello does not list the account", "correct the name", "[trading] `account`"),
        Reason.KILLED: Text("the kill switch is latched", "find out why, then arm the gate again", "`tapewire kill`, `arm`"),
        Reason.EXPIRED: Text("market time is past the intent's validity", "nothing; late signals are shown, not executed"),
        Reason.NOT_FINITE: Text("a price is absent, NaN, infinite or beyond any market", "look at the strategy"),
        Reason.OFF_TICK: Text("entry or limit is not a multiple of the tick", "look at the strategy"),
        Reason.STOP_MISSING: Text("there is no stop", "nothing is traded unprotected"),
        Reason.STOP_SIDE: Text("the stop, on the tick, is not on the losing side of the entry", "look at the strategy"),
        Reason.TARGET_SIDE: Text("the target, on the tick, is not on the winning side", "look at the strategy"),
        Reason.STOP_TOO_NEAR: Text("fewer ticks from entry to stop", "", "`stop_ticks_at_least`"),
        Reason.STOP_TOO_FAR: Text("more ticks from entry to stop", "", "`stop_ticks_at_most`"),
        Reason.REWARD_TOO_SMALL: Text("target over stop distance is smaller", "", "`reward_to_risk`"),
        Reason.OFF_MARKET: Text(
            "the entry is further from the last close", "a wrong price, or a market that ran", "`price_band_ticks`"
        ),
        Reason.NO_POSITION: Text("no position is open that could be closed or moved", "nothing; it is flat"),
        Reason.STOP_WIDENED: Text("the new stop would risk more than the resting one", "stops only tighten"),
        Reason.FEED_STALE: Text("the bar is further behind the market time of other messages", "look at the feed", "`feed_age_s`"),
        Reason.DEGRADED: Text("the session has a gap that did not heal", "entries are back with the next session"),
        Reason.MISSING_BARS: Text("more RTH minutes of the session have no bar", "look at the feed", "`missing_bars`"),
        Reason.JOURNAL_DOWN: Text(
            "the logger sends no heartbeat, or reports that the journal is not whole",
            "look at its log and at the disk; it passes when it is back",
            "[bus] `journal_s`",
        ),
        Reason.VENUE_DOWN: Text("the venue is not connected", "it passes by itself when the link is back"),
        Reason.UNANSWERED: Text(
            "the venue has not acknowledged an order of ours",
            "look at NinjaTrader's orders; it passes with the venue's report",
            "[trading] `answer_s`",
        ),
        Reason.UNRECONCILED: Text(
            "the venue's position and our books differ", "compare both; `tapewire arm` adopts the venue's position and goes on"
        ),
        Reason.CALENDAR_DISPUTED: Text(
            "the chart's trading hours and the calendar give the trade date another close of RTH",
            "find out which holds, write it into conf/calendar.toml, then `tapewire down`, `tapewire up`",
            "conf/calendar.toml",
        ),
        Reason.HOLIDAY: Text("the trade date has no RTH", "", "switch `holidays`"),
        Reason.OUTSIDE_WINDOW: Text("the bar's close stamp lies in no window", "", "`entry_windows`, `friday_until`"),
        Reason.FLATTENING: Text("the time to be flat by has come", "", "`flatten_from`, `friday_flatten_from`"),
        Reason.SESSION_CLOSING: Text("the bar lies in the last minutes before the close", "", "`close_min`"),
        Reason.ENTRY_ON_BAR: Text(
            "the instrument has had its entry on this bar, or a later one of it is traded", "", "switch `one_entry_per_bar`"
        ),
        Reason.POSITION_OPEN: Text("a position is open that may not be added to", "", "switch `one_position`"),
        Reason.ORDER_WORKING: Text("an entry or a close is in flight, perhaps unanswered", "", "switch `one_position`"),
        Reason.MAX_POSITIONS: Text("as many instruments have a position or an entry in flight", "", "`max_positions`"),
        Reason.INSTRUMENT_CONTRACTS: Text("no contract is left in the instrument", "", "`instrument_contracts`"),
        Reason.ACCOUNT_CONTRACTS: Text("no contract is left in the account", "", "`account_contracts`"),
        Reason.DAILY_LOSS: Text("the session's realised loss has reached the limit", "the day is over", "`day_loss`"),
        Reason.DAILY_LOSS_OPEN: Text("the same, open profit and loss included", "", "`day_loss_open`"),
        Reason.DAILY_PROFIT: Text("the session's realised profit is locked", "the day is over", "`day_profit`"),
        Reason.MAX_DRAWDOWN: Text("realised equity is that far below its peak", "a person decides whether to go on", "`drawdown`"),
        Reason.MAX_TRADES: Text("the session's closed, open and pending trades reach the limit", "", "`max_trades`"),
        Reason.STRATEGY_DAILY_LOSS: Text("the strategy has reached its own loss of the session", "", "`strategy_day_loss`"),
        Reason.PROGRAM: Text("the account's prop-firm program does not allow it", "its sentence names the rule", "conf/programs"),
        Reason.LOSS_STREAK: Text("so many losses in a row, and the cooldown is not over", "wait", "`loss_streak`"),
        Reason.ORDERS_PER_SECOND: Text("too many orders within a second", "look for loops", "`orders_per_second`"),
        Reason.ORDERS_PER_MINUTE: Text("too many orders within a minute", "look for loops", "`orders_per_minute`"),
        Reason.ORDERS_PER_DAY: Text("too many orders in the session", "", "`orders_per_day`"),
        Reason.SIZE_ZERO: Text("not one contract fits the risk of a trade", "", "`risk_cap`, `trade_risk`, `sizing`"),
    }
)


def page() -> str:
    """The text of REASONS.md."""
    rows = "".join(f"| `{reason}` | {TEXTS[reason].when} | {_checked(reason)} | {_remedy(TEXTS[reason])} |\n" for reason in Reason)
    return (
        "# Why the gate refuses\n\n"
        "Made by `python -m tapewire.daemons.gate.reasons` from `bus/messages/words.py`, `daemons/gate/checks/risk.py` and its "
        "texts; do not edit.\n\n"
        "The checks run in this order, and the first refusal is the decision. The code is in the `reject` fact with a sentence\n"
        "that holds the numbers, in the `decisions` that the evaluator gets, in the journal, in `tapewire tap reject.` and in\n"
        "`tapewire explain ID`. README.md beside this page explains the settings.\n\n"
        "| code | given when | checked for | setting, and what to do |\n"
        "| --- | --- | --- | --- |\n"
        f"{rows}"
    )


def _checked(reason: Reason) -> str:
    kinds = (("entries", ENTRY), ("exits", EXIT), ("moves of a stop", MOVE_STOP), ("moves of a target", MOVE_TARGET))
    names = [name for name, reasons in kinds if reason in reasons]
    return "everything" if len(names) == len(kinds) else ", ".join(names) or "nothing yet"


def _remedy(text: Text) -> str:
    return "; ".join(part for part in (text.by, text.then) if part) or "wait, or change the setting"


if __name__ == "__main__":
    print(page(), end="")
