"""With any loss in the network, a reader gets every message once and in order: the message itself, or a Gap over it."""

from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.messages import Gap
from tapewire.bus.testing import LossyBus, account_for, bar

CHANCE = st.floats(0, 0.9)
PUBLISH = st.integers(1, 12).map(lambda count: ["publish"] * count)
BEAT = st.just(["beat"])
WAIT = st.integers(0, 3_000_000_000).map(lambda wait_ns: [wait_ns])
RESTART = st.just(["restart"])


def script(*parts):
    """A sequence of steps; messages are published in bursts."""
    return st.lists(st.one_of(*parts), min_size=1, max_size=20).map(lambda bursts: [step for burst in bursts for step in burst])


STEPS = script(PUBLISH, BEAT, WAIT)
LIMITS = st.fixed_dictionaries({"ring": st.sampled_from([1, 5, 4096]), "hold": st.sampled_from([1, 5, 4096])})


def played(seed, steps, **network):
    """A bus after a script of publishing, beating and waiting (in nanoseconds)."""
    bus = LossyBus(seed, **network)
    for step in steps:
        match step:
            case "publish":
                bus.publish(bar())
            case "beat":
                bus.beat()
            case "restart":
                bus.restart()
            case wait_ns:
                bus.advance(wait_ns)
    bus.drain()
    return bus


@given(st.integers(0), STEPS, CHANCE, CHANCE, CHANCE, LIMITS)
def test_any_pattern_of_loss_ends_healed_or_as_a_gap(seed, steps, drop, repeat, delay, limits):
    """Every number from the first to the last, each once and in order, with any loss, duplicate or overtaking."""
    bus = played(seed, steps, drop=drop, repeat=repeat, delay=delay, **limits)

    assert account_for(bus.received) == [(1, seq) for seq in range(1, steps.count("publish") + 1)]
    assert bus.sequencer.lost == sum(gap.last - gap.first + 1 for gap in bus.received if isinstance(gap, Gap))
    assert bus.sequencer.missing(10**18) == []


@given(st.integers(0), STEPS, CHANCE, CHANCE)
def test_without_loss_nothing_is_given_up(seed, steps, repeat, delay):
    """Duplicates and overtaking alone never cost a message, as long as holes wait longer than frames travel."""
    bus = played(seed, [step for step in steps if step != "beat"], drop=0, repeat=repeat, delay=delay, heal_ns=10**15)

    assert not [gap for gap in bus.received if isinstance(gap, Gap)]
    assert len(bus.received) == steps.count("publish")


@given(
    st.integers(0),
    st.lists(st.sampled_from(["publish", "publish", "publish", "beat", "restart", 100_000_000]), max_size=80),
    CHANCE,
    CHANCE,
)
def test_across_restarts_of_the_writer_order_holds_and_the_last_epoch_is_complete(seed, steps, drop, delay):
    """Epochs rise, numbers rise within each, no message comes twice; of an earlier epoch only the unannounced end may be lost."""
    bus = played(seed, steps, drop=drop, delay=delay)
    accounted = account_for(bus.received)

    assert accounted == sorted(set(accounted))
    for epoch in range(1, bus.stamper.epoch + 1):
        numbers = [seq for its_epoch, seq in accounted if its_epoch == epoch]
        assert numbers == list(range(1, len(numbers) + 1))
    assert [seq for epoch, seq in accounted if epoch == bus.stamper.epoch] == list(range(1, bus.stamper.last.get(bus.topic, 0) + 1))


@given(st.integers(0), STEPS, CHANCE)
def test_a_tap_gets_every_message_after_its_first(seed, steps, drop):
    """A late reader misses the past, and no later message."""
    bus = played(seed, steps, drop=drop, delay=0, complete=False)
    accounted = [seq for _, seq in account_for(bus.received)]

    assert accounted == list(range(accounted[0], steps.count("publish") + 1)) if accounted else drop > 0 or "publish" not in steps
