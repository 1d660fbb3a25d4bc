"""Topics end with a dot, so a prefix is a whole field."""

import pytest

from tapewire.bus import topics


def test_topics_are_spelled_in_one_place():
    """Domain, subject, dot."""
    assert topics.bar("MNQ") == "raw.bar.MNQ.1m."
    assert topics.bar("ES", "5m") == "raw.bar.ES.5m."
    assert topics.of(topics.SESSION, "MNQ") == "session.MNQ."
    assert topics.timeframe("MNQ", "15m") == "bar.MNQ.15m."
    assert topics.tick("MNQ") == "raw.tick.MNQ."


@pytest.mark.parametrize("domain", [value for name, value in vars(topics).items() if name.isupper()])
def test_every_domain_ends_with_a_dot(domain):
    """Without it `order.` would also match `orders.`."""
    assert domain.endswith(".")


@pytest.mark.parametrize(
    "topic, prefixes, taken",
    [
        ("raw.bar.ES.1m.", ("raw.bar.ES.",), True),
        ("raw.bar.ESH6.1m.", ("raw.bar.ES.",), False),
        ("session.MNQ.", ("raw.", "session."), True),
        ("session.MNQ.", ("",), True),
        ("session.MNQ.", (), False),
    ],
)
def test_a_prefix_takes_whole_fields(topic, prefixes, taken):
    """The same rule as a ZeroMQ subscription, which matches bytes."""
    assert topics.matches(topic, prefixes) is taken
