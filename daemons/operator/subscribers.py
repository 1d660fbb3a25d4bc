"""The commands for subscribers: add, list, renew, revoke, export them, and what they got."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from tapewire.bus import feed_files, keys
from tapewire.bus.errors import ConfError
from tapewire.bus.keys import Key
from tapewire.bus.roles import ASK, STREAMS, Role, SubscriberTier
from tapewire.daemons.operator.commands import LIVE
from tapewire.daemons.operator.keys import RunOption, ToOption, conf_of, folder
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.relay import settings as relays
from tapewire.daemons.settings.structs import Bus
from tapewire.daemons.shell import usage as usages

NO_ADDRESS = ("127.", "localhost", "::1", "0.", "*", "[::]")

out = Console(soft_wrap=True, highlight=False)

NameArgument = Annotated[str, typer.Argument(help="The subscriber; `tapewire subscribers list` shows all.")]
TierOption = Annotated[str, typer.Option(help="premium (at once; the default), delayed, or free (summaries); a relay has one.")]
ExpiresOption = Annotated[
    str,
    typer.Option(metavar="DATE", help="Last day, YYYY-MM-DD in UTC, or a moment such as 2027-01-31T21:00+00:00. Empty: no end."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

app = typer.Typer(help="Who follows the public signals: keys, tiers, ends.", no_args_is_help=True, rich_markup_mode=None)


class ServedFeed(Struct, frozen=True):
    """What a run, or a relay, serves its subscribers. signed_by: the public key of the feed, that of a relay's owner above."""

    bus: Bus
    tiers: frozenset[SubscriberTier]
    usual: SubscriberTier
    signed_by: str
    enabled: bool = True

    @classmethod
    def of(cls, run: Path) -> ServedFeed:
        """Raises ConfError: a file of the folder is broken, or PyNaCl is not installed."""
        if (relay := relays.read(run)) is not None:
            return cls(relay.bus, frozenset({relay.tier}), relay.tier, relay.signed_by)
        conf = conf_of(run)
        key = feed_files.public_text(feed_files.signing_key(run))
        return cls(conf.bus, frozenset(SubscriberTier), SubscriberTier.PREMIUM, key, conf.subscribers.enabled)

    def tier(self, text: str) -> SubscriberTier:
        """The tier that a person names; the usual one for an empty text.

        Raises:
            ConfError: there is none, or it is not served here.
        """
        tier = _tier(text) if text else self.usual
        if tier not in self.tiers:
            raise ConfError(f"--tier {tier.value}: this relay serves {self.usual.value}")
        return tier


class Subscriber(Struct, frozen=True):
    """A row of `list`. expires: UTC, empty for no end. state: valid, expired, or why its file is no key."""

    name: str
    tier: str
    expires: str
    state: str


def register(application: typer.Typer) -> None:
    """Add this module's commands to the application."""
    application.add_typer(app, name="subscribers")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the subscriber: 1 to 32 of A-Z a-z 0-9 _ -.")],
    tier: TierOption = "",
    expires: ExpiresOption = "",
    run: RunOption = LIVE,
) -> None:
    """Make a subscriber's key. It works at once; `tapewire subscribers export` writes the file for him."""
    run = folder(run)
    served = ServedFeed.of(run)
    key = keys.new(run, name, Role.SUBSCRIBER, tier=served.tier(tier), expires=coming(expires))
    out.print(f"{_told(key)}: write his file with `tapewire subscribers export {name} --to FOLDER`", markup=False)
    if not served.enabled:
        out.print(
            "the feed is off: write `enabled = true` under [subscribers] in the configuration, then `tapewire down`, `tapewire up`",
            markup=False,
        )


@app.command(name="list")
def list_subscribers(run: RunOption = LIVE, json: JsonOption = False) -> None:
    """List the subscribers. Exit status 1 if the key of one is broken."""
    run = folder(run)
    found = keys.Keys(run)
    now = dt.datetime.now(dt.UTC)
    rows = [
        Subscriber(key.name, _tier_of(key).value, _shown(key.expires), "expired" if _over(key, now) else "valid")
        for key in found.all()
        if key.role is Role.SUBSCRIBER
    ]
    rows += [Subscriber(name, "", "", why) for name, why in found.broken.items()]
    _print(rows, ("name", "tier", "expires", "state"), json=json)
    raise typer.Exit(1 if found.broken else 0)


@app.command()
def renew(
    name: NameArgument,
    tier: Annotated[str, typer.Option(help="A new tier; empty: as before.")] = "",
    expires: ExpiresOption = "",
    run: RunOption = LIVE,
) -> None:
    """Give a subscriber a new end, or another tier. The file that he has stays good for its tier."""
    run = folder(run)
    key = _find(run, name)
    wanted = ServedFeed.of(run).tier(tier) if tier else _tier_of(key)
    key = keys.renew(run, name, tier=wanted, expires=moment(expires))
    out.print(_told(key), markup=False)


@app.command()
def revoke(name: NameArgument, run: RunOption = LIVE) -> None:
    """Remove a subscriber's key. His connections end within two heartbeats; nobody else's do."""
    run = folder(run)
    _find(run, name)
    keys.revoke(run, name)
    out.print(f"revoked: {name}", markup=False)


@app.command()
def export(
    name: NameArgument,
    to: ToOption,
    run: RunOption = LIVE,
    host: Annotated[str, typer.Option(help="The address by which he reaches this machine; empty: as the configuration says.")] = "",
) -> None:
    """Write the one file that a subscriber's program needs: NAME.key, mode 0600."""
    run = folder(run)
    key = _find(run, name)
    if not to.is_dir():
        raise ConfError(f"--to {to}: no such folder; make it first")
    served = ServedFeed.of(run)
    bus = served.bus
    at = host or bus.public_host or bus.host
    more = {
        "stream": _address(bus.address(STREAMS[_tier_of(key)]), at),
        "ask": _address(bus.address(ASK), at),
        "signed_by": served.signed_by,
    }
    keys.export(run, key, to / f"{name}{keys.SUFFIX}", host=at, base_port=bus.base_port, more=more)
    out.print(f"wrote {to / f'{name}{keys.SUFFIX}'}", markup=False)
    if at.startswith(NO_ADDRESS):
        out.print(f"it says {at}, which nobody elsewhere can reach; --host names the address that he can", markup=False)


@app.command()
def usage(run: RunOption = LIVE, json: JsonOption = False) -> None:
    """Show what each subscriber has got, and when he was last connected. It is some seconds old."""
    run = folder(run)
    used = usages.read(run / feed_files.FOLDER)
    names = sorted({key.name for key in keys.Keys(run).all() if key.role is Role.SUBSCRIBER} | used.keys())
    rows = [_Row.of(name, used.get(name, usages.Used())) for name in names]
    _print(rows, ("name", "connected", "last seen", "messages", "bytes"), json=json)


class _Row(Struct, frozen=True):
    name: str
    connections: int
    last_seen: str
    messages: int
    bytes: int

    @classmethod
    def of(cls, name: str, used: usages.Used) -> _Row:
        seen = _shown(dt.datetime.fromtimestamp(used.last_seen, dt.UTC)) if used.last_seen else ""
        return cls(name, used.connections, seen, used.messages, used.bytes)


def moment(text: str, *, where: str = "--expires") -> dt.datetime | None:
    """When a key ends that is given a last day, or a moment. None for an empty text.

    Raises:
        ConfError: it is neither.
    """
    if not text:
        return None
    try:
        if len(text) == len("YYYY-MM-DD"):
            return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC) + dt.timedelta(1)
        at = dt.datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at
    except (ValueError, OverflowError):
        pass
    raise ConfError(f"{where} {text!r}: write a last day such as 2027-01-31, or a moment with its offset, 2027-01-31T21:00+00:00")


def coming(text: str) -> dt.datetime | None:
    """As `moment`, and still to come. Raises ConfError."""
    at = moment(text)
    if at is not None and at <= dt.datetime.now(dt.UTC):
        raise ConfError(f"--expires {text!r} is over; write a later one (`tapewire subscribers revoke` ends a key at once)")
    return at


def _find(run: Path, name: str) -> Key:
    key = keys.find(run, name)
    if key.role is not Role.SUBSCRIBER:
        raise ConfError(f"key {name!r} has the role {key.role.value}, and is no subscriber's; see `tapewire keys`")
    return key


def _tier(text: str) -> SubscriberTier:
    try:
        return SubscriberTier(text)
    except ValueError:
        raise ConfError(f"--tier {text!r}: known: {', '.join(SubscriberTier)}") from None


def _tier_of(key: Key) -> SubscriberTier:
    return key.tier or SubscriberTier.PREMIUM


def _over(key: Key, now: dt.datetime) -> bool:
    return key.expires is not None and key.expires <= now


def _told(key: Key) -> str:
    end = f"until {_shown(key.expires)} UTC" if key.expires is not None else "without an end"
    return f"subscriber {key.name}, {_tier_of(key)}, {end}"


def _shown(at: dt.datetime | None) -> str:
    return "" if at is None else at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M")


def _address(address: str, host: str) -> str:
    return f"tcp://{host}:{address.rpartition(':')[2]}"


def _print(rows: Sequence[Struct], head: tuple[str, ...], *, json: bool) -> None:
    if json:
        out.print(msgspec.json.encode(rows).decode(), markup=False)
        return
    for line in aligned([head, *(tuple(map(str, msgspec.structs.astuple(row))) for row in rows)]):
        out.print(line, markup=False)
