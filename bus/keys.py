"""The keys of a run: one small file each in its folder `keys/`, mode 0600 in a folder of mode 0700.

A key is a name, a role and a CURVE key pair (RFC 26 of ZeroMQ; the encoding is Z85, RFC 32). Over tcp its owner proves that he has
the secret half. Inside the machine he shows a pass phrase that is derived from it: those sockets lie in a folder of the user's own,
and no byte of them leaves the kernel, so nothing has to be encrypted.

`server.key` is the daemons' own pair. Its public half tells a peer that it speaks to this run and no other.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
import re
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import zmq
from msgspec import Struct

from tapewire.bus import disk, private, roles
from tapewire.bus.errors import ConfError, suggest
from tapewire.bus.roles import CLIENTS, DAEMONS, FOR_PEOPLE, TIERS, VENUE, Role, SubscriberTier

FOLDER = "keys"
SUFFIX = ".key"
SERVER = "server"
BRIDGE_FILE = "tapewire.key"  # the name that the bridge looks for
NAME = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
OWN: Mapping[str, Role] = MappingProxyType(
    {
        **{role.value: role for role in sorted(DAEMONS | CLIENTS)},
        VENUE: Role.BRIDGE,
        "operator": Role.OPERATOR,
        "reader": Role.READER,
    }
)
"""The keys that every run has, by name."""
PASSING = (errno.ENOENT, errno.EMFILE, errno.ENFILE)  # the file was revoked meanwhile, or none can be opened now
Stamp = dict[str, tuple[int, int, int, int]]


class Credential(Struct, frozen=True):
    """What the owner of a key shows inside the machine. phrase: see `Key.phrase`."""

    name: str
    phrase: bytes

    def __repr__(self) -> str:
        return f"Credential({self.name})"


class Key(Struct, frozen=True):
    """A key. public, secret: Z85, 40 characters each.

    tier: of a subscriber. expires: the first moment at which it lets nobody in, UTC; None for never.
    """

    name: str
    role: Role
    public: str
    secret: str
    tier: SubscriberTier | None = None
    expires: dt.datetime | None = None

    def __repr__(self) -> str:
        return f"Key({self.name}, {self.role}, {self.public})"

    def may_connect(self, port: str) -> bool:
        """Whether its owner may open a connection to a port."""
        if self.tier is not None and port not in TIERS[self.tier]:
            return False
        return roles.may_connect(self.role, port)

    @property
    def phrase(self) -> bytes:
        """What the owner shows inside the machine."""
        return hashlib.blake2b(self.secret.encode(), person=b"tapewire local").hexdigest().encode()

    @property
    def token(self) -> str:
        """Name and pass phrase as one word: what the owner shows over HTTP (`X-API-Key`)."""
        return f"{self.name}.{self.phrase.decode()}"


class Pair(Struct, frozen=True):
    """The daemons' own key pair, in Z85."""

    public: str
    secret: str

    def __repr__(self) -> str:
        return f"Pair({self.public})"


class Keys:
    """The keys in a run's folder. Changes of the folder show after `refresh`; one object may be read from several threads.

    version: rises with every change. broken: why a file of the folder is no key, by its name. Such a key lets nobody in, and
    neither does one that has expired.

    Args:
        now_s: the wall clock, seconds since 1970; keys expire by it.

    Raises:
        ConfError: the daemons' own pair is missing or broken.
    """

    def __init__(self, run: Path, now_s: Callable[[], float] = time.time) -> None:
        self.folder = run / FOLDER
        self.server = _pair(self.folder / f"{SERVER}{SUFFIX}")
        self.broken: Mapping[str, str] = {}
        self.version = 0
        self._now_s = now_s
        self._stamp: Stamp = {}
        self._all: Mapping[str, Key] = {}
        self._by_name: Mapping[str, Key] = {}
        self._by_public: Mapping[str, Key] = {}
        self._expired: Mapping[str, Key] = {}
        self._until_s = 0.0  # the first look reads the folder
        self.refresh()

    def refresh(self) -> frozenset[Key]:
        """Read the folder again if it has changed. Returns the keys that let somebody in until now, and do not any more."""
        now_s = self._now_s()
        try:
            stamp = _stamp(self.folder)
            if stamp == self._stamp and now_s < self._until_s:
                return frozenset()
            if stamp != self._stamp:
                found, self.broken = read(self.folder)
                self._all = {key.name: key for key in found}
        except OSError:  # no file can be opened now: the next call looks again
            return frozenset()
        ends = {key: key.expires.timestamp() for key in self._all.values() if key.expires is not None}
        valid = [key for key in self._all.values() if ends.get(key, now_s + 1) > now_s]
        gone = frozenset(key for public, key in self._by_public.items() if public not in {each.public for each in valid})
        self.version += 1
        self._by_name = {key.name: key for key in valid}
        self._by_public = {key.public: key for key in valid}
        self._expired = {key.public: key for key in self._all.values() if key not in valid}
        # Last: until then no key of before `stands`.
        self._stamp = stamp
        self._until_s = min((at_s for at_s in ends.values() if at_s > now_s), default=float("inf"))
        return gone

    def stands(self, key: Key) -> bool:
        """Whether a key that lets its owner in is still as it was read. One look at one file, however many there are."""
        try:
            about = _about((self.folder / f"{key.name}{SUFFIX}").lstat())
        except OSError:
            return False
        return about == self._stamp.get(f"{key.name}{SUFFIX}") and self._now_s() < self._until_s

    def all(self) -> list[Key]:
        """Every key, by name; those that have expired, too."""
        return [self._all[name] for name in sorted(self._all)]

    def named(self, name: str) -> Key | None:
        """The key with this name, unless it has expired."""
        return self._by_name.get(name)

    def with_public(self, public: str) -> Key | None:
        """The key with this public half, unless it has expired."""
        return self._by_public.get(public)

    def expired(self, public: str) -> Key | None:
        """The key with this public half, if it has expired."""
        return self._expired.get(public)


def make(run: Path) -> None:
    """Make the keys that every run has and this one lacks. Those that are there stay.

    Raises:
        ConfError: the folder cannot be made private.
    """
    folder = private.folder(run / FOLDER)
    if not (folder / f"{SERVER}{SUFFIX}").exists():
        _write(folder / f"{SERVER}{SUFFIX}", SERVER, {})
    for name, role in OWN.items():
        if not (folder / f"{name}{SUFFIX}").exists():
            _write(folder / f"{name}{SUFFIX}", name, {"role": role})


def new(run: Path, name: str, role: Role, *, tier: SubscriberTier | None = None, expires: dt.datetime | None = None) -> Key:
    """Make a key for a person or a program.

    Args:
        tier: of a subscriber, PREMIUM if it is not given. expires: from when on it lets nobody in.

    Raises:
        ConfError: the name is no name, is taken, or is one of a run's own; or the role is none for people.
    """
    if not NAME.match(name):
        raise ConfError(f"key {name!r}: write 1 to 32 of the characters A-Z a-z 0-9 _ -")
    if name in OWN or name == SERVER:
        raise ConfError(f"key {name!r}: every run has this key; choose another name")
    if role not in FOR_PEOPLE:
        raise ConfError(f"role {role.value!r}: a new key is for one of {', '.join(sorted(FOR_PEOPLE))}")
    if role is Role.SUBSCRIBER:
        return _make(run, name, role, tier=tier or SubscriberTier.PREMIUM, expires=expires)
    return _make(run, name, role)


def renew(run: Path, name: str, *, tier: SubscriberTier, expires: dt.datetime | None) -> Key:
    """Give a subscriber another tier or another end; the pair stays, and with it the file that he has.

    Raises:
        ConfError: there is no such key, or it is no subscriber's.
    """
    key = find(run, name)
    if key.role is not Role.SUBSCRIBER:
        raise ConfError(f"key {name!r} has the role {key.role.value}; only a subscriber's is renewed")
    fields = _fields(key.name, key.role, tier, expires) | {"public": key.public, "secret": key.secret}
    disk.replace(run / FOLDER / f"{name}{SUFFIX}", _lines(fields).encode())
    return find(run, name)


def bridge(run: Path) -> Key:
    """The key of NinjaTrader; a new one if the last was revoked."""
    found = Keys(run).named(VENUE)
    return found if found is not None else _make(run, VENUE, Role.BRIDGE)


def revoke(run: Path, name: str) -> None:
    """Remove a key. The daemons close the connections of its owner within two heartbeats.

    Raises:
        ConfError: there is no such key, or the run cannot be without it.
    """
    if name == SERVER or (name in OWN and name != VENUE):
        raise ConfError(f"key {name!r}: the run's own programs use it; to replace all keys, stop the run and remove {run / FOLDER}")
    if name not in Keys(run).broken:
        find(run, name)
    with disk.writing(path := run / FOLDER / f"{name}{SUFFIX}", "removed"):
        path.unlink()


def find(run: Path, name: str) -> Key:
    """The key with this name.

    Raises:
        ConfError: there is none.
    """
    keys = Keys(run)
    names = {each.name: each for each in keys.all()}
    if (key := names.get(name)) is None:
        if name in keys.broken:
            raise ConfError(keys.broken[name])
        raise ConfError(f"no key {name!r}{suggest(name, names)}; `tapewire keys list` shows all")
    return key


def export(run: Path, key: Key, path: Path, *, host: str, base_port: int, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write the file that a key's owner needs to reach this run over tcp. more: further fields for his own program."""
    head = (
        f"# The key of {key.name} (role {key.role}) for tapewire. Whoever has this file can speak as {key.name}: keep it private.\n"
    )
    fields = _fields(key.name, key.role, key.tier, key.expires) | {"public": key.public, "secret": key.secret}
    fields |= {"server": Keys(run).server.public, "host": host, **more}
    disk.replace(path, f"{head}{_lines(fields)}base_port = {base_port}\n".encode())


def read(folder: Path) -> tuple[list[Key], dict[str, str]]:
    """The keys of a folder but for the daemons' own pair, and why a file is none, by its name."""
    found, broken = [], {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.stem == SERVER:
            continue
        try:
            key = parse(path)
            if key.name != path.stem:
                raise ConfError(f"{path}: holds the key of {key.name!r}; name the file {key.name}{SUFFIX}")
            found.append(key)
        except FileNotFoundError:  # revoked meanwhile
            continue
        except ConfError as error:
            broken[path.stem] = str(error)
    return found, broken


def parse(path: Path) -> Key:
    """The key in a file: one of a run's folder, or an exported one.

    Raises:
        ConfError: it is no key file, or others may read it. The text names the field, never its value.
        FileNotFoundError: there is none.
    """
    fields = _load(path)
    try:
        role = Role(str(fields.get("role")))
    except ValueError:
        raise ConfError(f"{path}: role is none of those known: {', '.join(Role)}") from None
    name, public, secret = _text(path, fields, "name"), _half(path, fields, "public"), _half(path, fields, "secret")
    if role is not Role.SUBSCRIBER:
        return Key(name, role, public, secret)
    return Key(name, role, public, secret, _tier(path, fields), _expiry(path, fields))


def server_of(path: Path) -> tuple[str, str, int]:
    """Of an exported file: the daemons' public key, their host and base port.

    Raises:
        ConfError: a field is missing.
    """
    fields = _load(path)
    port = fields.get("base_port")
    if not isinstance(port, int):
        raise ConfError(f"{path}: base_port is missing; export the key again with `tapewire keys export`")
    return _half(path, fields, "server"), _text(path, fields, "host"), port


class FeedAddress(Struct, frozen=True):
    """What a subscriber's file says beside his key. stream, ask: addresses of his tier. signed_by: the public key of the feed."""

    stream: str
    ask: str
    signed_by: str


def feed_of(path: Path) -> FeedAddress:
    """Of a subscriber's exported file.

    Raises:
        ConfError: a field is missing.
    """
    fields = _load(path)
    for name in FeedAddress.__struct_fields__:
        if not isinstance(fields.get(name), str):
            raise ConfError(f"{path}: {name} is missing; only a file of `tapewire subscribers export` has it")
    return FeedAddress(*(str(fields[name]) for name in FeedAddress.__struct_fields__))


def _make(run: Path, name: str, role: Role, *, tier: SubscriberTier | None = None, expires: dt.datetime | None = None) -> Key:
    path = Keys(run).folder / f"{name}{SUFFIX}"
    if path.exists():
        raise ConfError(f"key {name!r} exists; revoke it first, or choose another name")
    _write(path, name, _fields(name, role, tier, expires))
    return parse(path)


def _fields(name: str, role: Role, tier: SubscriberTier | None, expires: dt.datetime | None) -> dict[str, str]:
    fields = {"name": name, "role": role.value}
    if tier is not None:
        fields["tier"] = tier.value
    if expires is not None:
        fields["expires"] = expires.astimezone(dt.UTC).isoformat()
    return fields


def _tier(path: Path, fields: Mapping[str, object]) -> SubscriberTier:
    try:
        return SubscriberTier(str(fields.get("tier", SubscriberTier.PREMIUM.value)))
    except ValueError:
        raise ConfError(f"{path}: tier is none of those known: {', '.join(SubscriberTier)}") from None


def _expiry(path: Path, fields: Mapping[str, object]) -> dt.datetime | None:
    text = fields.get("expires")
    if text is None:
        return None
    try:
        expires = dt.datetime.fromisoformat(str(text))
        expires.timestamp()
    except (ValueError, OverflowError):
        expires = None
    if expires is None or expires.tzinfo is None:
        raise ConfError(f'{path}: expires is no moment in UTC, such as "2027-01-31T00:00:00+00:00"')
    return expires


def _write(path: Path, name: str, more: Mapping[str, str]) -> None:
    public, secret = zmq.curve_keypair()
    fields = {"name": name, **more, "public": public.decode(), "secret": secret.decode()}
    disk.replace(path, _lines(fields).encode())


def _lines(fields: Mapping[str, str]) -> str:
    return "".join(f'{name} = "{value}"\n' for name, value in fields.items())


def _pair(path: Path) -> Pair:
    try:
        fields = _load(path)
    except FileNotFoundError:
        raise ConfError(f"{path} is missing; `tapewire up` makes a run's keys") from None
    return Pair(_half(path, fields, "public"), _half(path, fields, "secret"))


def _load(path: Path) -> dict[str, object]:
    try:
        data = path.read_bytes()
        if path.stat().st_mode & private.MASK and not private.on_windows(path, private.MOUNTS.read_text("utf-8")):
            raise ConfError(f"{path}: {private.reason(path)}; {private.remedy(path)}")
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfError(f"{path} is no key file; replace it (`tapewire keys export`)") from None
    except OSError as error:
        if error.errno in PASSING:
            raise
        raise ConfError(f"{path} cannot be read ({error.strerror}); replace it (`tapewire keys export`)") from None


def _text(path: Path, fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise ConfError(f"{path}: {name} is missing; replace the file (`tapewire keys export`)")
    return value


def _half(path: Path, fields: Mapping[str, object], name: str) -> str:
    value = _text(path, fields, name)
    if not is_half(value):
        raise ConfError(f"{path}: {name} is no key of 40 characters (Z85); replace the file (`tapewire keys export`)")
    return value


_Z85 = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#")


def is_half(text: str) -> bool:
    """Whether a text can be half of a CURVE key pair in Z85."""
    return len(text) == 40 and _Z85.issuperset(text)


def _stamp(folder: Path) -> Stamp:
    """Of every file what a change of it changes. The folder's time is not enough: it stands still for some milliseconds."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: _about(entry.stat(follow_symlinks=False)) for entry in entries}
    except FileNotFoundError:
        return {}


def _about(file: os.stat_result) -> tuple[int, int, int, int]:
    return file.st_ino, file.st_mode, file.st_size, file.st_ctime_ns
