"""The gate's core: intents in, decisions and orders out; venue messages in, books and facts out.

The evaluator requests with `Intents` and receives one `Decisions`. The venue receives orders and replies with `OrderUpdate` and
`Execution`. Every process may read the facts. The gate owns the orders by id (books/orders.py) and the account's books
(books/ledger.py). This module decides by the risk checks (checks/risk.py) and acts on deadlines and on operators' commands; the
blotter (blotter.py) enters venue messages. All of it is a fold over the events in their order: after a crash, folding the same
events again gives the same gate.

Causes: whatever happens to an order has as its cause the `Intents` message that requested it, so any fill leads back to its bar.
"""

from __future__ import annotations

from collections.abc import Sequence

from tapewire.bus import topics
from tapewire.bus.daemon import Admission, Command, Daemon, Event, LinkPolicy, LogPolicy, Output, Publish, Reply, When
from tapewire.bus.messages import (
    Accounts,
    Arm,
    Bar,
    Begun,
    Body,
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
    OrderUpdate,
    Risk,
    Session,
)
from tapewire.daemons.gate import facts, flatten, shown, state
from tapewire.daemons.gate.blotter import Blotter
from tapewire.daemons.gate.books import timeouts
from tapewire.daemons.gate.books.account import Account
from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import ENTRIES, Order, Orders
from tapewire.daemons.gate.books.rates import Rates
from tapewire.daemons.gate.checks import risk
from tapewire.daemons.gate.checks.case import Case
from tapewire.daemons.gate.external import inbox
from tapewire.daemons.gate.external.inbox import Inbox, LatestSession, QueuedSignal
from tapewire.daemons.gate.external.ingress import Refusal
from tapewire.daemons.gate.firm.program import account_of
from tapewire.daemons.gate.state import GateState, carried_over
from tapewire.daemons.gate.switch import LATCH
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.market.hours import Hours
from tapewire.daemons.settings.structs import Conf, Trading

# Intents are about a bar, which a gate that reads bars must have first. The clock of a person or of another program is not the
# market's; and of other programs there are many, on one topic.
ADMITS: dict[type[Body], Admission] = {
    Intents: Admission(waits=True),
    Kill: Admission(when=When.ESTIMATED),
    Arm: Admission(when=When.REACHED),
    ExternalSignal: Admission(when=When.ESTIMATED, numbered=False, topic=topics.of(topics.INGRESS, "ask")),
}


def daemon(conf: Conf) -> Daemon:
    """The gate as a process: it decides on requests, owns the venue link, and keeps its own fsynced log.

    It reads bars only for a prop-firm program with a rule about open equity, and sessions only where external signals are accepted:
    these do not carry their bar, as the evaluator's intents do. Nothing else here reads either.
    """
    bars = (topics.RAW,) if conf.program is not None and conf.program.sees_open_equity else ()
    sessions = (topics.SESSION,) if conf.ingress.enabled else ()

    return Daemon(
        "gate",
        Gate(conf),
        subscribe=bars + sessions,
        serves="gate",
        admits=ADMITS,
        venue=LinkPolicy(
            halted=lambda gate: gate.killed,
            books=lambda gate: shown.books(gate.conf.traded, gate.book, gate.orders, gate.disputes, gate.program),
        ),
        durable=LogPolicy(
            snapshot=lambda gate: state.encode(gate.snapshot()),
            restored=lambda data: Gate.restored(conf, state.decode(data))[0],
            due_ns=lambda gate: gate.due_ns,
            journal=True,
            latch=LATCH,
        ),
        timed=("gate", Intents),
    )


class Gate:
    """The one owner of orders and of the account's books.

    killed: the latched kill switch. Entries are refused while it is set; exits and moves are not.
    program: the account's progress in its prop-firm program, None without one.
    observed: the latest of market, venue and connections. rates: orders sent lately. inbox: external signals. disputes: where the
    venue's positions differ from our books. findings: one sentence for each part of the last epoch that does not go on in this one.

    Args:
        restored: the state to begin with, under these settings; an empty one without.

    Raises:
        ConfError: the limits name hours that do not exist.
    """

    def __init__(self, conf: Conf, restored: GateState | None = None) -> None:
        state = restored or GateState()
        self.conf = conf
        self.killed = state.killed
        self.orders = Orders.restored(state.orders)
        self.book = Ledger.restored(state.book, conf.instruments)
        self.program = account_of(conf, state.program)
        self.observed = state.observed.copy()
        self.rates = Rates.restored(state.rates)
        self.inbox = Inbox.restored(state.inbox, conf)
        self.disputes = state.disputes.copy()
        self.compared = state.compared.copy()
        self.findings: list[str] = []
        self._kills = state.kills
        self._decided = {*state.decided}
        self._entered = {**state.entered}
        self._answered = {**state.answered}
        self._stands = state.stands
        self._months = conf.contracts
        self._hours = {symbol: Hours(conf.preset.risk.times, conf.calendar_of(symbol)) for symbol in conf.traded}
        self._blotter = Blotter(
            conf=conf,
            clock=SessionClock(conf.calendar),
            observed=self.observed,
            orders=self.orders,
            book=self.book,
            disputes=self.disputes,
            program=self.program,
            inbox=self.inbox,
            compared=self.compared,
        )

    @classmethod
    def restored(cls, conf: Conf, state: GateState) -> tuple[Gate, list[str]]:
        """The gate with this state under these settings, and one sentence for each part that does not go on (state.py).

        Raises:
            ConfError: as the constructor; or a position is open, or an order works, that these settings cannot manage.
        """
        state, findings = carried_over(state, conf)
        gate = cls(conf, state)
        gate.findings = findings
        return gate, findings

    def snapshot(self) -> GateState:
        """The gate's state now. Nothing in it changes later."""
        return GateState(
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
            observed=self.observed.copy(),
            compared=self.compared.copy(),
            entered={**self._entered},
            answered={**self._answered},
            disputes=self.disputes.copy(),
            stands=self._stands,
        )

    def step(self, event: Event) -> Sequence[Output]:
        """Fold one event. Total for any decodable event; one that does not concern the gate gives no outputs."""
        body = event.body
        if isinstance(body, Intents):
            return self._and_standing(self._decide(event, body))
        if isinstance(body, OrderUpdate | Execution):
            self.observed.message(event.header.event_ns)
            self.disputes.receive(event.topic, (event.header.epoch, event.header.seq))
            if isinstance(body, Execution) and self.conf.trading.account not in ("", body.account):
                text = f"a fill of {body.qty:+d} {body.instrument} in account {body.account}"
                return [facts.alarm("other_account", f"{text}; this run trades {self.conf.trading.account} and has not booked it")]
            return self._and_standing(self._blotter.update(body) if isinstance(body, OrderUpdate) else self._execute(body))
        if isinstance(body, Hello):
            return self._and_standing(self._reconcile(event, body))
        if isinstance(body, Accounts):
            return self._blotter.accounts(body.figures, event.header.event_ns)
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
            return self._and_standing(self._session(event, body))
        if isinstance(body, Bar) and self.program is not None:
            self.program.bar(body)
            return facts.news(self.program)
        return ()

    def _begin(self) -> list[Output]:
        """The first event of an epoch that continues the last one's books under its own settings."""
        outputs: list[Output] = [facts.alarm("carried_over", text) for text in self.findings]
        if self.observed.session and self.conf.trading.account:
            outputs.append(Publish(topics.of(topics.RISK, self.conf.trading.account), self.standing(self.observed.session)))
        return outputs

    @property
    def due_ns(self) -> int:
        """Market time at which this core needs a `Due`; 0 for never."""
        return timeouts.due_ns(self.orders, self.conf.trading)

    def account(self, session: str) -> Account:
        """The account in a session, as its limits see it."""
        return Account(
            conf=self.conf,
            book=self.book,
            orders=self.orders,
            rates=self.rates,
            disputed=self.disputes.held,
            closes=self.observed.closes,
            session=session,
            now_ns=self.observed.requested_ns,
        )

    def standing(self, session: str) -> Risk:
        """The account's figures and trading state in a session."""
        account = self.account(session)
        self._stands = risk.standing(account, self.observed, killed=self.killed)
        return facts.standing(account, self._stands)

    def _and_standing(self, outputs: list[Output]) -> list[Output]:
        """The outputs, and the account's standing where the trading state differs from the one published last."""
        if not (outputs and self.observed.session and self.conf.trading.account):
            return outputs  # no output means no change: the event was a duplicate
        if risk.standing(self.account(self.observed.session), self.observed, killed=self.killed) != self._stands:
            outputs.append(Publish(topics.of(topics.RISK, self.conf.trading.account), self.standing(self.observed.session)))
        return outputs

    # --- intents -----------------------------------------------------------------------------------------------------

    def _decide(self, event: Event, request: Intents) -> list[Output]:
        """Decide on all intents of one bar in one step, so that each check counts the intents approved before it."""
        topic = topics.of(topics.DECISION, request.instrument)
        before = self._answered.get(request.instrument)
        if before is not None and before[0] == request:
            return [Reply(topic, before[1])]
        outputs = self._observe(event.header.event_ns, request)
        instead = superseded(self.conf.trading, request.intents)
        decisions = tuple(self._decide_one(event.ref, request, each, outputs, instead.get(each.id, "")) for each in request.intents)
        reply = Decisions(request.id, request.instrument, request.bar_ns, decisions)
        self._answered[request.instrument] = (request, reply)
        return [*outputs, Reply(topic, reply)]

    def _observe(self, now_ns: int, request: Intents) -> list[Output]:
        """Take the market data of a request as the latest."""
        self.observed.request(now_ns, request, self.conf.instruments)
        if self.program is not None:
            self.program.on(request.session)
        return [*facts.news(self.program)]

    def _decide_one(self, cause: str, request: Intents, intent: Intent, outputs: list[Output], instead: str) -> Decision:
        case = Case(
            request=request,
            intent=intent,
            account=self.account(request.session),
            observed=self.observed,
            hours=self._hours.get(request.instrument) or Hours(self.conf.preset.risk.times, self.conf.calendar),
            months=self._months,
            decided=self._decided,
            entered=self._entered,
            killed=self.killed,
            program=self.program,
            superseded=instead,
        )
        refused = risk.refusal(case)
        self._decided.add(intent.id)
        if refused is not None:
            reason, detail = refused
            outputs.append(Publish(topics.of(topics.REJECT, request.instrument), facts.reject(case, reason, detail)))
            return Decision(intent.id, approved=False, reason=reason, detail=detail)
        cut = case.cut if intent.action in ENTRIES else ""
        order = case.order(cause)
        self.rates.sent(self.observed.requested_ns, request.session)
        if order.entry:
            self._entered[request.instrument] = request.bar_ns
        outputs += [self._tell(order), Publish(topics.of(topics.SIGNAL, request.instrument), facts.signal(order))]
        return Decision(intent.id, approved=True, order_id=order.order_id, size=order.qty, detail=cut)

    def _tell(self, command: Order | CancelOrder) -> Command:
        """Send an order, or the command that cancels one."""
        topic = topics.of(topics.COMMAND, command.instrument)
        if isinstance(command, CancelOrder):
            self.orders.cancel(command)
            return Command(topic, command)
        self.orders.add(command)
        return Command(topic, facts.command(command))

    # --- external signals ----------------------------------------------------------------------------------------------

    def _external(self, event: Event, message: ExternalSignal) -> list[Output]:
        """Queue a signal and decide on it as on an intent of the last bar, whose session is the cause: the message is no fact."""
        admitted = self.inbox.admit(message.fields, event.header.event_ns, self.book, link_up=self.observed.link_up)
        if isinstance(admitted, ExternalAnswer):
            return [Reply(inbox.ANSWERS, admitted)]
        signal, latest = admitted
        if signal.intent.id in self._decided:
            taken = Refusal(IngressError.INTERNAL, "", f"the order id {signal.intent.id} is taken; send the signal again")
            return [Reply(inbox.ANSWERS, inbox.refused(taken, signal.request))]
        outputs: list[Output] = [*self.inbox.queue(signal)]
        if signal.intent.action in ENTRIES and self.conf.trading.of_one_bar == "latest":
            return [*outputs, Reply(inbox.ANSWERS, self.inbox.hold(signal))]
        decided, reply = self._decide_signal(event.header.event_ns, signal, latest, "")
        return [*outputs, *decided, Reply(inbox.ANSWERS, reply)]

    def _decide_signal(
        self, now_ns: int, signal: QueuedSignal, latest: LatestSession, instead: str
    ) -> tuple[list[Output], ExternalAnswer]:
        request = signal.as_request(latest.session)
        outputs, decided = self._observe(now_ns, request), list[Output]()
        decision = self._decide_one(latest.ref, request, request.intents[0], decided, instead)
        published, reply = self.inbox.decided(signal, decision)
        outputs += [each if isinstance(each, Reply) else each.but(cause=latest.ref) for each in decided]
        return [*outputs, *published], reply

    def _session(self, event: Event, session: Session) -> list[Output]:
        """A bar has closed: decide on the latest of the signals that waited for it, and refuse the others."""
        latest = LatestSession(event.ref, session)
        outputs: list[Output] = [*self.inbox.session(latest)]
        held = self.inbox.released(latest)
        instead = superseded(self.conf.trading, [signal.intent for signal in held])
        for signal in held:
            outputs += self._decide_signal(event.header.event_ns, signal, latest, instead.get(signal.intent.id, ""))[0]
        return outputs

    # --- venue messages, deadlines and connections ------------------------------------------------------------------------

    def _execute(self, execution: Execution) -> list[Output]:
        """Book a fill, and publish the account's standing where it ended a round turn."""
        outputs, ended = self._blotter.execute(execution)
        if ended is not None:
            outputs.append(Publish(topics.of(topics.RISK, execution.account), self.standing(ended.session), ended.cause))
        return outputs

    def _reconcile(self, event: Event, hello: Hello) -> list[Output]:
        """The venue has connected: compare its positions with our books."""
        self.observed.hello(hello)
        account, at_ns = self.conf.trading.account, event.header.event_ns
        found = self.disputes.compare(hello, account, at_ns, self.book, self.orders, self.conf.traded)
        alarms = [facts.alarm("reconcile", text) for text in found.texts]
        adopted = [output for execution in found.adopted for output in self._execute(execution)]
        return [*alarms, *adopted, *self._blotter.hours(hello), *self._blotter.accounts(hello.figures, at_ns)]

    def _overdue(self, due: Due) -> list[Output]:
        """Report orders that the venue has not acknowledged or not filled in time, and cancel entries that work too long."""
        outputs: list[Output] = []
        for name, text, cancel in timeouts.found(self.orders, self.conf.trading, due.at_ns):
            outputs += [self._tell(cancel)] if cancel else []
            outputs.append(facts.alarm(name, text))
        return outputs

    def _connected(self, state: LinkState) -> list[Output]:
        self.observed.link(state)
        return self._and_standing([*facts.link(state)])

    # --- the operator's commands -----------------------------------------------------------------------------------------

    def _obey(self, event: Event, control: Kill | Arm) -> list[Output]:
        """Latch the kill switch; or release it, and resolve the disputes. The state is a fold, so it survives a restart."""
        self.killed = isinstance(control, Kill)
        outputs: list[Output] = []
        if isinstance(control, Kill):
            self._kills += 1
            outputs.append(facts.alarm("killed", f"{control.by} latched the kill switch" + (", flattening" * control.flatten)))
            if control.flatten:
                account, at_ns = self.account(self.observed.session), event.header.event_ns
                commands = flatten.commands(account, self.observed.bars, number=self._kills, at_ns=at_ns)
                outputs += [self._tell(command) for command in commands]
        else:
            for text, execution in self.disputes.resolve(event, self.conf.trading.account, self.book, self.observed.closes):
                outputs.append(facts.alarm("reconcile", text))
                outputs += self._execute(execution) if execution is not None else []
            outputs.append(facts.alarm("armed", f"{control.by} armed the gate again"))
        outputs.append(Reply(topics.of(topics.RISK, self.conf.trading.account or "none"), self.standing(self.observed.session)))
        return outputs


def superseded(trading: Trading, intents: Sequence[Intent]) -> dict[str, str]:
    """Of several entries on one bar, the ids of those that are not traded because a later one is, with its id."""
    ids = [intent.id for intent in intents if intent.action in ENTRIES]
    return dict.fromkeys(ids[:-1], ids[-1]) if trading.of_one_bar == "latest" and ids else {}
