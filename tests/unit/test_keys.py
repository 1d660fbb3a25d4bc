"""The keys of a run: made once, private, given away and revoked one by one; a file that is no key lets nobody in."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tapewire.bus import access, keys
from tapewire.bus.errors import ConfError
from tapewire.bus.keys import Keys
from tapewire.bus.roles import Role, SubscriberTier
from tapewire.daemons.settings.structs import PORTS

DAEMONS = {"broker", "daybook", "tracker", "evaluator", "gate", "publisher", "logger"}
CLIENTS = {"api", "alerts"}
OWN = {*DAEMONS, *CLIENTS, "nt", "operator", "reader"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with the keys that every run has."""
    keys.make(tmp_path)
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def contents(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "keys").iterdir()}


# --- made -----------------------------------------------------------------------------------------------------------------------


def test_a_run_has_a_key_for_each_daemon_the_bridge_and_two_people(run: Path) -> None:
    """And the daemons' own pair. Each name has the role that goes with it, and each key its own two halves."""
    found = Keys(run)

    assert {key.name: key.role for key in found.all()} == {
        **{name: Role(name) for name in DAEMONS | CLIENTS},
        "nt": Role.BRIDGE,
        "operator": Role.OPERATOR,
        "reader": Role.READER,
    }
    assert len({half for key in (*found.all(), found.server) for half in (key.public, key.secret)}) == 2 * (len(OWN) + 1)


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_key_files_are_private_whatever_the_mask(mask: int, tmp_path: Path) -> None:
    """The folder 0700, every file 0600, an exported one as well; an open folder of an earlier start is closed."""
    (tmp_path / "keys").mkdir(mode=0o755)
    (tmp_path / "keys").chmod(0o755)
    before = os.umask(mask)
    try:
        keys.make(tmp_path)
        keys.export(tmp_path, keys.new(tmp_path, "anna", Role.READER), tmp_path / "anna.key", host="h", base_port=1)
    finally:
        os.umask(before)

    assert mode(tmp_path / "keys") == 0o700
    assert {mode(path) for path in (*(tmp_path / "keys").iterdir(), tmp_path / "anna.key")} == {0o600}


def test_the_keys_of_a_run_stay(run: Path) -> None:
    """A second start changes no byte."""
    before = contents(run)

    keys.make(run)

    assert contents(run) == before


def test_a_missing_key_is_made_and_the_others_stay(run: Path) -> None:
    """The operator may replace one by removing its file."""
    before = contents(run)
    (run / "keys" / "gate.key").unlink()

    keys.make(run)

    after = contents(run)
    assert {name for name in before if before[name] != after[name]} == {"gate.key"}


def test_a_file_is_written_in_one_step(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A death on the way leaves the old file as it was, and what was written so far is no key."""
    path = run / "anna.key"
    keys.export(run, keys.new(run, "anna", Role.READER), path, host="h", base_port=1)
    before = path.read_bytes()

    def dies(self: Path, target: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            keys.export(run, keys.find(run, "gate"), path, host="h", base_port=1)
        with pytest.raises(KeyboardInterrupt):
            keys.new(run, "paul", Role.READER)

    assert path.read_bytes() == before
    assert Keys(run).named("paul") is None
    assert not Keys(run).broken


def test_what_a_death_left_gives_nobody_access(run: Path, tmp_path: Path) -> None:
    """The unfinished file of an earlier process with our id, which everybody can read, is not used for the new one."""
    left = tmp_path / f".anna.key.{os.getpid()}.unfinished"
    left.write_text("left")
    left.chmod(0o666)

    keys.export(run, keys.new(run, "anna", Role.READER), tmp_path / "anna.key", host="h", base_port=1)

    assert mode(tmp_path / "anna.key") == 0o600
    assert not left.exists()


# --- for people and programs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["operator", "reader", "external", "subscriber"])
def test_a_new_key_is_one_of_the_run(role: str, run: Path) -> None:
    """Its file is the key that was returned."""
    made = keys.new(run, "Anna_2-b", Role(role))

    assert made == keys.find(run, "Anna_2-b") == keys.parse(run / "keys" / "Anna_2-b.key")
    assert made.role == role


@pytest.mark.parametrize("name", ["", " ", "a b", "a.b", "a/b", "../a", ".", "é", "a\n", "a" * 33, "nul\0", "*"])
def test_a_name_that_is_no_name_is_refused(name: str, run: Path) -> None:
    """Names become file names and the ends of topics."""
    before = contents(run)

    with pytest.raises(ConfError, match="write 1 to 32 of the characters"):
        keys.new(run, name, Role.READER)

    assert contents(run) == before


@pytest.mark.parametrize("name", sorted({*OWN, "server"}))
def test_a_name_of_the_run_itself_is_refused(name: str, run: Path) -> None:
    """Nobody else is called as a daemon is, also after the bridge's key was revoked."""
    keys.revoke(run, "nt")

    with pytest.raises(ConfError, match="choose another name"):
        keys.new(run, name, Role.READER)


def test_a_name_is_given_once(run: Path) -> None:
    """A second key of the same name would lock the first owner out. After a revocation the name is free, and the key another."""
    first = keys.new(run, "anna", Role.READER)
    with pytest.raises(ConfError, match="revoke it first"):
        keys.new(run, "anna", Role.OPERATOR)
    assert keys.find(run, "anna") == first

    keys.revoke(run, "anna")
    second = keys.new(run, "anna", Role.OPERATOR)

    assert not {first.public, first.secret} & {second.public, second.secret}


@pytest.mark.parametrize("role", sorted({*DAEMONS, *CLIENTS, "bridge"}))
def test_a_role_of_a_process_is_given_to_nobody_else(role: str, run: Path) -> None:
    """What a daemon may do, only the daemon's own key may."""
    with pytest.raises(ConfError, match="a new key is for one of external, operator, reader, subscriber"):
        keys.new(run, "anna", Role(role))


def test_a_revoked_key_is_gone_and_the_others_stay(run: Path) -> None:
    """`refresh` says so once."""
    anna, paul = (keys.new(run, name, Role.READER) for name in ("anna", "paul"))
    found = Keys(run)

    keys.revoke(run, "anna")

    assert [found.refresh(), found.refresh()] == [{anna}, frozenset()]
    assert found.named("anna") is found.with_public(anna.public) is None
    assert found.named("paul") == found.with_public(paul.public) == paul


@pytest.mark.parametrize("name", sorted({*OWN, "server"} - {"nt"}))
def test_a_run_keeps_its_own_keys(name: str, run: Path) -> None:
    """Without one of them it could not start, or nobody could stop it."""
    with pytest.raises(ConfError, match="the run's own programs use it"):
        keys.revoke(run, name)

    assert (run / "keys" / f"{name}.key").exists()


@pytest.mark.parametrize("name", ["ana", "../anna", "anna.key", ""])
def test_only_a_key_is_revoked(name: str, run: Path) -> None:
    """Another name removes no file."""
    keys.new(run, "anna", Role.READER)
    (run / "anna.key").write_text("a file beside the keys")
    before = contents(run)

    with pytest.raises(ConfError, match="no key"):
        keys.revoke(run, name)

    assert contents(run) == before
    assert (run / "anna.key").exists()


def test_a_key_that_others_can_read_can_be_revoked(run: Path) -> None:
    """It lets nobody in, and that is when an operator wants it gone."""
    keys.new(run, "anna", Role.READER)
    (run / "keys" / "anna.key").chmod(0o644)

    keys.revoke(run, "anna")

    assert Keys(run).broken == {}
    assert not (run / "keys" / "anna.key").exists()


def test_the_bridge_keeps_its_key_until_it_is_revoked(run: Path) -> None:
    """`keys bridge` may be repeated; only after a revocation NinjaTrader's folder needs the file again."""
    first = keys.bridge(run)
    assert keys.bridge(run) == first == keys.find(run, "nt")

    keys.revoke(run, "nt")
    second = keys.bridge(run)

    assert (second.name, second.role) == ("nt", Role.BRIDGE)
    assert second.public != first.public


def test_an_exported_file_has_all_that_its_owner_needs(run: Path, tmp_path: Path) -> None:
    """The key, the daemons' public key, host and base port; a second export replaces the file."""
    path = tmp_path / "out.key"
    key = keys.new(run, "anna", Role.READER)
    keys.export(run, keys.find(run, "gate"), path, host="127.0.0.1", base_port=5550)

    keys.export(run, key, path, host="10.0.0.7", base_port=6000)

    assert keys.parse(path) == key
    assert keys.server_of(path) == (Keys(run).server.public, "10.0.0.7", 6000)
    assert Keys(run).server.secret not in path.read_text()
    gate = access.remote(path, PORTS.__getitem__).to("gate")
    assert (gate.address, gate.key, gate.server) == ("tcp://10.0.0.7:6012", key, Keys(run).server.public)
    assert access.remote(path, PORTS.__getitem__, host="trader").to("history").address == "tcp://trader:6014"


# --- files that are no keys -----------------------------------------------------------------------------------------------------


def replaced(old: str, new: str) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        path.write_text("".join(new if line.startswith(old) else line for line in path.read_text().splitlines(keepends=True)))

    return harm


def emptied(path: Path) -> None:
    path.write_text("")


def torn(path: Path) -> None:
    """The end is missing, within the secret."""
    path.write_bytes(path.read_bytes()[:-20])


def binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00 name = 1")


def prose(path: Path) -> None:
    path.write_text("this is the key of Anna")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


def a_circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def open_to(bits: int) -> Callable[[Path], None]:
    return lambda path: path.chmod(bits)


HARMS: list[tuple[Callable[[Path], None], str]] = [
    (emptied, "role"),
    (torn, "is no key file"),
    (binary, "is no key file"),
    (prose, "is no key file"),
    (a_folder, "directory"),
    (a_circle, "symbolic links"),
    (replaced("role", ""), "role"),
    (replaced("role", 'role = "admin"\n'), "known: broker, tracker"),
    (replaced("role", "role = 7\n"), "known: broker, tracker"),
    (replaced("name", ""), "name is missing"),
    (replaced("name", 'name = "gate"\n'), "holds the key of 'gate'"),
    (replaced("public", 'public = "short"\n'), "public is no key of 40 characters"),
    (replaced("public", ""), "public is missing"),
    (replaced("secret", "secret = 12\n"), "secret is missing"),
    (replaced("secret", f'secret = "{"~" * 40}"\n'), "secret is no key of 40 characters"),
    (open_to(0o640), "others can access it (mode 0640); run `chmod"),
    (open_to(0o604), "others can access it (mode 0604); run `chmod"),
    (open_to(0o620), "others can access it (mode 0620); run `chmod"),
]


@pytest.mark.parametrize(("harm", "why"), HARMS, ids=[f"{number} {why}" for number, (_, why) in enumerate(HARMS)])
def test_a_broken_file_is_reported_and_lets_nobody_in(harm: Callable[[Path], None], why: str, run: Path) -> None:
    """The others stay. The report names the file and what to do, and not what stands in it."""
    key = keys.new(run, "anna", Role.READER)
    found = Keys(run)
    path = run / "keys" / "anna.key"
    harm(path)

    assert found.refresh()
    for each in (found, Keys(run)):
        assert each.named("anna") is each.with_public(key.public) is None
        assert {other.name for other in each.all()} == OWN
        assert set(each.broken) == {"anna"}
        assert str(path) in each.broken["anna"]
        assert why in each.broken["anna"]
        assert key.secret not in each.broken["anna"]
    with pytest.raises(ConfError, match=r"anna\.key"):
        keys.find(run, "anna")


@pytest.mark.parametrize("harm", [emptied, torn, binary, prose, a_folder, a_circle, Path.unlink, open_to(0o644)])
def test_without_the_daemons_own_pair_nothing_starts(harm: Callable[[Path], None], run: Path) -> None:
    """The text names the file."""
    harm(run / "keys" / "server.key")

    with pytest.raises(ConfError, match=r"server\.key"):
        Keys(run)


def test_without_the_folder_every_key_is_gone(run: Path) -> None:
    """Removed under a running daemon: nobody comes in any more, and nothing raises."""
    found = Keys(run)
    for path in (run / "keys").iterdir():
        path.unlink()
    (run / "keys").rmdir()

    assert found.refresh()
    assert found.all() == []


@pytest.mark.parametrize("shown", ["name", "role", "public", "secret", "server", "host"])
def test_an_error_text_shows_no_secret(shown: str, run: Path, tmp_path: Path) -> None:
    """A secret half that was pasted into the wrong line of an exported file stays there."""
    key = keys.new(run, "anna", Role.READER)
    path = tmp_path / "anna.key"
    keys.export(run, key, path, host="h", base_port=1)
    replaced(shown, f'{shown} = "{key.secret}{"" if shown in ("name", "role", "host") else "!"}"\n')(path)
    replaced("base_port", "")(path)
    texts = []
    for look in (keys.parse, keys.server_of):
        try:
            look(path)
        except ConfError as error:
            texts.append(str(error))

    assert texts
    assert not [text for text in texts if key.secret in text]


def test_no_text_of_a_key_shows_its_secret(run: Path) -> None:
    """Neither repr nor str, alone or inside of what holds it, nor its pass phrase."""
    found = Keys(run)
    line = access.Line("ipc:///x", keys.find(run, "gate"))
    secrets = {each.secret for each in (*found.all(), found.server)}

    shown = " ".join(f"{each!r} {each!s} {[each]}" for each in (*found.all(), found.server, found, line, access.Access))

    assert not [secret for secret in secrets if secret in shown or secret in line.key.phrase.decode()]
    assert all(key.phrase.decode() not in shown for key in found.all())


# --- changes --------------------------------------------------------------------------------------------------------------------


def at_once(run: Path, change: Callable[[], object]) -> None:
    """A change within the tick of the file system's clock in which the folder was read last."""
    before = (run / "keys").stat().st_mtime_ns
    change()
    os.utime(run / "keys", ns=(before, before))


def test_a_change_at_once_after_the_last_is_noticed(run: Path) -> None:
    """A file system's clock stands still for milliseconds; two changes in one of them have one time."""
    found = Keys(run)
    at_once(run, lambda: keys.new(run, "anna", Role.READER))
    assert not found.refresh()
    assert found.named("anna") is not None

    at_once(run, lambda: keys.revoke(run, "anna"))

    assert found.refresh()
    assert found.named("anna") is None


def test_a_file_that_becomes_readable_is_noticed(run: Path) -> None:
    """`chmod` leaves the folder's time as it is."""
    keys.new(run, "anna", Role.READER)
    found = Keys(run)

    (run / "keys" / "anna.key").chmod(0o644)

    assert found.refresh()
    assert set(found.broken) == {"anna"}


def test_a_file_that_is_written_in_place_is_noticed(run: Path) -> None:
    """As an editor may do: the old key is gone, and the new one is there."""
    old = keys.new(run, "anna", Role.READER)
    found = Keys(run)
    other = keys.new(run, "paul", Role.READER)
    keys.revoke(run, "paul")
    path = run / "keys" / "anna.key"

    path.write_text(path.read_text().replace(old.public, other.public).replace(old.secret, other.secret))

    assert found.refresh()
    assert found.with_public(old.public) is None
    assert found.named("anna") == found.with_public(other.public)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: keys.revoke(run, "anna"),
        lambda run: keys.renew(run, "anna", tier=SubscriberTier.FREE, expires=None),
        lambda run: (run / "keys" / "anna.key").chmod(0o644),
        lambda run: (run / "keys" / "anna.key").write_text("no key"),
        lambda run: shutil.rmtree(run / "keys"),
    ],
    ids=["revoked", "renewed", "readable by others", "overwritten", "the folder removed"],
)
def test_a_key_stands_until_its_own_file_changes(change: Callable[[Path], object], run: Path) -> None:
    """One look at one file tells; what happens to another key changes nothing."""
    anna = keys.new(run, "anna", Role.SUBSCRIBER, tier=SubscriberTier.PREMIUM)
    found = Keys(run)
    keys.new(run, "paul", Role.READER)
    assert found.stands(anna)

    change(run)

    assert not found.stands(anna)


def test_a_key_that_expires_stands_until_then(run: Path) -> None:
    """To the moment, without a change of any file."""
    end = dt.datetime(2027, 1, 31, tzinfo=dt.UTC)
    clock = [end.timestamp() - 1]
    anna = keys.new(run, "anna", Role.SUBSCRIBER, expires=end)
    found = Keys(run, lambda: clock[0])
    assert found.stands(anna)

    clock[0] = end.timestamp()

    assert not found.stands(anna)
    assert found.refresh() == {anna}
    assert found.expired(anna.public) == anna


def test_a_pass_phrase_belongs_to_one_key_and_does_not_show_its_secret(run: Path) -> None:
    """Two runs have different keys, so what is shown to one opens nothing at another."""
    phrases = {key.phrase for key in Keys(run).all()}

    assert len(phrases) == len(OWN)
    assert all(key.phrase == keys.find(run, key.name).phrase for key in Keys(run).all())


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("a" * 40, True),
        ("a" * 39, False),
        ("a" * 41, False),
        ("~" * 40, False),
        ("a" * 39 + "\n", False),
        ("é" * 40, False),
        ("", False),
    ],
)
def test_half_a_key_is_forty_characters_of_z85(text: str, is_one: bool) -> None:
    """Anything else would be an error of libzmq later."""
    assert keys.is_half(text) is is_one
