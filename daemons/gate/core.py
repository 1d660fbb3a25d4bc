"""The gate's core: intents in, decisions and orders out; the venue's words in, books and facts out.

Who sees what: the evaluator asks with `Intents` and gets one `Decisions`; the venue is told orders and answers with
`OrderUpdate` and `Execution`; everybody may read the facts. The core keeps orders by id (orders.py), the account's books
(ledger.py) and the rules of what is allowed (risk.py). All of it is a fold over the events in their order, so folding the same
events again after a crash gives the same gate.

Causes: what happens to an order is caused by the `Intents` that asked for it, so that one can walk from any fill back to its bar.
"""

from __future__ import annotations

from collections.abc import Sequence

from bus import topics
from bus.daemon import Answer, Daemon, Event, Output, Publish, Tell
from bus.messages import Action, Bar, Decision, Decisions, Execution, Hello, Intent, Intents, OrderUpdate, PositionChanged, Risk
from daemons.gate import facts, reconcile, risk
from daemons.gate.ledger import Ledger, Turn
from daemons.gate.orders import ENTRIES, WORDS, Order, Orders, Trigger
from daemons.gate.program import ProgramAccount
from daemons.settings import Conf
from daemons.tracker.clock import Clock


def daemon(conf: Conf) -> Daemon:
    """The gate as a process: it answers for orders, owns the venue link, and keeps its own fsynced log.

    It reads bars only for a prop-firm program with a rule about open equity; nothing else here looks at one.
    """
    bars = (topics.RAW,) if conf.program is not None and conf.program.sees_open_equity else ()
    return Daemon("gate", Gate(conf), subscribe=bars, serves="gate", venue=True, durable=True)


class Gate:
    """The one owner of orders and of the account's books.

    killed: the latched kill switch. Entries are refused while it is set; exits and moves are not.
    program: the account's way through its prop-firm program, None without one.
    """

    def __init__(self, conf: Conf) -> None:
        self.conf = conf
        self.killed = False
        self.orders = Orders()
        self.book = Ledger(conf.instruments)
        self.program = ProgramAccount(conf.program, conf.instruments, conf.calendar) if conf.program else None
        self._told = 0
        self._clock = Clock(conf.calendar)
        self._decided: set[str] = set()
        self._answered: dict[str, tuple[Intents, Decisions]] = {}
        self._updates: set[str] = set()
        self._disputed: dict[str, int] = {}
        self._now_ns = 0

    def step(self, event: Event) -> Sequence[Output]:
        """Take one event. Total for any decodable event; what the gate has no business with gives nothing."""
        body = event.body
        if isinstance(body, Intents):
            return self._decide(event, body)
        if isinstance(body, OrderUpdate):
            return self._update(body)
        if isinstance(body, Execution):
            return self._execute(body)
        if isinstance(body, Hello):
            return self._reconcile(event, body)
        if isinstance(body, Bar) and self.program is not None:
            self.program.bar(body)
            return self._news()
        return ()

    def standing(self, session: str) -> Risk:
        """The account as it stands in a session."""
        return Risk(
            account=self.conf.trading.account,
            session=session,
            state=risk.standing(self.conf.preset.risk, self.book, session, killed=self.killed),
            realised_cents=self.book.realised_cents(session),
            total_cents=self.book.total_cents,
            drawdown_cents=self.book.drawdown_cents,
            trades=self.book.trades(session),
        )

    # --- intents -----------------------------------------------------------------------------------------------------

    def _decide(self, event: Event, asked: Intents) -> list[Output]:
        """All intents of one bar in one step, so that each is checked with those before it already counted."""
        topic = topics.of(topics.DECISION, asked.instrument)
        before = self._answered.get(asked.instrument)
        if before is not None and before[0] == asked:
            return [Answer(topic, before[1])]
        self._now_ns = max(self._now_ns, event.header.event_ns, asked.bar_ns)
        if self.program is not None:
            self.program.on(asked.session)
        outputs = self._news()
        decisions = tuple(self._decide_one(event, asked, intent, outputs) for intent in asked.intents)
        answer = Decisions(asked.id, asked.instrument, asked.bar_ns, decisions)
        self._answered[asked.instrument] = (asked, answer)
        outputs.append(Answer(topic, answer))
        return outputs

    def _decide_one(self, event: Event, asked: Intents, intent: Intent, outputs: list[Output]) -> Decision:
        case = risk.Case(
            conf=self.conf,
            book=self.book,
            orders=self.orders,
            decided=self._decided,
            disputed=self._disputed,
            killed=self.killed,
            now_ns=self._now_ns,
            asked=asked,
            intent=intent,
            program=self.program,
        )
        refused = risk.refusal(case)
        self._decided.add(intent.id)
        if refused is not None:
            reason, detail = refused
            outputs.append(Publish(topics.of(topics.REJECT, asked.instrument), facts.reject(case, reason, detail)))
            return Decision(intent.id, approved=False, reason=reason, detail=detail)
        order = self._order(case, event.ref)
        self.orders.add(order)
        outputs.append(Tell(topics.of(topics.COMMAND, asked.instrument), facts.wish(order)))
        outputs.append(Publish(topics.of(topics.SIGNAL, asked.instrument), facts.signal(order)))
        return Decision(intent.id, approved=True, order_id=order.order_id, size=order.qty)

    def _order(self, case: risk.Case, cause: str) -> Order:
        asked, intent = case.asked, case.intent
        closes = intent.action is Action.EXIT
        return Order(
            order_id=intent.id,
            instrument=asked.instrument,
            account=self.conf.trading.account,
            intent=intent,
            session=asked.session,
            bar_ns=asked.bar_ns,
            bar_index=asked.bar_index,
            cause=cause,
            qty=case.size if intent.action in ENTRIES else abs(case.qty) if closes else 0,
            stop=None if closes else case.stop,
            target=None if closes else case.target,
        )

    # --- the venue's words -----------------------------------------------------------------------------------------------

    def _update(self, update: OrderUpdate) -> list[Output]:
        """The venue's word on one of our orders. A repeat is recognised by its id and says nothing new."""
        if update.id in self._updates:
            return []
        self._updates.add(update.id)
        order = self.orders.get(update.order_id)
        if order is None:
            return [facts.alarm("unknown_order", f"the venue says {update.status} of {update.order_id}, which is not ours")]
        trigger = WORDS.get(update.status)
        if trigger is Trigger.CARRY_OUT and not order.changes_position:
            self._moved(order, update)
        changed = order.apply(trigger) if trigger else None
        return self._advanced(order, changed, update.detail, f"{update.status} by the venue's update {update.id}")

    def _moved(self, move: Order, update: OrderUpdate) -> None:
        """The bracket stands where the venue says; the entry remembers it, because a stop may only tighten from there."""
        entry = self.orders.get(move.intent.entry_id or self.book.entry_id(move.instrument))
        if entry is None:
            return
        if update.stop is not None:
            entry.stop = update.stop
        if update.target is not None:
            entry.target = update.target

    def _execute(self, execution: Execution) -> list[Output]:
        """One fill, booked once. Fills of unknown orders move the position as well: that is the account's truth."""
        if self.book.seen(execution.id):
            return []
        name = execution.instrument
        if name not in self.conf.instruments or execution.qty == 0 or not risk.real(execution.price):
            text = f"execution {execution.id}: {execution.qty} {name} at {execution.price} cannot be booked"
            return [facts.alarm("bad_execution", text)]
        order = None if execution.role == facts.FOREIGN else self.orders.get(execution.order_id)
        cause = order.cause if order else ""
        outputs: list[Output] = []
        if order is not None and execution.role in (facts.ENTRY, facts.EXIT):
            outputs += self._advanced(order, order.fill(execution.qty), "", f"filled by execution {execution.id}")
        # A bracket names its entry too, but a stop that fills after somebody closed by hand opens a position that is nobody's.
        opens = order is not None and order.entry and execution.role == facts.ENTRY
        ended = self.book.book(execution, execution.order_id if opens else "")
        position = PositionChanged(name, execution.account, self.book.qty(name), self.book.average(name))
        outputs.append(Publish(topics.of(topics.FILL, name), facts.fill(execution, ours=order is not None), cause))
        outputs.append(Publish(topics.of(topics.POSITION, name), position, cause))
        if ended is not None:
            outputs += self._close(ended, execution, order)
        if self._disputed.get(name) == self.book.qty(name):
            del self._disputed[name]
        return outputs

    def _close(self, turn: Turn, execution: Execution, order: Order | None) -> list[Output]:
        """A round turn has ended: the trade, where it was one of ours, and the account's standing."""
        name = execution.instrument
        entry = self.orders.get(turn.entry_id)
        session = entry.session if entry else self._clock.read(execution.bar_ns)[0].date
        money = self.book.realise(turn, name, session, entry.intent.strategy if entry else "")
        cause = entry.cause if entry else ""
        if self.program is not None:
            self.program.trade(name, session, turn.first_ns, execution.bar_ns, money[0] - money[1])
        outputs = self._news()
        if self.book.qty(name) == 0:
            for left in self.orders.working(name):
                if not left.entry:
                    outputs += self._advanced(left, left.apply(Trigger.FLAT), "the position is gone", "")
        if entry is not None:
            trade = facts.trade(self.book, turn, entry, execution, order, money)
            outputs.append(Publish(topics.of(topics.TRADE, name), trade, cause))
        outputs.append(Publish(topics.of(topics.RISK, execution.account), self.standing(session), cause))
        return outputs

    def _advanced(self, order: Order, changed: bool | None, detail: str, contradiction: str) -> list[Output]:
        """What to say after a transition: the new status, nothing, or that the venue contradicts what we know."""
        if changed is None:
            return [facts.alarm("contradiction", f"{order.order_id} is {order.status}, yet {contradiction}")]
        return [facts.order_event(order, detail)] if changed else []

    def _news(self) -> list[Output]:
        """What has become of the account's program since the last time, each for a person to look at."""
        if self.program is None:
            return []
        news, self._told = self.program.news[self._told :], len(self.program.news)
        return [facts.alarm("program", text) for text in news]

    def _reconcile(self, event: Event, hello: Hello) -> list[Output]:
        """The venue is there: what stands at it against our books."""
        account, at_ns = self.conf.trading.account, event.header.event_ns
        findings = reconcile.compare(hello, account, at_ns, self.book, self.orders, self.conf.traded)
        self._disputed = findings.disputed
        outputs: list[Output] = [facts.alarm("reconcile", text) for text in findings.texts]
        for execution in findings.adopted:
            outputs += self._execute(execution)
        return outputs
