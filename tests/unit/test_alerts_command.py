"""`tapewire alert`: addresses come and go without being seen, a test names the channel that fails, and a list has all of it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from tapewire.daemons.alerts import addresses, state
from tapewire.daemons.alerts.alert import Alert
from tapewire.daemons.alerts.memory import Memory
from tapewire.daemons.alerts.state import State
from tapewire.daemons.operator import alert
from tapewire.daemons.settings.alerting import Alerting, Channel, Level, Rule
from tests.listening import Webhook

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise 2.3 imports it

SECRET = "s3cr3tT0ken"
Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command, under settings with the channels phone and log."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(alert, "LIVE", tmp_path / "live")
    monkeypatch.setenv("HOME", str(tmp_path))
    rules = (Rule(topics=("signal.", "fill."), channels=("phone",)), Rule(topics=("",), channels=("log",)))
    conf = Alerting(channels={"phone": Channel(Level.WARNING, quiet=("22:00-07:00",)), "log": Channel()}, rules=rules)
    monkeypatch.setattr(alert.configuration, "alerting", lambda: conf)
    app = typer.Typer()
    alert.register(app)
    return lambda *words, text="": CliRunner().invoke(app, ["alert", *words], input=text)


def test_an_address_is_kept_tried_and_forgotten_without_being_seen(call: Call, tmp_path: Path) -> None:
    """From standard input, into a file of mode 0600; no output shows it."""
    with Webhook() as hook:
        added = call("add", "phone", text=f"http://127.0.0.1:{hook.port}/{SECRET}\n")
        tried = call("test")
        hook.status = 500
        failed = call("test", "phone")
    mode = stat.S_IMODE((tmp_path / "tapewire" / addresses.FILE).stat().st_mode)
    listed, removed = call("list"), call("remove", "phone")
    left = call("test", "phone")

    assert [each.exit_code for each in (added, tried, failed, listed, removed, left)] == [0, 0, 1, 0, 0, 1]
    assert "phone: webhook, kept in" in added.stdout
    assert tried.stdout == "phone: delivered\nlog: delivered\n"
    assert failed.stdout == "phone: not delivered: the answer was 500\n"
    assert left.stdout == "phone: it has no address; run `tapewire alert add phone`\n"
    assert [post["title"] for post in hook.posts] == ["tapewire: a test"]
    assert mode == 0o600
    assert SECRET not in "".join(each.output for each in (added, tried, failed, listed, removed, left))


@pytest.mark.parametrize(
    ("words", "text", "why"),
    [
        (("add", f"json://{SECRET}"), "", "that is no name"),
        (("add", "log"), f"json://{SECRET}\n", "log needs no address"),
        (("add", "phone"), "\n", "there is no address"),
        (("add", "phone"), f"nonsense://{SECRET}\n", "Apprise cannot use its address"),
        (("add", "heartbeat"), f"json://{SECRET}\n", "begins with https"),
        (("test", f"json://{SECRET}"), "", "that is no name"),
        (("test", "phon"), "", "did you mean 'phone'"),
        (("remove", "phone"), "", "no address of 'phone'"),
    ],
)
def test_what_cannot_be_is_refused_without_the_address(call: Call, words: tuple[str, ...], text: str, why: str) -> None:
    """Also where somebody writes it in the place of a name."""
    done = call(*words, text=text)

    assert why in str(done.exception)
    assert SECRET not in f"{done.exception} {done.output}"


def test_the_list_has_channels_rules_what_waits_and_the_newest(call: Call, tmp_path: Path) -> None:
    """For a person, and as JSON."""
    told = Alert(
        topic="sys.alarm.gate.", kind="alarm killed", level=Level.CRITICAL, title="gate: killed", text="anna", at_ns=10**18
    )
    state.save(tmp_path / "live", State(memory=Memory(recent=[told])))

    done, found = call("list"), json.loads(call("list", "--json").stdout)

    assert [line.split() for line in done.stdout.splitlines()[1:3]] == [
        ["phone", "no", "address", "warning", "22:00-07:00", "0", "signal.,", "fill."],
        ["log", "built", "in", "info", "never", "0", "all"],
    ]
    assert "outside heartbeat: no address" in done.stdout
    assert "2001-09-08 21:46:40  critical  gate: killed  anna" in done.stdout
    assert [row["name"] for row in found["channels"]] == ["phone", "log"]
    assert msgspec.convert(found["recent"], list[Alert]) == [told]
