"""The list of daemons, against the other places that name them."""

from __future__ import annotations

import configparser

import pytest

from tapewire.daemons import makers
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings.structs import PORTS
from tests.gates import conf


def test_supervisord_starts_exactly_these() -> None:
    """A daemon in only one of the two would never start, or the command would wait for it in vain."""
    parser = configparser.RawConfigParser()
    parser.read(supervise.conf_file())

    programs = {section.partition(":")[2] for section in parser.sections() if section.startswith("program:")}

    assert programs == set(makers.NAMES)


@pytest.mark.parametrize("name", makers.CORES)
def test_each_is_made_under_its_own_name_and_has_its_ports(name: str) -> None:
    """Its service, the services it requests from, and its control port have numbers."""
    daemon = makers.maker(name)(conf())

    assert daemon.name == name
    assert {f"control.{name}", *daemon.requests, *([daemon.serves] if daemon.serves else [])} <= set(PORTS)


def test_the_gate_is_the_one_that_keeps_a_log() -> None:
    """So a new epoch reads its log, and would read that of any other daemon whose value requires one."""
    assert set(makers.durable(conf())) == {"gate"}
