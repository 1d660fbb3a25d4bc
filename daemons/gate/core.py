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
from bus.daemon import Answer, Carry, Daemon, Event, Output, Publish, Tell
from bus.messages import (
    Action,
    Arm,
    Bar,
    Begun,
    Decision,
    Decisions,
    Due,
    Execution,
    ExternalAnswer,
    ExternalSignal,
    Hello,
    IngressError,
    Intent,
    Intents,
    Kill,
    LinkState,
    OrderStatus,
    OrderUpdate,
    PositionChanged,
    Risk,
    Session,
    TradingState,
)
from daemons.gate import facts, flatten, inbox, reconcile, risk, rounding, state, timeouts
from daemons.gate.account import Account
from daemons.gate.case import Case
from daemons.gate.heard import Heard
from daemons.gate.hours import Hours
from daemons.gate.inbox import Inbox, Market
from daemons.gate.ingress import Refusal
from daemons.gate.ledger import Ledger, Turn
from daemons.gate.orders import ENTRIES, WORDS, Order, Orders, Trigger
from daemons.gate.program import ProgramAccount
from daemons.gate.rates import Rates
from daemons.gate.reconcile import Disputes
from daemons.gate.state import State, carried_over
from daemons.settings import Conf
from daemons.tracker.clock import Clock


def daemon(conf: Conf) -> Daemon:
    """The gate as a process: it answers for orders, owns the venue link, and keeps its own fsynced log.

    It reads bars only for a prop-firm program with a rule about open equity, and sessions only where signals of others are taken:
    they do not bring their bar along as the evaluator's intents do. Nothing else here looks at either.
    """
    bars = (topics.RAW,) if conf.program is not None and conf.program.sees_open_equity else ()
    sessions = (topics.SESSION,) if conf.ingress.enabled else ()

    def restored(data: bytes) -> Gate:
        gate, findings = Gate.restored(conf, state.decode(data))
        gate.findings = findings
        return gate

    carry = Carry(lambda gate: state.encode(gate.snapshot()), restored)
    return Daemon("gate", Gate(conf), subscribe=bars + sessions, serves="gate", venue=True, durable=True, carry=carry)


class Gate:
    """The one owner of orders and of the account's books.

    killed: the latched kill switch. Entries are refused while it is set; exits and moves are not.
    program: the account's way through its prop-firm program, None without one.
    heard: what it has been told of the world outside. rates: what it has sent lately. inbox: signals of others. disputes: where the
    venue says otherwise. findings: what of the last epoch does not go on in this one, in words.

    Raises:
        ConfError: the limits name hours that are none.
    """

    def __init__(self, conf: Conf) -> None:
        self.conf = conf
        self.killed = False
        self.orders = Orders()
        self.book = Ledger(conf.instruments)
        self.program = ProgramAccount(conf.program, conf.instruments, conf.calendar) if conf.program else None
        self.heard = Heard()
        self.rates = Rates()
        self.inbox = Inbox(conf)
        self.disputes = Disputes()
        self.findings: list[str] = []
        self._told = 0
        self._clock = Clock(conf.calendar)
        self._hours = Hours(conf.preset.risk, conf.calendar)
        self._entered: dict[str, int] = {}
        self._stands = risk.Standing(TradingState.ACTIVE, None)
        self._kills = 0
        self._cancels: set[str] = set()
        self._decided: set[str] = set()
        self._answered: dict[str, tuple[Intents, Decisions]] = {}
        self._updates: set[str] = set()

    @classmethod
    def restored(cls, conf: Conf, state: State) -> tuple[Gate, list[str]]:
        """The gate that knows this, under these settings; and in words what of it does not go on (daemons/gate/state.py).

        Raises:
            ConfError: as the constructor, or something is open or works that these settings cannot look after.
        """
        state, findings = carried_over(state, conf)
        gate = cls(conf)
        gate.killed, gate._kills = state.killed, state.kills
        gate.orders = Orders.restored(state.orders)
        gate.book = Ledger.restored(state.book, conf.instruments)
        gate.rates = Rates.restored(state.rates)
        gate.inbox = Inbox.restored(state.inbox, conf)
        gate.heard = state.heard.copy()
        if conf.program is not None and state.program is not None:
            gate.program = ProgramAccount.restored(state.program, conf.program, conf.instruments, conf.calendar)
        gate._told, gate._stands = state.told, state.stands
        gate._entered, gate._answered = {**state.entered}, {**state.answered}
        gate.disputes = state.disputes.copy()
        gate._decided, gate._cancels, gate._updates = {*state.decided}, {*state.cancels}, {*state.updates}
        return gate, findings

    def snapshot(self) -> State:
        """What the gate knows now, with nothing in it that changes later."""
        return State(
            account=self.conf.trading.account,
            traded=self.conf.traded,
            ticks={name: terms.tick for name, terms in self.conf.instruments.items()},
            killed=self.killed,
            kills=self._kills,
            decided=tuple(sorted(self._decided)),
            orders=self.orders.snapshot(),
            book=self.book.snapshot(),
            rates=self.rates.snapshot(),
            program=self.program.snapshot() if self.program else None,
            told=self._told,
            inbox=self.inbox.snapshot(),
            heard=self.heard.copy(),
            entered={**self._entered},
            answered={**self._answered},
            cancels=tuple(sorted(self._cancels)),
            updates=tuple(sorted(self._updates)),
            disputes=self.disputes.copy(),
            stands=self._stands,
        )

    def step(self, event: Event) -> Sequence[Output]:
        """Take one event. Total for any decodable event; what the gate has no business with gives nothing."""
        body = event.body
        if isinstance(body, Intents):
            return self._and_standing(self._decide(event, body))
        if isinstance(body, OrderUpdate | Execution):
            self.heard.word(event.header.event_ns)
            self.disputes.hear(event.topic, (event.header.epoch, event.header.seq))
            return self._and_standing(self._update(body) if isinstance(body, OrderUpdate) else self._execute(body))
        if isinstance(body, Hello):
            return self._and_standing(self._reconcile(event, body))
        if isinstance(body, LinkState):
            return self._connected(body)
        if isinstance(body, Begun):
            return self._begin()
        if isinstance(body, Due):
            return self._and_standing(self._overdue(body))
        if isinstance(body, Kill | Arm):
            return self._obey(event, body)
        if isinstance(body, ExternalSignal):
            return self._and_standing(self._external(event, body))
        if isinstance(body, Session):
            return self.inbox.market(Market(event.ref, body))
        if isinstance(body, Bar) and self.program is not None:
            self.program.bar(body)
            return self._news()
        return ()

    def _begin(self) -> list[Output]:
        """The first event of an epoch that goes on with the books of the last one, under settings of its own."""
        outputs: list[Output] = [facts.alarm("carried_over", text) for text in self.findings]
        if self.heard.session and self.conf.trading.account:
            outputs.append(Publish(topics.of(topics.RISK, self.conf.trading.account), self.standing(self.heard.session)))
        return outputs

    @property
    def due_ns(self) -> int:
        """Market time at which this core wants a `Due`; 0 for never."""
        return timeouts.due_ns(self.orders, self.conf.trading)

    def account(self, session: str) -> Account:
        """The account in a session, as its limits see it."""
        return Account(
            conf=self.conf,
            book=self.book,
            orders=self.orders,
            rates=self.rates,
            disputed=self.disputes.held,
            closes=self.heard.closes,
            session=session,
            now_ns=self.heard.asked_ns,
        )

    def standing(self, session: str) -> Risk:
        """The account as it stands in a session."""
        account = self.account(session)
        self._stands = risk.standing(account, self.heard, killed=self.killed)
        return facts.standing(account, self._stands)

    def _and_standing(self, outputs: list[Output]) -> list[Output]:
        """What was said, and the account's standing if the trading state is no longer what was last said."""
        if not (outputs and self.heard.session and self.conf.trading.account):
            return outputs  # nothing said is nothing changed: a repeat
        if risk.standing(self.account(self.heard.session), self.heard, killed=self.killed) != self._stands:
            outputs.append(Publish(topics.of(topics.RISK, self.conf.trading.account), self.standing(self.heard.session)))
        return outputs

    # --- intents -----------------------------------------------------------------------------------------------------

    def _decide(self, event: Event, asked: Intents) -> list[Output]:
        """All intents of one bar in one step, so that each is checked with those before it already counted."""
        topic = topics.of(topics.DECISION, asked.instrument)
        before = self._answered.get(asked.instrument)
        if before is not None and before[0] == asked:
            return [Answer(topic, before[1])]
        outputs = self._look(event.header.event_ns, asked)
        decisions = tuple(self._decide_one(event.ref, asked, intent, outputs) for intent in asked.intents)
        answer = Decisions(asked.id, asked.instrument, asked.bar_ns, decisions)
        self._answered[asked.instrument] = (asked, answer)
        outputs.append(Answer(topic, answer))
        return outputs

    def _look(self, now_ns: int, asked: Intents) -> list[Output]:
        """The market that comes with a question is the latest that the gate knows."""
        self.heard.question(now_ns, asked, self.conf.instruments)
        if self.program is not None:
            self.program.on(asked.session)
        return self._news()

    def _decide_one(self, cause: str, asked: Intents, intent: Intent, outputs: list[Output]) -> Decision:
        case = Case(
            asked=asked,
            intent=intent,
            account=self.account(asked.session),
            heard=self.heard,
            hours=self._hours,
            decided=self._decided,
            entered=self._entered,
            killed=self.killed,
            program=self.program,
        )
        refused = risk.refusal(case)
        self._decided.add(intent.id)
        if refused is not None:
            reason, detail = refused
            outputs.append(Publish(topics.of(topics.REJECT, asked.instrument), facts.reject(case, reason, detail)))
            return Decision(intent.id, approved=False, reason=reason, detail=detail)
        cut = case.cut if intent.action in ENTRIES else ""
        order = self._order(case, cause)
        self.orders.add(order)
        self.rates.sent(self.heard.asked_ns, asked.session)
        if order.entry:
            self._entered[asked.instrument] = asked.bar_ns
        outputs.append(Tell(topics.of(topics.COMMAND, asked.instrument), facts.wish(order)))
        outputs.append(Publish(topics.of(topics.SIGNAL, asked.instrument), facts.signal(order)))
        return Decision(intent.id, approved=True, order_id=order.order_id, size=order.qty, detail=cut)

    def _order(self, case: Case, cause: str) -> Order:
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
            at_ns=self.heard.asked_ns,
        )

    def _overdue(self, due: Due) -> list[Output]:
        """Orders that the venue has let pass: told, and entries that work too long asked back."""
        outputs: list[Output] = []
        for order in timeouts.overdue(self.orders, self.conf.trading, due.at_ns):
            if order.status is OrderStatus.PENDING:
                order.unanswered = True
                outputs.append(facts.alarm("unanswered", f"the venue has said nothing of {order.order_id}"))
                continue
            order.recalled = True
            wish = timeouts.recall(order)
            self._cancels.add(wish.id)
            outputs.append(Tell(topics.of(topics.COMMAND, order.instrument), wish))
            outputs.append(facts.alarm("asked_back", f"{order.order_id} works beyond its validity; asked the venue to cancel it"))
        return outputs

    # --- signals of others ---------------------------------------------------------------------------------------------

    def _external(self, event: Event, word: ExternalSignal) -> list[Output]:
        """Queue a signal and decide on it as on an intent of the last bar. That bar's session is the cause: the word is no fact."""
        now_ns = event.header.event_ns
        admitted = self.inbox.admit(word.fields, now_ns, link_up=self.heard.link_up)
        if isinstance(admitted, ExternalAnswer):
            return [Answer(inbox.ANSWERS, admitted)]
        entry, market = admitted
        asked = entry.asked(market.session)
        (intent,) = asked.intents
        if intent.id in self._decided:
            taken = Refusal(IngressError.INTERNAL, "", f"the order id {intent.id} is taken; ask again")
            return [Answer(inbox.ANSWERS, inbox.refused(taken, entry.request))]
        outputs: list[Output] = [*self.inbox.queue(entry), *self._look(now_ns, asked)]
        decided: list[Output] = []
        decision = self._decide_one(market.ref, asked, intent, decided)
        said, answer = self.inbox.decided(entry, decision)
        outputs += [each if isinstance(each, Answer) else each._replace(cause=market.ref) for each in decided]
        return [*outputs, *said, Answer(inbox.ANSWERS, answer)]

    # --- the operator's words --------------------------------------------------------------------------------------------

    def _obey(self, event: Event, word: Kill | Arm) -> list[Output]:
        """Latch the kill switch, or release it and what reconciliation disputed. The state is a fold, so it survives a restart."""
        self.killed = isinstance(word, Kill)
        outputs: list[Output] = []
        if isinstance(word, Kill):
            self._kills += 1
            outputs.append(facts.alarm("killed", f"{word.by} latched the kill switch" + (", flattening" * word.flatten)))
            if word.flatten:
                for name in self.conf.traded:
                    outputs += self._flatten(event, name)
        else:
            outputs += self._settle(event)
            outputs.append(facts.alarm("armed", f"{word.by} armed the gate again"))
        outputs.append(Answer(topics.of(topics.RISK, self.conf.trading.account or "none"), self.standing(self.heard.session)))
        return outputs

    def _settle(self, event: Event) -> list[Output]:
        """A person has looked at what is disputed: our books take the venue's word, at the last close."""
        outputs: list[Output] = []
        for name in sorted(self.disputes.held):
            close = self.heard.closes.get(name)
            settled = self.disputes.settle(name, self.book.qty(name), close)
            if settled is None:
                continue
            outputs.append(facts.alarm("reconcile", settled.text))
            if settled.qty and close is not None:
                account = self.conf.trading.account
                outputs += self._execute(reconcile.taken_over(event, name, account, settled.qty, close))
        return outputs

    def _flatten(self, event: Event, name: str) -> list[Output]:
        """Take working entries back and close what is open; a position the venue disputes is closed by the venue's count."""
        outputs: list[Output] = []
        topic = topics.of(topics.COMMAND, name)
        entries = [order for order in self.orders.working(name) if order.entry]
        for of, entry in enumerate(entries, 1):
            wish = flatten.cancel(entry, self._kills, of)
            self._cancels.add(wish.id)
            outputs.append(Tell(topic, wish))
        qty = self.disputes.held.get(name) or self.book.qty(name)
        if qty:
            order = flatten.close(
                name,
                self.conf.trading.account,
                qty,
                entry_id="" if name in self.disputes.held else self.book.entry_id(name),
                session=self.heard.session,
                at_ns=event.header.event_ns,
                bar_index=self.heard.bars.get(name, 0),
                number=self._kills,
            )
            self.orders.add(order)
            outputs.append(Tell(topic, facts.wish(order)))
        return outputs

    # --- connections -----------------------------------------------------------------------------------------------------

    def _connected(self, state: LinkState) -> list[Output]:
        self.heard.link(state)
        if state.of != "journal":
            return []
        text = "the logger is back" if state.up else f"{state.detail}; no entries until it is back"
        return self._and_standing([facts.alarm("journal", text)])

    # --- the venue's words -----------------------------------------------------------------------------------------------

    def _update(self, update: OrderUpdate) -> list[Output]:
        """The venue's word on one of our orders. A repeat is recognised by its id and says nothing new."""
        if update.id in self._updates:
            return []
        self._updates.add(update.id)
        if update.order_id in self._cancels:
            return []  # the cancel itself; what became of the entry is said under the entry's id
        order = self.orders.get(update.order_id)
        if order is None:
            return [facts.alarm("unknown_order", f"the venue says {update.status} of {update.order_id}, which is not ours")]
        trigger = WORDS.get(update.status)
        if trigger is Trigger.CARRY_OUT and not order.changes_position:
            self._moved(order, update)
        changed = order.apply(trigger) if trigger else None
        said = self._advanced(order, changed, update.detail, f"{update.status} by the venue's update {update.id}")
        if trigger in inbox.WORDS and not order.filled:
            said += self.inbox.heard(order.order_id, inbox.WORDS[trigger], update.detail)
        return said

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
        if execution.account != self.conf.trading.account:
            text = f"execution {execution.id} is of account {execution.account!r}, which is not ours; it is not booked"
            return [facts.alarm("other_account", text)]
        if name not in self.conf.instruments or execution.qty == 0 or not rounding.real(execution.price):
            text = f"execution {execution.id}: {execution.qty} {name} at {execution.price} cannot be booked"
            return [facts.alarm("bad_execution", text)]
        self.heard.bar(name, execution.bar_index)
        order = None if execution.role == facts.FOREIGN else self.orders.get(execution.order_id)
        cause = order.cause if order else ""
        outputs: list[Output] = []
        if order is not None and execution.role in (facts.ENTRY, facts.EXIT):
            outputs += self._advanced(order, order.fill(execution.qty), "", f"filled by execution {execution.id}")
            outputs += self.inbox.heard(order.order_id, inbox.Step.CONFIRM)
        # A bracket names its entry too, but a stop that fills after somebody closed by hand opens a position that is nobody's.
        opens = order is not None and order.entry and execution.role == facts.ENTRY
        ended = self.book.book(execution, *((order.order_id, order.intent.strategy) if order and opens else ()))
        position = PositionChanged(name, execution.account, self.book.qty(name), self.book.average(name))
        outputs.append(Publish(topics.of(topics.FILL, name), facts.fill(execution, ours=order is not None), cause))
        outputs.append(Publish(topics.of(topics.POSITION, name), position, cause))
        self.disputes.booked(name, execution.qty, self.book.qty(name))
        if ended is not None:
            outputs += self._close(ended, execution, order)
        return outputs

    def _close(self, turn: Turn, execution: Execution, order: Order | None) -> list[Output]:
        """A round turn has ended: the trade, where it was one of ours, and the account's standing."""
        name = execution.instrument
        entry = self.orders.get(turn.entry_id)
        session = entry.session if entry else self._clock.read(execution.bar_ns)[0].date
        money = self.book.realise(turn, name, session, execution.bar_ns)
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
        self.heard.link_up, self.heard.accounts = True, hello.accounts
        account, at_ns = self.conf.trading.account, event.header.event_ns
        findings = self.disputes.compare(hello, account, at_ns, self.book, self.orders, self.conf.traded)
        outputs: list[Output] = [facts.alarm("reconcile", text) for text in findings.texts]
        for execution in findings.adopted:
            outputs += self._execute(execution)
        return outputs
