"""The public feed in its three tiers, and the port where subscribers ask (PROTOCOL.md 15).

    public          premium     every line when it is published
    public.delayed  delayed     the same lines, `delay_s` of market time later
    public.free     free        summaries
    public.ask      all         what he has missed, and queries; each with what his tier may see by now

A line is the topic, the map as on the bus, and its place in the feed (bus/feed.py). It is on the disk before anybody gets it. What
a subscriber has missed he asks for, so nothing here is sent twice.

Market time decides what is due, and so a replay gives what a live day gives. If the market falls silent for `SILENT_NS`, this
machine's clock goes on in its place.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tapewire.bus import feed, feed_files, wire
from tapewire.bus.daemon import PublicPolicy
from tapewire.bus.errors import ConfError
from tapewire.bus.feed import HEAD, FeedLine
from tapewire.bus.feed_files import FeedLog
from tapewire.bus.messages import Body, Header, PublicSignal, PublicSummary, PublicTrade
from tapewire.bus.roles import STREAMS, SubscriberTier
from tapewire.daemons.shell import control
from tapewire.daemons.shell.outlet import Outlet, ReaderLimits
from tapewire.daemons.shell.process import Process
from tapewire.daemons.shell.questions import FREE, FeedPast, Questions
from tapewire.daemons.shell.usage import Usage
from tapewire.daemons.shell.watch import Watch
from tapewire.strategies.clock import SECOND_NS

if TYPE_CHECKING:
    from nacl.signing import SigningKey

STATE = b"public.state."
HOUR_NS = 3_600 * SECOND_NS
SILENT_NS = 120 * SECOND_NS

_packed = msgspec.msgpack.Encoder().encode


class Tiers:
    """The feed of a run, and its readers.

    Args:
        premium: the port `public`. watch: market time as the process has it.

    Raises:
        JournalError: the feed on the disk is not what was written. Transient: a port is taken.
    """

    def __init__(self, process: Process, policy: PublicPolicy, run: Path, premium: Outlet, watch: Watch) -> None:
        self._process = process
        self._policy = policy
        self._conf = process.conf.subscribers
        self._watch = watch
        self._feed = FeedLog(run)
        self._key = self._signing_key(run)
        limits = ReaderLimits.of(process.conf)
        self._out = {
            SubscriberTier.PREMIUM: premium,
            SubscriberTier.DELAYED: Outlet(process, STREAMS[SubscriberTier.DELAYED], limits),
            SubscriberTier.FREE: Outlet(process, STREAMS[SubscriberTier.FREE], limits),
        }
        self._last = dict.fromkeys(SubscriberTier, 0)  # the last number that each tier has been sent
        self._due: deque[tuple[int, FeedLine]] = deque()
        self._now_ns = 0
        self._named: list[tuple[int, str, str]] = []  # from which number on an instrument has which contract
        self._past = FeedPast(self._feed, self._last, lambda: self._now_ns)
        self._usage = Usage(run / feed_files.FOLDER, process.clock)
        self._questions = Questions(process, SubscriberTier.PREMIUM, self._answers)
        for name, size in self._feed.torn.items():
            process.logger.warning("feed_mended", file=name, bytes=size)
        self._load()

    def open(self) -> None:
        """The past is known. What became due before has been sent, or is asked for by its number."""
        self._reach(self._process.clock.monotonic_ns())
        while self._due and self._due[0][0] <= self._now_ns:
            self._sent(SubscriberTier.DELAYED, self._due.popleft()[1])

    def take(self, topic: str, header: Header, body: Body, frame: bytes, *, folding: bool) -> None:
        """Put a public fact into the feed, and send it to those who get it at once.

        Raises:
            DiskError: the disk refuses.
        """
        if not isinstance(body, PublicSignal | PublicTrade | PublicSummary):
            return
        before = self._feed.date
        line = self._feed.add(topic, frame, header.epoch, header.seq, body.session)
        if line is None:
            return
        self._name(line, body)
        self._now_ns = max(self._now_ns, header.event_ns)
        self._added(line, header.event_ns, free=topic.startswith(FREE), folding=folding)
        if before != self._feed.date:
            for date in self._feed.forget(feed_files.days_before(self._feed.date, self._conf.keep_days)):
                self._process.logger.info("feed_forgotten", date=date)
        if isinstance(body, PublicSummary):
            self._sign(closed=True, folding=folding)

    def pass_time(self, now_ns: int) -> None:
        """Send what has become due, and sign what an hour has brought."""
        self._reach(now_ns)
        while self._due and self._due[0][0] <= self._now_ns:
            self._send(SubscriberTier.DELAYED, self._due.popleft()[1])
        head, last = self._feed.head, self._feed.last
        if last is not None and (head is None or head.market_ns // HOUR_NS < self._now_ns // HOUR_NS):
            self._sign(closed=last.topic.startswith(FREE), folding=False)

    def watch(self) -> None:
        """Say to every subscriber where his stream stands, and note who is there."""
        self._questions.watch()
        here: Counter[str] = Counter()
        for tier, outlet in self._out.items():
            outlet.watch()
            outlet.send((STATE, _packed(self._state(tier))))
            here += outlet.connected()
        self._usage.note(here, [*self._out.values()])

    def close(self) -> None:
        """Write down who was there, and close the feed."""
        self._usage.write()
        self._feed.close()

    def _signing_key(self, run: Path) -> SigningKey | None:
        try:
            return feed_files.signing_key(run)
        except ConfError as error:  # who reads the signals has them, and no proof
            self._process.logger.error("feed_not_signed", error=str(error))
            return None

    # --- sending --------------------------------------------------------------------------------------------------------------

    def _send(self, tier: SubscriberTier, line: FeedLine) -> None:
        place = _packed({"number": line.number, "previous": line.previous})
        frames = (line.topic.encode(), line.frame, place)
        outlet = self._out[tier]
        outlet.send(frames)
        outlet.count(frames)
        self._sent(tier, line)

    def _sent(self, tier: SubscriberTier, line: FeedLine) -> None:
        self._last[tier] = max(self._last[tier], line.number)

    def _added(self, line: FeedLine, market_ns: int, *, free: bool, folding: bool) -> None:
        """A new line: to some at once, to others later. One of the past was sent, or is asked for."""
        self._due.append((market_ns + int(self._conf.delay_s * SECOND_NS), line))
        at_once = (SubscriberTier.PREMIUM, SubscriberTier.FREE) if free else (SubscriberTier.PREMIUM,)
        for tier in at_once:
            if folding:
                self._sent(tier, line)
            else:
                self._send(tier, line)

    def _name(self, line: FeedLine, body: Body) -> None:
        """Note the contract of a signal, if it is another one. A tier is told of it when it gets the line."""
        if isinstance(body, PublicSignal) and body.contract:
            known = {instrument: contract for _, instrument, contract in self._named}
            if known.get(body.instrument) != body.contract:
                self._named.append((line.number, body.instrument, body.contract))

    def _sign(self, *, closed: bool, folding: bool) -> None:
        if self._key is None:
            return
        line = self._feed.sign(self._key, market_ns=self._now_ns, closed=closed)
        if line is not None:
            self._added(line, self._now_ns, free=closed, folding=folding)

    def _reach(self, now_ns: int) -> None:
        self._now_ns = max(self._now_ns, self._watch.market_ns, self._watch.estimated_ns(now_ns) - SILENT_NS)

    def _load(self) -> None:
        """What the feed has: the numbers that each tier knows, and what may not be due yet."""
        for date in self._feed.dates(2):
            for line in self._feed.lines(date):
                if line.topic == HEAD:
                    head = feed.head_of(line)
                    self._added(line, head.market_ns, free=head.closed, folding=True)
                    continue
                header, body = wire.decode(line.frame)
                self._name(line, body)
                self._added(line, header.event_ns, free=line.topic.startswith(FREE), folding=True)

    # --- answers --------------------------------------------------------------------------------------------------------------

    def _answers(self, tier: SubscriberTier) -> control.Answers:
        see = partial(self._past.visible, tier)
        queries = {verb: partial(query, see) for verb, query in self._policy.queries.items()}
        return {"state": lambda _: self._state(tier), "since": partial(self._past.since, tier), **queries}

    def _state(self, tier: SubscriberTier) -> dict[str, Any]:
        return {
            "type": "state",
            "tier": tier.value,
            "delay_s": self._conf.delay_s if tier is SubscriberTier.DELAYED else 0.0,
            "contracts": {instrument: contract for number, instrument, contract in self._named if number <= self._last[tier]},
            "number": self._last[tier],
            "market_ns": self._now_ns,
            "key": "" if self._key is None else feed_files.public_text(self._key),
        }
