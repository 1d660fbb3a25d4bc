"""The list of daemons, against the other places that name them."""

from __future__ import annotations

import configparser

import msgspec
import pytest

from tapewire.bus import roles
from tapewire.bus.roles import Role
from tapewire.daemons import makers
from tapewire.daemons.operator import supervise
from tests.gates import conf


def test_supervisord_starts_exactly_these() -> None:
    """A daemon in only one of the two would never start, or the command would wait for it in vain."""
    parser = configparser.RawConfigParser()
    parser.read(supervise.conf_file())

    programs = {section.partition(":")[2] for section in parser.sections() if section.startswith("program:")}

    assert programs == set(makers.ALL)


@pytest.mark.parametrize("name", makers.CLIENTS)
def test_a_client_of_the_bus_starts_where_its_section_says_so(name: str) -> None:
    """Off by default; supervisord is told by a variable of its environment."""
    parser = configparser.RawConfigParser()
    parser.read(supervise.conf_file())
    wanted = msgspec.structs.replace(conf(), **{name: msgspec.structs.replace(getattr(conf(), name), enabled=True)})

    assert name not in makers.names(conf())
    assert makers.names(wanted) == (*makers.NAMES, name)
    assert parser.get(f"program:{name}", "autostart") == f"%(ENV_TAPEWIRE_{name.upper()})s"


@pytest.mark.parametrize("name", makers.CORES)
def test_each_is_made_under_its_own_name_and_has_its_role(name: str) -> None:
    """The table of roles says who may send what to its service, and lets it use the services it needs."""
    daemon = makers.maker(name)(conf())

    assert daemon.name == name
    assert {daemon.serves} <= {"", *roles.ASKS}
    assert all(roles.may_connect(Role(name), service) for service in daemon.requests)


def test_the_gate_is_the_one_that_keeps_a_log() -> None:
    """So a new epoch reads its log, and would read that of any other daemon whose value requires one."""
    assert set(makers.durable(conf())) == {"gate"}
