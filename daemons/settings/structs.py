"""The settings of a run as frozen structs: plain data, safe for cores to import. `load.py` reads them from TOML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from tapewire.bus.errors import ConfError
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.contracts import Rolls, RollTable
from tapewire.daemons.market.hours import EntryTimes
from tapewire.daemons.market.periods import period
from tapewire.daemons.market.ticks import HIGHEST, price
from tapewire.daemons.market.week import product
from tapewire.daemons.settings.alerting import Alerting
from tapewire.daemons.settings.fills import NEXT_OPEN, FillOptions
from tapewire.daemons.settings.programs import Program
from tapewire.strategies.roster import Conflict

# Offsets from bus.base_port. Every tcp port that tapewire binds is listed here; the others are unix sockets (bus/access.py).
PORTS: Mapping[str, int] = {
    "broker.in": 0,
    "broker.out": 1,
    "ticks.in": 2,
    "ticks.out": 3,
    "gate": 12,
    "venue": 13,
    "history": 14,
    "backfill": 16,
    "public": 20,
    "public.delayed": 21,
    "public.free": 22,
    "public.ask": 23,
}
PORT_BLOCK = 100  # the base ports of runs side by side are so far apart
HIGHEST_PORT = 65_535 - PORT_BLOCK

MAX_SYMBOL = 8
"""Longest instrument name, so that symbol, date, minute, setup and action fit into the 50 characters of an intent's id."""

SYMBOL = re.compile(f"[A-Z0-9]{{1,{MAX_SYMBOL}}}")

LEAST_DAYS = 40

MOST_ROW_TICKS = 10_000

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""The hosts that only this machine reaches."""


def _above(made: Struct, *names: str) -> None:
    """Refuse numbers among these fields that are 0 or less; None is no number. Raises ValueError with the field's name."""
    for name in names:
        value = getattr(made, name)
        if value is not None and not value > 0:
            raise ValueError(f"{name} = {value:g}: write a number above 0")


def _at_least_0(made: Struct, *names: str) -> None:
    """Refuse numbers among these fields that are below 0. Raises ValueError with the field's name."""
    for name in names:
        value = getattr(made, name)
        if value is not None and not value >= 0:
            raise ValueError(f"{name} = {value:g}: write 0 or more")


class Bus(Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses, time limits and memory of the processes. Times in seconds; ring in messages per topic.

    journal_s: after so long without a message of the logger the gate refuses entries until the logger is back. last_values_mib:
    memory of the broker for the last message of each topic. reader_mib: a reader that leaves so much unread is disconnected.
    history_readers: who may read the journal at the same time, beside the run's own daemons.
    clock_runs: market time goes on with this machine's clock while no message comes. Off in a replay, where a pause takes no time.
    public_host: where the ports of subscribers are bound; empty for `host`.
    journal_ticks: the logger records last trades as well.
    """

    host: str = "127.0.0.1"
    public_host: str = ""
    base_port: int = 5550
    pin: str | int = "auto"
    beat_s: float = 1.0
    heal_s: float = 2.0
    journal_s: float = 15.0
    ring: int = 4096
    last_values_mib: int = 32
    reader_mib: int = 64
    history_readers: int = 32
    clock_runs: bool = True
    journal_ticks: bool = False

    def __post_init__(self) -> None:
        _above(self, "beat_s", "heal_s", "journal_s", "history_readers")
        for name, given in (("host", self.host or "*"), ("public_host", self.public_host.removeprefix("*"))):
            if not set("[]:*/ ").isdisjoint(given):  # no name and no IPv4 address
                raise ValueError(f"{name} = {getattr(self, name)!r}: write an IPv4 address of this machine, such as 127.0.0.1")
        if not 0 < self.base_port <= HIGHEST_PORT:
            raise ValueError(f"base_port = {self.base_port}: write a port from 1 to {HIGHEST_PORT}")
        if isinstance(self.pin, int):
            _at_least_0(self, "pin")
        elif self.pin not in ("auto", "off") and not (self.pin.isascii() and self.pin.isdigit()):
            raise ValueError(f'pin = {self.pin!r}: write "auto", "off", or the number of a core')

    def address(self, name: str) -> str:
        """The tcp address of a named port (a key of PORTS)."""
        host = self.public_host if self.public_host and name.startswith("public") else self.host
        return f"tcp://{host}:{self.base_port + PORTS[name]}"


class Trading(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether orders may be sent at all, and to which account.

    unlimited: strategies (display names) to which the account's daily limits do not apply. For the plumbing test on recorded bars,
    which must trade all day; a live configuration that names one is refused.
    program: the account is in this prop-firm program (a name in conf/programs); empty for none.
    answer_s: an order without a report of the venue after so long is unanswered, and stops entries until the venue reports.
    cancel_s: an entry that still works so long after its validity is cancelled.
    of_one_bar: which of several entries in one instrument on one bar is traded. With "latest" a signal from outside waits until its
    bar has closed.
    books_apart: dollars by which the account's realised profit of the trade date may differ from our books before an alarm says so.
    account_apart: the same for its cash value and the account that the settings describe. 0: no such alarm.
    """

    enabled: bool = False
    account: str = ""
    unlimited: tuple[str, ...] = ()
    program: str = ""
    answer_s: float = 10.0
    cancel_s: float = 30.0
    of_one_bar: Literal["first", "latest"] = "first"
    books_apart: float = 100.0
    account_apart: float = 5000.0

    def __post_init__(self) -> None:
        _above(self, "answer_s", "cancel_s")
        if self.books_apart < 0 or self.account_apart < 0:
            raise ValueError("books_apart and account_apart are dollars, 0 or more; 0 for no alarm")


class Tracking(Struct, frozen=True, forbid_unknown_fields=True):
    """What the tracker publishes besides the sessions, and how much history it reads.

    timeframes: bars of these timeframes, each on its own topic (daemons/market/periods.py): minutes as numbers, others as words.
    Those shorter than a minute, and all of an instrument that is not traded, are made of trades. history_days: how far back an
    epoch reads the journal (daemons/shell/epochs.py), in days; no model needs more than twenty sessions.
    """

    timeframes: tuple[int | str, ...] = ()
    history_days: int = 90

    def __post_init__(self) -> None:
        if self.history_days < LEAST_DAYS:
            raise ValueError(f"history_days = {self.history_days}: models need twenty sessions; write {LEAST_DAYS} or more")
        if len({period(each) for each in self.timeframes}) < len(self.timeframes):
            raise ValueError(f"timeframes: {list(self.timeframes)} names one twice; name each once")


class Instrument(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One contract: dollars per point, tick in points, commission in dollars per side, slippage in ticks per fill.

    calendar: its hours and holidays (daemons/market/week.py). source: who says so, and when. enabled: False allows no new position
    in it; an open one can still be closed and protected.
    """

    root: str
    point_value: float
    tick: float
    commission: float
    slippage_ticks: int
    calendar: str
    source: str = ""
    enabled: bool = True

    def __post_init__(self) -> None:
        if not SYMBOL.fullmatch(self.root):
            raise ValueError(f"root = {self.root!r}: write A-Z and 0-9, {MAX_SYMBOL} at most, such as NQ")
        if not 0 < self.point_value < HIGHEST:
            raise ValueError(f"point_value = {self.point_value}: write dollars per point, more than 0")
        if not 0 < self.tick < HIGHEST or self.tick != price(1, self.tick):
            raise ValueError(f"tick = {self.tick}: write points, more than 0 and with at most ten decimals")
        if not 0 <= self.commission < HIGHEST:
            raise ValueError(f"commission = {self.commission}: write dollars per side, 0 or more")
        if self.slippage_ticks < 0:
            raise ValueError(f"slippage_ticks = {self.slippage_ticks}: write 0 or more")
        try:
            product(self.calendar)
        except ConfError as error:
            raise ValueError(f"calendar: {error}") from error

    def cents(self, ticks: int) -> int:
        """Money of a number of ticks (over all contracts), in whole cents. A tick of a Treasury is a fraction of a cent more."""
        return round(ticks * (self.point_value * self.tick * 100))

    @property
    def commission_cents(self) -> int:
        """Commission per side and contract, in cents."""
        return round(self.commission * 100)


class Exits(Struct, frozen=True, forbid_unknown_fields=True):
    """Exit rules of playbook 5.2. None is no such rule; a file writes "none" (daemons/settings/overrides.py).

    exit_time: "HH:MM" Eastern; never later than one minute before the close. None: no position is closed at a time of day, and
    entries are proposed until the session's end; what is open when the trade date ends, the venue closes. breach_r: VWAP breach
    distance as a share of the IB range; breach_points: the same in points (one of the two). *_exempt: display names of strategies
    ("Edge Fade") to which the rule does not apply. trailed: display names of strategies whose longs have the trend trail.
    breakeven_r: profit from which the stop goes to the entry, as a share of the IB range. day_loss: dollars.
    """

    exit_time: str | None = "15:59"
    breach_r: float | None = None
    breach_points: float | None = None
    breach_exempt: tuple[str, ...] = ()
    trailed: tuple[str, ...] = ()
    breakeven_exempt: tuple[str, ...] = ()
    breakeven_r: float | None = 0.3
    day_loss: float | None = 2000.0

    def __post_init__(self) -> None:
        _above(self, "day_loss")
        _at_least_0(self, "breach_r", "breach_points", "breakeven_r")


class Sizing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The size of one strategy's entries, in place of the account's rule. Either `contracts`, or `account` and `risk_share`.

    contracts: a fixed size. account: dollars; risk_share: the share of them that one trade may lose, 0.01 for 1 %. max_contracts: a
    maximum besides the account's own; 0 for none.
    """

    contracts: int | None = None
    account: float = 0.0
    risk_share: float = 0.0
    max_contracts: int = 0

    def __post_init__(self) -> None:
        fixed, by_risk = self.contracts is not None, self.account > 0 and 0 < self.risk_share < 1
        half = not by_risk and (self.account or self.risk_share)
        if fixed == by_risk or half or (self.contracts is not None and self.contracts < 1) or self.max_contracts < 0:
            raise ValueError(
                "write either contracts (1 or more), or account (dollars) and risk_share (0.01 for 1 %); max_contracts is 0 or more"
            )


class LossStreak(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """After `losses` losing trades in a row, and after each further one, no entries for `cooldown_min` minutes."""

    losses: int
    cooldown_min: int


class RiskLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Sizing, and the rails of the account (playbook 6; daemons/gate/README.md explains each). Dollars, positive.

    contracts: a fixed size, or None to size by risk: max(1, floor(budget / risk)), 0 above risk_cap (None: no cap), at most
        max_contracts. TOML has no null, so a missing key means "by risk".
    strategy_day_loss: per display name ("Edge Fade"), entries of that strategy stop at this loss of the session.
    sizing: per display name, the size of that strategy's entries in place of the rule above.
    caps: a table of conf/caps/ by name; it limits `account_contracts` by the account's `start`. Empty for none.

    Everything else is a rail. None is no limit; a live configuration sets each one or names it in `loosened`
    (daemons/settings/rails.py). A file that writes "none" for one loosens it.

    loosened: rails that are left out on purpose, and switches that are off: "one_position", "one_entry_per_bar", "holidays".
    friday_until, friday_flatten_from: on Friday's trade date they replace the end of the windows and `flatten_from`.
    """

    start: float = 150_000.0
    contracts: int | None = None
    budget: float = 400.0
    risk_cap: float | None = 800.0
    strategy_day_loss: dict[str, float] = {}
    sizing: dict[str, Sizing] = {}
    caps: str = ""

    stop_ticks_at_least: int | None = None
    stop_ticks_at_most: int | None = None
    reward_to_risk: float | None = None
    price_band_ticks: int | None = None
    feed_age_s: float | None = None
    missing_bars: int | None = None
    entry_windows: tuple[str, ...] | None = None
    flatten_from: str | None = None
    close_min: int | None = None
    max_contracts: int | None = None
    instrument_contracts: int | None = None
    account_contracts: int | None = None
    max_positions: int | None = None
    trade_risk: float | None = None
    day_loss: float | None = None
    day_loss_open: float | None = None
    day_profit: float | None = None
    drawdown: float | None = None
    max_trades: int | None = None
    loss_streak: LossStreak | None = None
    orders_per_second: int | None = None
    orders_per_minute: int | None = None
    orders_per_day: int | None = None

    loosened: tuple[str, ...] = ()
    friday_until: str | None = None
    friday_flatten_from: str | None = None

    def __post_init__(self) -> None:
        _above(self, "start", "budget", "risk_cap")
        _at_least_0(self, "contracts")
        for name, loss in self.strategy_day_loss.items():
            if not loss > 0:
                raise ValueError(f"strategy_day_loss of {name!r} = {loss:g}: write a number above 0")

    @property
    def times(self) -> EntryTimes:
        """The limits that are times of day."""
        return EntryTimes(self.entry_windows, self.flatten_from, self.close_min, self.friday_until, self.friday_flatten_from)


class Preset(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A preset is data: strategies, their priority and their numbers. No strategy reads the name of its preset.

    strategies: registry names in priority order. parameters: per registry name, read by that strategy's own typed Params.
    conflict: how several proposals on one bar are resolved: "priority", "additive" or "veto" (strategies/roster.py).
    fill, fills: the fill model of the simulated venue where the run names none, and its options (docs/fills.md).
    auction_row_ticks: the session has TPO and volume profile, with so many ticks in a row (strategies/auction.py); 0: none.
    """

    name: str
    description: str
    day_type: str
    strategies: tuple[str, ...]
    conflict: Conflict = "priority"
    fill: str = NEXT_OPEN
    auction_row_ticks: int = 0
    exits: Exits = Exits()
    risk: RiskLimits = RiskLimits()
    fills: FillOptions = FillOptions()
    parameters: dict[str, dict[str, Any]] = {}

    def __post_init__(self) -> None:
        if not 0 <= self.auction_row_ticks <= MOST_ROW_TICKS:
            raise ValueError(
                f"auction_row_ticks = {self.auction_row_ticks}: write whole ticks a row, 1 to {MOST_ROW_TICKS}; 0 for no profile"
            )


class Publishing(Struct, frozen=True, forbid_unknown_fields=True):
    """What the publisher writes besides the public streams.

    signal_files: folder for V-Reversal's entries as text files (daemons/publisher/signal_files.py), in the run's folder unless it
    is an absolute path; empty for none.
    """

    signal_files: str = ""


class Subscribers(Struct, frozen=True, forbid_unknown_fields=True):
    """The public feed with its tiers (daemons/shell/public.py). Off, only the port `public` is there, without numbers and proof.

    delay_s: seconds of market time by which the tier `delayed` is late. keep_days: days that the feed stays on the disk, and can be
    asked for. connections: how many a subscriber may have at his tier's port at a time.
    """

    enabled: bool = False
    delay_s: float = 300.0
    keep_days: int = 90
    connections: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.delay_s <= 86_400:
            raise ValueError(f"delay_s = {self.delay_s:g}: write seconds, more than 0 and at most 86400")
        if self.keep_days < 1:
            raise ValueError(f"keep_days = {self.keep_days}: write 1 or more")
        if self.connections < 1:
            raise ValueError(f"connections = {self.connections}: write 1 or more")


class Mirroring(Struct, frozen=True, forbid_unknown_fields=True):
    """Stores to which the daybook copies a run's dated files (replay/mirror). URLs as fsspec takes them; empty for none.

    public: for the public feed. private: for the days' folders, with the account in them. every_s: seconds between two passes.
    """

    public: str = ""
    private: str = ""
    every_s: float = 60.0

    def __post_init__(self) -> None:
        if self.public and self.public == self.private:
            raise ValueError(f"public and private are both {self.public!r}: the days' folders hold the account; write two places")
        if not 1 <= self.every_s <= 86_400:
            raise ValueError(f"every_s = {self.every_s:g}: write seconds from 1 to 86400")


class Ingress(Struct, frozen=True, forbid_unknown_fields=True):
    """External signals (daemons/gate/external/ingress.py). They are off by default.

    max_tp_points, max_sl_points: the furthest target and stop, in points. ttl_s: the validity of a signal that names none;
    max_ttl_s: the longest that a signal may name. Seconds of market time.
    """

    enabled: bool = False
    max_tp_points: int = 200
    max_sl_points: int = 100
    ttl_s: float = 30.0
    max_ttl_s: float = 300.0

    def __post_init__(self) -> None:
        if self.max_tp_points < 1 or self.max_sl_points < 1:
            raise ValueError("max_tp_points and max_sl_points are whole points, 1 or more")
        if not 0 < self.ttl_s <= self.max_ttl_s:
            raise ValueError(f"ttl_s = {self.ttl_s:g}, max_ttl_s = {self.max_ttl_s:g}: write seconds, 0 < ttl_s <= max_ttl_s")


class Api(Struct, frozen=True, forbid_unknown_fields=True):
    """The HTTP door (daemons/api). It is off by default.

    host, port: where it listens. certificate, private_key: files of TLS in PEM; empty for plain HTTP, which a host other than this
    machine takes only with `plain_outside`. names: further host names by which it may be called, such as that of a proxy.
    origins: origins whose pages may use it besides its own, such as "https://desk.example". requests_per_s: of one key; twice as
    many may come at once. readers: how many streams are open at a time. readers_of_key: how many of these of one key.
    """

    enabled: bool = False
    host: str = "127.0.0.1"
    port: int = 8006
    certificate: str = ""
    private_key: str = ""
    plain_outside: bool = False
    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    requests_per_s: float = 50.0
    readers: int = 64
    readers_of_key: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.port < 65_536:
            raise ValueError(f"port = {self.port}: write a port from 1 to 65535")
        if bool(self.certificate) != bool(self.private_key):
            raise ValueError("certificate and private_key go together: name both files, or neither")
        if self.host not in LOOPBACK and not (self.certificate or self.plain_outside):
            raise ValueError(
                f"host = {self.host!r} is reached from other machines, and without TLS the network reads every key: name "
                "certificate and private_key, or write plain_outside = true if a proxy in front of it speaks TLS"
            )
        if self.requests_per_s <= 0 or self.readers < 1 or self.readers_of_key < 1:
            raise ValueError("requests_per_s, readers and readers_of_key are more than 0")


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """An injected death (daemons/shell/faults.py): the daemon, the step of its round, and the market time from which on it applies.

    topic: only on an event whose topic begins with this text, in a daemon with a core; empty for any event.
    """

    daemon: str
    step: str
    at_ns: int
    topic: str = ""


class Conf(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole configuration of one run. `instance` names the run for people; `traded` are the instruments it trades.

    calendar: half days and holidays of the account, and of every instrument whose own calendar is not in `calendars` by its name.
    program: the prop-firm program that the account is in, None for none. epoch: the number of this start of the run. since: per
    topic, epoch and number of the last record in the journal when this start began; folds: per topic, the first record to read,
    counted from 0 (daemons/shell/epochs.py). rolls: the contract months; without a table no month is named or checked. fill,
    fill_empty: the fill model of the simulated venue, and whether bars with volume 0 fill (docs/fills.md). form: the form of the
    code that made this configuration, "compiled" or "interpreted".
    """

    instance: str
    bus: Bus
    trading: Trading
    instruments: dict[str, Instrument]
    traded: tuple[str, ...]
    preset: Preset
    calendar: Calendar = Calendar()
    calendars: dict[str, Calendar] = {}
    fill: str = NEXT_OPEN
    fill_empty: bool = False
    epoch: int = 1
    since: dict[str, tuple[int, int]] = {}
    folds: dict[str, int] = {}
    program: Program | None = None
    faults: tuple[Fault, ...] = ()
    tracker: Tracking = Tracking()
    publisher: Publishing = Publishing()
    subscribers: Subscribers = Subscribers()
    mirror: Mirroring = Mirroring()
    ingress: Ingress = Ingress()
    api: Api = Api()
    alerts: Alerting = Alerting()
    rolls: tuple[RollTable, ...] = ()
    form: str = ""

    def calendar_of(self, symbol: str) -> Calendar:
        """Half days and holidays of one instrument."""
        return self.calendars.get(self.instruments[symbol].calendar, self.calendar)

    @property
    def contracts(self) -> Rolls:
        """The contracts of every instrument that is defined."""
        return Rolls(self.rolls, {symbol: terms.root for symbol, terms in self.instruments.items()})
