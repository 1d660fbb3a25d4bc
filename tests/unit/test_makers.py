"""The list of daemons, against the other places that name them."""

from __future__ import annotations

import configparser
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tapewire.bus import roles
from tapewire.bus.errors import ConfError
from tapewire.bus.roles import Role
from tapewire.daemons import makers
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings.structs import Api, Conf
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


def trading() -> Conf:
    """A configuration with a strategy, as every run has one."""
    return msgspec.structs.replace(conf(), preset=msgspec.structs.replace(conf().preset, strategies=("pipeline",)))


@pytest.mark.parametrize("name", makers.CORES)
def test_each_is_made_under_its_own_name_and_has_its_role(name: str) -> None:
    """The table of roles says who may send what to its service, and lets it use the services it needs."""
    daemon = makers.maker(name)(trading())

    assert daemon.name == name
    assert {daemon.serves} <= {"", *roles.ASKS}
    assert all(roles.may_connect(Role(name), service) for service in daemon.requests)


def test_the_gate_is_the_one_that_keeps_a_log() -> None:
    """So a new epoch reads its log, and would read that of any other daemon whose value requires one."""
    assert set(makers.durable(trading())) == {"gate"}


def test_what_a_daemon_needs_is_asked_for_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its extra the api would end again and again; the text has the command that installs it."""
    enabled = msgspec.structs.replace(conf(), api=Api(enabled=True))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("fastapi", "uvloop") else object())

    makers.check(conf())
    with pytest.raises(ConfError, match=r"api needs fastapi, uvloop: pip install 'tapewire\[api\]'"):
        makers.check(enabled)


def test_no_other_daemon_loads_what_the_door_needs() -> None:
    """Each process loads its own daemon only, so that it starts fast and holds little."""
    heavy = {name for names in makers.EXTRAS.values() for name in names}
    modules = [*makers.CORES.values(), "tapewire.daemons.broker", "tapewire.daemons.logger", "tapewire.daemons.__main__"]
    script = f"import importlib, sys; [importlib.import_module(name) for name in {modules}]; print(*{heavy} & set(sys.modules))"

    loaded = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True).stdout

    assert loaded.split() == []


def test_a_daemon_loads_nothing_that_draws_or_tabulates() -> None:
    """Each starts, and logs, without rich, which its logging library would import; the daybook writes without numpy."""
    processes = [
        f"tapewire.{name}" for name in ("daemons.broker", "daemons.logger", "replay.days.process", "daemons.alerts.process")
    ]
    modules = [*makers.CORES.values(), *processes, "tapewire.daemons.shell.runner", "tapewire.daemons.shell.logs"]
    script = (
        "import importlib, sys; from tapewire.daemons.__main__ import undrawn; undrawn(); "
        f"[importlib.import_module(name) for name in {modules}]; "
        "sys.modules['tapewire.daemons.shell.logs'].configure('x').info('begun'); "
        "print(*{'rich.console', 'pygments', 'typer', 'numpy', 'pandas'} & {*sys.modules})"
    )

    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
    assert '"event": "begun"' in done.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, r"\[api\] certificate = '.*a\.pem' cannot be read \(No such file or directory\); name a file in PEM"),
        ("no PEM", r"no certificate with its key \(.*\); name files in PEM"),
    ],
    ids=["not there", "no PEM"],
)
def test_files_of_tls_are_read_before_anything_starts(content: str | None, told: str, tmp_path: Path) -> None:
    """The api ended in a traceback, and was started again and again."""
    if content is not None:
        for name in ("a.pem", "b.pem"):
            (tmp_path / name).write_text(content)
    api = Api(enabled=True, certificate=str(tmp_path / "a.pem"), private_key=str(tmp_path / "b.pem"))

    with pytest.raises(ConfError, match=told):
        makers.check(msgspec.structs.replace(conf(), api=api))
    with pytest.raises(ConfError, match=r"certificate = 'a\.pem': write the whole path"):
        makers.check(msgspec.structs.replace(conf(), api=Api(enabled=True, certificate="a.pem", private_key="b.pem")))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on this machine, so no certificate can be made")
def test_a_certificate_with_its_key_is_taken_and_one_with_a_pass_phrase_refused(tmp_path: Path) -> None:
    """OpenSSL would ask for the pass phrase, where nobody sits."""
    own, locked = tmp_path / "own.pem", tmp_path / "locked.pem"
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost -days 1"
    for key, phrase in ((own, ["-nodes"]), (locked, ["-passout", "pass:secret"])):
        words = ["openssl", *make.split(), *phrase, "-keyout", str(key), "-out", f"{key}.cert"]
        subprocess.run(words, check=True, capture_output=True)

    def chosen(key: Path) -> Conf:
        return msgspec.structs.replace(conf(), api=Api(enabled=True, certificate=f"{key}.cert", private_key=str(key)))

    makers.check(chosen(own))
    with pytest.raises(ConfError, match="the key without a pass phrase"):
        makers.check(chosen(locked))
