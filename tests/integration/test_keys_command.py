"""`tapewire keys`, as an operator uses it before the first start and later: each command a process of its own."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tapewire.bus import keys
from tapewire.bus.errors import ConfError
from tapewire.bus.keys import Keys
from tests.integration.conftest import run

pytestmark = pytest.mark.slow

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run that was never started."""
    made = tmp_path / "run"
    made.mkdir()
    return made


@pytest.fixture
def command(folder: Path) -> Command:
    """`tapewire keys` for this run. Nothing that it prints is secret."""

    def keys_command(*arguments: object) -> subprocess.CompletedProcess[str]:
        done = run("keys", *arguments, "--run", folder)
        found = Keys(folder)
        secrets = [each.secret for each in (*found.all(), found.server)] + [each.phrase.decode() for each in found.all()]
        assert not [secret for secret in secrets if secret in done.stdout + done.stderr]
        return done

    return keys_command


def test_a_key_is_made_listed_given_away_and_revoked(command: Command, folder: Path, tmp_path: Path) -> None:
    """All without a daemon: the keys of a run exist before its first start."""
    made = command("new", "fks", "--role", "external")
    listed = json.loads(command("list", "--json").stdout)
    given = command("export", "fks", "--to", tmp_path)
    key = keys.find(folder, "fks")
    revoked = command("revoke", "fks")
    left = command("list")

    assert "tapewire keys export fks" in made.stdout
    assert {(each["name"], each["role"], each["public"]) for each in listed} == {
        *((each.name, each.role, each.public) for each in Keys(folder).all()),
        ("fks", "external", key.public),
    }
    assert given.stdout == f"wrote {tmp_path / 'fks.key'}\n"
    assert keys.parse(tmp_path / "fks.key") == key
    assert keys.server_of(tmp_path / "fks.key") == (Keys(folder).server.public, "127.0.0.1", 5550)
    assert stat.S_IMODE((tmp_path / "fks.key").stat().st_mode) == 0o600
    assert revoked.stdout == "revoked: fks\n"
    assert "fks" not in left.stdout
    assert left.returncode == 0


def test_the_bridge_gets_one_file_and_after_a_revocation_another(command: Command, folder: Path, tmp_path: Path) -> None:
    """Written again it is the same; the old one opens nothing after `revoke nt`."""
    file = tmp_path / "tapewire.key"
    files = []
    for revoke in (False, False, True):
        if revoke:
            assert command("revoke", "nt").returncode == 0
        assert command("bridge", "--to", tmp_path).stdout == f"wrote {file}\n"
        files.append(file.read_text())

    assert files[0] == files[1] != files[2]
    assert keys.parse(file) == keys.find(folder, "nt")


def test_a_broken_key_is_listed_with_its_remedy(command: Command, folder: Path) -> None:
    """Exit status 1, and its name can be revoked."""
    command("new", "anna", "--role", "reader")
    (folder / "keys" / "anna.key").chmod(0o644)

    listed = command("list")

    assert listed.returncode == 1
    (line,) = (line for line in listed.stdout.splitlines() if line.startswith("anna"))
    assert "broken" in line
    assert "chmod" in line
    assert command("revoke", "anna").returncode == 0
    assert command("list").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "complaints"),
    [
        (("new", "a b", "--role", "reader"), ["'a b'", "write 1 to 32"]),
        (("new", "gate", "--role", "reader"), ["'gate'", "choose another name"]),
        (("new", "anna", "--role", "gate"), ["'gate'", "external, operator, reader, subscriber"]),
        (("new", "anna", "--role", "reeder"), ["'reeder'", "external, operator, reader, subscriber"]),
        (("revoke", "gate"), ["'gate'", "the run's own programs use it"]),
        (("revoke", "oprator"), ["'oprator'", "did you mean 'operator'?"]),
        (("export", "oprator", "--to", "."), ["'oprator'", "did you mean 'operator'?"]),
        (("export", "gate", "--to", "."), ["speak as the gate", "tapewire keys new NAME --role reader", "add --daemon"]),
        (("export", "operator", "--to", "no/such/folder"), ["no/such/folder", "make it first"]),
        (("bridge", "--to", "no/such/folder"), ["no/such/folder", "make it first"]),
    ],
)
def test_a_wrong_argument_is_named_with_its_remedy(command: Command, arguments: tuple[str, ...], complaints: list[str]) -> None:
    """Exit status 78, one line, and no key is made or removed."""
    command("list")
    done = command(*arguments)

    assert done.returncode == ConfError.status
    assert all(word in done.stderr for word in complaints), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert len(json.loads(command("list", "--json").stdout)) == len(keys.OWN)


def test_a_daemons_key_is_given_away_when_plainly_asked(command: Command, folder: Path, tmp_path: Path) -> None:
    """For a daemon on another machine."""
    assert command("export", "gate", "--to", tmp_path, "--daemon").returncode == 0

    assert keys.parse(tmp_path / "gate.key") == keys.find(folder, "gate")


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    """No keys are written into a mistyped place."""
    done = run("keys", "list", "--run", tmp_path / "lve")

    assert done.returncode == ConfError.status
    assert "no such folder" in done.stderr
    assert not (tmp_path / "lve").exists()


@pytest.mark.parametrize("line", ["keys list", "keys token reader", "subscribers list", "anchor", "keys bridge --to ."])
def test_no_secrets_are_made_in_a_folder_that_is_no_runs(line: str, tmp_path: Path) -> None:
    """A mistaken --run, such as the working folder, made the keys of a run there, for whom they never open anything."""
    (tmp_path / "notes.txt").write_text("mine")

    done = run(*line.split(), "--run", tmp_path)

    assert done.returncode == ConfError.status
    assert f"--run {tmp_path} holds no run, so no keys are made there" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_may_be_made_and_keys_given_away_before_the_first_start(tmp_path: Path) -> None:
    done = run("keys", "list", "--run", tmp_path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "keys" / "server.key").exists()
