"""The header of an output: its number, its market time and its cause. Every place that publishes what a core gave uses this.

    output     cause                                market time
    Publish    `cause`, else the triggering event   `at_ns`, else the triggering event's
    Request    `cause`, else the triggering event   the triggering event's
    Command    `cause`, else the triggering event   the triggering event's
    Reply      always the request                   the request's

The cause BEGINS of a Publish is none.

The runner, recovery, a backtest and `MemoryBus` differ in what they do with an output. They agree on its header, because a fold
must give each message the number and the name that it had the first time.
"""

from __future__ import annotations

from tapewire.bus.daemon import BEGINS, Event, Output, Publish, Reply
from tapewire.bus.messages import Header
from tapewire.bus.stamp import Stamper, ref


class Voice:
    """Makes the headers of one daemon's outputs.

    Args:
        stamper: numbers the daemon's topics. A process also numbers with it the facts that no event led to, such as gaps.
    """

    __slots__ = ("stamper",)

    def __init__(self, stamper: Stamper) -> None:
        self.stamper = stamper

    def header(self, event: Event, output: Output) -> Header:
        """The header of an output; it takes the next number of its topic. To be called once for each output, in their order.

        Args:
            event: what led to the output.
        """
        given = event.header
        led, event_ns = ref(event.topic, given), given.event_ns
        if isinstance(output, Publish):
            cause = output.cause
            return self.stamper.header(output.topic, output.at_ns or event_ns, ("" if cause == BEGINS else cause) if cause else led)
        return self.stamper.header(output.topic, event_ns, led if isinstance(output, Reply) else output.cause or led)
