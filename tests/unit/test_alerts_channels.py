"""Channels: what they send, that one cannot stop another, and that no address is ever shown."""

from __future__ import annotations

import json
import logging
import stat
import threading
import wave
from collections.abc import Iterator
from io import BytesIO, StringIO
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from tapewire.bus.errors import ConfError
from tapewire.daemons.alerts import addresses, courier, senders, state
from tapewire.daemons.alerts.addresses import Address
from tapewire.daemons.alerts.alert import Alert
from tapewire.daemons.alerts.courier import Courier, Delivery, Parcel
from tapewire.daemons.alerts.senders import Undelivered
from tapewire.daemons.alerts.state import PendingAlert, State
from tapewire.daemons.settings.alerting import Alerting, Channel, Level
from tests.listening import Webhook, eventually, mail

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise 2.3 imports it

SECRET = "s3cr3tT0ken"
ALERT = Alert(
    topic="signal.MNQ.",
    kind="signal Buy",
    level=Level.INFO,
    title="MNQ: Buy 1 at 21000",
    text="Edge Fade, stop 20990",
    instrument="MNQ",
    ref="signal.MNQ.@1:1",
    fields={
        "signal_type": "Buy",
        "price": 21000.0,
        "timestamp": "2026-03-03T16:00:00+00:00",
        "strategy": "Edge Fade",
        "indicators": {},
    },
)


def numbered(at: int) -> Alert:
    return Alert(topic="t.", kind="k", level=Level.INFO, title=f"alert {at}")


# --- senders --------------------------------------------------------------------------------------------------------------------


def test_a_webhook_gets_the_fields_of_a_signal_as_json() -> None:
    """The six of the design, and what every alert has."""
    with Webhook() as hook:
        senders.by_address("desk", Address(f"http://127.0.0.1:{hook.port}/hook"))(ALERT)

    (post,) = hook.posts
    assert {"signal_type", "symbol", "price", "timestamp", "strategy", "indicators"} < set(post)
    assert (post["signal_type"], post["symbol"], post["price"], post["ref"]) == ("Buy", "MNQ", 21000.0, "signal.MNQ.@1:1")


def test_mail_goes_by_apprise() -> None:
    """Its answer of version 2.3 is an object that equals no boolean; a success is a success with every version."""
    with mail() as (port, mails):
        senders.by_address("mail", Address(f"mailto://127.0.0.1:{port}/?from=a@example.org&to=b@example.org&mode=insecure"))(ALERT)

    (text,) = mails.texts
    assert "Subject: MNQ: Buy 1 at 21000" in text
    assert "stop 20990" in text


def test_a_message_without_a_text_has_its_title_once() -> None:
    """Services refuse an empty body."""
    with mail() as (port, mails):
        senders.by_address("mail", Address(f"mailto://127.0.0.1:{port}/?from=a@example.org&to=b@example.org&mode=insecure"))(
            numbered(1)
        )

    assert mails.texts[0].count("alert 1") == 1


@pytest.fixture
def logged() -> Iterator[StringIO]:
    """Everything that a program's own log would hold, down to the last detail."""
    text, root = StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(text), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/" + SECRET,
        "json://anna:" + SECRET + "@127.0.0.1:{port}/" + SECRET,
        "http://127.0.0.1:1/" + SECRET,
        "json://anna:" + SECRET + "@127.0.0.1:1/x/" + SECRET,
        "mailto://anna:" + SECRET + "@127.0.0.1:1/?from=a@example.org&to=b@example.org&mode=insecure",
    ],
)
def test_a_failure_is_told_without_the_address(url: str, logged: StringIO, capfd: pytest.CaptureFixture[str]) -> None:
    """Refused, or not there; neither in the error, nor in a log, nor on the terminal."""
    with Webhook() as hook:
        hook.status = 403
        send = senders.by_address("desk", Address(url.format(port=hook.port)))
        with pytest.raises(Undelivered) as caught:
            send(ALERT)

    printed = capfd.readouterr()
    assert str(caught.value)
    assert SECRET not in f"{caught.value!r} {logged.getvalue()} {printed.out} {printed.err}"


@pytest.mark.parametrize("url", ["nonsense://" + SECRET, SECRET, "tgram://" + SECRET, "discord://" + SECRET])
def test_an_address_that_leads_nowhere_is_refused_without_being_shown(url: str) -> None:
    """The name of the channel and the remedy are."""
    with pytest.raises(ConfError, match="channel 'phone'") as caught:
        senders.by_address("phone", Address(url))

    assert SECRET not in str(caught.value)


def test_the_heartbeat_is_a_get() -> None:
    """As the services of its kind want it."""
    with Webhook() as hook:
        senders.called(Address(f"http://127.0.0.1:{hook.port}/ping/{SECRET}"))
        hook.status = 500
        with pytest.raises(Undelivered, match="the answer was 500"):
            senders.called(Address(f"http://127.0.0.1:{hook.port}/ping/{SECRET}"))

    assert hook.gets == [f"/ping/{SECRET}"] * 2


def test_a_tone_is_half_a_second_of_its_pitch() -> None:
    """Counted by its crossings of zero."""
    with wave.open(BytesIO(senders.tone(senders.HIGH))) as sound:
        count, rate = sound.getnframes(), sound.getframerate()
        frames = sound.readframes(count)
    samples = memoryview(frames).cast("h").tolist()

    crossings = sum(before < 0 <= after for before, after in pairwise(samples))

    assert count / rate == senders.SOUND_S
    assert abs(crossings / senders.SOUND_S - senders.HIGH) < 5


def test_a_sound_is_played_by_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By aplay, which gets the tone; without it by Windows; without either it says what is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Undelivered, match="alsa-utils"):
        senders.sounded(ALERT)
    for name, script in (("powershell.exe", f'echo "$3" > {tmp_path}/beep'), ("aplay", f"/bin/cat > {tmp_path}/heard.wav")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o700)
        senders.sounded(ALERT)

    assert (tmp_path / "beep").read_text() == "[console]::beep(800,500)\n"
    assert (tmp_path / "heard.wav").read_bytes() == senders.tone(800)


def test_log_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """At level warning, with the fact's name."""
    with structlog.testing.capture_logs() as lines:
        senders.of("log", {}, structlog.get_logger())(ALERT)

    (line,) = lines
    assert (line["log_level"], line["event"], line["title"], line["ref"]) == ("warning", "alert", ALERT.title, ALERT.ref)


# --- the file of addresses ------------------------------------------------------------------------------------------------------


def test_the_file_is_private_and_read_back(tmp_path: Path) -> None:
    """Whatever the folder was; quotes and accents included."""
    path = tmp_path / "new" / "alerts.toml"
    urls = {"phone": 'tgram://1:a"b\\c/5', "mail": "mailtos://ü:p%20w@example.org"}

    addresses.write(path, {name: Address(url) for name, url in urls.items()})

    assert {name: address.url for name, address in addresses.read(path).items()} == urls
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """With the command that closes it."""
    path = tmp_path / "alerts.toml"
    addresses.write(path, {"phone": Address(f"json://{SECRET}")})
    path.chmod(0o640)

    with pytest.raises(ConfError, match=f"chmod 600 {path}"):
        addresses.read(path)


@pytest.mark.parametrize(
    "text", [f'phone = "json://{SECRET}', f"x = 1\n{SECRET}", f"[{SECRET}]\nx = 1", f'"{SECRET} x" = "json://h"']
)
def test_a_broken_file_is_told_without_its_content(text: str, tmp_path: Path) -> None:
    """By its path, and the line or the entry."""
    path = tmp_path / "alerts.toml"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(ConfError, match=str(path)) as caught:
        addresses.read(path)

    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__  # a traceback shows no more


def test_a_channel_without_an_address_stops_the_start(tmp_path: Path) -> None:
    """Log and sound need none."""
    conf = Alerting(
        enabled=True, addresses=str(tmp_path / "none"), channels={"log": Channel(), "sound": Channel(), "phone": Channel()}
    )

    with pytest.raises(ConfError, match="run `tapewire alert add phone`"):
        senders.check(conf)


# --- couriers -------------------------------------------------------------------------------------------------------------------


def delivered(send: senders.Send, count: int, *, per_minute: int = 600) -> list[Delivery]:
    """What a courier reports of so many alerts, until each is delivered or given up."""
    reports: list[Delivery] = []
    carrier = Courier("phone", send, per_minute, reports.append)
    for at in range(count):
        carrier.put(Parcel(at, numbered(at)))
    carrier.start()
    assert eventually(lambda: sum(len(each.numbers) for each in reports if each.over) >= count)
    carrier.stop(5)
    return reports


def test_few_go_one_by_one_and_many_go_together() -> None:
    """In their order, and none is left out."""
    few: list[Alert] = []
    many: list[Alert] = []

    delivered(few.append, 3)
    delivered(many.append, 60)

    assert [each.title for each in few] == ["alert 0", "alert 1", "alert 2"]
    assert len(many) < 60
    assert [alert.title for each in many for alert in each.several or (each,)] == [f"alert {at}" for at in range(60)]


def test_a_failure_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And told each time, with what was said."""
    monkeypatch.setattr(courier.pace, "PAUSES_S", (0.01,))
    tries: list[Alert] = []

    def send(alert: Alert) -> None:
        tries.append(alert)
        if len(tries) < 3:
            raise Undelivered("the answer was 503")

    reports = delivered(send, 1)

    assert [(each.error, each.over) for each in reports] == [("the answer was 503", False)] * 2 + [("", True)]


def test_an_error_of_a_library_is_told_by_its_class_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text may hold an address; the courier lives on."""
    monkeypatch.setattr(courier.pace, "PAUSES_S", (0.01,))
    tries: list[Alert] = []

    def send(alert: Alert) -> None:
        tries.append(alert)
        if len(tries) == 1:
            raise RuntimeError(f"https://example.org/{SECRET}")

    assert [each.error for each in delivered(send, 1)] == ["RuntimeError", ""]


def test_too_many_that_wait_are_dropped_and_told() -> None:
    """The oldest first, while the channel hangs; putting one never waits."""
    free = threading.Event()
    reports: list[Delivery] = []

    def hang() -> None:
        free.wait()

    carrier = Courier("phone", lambda alert: hang(), 600, reports.append)
    carrier.start()
    for at in range(courier.MOST + 100):
        carrier.put(Parcel(at, numbered(at)))
    free.set()

    assert eventually(lambda: sum(len(each.numbers) for each in reports) == courier.MOST + 100)
    dropped = [number for each in reports if each.error for number in each.numbers]
    assert len(dropped) <= 100
    assert dropped == sorted(dropped)
    carrier.stop(5)


# --- what is kept ---------------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_read_back_and_private(tmp_path: Path) -> None:
    """A damaged file counts as none."""
    kept = State(read={"signal.MNQ.": (1, 7)}, waiting=[PendingAlert(3, "phone", ALERT)], number=3)

    state.save(tmp_path, kept)

    assert state.load(tmp_path) == kept
    assert stat.S_IMODE(state.place(tmp_path).stat().st_mode) == 0o600
    state.place(tmp_path).write_text(json.dumps({"read": 3}))
    assert state.load(tmp_path) is None
