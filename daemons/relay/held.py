"""What a relay holds: the lines of one tier in their files, where the stream above stands, and how late its own one is."""

from __future__ import annotations

import datetime as dt
import re
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from msgspec import Struct

from tapewire.bus import disk, feed, feed_files
from tapewire.bus.clock import Clock
from tapewire.bus.errors import PeerError
from tapewire.bus.feed import FeedLine
from tapewire.bus.feed_files import FeedFiles
from tapewire.bus.roles import SubscriberTier
from tapewire.daemons.relay.above import AboveState, FeedPage
from tapewire.daemons.relay.settings import RelaySettings
from tapewire.daemons.relay.uptake import Uptake
from tapewire.daemons.shell.questions import FeedPast
from tapewire.strategies.clock import SECOND_NS

if TYPE_CHECKING:
    from nacl.signing import VerifyKey

ABOVE = "above.json"
FRESH_NS = 5 * SECOND_NS  # so long market time stands still when nothing comes
DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
NEVER_NS = (1 << 63) - 1


class _OfSession(Struct):
    """Of any message of a feed, and of a head."""

    session: str = ""
    event_ns: int = 0


_session_decoder = msgspec.msgpack.Decoder(_OfSession)


class HeldFeed:
    """The lines of a relay. What is taken is on the disk, and may be sent on, after `flush`.

    past: what subscribers may ask of it. dense: its numbers have no holes. filling: it had no line when it started and has not all
    yet; so nobody has got one here.

    Raises:
        JournalError: its files are not what was written.
    """

    def __init__(self, run: Path, settings: RelaySettings, clock: Clock, logger: structlog.stdlib.BoundLogger) -> None:
        self._run = run
        self._settings = settings
        self._clock = clock
        self._logger = logger
        whole = settings.tier is not SubscriberTier.FREE
        self._files = FeedFiles(run, whole=whole)
        for name, size in self._files.torn.items():
            logger.warning("feed_mended", file=name, bytes=size)
        self._sent = dict.fromkeys(SubscriberTier, 0)
        self._sent[settings.tier] = self.number
        self.dense = whole
        self.past = FeedPast(self._files, self._sent, self._expiry_ns)
        self.filling = self._files.last is None
        self._uptake = Uptake(self._files.last, self._held, whole=whole, key=self._verify_key())
        self._taken: list[FeedLine] = []
        self._state = self._read() or AboveState(settings.tier, 0.0, {}, 0, 0, settings.signed_by)
        self._heard_ns = 0  # when the state came (monotonic); 0 for never
        self._late: tuple[float, int] | None = None  # how late above when all was here, and when that was
        self._lost_ns = 0
        self._caught_up = 0

    @property
    def number(self) -> int:
        """The last line that is on the disk; 0 without any."""
        return 0 if self._files.last is None else self._files.last.number

    @property
    def question(self) -> int | None:
        """From which number on to ask above; None if nothing is known to be missing."""
        return self._uptake.question

    @property
    def whole(self) -> bool:
        """Whether it has all that was heard of."""
        return self._uptake.whole

    def after(self, number: int, most: int) -> list[FeedLine]:
        """The next lines after a number; may be called by another thread."""
        found: list[FeedLine] = []
        for line in self._files.since(number):
            if line.number > self._sent[self._settings.tier] or len(found) == most:
                break
            found.append(line)
        return found

    def state(self) -> dict[str, Any]:
        """What `public.state.` says here. late_s: how long ago all was here that the publisher had; None if it never was."""
        late_s = None
        if self._late is not None:
            late_s = round(self._late[0] + (self._clock.monotonic_ns() - self._late[1]) / SECOND_NS, 3)
        return {
            "type": "state",
            **msgspec.to_builtins(self._state),
            "number": self._sent[self._settings.tier],
            "market_ns": self._market_ns(),
            "relays": self._state.relays + 1,
            "late_s": late_s,
        }

    # --- from above -----------------------------------------------------------------------------------------------------------

    def begun(self) -> None:
        """The connection is a new one."""
        self._uptake.begin()

    def lost(self) -> None:
        """Nothing comes from above."""
        self._lost_ns = self._lost_ns or self._clock.monotonic_ns()

    def line(self, line: FeedLine) -> None:
        """A line of the stream. Raises JournalError: it is of another feed."""
        self._taken += self._uptake.line(line)

    def heard(self, state: AboveState) -> None:
        """The state above.

        Raises:
            PeerError: it is that of another tier.
        """
        if state.tier is not self._settings.tier:
            raise PeerError(f"the stream above is of the tier {state.tier.value}")
        if _lasting(state) != _lasting(self._state):
            disk.replace(self._run / ABOVE, msgspec.json.encode(state))
        self._heard_ns = self._clock.monotonic_ns()
        self._state = msgspec.structs.replace(state, market_ns=max(state.market_ns, self._state.market_ns))
        self._uptake.told(state.number)
        self._complete()

    def page(self, asked: int, page: FeedPage) -> None:
        """The answer to a question. Raises JournalError: it is of another feed, or there is a hole that nobody fills."""
        taken = self._uptake.page(asked, page.lines, page.last)
        self._caught_up += len(taken)
        self._taken += taken
        self._complete()

    def flush(self) -> list[FeedLine]:
        """Put on the disk what was taken. Returns it.

        Raises:
            DiskError: the disk refuses.
        """
        taken, self._taken = self._taken, []
        before = self._files.date
        for date, lines in groupby(taken, self._date):
            self._files.write(date, [*lines])
        if before != self._files.date:
            for date in self._files.forget(feed_files.days_before(self._files.date, self._settings.keep_days)):
                self._logger.info("feed_forgotten", date=date)
        self._sent[self._settings.tier] = self.number
        self.filling = self.filling and not (self.whole and self._heard_ns)
        return taken

    def close(self) -> None:
        """Close the files."""
        self._files.close()

    def _complete(self) -> None:
        if not self.whole or not self._heard_ns:
            return
        if self._state.late_s is not None:
            self._late = (self._state.late_s, self._heard_ns)
        if self._caught_up or self._lost_ns:
            away_s = (self._clock.monotonic_ns() - self._lost_ns) / SECOND_NS if self._lost_ns else 0.0
            number = self._taken[-1].number if self._taken else self.number
            self._logger.info("caught_up", lines=self._caught_up, number=number, away_s=round(away_s, 1))
        self._caught_up = self._lost_ns = 0

    def _held(self, number: int) -> FeedLine | None:
        for line in (*self._taken, *self._files.since(number - 1)):
            if line.number >= number:
                return line if line.number == number else None
        return None

    def _date(self, line: FeedLine) -> str:
        try:
            seen = _session_decoder.decode(line.frame)
        except msgspec.MsgspecError:  # the chain counts its bytes, whatever they are
            seen = _OfSession()
        if DATE.match(seen.session):
            return seen.session
        return self._files.date or dt.datetime.fromtimestamp(seen.event_ns / 1e9, dt.UTC).strftime("%Y-%m-%d")

    def _market_ns(self) -> int:
        """Market time above; it goes on with this machine's clock while nothing comes."""
        silent_ns = self._clock.monotonic_ns() - self._heard_ns if self._heard_ns else 0
        return self._state.market_ns + (silent_ns if silent_ns > FRESH_NS else 0)

    def _expiry_ns(self) -> int:
        """The time by which signals are judged. Before anything was heard all are over."""
        return self._market_ns() if self._heard_ns else NEVER_NS

    def _verify_key(self) -> VerifyKey | None:
        if not self._settings.signed_by:
            return None
        try:
            return feed.verify_key(self._settings.signed_by)
        except ImportError:
            self._logger.warning("heads_not_proved", remedy="pip install 'tapewire[subscribers]'")
            return None

    def _read(self) -> AboveState | None:
        try:
            return msgspec.json.decode((self._run / ABOVE).read_bytes(), type=AboveState)
        except (OSError, msgspec.MsgspecError):
            return None


def _lasting(state: AboveState) -> AboveState:
    """The part of a state that does not change every second."""
    return msgspec.structs.replace(state, number=0, market_ns=0, late_s=None)
