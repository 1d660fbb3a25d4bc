"""The list of daemons, against what else must name them."""

from __future__ import annotations

import configparser

import pytest

from tapewire.daemons import makers
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings.structs import PORTS
from tests.gates import conf


def test_supervisord_starts_exactly_these() -> None:
    """A daemon that is only in one of the two would never start, or be waited for in vain."""
    parser = configparser.RawConfigParser()
    parser.read(supervise.conf_file())

    programs = {section.partition(":")[2] for section in parser.sections() if section.startswith("program:")}

    assert programs == set(makers.NAMES)


@pytest.mark.parametrize("name", makers.CORES)
def test_each_is_made_under_its_own_name_and_has_its_ports(name: str) -> None:
    """What it serves and asks, and its control port, have numbers."""
    daemon = makers.maker(name)(conf())

    assert daemon.name == name
    assert {f"control.{name}", *daemon.requests, *([daemon.serves] if daemon.serves else [])} <= set(PORTS)


def test_the_gate_is_the_one_that_keeps_a_log() -> None:
    """So a new epoch looks at its log, and would look at that of any other that says so in its value."""
    assert set(makers.durable(conf())) == {"gate"}
