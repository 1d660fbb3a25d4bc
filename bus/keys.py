"""The keys of a run: one small file each in its folder `keys/`, mode 0600 in a folder of mode 0700.

A key is a name, a role and a CURVE key pair (RFC 26 of ZeroMQ; the encoding is Z85, RFC 32). Over tcp its owner proves that he has
the secret half. Inside the machine he shows a pass phrase that is derived from it: those sockets lie in a folder of the user's own,
and no byte of them leaves the kernel, so nothing has to be encrypted.

`server.key` is the daemons' own pair. Its public half tells a peer that it speaks to this run and no other.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import zmq
from msgspec import Struct

from tapewire.bus import disk, private
from tapewire.bus.errors import ConfError, suggest
from tapewire.bus.roles import DAEMONS, FOR_PEOPLE, VENUE, Role

FOLDER = "keys"
SUFFIX = ".key"
SERVER = "server"
BRIDGE_FILE = "tapewire.key"  # the name that the bridge looks for
NAME = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
OWN: Mapping[str, Role] = MappingProxyType(
    {**{role.value: role for role in sorted(DAEMONS)}, VENUE: Role.BRIDGE, "operator": Role.OPERATOR, "reader": Role.READER}
)
"""The keys that every run has, by name."""
PASSING = (errno.ENOENT, errno.EMFILE, errno.ENFILE)  # the file was revoked meanwhile, or none can be opened now
Stamp = tuple[tuple[str, int, int, int, int], ...]


class Key(Struct, frozen=True):
    """A key. public, secret: Z85, 40 characters each."""

    name: str
    role: Role
    public: str
    secret: str

    def __repr__(self) -> str:
        return f"Key({self.name}, {self.role}, {self.public})"

    @property
    def phrase(self) -> bytes:
        """What the owner shows inside the machine."""
        return hashlib.blake2b(self.secret.encode(), person=b"tapewire local").hexdigest().encode()


class Pair(Struct, frozen=True):
    """The daemons' own key pair, in Z85."""

    public: str
    secret: str

    def __repr__(self) -> str:
        return f"Pair({self.public})"


class Keys:
    """The keys in a run's folder. Changes of the folder show after `refresh`; one object may be read from several threads.

    stamp: changes with the folder. broken: why a file of the folder is no key, by its name. Such a key lets nobody in.

    Raises:
        ConfError: the daemons' own pair is missing or broken.
    """

    def __init__(self, run: Path) -> None:
        self.folder = run / FOLDER
        self.server = _pair(self.folder / f"{SERVER}{SUFFIX}")
        self.broken: Mapping[str, str] = {}
        self.stamp: Stamp | None = None
        self._by_name: Mapping[str, Key] = {}
        self._by_public: Mapping[str, Key] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Read the folder again if it has changed. Returns whether a key that stood there is gone."""
        try:
            stamp = _stamp(self.folder)
            if stamp == self.stamp:
                return False
            found, broken = read(self.folder)
        except OSError:  # no file can be opened now: the next call looks again
            return False
        self.stamp, self.broken = stamp, broken
        gone = not self._by_public.keys() <= {key.public for key in found}
        self._by_name = {key.name: key for key in found}
        self._by_public = {key.public: key for key in found}
        return gone

    def all(self) -> list[Key]:
        """Every key, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def named(self, name: str) -> Key | None:
        """The key with this name."""
        return self._by_name.get(name)

    def with_public(self, public: str) -> Key | None:
        """The key with this public half."""
        return self._by_public.get(public)


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


def new(run: Path, name: str, role: Role) -> Key:
    """Make a key for a person or a program.

    Raises:
        ConfError: the name is no name, is taken, or is one of a run's own; or the role is none for people.
    """
    if not NAME.match(name):
        raise ConfError(f"key {name!r}: write 1 to 32 of the characters A-Z a-z 0-9 _ -")
    if name in OWN or name == SERVER:
        raise ConfError(f"key {name!r}: every run has this key; choose another name")
    if role not in FOR_PEOPLE:
        raise ConfError(f"role {role.value!r}: a new key is for one of {', '.join(sorted(FOR_PEOPLE))}")
    return _make(run, name, role)


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
    if (key := keys.named(name)) is None:
        if name in keys.broken:
            raise ConfError(keys.broken[name])
        names = [each.name for each in keys.all()]
        raise ConfError(f"no key {name!r}{suggest(name, names)}; `tapewire keys list` shows all")
    return key


def export(run: Path, key: Key, path: Path, *, host: str, base_port: int) -> None:
    """Write the file that a key's owner needs to reach this run over tcp."""
    head = (
        f"# The key of {key.name} (role {key.role}) for tapewire. Whoever has this file can speak as {key.name}: keep it private.\n"
    )
    fields = {"name": key.name, "role": key.role.value, "public": key.public, "secret": key.secret}
    fields |= {"server": Keys(run).server.public, "host": host}
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
    return Key(_text(path, fields, "name"), role, _half(path, fields, "public"), _half(path, fields, "secret"))


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


def _make(run: Path, name: str, role: Role) -> Key:
    path = Keys(run).folder / f"{name}{SUFFIX}"
    if path.exists():
        raise ConfError(f"key {name!r} exists; revoke it first, or choose another name")
    _write(path, name, {"role": role})
    return parse(path)


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
            files = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    except FileNotFoundError:
        return ()
    return tuple(sorted((name, about.st_ino, about.st_mode, about.st_size, about.st_ctime_ns) for name, about in files))
