"""Builders for tests of the gate and the venue: a configuration, and a gate that receives its events without a bus."""

from collections.abc import Sequence
from typing import Any, TypeVar

from tapewire.bus import topics
from tapewire.bus.daemon import Output
from tapewire.bus.messages import Action, Decision, Decisions, Execution, Intent, OrderStatus, OrderUpdate
from tapewire.bus.testing import DAY, eastern, event, intent, intents
from tapewire.daemons.gate.core import Gate
from tapewire.daemons.settings.load import instruments
from tapewire.daemons.settings.structs import Bus, Conf, Preset, RiskLimits, Trading

B = TypeVar("B")

ACCOUNT = "Sim101"


def conf(*, risk: RiskLimits | None = None, trading: Trading | None = None, fill: str = "next_open", **changes: Any) -> Conf:
    """Trading MNQ in one account, by default one contract at a time; any other field of Conf by its name."""
    given = {
        "instance": "test",
        "bus": Bus(),
        "trading": trading or Trading(enabled=True, account=ACCOUNT),
        "instruments": instruments(),
        "traded": ("MNQ",),
        "preset": Preset(name="test", description="", day_type="edge", strategies=(), risk=risk or RiskLimits(contracts=1)),
        "fill": fill,
    }
    return Conf(**{**given, **changes})


class Desk:
    """A gate, with short methods that send it events: each call is one event, and returns the gate's outputs.

    `ask`, `enter` and so on send intents of the bar at `at`; `filled` and `updated` send venue messages.
    """

    def __init__(self, settings: Conf | None = None) -> None:
        self.gate = Gate(settings or conf())
        self.outputs: list[Output] = []
        self.events = 0

    def step(self, body: Any, *, topic: str = "") -> Sequence[Output]:
        self.events += 1
        outputs = self.gate.step(event(body, topic=topic, seq=self.events, sender="evaluator"))
        self.outputs += outputs
        return outputs

    def ask(self, *wanted: Intent, at: str = "11:00", **fields: Any) -> tuple[Decision, ...]:
        """Send all of these in one request; the decisions on them."""
        outputs = self.step(intents(*wanted, at=at, **fields))
        (reply,) = (output.body for output in outputs if isinstance(output.body, Decisions))
        return reply.decisions

    def enter(self, at: str = "11:00", **fields: Any) -> str:
        """An approved entry; its order id."""
        (decision,) = self.ask(intent(fields.pop("action", Action.ENTER_LONG), at=at, **fields), at=at)
        assert decision.approved, decision.detail
        return decision.order_id

    def updated(self, order_id: str, status: OrderStatus, number: int = 1, **fields: Any) -> Sequence[Output]:
        """The venue's update of an order. The same number makes a duplicate."""
        body = OrderUpdate(f"{order_id}-{status}-{number}", order_id, "MNQ", status, **fields)
        return self.step(body)

    def filled(
        self,
        order_id: str,
        qty: int,
        price: float,
        role: str = "ENTRY",
        *,
        at: str = "11:01",
        index: int = 91,
        number: int = 1,
        instrument: str = "MNQ",
    ) -> Sequence[Output]:
        """An execution. The same order, role and number make a duplicate."""
        account = self.gate.conf.trading.account
        body = Execution(f"{order_id}-{role}-{number}", order_id, account, instrument, qty, price, role, eastern(at), index)
        return self.step(body, topic=topics.of(topics.VENUE, instrument))

    def position(self, at: str = "11:00", **fields: Any) -> str:
        """An entry that has filled at 21,000 a minute later; its order id."""
        order_id = self.enter(at, **fields)
        order = self.gate.orders.get(order_id)
        assert order is not None
        self.filled(order_id, order.qty if fields.get("action") is not Action.ENTER_SHORT else -order.qty, 21_000.0)
        return order_id

    def lose(self, dollars: float, at: str = "10:40", strategy: str = "Test", day: str = DAY) -> None:
        """A round turn of one contract that nets minus this much (commission 1.24 included; a multiple of 0.50 plus 1.24)."""
        order_id = self.enter_on(day, at, strategy)
        self.filled(order_id, 1, 21_000.0, at=at)
        self.filled(order_id, -1, 21_000.0 - (dollars - 1.24) / 2, "STOP", at=at)

    def enter_on(self, day: str, at: str, strategy: str) -> str:
        (decision,) = self.ask(intent(at=at, day=day, strategy=strategy), at=at, day=day)
        assert decision.approved, decision.detail
        return decision.order_id

    def bodies(self, kind: type[B]) -> list[B]:
        """All bodies of this type that the gate has put out so far, in order."""
        return [output.body for output in self.outputs if isinstance(output.body, kind)]
