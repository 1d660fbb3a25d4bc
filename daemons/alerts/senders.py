"""One sender for each channel: given an alert, it tells it, or raises `Undelivered` with a reason that holds no secret.

Apprise's own answer for several addresses does not say which of them failed (before version 2.3). So each channel is one Apprise
object with one address. Its answer is True, or since 2.3 an object that is true after a success; None if there was nothing to send.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import math
import shutil
import struct
import subprocess
import threading
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import structlog

from tapewire.bus.errors import ConfError
from tapewire.daemons.alerts import addresses
from tapewire.daemons.alerts.addresses import Address
from tapewire.daemons.alerts.alert import Alert, utc
from tapewire.daemons.settings.alerting import LOG, SOUND, Alerting, Level

TIMEOUT_S = 10.0
EXTRA = "pip install 'tapewire[alerts]'"
LIBRARIES = ("apprise", "urllib3", "requests")  # their log lines may hold an address

Send: TypeAlias = Callable[[Alert], None]


class Undelivered(Exception):
    """An alert was not delivered. The text is for the operator, without secrets."""


def check(conf: Alerting) -> None:
    """Whether every channel can be used, before a run starts that has them. Sends nothing.

    Raises:
        ConfError: an address is missing or none that can be used, others can read the file, or the library is not installed.
    """
    found = addresses.complete(conf)
    for name in conf.channels:
        of(name, found, structlog.get_logger())


def of(name: str, known: Mapping[str, Address], logger: structlog.stdlib.BoundLogger) -> Send:
    """The sender of a channel.

    Raises:
        ConfError: its address is none that can be used, or the library is not installed.
    """
    if name == LOG:
        return lambda alert: logged(alert, logger)
    if name == SOUND:
        return sounded
    return by_address(name, known[name])


def logged(alert: Alert, logger: structlog.stdlib.BoundLogger) -> None:
    """A line in the daemon's log, as a warning."""
    about = {"instrument": alert.instrument} if alert.instrument else {}
    logger.warning("alert", kind=alert.kind, severity=alert.level.value, title=alert.title, text=alert.text, ref=alert.ref, **about)


# --- by address -----------------------------------------------------------------------------------------------------------------


def kind(address: Address) -> str:
    """What an address leads to, as a person calls it: Discord, Telegram, webhook. Raises ConfError."""
    service = _service(address)
    return "webhook" if service is None else str(service.service_name)


def by_address(name: str, address: Address) -> Send:
    """The sender of a channel with an address."""
    try:
        service = _service(address)
    except ConfError as error:
        raise ConfError(f"channel {name!r}: {error}") from None
    if service is None:
        return lambda alert: posted(alert, address)
    apprise = importlib.import_module("apprise")
    one = apprise.Apprise()
    one.add(service)
    types = {
        Level.INFO: apprise.NotifyType.INFO,
        Level.WARNING: apprise.NotifyType.WARNING,
        Level.CRITICAL: apprise.NotifyType.FAILURE,
    }

    def send(alert: Alert) -> None:
        with _heard() as said:
            answer = one.notify(
                body=alert.text or alert.title,
                title=alert.title if alert.text else "",
                notify_type=types[alert.level],
                body_format=apprise.NotifyFormat.TEXT,
            )
        if not answer:
            raise Undelivered(address.redacted(said[-1] if said else "the service took nothing"))

    return send


def posted(alert: Alert, address: Address) -> None:
    """POST the alert as JSON."""
    requests = _library("requests")
    try:
        answer = requests.post(
            address.url,
            data=json.dumps(payload(alert)),
            headers={"Content-Type": "application/json"},
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise Undelivered(f"no answer ({type(error).__name__})") from None
    if not 200 <= answer.status_code < 300:
        raise Undelivered(f"the answer was {answer.status_code}")


def payload(alert: Alert) -> dict[str, Any]:
    """What a webhook gets. The six fields of a signal have a place in every alert."""
    fields = alert.fields
    return {
        "signal_type": fields.get("signal_type", ""),
        "symbol": alert.instrument or fields.get("symbol", ""),
        "price": fields.get("price"),
        "timestamp": fields.get("timestamp") or utc(alert.at_ns),
        "strategy": fields.get("strategy", ""),
        "indicators": fields.get("indicators", {}),
        "type": alert.kind,
        "level": alert.level.value,
        "title": alert.title,
        "text": alert.text,
        "topic": alert.topic,
        "ref": alert.ref,
        "alerts": [payload(each) for each in alert.several],
    }


def called(address: Address) -> None:
    """GET an address: the sign of life for an outside service."""
    requests = _library("requests")
    try:
        answer = requests.get(address.url, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise Undelivered(f"no answer ({type(error).__name__})") from None
    if not 200 <= answer.status_code < 300:
        raise Undelivered(f"the answer was {answer.status_code}")


def _service(address: Address) -> Any:
    """Apprise's object for an address; None for one that is a plain webhook."""
    apprise = _library("apprise")
    with _heard() as said:
        service = apprise.Apprise.instantiate(address.url)
    if service is None and not address.url.startswith(("http://", "https://")):
        why = f" ({address.redacted(said[-1])})" if said else ""
        raise ConfError(f"Apprise cannot use its address{why}; write one as Apprise's page of the service has it, or http(s)://")
    return service or None


def _library(name: str) -> Any:
    for each in LIBRARIES:
        logger = logging.getLogger(each)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfError(f"{name} is not installed; run `{EXTRA}`") from None


class _Heard(logging.Handler):
    """Keeps the warnings of the thread that made it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._of = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._of:
            self.said.append(record.getMessage())


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What Apprise says in this thread meanwhile."""
    handler, logger = _Heard(), logging.getLogger("apprise")
    logger.addHandler(handler)
    try:
        yield handler.said
    finally:
        logger.removeHandler(handler)


# --- sound ----------------------------------------------------------------------------------------------------------------------

HIGH, MIDDLE, LOW = 800, 600, 400
SOUND_S = 0.5
_RATE = 8_000


def sounded(alert: Alert) -> None:
    """Half a second: 800 Hz for a long side, 400 Hz for a short one, 600 Hz for anything else."""
    hertz = {"Buy": HIGH, "Short": LOW}.get(str(alert.fields.get("signal_type", "")), MIDDLE)
    windows, player = shutil.which("powershell.exe"), shutil.which("aplay")
    if player is not None:
        command, content = [player, "-q", "-"], tone(hertz)
    elif windows is not None:  # WSL2
        command, content = [windows, "-NoProfile", "-Command", f"[console]::beep({hertz},{SOUND_S * 1000:.0f})"], b""
    else:
        raise Undelivered("neither aplay (Debian: alsa-utils) nor powershell.exe (WSL2) is there")
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Undelivered(f"{command[0]}: {type(error).__name__}") from None
    if done.returncode:
        raise Undelivered(f"{command[0]} has ended with status {done.returncode}")


def tone(hertz: int) -> bytes:
    """A tone as a WAV file."""
    count = int(_RATE * SOUND_S)
    samples = (int(12_000 * math.sin(2 * math.pi * hertz * at / _RATE)) for at in range(count))
    with io.BytesIO() as file:
        with wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(_RATE)
            sound.writeframes(struct.pack(f"<{count}h", *samples))
        return file.getvalue()
