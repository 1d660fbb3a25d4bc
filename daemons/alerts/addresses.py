"""The addresses of channels: secrets, because most hold a token or a password. One small file that only its user can read.

    phone = "tgram://BOT_TOKEN/CHAT_ID"
    heartbeat = "https://hc-ping.com/UUID"

An address is never printed, logged, or written anywhere else. What others say of one (a library's error) passes `Address.redacted`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from tapewire.bus import disk, private
from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.settings.alerting import BUILT_IN, HEARTBEAT, NAME, Alerting
from tapewire.daemons.settings.instruments import own_file

FILE = "alerts.toml"
HIDDEN = "***"
_SHORTEST = 4  # letters of a part that is hidden; what is shorter is no secret, and hiding it would hide half of a sentence


class Address:
    """An address that does not show itself. `url` is for the one who sends."""

    __slots__ = ("url",)

    def __init__(self, url: str) -> None:
        self.url = url

    def __repr__(self) -> str:
        return f"Address({HIDDEN})"

    def redacted(self, text: str) -> str:
        """A text without this address and its parts, however they are quoted in it."""
        parts = {part for form in (self.url, unquote(self.url)) for part in re.split(r"[^A-Za-z0-9_.-]+", form)}
        parts |= {piece for part in parts for piece in re.split(r"[^A-Za-z0-9]+", part)}
        for part in sorted((part for part in parts if len(part) >= _SHORTEST), key=len, reverse=True):
            text = text.replace(part, HIDDEN)
        return text


def place(conf: Alerting) -> Path:
    """The file of the addresses, which need not exist."""
    return Path(conf.addresses).expanduser() if conf.addresses else own_file(FILE)


def read(path: Path) -> dict[str, Address]:
    """The addresses by channel; none without the file.

    Raises:
        ConfError: others can read the file, or it is not what it should be. The text holds nothing of its content.
    """
    try:
        text = path.read_text("utf-8-sig")  # Windows' editors write a byte-order mark
        mode = path.stat().st_mode
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfError(f"{path}: cannot be read ({type(error).__name__}); `tapewire alert add NAME` writes it") from None
    if mode & private.MASK:
        raise ConfError(f"{path}: {private.reason(path)}, and it holds secrets; run `chmod 600 {path}`")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ConfError(f'{path}{f", line {line[1]}" if line else ""}: no TOML; write NAME = "ADDRESS" on each line') from None
    wrong = [number for number, (name, url) in enumerate(table.items(), 1) if not NAME.match(name) or not isinstance(url, str)]
    if wrong:
        raise ConfError(f'{path}, entry {wrong[0]}: write NAME = "ADDRESS", with a name of a-z, 0-9, _ and -')
    return {name: Address(url) for name, url in table.items()}


def write(path: Path, addresses: Mapping[str, Address]) -> None:
    """Replace the file. Raises DiskError."""
    lines = [f"{name} = {json.dumps(address.url, ensure_ascii=False)}\n" for name, address in sorted(addresses.items())]
    with disk.writing(path):
        path.parent.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
    disk.replace(path, "".join(["# Secrets. `tapewire alert add` and `remove` write this file.\n", *lines]).encode())


def complete(conf: Alerting) -> dict[str, Address]:
    """The addresses of every channel that needs one, and the heartbeat's if there is one.

    Raises:
        ConfError: one is missing, or the file is not what it should be.
    """
    path = place(conf)
    found = read(path)
    for name in conf.channels:
        if name not in BUILT_IN and name not in found:
            raise ConfError(f"channel {name!r} has no address in {path}{suggest(name, found)}; run `tapewire alert add {name}`")
    return {name: address for name, address in found.items() if name in conf.channels or name == HEARTBEAT}
