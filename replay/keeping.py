"""What of a backtest's messages its journal keeps: all, those of decisions, or none once the results are written.

A bar leaves three messages of more than 2 KB, and nearly all bars lead to nothing. `decisions` keeps the messages of a bar only
where something was decided or done at that bar, and the minutes of the days that the report draws. Every signal, order, fill and
trade is in it with its causes, so `explain` and `report` work as with all; a bar on its own is not.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tapewire.bus import topics
from tapewire.bus.messages import Alarm, Bar, Body, Header, Position, Session, Signal, Suppressed, Trade
from tapewire.bus.wire import Encoder
from tapewire.daemons.shell.tape import Tape
from tapewire.replay import tapes
from tapewire.replay.attendance import Attendance
from tapewire.replay.report.facts import MOST_DAYS, MOST_IDLE
from tapewire.replay.tapes import Kept

ALARMS = topics.of(topics.ALARM, "evaluator")
KINDS: tuple[Kept, ...] = ("none", "decisions", "all")
BIG = 60_000  # bars from which on `decisions` is the default
# Measured over two years of synthetic sessions with the seven strategies; a strategy that trades all day leaves more.
BYTES_OF_A_BAR = 2_260
BYTES_OF_A_DECIDED_BAR = 9_000
BYTES_OF_A_DRAWN_DAY = 640_000


def chosen(asked: Kept | None, bars: int) -> Kept:
    """What is kept: as asked, or by the length of the recording."""
    return asked or ("decisions" if bars > BIG else "all")


def estimate(kind: Kept, bars: int) -> int:
    """About how many bytes the journal will have. Of decisions it assumes two a session."""
    sessions = bars // 1_380 + 1
    few = min(sessions, MOST_DAYS + MOST_IDLE) * BYTES_OF_A_DRAWN_DAY + 2 * sessions * BYTES_OF_A_DECIDED_BAR
    return bars * BYTES_OF_A_BAR if kind == "all" else min(few, bars * BYTES_OF_A_BAR) if kind == "decisions" else 0


class Keeper:
    """Takes each message of a run and keeps those that are wanted.

    attendance: of all bars. alarms: the evaluator's. held: the venue's position by close, of the bars at which there is one.
    suppressed: how many complete setups were not requested, by reason.
    """

    def __init__(self, run: Path, kind: Kept) -> None:
        self.attendance = Attendance()
        self.alarms: list[Alarm] = []
        self.held: dict[int, Position] = {}
        self.suppressed: Counter[str] = Counter()
        self._run = run
        self._kind = kind
        self._tape = Tape(run / tapes.FOLDER)
        self._encode = Encoder().encode
        self._waiting: list[tuple[str, Header, Body]] = []  # messages of the bars of this trade date
        self._moments: set[int] = set()  # event times at which something was decided or done
        self._date = ""
        self._traded: set[tuple[str, str]] = set()
        self._drawn: set[str] = set()  # trade dates whose minutes the report may draw
        self._busy: set[str] = set()  # trade dates with a signal
        self._idle = 0  # trade dates without one of which it may
        if kind != "all":
            tapes.mark(run, kind)

    def record(self, topic: str, header: Header, body: Body) -> None:
        """One message, in the order of publishing."""
        if type(body) is Session:
            self.attendance.minute(topic, body)
            if body.session != self._date:
                self._end_of_day(header.event_ns)
                self._date = body.session
        elif type(body) is Bar:
            if topic.startswith(topics.RAW):
                self.attendance.bars += 1
                if body.position is not None and body.position.qty:
                    self.held[body.close_ns] = body.position
        elif type(body) is Suppressed:
            self.suppressed[body.reason] += 1
        elif type(body) is Alarm and topic == ALARMS:
            self.alarms.append(body)
        if self._kind == "all":
            self._keep(topic, header, body)
        elif tapes.of_a_bar(topic):
            self._waiting.append((topic, header, body))
        else:
            self._keep(topic, header, body)
            self._moments.add(header.event_ns)
            if isinstance(body, Signal | Trade):
                self._busy.add(body.session)
                if len(self._traded) < MOST_DAYS:
                    self._drawn.add(body.session)
            if isinstance(body, Trade):
                self._traded.add((body.session, body.instrument))

    def with_positions(self, bars: Iterable[Bar], account: str) -> Iterator[Bar]:
        """The bars of the recording as the run had them: with the account's position at each."""
        flat = Position(account)
        for bar in bars:
            yield msgspec.structs.replace(bar, position=self.held.get(bar.close_ns, flat))

    def close(self) -> None:
        """The run has ended: the journal is on the disk."""
        try:
            self._end_of_day(None)
        finally:
            self._tape.close()

    def tidy(self) -> None:
        """The results are written."""
        if self._kind == "none":
            shutil.rmtree(self._run / tapes.FOLDER)

    def _end_of_day(self, now_ns: int | None) -> None:
        """Keep what is wanted of a trade date; what belongs to the bar of `now_ns` is of the next one."""
        following: list[tuple[str, Header, Body]] = []
        if self._idle < MOST_IDLE and self._date not in self._busy:
            seen = {body.session for _, _, body in self._waiting if isinstance(body, Session) and body.rth}
            self._idle += self._date in seen
            self._drawn |= seen & {self._date}
        for topic, header, body in self._waiting:
            if header.event_ns == now_ns:
                following.append((topic, header, body))
            elif header.event_ns in self._moments or (isinstance(body, Session) and body.rth and body.session in self._drawn):
                self._keep(topic, header, body)
        self._waiting = following
        self._moments = {moment for moment in self._moments if moment == now_ns}

    def _keep(self, topic: str, header: Header, body: Body) -> None:
        self._tape.append(topic, header.epoch, header.seq, self._encode(header, body))
