"""The gate's core: intents in, decisions and orders out; the venue's words in, books and facts out.

Who sees what: the evaluator asks with `Intents` and gets one `Decisions`; the venue is told orders and answers with
`OrderUpdate` and `Execution`; everybody may read the facts. The gate owns the orders by id (orders.py) and the account's books
(ledger.py). Here it decides by the rules of what is allowed (risk.py), and does what time and people want; what the venue says is
entered in the blotter (blotter.py). All of it is a fold over the events in their order, so folding the same events again after a
crash gives the same gate.

Causes: what happens to an order is caused by the `Intents` that asked for it, so that one can walk from any fill back to its bar.
"""

from __future__ import annotations

from collections.abc import Sequence

from tapewire.bus import topics
from tapewire.bus.daemon import Answer, Carry, Daemon, Event, Output, Publish, Tell
from tapewire.bus.messages import (
    Arm,
    Bar,
    Begun,
    CancelOrder,
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
    Risk,
    Session,
)
from tapewire.daemons.gate import facts, flatten, state
from tapewire.daemons.gate.blotter import Blotter
from tapewire.daemons.gate.books import timeouts
from tapewire.daemons.gate.books.account import Account
from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import ENTRIES, Order, Orders
from tapewire.daemons.gate.books.rates import Rates
from tapewire.daemons.gate.checks import risk
from tapewire.daemons.gate.checks.case import Case
from tapewire.daemons.gate.external import inbox
from tapewire.daemons.gate.external.inbox import Inbox, Market
from tapewire.daemons.gate.external.ingress import Refusal
from tapewire.daemons.gate.firm.program import ProgramAccount
from tapewire.daemons.gate.state import State, carried_over
from tapewire.daemons.market.clock import Clock
from tapewire.daemons.market.hours import Hours
from tapewire.daemons.settings.structs import Conf


def daemon(conf: Conf) -> Daemon:
    """The gate as a process: it answers for orders, owns the venue link, and keeps its own fsynced log.

    It reads bars only for a prop-firm program with a rule about open equity, and sessions only where signals of others are taken:
    they do not bring their bar along as the evaluator's intents do. Nothing else here looks at either.
    """
    bars = (topics.RAW,) if conf.program is not None and conf.program.sees_open_equity else ()
    sessions = (topics.SESSION,) if conf.ingress.enabled else ()

    carry = Carry(lambda gate: state.encode(gate.snapshot()), lambda data: Gate.restored(conf, state.decode(data))[0])
    return Daemon("gate", Gate(conf), subscribe=bars + sessions, serves="gate", venue=True, durable=True, carry=carry)


class Gate:
    """The one owner of orders and of the account's books.

    killed: the latched kill switch. Entries are refused while it is set; exits and moves are not.
    program: the account's way through its prop-firm program, None without one.
    heard: what it has been told of the world outside. rates: what it has sent lately. inbox: signals of others. disputes: where the
    venue says otherwise. findings: what of the last epoch does not go on in this one, in words.

    Args:
        known: what it knows already, under these settings; nothing without.

    Raises:
        ConfError: the limits name hours that are none.
    """

    def __init__(self, conf: Conf, known: State | None = None) -> None:
        known = known or State()
        self.conf = conf
        self.killed = known.killed
        self.orders = Orders.restored(known.orders)
        self.book = Ledger.restored(known.book, conf.instruments)
        self.program = ProgramAccount.of(conf, known.program)
        self.heard = known.heard.copy()
        self.rates = Rates.restored(known.rates)
        self.inbox = Inbox.restored(known.inbox, conf)
        self.disputes = known.disputes.copy()
        self.findings: list[str] = []
        self._kills = known.kills
        self._decided = {*known.decided}
        self._entered = {**known.entered}
        self._answered = {**known.answered}
        self._stands = known.stands
        self._hours = Hours(conf.preset.risk.times, conf.calendar)
        self._blotter = Blotter(
            conf=conf,
            clock=Clock(conf.calendar),
            heard=self.heard,
            orders=self.orders,
            book=self.book,
            disputes=self.disputes,
            program=self.program,
            inbox=self.inbox,
        )

    @classmethod
    def restored(cls, conf: Conf, state: State) -> tuple[Gate, list[str]]:
        """The gate that knows this, under these settings; and in words what of it does not go on (daemons/gate/state.py).

        Raises:
            ConfError: as the constructor, or something is open or works that these settings cannot look after.
        """
        state, findings = carried_over(state, conf)
        gate = cls(conf, state)
        gate.findings = findings
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
            inbox=self.inbox.snapshot(),
            heard=self.heard.copy(),
            entered={**self._entered},
            answered={**self._answered},
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
            return self._and_standing(self._blotter.update(body) if isinstance(body, OrderUpdate) else self._execute(body))
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
            return facts.news(self.program)
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
        return [*facts.news(self.program)]

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
        order = case.order(cause)
        self.rates.sent(self.heard.asked_ns, asked.session)
        if order.entry:
            self._entered[asked.instrument] = asked.bar_ns
        outputs += [self._tell(order), Publish(topics.of(topics.SIGNAL, asked.instrument), facts.signal(order))]
        return Decision(intent.id, approved=True, order_id=order.order_id, size=order.qty, detail=cut)

    def _tell(self, command: Order | CancelOrder) -> Tell:
        """An order goes out, or the command that takes one back."""
        topic = topics.of(topics.COMMAND, command.instrument)
        if isinstance(command, CancelOrder):
            self.orders.cancel(command)
            return Tell(topic, command)
        self.orders.add(command)
        return Tell(topic, facts.wish(command))

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

    # --- the venue, its silence, and connections -------------------------------------------------------------------------

    def _execute(self, execution: Execution) -> list[Output]:
        """A fill, and the account's standing where it ended a round turn."""
        outputs, ended = self._blotter.execute(execution)
        if ended is not None:
            outputs.append(Publish(topics.of(topics.RISK, execution.account), self.standing(ended.session), ended.cause))
        return outputs

    def _reconcile(self, event: Event, hello: Hello) -> list[Output]:
        """The venue is there: what stands at it against our books."""
        self.heard.link_up, self.heard.accounts = True, hello.accounts
        account, at_ns = self.conf.trading.account, event.header.event_ns
        findings = self.disputes.compare(hello, account, at_ns, self.book, self.orders, self.conf.traded)
        outputs: list[Output] = [facts.alarm("reconcile", text) for text in findings.texts]
        for execution in findings.adopted:
            outputs += self._execute(execution)
        return outputs

    def _overdue(self, due: Due) -> list[Output]:
        """Orders that the venue has let pass: told, and entries that work too long asked back."""
        outputs: list[Output] = []
        for order in timeouts.overdue(self.orders, self.conf.trading, due.at_ns):
            if order.status is OrderStatus.PENDING:
                order.unanswered = True
                outputs.append(facts.alarm("unanswered", f"the venue has said nothing of {order.order_id}"))
            else:
                order.recalled = True
                outputs.append(self._tell(timeouts.recall(order)))
                text = f"{order.order_id} works beyond its validity; asked the venue to cancel it"
                outputs.append(facts.alarm("asked_back", text))
        return outputs

    def _connected(self, state: LinkState) -> list[Output]:
        self.heard.link(state)
        if state.of != "journal":
            return []
        text = "the logger is back" if state.up else f"{state.detail}; no entries until it is back"
        return self._and_standing([facts.alarm("journal", text)])

    # --- the operator's words --------------------------------------------------------------------------------------------

    def _obey(self, event: Event, word: Kill | Arm) -> list[Output]:
        """Latch the kill switch, or release it and what reconciliation disputed. The state is a fold, so it survives a restart."""
        self.killed = isinstance(word, Kill)
        outputs: list[Output] = []
        if isinstance(word, Kill):
            self._kills += 1
            outputs.append(facts.alarm("killed", f"{word.by} latched the kill switch" + (", flattening" * word.flatten)))
            if word.flatten:
                account, at_ns = self.account(self.heard.session), event.header.event_ns
                commands = flatten.commands(account, self.heard.bars, number=self._kills, at_ns=at_ns)
                outputs += [self._tell(command) for command in commands]
        else:
            for text, execution in self.disputes.settle(event, self.conf.trading.account, self.book, self.heard.closes):
                outputs.append(facts.alarm("reconcile", text))
                outputs += self._execute(execution) if execution is not None else []
            outputs.append(facts.alarm("armed", f"{word.by} armed the gate again"))
        outputs.append(Answer(topics.of(topics.RISK, self.conf.trading.account or "none"), self.standing(self.heard.session)))
        return outputs
